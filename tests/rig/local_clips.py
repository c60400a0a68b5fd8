"""Orders to the embedded provider, what people give it, and what is to be seen in its clips."""

import asyncio
import re
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from bot.catalog.complete import complete
from bot.media import probe
from bot.media.ffmpeg import ffmpeg
from bot.providers import Order, Report, Stage
from bot.providers.local import MODEL, Local
from storage import Brief, Input
from tests.rig.processes import own_children

SMALL = Brief(prompt="a red fox", resolution="480p", aspect="1:1", duration=2, fps=24, seed=7)


@pytest.fixture
async def local(tmp_path):
    provider = Local(tmp_path / "local")
    yield provider
    await provider.close()
    assert not own_children(), "a process was left behind"


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """A finished clip, for the tests that only look at one."""

    async def make() -> Path:
        provider = Local(tmp_path_factory.mktemp("plain") / "local")
        try:
            return await clip_of(provider, SMALL, tmp_path_factory.mktemp("clip"))
        finally:
            await provider.close()

    return asyncio.run(make())


def order(brief: Brief = SMALL, attempt: str = "attempt-1") -> Order:
    async def no_link(source: Input) -> str:
        raise AssertionError("a local render needs no link")

    return Order(
        job=42,
        attempt=attempt,
        model=MODEL,
        brief=complete(MODEL, brief, seed=5),
        path=lambda source: Path(source.file),
        link=no_link,
    )


async def finished(provider: Local, wanted: Order) -> list[Report]:
    """Order it and poll until it is ready; every report on the way."""
    receipt = await provider.submit(wanted)
    return await ready(provider, wanted, receipt.remote_id)


async def ready(provider: Local, wanted: Order, remote_id: str) -> list[Report]:
    reports = []
    async with asyncio.timeout(120):
        while True:
            reports.append(await provider.poll(wanted, remote_id))
            if reports[-1].stage is Stage.READY:
                return reports
            await asyncio.sleep(0.02)


async def clip_of(provider: Local, brief: Brief, tmp_path: Path, name: str = "clip") -> Path:
    wanted = order(brief, name)
    await finished(provider, wanted)
    to = tmp_path / f"{name}.mp4"
    await provider.fetch(wanted, name, None, to)
    return to


async def picture(clip: Path, at: float) -> Image.Image:
    """What *clip* shows *at* seconds."""
    frames = clip.with_suffix(".frames")
    if not frames.exists():
        frames.mkdir()
        await ffmpeg("-i", clip, "-fps_mode", "passthrough", frames / "%d.ppm", timeout=120)
    found = await probe.probe(clip)
    with Image.open(frames / f"{int(at * found.fps + 0.001) + 1}.ppm") as image:
        return image.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart: the mean over pixels and colours, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


async def source(to: Path, *, seconds: float = 2, sound: bool = True, fps: str = "30") -> Input:
    """A clip that somebody uploads: blue with a moving ball, and a tone."""
    await ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=214x120:r={fps}:d={seconds}"),
        *("-f", "lavfi", "-i", f"sine=f=300:d={seconds}", "-map", "0:v"),
        *(("-map", "1:a") if sound else ()),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", to),
        timeout=120,
    )
    found = await probe.probe(to)
    return Input(
        file=str(to),
        type="video/mp4",
        size=found.size,
        width=found.width,
        height=found.height,
        seconds=found.seconds,
        fps=float(found.fps),
        frames=found.frames,
    )


def photo(to: Path, size=(640, 360), colours=("navy", "gold")) -> Input:
    """A picture with a bright square in the middle of its left half."""
    image = Image.new("RGB", size, colours[0])
    quarter = min(size) // 4
    image.paste(colours[1], (quarter, quarter, 2 * quarter, 2 * quarter))
    image.save(to)
    width, height = size
    return Input(file=str(to), type="image/png", size=to.stat().st_size, width=width, height=height)


async def volume(path: Path, part: str) -> tuple[float, float]:
    """Mean and peak of the sound after the filter *part*, in decibels below full scale."""
    said = await ffmpeg(
        *("-i", path, "-map", "0:a", "-f", "null", "-af", f"{part},volumedetect", "-"), timeout=30
    )
    mean, peak = (re.search(rf"{word}_volume: (-?[\d.]+) dB", said) for word in ("mean", "max"))
    return float(mean[1]), float(peak[1])
