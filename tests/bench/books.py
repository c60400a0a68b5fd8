"""An order while all of the books are checked, against one while nothing else is done.

`DAILIES_BENCH_JOBS=1000000` tries it with as many finished jobs.
"""

import asyncio
import itertools
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from storage import Admitted, Store, open_store
from tests.bench.admission import ROOMY, asked
from tests.bench.history import NOW, filled
from tests.bench.table import Row, text

JOBS = int(os.environ.get("DAILIES_BENCH_JOBS", "100000"))
BETWEEN = 0.01  #: seconds between two orders
ALONE = 4.0  #: seconds at most in which orders are timed with nothing beside them


async def ordered(store: Store, during: asyncio.Task[object]) -> list[float]:
    """Milliseconds that each order took while *during* ran, the slowest last."""
    took = []
    while not during.done():
        begun = time.perf_counter()
        assert isinstance(await store.policy.admit(asked(), roles=()), Admitted)
        took.append(1000 * (time.perf_counter() - begun))
        await asyncio.sleep(BETWEEN)
    return sorted(took)


async def measured(directory: Path, *, jobs: int, turns: int) -> list[Row]:
    """What a check costs an order that comes while it runs, and what a start costs."""
    await filled(directory, jobs)
    ticks = itertools.count()
    late, later, whole, new, cpu = [], [], [], [], []
    for _ in range(turns):
        async with open_store(directory, defaults=ROOMY, wall=lambda: NOW + next(ticks)) as store:
            begun = time.perf_counter()
            checked = asyncio.create_task(store.check(thorough=True))
            beside = await ordered(store, checked)
            whole.append(time.perf_counter() - begun)
            assert await checked == []
            alone = await ordered(store, asyncio.create_task(asyncio.sleep(min(ALONE, whole[-1]))))
            late.append(_slow(beside) - _slow(alone))
            later.append(beside[-1] - alone[-1])
            assert await store.check() == []
        async with open_store(directory, defaults=ROOMY, wall=lambda: NOW + next(ticks)) as store:
            await store.policy.admit(asked(), roles=())
            used, begun = time.process_time(), time.perf_counter()
            assert await store.check() == []
            cpu.append(time.process_time() - used)
            new.append((time.perf_counter() - begun) / whole[-1])
    return [
        Row(
            name=f"an order while the books of {jobs:,} jobs are checked, p99",
            against="one while nothing else is done",
            figures=tuple(late),
            goal=50,
            at_least=False,
            unit=" ms more",
            digits=0,
            note=f"the slowest {median(later):,.0f} ms more; the check takes {max(whole):,.1f} s",
        ),
        Row(
            name="the check after a start",
            against="one of all of history",
            figures=tuple(new),
            goal=0.1,
            at_least=False,
            note=f"CPU {1000 * max(cpu):,.0f} ms",
        ),
    ]


def _slow(took: list[float]) -> float:
    return took[int(0.99 * len(took))]


def rows(*, jobs: int = JOBS, turns: int = 1) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
        return asyncio.run(measured(Path(directory), jobs=jobs, turns=turns))


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
