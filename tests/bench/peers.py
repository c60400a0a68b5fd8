"""An order until its clip is done, against a task of huey and a workflow of DBOS, both in SQLite.

Of ours each is admitted under every limit, claimed, made and posted by the rows: six commits, and
200 orders wait together. huey writes a task down, takes it and writes its result, with an fsync
each: three commits, one task after the other, as its one worker does. DBOS writes down that a
workflow begins, what its one step gave, and how it ended. `make bench` installs both
(`requirements.txt`); a peer that is not there has no row.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from storage import Admitted, State, Store, open_store
from tests.bench.admission import ROOMY, WAITING, Turn, asked, turn
from tests.bench.history import NOW
from tests.bench.table import Row, text

PROMPT = "a red fox " * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A library that could keep our jobs. *begin* gives, in a directory, what does one task."""

    name: str  #: of its package, too
    does: str
    goal: float
    begin: Callable[[Path], AbstractContextManager[Callable[[], None]]]


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


@contextmanager
def _huey(directory: Path) -> Iterator[Callable[[], None]]:
    from huey import SqliteHuey

    queue = SqliteHuey(filename=str(directory / "huey.db"), fsync=True)

    @queue.task()
    def make(prompt: str) -> str:
        return prompt

    def one() -> None:
        waiting = make(PROMPT)
        queue.execute(queue.dequeue())
        assert waiting.get(blocking=True)

    yield one


@contextmanager
def _dbos(directory: Path) -> Iterator[Callable[[], None]]:
    from dbos import DBOS

    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{directory}/dbos.db",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def make(prompt: str) -> str:
        return prompt

    @DBOS.workflow()
    def clip(prompt: str) -> str:
        return make(prompt)

    DBOS.launch()
    try:
        yield lambda: _same(clip(PROMPT))
    finally:
        DBOS.destroy()


def _same(made: str) -> None:
    assert made == PROMPT


PEERS = (
    Peer(name="huey", does="a task of huey in SQLite, with an fsync", goal=8, begin=_huey),
    Peer(name="dbos", does="a workflow of DBOS in SQLite, with one step", goal=40, begin=_dbos),
)


def one_by_one(one: Callable[[], None], seconds: float) -> Turn:
    """As many as there is time for, one after the other."""
    took, cpu, begun = [], time.process_time(), time.perf_counter()
    at = begun
    while at < begun + seconds or not took:
        one()
        now = time.perf_counter()
        took.append(now - at)
        at = now
    return Turn(took=took, wall=at - begun, cpu=time.process_time() - cpu)


async def measured(directory: Path, *, peer: Peer, turns: int, seconds: float) -> Row:
    """Both, in turns."""
    with peer.begin(directory) as one:
        async with open_store(directory / "ours", defaults=ROOMY, wall=lambda: NOW) as store:
            one()  # the first one loads what it needs
            pairs = [
                (
                    one_by_one(one, seconds),
                    await turn(lambda: whole(store), callers=WAITING, seconds=seconds),
                )
                for _ in range(turns)
            ]
    rates = [median(each.rate for each in side) for side in zip(*pairs, strict=True)]
    costs = [1e6 * median(each.cost for each in side) for side in zip(*pairs, strict=True)]
    return Row(
        name=f"an order until its clip is done, durable, {WAITING} waiting",
        against=peer.does,
        figures=tuple(ours.rate / base.rate for base, ours in pairs),
        goal=peer.goal,
        note=f"{rates[1]:,.0f} against {rates[0]:,.0f} a second; "
        f"CPU {costs[1]:,.0f} against {costs[0]:,.0f} µs",
    )


def rows(*, turns: int = 3, seconds: float = 1.0, peers: Sequence[Peer] | None = None) -> list[Row]:
    """A row for each peer: of *peers*, or of those that are installed."""
    found = []
    for peer in peers if peers is not None else [each for each in PEERS if _is_there(each)]:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
            found.append(
                asyncio.run(measured(Path(directory), peer=peer, turns=turns, seconds=seconds))
            )
    return found


def _is_there(peer: Peer) -> bool:
    if find_spec(peer.name) is not None:
        return True
    print(f"  {peer.name} is not installed: pip install -r tests/bench/requirements.txt")
    return False


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
