"""A deletion can be undone for a minute, to the second, and not after it."""

import pytest

from storage import Post, State
from tests.rig.doubles import Clock
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(tmp_path, clock):
    async with open_store(tmp_path, wall=clock, ticks=clock) as opened:
        yield opened


async def deleted(store):
    """A clip that stood in a thread and was just deleted by its person."""
    job, _ = await store.jobs.add(draft(1))
    job = await advance(store.jobs, job, *TO_DONE)
    await store.takes.number(job, 500)
    await store.takes.posted(Post(message_id=70, channel_id=500, job_id=job.id, at=1.0))
    await store.servers.take_down(None, job, hidden_by=30)
    return job


@pytest.mark.parametrize(("seconds", "undone"), [(0, True), (60, True), (61, False)])
async def test_it_is_undone_within_the_minute_alone(store, clock, seconds, undone):
    job = await deleted(store)
    clock.advance(seconds)
    assert ([each.job_id for each in await store.removals.settled()] == []) is undone
    assert (await store.removals.undo(None, job.id) is not None) is undone
    assert await store.removals.undo(None, job.id) is None, "once, and no second time"
