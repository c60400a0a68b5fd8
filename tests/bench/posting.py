"""How long it takes from "it is ready", as a provider said it, until the clip stands in Discord.

The bot works in a playground, with a provider whose clip is on the same disk: nothing is waited for
that Dailies could not do sooner. The pause until somebody asks is not in it, nor is an encode, as
the clip is under Discord's limit.
"""

import asyncio
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from bot.app.compose import VERIFIED
from bot.catalog.model import Model
from bot.chat.gaps import GAPS
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.providers import Order, Report, Stage
from playground import Person, open_playground
from tests.bench.table import Row, text
from tests.rig.doubles import FakeProvider, model
from tests.rig.house import working
from tests.rig.taking import clip_of

RENDERS = 3.0  #: seconds that a clip is in the making: its card stands by then
SECONDS = 6  #: of each clip


class Ready(FakeProvider):
    """Has each clip some seconds after its order, and notes when it said so."""

    def __init__(self, clip: Path, renders: float, models: tuple[Model, ...]) -> None:
        super().__init__("render", models=models)
        self.limits = replace(self.limits, first_poll=renders, poll_every=0.2)
        self.said: dict[str, float] = {}  #: by its own id of the job; of `time.perf_counter`
        self._due: dict[str, float] = {}
        self._clip, self._renders = clip, renders

    async def poll(self, order: Order, remote_id: str) -> Report:
        """Say how far it is."""
        now = time.perf_counter()
        if now < self._due.setdefault(remote_id, now + self._renders):
            return Report(stage=Stage.RUNNING)
        self.said.setdefault(remote_id, now)
        return Report(stage=Stage.READY, url="https://results.example/clip.mp4")

    async def fetch(self, order: Order, remote_id: str, url: str, to: Path) -> None:
        """Give the clip."""
        await asyncio.to_thread(shutil.copyfile, self._clip, to)


async def _made(to: Path) -> Path:
    await ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=24:d={SECONDS}"),
        *("-f", "lavfi", "-i", f"sine=f=440:d={SECONDS}", *H264_AAC, "-preset", "veryfast"),
        *("-t", str(SECONDS), to),
        timeout=120,
    )
    return to


@asynccontextmanager
async def _ordering(folder: Path, renders: float) -> AsyncIterator[tuple[Person, Ready]]:
    """A person of a playground, and who makes what they order."""
    clip = await _made(folder / "made.mp4")
    provider = Ready(clip, renders, (model(),))
    async with (
        open_playground() as playground,
        working(
            playground,
            folder / "data",
            providers={"render": provider},
            results=VERIFIED,
            gaps=GAPS,
        ),
    ):
        yield playground.person("mira"), provider


async def _posted(turns: int, renders: float) -> list[tuple[float, float]]:
    """Of each clip: milliseconds from its provider's word to its message, and of CPU in ffmpeg."""
    found = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        async with _ordering(Path(name), renders) as (mira, provider):
            for turn in range(1, turns + 2):
                before = _cpu()
                asked = await mira.type("/video text", prompt=f"a red fox {turn}", duration=SECONDS)
                await asked.answered
                await clip_of(mira, turn)
                posted = time.perf_counter()
                took = posted - provider.said[f"remote-{turn}"]
                found.append((1000 * took, 1000 * (_cpu() - before)))
    return found[1:]  # the first one loads what it needs


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rows(*, turns: int = 3, renders: float = RENDERS) -> list[Row]:
    """The row of the table."""
    found = asyncio.run(_posted(turns, renders))
    return [
        Row(
            name="a clip that is ready until it is posted, beside the pause between two questions",
            against="–",
            figures=tuple(took for took, _ in found),
            goal=150,
            at_least=False,
            unit=" ms",
            digits=0,
            note=f"{SECONDS} s of 720p, read to its end before it counts: CPU of ffmpeg "
            f"{median(cpu for _, cpu in found):,.0f} ms",
        )
    ]


def main() -> None:
    """Print the row."""
    print(text(rows()), end="")
