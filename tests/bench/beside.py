"""An order while much else is done, against one while nothing is.

While clips are encoded, one by ffmpeg and all others in line for it, what counts is how long an
order takes until its provider has it; while a moderator opens one list or report after another, of
a server with many finished jobs, how long until it is admitted. `DAILIES_BENCH_JOBS=1000000` tries
those with as many.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bot.events import Events
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.fit import fit
from bot.moderation.digest import Digests, Due
from bot.moderation.limits import Limits
from bot.moderation.parked import Parked
from bot.moderation.server_queue import ServerQueue
from bot.orders.requester import Requester
from bot.providers import Order, Receipt
from storage import Admitted, Job, Store, open_store
from tests.bench.admission import ROOMY, asked
from tests.bench.history import NOW, filled
from tests.bench.table import Row, text
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.drafts import draft
from tests.rig.studios import Disk, studio_of

JOBS = int(os.environ.get("DAILIES_BENCH_JOBS", "100000"))
CLIPS = 64
LIMIT = 200_000  #: bytes that each clip is brought under
BETWEEN = 0.05  #: seconds between two orders
ALONE = "one while nothing else is done"
SERVER = 1


class Sending(FakeProvider):
    """Says when it has a job, and makes the same clip of all of them."""

    def __init__(self, clip: Path) -> None:
        super().__init__("render", concurrency=10_000)
        self.limits = replace(self.limits, per_minute=10**6, first_poll=0.1)
        self._given: set[int] = set()
        self._news = asyncio.Event()
        self._clip = clip

    async def has(self, job: int) -> None:
        """Wait until it was given *job*."""
        while job not in self._given:
            self._news.clear()
            await self._news.wait()

    async def submit(self, order: Order) -> Receipt:
        """Take it."""
        self._given.add(order.job)
        self._news.set()
        return Receipt(remote_id=f"r-{order.job}")

    async def fetch(self, order: Order, remote_id: str, url: str, to: Path) -> None:
        """Give the clip."""
        await asyncio.to_thread(to.write_bytes, self._clip.read_bytes())


class Fitting(Presenter):
    """Makes each clip smaller, as for Discord's limit, and posts it nowhere."""

    def __init__(self, clips: int) -> None:
        super().__init__()
        self.full = asyncio.Event()  #: so many are under way
        self._begun, self._clips = 0, clips

    async def deliver(self, job: Job, clip: Path, *, again: bool) -> int:
        """Fit it."""
        self._begun += 1
        if self._begun == self._clips:
            self.full.set()
        await fit(clip, clip.with_suffix(".fit.mp4"), LIMIT)
        return 9000 + job.id


async def noisy(to: Path) -> Path:
    """Half a second of 480p that is larger than the limit."""
    await ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=854x480:r=24:d=0.5,noise=alls=20:allf=t"),
        *("-f", "lavfi", "-i", "sine=f=440:d=0.5", *H264_AAC, "-crf", "12", "-t", "0.5", to),
        timeout=120,
    )
    assert to.stat().st_size > LIMIT
    return to


async def _link(*_: object) -> str:
    return ""


@asynccontextmanager
async def working(
    folder: Path, clip: Path, clips: int
) -> AsyncIterator[tuple[Store, Sending, Fitting]]:
    """A worker without anything to do."""
    async with open_store(folder, defaults=ROOMY) as store:
        provider, screen, events = Sending(clip), Fitting(clips), Events()
        providers = {"render": provider}
        worker = Worker(
            store,
            providers,
            screen,
            tracker=Tracker(store, providers, events),
            events=events,
            data=folder,
            link=_link,
        )
        (folder / "takes").mkdir(exist_ok=True)
        running = asyncio.create_task(worker.run())
        try:
            yield store, provider, screen
        finally:
            await worker.stop(within=0.1)
            await running


async def admitted(store: Store, number: int) -> int:
    """The number of a new order for that provider."""
    now = time.time()
    job = draft(number, user_id=1 + number, provider="render", created_at=now, since=now)
    taken = await store.policy.admit(replace(job, due_at=now), roles=())
    assert isinstance(taken, Admitted)
    # A job that has no card yet waits for it.
    await store.jobs.set_places(taken.job.id, card_channel_id=20, card_id=number, thread_id=20)
    return taken.job.id


async def sent(store: Store, provider: Sending, first: int, seconds: float) -> float:
    """Seconds of the slowest of some orders, each from its wish until the provider has it."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < until or not took:
        await provider.has(await admitted(store, first + len(took)))
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(BETWEEN)
    return max(took)


async def encoding(directory: Path, *, clips: int, turns: int, seconds: float) -> Row:
    """An order while so many clips are under way from their provider to a post."""
    clip = await noisy(directory / "clip.mp4")
    found: list[tuple[float, float]] = []
    for turn in range(turns):
        folder = directory / str(turn)
        folder.mkdir()
        async with working(folder, clip, clips) as (store, provider, screen):
            await provider.has(await admitted(store, 10**6))  # what a first one loads
            alone = await sent(store, provider, 10**7, seconds)
            for number in range(clips):
                await admitted(store, number)
            await screen.full.wait()
            found.append((alone, await sent(store, provider, 10**8, seconds)))
    before, after = (median(side) for side in zip(*found, strict=True))
    return Row(
        name=f"an order while {clips} clips are encoded, until its provider has it, the slowest",
        against=ALONE,
        figures=tuple(1000 * (beside - alone) for alone, beside in found),
        goal=100,
        at_least=False,
        unit=" ms more",
        digits=0,
        note=f"{1000 * after:,.0f} against {1000 * before:,.0f} ms",
    )


def opened(store: Store) -> dict[str, Callable[[], Awaitable[object]]]:
    """What a moderator can open, by its name."""
    studio = studio_of(store, {"render": FakeProvider("render")}, disk=Disk())
    who = Requester(guild_id=SERVER, channel_id=20, user_id=SERVER, moderator=True)
    limits = Limits(studio, clock=lambda: NOW)
    parked, queue = Parked(studio, clock=lambda: NOW), ServerQueue(studio)
    digests, today = Digests(studio, clock=lambda: NOW), datetime.fromtimestamp(NOW, UTC).date()
    due = Due(guild_id=SERVER, channel_id=20, today=today, tried_at=NOW)
    year = (today - timedelta(365)).isoformat()
    return {
        "parked clips": lambda: parked.trouble(who),
        "clips that were not posted": lambda: parked.undelivered(who),
        "the queue": lambda: queue.jobs(who),
        "limits": lambda: limits.overview(who),
        "a person's limits": lambda: limits.person(who, SERVER, frozenset()),
        "changes": lambda: limits.audit(who),
        "a report of 30 days": lambda: limits.report(who, "30 days"),
        "a report of a year": lambda: limits.report(who, "30 days", first=year),
        "a digest": lambda: digests.figures(due),
    }


async def ordered(store: Store, during: Callable[[], Awaitable[object]], seconds: float) -> float:
    """Milliseconds of the slowest order but 1 %, while *during* is done again and again."""
    took, until = [], time.perf_counter() + seconds

    async def again() -> None:
        while True:
            await during()
            await asyncio.sleep(BETWEEN / 5)

    doing = asyncio.create_task(again())
    while (begun := time.perf_counter()) < until or not took:
        assert isinstance(await store.policy.admit(asked(), roles=()), Admitted)
        took.append(1000 * (time.perf_counter() - begun))
        await asyncio.sleep(BETWEEN / 5)
    if doing.done():
        doing.result()  # it should go on for ever
    doing.cancel()
    return sorted(took)[int(0.99 * len(took))]


async def _nothing() -> None:
    pass


async def reading(directory: Path, *, jobs: int, turns: int, seconds: float) -> Row:
    """An order while a moderator opens each list or report: the one that costs it most."""
    await filled(directory, jobs)
    more: dict[str, list[float]] = {}
    async with open_store(
        directory, defaults=ROOMY, wall=lambda: NOW + time.monotonic() % 1e5
    ) as store:
        for _ in range(turns):
            for name, question in opened(store).items():
                alone = await ordered(store, _nothing, seconds)
                beside = await ordered(store, question, seconds)
                more.setdefault(name, []).append(beside - alone)
        took = {}
        for name, question in opened(store).items():
            begun = time.perf_counter()
            await question()
            took[name] = 1000 * (time.perf_counter() - begun)
    worst = max(more, key=lambda name: median(more[name]))
    return Row(
        name=f"an order while a moderator opens lists and reports, {jobs:,} finished jobs, p99",
        against=ALONE,
        figures=tuple(more[worst]),
        goal=20,
        at_least=False,
        unit=" ms more",
        digits=0,
        note=f"most beside {worst}, which takes {took[worst]:.0f} ms; "
        + ", ".join(f"{name} {median(each):.0f}" for name, each in more.items()),
    )


async def measured(
    directory: Path, *, jobs: int, clips: int, turns: int, seconds: float
) -> list[Row]:
    """Both."""
    (directory / "clips").mkdir()
    return [
        await encoding(directory / "clips", clips=clips, turns=turns, seconds=seconds),
        await reading(directory / "history", jobs=jobs, turns=turns, seconds=seconds / 3),
    ]


def rows(
    *, jobs: int = JOBS, clips: int = CLIPS, turns: int = 2, seconds: float = 2.0
) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
        return asyncio.run(
            measured(Path(directory), jobs=jobs, clips=clips, turns=turns, seconds=seconds)
        )


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
