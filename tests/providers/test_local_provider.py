"""The embedded provider makes the clip that was asked for, in every mode and with any words."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from bot.catalog.complete import complete
from bot.catalog.model import pixels
from bot.catalog.price import usd
from bot.media import probe
from bot.media.ffmpeg import Graph, ffmpeg
from bot.media.typeset import cleaned, layout, paint
from bot.providers._preview.look import CAMERA, Frame, light, still, tone
from bot.providers.local import LAST_RESORT, MODEL
from storage import Brief, Input, Lora, Mode
from tests.rig.local_clips import (
    SMALL,
    clip_of,
    difference,
    finished,
    local,
    order,
    photo,
    picture,
    plain,
    source,
    volume,
)

__all__ = ["local", "plain"]


# What was asked is what comes


@pytest.mark.parametrize(
    ("resolution", "aspect", "fps", "duration", "sound"),
    [
        ("480p", "1:1", 50, 2, True),
        pytest.param("480p", "9:16", 25, 3, False, marks=pytest.mark.long),
        pytest.param("720p", "16:9", 30, 2, True, marks=pytest.mark.long),
    ],
)
async def test_a_clip_has_the_size_length_rate_and_sound_that_were_asked(
    local, tmp_path, resolution, aspect, fps, duration, sound
):
    brief = SMALL.but(resolution=resolution, aspect=aspect, fps=fps, duration=duration, sound=sound)
    found = await probe.probe(await clip_of(local, brief, tmp_path))
    assert (found.width, found.height) == pixels(resolution, aspect)
    assert (found.fps, found.frames) == (fps, fps * duration)
    assert found.seconds == pytest.approx(duration, abs=1 / fps)
    assert found.video_codec == "h264"
    assert found.audio_codec == ("aac" if sound else None)


@pytest.mark.long
async def test_a_clip_is_what_every_player_plays(plain):
    """H.264 in 4:2:0, 8 bits, an index in front, and an ISO brand."""
    data = plain.read_bytes()
    assert data[4:8] == b"ftyp" and data[8:12] in (b"isom", b"mp42")
    assert data.index(b"moov") < data.index(b"mdat")
    said = await ffmpeg("-i", plain, "-map", "0", "-c", "copy", "-f", "null", "-", timeout=120)
    assert re.search(r"Video: h264 \((Main|High)\).*yuv420p\(tv, bt709", said)
    assert re.search(r"Audio: aac \(LC\).*48000 Hz, stereo", said)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3, 2**31 - 1])
async def test_the_sound_is_neither_silent_nor_shouting(tmp_path, seed):
    graph = Graph()
    sound = tone(graph, seed=seed, seconds=6)
    await ffmpeg(*graph.arguments(sound), tmp_path / "tone.wav", timeout=120)
    mean, peak = await volume(tmp_path / "tone.wav", "anull")
    assert -32 < mean < -16 and -24 < peak < -1


async def digest(clip: Path) -> str:
    """Of every decoded picture and sound."""
    sums = clip.with_suffix(".md5")
    await ffmpeg("-i", clip, "-map", "0", "-f", "md5", sums, timeout=120)
    return sums.read_text()


@pytest.mark.long
async def test_the_same_seed_gives_the_same_clip_and_another_one_another(local, tmp_path, plain):
    again = await clip_of(local, SMALL, tmp_path, "again")
    other = await clip_of(local, SMALL.but(seed=8), tmp_path, "other")
    assert await digest(plain) == await digest(again) != await digest(other)
    assert difference(await picture(again, 1), await picture(other, 1)) > 8


@pytest.mark.long
async def test_the_timecode_runs(plain):
    corner = (350, 430, 480, 480)
    frames = [(await picture(plain, n / 24)).crop(corner) for n in (10, 11, 12)]
    for before, after in itertools.pairwise(frames):
        assert difference(before, after) > 0.3


TINY = Frame(width=160, height=90, fps=12, count=12)


async def seen(tmp_path: Path, draw: Callable[[Graph], str]) -> list[Image.Image]:
    """The first and the last picture of what *draw* makes."""
    graph = Graph()
    stream = draw(graph)
    for old in tmp_path.glob("seen*"):
        old.unlink()
    await ffmpeg(
        *graph.arguments(stream),
        *("-frames:v", str(TINY.count), tmp_path / "seen%d.png"),
        timeout=120,
    )
    ends = []
    for number in (1, TINY.count):
        with Image.open(tmp_path / f"seen{number}.png") as image:
            ends.append(image.convert("RGB"))
    return ends


@pytest.mark.long
async def test_a_camera_motion_shows_on_a_picture_and_on_light(tmp_path):
    photo(tmp_path / "photo.png", (160, 90))

    async def on_picture(camera: str) -> list[Image.Image]:
        path, move = tmp_path / "photo.png", CAMERA[camera]
        return await seen(tmp_path, lambda graph: still(graph, TINY, path, move=move))

    async def on_light(camera: str) -> list[Image.Image]:
        options = {"seed": 3, "move": CAMERA[camera], "room": tmp_path}
        return await seen(tmp_path, lambda graph: light(graph, TINY, **options))

    standing = await on_light("static")
    assert difference(*await on_picture("static")) < 0.5
    for camera in CAMERA.keys() - {"static"}:
        assert difference(*await on_picture(camera)) > 2, camera
        most = max(map(difference, standing, await on_light(camera)))
        assert most > (0.05 if camera == "focus_shift" else 1), camera


async def test_light_moves_of_itself(tmp_path):
    first, last = await seen(
        tmp_path, lambda graph: light(graph, TINY, seed=3, move=None, room=tmp_path)
    )
    assert difference(first, last) > 1


# Every mode


@pytest.mark.long
async def test_a_clip_from_pictures_begins_with_the_first_and_ends_with_the_last(local, tmp_path):
    first = photo(tmp_path / "first.png", (480, 480), ("#204080", "#e0c040"))
    last = photo(tmp_path / "last.png", (480, 480), ("#803020", "#40c0e0"))
    brief = SMALL.but(mode=Mode.IMAGE, image=first, last_image=last, prompt="")
    clip = await clip_of(local, brief, tmp_path)
    assert (await probe.probe(clip)).frames == 48
    for at, given in ((0, first), (1.99, last)):
        with Image.open(given.file) as image:
            upper = (0, 0, 480, 230)  # below it stands the slate
            assert difference((await picture(clip, at)).crop(upper), image.crop(upper)) < 3


@pytest.mark.long
async def test_a_picture_of_another_shape_is_shown_whole(local, tmp_path):
    tall = photo(tmp_path / "tall.png", (300, 900), ("white", "red"))
    clip = await clip_of(
        local, SMALL.but(mode=Mode.IMAGE, image=tall, prompt="", camera="static"), tmp_path
    )
    shown = await picture(clip, 1)
    assert all(part > 235 for part in shown.getpixel((240, 5)))
    assert shown.getpixel((20, 100))[0] < 200


@pytest.mark.long
async def test_a_picture_may_lie_on_its_side(local, tmp_path):
    image = Image.new("RGB", (90, 160), "white")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    path = tmp_path / "picture"
    image.save(path, "JPEG", exif=exif)
    given = Input(
        file=str(path), type="image/jpeg", size=path.stat().st_size, width=480, height=270
    )
    brief = SMALL.but(mode=Mode.IMAGE, image=given, prompt="", sound=False)
    shown = await picture(await clip_of(local, brief, tmp_path), 0)
    assert shown.getpixel((5, 240))[0] > 235 > 200 > shown.getpixel((240, 5))[0]


@pytest.mark.long
async def test_a_clip_from_a_sound_is_as_long_and_sounds_like_it(local, tmp_path):
    path = tmp_path / "sound.mp3"
    tones = "aevalsrc='0.4*sin(2*PI*880*t)*gt(t,1)':d=2.5:s=48000"
    await ffmpeg("-f", "lavfi", "-i", tones, path, timeout=120)
    given = Input(file=str(path), type="audio/mpeg", size=path.stat().st_size, seconds=2.5)
    clip = await clip_of(local, SMALL.but(mode=Mode.AUDIO, audio=given, duration=None), tmp_path)
    found = await probe.probe(clip)
    assert found.frames == pytest.approx(60, abs=3) and found.audio_codec == "aac"
    quiet, loud = [(await volume(clip, f"atrim={part}"))[0] for part in ("0.1:0.8", "1.3:2.2")]
    assert quiet < -60 and loud > -20
    middle = (0, 210, 480, 270)
    quiet, loud = (await picture(clip, 0.5)).crop(middle), (await picture(clip, 2)).crop(middle)
    assert difference(quiet, loud) > 10, "the wave is drawn"


@pytest.mark.long
async def test_a_sound_may_come_with_a_picture(local, tmp_path):
    await ffmpeg("-f", "lavfi", "-i", "sine=d=2", tmp_path / "a.wav", timeout=120)
    sound = Input(file=str(tmp_path / "a.wav"), type="audio/wav", size=1, seconds=2)
    brief = SMALL.but(
        mode=Mode.AUDIO, audio=sound, image=photo(tmp_path / "p.png"), duration=None, prompt=""
    )
    clip = await clip_of(local, brief, tmp_path)
    with Image.open(tmp_path / "p.png") as image:
        assert difference((await picture(clip, 0)).resize((640, 360)), image) < 30


@pytest.mark.long
@pytest.mark.parametrize(("direction", "sound"), [("end", True), ("start", False)])
async def test_an_extension_grows_out_of_the_clip_without_a_jump(local, tmp_path, direction, sound):
    given = await source(tmp_path / "in.mp4", sound=sound)
    brief = Brief(mode=Mode.EXTEND, video=given, direction=direction, duration=2, seed=3)
    clip = await clip_of(local, brief, tmp_path)
    found = await probe.probe(clip)
    assert (found.width, found.height, found.fps) == (214, 120, 30)
    assert found.frames == 120 and found.audio_codec == "aac"
    assert found.seconds == pytest.approx(4, abs=1 / 30)
    seam = 60 / 30
    above = (0, 0, 214, 55)  # below it stands the slate
    before, after = [(await picture(clip, seam + d / 60)).crop(above) for d in (-1, 1)]
    assert difference(before, after) < 9
    own = (0.5, 0.5) if direction == "end" else (2.5, 0.5)
    kept = difference(await picture(clip, own[0]), await picture(Path(given.file), own[1]))
    assert kept < 4, "what was there is still there"
    new = await picture(clip, 3.8 if direction == "end" else 0.2)
    assert difference(new, await picture(Path(given.file), 1)) > 25


@pytest.mark.long
@pytest.mark.parametrize("replaced", ["both", "picture", "sound"])
async def test_a_retake_changes_only_what_was_asked_and_keeps_the_length(local, tmp_path, replaced):
    given = await source(tmp_path / "in.mp4", seconds=3)
    brief = Brief(mode=Mode.RETAKE, video=given, start=1.0, duration=1, replace=replaced, seed=3)
    clip = await clip_of(local, brief, tmp_path)
    found = await probe.probe(clip)
    assert (found.frames, found.width, found.fps, found.audio_codec) == (90, 214, 30, "aac")
    old = Path(given.file)
    for at in (0.5, 2.5):
        assert difference(await picture(clip, at), await picture(old, at)) < 4
    changed = difference(await picture(clip, 1.9), await picture(old, 1.9)) > 10
    assert changed is (replaced != "sound")
    part = "atrim=1.2:1.8,bandpass=f=300:w=20"
    before, after = [(await volume(path, part))[0] for path in (old, clip)]
    assert (after < before - 4) is (replaced != "picture")


@pytest.mark.long
async def test_a_retake_may_be_the_whole_clip_or_reach_past_its_end(local, tmp_path):
    given = await source(tmp_path / "in.mp4", seconds=1.5)
    brief = Brief(mode=Mode.RETAKE, video=given, seed=3)
    assert (await probe.probe(await clip_of(local, brief, tmp_path))).frames == 45
    past = replace(order(brief, "past"), brief=brief.but(start=1.4, duration=2, replace="both"))
    await finished(local, past)
    await local.fetch(past, "past", None, tmp_path / "past.mp4")
    assert (await probe.probe(tmp_path / "past.mp4")).frames == 45


@pytest.mark.long
async def test_hdr_is_a_visible_grade_of_the_same_clip(local, tmp_path):
    given = await source(tmp_path / "in.mp4", fps="30000/1001")
    clip = await clip_of(local, Brief(mode=Mode.HDR, video=given), tmp_path)
    found, before = await probe.probe(clip), await probe.probe(Path(given.file))
    assert (found.frames, found.fps, found.width) == (before.frames, before.fps, 214)
    assert found.audio_codec == "aac"
    assert 4 < difference(await picture(clip, 1), await picture(Path(given.file), 1)) < 80
    assert "HDR" in MODEL.note


async def test_a_clip_without_sound_stays_without_when_it_is_graded(local, tmp_path):
    given = await source(tmp_path / "in.mp4", sound=False)
    clip = await clip_of(local, Brief(mode=Mode.HDR, video=given), tmp_path)
    assert (await probe.probe(clip)).audio_codec is None


def test_every_mode_is_offered_and_every_one_is_free():
    assert {each.mode for each in MODEL.capabilities} == set(Mode)
    for each in MODEL.capabilities:
        assert usd(each, Brief(mode=each.mode, duration=20, resolution="4K")) == Decimal(0)
    plain = complete(MODEL, Brief(prompt="a fox"), seed=5)
    assert (plain.resolution, plain.aspect, plain.duration, plain.fps) == ("720p", "16:9", 6, 24)
    assert plain.sound is True and plain.seed in MODEL.capability(Mode.TEXT).seeds
    assert LAST_RESORT


# Words of all kinds

PROMPTS = {
    "nothing but space": " \u2003 ",
    "filter language": "%{pts} %{eif:1:d} ':[v]\\;,=drawtext=text='x' %{gmtime}$(id)`id` \\' \\",
    "control characters": "a\x00b\x1b[31mc\x07\r\n\n\n\nd\te\x7f\x85\u2028f",
    "right to left": "ثعلب أحمر يعبر شارعا ثلجيا \u202eevil\u202c שועל אדום 123!",
    "emoji": "🦊❄️ 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 " * 5,
    "many scripts": "赤い狐が雪の街を横切る。여우 Лиса Αλεπού लोमड़ी จิ้งจอก ሰላም ქართული",
    "accents without end": "z" + "\u0301\u0316" * 500,
    "half a character": "a\ud83eb",
    "no space": "x" * 3000,
    "very long": "a fox in the snow and " * 280,
    "long Arabic": "ثعلب أحمر يعبر شارعا ثلجيا " * 200,
    "mentions": "@everyone <@123> ```code``` **bold**",
}


@pytest.mark.long
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
@pytest.mark.parametrize("box", [(800, 300), (300, 500)])
def test_any_words_are_set_inside_their_box(prompt, box):
    page = Image.new("RGBA", (box[0] + 100, box[1] + 100))
    block = layout(
        cleaned(prompt), width=box[0], height=box[1], largest=60, smallest=12, weight=600
    )
    paint(page, block, x=50, y=50)
    ink = page.getbbox()
    assert (ink is None) is (not prompt.strip())
    if ink is not None:
        assert ink[0] >= 45 and ink[2] <= box[0] + 55, "sideways"
        assert ink[1] >= 30 and ink[3] <= box[1] + 70, "up and down, but for accents"


def test_what_is_too_long_ends_in_an_ellipsis():
    block = layout(
        cleaned("word " * 900), width=300, height=90, largest=60, smallest=12, weight=400
    )
    assert block.size == 12
    assert block.lines[-1].endswith("…")
    assert block.height <= 90


def test_short_words_are_large_and_lines_are_even():
    block = layout("A red fox", width=900, height=400, largest=60, smallest=12, weight=400)
    assert (block.size, block.lines) == (60, ("A red fox",))
    block = layout("one two three four", width=400, height=400, largest=60, smallest=12, weight=400)
    assert block.lines == ("one two", "three four")


@pytest.mark.long
async def test_words_reach_the_clip_whatever_they_say(local, tmp_path, plain):
    words = "".join(PROMPTS.values())[:6000]
    loras = tuple(Lora(path=f"https://x.example/{n}'%{{x}}/löra:{n}", scale=0.5) for n in range(3))
    clip = await clip_of(local, SMALL.but(prompt=words, loras=loras, sound=False), tmp_path)
    assert (await probe.probe(clip)).frames == 48
    assert difference(await picture(clip, 1), await picture(plain, 1)) > 8
