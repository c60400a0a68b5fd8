"""Files as strangers have them: each is taken for what it is, or refused by its name."""

import io
import os
import struct
from pathlib import Path

import pytest
from PIL import Image

from bot.catalog.complete import complete
from bot.catalog.formats import FORMATS, types
from bot.catalog.price import usd
from bot.errors import Refusal
from bot.files.fetch import Fetcher
from bot.media.ffmpeg import ffmpeg
from bot.media.pictures import read
from bot.orders.inputs import Inputs
from bot.providers import modules
from bot.providers.local import MODEL
from bot.providers.ltx import models as ltx_models
from storage import Brief, Input, Mode

_PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=2")
_SOUND = ("-f", "lavfi", "-i", "sine=r=48000:d=2")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


async def made(to: Path, *arguments: str) -> Path:
    await ffmpeg(*arguments, to, timeout=120)
    return to


async def given(field: str, path: Path) -> Input:
    return await Inputs(path.parent, Fetcher()).kept(field, path)


async def refused(field: str, path: Path) -> str:
    with pytest.raises(Refusal) as refusal:
        await given(field, path)
    assert not list(path.parent.glob("inputs/*")), "a refusal keeps nothing"
    return str(refusal.value)


# What a file is.


@pytest.mark.parametrize("brand", ["isom", "mp42", "M4A "])
async def test_a_sound_is_a_sound_whatever_its_recorder_calls_it(tmp_path, brand):
    path = await made(tmp_path / "a.mp4", *_SOUND, "-c:a", "aac", "-brand", brand)
    kept = await given("audio", path)
    assert (kept.type, kept.file.rpartition(".")[2]) == ("audio/mp4", "m4a")
    assert kept.seconds == pytest.approx(2, abs=0.05)


@pytest.mark.long
@pytest.mark.parametrize("brand", ["isom", "M4A "])
async def test_a_sound_is_never_taken_as_a_clip(tmp_path, brand):
    path = await made(tmp_path / "a.mp4", *_SOUND, "-c:a", "aac", "-brand", brand)
    assert await refused("video", path) == "This file has no video."
    cover = tmp_path / "cover.png"
    Image.new("RGB", (64, 64), "red").save(cover)
    path = await made(
        tmp_path / "b.m4a",
        *(*_SOUND, "-i", str(cover), "-map", "0", "-map", "1", "-c:a", "aac"),
        *("-c:v", "png", "-disposition:v", "attached_pic"),
    )
    assert await refused("video", path) == "This file has no video."


async def test_what_has_a_picture_is_a_clip_whatever_its_label(tmp_path):
    path = await made(tmp_path / "a.mp4", *_PICTURE, *_H264)
    path.write_bytes(path.read_bytes().replace(b"ftypisom", b"ftypM4A ", 1))
    kept = await given("video", path)
    assert (kept.type, kept.frames, kept.fps) == ("video/mp4", 48, 24)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", (*_PICTURE, *_SOUND, *_H264, "-c:a", "aac")),
        ("sound.mov", (*_SOUND, "-c:a", "aac")),
        pytest.param("lossless.m4a", (*_SOUND, "-c:a", "alac"), marks=pytest.mark.long),
        pytest.param("sound.webm", (*_SOUND, "-c:a", "libopus"), marks=pytest.mark.long),
    ],
)
async def test_the_sound_comes_out_of_whatever_box_it_is_in(tmp_path, name, options):
    kept = await given("audio", await made(tmp_path / name, *options))
    assert kept.type == "audio/mp4" and kept.seconds == pytest.approx(2, abs=0.1)
    assert kept.size == (tmp_path / kept.file).stat().st_size


async def test_a_clip_without_sound_is_no_sound(tmp_path):
    path = await made(tmp_path / "a.mp4", *_PICTURE, *_H264)
    assert await refused("audio", path) == "This file has no sound."


@pytest.mark.parametrize(("field", "name"), [("video", "a.mp4"), ("audio", "a.wav")])
async def test_what_is_cut_off_is_no_input(tmp_path, field, name):
    options = (*_PICTURE, *_H264, "-movflags", "+faststart") if field == "video" else _SOUND
    path = await made(tmp_path / name, *options)
    os.truncate(path, path.stat().st_size * 6 // 10)
    assert await refused(field, path) == "This file is damaged or cut off."


@pytest.mark.parametrize(("field", "options"), [("video", _PICTURE), ("audio", _SOUND)])
async def test_a_length_that_a_header_claims_is_nobodys_price(tmp_path, field, options):
    codec = _H264 if field == "video" else ("-c:a", "aac")
    path = await made(tmp_path / "a.mp4", *options, *codec)
    content = bytearray(path.read_bytes())
    for box, place in ((b"mvhd", 16), (b"mdhd", 16)):  # behind them: units a second, and units
        at = content.index(box) + place
        units, length = struct.unpack_from(">II", content, at)
        struct.pack_into(">I", content, at + 4, length * 100)
        assert length / units == pytest.approx(2, abs=0.1)
    path.write_bytes(content)
    assert (await given(field, path)).seconds == pytest.approx(2, abs=0.1)


async def test_the_first_quicktime_files_have_no_label_and_are_clips(tmp_path):
    path = await made(tmp_path / "a.mov", *_PICTURE, *_H264, "-movflags", "+faststart")
    content = path.read_bytes()
    (length,) = struct.unpack_from(">I", content)
    assert content[4:8] == b"ftyp"
    # A box of nothing takes its place, so that no table has to be written anew.
    path.write_bytes(struct.pack(">I4s", length, b"free") + content[8:])
    kept = await given("video", path)
    assert (kept.type, kept.frames) == ("video/quicktime", 48)


def tag(size: int) -> bytes:
    """An ID3 tag with a picture in it that is *size* bytes long."""
    body = b"APIC" + struct.pack(">IH", size, 0) + b"\0" * size
    length = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + length + body


@pytest.mark.parametrize("suffix", ["flac", "aac", "mp3"])
@pytest.mark.parametrize("size", [10, 20_000])
async def test_what_stands_behind_a_tag_is_told_by_itself(tmp_path, suffix, size):
    path = await made(tmp_path / f"a.{suffix}", *_SOUND, "-id3v2_version", "0")
    path.write_bytes(tag(size) + path.read_bytes())
    kept = await given("audio", path)
    assert kept.type == {"mp3": "audio/mpeg"}.get(suffix, f"audio/{suffix}")
    assert kept.seconds == pytest.approx(2, abs=0.12)


@pytest.mark.parametrize("version", ["0", "3"])
async def test_zeros_before_an_mp3_are_not_part_of_it(tmp_path, version):
    path = await made(tmp_path / "a.mp3", *_SOUND, "-id3v2_version", version)
    path.write_bytes(b"\0" * 600 + path.read_bytes())
    kept = await given("audio", path)
    assert kept.type == "audio/mpeg" and kept.seconds == pytest.approx(2, abs=0.12)


async def test_a_wav_of_the_large_kind_is_a_wav(tmp_path):
    path = await made(tmp_path / "a.wav", *_SOUND, "-rf64", "always")
    assert path.read_bytes()[:4] == b"RF64"
    kept = await given("audio", path)
    assert kept.type == "audio/wav" and kept.seconds == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(
    ("field", "head", "words"),
    [
        (
            "video",
            b"RIFF\0\0\0\0AVI LIST",
            "This is an AVI file. Use an MP4, MOV, MKV, WebM or OGV video.",
        ),
        ("video", b"GIF89a", "This is a GIF file. Use an MP4, MOV, MKV, WebM or OGV video."),
        ("audio", b"FORM\0\0\0\0AIFFCOMM", "This is an AIFF file."),
        ("audio", b"\x89PNG\r\n\x1a\n", "This is a PNG file. Use an MP3"),
        (
            "image",
            b"\0\0\0\x18ftypheic",
            "This is a HEIC file. Use a PNG, JPEG, WebP or GIF image.",
        ),
        ("image", b"\0\0\0\x18ftypmp42", "This is an MP4 file."),
        ("image", b"<!doctype html><html>", "This is a web page."),
        ("image", b"what is this", "This file can't be read. Use a PNG"),
    ],
)
async def test_what_is_not_taken_is_refused_by_its_name(tmp_path, field, head, words):
    (tmp_path / "a").write_bytes(head + b"\0" * 200)
    assert (await refused(field, tmp_path / "a")).startswith(words)


def test_what_models_take_is_what_inputs_take():
    declared: dict[str, set[str]] = {"image": set(), "audio": set(), "video": set()}
    kinds = {"image": "image", "last_image": "image", "audio": "audio", "video": "video"}
    for models in ([MODEL], ltx_models()):
        for model in models:
            for capability in model.capabilities:
                for field, accepts in capability.inputs.items():
                    declared[kinds[field]] |= set(accepts.types)
    assert "local" in modules()
    for kind, found in declared.items():
        assert found == set(types(kind))
    assert set().union(*declared.values()) == set(FORMATS)


# What a clip costs.


@pytest.mark.long
async def test_a_4k_clip_with_a_timecode_is_measured_and_refused_by_hdr(tmp_path):
    path = await made(
        tmp_path / "a.mov",
        *("-f", "lavfi", "-i", "color=s=3840x2160:r=24:d=4", *_SOUND, *_H264),
        *("-c:a", "aac", "-timecode", "01:00:00:00"),
    )
    kept = await given("video", path)
    assert (kept.width, kept.height, kept.fps, kept.frames) == (3840, 2160, 24, 96)
    model = next(each for each in ltx_models() if each.capability(Mode.HDR))
    with pytest.raises(Refusal, match="has 96 frames"):
        complete(model, Brief(mode=Mode.HDR, video=kept), seed=1)


@pytest.mark.parametrize("lacks", ["width", "height", "seconds"])
def test_a_figure_that_is_not_known_passes_no_limit(lacks):
    figures = {"width": 3840, "height": 2160, "seconds": 4.0, "fps": 24.0, "frames": 30}
    for unknown in (None, 0):
        video = Input(file="a", type="video/mp4", size=1, **{**figures, lacks: unknown})
        model = next(each for each in ltx_models() if each.capability(Mode.HDR))
        with pytest.raises(Refusal, match="couldn't be measured"):
            brief = complete(model, Brief(mode=Mode.HDR, video=video), seed=1)
            capability = model.capability(Mode.HDR)
            assert capability is not None
            usd(capability, brief)


# Pictures.


async def test_the_size_of_a_jpeg_is_found_behind_megabytes_of_its_editor(tmp_path):
    data = io.BytesIO()
    Image.new("RGB", (320, 180), "teal").save(data, "JPEG")
    plain = data.getvalue()
    segment = b"\xff\xed" + struct.pack(">H", 65_535) + b"\0" * 65_533
    path = tmp_path / "a.jpg"
    path.write_bytes(plain[:2] + segment * 40 + b"\xff\xff\xff" + plain[2:])
    kept = await given("image", path)
    assert (kept.type, kept.width, kept.height) == ("image/jpeg", 320, 180)


async def test_a_photo_is_stood_upright_before_anybody_gets_it(tmp_path):
    photo = Image.new("RGB", (64, 32), "navy")
    photo.paste("white", (0, 0, 8, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    photo.save(tmp_path / "a.jpg", exif=exif)
    kept = await given("image", tmp_path / "a.jpg")
    assert (kept.type, kept.width, kept.height) == ("image/jpeg", 32, 64)
    with Image.open(tmp_path / kept.file) as shown:
        assert shown.getexif().get(0x0112, 1) == 1
        assert (
            shown.convert("L").getpixel((16, 2)) > 200 > 100 > shown.convert("L").getpixel((16, 60))
        )


def modes() -> dict[str, Image.Image]:
    """The same ramp, dark at the left and bright at the right, in every mode of a PNG."""
    ramp = Image.linear_gradient("L").rotate(90).resize((64, 32))
    values = [value * 257 for value in ramp.tobytes()]
    deep = Image.frombytes("I;16", (64, 32), struct.pack(f"<{len(values)}H", *values))
    clear = ramp.convert("LA")
    palette = ramp.convert("P", palette=Image.Palette.ADAPTIVE)
    return {
        "grey": ramp,
        "deep grey": deep,
        "palette": palette,
        "alpha": clear,
        "colour with alpha": ramp.convert("RGBA"),
    }


@pytest.mark.parametrize("mode", list(modes()))
def test_a_picture_of_any_mode_is_read_as_it_looks(tmp_path, mode):
    modes()[mode].save(tmp_path / "a.png")
    shown = read(tmp_path / "a.png")
    levels = [shown.getpixel((x, 16))[0] for x in (2, 32, 61)]
    expected = [modes()["grey"].getpixel((x, 16)) for x in (2, 32, 61)]
    assert levels == pytest.approx(expected, abs=8)


def test_cmyk_moving_and_transparent_pictures_are_read_as_they_look(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red = read(tmp_path / "a.jpg").getpixel((4, 4))
    assert red[0] > 200 > 60 > max(red[1:])
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("lime", "red")]
    for name in ("a.gif", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert read(tmp_path / name).getpixel((4, 4))[1] > 200, "the first one"
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "b.png")
    assert read(tmp_path / "b.png").getpixel((4, 4)) == (255, 255, 255)
