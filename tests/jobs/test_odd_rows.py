"""Absurd bills, rows that cannot be saved, and a machine in trouble: no clip is lost to them."""

import errno
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.jobs.steps import HANGS
from bot.media.ffmpeg import ffmpeg
from bot.providers import Report, Stage
from storage import State
from tests.rig.doubles import PRICE, FakeProvider, Presenter, model
from tests.rig.worker import House, clock, house, provider, screen, store, until_over

__all__ = ["clock", "house", "provider", "screen", "store"]


# Rows that cannot be saved, and bills that cannot be understood.


@pytest.mark.parametrize("bill", [1e300, 10**400, 1e18])
async def test_an_absurd_bill_is_booked_as_far_as_it_can_be(store, screen, clock, tmp_path, bill):
    price = replace(PRICE, per_second={"*": Decimal("0.01")})
    provider = FakeProvider(models=(model(price=price),))
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    provider.polls.append(Report(stage=Stage.READY, url="https://x.test/a.mp4", cost=bill))
    job = await house.order()
    await house.run()
    assert (await house.get(job)).state is State.DONE
    [overrun] = await store.accounting.overruns()
    assert overrun.amount == 10**12 - job.price, "and moderators are told"
    assert await store.check() == []


@pytest.mark.parametrize("bill", [float("nan"), float("inf"), -1.0, "12", True, [3]])
async def test_a_bill_that_is_not_understood_was_not_said(
    store, screen, clock, tmp_path, bill, caplog
):
    price = replace(PRICE, per_second={"*": Decimal("0.01")})
    provider = FakeProvider(models=(model(price=price),))
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    provider.polls.append(Report(stage=Stage.READY, url="https://x.test/a.mp4", cost=bill))
    job = await house.order()
    await house.run()
    job = await house.get(job)
    assert (job.state, job.cost) == (State.DONE, None)
    assert (await store.policy.bill(job.id)).spent == job.price > 0
    assert "bill" in caplog.text


async def test_a_row_that_nothing_can_be_written_down_of_is_parked_and_the_rest_goes_on(
    house, provider, store, clock
):
    provider.polls.append(Report(stage=Stage.READY, url="https://x.test/\ud800.mp4"))
    job, other = await house.order(), await house.order(user=8)
    for _ in range(12):
        await house.run_now()
        clock.advance(31)
    job = await house.get(job)
    assert (job.state, job.due_at, job.remote_id) == (State.REVIEW, None, "remote-1")
    assert (await house.get(other)).state is State.DONE
    assert not await house.worker.step()
    assert await store.check() == []


async def test_what_became_of_such_a_row_outlives_a_full_disk(house, provider, store):
    """Trouble with the disk in the middle of that costs nothing that is known."""

    class Odd:
        """Takes no row with the clip's address, and has no room for the next one either."""

        def __init__(self, jobs):
            self._jobs, self.full = jobs, 3

        def __getattr__(self, name):
            return getattr(self._jobs, name)

        async def save(self, job, why="", **options):
            if job.state is State.RENDERING:
                raise ValueError("cannot be stored")
            if job.state is State.REVIEW and self.full:
                self.full -= 1
                raise full()
            return await self._jobs.save(job, why, **options)

    store.jobs = Odd(store.jobs)
    house = House(store, {"fake": provider}, Presenter(), house.clock, house.data)
    job = await house.order()
    await until_over(house, house.clock, 600, stride=31)
    job = await house.get(job)
    assert (job.state, job.remote_id, job.billed) == (State.REVIEW, "remote-1", "unknown")
    assert len(provider.submitted) == 1


# Trouble of ours.


def full():
    return OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "trouble", [full(), OSError(errno.EIO, "I/O error"), MemoryError(), OSError(errno.EMFILE, "x")]
)
async def test_what_this_machine_cannot_do_just_now_ends_nothing(
    store, provider, screen, clock, tmp_path, trouble, caplog
):
    made = []

    async def make_room():
        made.append(clock())

    house = House(store, {"fake": provider}, screen, clock, tmp_path, make_room=make_room)
    provider.fetches.extend([trouble] * 1000)
    job = await house.order()
    await until_over(house, clock, 6 * 3600, stride=120)
    held = await house.get(job)
    assert (held.state, held.tries) == (State.FETCHING, 0), "no try, and no end"
    assert "1 clip waits" in await house.worker.trouble()
    assert len([each for each in caplog.records if each.levelname == "ERROR"]) == 1, "said once"
    assert bool(made) == (getattr(trouble, "errno", 0) == errno.ENOSPC), "it asks for room"

    provider.fetches.clear()
    await until_over(house, clock, 600)
    assert (await house.get(job)).state is State.DONE
    assert await house.worker.trouble() is None
    assert screen.delivered == [(job.id, b"clip", False)]


async def test_a_hanging_ffmpeg_degrades_nothing_and_is_shown_to_a_person_in_the_end(
    store, provider, clock, tmp_path
):
    hanging = tmp_path / "ffmpeg"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o700)
    tries = []

    class Screened(Presenter):
        async def deliver(self, job, clip, *, again):
            tries.append(job.tries)
            if len(tries) <= HANGS:
                await ffmpeg("-i", clip, timeout=0.2, program=hanging)
            return await super().deliver(job, clip, again=again)

    screen = Screened()
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    job = await house.order()
    await until_over(house, clock, 3000, stride=100)
    job = await house.get(job)
    assert (job.state, set(tries)) == (State.REVIEW, {0})
    again = job.to(State.DELIVERING, now=clock(), due_at=clock(), error=None)
    house.tracker.wake(await store.jobs.save(again, "check again, by a moderator"))
    await house.run()
    assert (await house.get(job)).state is State.DONE
