"""Durable admission, against a bare sqlite3 loop of four statements in one transaction each.

An admission is everything that an order costs: every limit looked at, the price held in the
ledger, the counters of the day, the job and its first event. The bare loop does the least that can
be called one: what its person used, their pace, a job, a row of a ledger. Machines are noisy, so
both take turns of a fraction of a second, and what counts are the ratios of neighbouring turns.
`DAILIES_BENCH_JOBS=1000000` tries it in a file with as many finished jobs.
"""

import asyncio
import itertools
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bot.orders.requester import Requester
from storage import Admitted, Brief, Defaults, Job, open_store
from tests.bench.history import NOW, PEOPLE, SERVERS, filled
from tests.bench.table import Row, text
from tests.rig.doubles import FakeProvider
from tests.rig.drafts import draft
from tests.rig.studios import studio_of

WAITING = 200  #: callers at once
SLICE = 0.4  #: seconds of a turn
JOBS = int(os.environ.get("DAILIES_BENCH_JOBS", "100000"))  #: finished ones in the larger file
BARE = "a bare sqlite3 loop of four statements"

#: Limits that are all looked at and never reached.
ROOMY = Defaults(
    amount=10**9,
    budget=10**9,
    jobs_per_user=10**6,
    jobs_per_server=None,  # thousands at once would be counted each time
    per_minute=10.0**6,
    burst=10**6,
)

numbers = itertools.count(1)


def asked() -> Job:
    """An order of one of many people in one of many servers."""
    number = next(numbers)
    return draft(number, user_id=1 + number % PEOPLE, guild_id=1 + number % SERVERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What was done in a fraction of a second."""

    took: list[float]  #: seconds of each admission
    wall: float  #: seconds in all
    cpu: float  #: seconds of this process

    @property
    def rate(self) -> float:
        """Admissions a second."""
        return len(self.took) / self.wall

    @property
    def cost(self) -> float:
        """Seconds of CPU for each."""
        return self.cpu / len(self.took)

    @property
    def p50(self) -> float:
        """Seconds that half of them took at most."""
        return median(self.took)


class Bare:
    """The four statements, on a file of their own with *count* rows in each large table."""

    def __init__(self, path: Path, count: int) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE job (id INTEGER PRIMARY KEY, request TEXT NOT NULL UNIQUE,
                user_id INTEGER NOT NULL, state TEXT NOT NULL, due_at REAL, brief TEXT NOT NULL);
            CREATE INDEX job_of_user ON job (user_id);
            CREATE INDEX job_due ON job (state, due_at);
            CREATE TABLE ledger (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL,
                day TEXT NOT NULL, job_id INTEGER NOT NULL, amount INTEGER NOT NULL);
            CREATE INDEX ledger_of_day ON ledger (user_id, day, amount);
            CREATE TABLE pace (user_id INTEGER PRIMARY KEY, paid_at REAL NOT NULL);
            """
        )
        self._db.execute("BEGIN")
        each = "WITH RECURSIVE each (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < ?)"
        if count:
            self._db.execute(
                f"{each} INSERT INTO job SELECT n, 'r' || n, n % {PEOPLE}, 'done', NULL,"
                " hex(randomblob(200)) FROM each",
                (count,),
            )
            self._db.execute(
                f"{each} INSERT INTO ledger SELECT n, n % {PEOPLE}, '2026-01-01', n, 20 FROM each",
                (count,),
            )
        self._db.execute("COMMIT")

    def admit(self) -> None:
        """One admission, in a transaction of its own."""
        number = next(numbers)
        user = number % PEOPLE
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "SELECT coalesce(sum(amount), 0) FROM ledger WHERE user_id = ? AND day = '2027-01-15'",
            (user,),
        ).fetchone()
        db.execute(
            "INSERT INTO pace VALUES (?, ?) ON CONFLICT (user_id)"
            " DO UPDATE SET paid_at = max(paid_at, excluded.paid_at) + 1 RETURNING paid_at",
            (user, number),
        ).fetchone()
        job = db.execute(
            "INSERT INTO job (request, user_id, state, due_at, brief)"
            " VALUES (?, ?, 'queued', ?, ?)",
            (f"x{number}", user, float(number), "a red fox " * 40),
        ).lastrowid
        db.execute(
            "INSERT INTO ledger (user_id, day, job_id, amount) VALUES (?, '2027-01-15', ?, 20)",
            (user, job),
        )
        db.execute("COMMIT")

    def turn(self, seconds: float) -> Turn:
        """As many as there is time for."""
        took, cpu, begun = [], time.process_time(), time.perf_counter()
        at = begun
        while at < begun + seconds or not took:
            self.admit()
            now = time.perf_counter()
            took.append(now - at)
            at = now
        return Turn(took=took, wall=at - begun, cpu=time.process_time() - cpu)

    def close(self) -> None:
        """End with the file."""
        self._db.close()


Order = Callable[[], Awaitable[object]]


async def turn(order: Order, *, callers: int, seconds: float) -> Turn:
    """As many as there is time for, of *callers* who wait for their answer and ask again."""
    took: list[float] = []
    cpu, begun = time.process_time(), time.perf_counter()

    async def caller() -> None:
        at = time.perf_counter()
        while at < begun + seconds or not took:
            await order()
            now = time.perf_counter()
            took.append(now - at)
            at = now

    await asyncio.gather(*(caller() for _ in range(callers)))
    wall = time.perf_counter() - begun
    return Turn(took=took, wall=wall, cpu=time.process_time() - cpu)


async def compared(
    name: str, bare: Bare, order: Order, goal: float, *, turns: int, seconds: float
) -> Row:
    """The rate of 200 callers against the loop's."""
    pairs = [
        (bare.turn(seconds), await turn(order, callers=WAITING, seconds=seconds))
        for _ in range(turns)
    ]
    rates = [median(each.rate for each in side) for side in zip(*pairs, strict=True)]
    costs = [1e6 * median(each.cost for each in side) for side in zip(*pairs, strict=True)]
    return Row(
        name=name,
        against=BARE,
        figures=tuple(ours.rate / base.rate for base, ours in pairs),
        goal=goal,
        note=f"{rates[1]:,.0f} against {rates[0]:,.0f} a second; "
        f"CPU {costs[1]:,.0f} against {costs[0]:,.0f} µs",
    )


async def compared_alone(name: str, bare: Bare, order: Order, *, turns: int, seconds: float) -> Row:
    """How long one takes by itself, against one round of the loop."""
    pairs = [
        (bare.turn(seconds), await turn(order, callers=1, seconds=seconds)) for _ in range(turns)
    ]
    p50s = [1e6 * median(each.p50 for each in side) for side in zip(*pairs, strict=True)]
    costs = [1e6 * median(each.cost for each in side) for side in zip(*pairs, strict=True)]
    return Row(
        name=name,
        against=BARE,
        figures=tuple(ours.p50 / base.p50 for base, ours in pairs),
        goal=1.7,
        at_least=False,
        note=f"{p50s[1]:,.0f} against {p50s[0]:,.0f} µs; "
        f"CPU {costs[1]:,.0f} against {costs[0]:,.0f} µs",
    )


async def measured(directory: Path, *, jobs: int, turns: int, seconds: float = SLICE) -> list[Row]:
    """Everything in a file with so many finished *jobs*; with none, one order at a time as well."""
    await filled(directory / "ours", jobs)
    bare = Bare(directory / "bare.db", jobs)
    after = f", {jobs:,} finished jobs" if jobs else ""
    rows = []
    async with open_store(
        directory / "ours", defaults=ROOMY, wall=lambda: NOW + time.monotonic() % 1e5
    ) as store:
        studio = studio_of(store, {"fake": FakeProvider("fake")})

        async def admission() -> None:
            assert isinstance(await store.policy.admit(asked(), roles=()), Admitted)

        async def order() -> None:
            number = next(numbers)
            who = Requester(
                guild_id=1 + number % SERVERS, channel_id=20, user_id=1 + number % PEOPLE
            )
            brief = Brief(prompt="a red fox in the snow", seed=1 + number % 999)
            await studio.order(brief, request=f"order:{number}", requester=who)

        kinds = (("admission", admission, 4.0), ("Studio.order", order, 3.0))
        for name, one, goal in kinds:
            said = f"{name}, durable, {WAITING} waiting{after}"
            rows.append(await compared(said, bare, one, goal, turns=turns, seconds=seconds))
        for name, one, _ in kinds if not jobs else ():
            rows.append(
                await compared_alone(f"{name}, one, p50", bare, one, turns=turns, seconds=seconds)
            )
    bare.close()
    return rows


def rows(*, jobs: int = JOBS, turns: int = 5, seconds: float = SLICE) -> list[Row]:
    """The rows of the table, in a new file and in one with so many finished *jobs*."""
    found = []
    for count in (0, jobs):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
            found += asyncio.run(
                measured(Path(directory), jobs=count, turns=turns, seconds=seconds)
            )
    return found


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
