"""What is said of a file is in it, and clips that are put together run on without a jump."""

import asyncio
import io
import itertools
import re
import wave
from pathlib import Path

import pytest
from PIL import Image

from bot.errors import Refusal
from bot.files.fetch import Fetcher
from bot.media import join, probe
from bot.media.ffmpeg import H264_AAC, QUALITY, ffmpeg
from bot.media.probe import MediaError
from bot.orders.inputs import Inputs
from tests.rig.processes import own_children

pytestmark = pytest.mark.asyncio(loop_scope="function")


async def make(
    to: Path, colour: str = "red", *, size="320x180", fps="24", seconds=1.0, hertz: int | None = 440
) -> Path:
    """A clip of one colour with a frame counter drawn by the source, and a tone."""
    sound = ["-f", "lavfi", "-i", f"sine=f={hertz}:r=48000:d={seconds}"] if hertz else []
    await ffmpeg(
        *("-f", "lavfi", "-i", f"color=c={colour}:s={size}:r={fps}:d={seconds}"),
        *sound,
        *H264_AAC,
        *QUALITY,
        to,
        timeout=120,
    )
    return to


async def stamps(clip: Path, stream: str) -> list[float]:
    """When each frame of *stream* ("v" or "a") is shown or heard, and how long, in seconds."""
    said = await ffmpeg(
        *("-i", clip, "-map", f"0:{stream}:0", "-c", "copy", "-f", "framecrc", f"{clip}.crc"),
        timeout=120,
    )
    assert said
    text = Path(f"{clip}.crc").read_text()
    base = re.search(r"#tb 0: (\d+)/(\d+)", text)
    rows = [line.split(",") for line in text.splitlines() if line[0] != "#"]
    unit = int(base[1]) / int(base[2])
    return sorted((int(row[2]) * unit, int(row[3]) * unit) for row in rows)


async def colour_at(clip: Path, at: float) -> tuple[int, int, int]:
    picture = clip.with_name("at.png")
    await probe.poster(clip, picture, at)
    with Image.open(picture) as image:
        return image.convert("RGB").getpixel((20, 20))


def close(colour: tuple[int, int, int], to: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 24 for one, other in zip(colour, to, strict=True))


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


async def loudness(clip: Path, start: float, seconds: float) -> float:
    """Decibels below full scale, on average."""
    said = await ffmpeg(
        *("-i", clip, "-map", "0:a:0", "-f", "null"),
        *("-af", f"atrim=start={start}:duration={seconds},volumedetect", "-"),
        timeout=120,
    )
    return float(re.search(r"mean_volume: (-?[\d.]+|-inf) dB", said)[1])


async def test_a_probe_says_what_is_in_a_clip(tmp_path):
    clip = await probe.probe(await make(tmp_path / "clip.mp4", seconds=1.5, fps="30000/1001"))
    assert (clip.width, clip.height, clip.video_codec, clip.audio_codec) == (
        320,
        180,
        "h264",
        "aac",
    )
    assert clip.frames == 45
    assert clip.fps == pytest.approx(30000 / 1001)
    assert clip.seconds == pytest.approx(1.5, abs=1 / 30)
    assert clip.size == (tmp_path / "clip.mp4").stat().st_size


async def test_a_probe_says_that_there_is_no_sound(tmp_path):
    assert (await probe.probe(await make(tmp_path / "clip.mp4", hertz=None))).audio_codec is None


async def test_a_probe_of_a_sound_says_how_long_it_is(tmp_path):
    for name in ("sound.mp3", "sound.wav", "sound.ogg", "sound.m4a", "sound.aac", "sound.flac"):
        await ffmpeg("-f", "lavfi", "-i", "sine=d=2", tmp_path / name, timeout=120)
        sound = await probe.probe(tmp_path / name)
        assert sound.seconds == pytest.approx(2, abs=0.12), name
        assert (sound.width, sound.frames, sound.video_codec) == (None, None, None)


async def test_a_clip_in_another_container_is_read_too(tmp_path):
    source = await make(tmp_path / "clip.mp4")
    for name in ("clip.mkv", "clip.mov"):
        await ffmpeg("-i", source, "-c", "copy", tmp_path / name, timeout=120)
        assert (await probe.probe(tmp_path / name)).frames == 24


async def test_a_phone_s_clip_has_the_size_that_one_sees(tmp_path):
    source = await make(tmp_path / "clip.mp4")
    turned = tmp_path / "turned.mp4"
    await ffmpeg("-display_rotation", "90", "-i", source, "-c", "copy", turned, timeout=120)
    clip = await probe.probe(turned)
    assert (clip.width, clip.height) == (180, 320)


async def test_a_title_cannot_pretend_to_be_a_stream(tmp_path):
    lie = "x\n  Duration: 09:09:09.00\n  Stream #0:0: Video: h264, yuv420p, 9999x9999, 99 fps"
    clip = tmp_path / "clip.mkv"
    source = await make(tmp_path / "clip.mp4")
    await ffmpeg("-i", source, "-c", "copy", "-metadata", f"title={lie}", clip, timeout=120)
    found = await probe.probe(clip)
    assert (found.width, found.fps) == (320, 24)
    assert found.seconds < 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\0" * 5000,
        b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nhttp://127.0.0.1:9/secret\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<html><body>You need to log in</body></html>",
        b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + b"\0\0\0\x08free" + b"garbage" * 99,
    ],
)
async def test_what_is_no_clip_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(MediaError) as caught:
        await probe.probe(tmp_path / "clip.mp4")
    assert str(caught.value).endswith(".") and "ffmpeg" not in str(caught.value)


async def test_a_clip_whose_end_is_missing_is_refused(tmp_path):
    whole = (await make(tmp_path / "clip.mp4", seconds=2)).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    kept = Inputs(tmp_path, Fetcher())
    with pytest.raises(Refusal, match="damaged or cut off"):
        await kept.kept("video", tmp_path / "half.mp4")


async def test_a_missing_file_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(MediaError, match="no longer exists"):
        await probe.probe(tmp_path / "none.mp4")


@pytest.mark.long
async def test_a_file_is_known_by_its_bytes_whatever_its_name(tmp_path):
    source = await make(tmp_path / "clip.mp4")
    made = {
        "clip.webm": "video/webm",
        "clip.mkv": "video/x-matroska",
        "clip.mov": "video/quicktime",
        "a.mp3": "audio/mpeg",
        "a.wav": "audio/wav",
        "a.ogg": "audio/ogg",
        "a.opus": "audio/ogg",
        "a.m4a": "audio/mp4",
        "a.aac": "audio/aac",
        "a.flac": "audio/flac",
    }
    for name, kind in made.items():
        some = ("-map", "0:a:0") if name[0] == "a" else ("-t", "0.2")
        await ffmpeg("-i", source, *some, tmp_path / name, timeout=120)
        hidden = (tmp_path / name).rename(tmp_path / "thing.bin")
        assert probe.sniff(hidden) == kind, name
    assert probe.sniff(source) == "video/mp4"
    assert probe.sniff(b"\xff\xfb\x90\x00") == "audio/mpeg"
    assert probe.sniff(b"PK\x03\x04....") == "application/zip"
    assert probe.sniff(b"\xef\xbb\xbf\n <!-- x --> <!DOCTYPE html><html>") == "text/html"
    assert probe.sniff(b"<HTML>") == "text/html"
    assert probe.sniff(b"just words") is None
    assert probe.sniff(b"") is None


@pytest.mark.parametrize(
    ("form", "kind"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
@pytest.mark.parametrize("size", [(1, 1), (640, 361), (3001, 77)])
async def test_the_size_of_a_picture_is_read_from_its_header(form, kind, size):
    for mode, options in (
        ("RGB", {}),
        ("RGBA", {"lossless": True}),
        ("RGB", {"progressive": True}),
    ):
        image = Image.new(mode, size, "purple")
        data = io.BytesIO()
        image.convert("P" if form == "GIF" else "RGB" if form == "JPEG" else mode).save(
            data, form, exif=b"Exif\0\0" + b"x" * 3000, **options
        )
        assert probe.sniff(data.getvalue()) == kind
        assert probe.picture_size(data.getvalue()) == size


@pytest.mark.parametrize("length", range(0, 64, 3))
async def test_a_picture_that_is_cut_off_has_no_size_or_the_right_one(length):
    for form in ("PNG", "JPEG", "WEBP", "GIF"):
        data = io.BytesIO()
        Image.new("RGB", (40, 30)).save(data, form)
        assert probe.picture_size(data.getvalue()[:length]) in (None, (40, 30))


@pytest.mark.long
async def test_frames_are_taken_from_the_start_the_end_and_between(tmp_path):
    parts = [await make(tmp_path / f"{c}.mp4", c, seconds=0.5) for c in ("red", "lime", "blue")]
    clip = tmp_path / "all.mp4"
    await join.join(parts, clip)
    await probe.first_frame(clip, tmp_path / "first.png")
    await probe.last_frame(clip, tmp_path / "last.jpg")
    for name, colour in (("first.png", RED), ("last.jpg", BLUE)):
        with Image.open(tmp_path / name) as image:
            assert image.size == (320, 180)
            assert close(image.convert("RGB").getpixel((9, 9)), colour)
    assert close(await colour_at(clip, 0.75), GREEN)
    assert close(await colour_at(clip, 99), RED)


async def test_the_last_frame_is_the_very_last_one(tmp_path):
    """The last picture alone is blue: half a frame too early would show red."""
    red = await make(tmp_path / "red.mp4", "red", seconds=1, hertz=None)
    blue = await make(tmp_path / "blue.mp4", "blue", seconds=1 / 24, hertz=None)
    await join.join([red, blue], tmp_path / "both.mp4")
    assert (await probe.probe(tmp_path / "both.mp4")).frames == 25
    await probe.last_frame(tmp_path / "both.mp4", tmp_path / "last.png")
    with Image.open(tmp_path / "last.png") as image:
        assert close(image.convert("RGB").getpixel((9, 9)), BLUE)


@pytest.mark.long
async def test_joined_clips_have_one_size_one_rate_and_no_gap(tmp_path):
    """The second is larger, of another shape and rate, and silent."""
    first = await make(tmp_path / "first.mp4", "red", seconds=1.0, fps="24")
    second = await make(
        tmp_path / "second.mp4", "lime", size="360x640", fps="30", seconds=2.0, hertz=None
    )
    to = tmp_path / "both.mp4"
    shares: list[float] = []
    await join.join([first, second], to, progress=shares.append)
    clip = await probe.probe(to)
    assert (clip.width, clip.height, clip.fps, clip.frames) == (320, 180, 24, 72)
    assert clip.seconds == pytest.approx(3, abs=1 / 24)
    assert shares and shares == sorted(shares)
    pictures = await stamps(to, "v")
    starts = [start for start, _ in pictures]
    assert starts == pytest.approx([number / 24 for number in range(72)], abs=1e-3)
    sounds = await stamps(to, "a")
    for (start, length), (after, _) in itertools.pairwise(sounds):
        assert after == pytest.approx(start + length, abs=1e-4)
    assert await loudness(to, 0.1, 0.8) > -30
    assert await loudness(to, 1.1, 1.8) < -80


async def test_clips_without_sound_are_joined_without_sound(tmp_path):
    one = await make(tmp_path / "one.mp4", hertz=None, seconds=0.5)
    await join.join([one, one], tmp_path / "two.mp4")
    clip = await probe.probe(tmp_path / "two.mp4")
    assert (clip.audio_codec, clip.frames) == (None, 24)


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "matrix", "told"),
    [
        ("320x180", "bt601", ""),
        ("1280x720", "bt709", ""),
        ("720x1280", "bt709", ""),
        ("320x180", "bt709", "colorspace=bt709"),
        ("1280x720", "bt601", "colorspace=smpte170m"),
        ("320x180", "bt709", "color_primaries=bt709"),
        ("1280x720", "bt601", "color_primaries=bt470bg"),
    ],
)
async def test_colours_stay_what_a_player_shows(tmp_path, size, matrix, told):
    """Green is farthest apart between the two matrices; a browser guesses what is not told."""
    clip, joined = tmp_path / "clip.mp4", tmp_path / "joined.mp4"
    none = "colorspace=unknown:color_primaries=unknown:color_trc=unknown"
    tags = f"setparams={none}" + (f",setparams={told}" if told else "")
    await ffmpeg(
        *("-f", "lavfi", "-i", f"color=c=lime:s={size}:r=24:d=0.2,format=rgb24"),
        *("-vf", f"scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p,{tags}"),
        *(*H264_AAC, *QUALITY, clip),
        timeout=120,
    )
    found = (await probe.with_picture(clip)).picture
    assert (found.matrix == 2) == ("colorspace" not in told)
    assert found.primaries == {"bt709": 1, "bt470bg": 5}.get(told.partition("primaries=")[2], 2)
    assert close(await colour_at(clip, 0.1), GREEN)
    await join.join([clip], joined)
    made = (await probe.with_picture(joined)).picture
    assert (made.matrix, made.primaries, made.transfer) == (1, 1, 1)
    assert close(await colour_at(joined, 0.1), GREEN)


async def test_a_cut_is_exact_to_the_frame(tmp_path):
    parts = [await make(tmp_path / f"{c}.mp4", c, seconds=0.5) for c in ("red", "lime", "blue")]
    await join.join(parts, tmp_path / "all.mp4")
    await join.cut(tmp_path / "all.mp4", tmp_path / "cut.mp4", start=0.5, seconds=0.5)
    clip = await probe.probe(tmp_path / "cut.mp4")
    assert clip.frames == 12 and clip.audio_codec == "aac"
    assert close(await colour_at(tmp_path / "cut.mp4", 0), GREEN)
    await probe.last_frame(tmp_path / "cut.mp4", tmp_path / "last.png")
    with Image.open(tmp_path / "last.png") as image:
        assert close(image.convert("RGB").getpixel((9, 9)), GREEN)
    with pytest.raises(MediaError, match="outside"):
        await join.cut(tmp_path / "all.mp4", tmp_path / "no.mp4", start=5, seconds=1)


@pytest.mark.parametrize(
    ("picture", "sound", "middle", "quiet"),
    [
        (True, True, GREEN, True),
        pytest.param(True, False, GREEN, False, marks=pytest.mark.long),
        pytest.param(False, True, RED, True, marks=pytest.mark.long),
    ],
)
async def test_a_replaced_part_leaves_the_rest_and_the_length_alone(
    tmp_path, picture, sound, middle, quiet
):
    clip = await make(tmp_path / "clip.mp4", "red", seconds=3)
    part = await make(tmp_path / "part.mp4", "lime", fps="30", size="640x360", hertz=None)
    to = tmp_path / "new.mp4"
    await join.replace_part(clip, part, to, start=1.0, picture=picture, sound=sound)
    new = await probe.probe(to)
    assert (new.frames, new.fps, new.width, new.audio_codec) == (72, 24, 320, "aac")
    frame = 1 / 24
    for at, colour in ((1 - frame, RED), (1.0, middle), (2 - frame, middle), (2.0, RED)):
        assert close(await colour_at(to, at + frame / 4), colour), at
    assert (await loudness(to, 1.1, 0.8) < -60) is quiet
    assert await loudness(to, 0.1, 0.8) > -30
    assert await loudness(to, 2.1, 0.8) > -30


@pytest.mark.long
async def test_a_part_at_the_very_start_or_end_can_be_replaced(tmp_path):
    clip = await make(tmp_path / "clip.mp4", "red", seconds=1)
    part = await make(tmp_path / "part.mp4", "blue", seconds=0.5)
    for start, (early, late) in ((0.0, (BLUE, RED)), (0.5, (RED, BLUE)), (0.9, (RED, BLUE))):
        await join.replace_part(clip, part, tmp_path / "new.mp4", start=start)
        assert (await probe.probe(tmp_path / "new.mp4")).frames == 24
        assert close(await colour_at(tmp_path / "new.mp4", 0.1), early)
        assert close(await colour_at(tmp_path / "new.mp4", 0.95), late)


async def busy(to: Path, seconds: int) -> Path:
    """A clip full of noise, which does not compress."""
    await ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=24:d={seconds},noise=alls=60:allf=t"),
        *("-f", "lavfi", "-i", f"anoisesrc=d={seconds}:a=0.2"),
        *(*H264_AAC, "-preset", "ultrafast", "-crf", "24", to),
        timeout=120,
    )
    return to


@pytest.mark.long
async def test_two_takes_stand_side_by_side(tmp_path):
    left = await make(tmp_path / "left.mp4", "red", seconds=1)
    right = await make(tmp_path / "right.mp4", "blue", size="180x320", seconds=2, hertz=None)
    await join.side_by_side(left, right, tmp_path / "both.mp4")
    both = await probe.probe(tmp_path / "both.mp4")
    assert (both.width, both.height, both.frames) == (320 + 102, 180, 48)
    assert both.audio_codec == "aac"
    await probe.last_frame(tmp_path / "both.mp4", tmp_path / "last.png")
    with Image.open(tmp_path / "last.png") as image:
        assert close(image.convert("RGB").getpixel((9, 90)), RED)
        assert close(image.convert("RGB").getpixel((400, 90)), BLUE)


@pytest.mark.long
async def test_a_cancelled_encode_leaves_no_process_and_no_file(tmp_path):
    clip = await busy(tmp_path / "clip.mp4", 2)
    started = asyncio.Event()
    work = asyncio.create_task(
        join.join([clip] * 8, tmp_path / "long.mp4", progress=lambda share: started.set())
    )
    await asyncio.wait_for(started.wait(), 120)
    children = own_children()
    assert children
    work.cancel()
    async with asyncio.timeout(120):  # the whole encode takes far longer
        with pytest.raises(asyncio.CancelledError):
            await work
    assert not own_children() & children
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


async def test_a_sound_with_silence_is_silent(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * 8000)
    assert (await probe.probe(tmp_path / "a.wav")).seconds == pytest.approx(1, abs=0.01)
