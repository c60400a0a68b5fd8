"""Asking providers how far their clips are: what a question costs, and how many are on time.

The product asks through its worker, from a file of jobs; the bare loops only ask. The company that
answers is a process of its own, so CPU times are those of the asking alone.
"""

import asyncio
import gc
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import aiohttp
import httpx

from bot.app.running import collecting_what_is_new
from bot.events import Events
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.providers import Connection, Order, Report
from bot.providers.ltx import Ltx, connect
from storage import Store, open_store
from storage.opening import DATABASE
from tests.bench.admission import ROOMY
from tests.bench.answering import answering
from tests.bench.history import PEOPLE, SERVERS
from tests.bench.table import Row, text
from tests.rig.doubles import Presenter
from tests.rig.drafts import draft

MODEL = "ltx-2-3-fast"
ROUNDS = 2  #: of questions about each job
EVERY, SPREAD = 5.0, 1.025  #: seconds between two questions, and how much longer the mean is
AT_ONCE = 50  #: questions under way in a saturated run
ARRIVALS = 50  #: orders a second beside
LAG = 0.005  #: seconds between two looks at the event loop

_RENDERING = f"""
WITH RECURSIVE each (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < :count)
INSERT INTO job (id, request, guild_id, channel_id, user_id, provider, model, brief, price,
    created_at, state, rev, due_at, since, tries, attempt, token, remote_id, billed, thread_id,
    card_channel_id, card_id)
SELECT n, 'interaction:' || n, 1 + n % {SERVERS}, n % 100, 1 + n % {PEOPLE}, 'ltx', '{MODEL}',
    json_object('mode', 'text', 'prompt', 'a slow dolly shot of a red fox ' || n, 'resolution',
        '1080p', 'aspect', '16:9', 'duration', 6, 'fps', 24, 'seed', n, 'sound', json('true')),
    0, :now, 'rendering', 2, :now + :every * n / :count, :now, 0, 1, 't' || n, 'r-' || n, 'no', n,
    n % 100, n
FROM each
"""  # fixed texts


def fill(directory: Path, count: int, every: float) -> None:
    """Write *count* jobs that LTX is working on, due one after another."""
    db = sqlite3.connect(directory / DATABASE, isolation_level=None)
    rules = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    db.execute("BEGIN")
    for name, _ in rules:  # they look at each row by itself, and all of them are right
        db.execute(f"DROP TRIGGER {name}")
    db.execute(_RENDERING, {"count": count, "now": time.time(), "every": every})
    for _, sql in rules:
        db.execute(sql)
    db.execute("COMMIT")
    db.close()


@dataclass
class Asked(Ltx):
    """LTX, which counts its answers. Nothing else of it is changed."""

    count = 0

    def __init__(self, inner: Ltx) -> None:
        self.__dict__ = inner.__dict__

    async def poll(self, order: Order, remote_id: str) -> Report:
        """As LTX does."""
        report = await super().poll(order, remote_id)
        self.count += 1
        return report


def ltx(host: str, data: Path, *, every: float, concurrency: int) -> Asked:
    """LTX at *host*."""
    environ = {
        "LTX_API_KEY": "a-key-of-the-bench",
        "LTX_BASE_URL": f"http://{host}",
        "LTX_CONCURRENCY": str(concurrency),
        "LTX_PER_MINUTE": "1000000",
    }
    inner = connect(Connection(data=data, environ=environ, loopback=frozenset({host})))
    assert inner is not None
    inner.limits = replace(inner.limits, poll_every=every)
    return Asked(inner)


async def _link(*_: object) -> str:
    return ""


@asynccontextmanager
async def working(
    host: str, *, jobs: int, every: float, concurrency: int
) -> AsyncIterator[tuple[Store, Asked]]:
    """A worker that has *jobs* under way."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        data = Path(folder)
        async with open_store(data):
            pass
        fill(data, jobs, every)
        async with open_store(data, defaults=ROOMY) as store:
            provider = ltx(host, data, every=every, concurrency=concurrency)
            providers, events = {"ltx": provider}, Events()
            tracker = Tracker(store, providers, events)
            worker = Worker(
                store,
                providers,
                Presenter(),
                tracker=tracker,
                events=events,
                data=data,
                link=_link,
            )
            running = asyncio.create_task(worker.run())
            try:
                yield store, provider
            finally:
                await worker.stop(within=1)
                await running
                await provider.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What was asked in a while."""

    asked: int
    wall: float  #: seconds
    cpu: float  #: seconds of this process
    lags: tuple[float, ...] = ()  #: seconds that the loop was late, sorted

    @property
    def cost(self) -> float:
        """Seconds of CPU for each question."""
        return self.cpu / max(1, self.asked)


async def turn(provider: Asked, seconds: float) -> Turn:
    """What the worker does in so many seconds."""
    lags = []
    before, cpu, begun = provider.count, time.process_time(), time.perf_counter()
    while (at := time.perf_counter()) < begun + seconds:
        await asyncio.sleep(LAG)
        lags.append(time.perf_counter() - at - LAG)
    return Turn(
        asked=provider.count - before,
        wall=time.perf_counter() - begun,
        cpu=time.process_time() - cpu,
        lags=tuple(sorted(lags)),
    )


async def bare_aiohttp(host: str, seconds: float) -> Turn:
    """The same questions with aiohttp alone, `AT_ONCE` of them at once."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(number: int) -> None:
            async with session.get(f"http://{host}/v2/text-to-video/r-{number}") as answer:
                await answer.json()

        return await _bare(ask, seconds)


async def bare_httpx(host: str, seconds: float) -> Turn:
    """The same questions with httpx alone, on as many connections."""
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=AT_ONCE)) as client:

        async def ask(number: int) -> None:
            (await client.get(f"http://{host}/v2/text-to-video/r-{number}")).json()

        return await _bare(ask, seconds)


async def _bare(ask: Callable[[int], Awaitable[object]], seconds: float) -> Turn:
    asked, cpu, begun = 0, time.process_time(), time.perf_counter()

    async def caller() -> None:
        nonlocal asked
        while time.perf_counter() < begun + seconds:
            await ask(asked)
            asked += 1

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return Turn(asked=asked, wall=time.perf_counter() - begun, cpu=time.process_time() - cpu)


async def saturated(*, turns: int, seconds: float) -> list[Row]:
    """What a question costs, when as many are asked as can be."""
    sides: list[tuple[Turn, Turn, Turn]] = []
    async with answering() as host:
        for _ in range(turns):
            async with working(host, jobs=AT_ONCE, every=1e-6, concurrency=AT_ONCE) as (_, ours):
                await asyncio.sleep(0.25)
                asked = await turn(ours, seconds)
            sides.append(
                (asked, await bare_aiohttp(host, seconds), await bare_httpx(host, seconds))
            )
    costs = [1e6 * median(each.cost for each in side) for side in zip(*sides, strict=True)]
    return [
        Row(
            name="a poll through the worker, saturated, CPU",
            against=against,
            figures=tuple(each[base].cost / each[0].cost for each in sides),
            goal=goal,
            note=f"CPU {costs[0]:,.0f} against {costs[base]:,.0f} µs a question",
        )
        for base, against, goal in (
            (1, "bare aiohttp", 0.6),
            (2, f"bare httpx, {AT_ONCE} connections", 6),
        )
    ]


async def in_flight(*, jobs: int, delay: float, arrivals: int, every: float = EVERY) -> list[Row]:
    """What *jobs* under way cost, and whether they are asked about on time.

    They are asked about in waves, as they began together, so whole rounds are looked at.
    """
    gc.collect()
    cycle = every * SPREAD + delay
    idle = _resident()
    async with (
        answering(delay) as host,
        working(host, jobs=jobs, every=every, concurrency=jobs) as (store, provider),
    ):
        with collecting_what_is_new():  # as the bot does
            ordering = asyncio.create_task(_orders(store, arrivals))
            await asyncio.sleep(every * 1.5)  # each was asked about once
            found = await turn(provider, ROUNDS * cycle)
            ordering.cancel()
        more = (_resident() - idle) / 2**20
    name = f"{jobs:,} in flight, {1000 * delay:.0f} ms an answer"
    beside = f", {arrivals} orders a second" if arrivals else ""
    wanted = jobs / cycle
    slow = 1000 * found.lags[int(0.99 * len(found.lags))]
    return [
        Row(
            name=f"{name}{beside}: questions on time",
            against=f"{wanted:,.0f} a second",
            figures=(found.asked / found.wall / wanted,),
            goal=0.95,
        ),
        Row(
            name=f"{name}: CPU",
            against="a core",
            figures=(100 * found.cpu / found.wall,),
            goal=80 if jobs > 1000 else 25,
            at_least=False,
            unit=" %",
            digits=0,
            note=f"{1e6 * found.cost:,.0f} µs a question, the orders in it",
        ),
        Row(
            name=f"{name}: memory",
            against="without jobs",
            figures=(more,),
            goal=80,
            at_least=False,
            unit=" MB more",
            digits=0,
        ),
        Row(
            name=f"{name}: lag of the loop, p99",
            against="–",
            figures=(slow,),
            goal=15,
            at_least=False,
            unit=" ms",
            digits=1,
        ),
    ]


async def _orders(store: Store, a_second: int) -> None:
    number = 10**6
    while a_second:
        number += 1
        new = draft(number, user_id=1 + number % PEOPLE, guild_id=1 + number % SERVERS)
        later = time.time() + 1e6
        await store.policy.admit(replace(new, due_at=later, created_at=time.time()), roles=())
        await asyncio.sleep(1 / a_second)


def _resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def rows(
    *,
    turns: int = 4,
    seconds: float = 1.5,
    jobs: tuple[int, int] = (1_000, 10_000),
    every: float = EVERY,
) -> list[Row]:
    """The rows of the table."""
    few, many = jobs
    return [
        *asyncio.run(saturated(turns=turns, seconds=seconds)),
        *asyncio.run(in_flight(jobs=few, delay=0.2, arrivals=0, every=every)),
        *asyncio.run(in_flight(jobs=many, delay=0.0, arrivals=ARRIVALS, every=every)),
    ]


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
