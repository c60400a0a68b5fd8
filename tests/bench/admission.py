"""Durable admission through the writer, against the same work in one transaction each.

Machines are noisy, so the two take turns of a fraction of a second and the figure that counts
is the median of the ratios of neighbouring turns.
"""

import asyncio
import itertools
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median

from storage import Store, open_store
from storage.jobs import insert
from tests.drafts import draft

ROUNDS = 9
SLICE = 0.4  #: seconds of a turn
WAITING = 200  #: callers at once

numbers = itertools.count()


def bare(db: sqlite3.Connection) -> float:
    """Admissions a second, each its own durable transaction, nothing asynchronous."""
    count, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + SLICE:
        db.execute("BEGIN IMMEDIATE")
        insert(db, draft(next(numbers)))
        db.execute("COMMIT")
        count += 1
    return count / (time.perf_counter() - begun)


async def grouped(store: Store) -> float:
    """Admissions a second of 200 callers who each wait for their answer and ask again."""
    count, begun = 0, time.perf_counter()

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < begun + SLICE:
            await store.jobs.add(draft(next(numbers)))
            count += 1

    await asyncio.gather(*(caller() for _ in range(WAITING)))
    return count / (time.perf_counter() - begun)


async def measure(directory: Path) -> None:
    """Both in turn, each with a database of its own."""
    async with open_store(directory / "ours") as store, open_store(directory / "bare") as other:
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
