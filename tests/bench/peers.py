"""An order until its clip is done, against a task of huey: its queue in SQLite, with an fsync.

Of ours each is admitted under every limit, claimed, made and posted by the rows: six commits, and
200 orders wait together. huey writes a task down, takes it and writes its result: three commits,
one task after the other, as its one worker does. `pip install -r tests/bench/requirements.txt`
brings huey; without it there is no row.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from storage import Admitted, State, Store, open_store
from tests.bench.admission import ROOMY, WAITING, Turn, asked, turn
from tests.bench.history import NOW
from tests.bench.table import Row, text

Peer = Callable[[Path], Callable[[float], Turn]]

numbers = itertools.count(1)


async def whole(store: Store) -> None:
    """Order a clip, and write down each move of its until it is posted."""
    taken = await store.policy.admit(asked(), roles=())
    assert isinstance(taken, Admitted)
    job, number = taken.job, next(numbers)
    at = {"now": NOW, "due_at": NOW}
    job = await store.jobs.save(job.to(State.SUBMITTING, **at, attempt=1, token=f"t-{number}"))
    job = await store.jobs.save(job.to(State.RENDERING, **at, remote_id=f"r-{number}"))
    job = await store.jobs.save(job.to(State.FETCHING, **at, result_url="https://example.com/1"))
    job = await store.jobs.save(job.to(State.DELIVERING, **at, file=f"takes/{number}.mp4"))
    job = await store.jobs.save(job.to(State.DONE, now=NOW, result_id=number))
    assert job.state is State.DONE


def huey(directory: Path) -> Callable[[float], Turn]:
    """Tasks of huey, as many as there is time for."""
    from huey import SqliteHuey

    queue = SqliteHuey(filename=str(directory / "huey.db"), fsync=True)

    @queue.task()
    def make(prompt: str) -> str:
        return prompt

    def run(seconds: float) -> Turn:
        took, cpu, begun = [], time.process_time(), time.perf_counter()
        at = begun
        while at < begun + seconds or not took:
            waiting = make("a red fox " * 20)
            queue.execute(queue.dequeue())
            assert waiting.get(blocking=True)
            now = time.perf_counter()
            took.append(now - at)
            at = now
        return Turn(took=took, wall=at - begun, cpu=time.process_time() - cpu)

    return run


async def measured(directory: Path, *, peer: Peer, turns: int, seconds: float) -> list[Row]:
    """Both, in turns."""
    theirs = peer(directory)
    async with open_store(directory / "ours", defaults=ROOMY, wall=lambda: NOW) as store:
        pairs = [
            (
                theirs(seconds),
                await turn(lambda: whole(store), callers=WAITING, seconds=seconds),
            )
            for _ in range(turns)
        ]
    rates = [median(each.rate for each in side) for side in zip(*pairs, strict=True)]
    costs = [1e6 * median(each.cost for each in side) for side in zip(*pairs, strict=True)]
    return [
        Row(
            name=f"an order until its clip is done, durable, {WAITING} waiting",
            against="a task of huey in SQLite, with an fsync",
            figures=tuple(ours.rate / base.rate for base, ours in pairs),
            goal=8,
            note=f"{rates[1]:,.0f} against {rates[0]:,.0f} a second; "
            f"CPU {costs[1]:,.0f} against {costs[0]:,.0f} µs",
        )
    ]


def rows(*, turns: int = 3, seconds: float = 1.0, peer: Peer = huey) -> list[Row]:
    """The row of the table; none where huey is not installed."""
    if peer is huey and find_spec("huey") is None:
        print("  huey is not installed: pip install -r tests/bench/requirements.txt")
        return []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
        return asyncio.run(measured(Path(directory), peer=peer, turns=turns, seconds=seconds))


def main() -> None:
    """Print the row."""
    print(text(rows()), end="")
