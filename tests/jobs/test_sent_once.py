"""An order is sent to a provider once, whatever is lost, breaks or dies while it is sent."""

import asyncio

import pytest

from bot.errors import Busy, Failure, Unclear
from bot.jobs.steps import REPEATS
from storage import State
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.worker import House, clock, house, provider, restarted, screen, store

__all__ = ["clock", "house", "provider", "screen", "store"]


async def test_the_intention_is_on_disk_before_the_provider_hears_of_it(house, provider, store):
    seen = []

    class Watching(FakeProvider):
        async def submit(self, order):
            job = await store.jobs.get(order.job)
            seen.append((job.state, job.attempt, job.token == order.attempt))
            return await super().submit(order)

    watching = Watching()
    house = House(store, {"fake": watching}, Presenter(), house.clock, house.data)
    await house.order()
    await house.run_now()

    assert seen == [(State.SUBMITTING, 1, True)]


async def test_a_busy_provider_is_asked_again_when_it_said(house, provider, clock):
    job = await house.order()
    provider.submits.append(Busy("full", retry_after=30))
    await house.run_now()
    assert (await house.get(job)).state is State.QUEUED
    clock.advance(29)
    assert not await house.worker.step()
    clock.advance(2)
    await house.run_now()

    assert (await house.get(job)).state is State.RENDERING
    first, second = provider.submitted
    assert first[1] != second[1], "each attempt has a name of its own"


async def test_what_nobody_takes_for_a_day_is_given_up_and_costs_nothing(house, provider, clock):
    job = await house.order()
    provider.submits.extend([Busy("down", retry_after=900)] * 200)
    for _ in range(110):
        await house.run_now()
        clock.advance(901)

    job = await house.get(job)
    assert (job.state, job.billed) == (State.EXPIRED, "no")
    assert "Nothing was ordered" in job.error


async def test_a_try_that_somebody_asks_for_days_later_has_a_day_of_its_own(
    house, provider, store, clock
):
    job = await house.order()
    provider.submits.append(Unclear("its reply was lost"))
    await house.run_now()
    clock.advance(3 * 86_400)
    parked = await house.get(job)
    again = parked.to(State.QUEUED, now=clock(), due_at=clock(), billed="no", remote_id=None)
    house.tracker.wake(await store.jobs.save(again, "tried again"))
    provider.submits.extend([Busy("down", retry_after=900)] * 200)
    for _ in range(90):
        await house.run_now()
        clock.advance(901)
    assert (await house.get(job)).state is State.QUEUED
    for _ in range(20):
        await house.run_now()
        clock.advance(901)
    assert (await house.get(job)).state is State.EXPIRED


async def test_an_order_that_may_have_arrived_is_never_sent_twice(house, provider, screen):
    job = await house.order()
    provider.submits.append(Unclear("its reply was lost"))
    await house.run()

    job = await house.get(job)
    assert job.state is State.UNCLEAR
    assert job.billed == "unknown"
    assert job.failure == Failure.UNCLEAR
    assert len(provider.submitted) == 1
    assert screen.told == [(job.id, State.UNCLEAR, "its reply was lost")]


async def test_what_a_callback_settled_is_kept_though_its_job_moves_meanwhile(
    store, screen, clock, tmp_path
):
    """Its requester is told just then; whoever calls back calls no more once we asked too often."""

    class Calling(FakeProvider):
        def callback(self, body):
            return body.decode()

    class Moving:
        """Jobs of which somebody else is always writing, for a while."""

        def __init__(self, jobs):
            self._jobs, self.left = jobs, 3

        def __getattr__(self, name):
            return getattr(self._jobs, name)

        async def save(self, job, why="", **options):
            if why == "called back" and self.left:
                self.left -= 1
                await self._jobs.save(await self._jobs.get(job.id))
            return await self._jobs.save(job, why, **options)

    store.jobs = Moving(store.jobs)
    provider = Calling()
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    job = await house.order()
    provider.submits.append(Unclear("its reply was lost"))
    await house.run()
    job = await house.get(job)
    assert job.state is State.UNCLEAR

    await house.worker.callbacks.hear(job.token, b"remote-1")
    assert store.jobs.left == 0
    await house.run()
    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1
    assert await store.check() == []


async def test_a_bug_while_submitting_counts_as_having_been_sent(house, provider):
    job = await house.order()
    provider.submits.append(RuntimeError("bug"))
    await house.run()

    assert (await house.get(job)).state is State.UNCLEAR
    assert len(provider.submitted) == 1


async def test_a_death_while_submitting_parks_the_job(house, provider, store, clock, tmp_path):
    job = await house.order()
    provider.submits.append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await house.worker.step()
    assert (await house.get(job)).state is State.SUBMITTING

    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run()

    assert (await again.get(job)).state is State.UNCLEAR
    assert len(provider.submitted) == 1


async def test_unless_the_provider_knows_how_to_take_it_twice(
    house, provider, store, clock, tmp_path
):
    provider.idempotent = True
    job = await house.order()
    provider.submits.append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await house.worker.step()

    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run()

    assert (await again.get(job)).state is State.DONE
    assert provider.submitted[0] == provider.submitted[1], "the same attempt, by the same name"


@pytest.mark.parametrize("step", ["polls", "fetches"])
async def test_a_death_after_the_submit_leaves_the_job_to_the_next_process(
    house, provider, store, clock, tmp_path, step
):
    job = await house.order()
    getattr(provider, step).append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await house.run()

    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run()

    assert (await again.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_a_stop_finishes_a_submit_under_way_and_begins_no_other(
    store, screen, clock, tmp_path
):
    class Slow(FakeProvider):
        def __init__(self):
            super().__init__(concurrency=1)
            self.begun, self.go = asyncio.Event(), asyncio.Event()

        async def submit(self, order):
            self.begun.set()
            await self.go.wait()
            return await super().submit(order)

    provider = Slow()
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    first, second = await house.order(), await house.order()
    running = asyncio.create_task(house.worker.run())
    await provider.begun.wait()
    stopping = asyncio.create_task(house.worker.stop())
    await asyncio.sleep(0)
    provider.go.set()
    await stopping
    await running

    assert (await house.get(first)).state is State.RENDERING
    assert (await house.get(second)).state is State.QUEUED


async def test_what_a_provider_named_is_not_lost_when_the_disk_is_full(house, provider, store):
    class Full:
        """A disk that takes nothing for a while, under the real jobs."""

        def __init__(self, jobs):
            self._jobs, self.full = jobs, False

        def __getattr__(self, name):
            return getattr(self._jobs, name)

        async def save(self, job, why="", **options):
            if job.state is State.RENDERING and self.full:
                raise OSError("No space left on device")
            return await self._jobs.save(job, why, **options)

    disk = Full(store.jobs)
    disk.full = True
    store.jobs = disk
    house = House(store, {"fake": provider}, Presenter(), house.clock, house.data)
    job = await house.order()
    await house.run_now()
    assert (await house.get(job)).state is State.SUBMITTING
    house.clock.advance(40)
    await house.run_now()
    disk.full = False
    await house.run()

    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


# What the provider answered with “not now”, and what that may have cost.


async def test_not_now_is_sent_again_so_many_times_and_each_is_counted(house, provider, store):
    job = await house.order()
    provider.submits.extend([Busy("Not now.", retry_after=1, answered=True)] * 3)
    await house.run()
    job = await house.get(job)
    assert (job.state, job.repeats, job.attempt) == (State.DONE, 3, 4)

    job = await house.order()
    provider.submits.extend([Busy("Not now.", retry_after=1, answered=True)] * 100)
    await house.run(steps=100)
    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.FAILED, "down", "no")
    assert job.error == f"Not now. It was asked {REPEATS + 1} times."
    assert len(provider.submits) == 100 - REPEATS - 1
    assert await store.check() == []


async def test_what_was_never_sent_is_not_counted(house, provider):
    job = await house.order()
    provider.submits.extend([Busy("It cannot be reached.", retry_after=1)] * 12)
    await house.run(steps=60)
    job = await house.get(job)
    assert (job.state, job.repeats) == (State.DONE, 0)
