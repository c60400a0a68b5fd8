"""Charts of what was spent, as PNG: the same card reads on Discord's dark and light pages.

They are drawn in a thread, with Pillow and the faces that are installed anyway: two charts need no
library of plots. Pillow is loaded with the first of them.
"""

import asyncio
import io
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from storage import Use

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

log = logging.getLogger(__name__)

WIDTH, DPI = 8.0, 125  #: inches, and dots an inch: 1000 pixels
#: Points. A telephone shows the picture 390 pixels wide: the letters have to bear that.
HEAD, SMALL = 20, 16.5
#: Inches: a title with air, a row of the legend, the columns, the dates, a bar, the right edge.
TITLE, ROW, COLUMNS, FOOT, BAR, EDGE = 0.68, 0.36, 3.0, 0.58, 0.52, 0.25
LEFT, NAMES = 1.15, 3.1  #: inches left of the columns and of the bars: for numbers, for names
CARD, INK, FAINT, RULE = "#23262e", "#eef0f4", "#a9b0bd", "#3b404b"
#: Apart in lightness too, for those who see few colours; the first is the bot's own.
COLOURS = ("#6f9bff", "#ffb454", "#63d0a4", "#f07f9c", "#b89cf5", "#d8dde6", "#8a919e")
MAKERS = 6  #: models with a colour of their own; the rest are "other"
PEOPLE = 8  #: bars of a report
LEGEND = 2  #: names beside each other
DATES = 6  #: dates below the columns
LINES = 4  #: lines behind the columns, at most
MARGIN = 0.25  #: inches: where titles and the legend begin
BARS = 62  #: columns that are told apart: longer spans are shown by week


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Stacked columns: where each stands, and per model how high."""

    days: list[date]  #: the first day that each column covers
    stacks: dict[str, list[int]]
    width: int  #: days a column covers


async def report(
    uses: Sequence[Use], first: date, last: date, *, names: Mapping[int | None, Sequence[str]]
) -> bytes | None:
    """Credits by day and model above, by person below; None if it could not be drawn.

    *names* are those each person goes by, the best first: the first that the font can draw is
    shown (the last one, an account's own name, is always of plain letters).
    """
    people: dict[int | None, int] = defaultdict(int)
    for each in uses:
        people[each.user_id] += each.spent + each.held
    ranked = sorted(people.items(), key=lambda each: -each[1])[:PEOPLE]
    bars = [(names.get(who, ()), amount) for who, amount in ranked]
    return await _drawing(uses, first, last, bars)


async def own(uses: Sequence[Use], first: date, last: date) -> bytes | None:
    """One person's credits by day and model; None as in `report`."""
    return await _drawing(uses, first, last, [])


async def _drawing(
    uses: Sequence[Use], first: date, last: date, bars: Sequence[tuple[Sequence[str], int]]
) -> bytes | None:
    try:
        return await asyncio.to_thread(_picture, _columns(uses, first, last), bars)
    except Exception:  # a boundary: the figures are worth more than their picture
        log.exception("A chart could not be drawn")
        return None


def _picture(columns: _Columns, bars: Sequence[tuple[Sequence[str], int]]) -> bytes:
    from PIL import Image, ImageDraw

    above = TITLE + ROW * -(-len(columns.stacks) // LEGEND)
    people = len(bars) * BAR + 1.4 * TITLE if bars else 0.0
    height = above + COLUMNS + FOOT + people
    picture = Image.new("RGBA", (_px(WIDTH), _px(height)), CARD)
    draw = ImageDraw.Draw(picture)
    _draw_columns(draw, columns, top=_px(above))
    if bars:
        _draw_bars(draw, bars, top=_px(above + COLUMNS + FOOT))
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def _px(inches: float) -> int:
    return round(inches * DPI)


def _draw_columns(draw: "ImageDraw", columns: _Columns, *, top: int) -> None:
    each = "a day" if columns.width == 1 else f"each {columns.width} days"
    _write(draw, f"Credits {each}", x=_px(MARGIN), middle=_px(0.6 * TITLE), size=HEAD, bold=True)
    _draw_legend(draw, list(columns.stacks), top=_px(TITLE))
    left, right, bottom = _px(LEFT), _px(WIDTH - EDGE), top + _px(COLUMNS)
    heights = list(zip(*columns.stacks.values(), strict=True)) or [()] * len(columns.days)
    most = 1.08 * max(1, *map(sum, heights))
    scale, slot = (bottom - top) / most, (right - left) / (len(columns.days) + 0.2)
    for line in _lines(most):
        level = round(bottom - line * scale)
        draw.line((left, level, right, level), fill=RULE)
        _write(draw, f"{line:,}", x=left - _px(0.1), middle=level, fill=FAINT, align=1.0)
    for day, amounts in enumerate(heights):
        centre, floor = left + (day + 0.6) * slot, 0
        for colour, amount in zip(COLOURS, amounts, strict=False):
            if amount:
                high, half = bottom - (floor + amount) * scale, max(0.5, 0.41 * slot)
                low = max(high, bottom - floor * scale - 1)  # a pixel at least
                draw.rectangle((centre - half, high, centre + half - 1, low), fill=colour)
            floor += amount
    for day in range(0, len(columns.days), max(1, -(-len(columns.days) // DATES))):
        if day < 0.95 * len(columns.days):  # one right at the end would be cut off by the edge
            date_, where = columns.days[day], left + (day + 0.6) * slot
            words = f"{date_:%b} {date_.day}"
            _write(draw, words, x=where, middle=bottom + _px(0.27), fill=FAINT, align=0.5)
    if not columns.stacks:
        words, middle = "Nothing was spent", (top + bottom) // 2
        _write(draw, words, x=(left + right) / 2, middle=middle, fill=FAINT, align=0.5)


def _draw_legend(draw: "ImageDraw", makers: Sequence[str], *, top: int) -> None:
    """Name the *makers*, `LEGEND` beside each other, each behind its colour."""
    wide, box = _px((WIDTH - 2 * MARGIN) / LEGEND), _px(0.2)
    for place, (colour, maker) in enumerate(zip(COLOURS, makers, strict=False)):
        left = _px(MARGIN) + place % LEGEND * wide
        middle = top + _px(ROW * (place // LEGEND + 0.5))
        draw.rectangle((left, middle - box // 2, left + box, middle + box // 2), fill=colour)
        begins = left + box + _px(0.1)
        _write(draw, _labelled(maker), x=begins, middle=middle, room=left + wide - begins)


def _draw_bars(draw: "ImageDraw", bars: Sequence[tuple[Sequence[str], int]], *, top: int) -> None:
    middle = top + _px(0.6 * TITLE)
    _write(draw, "Credits by person", x=_px(MARGIN), middle=middle, size=HEAD, bold=True)
    left, right = _px(NAMES), _px(WIDTH - EDGE)
    most = 1.35 * max(1, *(amount for _, amount in bars))
    for place, (names, amount) in enumerate(bars):
        middle = top + _px(TITLE + (place + 0.5) * BAR)
        end, half = left + (right - left) * amount / most, _px(0.31 * BAR)
        draw.rectangle((left, middle - half, end, middle + half), fill=COLOURS[0])
        ends = left - _px(0.1)
        room = ends - _px(MARGIN)
        _write(draw, _drawn(names), x=ends, middle=middle, align=1.0, room=room)
        _write(draw, f"{amount:,}", x=end + _px(0.1), middle=middle)


def _write(
    draw: "ImageDraw",
    words: str,
    *,
    x: float,
    middle: int,
    size: float = SMALL,
    bold: bool = False,
    fill: str = INK,
    align: float = 0.0,
    room: float | None = None,
) -> None:
    """Write *words* in one line about *middle*; what has no *room* gives way to an ellipsis."""
    from bot.media.typeset import draw_line, line_width

    pixels, weight = round(size * DPI / 72), 700 if bold else 400
    line = words
    while room is not None and line.strip("…") and line_width(line, pixels, weight) > room:
        line = f"{line.rstrip('…')[:-1].rstrip()}…"
    baseline = middle + round(0.36 * pixels)  # half of a capital letter
    draw_line(
        draw, line, x=x, baseline=baseline, size=pixels, weight=weight, fill=fill, align=align
    )


def _lines(most: float) -> list[int]:
    """Whole and round numbers from 0 to *most*, not more than `LINES` above 0."""
    step = 1
    while most / step > LINES:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return list(range(0, int(most) + 1, step))


def _columns(uses: Sequence[Use], first: date, last: date) -> _Columns:
    days = (last - first).days + 1
    width = 1 if days <= BARS else 7 if days <= 7 * BARS else 30
    starts = [first + timedelta(at) for at in range(0, days, width)]
    totals: dict[str, int] = defaultdict(int)
    for each in uses:
        totals[f"{each.provider} · {each.model}"] += each.spent + each.held
    paid = sorted((name for name, sum_ in totals.items() if sum_), key=lambda name: -totals[name])
    kept = paid[:MAKERS]
    stacks = {name: [0] * len(starts) for name in [*kept, *(["other"] if paid[MAKERS:] else [])]}
    for each in uses:
        name = f"{each.provider} · {each.model}"
        if each.spent + each.held:
            column = (each.day - first).days // width
            stacks[name if name in kept else "other"][column] += each.spent + each.held
    return _Columns(days=starts, stacks=stacks, width=width)


def _labelled(name: str) -> str:
    """A name for the legend, with a question mark for each letter that no face has a shape of."""
    from bot.media.typeset import cleaned, drawable

    return "".join(each if drawable(each) else "?" for each in cleaned(name).replace("\n", " "))


def _drawn(names: Sequence[str]) -> str:
    """The first name that all shapes are there for."""
    from bot.media.typeset import cleaned, drawable

    lines = (cleaned(name).replace("\n", " ").strip() for name in names)
    return next((line for line in lines if line and all(map(drawable, line))), "somebody")
