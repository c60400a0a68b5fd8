"""The sheet of several clips' pictures: each in its numbered place, whatever is missing."""

import io

from PIL import Image

from bot.media.contact_sheet import ACROSS, GAP, TILE, contact_sheet

RED, GREEN = (200, 30, 30), (30, 160, 40)


def picture(path, colour, size=(640, 360)):
    Image.new("RGB", size, colour).save(path, quality=95)
    return path


def middle(sheet, place):
    left = GAP + (place - 1) % ACROSS * (TILE[0] + GAP)
    top = GAP + (place - 1) // ACROSS * (TILE[1] + GAP)
    return sheet.getpixel((left + TILE[0] // 2, top + TILE[1] // 2)), (left, top)


def near(one, other):
    return all(abs(a - b) < 12 for a, b in zip(one, other, strict=True))


async def drawn(pictures):
    return Image.open(io.BytesIO(await contact_sheet(pictures)))


async def test_ten_stand_in_two_rows_and_what_is_missing_is_plain(tmp_path):
    red = picture(tmp_path / "1.jpg", RED)
    tall = picture(tmp_path / "2.jpg", GREEN, (360, 640))
    broken = tmp_path / "3.jpg"
    broken.write_bytes(red.read_bytes()[:200])
    (tmp_path / "4.jpg").write_bytes(b"")
    given = [red, tall, broken, tmp_path / "4.jpg", tmp_path / "none.jpg", None, red, None, tall]
    sheet = await drawn([*given, red])
    assert sheet.size == (5 * TILE[0] + 6 * GAP, 2 * TILE[1] + 3 * GAP)
    for place, colour in ((1, RED), (2, GREEN), (7, RED), (9, GREEN), (10, RED)):
        assert near(middle(sheet, place)[0], colour), place
    plain = middle(sheet, 6)[0]
    for place in (3, 4, 5, 8):
        assert near(middle(sheet, place)[0], plain), place
    # A tall one is whole: its sides are plain.
    left, top = middle(sheet, 2)[1]
    assert near(sheet.getpixel((left + TILE[0] - 10, top + TILE[1] // 2)), plain)


async def test_each_has_its_number(tmp_path):
    sheet = await drawn([None] * 10)
    badges = set()
    for place in range(1, 11):
        left, top = middle(sheet, place)[1]
        badges.add(sheet.crop((left, top, left + 80, top + 60)).convert("1").tobytes())
    assert len(badges) == 10


async def test_few_take_no_more_room_than_they_need(tmp_path):
    assert (await drawn([None])).size == (TILE[0] + 2 * GAP, TILE[1] + 2 * GAP)
    assert (await drawn([None] * 3)).size[0] == 3 * TILE[0] + 4 * GAP
    assert len(await contact_sheet([None] * 10)) < 100_000
