"""How long it takes to bring a clip of 1080p under 10 MiB for 20 seconds, against real time.

Both clips are shorter than that, with their share of the limit, so that all of it stays near a
minute. They are written to disk first, which does not count, and read to their end, as each clip
is when it comes.
"""

import asyncio
import resource
import tempfile
import time
from pathlib import Path

from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.fit import fit
from bot.media.probe import probe
from tests.bench.fitting import grainy
from tests.bench.table import Row, text

RATE = 10 * 2**20 / 20  #: bytes a second that the limit has
EASY, GRAINY = 5.0, 5.0  #: seconds of each clip


async def easy(to: Path, *, size: str, seconds: float) -> Path:
    """A slow drift through colours, with sound, at a rate that is over the limit."""
    await ffmpeg(
        *("-f", "lavfi", "-i", f"gradients=s={size}:r=24:d={seconds}:speed=0.02:seed=1"),
        *("-f", "lavfi", "-i", f"sine=f=440:d={seconds}"),
        *(*H264_AAC, "-preset", "ultrafast", "-b:v", "8M", "-minrate", "8M", "-maxrate", "8M"),
        *("-bufsize", "8M", "-x264-params", "nal-hrd=cbr", "-t", str(seconds), to),
        timeout=300,
    )
    return to


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _row(kind: str, clip: Path, seconds: float, goal: float) -> Row:
    limit, to = int(RATE * seconds), clip.with_name("fit.mp4")
    await probe(clip)
    cpu, begun = _cpu(), time.perf_counter()
    await fit(clip, to, limit)
    took = time.perf_counter() - begun
    return Row(
        name=f"{kind} clip of {seconds:g} s in 1080p into {limit / 2**20:g} MiB",
        against="real time",
        figures=(took / seconds,),
        goal=goal,
        at_least=False,
        note=f"from {clip.stat().st_size / 2**20:.0f} MiB; {to.stat().st_size / limit:.0%} of the "
        f"limit used; CPU {_cpu() - cpu:.0f} s",
    )


async def measured(directory: Path, *, size: str, plain: float, noisy: float) -> list[Row]:
    """Each once."""
    return [
        await _row(
            "an easy", await easy(directory / "e.mp4", size=size, seconds=plain), plain, 0.65
        ),
        await _row(
            "a grainy", await grainy(directory / "g.mp4", size=size, seconds=noisy), noisy, 1.5
        ),
    ]


def rows(*, size: str = "1920x1080", plain: float = EASY, noisy: float = GRAINY) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
        return asyncio.run(measured(Path(directory), size=size, plain=plain, noisy=noisy))


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
