"""What moderators and the bookkeeper are told of bills, incidents and jobs that wait."""

import pytest

from storage import Admitted, By, Defaults, State
from tests.rig.drafts import NEEDS, advance, draft
from tests.rig.engines import open_store

MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)
BY = By(guild_id=10, actor_id=1)


@pytest.fixture
async def store(tmp_path):
    limits = Defaults(amount=None, budget=None, jobs_per_user=None, per_minute=None)
    async with open_store(tmp_path, defaults=limits, wall=lambda: 1.8e9) as opened:
        yield opened


async def order(store, number=1, **changes):
    answer = await store.policy.admit(draft(number, **changes), roles=())
    assert isinstance(answer, Admitted)
    return answer.job


async def end(store, job, *states, credits=None, at=2000.0, **changes):
    *first, last = states
    job = await advance(store.jobs, job, *first)
    moved = job.to(last, now=at, **{**NEEDS[last], **changes})
    return await store.jobs.save(moved, credits=credits)


# Bills.


async def test_moderators_are_told_once_of_a_bill_above_the_price(store):
    dear = await end(store, await order(store), *MADE, State.DONE, billed="yes", credits=12)
    await end(store, await order(store, 2), State.FAILED)
    [overrun] = await store.accounting.overruns()
    assert (overrun.job, overrun.amount) == (dear, 7)
    await store.accounting.told(overrun)
    assert await store.accounting.overruns() == []


async def test_a_bill_of_the_price_or_less_is_no_overrun(store):
    await end(store, await order(store), *MADE, State.DONE, billed="yes", credits=5)
    assert await store.accounting.overruns() == []


async def test_settled_jobs_stand_beside_what_their_provider_said(store):
    billed = await end(
        store, await order(store), *MADE, State.DONE, billed="yes", cost=0.4, credits=4, at=90_000.0
    )
    lost = await order(store, 2)
    lost = await advance(store.jobs, lost, State.SUBMITTING)
    lost = await store.jobs.save(lost.to(State.RENDERING, now=2000.0, due_at=1.0, remote_id="r-2"))
    lost = await end(store, lost, State.FAILED, billed="yes", cost=0.9, credits=9, at=200_000.0)
    free = await order(store, 3)
    await end(store, free, State.CANCELLED, billed="no", cost=0.0)  # not charged for
    silent = await order(store, 4)
    await end(store, silent, State.SUBMITTING, State.FAILED, billed="yes")  # it named no cost
    found = await store.accounting.settled(since=0.0)
    assert [(each.job, each.booked, each.day) for each in found] == [
        (billed, 4, "1970-01-02"),
        (lost, 9, "1970-01-03"),
    ]
    assert [each.job for each in await store.accounting.settled(since=100_000.0)] == [lost]


async def test_the_provider_itself_ends_the_suspense_of_its_attempt(store):
    job = await end(store, await order(store), State.SUBMITTING, State.FAILED, billed="unknown")
    assert [each.job_id for each in await store.servers.suspense(10)] == [job.id]
    assert await store.servers.suspense(11) == []
    assert await store.accounting.clear(job, billed=True, at=3000.0)
    assert not await store.accounting.clear(job, billed=True, at=3000.0)
    bill = await store.policy.bill(job.id)
    assert (bill.suspense, bill.lost) == (0, 5)
    assert await store.servers.suspense(10) == []


async def test_a_moderator_says_what_became_of_an_attempt_on_record_in_their_server_only(store):
    job = await end(store, await order(store), State.SUBMITTING, State.FAILED, billed="unknown")
    elsewhere = By(guild_id=11, actor_id=1)
    assert not await store.moderation.clear(elsewhere, job.id, 1, billed=False)
    assert not await store.moderation.clear(BY, job.id, 2, billed=False), "no such attempt"
    assert await store.moderation.audit(10) == []
    assert await store.moderation.clear(BY, job.id, 1, billed=False)
    bill = await store.policy.bill(job.id)
    assert (bill.suspense, bill.lost) == (0, 0)
    [line] = await store.moderation.audit(10)
    assert (line.what, line.after) == ("suspense", {"job": job.id, "attempt": 1, "billed": False})


async def test_what_clips_cost_a_person_is_what_was_captured(store):
    first = await end(store, await order(store), *MADE, State.DONE, billed="yes", credits=3)
    await end(store, await order(store, 2), State.FAILED)
    other = await order(store, 3, user_id=31)
    assert await store.servers.spent(10, user_id=30) == {first.id: 3}
    assert await store.servers.spent(10, user_id=31) == {}, f"#{other.id} is under way"
    assert await store.servers.spent(11, user_id=30) == {}


# Incidents.


async def test_an_incident_of_a_kind_is_told_once_for_a_job(store):
    job, other = await order(store), await order(store, 2)
    await store.accounting.note(job, "short", "It is shorter.", at=2.0)
    await store.accounting.note(job, "short", "It is shorter again.", at=3.0)
    await store.accounting.note(job, "silent", "It has no sound.", at=1.0)
    await store.accounting.note(other, "short", "So is this.", at=4.0)
    found = await store.accounting.incidents()
    assert [(each.job.id, each.kind, each.text) for each in found] == [
        (job.id, "silent", "It has no sound."),
        (job.id, "short", "It is shorter."),
        (other.id, "short", "So is this."),
    ]
    await store.accounting.told_of(found[1])
    assert [(each.job.id, each.kind) for each in await store.accounting.incidents()] == [
        (job.id, "silent"),
        (other.id, "short"),
    ]


async def test_files_that_have_to_be_on_the_disk_are_those_of_kept_clips_and_of_jobs_under_way(
    store,
):
    made = await end(store, await order(store), *MADE, State.DONE, billed="yes")
    await store.takes.number(made, 500)
    assert await store.accounting.needed_files() == [(made.id, "takes/1.mp4")]
    await store.takes.drop(made.id, at=1.0)
    assert await store.accounting.needed_files() == []


# What waits for a moderator.


async def test_a_job_that_waits_is_told_of_until_it_is_over(store):
    job = await advance(store.jobs, await order(store), State.SUBMITTING, State.UNCLEAR)
    [parking] = await store.parkings.open()
    assert (parking.job_id, parking.state, parking.stands) == (job.id, State.UNCLEAR, True)
    assert (parking.channel_id, parking.message_id, parking.by) == (None, None, None)
    await store.parkings.told(parking, channel_id=7, message_id=8)
    [parking] = await store.parkings.open()
    assert (parking.channel_id, parking.message_id) == (7, 8)
    change = job.to(State.CLOSED, now=3000.0, due_at=3000.0, billed="unknown")
    await store.servers.move(BY, "close", change, "closed by hand")
    [parking] = await store.parkings.open()
    assert (parking.stands, parking.by, parking.what) == (False, 1, "close")
    await store.parkings.over(parking)
    assert await store.parkings.open() == []


async def test_each_time_that_a_job_comes_to_wait_is_told_of(store):
    job = await order(store)
    for _ in range(2):
        job = await advance(store.jobs, job, State.SUBMITTING, State.UNCLEAR, State.QUEUED)
    first, second = await store.parkings.open()
    assert (first.job_id, second.job_id) == (job.id, job.id)
    assert first.rev < second.rev
    assert not first.stands
    assert not second.stands
    await store.parkings.over(first)
    assert await store.parkings.open() == [second]
