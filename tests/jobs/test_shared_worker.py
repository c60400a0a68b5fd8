"""A worker steps the jobs of its own shards, and a shard changes hands between two steps."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.orders.requester import Requester
from bot.providers import Receipt
from storage import Alone, Brief, DiskTrouble, State, Store, shard_of
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.worker import RUNNING, House, clock, provider, screen, store

__all__ = ["clock", "provider", "screen", "store"]

COUNT = 2
OURS, THEIRS = (1000 << 22), (1001 << 22)


class Shared(Alone):
    """One of several processes; what it has changes."""

    count = COUNT

    def __init__(self, *mine):
        self.mine = frozenset(mine)
        self.nudged = []

    def has(self, guild_id):
        return shard_of(guild_id, COUNT) in self.mine

    async def nudge(self, job_id):
        self.nudged.append(job_id)

    async def lines(self):
        return {}


class Calling(FakeProvider):
    """A provider that calls back."""

    def callback(self, body):
        return body.decode()


class Held(FakeProvider):
    """A provider whose answer to an order is waited for."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked, self.answer = asyncio.Event(), asyncio.Event()

    async def submit(self, order):
        self.asked.set()
        await self.answer.wait()
        return await super().submit(order)


def process(store, provider, clock, folder, *mine, screen=None, jobs=None):
    """A process that has those shards of the rows in *store*, and *jobs* in place of its jobs."""
    shared = Store(
        store.writer,
        clock=store.clock,
        defaults=store.defaults,
        schedule=store.schedule,
        sharing=Shared(*mine),
    )
    shared.jobs = jobs or shared.jobs
    return House(shared, {"fake": provider}, screen or Presenter(), clock, folder)


async def order(house, number, guild_id):
    asking = Requester(guild_id=guild_id, channel_id=2, user_id=7)
    job, _ = await house.studio.order(
        Brief(prompt="a fox"), request=f"interaction:{number}", requester=asking
    )
    return await house.studio.placed(job, card_channel_id=2, card_id=job.id, thread_id=3)


async def states(store):
    return {job.guild_id: job.state for job in await store.jobs.newest()}


async def test_only_the_jobs_of_its_own_servers_are_stepped(store, provider, clock, tmp_path):
    house = process(store, provider, clock, tmp_path, 0)
    mine = await order(house, 1, OURS)
    await order(house, 2, THEIRS)
    await house.run()
    assert await states(store) == {OURS: State.DONE, THEIRS: State.QUEUED}
    assert [job for job, _ in provider.submitted] == [mine.id]
    await house.worker.load()
    await house.worker.reread()
    await house.run()
    assert await states(store) == {OURS: State.DONE, THEIRS: State.QUEUED}


async def test_what_was_gained_goes_on_as_after_a_start(store, clock, tmp_path):
    other = FakeProvider()
    other.polls.extend([RUNNING] * 9)
    before = process(store, other, clock, tmp_path, 1)
    rendering = await order(before, 1, THEIRS)
    await before.run_now()
    waiting = await order(before, 2, THEIRS)
    provider = FakeProvider()
    house = process(store, provider, clock, tmp_path, 0)
    await house.worker.load()
    house.store.sharing.mine = frozenset({0, 1})
    await house.worker.take_up({1})
    await house.run()
    assert (await store.jobs.get(rendering.id)).state is State.DONE
    assert [job for job, _ in provider.submitted] == [waiting.id], "the first was ordered before"


async def test_an_order_that_a_dead_one_was_sending_is_never_sent_again(store, clock, tmp_path):
    provider = FakeProvider()
    house = process(store, provider, clock, tmp_path, 0)
    job = await order(house, 1, THEIRS)
    row = await store.jobs.get(job.id)
    await store.jobs.save(
        replace(row, token="t").to(State.SUBMITTING, now=clock(), due_at=clock(), attempt=1)
    )
    house.store.sharing.mine = frozenset({0, 1})
    await house.worker.take_up({1})
    await house.run_now()
    assert (await store.jobs.get(job.id)).state is State.UNCLEAR
    assert provider.submitted == []


@asynccontextmanager
async def running(house):
    task = asyncio.create_task(house.worker.run())
    try:
        yield
    finally:
        await house.worker.stop()
        await task


async def test_what_is_being_sent_is_finished_before_a_shard_is_given_up(store, clock, tmp_path):
    provider = Held()
    house = process(store, provider, clock, tmp_path, 0, 1)
    async with running(house):
        job = await order(house, 1, THEIRS)
        await asyncio.wait_for(provider.asked.wait(), 60)
        house.store.sharing.mine = frozenset({0})
        giving = asyncio.create_task(house.worker.give_up({1}))
        done, _ = await asyncio.wait({giving}, timeout=0.3)
        assert not done, "its order is on its way"
        provider.answer.set()
        assert await asyncio.wait_for(giving, 60)
        assert (await store.jobs.get(job.id)).state is State.RENDERING
        later = await order(house, 2, THEIRS)
        await asyncio.sleep(0.3)
        assert (await store.jobs.get(later.id)).state is State.QUEUED, "it is another's to send"


async def test_what_takes_too_long_is_cut_off_and_a_person_decides(store, clock, tmp_path):
    provider = Held()
    house = process(store, provider, clock, tmp_path, 0, 1)
    async with running(house):
        job = await order(house, 1, THEIRS)
        await asyncio.wait_for(provider.asked.wait(), 60)
        house.store.sharing.mine = frozenset({0})
        assert await house.worker.give_up({1}, within=0.1)
    next_one = process(store, FakeProvider(), clock, tmp_path, 1)
    await next_one.worker.load()
    await next_one.run_now()
    assert (await store.jobs.get(job.id)).state is State.UNCLEAR


async def test_a_shard_stays_while_something_of_it_is_not_written_down(store, clock, tmp_path):
    full = True

    class Full:
        """The jobs of a store on a disk that is full when an order was answered."""

        def __getattr__(self, name):
            return getattr(store.jobs, name)

        async def save(self, job, why="", **options):
            if full and job.state is State.RENDERING:
                raise DiskTrouble("The disk is full, so nothing was saved.")
            return await store.jobs.save(job, why, **options)

    house = process(store, FakeProvider(), clock, tmp_path, 0, 1, jobs=Full())
    job = await order(house, 1, THEIRS)
    await house.run_now()
    assert not await house.worker.give_up({1}), "only memory knows what its provider calls it"
    full = False
    clock.advance(120)
    await house.run_now()
    assert (await store.jobs.get(job.id)).state is not State.SUBMITTING
    assert await house.worker.give_up({1})


async def test_a_post_that_another_may_have_made_is_looked_for(store, clock, tmp_path):
    screen = Presenter()
    house = process(store, FakeProvider(), clock, tmp_path, 0, 1, screen=screen)
    job = await order(house, 1, THEIRS)
    while (await store.jobs.get(job.id)).state is not State.DELIVERING:
        if not await house.worker.step():
            clock.advance(3)
    house.store.sharing.mine = frozenset({0})
    assert await house.worker.give_up({1})
    house.store.sharing.mine = frozenset({0, 1})
    await house.worker.take_up({1})
    await house.run()
    [(posted, _, again)] = screen.delivered
    assert posted == job.id
    assert again, "whoever had the shard meanwhile may have posted it"


async def test_a_callback_at_another_process_reaches_the_one_that_asks(store, clock, tmp_path):
    provider = Calling()
    provider.submits.append(Receipt(remote_id="r-1"))
    provider.polls.extend([RUNNING] * 5)
    owner = process(store, provider, clock, tmp_path, 1)
    job = await order(owner, 1, THEIRS)
    await owner.run_now()
    row = await store.jobs.get(job.id)
    house = process(store, provider, clock, tmp_path, 0)
    await house.worker.callbacks.hear(row.token, b"r-1")
    assert house.store.sharing.nudged == [job.id]
    await house.worker.callbacks.hear(row.token, b"forged")
    assert house.store.sharing.nudged == [job.id]


@pytest.mark.parametrize("mine", [(0,), (1,), (0, 1)])
async def test_a_start_takes_up_what_is_its_own(store, clock, tmp_path, mine):
    before = process(store, FakeProvider(), clock, tmp_path, 5)
    for number, guild_id in ((1, OURS), (2, THEIRS)):
        await order(before, number, guild_id)
    provider = FakeProvider()
    house = process(store, provider, clock, tmp_path, *mine)
    await house.worker.load()
    await house.run()
    assert len(provider.submitted) == len(mine)
