"""What the database itself refuses, whatever the code above it does."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bot.errors import Refusal
from bot.orders.requester import Requester
from storage import By, Period, Refused, State, Store, Whose, jobs, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import FakeProvider
from tests.rig.drafts import advance, draft
from tests.rig.studios import studio_of


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    async with open_store(fresh(tmp_path)) as store:
        yield store


async def test_a_second_row_for_one_request_is_refused(store: Store) -> None:
    """Were the question before it forgotten, the row could still not be there twice."""
    await store.writer.write(lambda db: jobs.insert_new(db, draft(1)))
    with pytest.raises(sqlite3.IntegrityError, match=r"job\.request"):
        await store.writer.write(lambda db: jobs.insert_new(db, draft(1)))
    assert len(await store.jobs.newest()) == 1


async def test_a_batch_has_to_fit_with_all_of_its_clips(store: Store) -> None:
    by = By(guild_id=10, actor_id=1, why="")
    await store.moderation.set_rule(by, Whose.MEMBER, 19, Period.DAY)
    batch = [draft(n, request="interaction:1" if n == 1 else f"interaction:1#{n}", price=5)
             for n in (1, 2, 3, 4)]  # fmt: skip
    assert isinstance(await store.policy.admit(*batch, roles=()), Refused)
    assert await store.jobs.newest() == []


async def test_what_is_being_sent_is_not_canceled(store: Store) -> None:
    studio = studio_of(store, {"fake": FakeProvider()})
    job, _ = await store.jobs.add(draft(provider="fake"))
    job = await advance(store.jobs, job, State.SUBMITTING)
    with pytest.raises(Refusal, match="is being sent to the provider"):
        await studio.cancel(
            job.id, requester=Requester(guild_id=10, channel_id=20, user_id=30, moderator=False)
        )
    assert (await store.jobs.get(job.id)).state is State.SUBMITTING  # type: ignore[union-attr]


async def test_the_next_process_finds_every_job_that_is_under_way(tmp_path: Path) -> None:
    ways = {
        State.QUEUED: (),
        State.SUBMITTING: (State.SUBMITTING,),
        State.RENDERING: (State.SUBMITTING, State.RENDERING),
        State.FETCHING: (State.SUBMITTING, State.RENDERING, State.FETCHING),
        State.DELIVERING: (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING),
    }
    async with open_store(fresh(tmp_path / "other")) as store:
        for number, way in enumerate(ways.values()):
            job, _ = await store.jobs.add(draft(number, provider=f"maker-{number}"))
            await advance(store.jobs, job, *way)
    async with open_store(tmp_path / "other") as store:
        assert {due.state for due in await store.jobs.live()} == set(ways)


async def test_of_many_who_add_one_request_all_get_the_same_job(store: Store) -> None:
    found = await asyncio.gather(*(store.jobs.add(draft(7)) for _ in range(50)))
    assert len({job.id for job, _ in found}) == 1
    assert sum(new for _, new in found) == 1
