"""A noisy, moving clip under a limit: two passes against one pass that aims low.

One pass has to guess what is still to come, so it must leave room, and spends the same on what is
easy and what is hard. Both results are compared with the clip they were made of, at its size.
"""

import asyncio
import re
import tempfile
import time
from pathlib import Path

from bot.media.color import TAGGED
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.fit import fit
from bot.media.probe import probe

#: A slow drift through a fractal, then a still; grain over all of it, as cameras have.
SOURCE = (
    "mandelbrot=s={size}:r=24:end_pts=200,noise=alls=12:allf=t,trim=duration={seconds},"
    "tpad=stop_mode=clone:stop_duration={seconds}"
)


async def grainy(to: Path, *, size: str, seconds: float) -> Path:
    """Half of it moves, half stands still; with sound."""
    await ffmpeg(
        *("-f", "lavfi", "-i", SOURCE.format(size=size, seconds=seconds / 2)),
        *("-f", "lavfi", "-i", f"anoisesrc=d={seconds}:a=0.1:c=pink"),
        *("-vf", TAGGED, *H264_AAC, "-crf", "12", "-b:a", "160k", "-t", str(seconds), to),
        timeout=300,
    )
    return to


async def one_pass(clip: Path, to: Path, limit: int) -> None:
    """The usual way: an average rate with a buffer, at 92 percent of the limit, at most 720p."""
    info = await probe(clip)
    total = limit * 8 * 0.92 / info.seconds
    sound = min(128_000.0, max(32_000.0, total * 0.12))
    bits = total - sound
    short = min(info.height, 720 if bits > 900_000 else 480 if bits > 350_000 else 360)
    await ffmpeg(
        *("-i", clip, "-vf", f"scale=-2:{short}:flags=bicubic", *H264_AAC, "-b:v", f"{bits:.0f}"),
        *("-maxrate", f"{bits * 1.05:.0f}", "-bufsize", f"{bits * 2:.0f}", "-b:a", f"{sound:.0f}"),
        to,
        timeout=300,
    )


async def likeness(clip: Path, original: Path) -> tuple[float, float]:
    """SSIM (0 to 1) and PSNR (dB) of *clip*, scaled to the size of *original*."""
    size = await probe(original)
    # Both in the same words, or ffmpeg takes them for different colours and converts one.
    scaled = f"[0:v]scale={size.width}:{size.height}:flags=bicubic,{TAGGED},split[a][b]"
    said = await ffmpeg(
        *("-i", clip, "-i", original, "-lavfi"),
        f"{scaled};[1:v]{TAGGED},split[c][d];[a][c]ssim,nullsink;[b][d]psnr",
        *("-an", "-f", "null", "-"),
        timeout=300,
    )
    found = [re.search(rf"{name}[^\n]*{of}:([\d.]+)", said) for name, of in _WORDS]
    assert all(found), said[-500:]
    ssim, psnr = (float(each[1]) for each in found if each)
    return ssim, psnr


_WORDS = (("SSIM", "All"), ("PSNR", "average"))


async def measure(directory: Path) -> None:
    """Both ways at three limits."""
    for size, seconds, limits in (("1280x720", 8.0, (4.0, 1.5, 0.6)), ("1920x1080", 8.0, (5.0,))):
        clip = await grainy(directory / "clip.mp4", size=size, seconds=seconds)
        print(f"  {size}, {seconds:g} s, {clip.stat().st_size / 2**20:.1f} MiB")
        for mib in limits:
            limit = int(mib * 2**20)
            for name, way in (("one pass", one_pass), ("two passes", fit)):
                begun = time.perf_counter()
                await way(clip, directory / "fit.mp4", limit)
                took = time.perf_counter() - begun
                ssim, psnr = await likeness(directory / "fit.mp4", clip)
                info = await probe(directory / "fit.mp4")
                print(
                    f"    {mib:4.1f} MiB  {name:10}  {info.size / limit:5.1%} used  "
                    f"{min(info.width, info.height)}p  SSIM {ssim:.4f}  PSNR {psnr:.2f} dB  "
                    f"{took:.0f} s"
                )


def main() -> None:
    """Print how alike both are to their original."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(Path(directory)))
