"""Charts of what was spent, as PNG: the same card reads on Discord's dark and light pages.

They are drawn in a thread, on a canvas of their own: matplotlib's `pyplot` keeps global state
and is not used. matplotlib itself is loaded with the first chart, so that a bot starts without
the half second and the memory that it takes.
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
    from matplotlib.axes import Axes

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
LONGEST = 18  #: characters of a name
MAKER = 27  #: characters of a model's name
DATES = 6  #: dates below the columns
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
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    mpl.rcParams["text.parse_math"] = False  # a name like $$ is a name
    legend = ROW * -(-len(columns.stacks) // LEGEND)
    people = len(bars) * BAR + 1.4 * TITLE if bars else 0.0
    height = TITLE + legend + COLUMNS + FOOT + people
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor=CARD)
    FigureCanvasAgg(figure)

    def axes(left: float, bottom: float, tall: float) -> "Axes":
        width = WIDTH - left - EDGE
        return figure.add_axes((left / WIDTH, bottom / height, width / WIDTH, tall / height))

    _draw_columns(axes(LEFT, people + FOOT, COLUMNS), columns, above=legend)
    if bars:
        named = [(_drawn(each), amount) for each, amount in bars]
        _draw_bars(axes(NAMES, 0.4 * TITLE, len(bars) * BAR), named)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", facecolor=CARD)
    return picture.getvalue()


def _draw_columns(axes: "Axes", columns: _Columns, *, above: float) -> None:
    from matplotlib.ticker import MaxNLocator

    places = range(len(columns.days))
    floor = [0] * len(columns.days)
    for colour, (maker, heights) in zip(COLOURS, columns.stacks.items(), strict=False):
        axes.bar(places, heights, bottom=floor, color=colour, width=0.82, label=_labelled(maker))
        floor = [below + height for below, height in zip(floor, heights, strict=True)]
    each = "a day" if columns.width == 1 else f"each {columns.width} days"
    _dress(axes, f"Credits {each}", pad=9 + 72 * above)
    step = max(1, -(-len(columns.days) // DATES))
    axes.tick_params(axis="x", pad=10)
    # A date right at the end would be cut off by the edge.
    dates = [at for at in places[::step] if at < 0.95 * len(places)]
    axes.set_xticks(dates)
    axes.set_xticklabels([f"{columns.days[at].day} {columns.days[at]:%b}" for at in dates])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_ylim(0, max([*floor, 1]) * 1.08)
    axes.set_xlim(-0.6, len(columns.days) - 0.4)
    if columns.stacks:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=((0.25 - LEFT) / (WIDTH - LEFT - EDGE), 1.0),
            ncols=LEGEND,
            frameon=False,
            labelcolor=INK,
            fontsize=SMALL,
            handlelength=1.0,
            handletextpad=0.5,
            columnspacing=1.2,
            borderpad=0.2,
            labelspacing=0.35,
        )
    else:
        axes.text(
            *(0.5, 0.5, "Nothing was spent"),
            color=FAINT,
            ha="center",
            fontsize=SMALL,
            transform=axes.transAxes,
        )


def _draw_bars(axes: "Axes", bars: Sequence[tuple[str, int]]) -> None:
    places = range(len(bars), 0, -1)
    amounts = [amount for _, amount in bars]
    axes.barh(list(places), amounts, color=COLOURS[0], height=0.62)
    _dress(axes, "Credits by person")
    axes.set_yticks(list(places))
    axes.set_yticklabels([name for name, _ in bars], color=INK)
    axes.set_xticks([])
    most = max([*amounts, 1])
    axes.set_xlim(0, most * 1.35)
    for place, amount in zip(places, amounts, strict=True):
        axes.text(
            *(amount + most * 0.02, place, f"{amount:,}"), color=INK, va="center", fontsize=SMALL
        )


def _dress(axes: "Axes", title: str, *, pad: float = 8.0) -> None:
    axes.set_facecolor(CARD)
    axes.set_axisbelow(True)
    # At the picture's own left edge, wherever the axes begin.
    left = axes.get_position().x0 * WIDTH
    edge = (0.25 - left) / (WIDTH - left - EDGE)
    axes.set_title(title, x=edge, color=INK, loc="left", fontsize=HEAD, fontweight="bold", pad=pad)
    axes.tick_params(colors=FAINT, length=0, labelsize=SMALL)
    for spine in axes.spines.values():
        spine.set_visible(False)


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


def _shapes() -> Mapping[int, int]:
    from matplotlib.font_manager import findfont, get_font

    shapes: Mapping[int, int] = get_font(findfont("DejaVu Sans")).get_charmap()
    return shapes


def _labelled(name: str) -> str:
    """A name for the legend, with a question mark for each letter that the font has no shape of."""
    shapes = _shapes()
    drawn = "".join(each if ord(each) in shapes else "?" for each in name)
    # matplotlib leaves out of a legend what begins with an underscore.
    return _cut(f" {drawn}" if drawn.startswith("_") else drawn, MAKER)


def _drawn(names: Sequence[str]) -> str:
    """The first name that the font has all shapes of, not longer than fits."""
    shapes = _shapes()
    known = (name for name in names if name.strip() and all(ord(each) in shapes for each in name))
    return _cut(next(known, "somebody").strip(), LONGEST)


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
