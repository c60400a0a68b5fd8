"""The charts can be read: on dark and light pages, on a telephone too. Asked of the pixels."""

import io
import itertools
from collections import Counter
from datetime import date, timedelta

import pytest
from PIL import Image

from bot.media import charts
from storage import Use

FIRST, LAST = date(2026, 10, 23), date(2026, 11, 21)
PHONE = 390  #: pixels that a picture is wide on a telephone
DARK, LIGHT = (0x31, 0x33, 0x38), (0xFF, 0xFF, 0xFF)  #: Discord's pages
MAKERS = [("ltx", f"ltx-{number}") for number in range(8)]


def use(day, user, maker, spent):
    counts = {"clips": 1, "made": 1, "unmade": 0, "held": 0, "house": 0, "lost": 0, "suspense": 0}
    provider, model = maker
    return Use(
        day=FIRST + timedelta(day),
        user_id=user,
        provider=provider,
        model=model,
        spent=spent,
        **counts,
    )


USES = [
    use(day, user, maker, 10 + (7 * day + 3 * user) % 40)
    for day in range(0, 30, 2)
    for user in range(9)
    for maker in MAKERS
]
NAMES = {user: (f"Person {user}",) for user in range(9)}


@pytest.fixture
async def report():
    return picture(await charts.report(USES, FIRST, LAST, names=NAMES))


def picture(body):
    return Image.open(io.BytesIO(body)).convert("RGB")


def light(colour):
    """Relative luminance, by WCAG 2."""
    parts = [each / 255 for each in colour]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    above, below = sorted((light(one), light(other)), reverse=True)
    return (above + 0.05) / (below + 0.05)


def rows(image, box):
    """The heights of the rows of writing in a part of a picture, in pixels."""
    part = image.crop(box)
    card = image.getpixel((2, 2))
    inked = [
        any(contrast(part.getpixel((x, y)), card) > 2 for x in range(part.width))
        for y in range(part.height)
    ]
    return [len(list(row)) for ink, row in itertools.groupby(inked) if ink]


def colours(image):
    """How many pixels have which colour."""
    return Counter({colour: count for count, colour in image.getcolors(1 << 24)})


async def test_what_is_drawn_stands_out_from_its_card(report):
    """Everything there is much of in the picture is the card, or 3 : 1 against it."""
    card = report.getpixel((2, 2))
    counted = colours(report)
    assert counted.most_common(1)[0][0] == card
    drawn = [colour for colour, count in counted.items() if count > 2000 and colour != card]
    assert len(drawn) >= charts.MAKERS, "each model, and the writing"
    rule = tuple(int(charts.RULE[each : each + 2], 16) for each in (1, 3, 5))
    for colour in drawn:
        lines = light(colour) <= light(rule)  # behind the columns, meant to be faint
        assert lines or contrast(colour, card) >= 3, colour


@pytest.mark.parametrize("colour", [charts.INK, charts.FAINT])
async def test_writing_is_readable(report, colour):
    wanted = tuple(int(colour[each : each + 2], 16) for each in (1, 3, 5))
    assert wanted in colours(report), "it is drawn"
    assert contrast(wanted, report.getpixel((2, 2))) >= 4.5


@pytest.mark.parametrize("page", [DARK, LIGHT])
async def test_the_card_brings_its_own_ground(report, page):
    """No pixel is see-through, so that no page can make it unreadable."""
    body = await charts.own(USES[:20], FIRST, LAST)
    assert Image.open(io.BytesIO(body)).getchannel("A").getextrema() == (255, 255)
    shown = Image.new("RGB", (report.width + 20, report.height + 20), page)
    shown.paste(report, (10, 10))
    assert shown.getpixel((15, 15)) == report.getpixel((2, 2)) != page


@pytest.mark.long
async def test_letters_are_large_enough_on_a_telephone(report):
    """Small letters such as x are 5.5 pixels high at least, which is writing of 11 pixels."""
    phone = report.resize((PHONE, report.height * PHONE // report.width), Image.Resampling.LANCZOS)
    scale = PHONE / report.width
    names = (0, report.height - 500, int(charts.NAMES * charts.DPI) - 5, report.height - 40)
    tall = rows(report, names)
    assert len(tall) >= 6, "a row for each person"
    assert all(each * scale >= 7.5 for each in tall), "a capital P"
    assert phone.width == PHONE
    smallest = min(charts.SMALL, charts.HEAD) * charts.DPI / 72 * scale
    assert smallest >= 11


@pytest.mark.long
@pytest.mark.parametrize("days", [1, 7, 30, 31])
async def test_nothing_touches_the_edges_of_an_empty_chart(days):
    """The dates below it are the widest."""
    clear(picture(await charts.own([], LAST - timedelta(days - 1), LAST)))


@pytest.mark.long
async def test_nothing_touches_the_edges(report):
    clear(report)


def clear(report):
    card = report.getpixel((2, 2))
    edge = 12
    for box in (
        (0, 0, report.width, edge),
        (0, report.height - edge, report.width, report.height),
        (0, 0, edge, report.height),
        (report.width - edge, 0, report.width, report.height),
    ):
        assert set(colours(report.crop(box))) == {card}, box


async def test_an_empty_chart_says_so_and_a_long_time_is_shown_in_weeks():
    empty = picture(await charts.own([], FIRST, LAST))
    assert len(colours(empty)) > 2
    year = picture(await charts.report(USES, date(2026, 1, 1), date(2026, 12, 31), names={}))
    assert year.width == empty.width == 1000


@pytest.mark.parametrize("name", ["$$", r"$\frac{$", "_nolegend_", "\U0001f98a\u0378", "a\nb", " "])
async def test_a_name_is_a_name_whatever_it_looks_like(name):
    """What has no shape, breaks a line, or is nothing but a space."""
    uses = [use(0, 1, (name, name), 10)]
    drawn = await charts.report(uses, FIRST, LAST, names={1: (name, "plain")})
    assert picture(drawn).size[0] == 1000


async def test_what_costs_next_to_nothing_beside_the_others_is_drawn_all_the_same():
    uses = [use(0, 1, MAKERS[0], 10**9), use(0, 2, MAKERS[1], 1), use(1, 1, MAKERS[2], 1)]
    drawn = picture(await charts.report(uses, FIRST, LAST, names=NAMES))
    shown = colours(drawn)
    for colour in charts.COLOURS[:3]:
        assert shown[tuple(int(colour[each : each + 2], 16) for each in (1, 3, 5))] > 100


async def test_a_chart_that_cannot_be_drawn_is_missing_and_nothing_else(caplog):
    assert await charts.own([None], FIRST, LAST) is None
    assert "A chart could not be drawn" in caplog.text
