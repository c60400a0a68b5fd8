"""What takes minutes (a download, an encode, an upload) holds up no order and no question."""

import asyncio
from dataclasses import replace

import pytest

from bot.jobs.worker import LENGTHY
from storage import Defaults, State, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.house import until
from tests.rig.worker import House, clock

__all__ = ["clock"]


@pytest.fixture
async def store(tmp_path, clock):
    unlimited = Defaults(
        per_minute=None, jobs_per_user=None, jobs_per_server=None, budget=None, amount=None
    )
    async with open_store(fresh(tmp_path), defaults=unlimited, wall=clock, ticks=clock) as store:
        yield store


class SlowPosts(Presenter):
    """Posts nothing until it is let."""

    def __init__(self):
        super().__init__()
        self.begun, self.go = set(), asyncio.Event()

    async def deliver(self, job, clip, *, again):
        self.begun.add(job.id)
        await self.go.wait()
        return await super().deliver(job, clip, again=again)


@pytest.fixture
async def posting(store, clock, tmp_path):
    """A worker with more clips to post than it posts at once, and its posts."""
    screen = SlowPosts()
    provider = FakeProvider(concurrency=LENGTHY + 10)
    # The clock of these tests runs far ahead of what is done.
    provider.limits = replace(provider.limits, max_runtime=10**7, keeps_for=10**7)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    jobs = [await house.order(user=number) for number in range(LENGTHY + 5)]
    running = asyncio.create_task(house.worker.run())

    async def turn():
        clock.advance(3)
        return len(screen.begun) == LENGTHY

    await until(turn)
    yield house, jobs, screen
    screen.go.set()
    await house.worker.stop()
    await running


async def test_an_order_is_sent_and_asked_about_while_clips_are_posted(posting, clock):
    house, jobs, screen = posting
    late = await house.order(user=999)

    async def ready():
        clock.advance(3)
        return (await house.get(late)).state is State.FETCHING

    await until(ready)
    assert late.id not in screen.begun, "it waits for its turn to be posted"
    assert len(screen.begun) == LENGTHY and not screen.delivered
    screen.go.set()

    async def done():
        clock.advance(3)
        return all([(await house.get(each)).state is State.DONE for each in [*jobs, late]])

    await until(done)
    assert len(screen.delivered) == len(jobs) + 1, "each once"


@pytest.mark.long
async def test_what_waited_for_its_turn_is_read_anew(posting, clock, store):
    house, jobs, screen = posting

    job = await house.get(next(each for each in jobs if each.id not in screen.begun))
    if job.state is State.DELIVERING:
        gone = job.to(State.UNDELIVERED, now=clock(), error="The thread is gone.")
    else:
        gone = job.to(State.FAILED, now=clock(), error="It is gone.", failure="lost")
    await store.jobs.save(replace(gone, due_at=None))
    screen.go.set()

    async def others():
        clock.advance(3)
        return len(screen.delivered) >= len(jobs) - 1

    await until(others)
    await asyncio.sleep(0.1)
    assert job.id not in {posted for posted, *_ in screen.delivered}


@pytest.mark.long
async def test_at_a_stop_nothing_is_begun_that_waited(posting, caplog):
    house, jobs, screen = posting
    stopping = asyncio.create_task(house.worker.stop())
    await asyncio.sleep(0)
    screen.go.set()
    await stopping
    assert len(screen.delivered) == LENGTHY
    assert "was cut off" not in caplog.text
    left = [await house.get(each) for each in jobs if each.id not in screen.begun]
    assert len(left) == 5
    assert {each.state for each in left} <= {State.FETCHING, State.DELIVERING}
