"""What grows with the history: each question among 1, 10 and 100 times as many finished jobs.

Figures are CPU time. The exponent says how a question grows: 0 is flat, 1 is in proportion. What
should be flat and is not fails `make bench`.
"""

import asyncio
import math
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage import LIVE, Store, open_store
from tests.bench.admission import ROOMY, asked
from tests.bench.history import NOW, filled
from tests.bench.table import Row, text

SIZES = (1_000, 10_000, 100_000)
FLAT = 0.2  #: the exponent up to which something counts as flat: ×2.5 for ×100
ROUNDS = 15

Question = Callable[[], Awaitable[object]]


def questions(store: Store, jobs: int) -> dict[str, Question]:
    """What orders and people ask, by its name: all of it is to be flat."""
    today = datetime.fromtimestamp(NOW, UTC).date()
    return {
        "one order": lambda: store.policy.admit(asked(), roles=()),
        "a job by its number": lambda: store.jobs.get(jobs // 2),
        "a job by a callback's token": lambda: store.jobs.by_token("nobody's"),
        "how many clips of a server wait": lambda: store.jobs.count(1, LIVE),
        "the moderators' parked clips": lambda: store.servers.suspense(1),
        "the latest takes of a thread": lambda: store.jobs.in_thread(1),
        # A day: a person's own month grows with what they ordered, as it should.
        "/video usage of one person and day": lambda: store.servers.use(
            1, today, today + timedelta(1), user_id=1
        ),
    }


async def _cost(question: Question) -> float:
    """Milliseconds of CPU, the least of some: noise only adds."""
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        await question()
        found.append(time.process_time() - begun)
    return 1000 * min(found)


async def _measured(directory: Path, jobs: int) -> dict[str, float]:
    await filled(directory, jobs)
    begun = time.process_time()
    async with open_store(
        directory, defaults=ROOMY, wall=lambda: NOW + time.monotonic() % 1e5
    ) as store:
        opened = 1000 * (time.process_time() - begun)
        asked_of = questions(store, jobs)
        return {"a start": opened} | {name: await _cost(each) for name, each in asked_of.items()}


def rows(*, sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """The rows of the table."""
    found: list[dict[str, float]] = []
    for jobs in sizes:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
            found.append(asyncio.run(_measured(Path(directory), jobs)))
    times = f"{sizes[0]:,} to {sizes[-1]:,} finished jobs"
    result = []
    for name in found[0]:
        costs = [each[name] for each in found]
        exponent = math.log(costs[-1] / costs[0]) / math.log(sizes[-1] / sizes[0])
        result.append(
            Row(
                name=f"{name}: exponent",
                against=times,
                figures=(exponent,),
                goal=FLAT,
                at_least=False,
                unit="",
                must=True,
                note=", ".join(f"{cost:.2f}" for cost in costs) + " ms of CPU",
            )
        )
    return result


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
