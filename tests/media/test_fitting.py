"""A clip that is too large is made to fit: never over the limit, and as good as that allows."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.atomic import scratch, whole
from bot.media import fit, probe
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.probe import MediaError
from tests.bench.fitting import grainy, likeness, one_pass

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fitting")


@pytest.fixture(scope="module")
def hard(folder):
    """Four seconds of grain, half of them moving, with sound."""
    return asyncio.run(grainy(folder / "hard.mp4", size="640x360", seconds=4))


#: Its colors and its ends are given: it makes them up otherwise, whatever its seed.
_GRADIENT = "gradients=seed=3:speed=0.005:r=24:c0=0x203040:c1=0xd0a060:x0=0:y0=0:x1=1280:y1=720"


async def plain(to: Path, *, size="1280x720", seconds=2, sound=True) -> Path:
    """Nothing but a slow gradient, in far more bits than it needs."""
    noise = ("-f", "lavfi", "-i", f"sine=d={seconds}") if sound else ()
    await ffmpeg(
        *("-f", "lavfi", "-i", f"{_GRADIENT}:s={size}:d={seconds}", *noise),
        *(*H264_AAC, "-preset", "ultrafast", "-qp", "1", to),
        timeout=120,
    )
    return to


@pytest.mark.long
@pytest.mark.parametrize("share", [2, 5, 15])
async def test_a_hard_clip_uses_its_limit_and_never_more(hard, tmp_path, share):
    before = await probe.probe(hard)
    limit = before.size // share
    await fit.fit(hard, tmp_path / "small.mp4", limit)
    small = await probe.probe(tmp_path / "small.mp4")
    assert limit * 0.85 < small.size <= limit
    assert (small.frames, small.fps) == (before.frames, before.fps)
    assert (small.video_codec, small.audio_codec) == ("h264", "aac")
    assert small.seconds == pytest.approx(before.seconds, abs=0.05)
    assert small.width / small.height == pytest.approx(16 / 9, abs=0.02)
    assert [path.name for path in tmp_path.iterdir()] == ["small.mp4"], "no statistics stay"


@pytest.mark.long
async def test_two_passes_look_better_than_one_under_the_same_limit(hard, tmp_path):
    limit = hard.stat().st_size // 6
    await one_pass(hard, tmp_path / "before.mp4", limit)
    await fit.fit(hard, tmp_path / "now.mp4", limit)
    [old_ssim, old_psnr] = await likeness(tmp_path / "before.mp4", hard)
    [ssim, psnr] = await likeness(tmp_path / "now.mp4", hard)
    assert 1 - ssim < 0.97 * (1 - old_ssim)
    assert psnr > old_psnr + 0.2


@pytest.mark.long
async def test_a_plain_clip_is_not_blown_up_to_its_limit(tmp_path):
    clip = await plain(tmp_path / "clip.mp4")
    limit = clip.stat().st_size - 1
    await fit.fit(clip, tmp_path / "small.mp4", limit)
    small = await probe.probe(tmp_path / "small.mp4")
    assert small.size < limit / 3
    assert (small.width, small.height) == (1280, 720)
    ssim, _ = await likeness(tmp_path / "small.mp4", clip)
    assert ssim > 0.985


@pytest.mark.long
async def test_a_plain_clip_keeps_its_size_where_others_have_to_shrink(hard, tmp_path):
    """Few bits a pixel are enough for a picture in which little happens."""
    clip = await plain(tmp_path / "clip.mp4", sound=False)
    limit = 40_000
    await fit.fit(clip, tmp_path / "small.mp4", limit)
    small = await probe.probe(tmp_path / "small.mp4")
    assert small.size <= limit
    assert small.height >= 540
    assert small.audio_codec is None


@pytest.mark.long
async def test_a_clip_with_too_few_bits_for_its_pixels_gets_fewer_of_them(tmp_path):
    clip = await grainy(tmp_path / "clip.mp4", size="1280x720", seconds=1)
    await fit.fit(clip, tmp_path / "small.mp4", 60_000)
    small = await probe.probe(tmp_path / "small.mp4")
    assert small.size <= 60_000
    assert small.height < 720


async def test_the_first_size_that_is_not_blocky_is_found_in_a_few_looks():
    """Sizes are numbered from the largest; each look tells the rate factor of one."""
    pixels = [side * side * 16 // 9 for side in (2160, 1440, 1080, 720, 540, 480, 360)]
    for begin in range(len(pixels)):
        for slope in (4.0, 7.0, 12.0):
            for least in range(-10, 60, 7):
                true = [least + slope * i for i in range(len(pixels))][::-1]
                factors, at = {}, begin
                while at not in factors:
                    factors[at] = true[at]
                    at = fit._next(factors, at, pixels)
                assert len(factors) <= (4 if slope == 7.0 else 5)
                fine = [i for i in factors if true[i] <= fit._BLOCKY]
                if not fine:
                    assert true[-1] > fit._BLOCKY and len(pixels) - 1 in factors
                elif true[min(fine)] < fit._ROOMY and min(fine) > 0:
                    assert min(fine) - 1 in factors, "the next larger one was looked at"


@pytest.mark.long
async def test_what_cannot_fit_is_refused_and_leaves_nothing(hard, tmp_path):
    with pytest.raises(MediaError, match="too long"):
        await fit.fit(hard, tmp_path / "small.mp4", 40_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
async def test_a_fit_that_is_cancelled_in_either_pass_leaves_nothing(hard, tmp_path):
    for begun in ("*.log*", "*.trial"):
        work = asyncio.create_task(fit.fit(hard, tmp_path / "small.mp4", 400_000))
        async with asyncio.timeout(120):
            while not [*tmp_path.glob(begun)]:
                await asyncio.sleep(0.005)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert list(tmp_path.iterdir()) == []


async def test_what_a_killed_process_had_begun_goes_with_the_next_try(tmp_path):
    """Of the same file alone, and never what this process is at work on."""
    dies = f"""
import os, pathlib, signal
from bot.atomic import scratch
with scratch(pathlib.Path({str(tmp_path)!r}) / "1.mp4") as part:
    part.write_bytes(b"half")
    part.with_name(part.name + ".0.log").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", dies], check=False)
    assert ended.returncode == -signal.SIGKILL
    others = ["1.mp4", "1.mp4.part", "11.mp4", "1.1000.mp4"]
    for name in others:
        (tmp_path / name).write_bytes(b"whole")
    assert len([*tmp_path.iterdir()]) == len(others) + 2
    with scratch(tmp_path / "1.mp4") as ours:
        ours.write_bytes(b"ours")
        with whole(tmp_path / "1.mp4") as part:
            part.write_bytes(b"new")
        assert ours.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
    assert (tmp_path / "1.mp4").read_bytes() == b"new"
