"""A clip is what its decoded frames are: no figure is taken from a header or from words."""

import asyncio
import os
from fractions import Fraction
from pathlib import Path

import pytest

from bot.media.decode import decode
from bot.media.ffmpeg import ffmpeg
from bot.media.probe import MediaError, run
from tests.rig.proving import one_in

_PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=1")
_SOUND = ("-f", "lavfi", "-i", "sine=r=48000:d=1")
_CODECS = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")


async def made(to: Path, *arguments: str) -> Path:
    await ffmpeg(*arguments, to, timeout=120)
    return to


async def test_a_mov_with_a_timecode_track_has_its_size_rate_and_frames(tmp_path):
    clip = await made(tmp_path / "a.mov", *_PICTURE, *_SOUND, *_CODECS, "-timecode", "01:00:00:00")
    info = (await decode(clip)).moving
    assert (info.width, info.height, info.fps, info.frames) == (64, 36, 24, 24)
    assert info.seconds == pytest.approx(1.0, abs=0.03)
    assert (info.video_codec, info.audio_codec, info.complete) == ("h264", "aac", True)


async def test_the_rate_of_a_fragmented_clip_is_that_of_its_picture(tmp_path):
    clip = await made(
        tmp_path / "a.mp4",
        *("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=2"),
        *("-f", "lavfi", "-i", "sine=r=48000:d=3.03"),
        *(*_CODECS, "-movflags", "+frag_keyframe+empty_moov"),
    )
    info = (await decode(clip)).moving
    assert (info.fps, info.frames) == (24, 48)
    assert info.sound is not None and info.sound.seconds == pytest.approx(3.03, abs=0.05)


RATES = ["24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60", "25/2", "15"]


@pytest.mark.parametrize("rate", one_in(5, RATES))
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
async def test_a_rate_is_exact_whatever_the_container_counts_in(tmp_path, rate, suffix):
    source = ("-f", "lavfi", "-i", f"testsrc2=s=32x32:r={rate}:d=2")
    clip = await made(tmp_path / f"a.{suffix}", *source, *_CODECS)
    assert (await decode(clip)).fps == Fraction(rate)


async def test_a_turned_clip_with_oblong_pixels_is_as_large_as_it_is_shown(tmp_path):
    flat = await made(tmp_path / "a.mp4", *_PICTURE, "-vf", "setsar=4/3", *_CODECS)
    clip = await made(tmp_path / "b.mp4", "-display_rotation", "-90", "-i", str(flat), "-c", "copy")
    info = (await decode(clip)).moving
    assert (info.width, info.height) == (36, 85)
    assert (info.picture.rotation, info.picture.aspect) == (90, Fraction(4, 3))
    assert info.picture.stored == (64, 36)


async def test_light_of_a_phone_is_known_by_its_codes(tmp_path):
    tags = "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc:range=tv"
    clip = await made(
        tmp_path / "a.mov",
        *(*_PICTURE, "-vf", f"format=yuv420p10le,{tags}", "-c:v", "libx265", "-tag:v", "hvc1"),
        *("-x265-params", "log-level=error"),
    )
    picture = (await decode(clip)).moving.picture
    assert (picture.transfer, picture.primaries, picture.matrix) == (18, 9, 9)
    assert picture.hdr and not picture.full


async def test_picture_and_sound_each_say_when_they_begin(tmp_path):
    source = (*_PICTURE, "-itsoffset", "0.5", *_SOUND, *_CODECS)
    clip = await made(tmp_path / "a.mp4", *source)
    info = (await decode(clip)).moving
    assert info.sound_after == pytest.approx(0.5, abs=0.03)
    assert info.seconds == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "wav"])
async def test_a_file_that_is_cut_off_is_incomplete_whatever_it_says(tmp_path, suffix):
    codecs = () if suffix == "wav" else _CODECS
    source = _SOUND if suffix == "wav" else (*_PICTURE, *_SOUND)
    front = ("-movflags", "+faststart") if suffix == "mp4" else ()
    clip = await made(tmp_path / f"a.{suffix}", *source, *codecs, *front)
    assert (await decode(clip)).complete
    os.truncate(clip, clip.stat().st_size * 6 // 10)
    info = await decode(clip)
    assert not info.complete and info.trouble
    assert 0.3 < info.seconds < 0.9


async def test_bytes_that_cannot_be_decoded_make_a_clip_incomplete(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_CODECS)
    whole = clip.read_bytes()
    at = whole.index(b"mdat") + 2000
    clip.write_bytes(whole[:at] + b"\x5a" * 1500 + whole[at + 1500 :])
    info = await decode(clip)
    assert not info.complete and "h264" in info.trouble


async def test_a_sound_alone_has_no_picture_and_says_so(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_SOUND, "-c:a", "aac", "-brand", "isom")
    info = await decode(clip)
    assert (info.has_picture, info.has_sound, info.frames, info.fps) == (False, True, None, None)
    with pytest.raises(MediaError, match=r"This file has no video\."):
        assert info.moving


async def test_what_is_no_clip_is_refused_with_a_sentence(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_CODECS)
    hollow = clip.read_bytes()
    for content in (
        hollow[:40],
        b"\0\0\0\x18ftypmp42" + b"\0" * 500,
        hollow.replace(b"moov", b"m00v"),
    ):
        clip.write_bytes(content)
        with pytest.raises(MediaError, match=r"\.$") as refused:
            await decode(clip)
        assert not refused.value.ours


async def test_a_list_of_other_files_is_never_followed(tmp_path):
    inner = await made(tmp_path / "inner.mp4", *_PICTURE, *_CODECS)
    listed = tmp_path / "list.mp4"
    listed.write_text(f"ffconcat version 1.0\nfile '{inner}'\n")
    with pytest.raises(MediaError, match="can't be read as a clip or a sound"):
        await decode(listed)


async def test_a_look_that_takes_too_long_is_our_trouble_and_no_verdict(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_CODECS)
    with pytest.raises(MediaError, match="Try again") as refused:
        await decode(clip, timeout=0.0)
    assert refused.value.ours
    assert (await decode(clip)).complete


async def test_who_asks_at_the_same_time_waits_and_who_gives_up_holds_nobody(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_CODECS)
    first, *others = [asyncio.create_task(decode(clip)) for _ in range(4)]
    await asyncio.sleep(0)
    first.cancel()
    found = await asyncio.gather(*others)
    assert all(each is found[0] for each in found), "it was decoded once"
    assert await decode(clip) is found[0]


async def test_a_file_that_changed_is_decoded_again(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_CODECS)
    assert (await decode(clip)).frames == 24
    await made(clip, "-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=2", *_CODECS)
    assert (await decode(clip)).frames == 48


async def test_room_that_is_lacking_is_our_trouble_and_its_reason_is_in_the_log(tmp_path, caplog):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_CODECS)
    with pytest.raises(MediaError) as refused:
        await run("-i", clip, "-c", "copy", "-f", "mp4", "/dev/full", timeout=120)
    assert refused.value.ours
    assert "No space left" in refused.value.reason and "No space left" in caplog.text
