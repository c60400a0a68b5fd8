"""A reel plays through: one size, one rate, one sound, in step to its last frame."""

from fractions import Fraction

import pytest
from PIL import Image

from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.probe import MediaError, poster, probe, with_picture
from bot.media.reel import Piece, canvas_of, make_reel, placed
from tests.rig.seams import loudness, pictures

pytestmark = pytest.mark.asyncio(loop_scope="function")

COLOURS = {"red": 76, "lime": 150, "blue": 29, "white": 255, "yellow": 226, "gray": 128}


async def clip(to, colour, *, size="192x108", fps="24", frames=12, tone=None):
    """So many frames of one colour; with *tone* in hertz, with a sound of the same length."""
    seconds = float(frames / Fraction(fps))
    sound = ("-f", "lavfi", "-i", f"sine=frequency={tone}:r=44100:d={seconds}") if tone else ()
    await ffmpeg(
        *("-f", "lavfi", "-i", f"color=c={colour}:s={size}:r={fps}:d={seconds + 1}", *sound),
        *("-frames:v", str(frames), *H264_AAC, to),
        timeout=120,
    )
    return to


async def free():
    """Nothing stops the work."""


async def reel(folder, clips, *, words=None, progress=None, between=free):
    infos = [await with_picture(each) for each in clips]
    to = folder / "reel.mp4"
    said = words or [""] * len(clips)
    pieces = [
        Piece(clip=each, words=each_said) for each, each_said in zip(clips, said, strict=True)
    ]
    await make_reel(pieces, infos, to, between=between, progress=progress)
    assert not (folder / "reel.parts").exists(), "nothing is left beside it"
    return to, placed(infos, canvas_of(infos))


async def look(to, places, colours, tones):
    """Whether each clip is seen and heard from its first frame to its last, and no other."""
    info = (await probe(to)).moving
    assert info.complete, info.trouble
    total = places[-1].first + places[-1].count
    assert info.frames == total
    assert info.picture.steady
    assert info.sound is not None
    fps = float(info.fps)
    # Less than a frame of AAC: picture and sound end together, however many there are.
    assert abs(info.sound.seconds - total / fps) < 0.045
    assert abs(info.sound_after) < 0.002
    grey = await pictures(to)
    heard = await loudness(to)
    for place, colour, tone in zip(places, colours, tones, strict=True):
        for frame in (place.first, place.first + place.count - 1):
            middle = grey[frame][len(grey[frame]) // 2 + 48]
            assert abs(middle - COLOURS[colour]) < 14, (frame, colour, middle)
        begin, end = place.first / fps, (place.first + place.count) / fps
        # 30 ms from each seam, which is shorter than a frame at 24.
        inside = heard[round((begin + 0.03) * 100) : round((end - 0.03) * 100)]
        if tone:
            assert min(inside) > -40, (place, "a hole")
        else:
            assert max(inside) < -55, (place, "it is silent")
    return info


async def test_clips_of_four_kinds_make_one_film(tmp_path):
    clips = [
        await clip(tmp_path / "1.mp4", "red", tone=440),
        await clip(tmp_path / "2.mp4", "lime", size="108x192", fps="30000/1001", frames=15),
        await clip(tmp_path / "3.mp4", "blue", size="320x180", fps="50", frames=21, tone=880),
        await clip(tmp_path / "4.mp4", "yellow", frames=13, tone=220),
    ]
    shares = []
    to, places = await reel(tmp_path, clips, progress=shares.append)
    info = await look(to, places, ["red", "lime", "blue", "yellow"], [1, 0, 1, 1])
    assert (info.width, info.height, info.fps) == (192, 108, 24), "as most of them are"
    assert [each.count for each in places] == [12, 12, 10, 13]
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] <= 1.0
    await poster(to, tmp_path / "tall.png", 16 / 24)
    tall = Image.open(tmp_path / "tall.png").convert("RGB")
    assert max(tall.getpixel((10, 54))) < 30, "a tall clip has bars"


async def test_without_any_sound_there_is_none(tmp_path):
    clips = [await clip(tmp_path / f"{n}.mp4", "red", frames=5) for n in range(2)]
    to, _ = await reel(tmp_path, clips)
    info = (await probe(to)).moving
    assert (info.frames, info.sound) == (10, None)


@pytest.mark.long
async def test_a_slate_is_burnt_in_for_a_second_and_no_longer(tmp_path):
    clips = [await clip(tmp_path / f"{n}.mp4", "lime", size="320x180", frames=36) for n in (1, 2)]
    long = "sc12/sh3 " * 40
    to, _ = await reel(tmp_path, clips, words=["sc12/sh3", long])

    async def ink(frame):
        shown = tmp_path / f"{frame}.png"
        await poster(to, shown, (frame + 0.5) / 24)
        picture = Image.open(shown).convert("RGB")
        white = sum(
            min(picture.getpixel((x, y))) > 150
            for x in range(picture.width)
            for y in range(picture.height)
        )
        edge = [picture.getpixel((x, 144)) for x in (1, picture.width - 2)]
        return white, all(green > 200 and red < 80 for red, green, _ in edge)

    assert (await ink(0))[0] > 50
    assert (await ink(23))[0] > 50
    assert (await ink(24))[0] == 0
    white, inside = await ink(36)
    assert white > 50
    assert inside, "a long name is cut, within the picture"
    assert (await ink(60))[0] == 0


async def test_what_stops_it_leaves_nothing_and_is_told(tmp_path):
    clips = [await clip(tmp_path / f"{n}.mp4", "red", frames=3) for n in range(3)]
    calls = []

    async def between():
        calls.append(1)
        if len(calls) == 2:
            raise MediaError("stop")

    with pytest.raises(MediaError, match="stop"):
        await reel(tmp_path, clips, between=between)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0.mp4", "1.mp4", "2.mp4"]


@pytest.mark.long
async def test_a_reel_of_thirty_takes_plays_through(tmp_path):
    colours = [*COLOURS] * 5
    sizes = ("192x108", "192x108", "192x108", "108x192", "256x144")
    rates = ("30000/1001", "30000/1001", "24", "50", "30000/1001", "24000/1001")
    makes = []
    tones = []
    for number, colour in enumerate(colours):
        tone = 300 + 20 * number if number % 4 != 3 else None
        tones.append(tone)
        makes.append(
            await clip(
                tmp_path / f"{number}.mp4",
                colour,
                size=sizes[number % 5],
                fps=rates[number % 6],
                frames=11 + number % 9,
                tone=tone,
            )
        )
    to, places = await reel(tmp_path, makes)
    info = await look(to, places, colours, tones)
    assert (info.width, info.height) == (192, 108)
    assert abs(float(info.fps) - 30000 / 1001) < 0.001


async def test_the_size_is_what_most_have_and_else_the_first(tmp_path):
    kinds = (("64x36", "24"), ("96x54", "25"), ("96x54", "25"), ("128x72", "100"))
    made = [
        await clip(tmp_path / f"{number}.mp4", "red", size=size, fps=fps, frames=2)
        for number, (size, fps) in enumerate(kinds)
    ]
    infos = [await with_picture(each) for each in made]
    assert (canvas_of(infos).width, canvas_of(infos).fps) == (96, 25.0)
    assert (canvas_of(infos[:2]).width, canvas_of(infos[:2]).fps) == (64, 24.0)
    assert canvas_of(infos[3:]).fps == 60.0, "timecodes have two digits for frames"
