"""A canceled job ends once its provider has stopped; what a lost provider renders is kept."""

import pytest

from bot.errors import Busy, Refusal
from bot.orders.requester import Requester
from storage import State
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.worker import RUNNING, House, clock, house, provider, screen, store

__all__ = ["clock", "house", "provider", "screen", "store"]


async def test_a_cancelled_clip_in_the_queue_is_never_sent(house, provider):
    provider.polls.extend([RUNNING] * 100)
    jobs = [await house.order() for _ in range(4)]
    await house.run_now()
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    await house.studio.cancel(jobs[2].id, requester=requester)
    await house.run_now()
    assert house.studio.glimpse(jobs[3]).position == 1
    provider.polls.clear()
    await house.run()

    assert (await house.get(jobs[2])).state is State.CANCELLED
    assert {job for job, _ in provider.submitted} == {jobs[0].id, jobs[1].id, jobs[3].id}


async def test_a_rendering_clip_is_stopped_where_the_provider_can(store, screen, clock, tmp_path):
    provider = FakeProvider(cancels=True)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    provider.polls.extend([RUNNING] * 100)
    job = await house.order()
    await house.run_now()
    await house.studio.cancel(job.id, requester=Requester(guild_id=1, channel_id=2, user_id=7))
    await house.run_now()

    assert (await house.get(job)).state is State.CANCELLED
    assert provider.cancelled == ["remote-1"]


class HardToStop(FakeProvider):
    """Takes the second word for it."""

    async def cancel(self, order, remote_id):
        await super().cancel(order, remote_id)
        if len(self.cancelled) == 1:
            raise Busy("It is down.", retry_after=30)


async def test_it_is_not_called_canceled_before_its_provider_has_stopped(
    store, screen, clock, tmp_path
):
    provider = HardToStop(cancels=True)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    provider.polls.extend([RUNNING] * 100)
    job = await house.order()
    await house.run_now()
    await house.studio.cancel(job.id, requester=Requester(guild_id=1, channel_id=2, user_id=7))
    await house.run_now()
    assert (await house.get(job)).state is State.RENDERING
    clock.advance(30)
    await house.run_now()
    assert (await house.get(job)).state is State.CANCELLED
    assert provider.cancelled == ["remote-1", "remote-1"]


async def test_a_rendering_clip_goes_on_where_the_provider_cannot_stop(house, provider):
    provider.polls.extend([RUNNING] * 3)
    job = await house.order()
    await house.run_now()
    with pytest.raises(Refusal, match="can't stop a clip once it starts"):
        await house.studio.cancel(job.id, requester=Requester(guild_id=1, channel_id=2, user_id=7))


async def test_a_provider_that_is_gone_fails_what_waits_and_keeps_what_it_renders(
    house, provider, store, clock, tmp_path
):
    provider.polls.extend([RUNNING] * 100)
    jobs = [await house.order() for _ in range(3)]
    await house.run_now()
    without = House(store, {}, Presenter(), clock, tmp_path)
    await without.worker.load()
    await without.run(steps=5)

    states = [(await house.get(job)).state for job in jobs]
    assert states == [State.RENDERING, State.RENDERING, State.FAILED]
