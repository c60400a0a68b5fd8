"""A contact sheet shows clips of any size, rate and length beside each other, numbered."""

import asyncio

import pytest
from PIL import Image

from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.probe import MediaError, poster, probe
from bot.media.take_sheet import LONG, Cell, take_sheet
from tests.rig.seams import loudness

pytestmark = pytest.mark.asyncio(loop_scope="function")

RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


async def clip(to, colour, size, rate, seconds, *, hertz=None):
    """A clip of one colour; with *hertz*, with a tone."""
    tone = (
        () if hertz is None else ("-f", "lavfi", "-i", f"sine=frequency={hertz}:duration={seconds}")
    )
    await ffmpeg(
        *("-f", "lavfi", "-i", f"color=c={colour}:s={size}:r={rate}:d={seconds}"),
        *tone,
        *(*H264_AAC, to),
        timeout=120,
    )
    return to


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet")

    async def made():
        return [
            await clip(folder / "1.mp4", "red", "192x108", 24, 1.0, hertz=440),
            await clip(folder / "2.mp4", "lime", "108x192", 25, 0.5),
            await clip(folder / "3.mp4", "blue", "1280x720", 50, 1.5, hertz=880),
        ]

    return asyncio.run(made())


def near(seen, wanted):
    return all(abs(a - b) < 40 for a, b in zip(seen, wanted, strict=True))


async def frame(sheet, at, folder):
    to = folder / f"{at}.png"
    await poster(sheet, to, at)
    return Image.open(to).convert("RGB")


@pytest.mark.long
async def test_clips_that_differ_stand_beside_each_other_to_the_end_of_the_longest(clips, tmp_path):
    to = tmp_path / "sheet.mp4"
    cells = [Cell(number=n, clip=each) for n, each in enumerate(clips, 1)]
    await take_sheet([*cells, Cell(number=4, words="failed")], to)
    info = (await probe(to)).moving
    assert (info.width, info.height) == (2 * LONG, 2 * 360)  # in the shape of the first
    assert (round(float(info.fps)), info.frames) == (50, 75)
    assert [*tmp_path.iterdir()] == [to], "nothing is left beside it"
    for at in (0.1, 1.4):  # the first two have ended by then, and stand still
        shown = await frame(to, at, tmp_path)
        assert near(shown.getpixel((320, 180)), RED)
        assert near(shown.getpixel((960, 180)), GREEN)
        assert near(shown.getpixel((660, 180)), (0, 0, 0)), "a tall clip has bars"
        assert near(shown.getpixel((320, 540)), BLUE)
        assert near(shown.getpixel((960, 420)), (35, 38, 46)), "nothing was made there"


@pytest.mark.long
async def test_the_sound_is_the_first_ones(clips, tmp_path):
    to = tmp_path / "sheet.mp4"
    await take_sheet([Cell(number=1, clip=clips[0]), Cell(number=2, clip=clips[2])], to)
    assert (await probe(to)).audio_codec == "aac"
    heard = await loudness(to)
    assert max(heard) > -40
    await take_sheet([Cell(number=1, clip=clips[1]), Cell(number=2, clip=clips[2])], to)
    assert (await probe(to)).audio_codec is None


async def test_every_cell_has_its_number_and_what_is_missing_says_so(clips, tmp_path):
    to = tmp_path / "sheet.mp4"
    await take_sheet(
        [Cell(number=1, words="failed"), Cell(number=2, clip=clips[0]), Cell(number=3, words="x")],
        to,
    )
    shown = await frame(to, 0.1, tmp_path)
    width, height = shown.size
    cell_w, cell_h = width // 2, height // 2
    side = round(1.4 * max(12, min(cell_w, cell_h) // 8))

    def white(left, top, right, bottom):
        part = shown.crop((left, top, right, bottom)).convert("L")
        return sum(part.histogram()[180:])

    for number, (left, top) in enumerate([(0, 0), (cell_w, 0), (0, cell_h)], 1):
        assert white(left, top, left + side, top + side) > 5, number
    assert white(cell_w, cell_h, cell_w + side, cell_h + side) == 0, "there are only three"
    middle, line = cell_w // 2, cell_h // 2
    assert white(middle - 30, line - 10, middle + 30, line + 10) > 20
    assert white(cell_w + middle - 30, line - 10, cell_w + middle + 30, line + 10) == 0


async def test_a_clip_that_cannot_be_read_leaves_the_others(clips, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 1000)
    to = tmp_path / "sheet.mp4"
    await take_sheet([Cell(number=1, clip=broken), Cell(number=2, clip=clips[0])], to)
    shown = await frame(to, 0.1, tmp_path)
    assert near(shown.getpixel((shown.width * 3 // 4, shown.height * 3 // 4)), RED)
    with pytest.raises(MediaError, match="no clip to show"):
        await take_sheet([Cell(number=1, clip=broken), Cell(number=2, words="failed")], to)
