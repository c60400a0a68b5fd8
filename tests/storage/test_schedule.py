"""Whoever commits a change of a job has planned it, however that was written, and nobody else."""

import asyncio
from dataclasses import replace

import pytest

from storage import By, Lane, State
from tests.rig.doubles import Clock
from tests.rig.drafts import draft
from tests.rig.engines import open_store

BY = By(guild_id=10, actor_id=1)
NOW = 1_700_000_000.0


@pytest.fixture
async def store(tmp_path):
    clock = Clock(NOW)
    async with open_store(tmp_path, wall=clock, ticks=clock) as store:
        yield store


def planned(store):
    """The jobs that are due, each looked at and put back for good."""
    found = []
    while (job_id := store.schedule.take(NOW + 1e6)) is not None:
        found.append(job_id)
        store.schedule.reading(job_id)
        store.schedule.put_back(job_id, None)
    return found


async def waiting(store):
    """A job that nobody has planned any more."""
    job = (await store.policy.admit(draft(1, due_at=NOW), roles=())).job
    assert planned(store) == [job.id]
    return job


CHANGES = {
    "cancelled": lambda store, job: store.jobs.save(
        job.to(State.CANCELLED, now=NOW, cancelled_by=1)
    ),
    "tried later": lambda store, job: store.jobs.save(job.again(NOW)),
    "moved by hand": lambda store, job: store.servers.move(
        BY, "cancel", job.to(State.CANCELLED, now=NOW, cancelled_by=1), "by hand"
    ),
    "given to another provider": lambda store, job: store.jobs.reassign(
        replace(job, provider="other")
    ),
    "moved to the front": lambda store, job: store.servers.set_lane(BY, job.id, Lane.FRONT),
    "its card stands": lambda store, job: store.jobs.set_places(
        job.id, card_channel_id=20, card_id=99
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_every_change_of_a_job_plans_it(store, change):
    job = await waiting(store)
    await change(store, job)
    assert planned(store) == [job.id]


async def test_an_order_plans_its_job(store):
    await waiting(store)


async def test_so_it_is_when_nobody_waits_for_the_commit_any_more(store):
    task = asyncio.ensure_future(store.policy.admit(draft(1, due_at=NOW), roles=()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    await store.writer.write(lambda db: None)  # it comes after
    [job] = await store.jobs.newest()
    assert planned(store) == [job.id]


async def test_what_was_not_committed_is_not_planned(store):
    job = await waiting(store)

    def act(db):
        db.execute("UPDATE job SET rev = rev + 1 WHERE id = ?", (job.id,))
        raise ValueError

    with pytest.raises(ValueError):
        await store.writer.write(act)
    assert planned(store) == []


async def test_a_change_by_others_is_looked_at_and_ones_own_is_not(store):
    job = await waiting(store)
    schedule = store.schedule
    for other in (False, True):
        schedule.plan(job.id, 0.0)
        assert schedule.take(NOW) == job.id
        schedule.reading(job.id)
        job = await store.jobs.get(job.id)
        job = await store.jobs.save(job.again(NOW + 60))
        schedule.seen(job.id, job.rev)
        if other:
            await store.jobs.save(job.again(NOW + 60))
        assert schedule.take(NOW) is None, "it is being looked at"
        schedule.put_back(job.id, NOW + 60)
        assert schedule.take(NOW) == (job.id if other else None)
