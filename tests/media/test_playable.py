"""What is posted plays in Discord, has its index in front and says nothing; our file stays."""

import json
from pathlib import Path

import pytest

from bot.media.containers import index
from bot.media.decode import decode
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.playable import playable
from tests.rig.proving import one_in

_PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=1")
_SOUND = ("-f", "lavfi", "-i", "sine=r=48000:d=1")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
_WORKFLOW = json.dumps({"nodes": [{"text": "a secret fox"}]})
#: What a provider may have written into a clip, as ffmpeg is told to.
WRITTEN = [
    ("-metadata", f"comment={_WORKFLOW}"),
    ("-metadata", f"prompt={_WORKFLOW}", "-movflags", "use_metadata_tags+faststart"),
    ("-metadata", f"workflow={_WORKFLOW}", "-movflags", "use_metadata_tags+faststart"),
    ("-metadata", "title=a secret fox", "-metadata", "location=+59.3+018.0/"),
    ("-metadata:s:v", "title=a secret fox"),
    ("-metadata:s:a", "title=a secret fox"),
]


async def made(to: Path, *arguments: str) -> Path:
    await ffmpeg(*arguments, to, timeout=120)
    return to


async def posted(clip: Path, *, encoded: bool = True) -> Path:
    """What is posted of a clip; the clip itself is never changed."""
    before = clip.read_bytes()
    found = await playable(clip, clip.with_name("copy.mp4"), encoded=encoded)
    assert clip.read_bytes() == before
    return found


async def test_a_clip_that_plays_and_says_nothing_is_posted_as_it_is(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_SOUND, *H264_AAC)
    assert await posted(clip) == clip
    assert not (tmp_path / "copy.mp4").exists()


@pytest.mark.parametrize("words", one_in(3, [pytest.param(each) for each in WRITTEN]))
async def test_what_a_provider_wrote_into_a_clip_is_not_posted(tmp_path, words):
    options = (*_H264, "-movflags", "+faststart", *words)
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_SOUND, *options)
    assert b"secret" in clip.read_bytes()
    copy = (await posted(clip)).read_bytes()
    assert b"secret" not in copy and b"+59" not in copy
    same = [await decode(path) for path in (clip, tmp_path / "copy.mp4")]
    assert same[0].picture == same[1].picture and same[0].sound == same[1].sound


async def test_xmp_beside_the_index_is_not_posted(tmp_path):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *H264_AAC)
    xmp = b"uuid" + b"\xbe\x7a\xcf\xcb" + bytes(12) + b"<x:xmpmeta>a secret fox</x:xmpmeta>"
    clip.write_bytes(clip.read_bytes() + (len(xmp) + 4).to_bytes(4, "big") + xmp)
    assert b"secret" not in (await posted(clip)).read_bytes()


@pytest.mark.parametrize("flags", ["0", "+frag_keyframe+empty_moov"])
async def test_the_index_comes_first_and_is_one(tmp_path, flags):
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_SOUND, *_H264, "-movflags", flags)
    copy = await posted(clip)
    found = index(copy)
    assert copy != clip and found is not None and found.first and found.whole
    assert (await decode(copy)).frames == 24


@pytest.mark.parametrize(
    ("suffix", "options"),
    one_in(
        3,
        [
            ("mp4", ("-c:v", "libx265", "-x265-params", "log-level=error", "-c:a", "aac")),
            ("mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p", "-c:a", "aac")),
            ("mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-c:a", "aac")),
            ("mp4", ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p", "-c:a", "aac")),
            ("mp4", (*_H264[:-2], "-c:a", "libmp3lame")),
            ("mp4", (*_H264[:-2], "-c:a", "alac")),
            ("mp4", (*_H264, "-level", "6.2")),
            ("mov", ("-c:v", "prores_ks", "-c:a", "pcm_s16le")),
            ("webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus")),
            ("mp4", ("-vf", "crop=63:35", "-c:v", "libx264", "-pix_fmt", "yuv444p", "-c:a", "aac")),
        ],
    ),
)
async def test_what_discord_does_not_play_is_posted_as_a_copy_that_it_does(
    tmp_path, suffix, options
):
    clip = await made(tmp_path / f"a.{suffix}", *_PICTURE, *_SOUND, *options)
    copy = await posted(clip)
    assert copy != clip
    info, found = (await decode(copy)).moving, index(copy)
    assert (info.video_codec, info.audio_codec, info.frames, info.fps) == ("h264", "aac", 24, 24)
    assert found is not None and found.first and found.profile == 100 and (found.level or 99) <= 52
    assert not info.width % 2 and not info.height % 2
    assert await playable(copy, tmp_path / "again.mp4") == copy, "what it made plays"
    assert await posted(clip, encoded=False) == clip, "the original is never encoded"


async def test_the_original_is_posted_without_words_and_in_the_same_pictures(tmp_path):
    options = (*_H264, "-metadata", "comment=a secret fox")
    clip = await made(tmp_path / "a.mp4", *_PICTURE, *_SOUND, *options)
    copy = await posted(clip, encoded=False)
    assert b"secret" not in copy.read_bytes()
    assert (await decode(copy)).frames == 24
