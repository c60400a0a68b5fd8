"""A link to a clip goes from the file once no provider keeps the clip any more."""

from pathlib import Path

import pytest

from bot.app.catalogue import companies
from storage import Defaults, State, links, open_store
from storage.opening import DATABASE
from tests.rig.databases import fresh
from tests.rig.drafts import advance, draft

MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)
START = 1_800_000_000.0


class Time:
    now = START

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
async def store(tmp_path, time):
    free = Defaults(per_minute=None, jobs_per_user=None, jobs_per_server=None)
    async with open_store(fresh(tmp_path), defaults=free, wall=time, ticks=time) as store:
        yield store


async def job_in(store, number, *states, at=START):
    job = (await store.policy.admit(draft(number, since=at), roles=())).job
    return await advance(store.jobs, job, *states, start=at)


async def test_dead_links_go_and_nothing_else_does(store, time):
    done = await job_in(store, 1, *MADE, State.DONE)
    undelivered = await job_in(store, 2, *MADE, State.UNDELIVERED)
    stands = await job_in(store, 3, *MADE)
    time.now += links.DIE
    late = await job_in(store, 4, *MADE, State.DONE, at=time.now)
    await store.privacy.tidy()
    assert await store.jobs.get(done.id) == done, "not yet: once a day is often enough"

    time.now += links.EACH + 10
    bill = await store.policy.bill(done.id)
    await store.privacy.tidy()
    for job in (done, undelivered):
        kept = await store.jobs.get(job.id)
        assert (kept.result_url, kept.token) == (None, None)
        assert (kept.remote_id, kept.file, kept.rev) == (job.remote_id, job.file, job.rev)
        assert kept.charged == job.charged
    for job in (stands, late):
        assert await store.jobs.get(job.id) == job
    assert await store.policy.bill(done.id) == bill
    assert (await store.dossiers.of(done.id)).job.result_url is None
    assert await store.check(thorough=True) == []


async def test_what_alone_says_that_a_provider_made_it_stays(store, time):
    job = await job_in(store, 1, State.SUBMITTING, State.FETCHING, State.FAILED)
    assert (job.remote_id, job.file, job.charged) == (None, None, "unknown")
    time.now += links.DIE + links.EACH + 10
    await store.privacy.tidy()
    assert (await store.jobs.get(job.id)).charged == "unknown"


def test_no_provider_keeps_a_clip_for_longer():
    kept = [company.provider.limits.keeps_for for company in companies(Path("data"))]
    assert len(kept) > 4
    assert max(kept) < links.DIE


async def test_a_dead_link_is_nowhere_in_the_files(store, time, tmp_path):
    await job_in(store, 1, *MADE, State.DONE)
    time.now += links.DIE + links.EACH + 10
    await store.privacy.tidy()
    for path in tmp_path.glob(f"{DATABASE}*"):
        assert b"example.com/clip" not in path.read_bytes(), path.name
