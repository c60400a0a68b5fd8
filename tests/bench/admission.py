"""Durable admission through the writer, against the same work in one transaction each.

An admission is everything that an order costs: every limit looked at, the price held in the
ledger, the counters of the day, the job and its first event. Machines are noisy, so the two take
turns of a fraction of a second and the figure that counts is the median of the ratios of
neighbouring turns.
"""

import asyncio
import itertools
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median

from storage import Admitted, Defaults, Job, Store, open_store
from storage.clock import TICKS, advance
from storage.defaults import Moment
from storage.quota.admission import admit
from tests.rig.drafts import draft

ROUNDS = 9
SLICE = 0.4  #: seconds of a turn
WAITING = 200  #: callers at once

PEOPLE, SERVERS = 5_000, 20

#: Limits that are all looked at and never reached.
ROOMY = Defaults(
    amount=10**9,
    budget=10**9,
    jobs_per_user=10**6,
    jobs_per_server=None,  # thousands at once would be counted each time
    per_minute=10.0**6,
    burst=10**6,
)

numbers = itertools.count()


def asked() -> Job:
    """An order of one of many people in one of many servers."""
    number = next(numbers)
    return draft(number, user_id=1 + number % PEOPLE, guild_id=1 + number % SERVERS)


def bare(db: sqlite3.Connection) -> float:
    """Admissions a second, each its own durable transaction, nothing asynchronous."""
    count, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + SLICE:
        db.execute("BEGIN IMMEDIATE")
        now = advance(db, 1.8e9 + TICKS())
        admit(db, Moment(now=now, defaults=ROOMY), asked(), roles=())
        db.execute("COMMIT")
        count += 1
    return count / (time.perf_counter() - begun)


async def grouped(store: Store) -> float:
    """Admissions a second of 200 callers who each wait for their answer and ask again."""
    count, begun = 0, time.perf_counter()

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < begun + SLICE:
            assert isinstance(await store.policy.admit(asked(), roles=()), Admitted)
            count += 1

    await asyncio.gather(*(caller() for _ in range(WAITING)))
    return count / (time.perf_counter() - begun)


async def measure(directory: Path) -> None:
    """Both in turn, each with a database of its own."""
    async with (
        open_store(directory / "ours", defaults=ROOMY) as store,
        open_store(directory / "bare") as other,
    ):
        ratios, rates = [], []
        for _ in range(ROUNDS):
            base = await other.writer._db.run(bare)
            ours = await grouped(store)
            ratios.append(ours / base)
            rates.append((base, ours))
    print(f"  bare loop   {median(base for base, _ in rates):8,.0f} a second")
    print(f"  {WAITING} waiting {median(ours for _, ours in rates):8,.0f} a second")
    print(f"  ratio       {median(ratios):8.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    """Print both rates and their ratio."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
        asyncio.run(measure(Path(directory)))
