"""The worker moves a job from its order to its message, and looks at none for nothing."""

import itertools

import pytest

from bot.errors import Busy, Unclear
from bot.orders.requester import Requester
from bot.providers import Receipt, Report, Stage
from storage import Brief, State
from tests.rig.doubles import FakeProvider
from tests.rig.drafts import draft
from tests.rig.worker import RUNNING, House, clock, house, provider, restarted, screen, store

__all__ = ["clock", "house", "provider", "screen", "store"]


async def test_an_order_becomes_a_delivered_clip(house, screen, store):
    job = await house.order()
    await house.run()

    job = await house.get(job)
    assert job.state is State.DONE
    assert job.result_id == 9000 + job.id
    assert screen.delivered == [(job.id, b"clip", False)]
    moves = [event.after for event in await store.jobs.history(job.id)]
    assert moves == [
        State.QUEUED,
        State.SUBMITTING,
        State.RENDERING,
        State.FETCHING,
        State.DELIVERING,
        State.DONE,
    ]


async def test_a_poll_that_changes_nothing_writes_nothing(house, provider, clock):
    job = await house.order()
    provider.polls.extend([RUNNING] * 5)
    await house.run_now()
    before = await house.get(job)
    for _ in range(3):
        clock.advance(6)
        await house.run_now()

    assert len(provider.polled) == 3
    assert (await house.get(job)).rev == before.rev


async def test_no_more_are_sent_than_the_provider_takes_at_once(house, provider, screen, clock):
    provider.polls.extend([RUNNING] * 100)
    jobs = [await house.order() for _ in range(5)]
    await house.run_now()

    assert len(provider.submitted) == 2
    assert [house.studio.glimpse(job).position for job in jobs[2:]] == [1, 2, 3]
    provider.polls.clear()
    await house.run()
    assert [(await house.get(job)).state for job in jobs] == [State.DONE] * 5


async def test_estimates_come_from_what_was_seen_here(house, provider, clock):
    for _ in range(4):
        await house.order()
        await house.run_now()
        clock.advance(40)
        await house.run_now()
    provider.polls.append(Report(stage=Stage.RUNNING))
    job = await house.order()
    await house.run_now()
    clock.advance(5)
    await house.run_now()

    job = await house.get(job)
    assert house.studio.glimpse(job).ready_at == pytest.approx(job.since + 40, abs=1)


async def test_the_same_request_twice_is_one_job(house, provider):
    one = await house.order(request="interaction:99")
    two = await house.order(request="interaction:99")
    await house.run()

    assert one.id == two.id
    assert len(provider.submitted) == 1


async def test_a_receipt_with_the_clip_itself_needs_no_poll(house, provider, tmp_path, screen):
    made = tmp_path / "made.mp4"
    made.write_bytes(b"at once")
    provider.submits.append(Receipt(file=made))
    job = await house.order()
    await house.run()

    assert screen.delivered == [(job.id, b"at once", False)]
    assert provider.polled == []


async def test_what_memory_has_lost_is_found_in_the_rows(house, store, provider, screen, clock):
    job = await house.order()
    assert store.schedule.take(clock()) == job.id  # whoever had it is gone
    store.schedule.reading(job.id)
    store.schedule.put_back(job.id, None)
    assert not await house.worker.step()

    await house.worker.reread()
    await house.run()
    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_those_who_wait_in_line_are_not_looked_at_again_for_nothing(
    store, screen, clock, tmp_path
):
    narrow = FakeProvider(concurrency=1)
    narrow.polls.extend([RUNNING] * 50)
    house = House(store, {"fake": narrow}, screen, clock, tmp_path)
    for _ in range(5):
        await house.order()
    await house.run_now()
    clock.advance(0.5)
    await house.worker.reread()
    assert store.schedule.take(clock()) is None


async def test_a_job_goes_on_without_a_card_and_is_given_one_later(house, store, screen, clock):
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    job, _ = await house.studio.order(Brief(prompt="a fox"), request="r", requester=requester)
    await house.run_now()
    assert (await house.get(job)).state is State.QUEUED, "its card is on its way"
    clock.advance(11)
    await house.run_now()
    assert (await house.get(job)).state is not State.QUEUED
    assert screen.cards == [job.id]
    await house.worker.reread()
    assert screen.cards == [job.id, job.id]


async def test_a_card_that_stands_lets_its_job_go_on_at_once(house, store):
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    job, _ = await house.studio.order(Brief(prompt="a fox"), request="r", requester=requester)
    await house.run_now()
    await house.studio.placed(job, card_channel_id=2, card_id=5, thread_id=None)
    await house.run_now()
    assert (await house.get(job)).state is State.RENDERING


async def test_after_a_start_every_card_of_a_late_ending_is_looked_after(house, screen, clock):
    for user in range(60):
        job = await house.get(await house.order(user=user))
        await house.store.jobs.save(job.to(State.CANCELLED, now=clock(), cancelled_by=user))
    early = await house.get(await house.order(user=99))
    clock.advance(-3600)
    await house.store.jobs.save(early.to(State.CANCELLED, now=clock(), cancelled_by=99))
    clock.advance(3600)
    screen.shown.clear()
    await house.worker.load()
    assert {number for number, _, _ in screen.shown} == set(range(1, 61))


async def test_who_asks_for_all_jobs_gets_all(house):
    for number in range(30):
        await house.store.jobs.add(draft(number, guild_id=1, user_id=7))
    assert len(await house.store.jobs.of(guild_id=1, limit=None)) == 30
    assert len(await house.store.jobs.of(guild_id=1, states={State.QUEUED}, limit=None)) == 30
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    assert len(await house.studio.queue(requester=requester)) == 25
    assert len(await house.studio.queue(requester=requester, limit=None)) == 30


# Asked no sooner than the document says.


async def test_no_question_comes_sooner_than_the_document_says(store, screen, clock, tmp_path):
    times = []

    class Slow(FakeProvider):
        async def poll(self, order, remote_id):
            times.append((clock(), clock() + 7))
            clock.advance(7)  # a slow answer
            return await super().poll(order, remote_id)

    provider = Slow()
    provider.polls.extend([RUNNING, Busy("x", retry_after=1), Unclear("?")] * 30)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    job = await house.order()
    await house.run_now()
    for _ in range(200):
        clock.advance(0.5)
        house.tracker.wake(await house.get(job))  # as a callback does
        await house.run_now()
    assert len(times) > 5
    again = await restarted(house, store, provider, clock, tmp_path)
    for _ in range(60):
        clock.advance(0.5)
        await again.run_now()
    pauses = [begun - ended for (_, ended), (begun, _) in itertools.pairwise(times)]
    assert min(pauses) >= 5, pauses
