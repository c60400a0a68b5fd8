"""What a start from a backup does to each job, in one transaction, and only once."""

import itertools
from pathlib import Path

import pytest

from storage import State, Store
from storage.restoration import SPARE, mark
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

SENTENCE = "It may have been made after the backup."
WAY = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


class Wall:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def began(store: Store, *idempotent: str) -> list[int]:
    tokens = itertools.count(1)
    parked = await store.restorations.begin(
        idempotent=set(idempotent),
        failure="unclear",
        sentence=SENTENCE,
        new_token=lambda: f"token-{next(tokens)}",
    )
    return [job.id for job in parked]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_each_job_is_parked_or_goes_on_as_it_may(directory: Path) -> None:
    async with open_store(directory) as store:
        ways = [WAY[:length] for length in range(len(WAY) + 1)]
        jobs = [
            await advance(
                store.jobs, (await store.jobs.add(draft(number, provider=f"p{number}")))[0], *way
            )
            for number, way in enumerate(ways)
        ]
        free, _ = await store.jobs.add(draft(90, provider="comfyui"))
        unclear = await advance(
            store.jobs, (await store.jobs.add(draft(91)))[0], State.SUBMITTING, State.UNCLEAR
        )
        assert await began(store, "comfyui") == [], "it is no backup"
        await store.writer.write(lambda db: mark(db, 1000.0))
        queued, submitting, *known = jobs
        assert set(await began(store, "comfyui")) == {queued.id, submitting.id}
        for job in (queued, submitting):
            parked = await store.jobs.get(job.id)
            assert parked is not None
            assert (parked.state, parked.error) == (State.UNCLEAR, SENTENCE)
            assert (parked.attempt, parked.charged) == (1, "unknown")
            assert parked.token is not None
        assert (await store.jobs.get(submitting.id)).token == submitting.token, "it may call back"
        for job in (*known, free, unclear):
            assert await store.jobs.get(job.id) == job
        assert await began(store) == [], "once is enough"


async def test_no_number_of_what_was_lost_is_given_again(directory: Path) -> None:
    day = 86_400.0
    wall = Wall(1_796_000_000.0)
    async with open_store(directory, wall=wall) as store:
        for number in range(30):  # of the last day before the backup
            await store.jobs.add(draft(number, created_at=wall.now - 100, since=wall.now - 100))
        for number in range(30, 40):  # long before it
            at = wall.now - 9 * day
            await store.jobs.add(draft(number, created_at=at, since=at))
        await store.writer.write(lambda db: mark(db, wall.now))
    wall.now += day
    async with open_store(directory, wall=wall) as store:
        await began(store)
        found = await store.restorations.latest()
        assert (found.last_job, found.read_back) == (40, False)
        job, _ = await store.jobs.add(draft(99))
        assert job.id == 40 + SPARE + 2 * 30 + 1
        await store.restorations.note_read_back()
        assert (await store.restorations.latest()).read_back
    async with open_store(directory, wall=wall) as store:
        assert await began(store) == []
        assert (await store.jobs.add(draft(100)))[0].id == job.id + 1


async def test_a_copy_of_a_copy_is_one_restoration(directory: Path) -> None:
    async with open_store(directory) as store:
        await store.jobs.add(draft(1))
        for at in (1000.0, 2000.0):
            await store.writer.write(lambda db, at=at: mark(db, at))
        assert await began(store) == [1]
        assert await began(store) == []
        assert (await store.restorations.latest()).taken_at == 2000.0
