"""A studio and a worker over one store, as a deployment has them, and the fixtures of both."""

from dataclasses import replace

import pytest

from bot.events import Events
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.orders.requester import Requester
from bot.providers import Report, Stage
from storage import Brief, Defaults, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import PRICE, Clock, FakeProvider, Presenter, model
from tests.rig.studios import studio_of

RUNNING = Report(stage=Stage.RUNNING, fraction=0.5)


class House:
    """A studio and a worker over one store, as a deployment has them."""

    def __init__(self, store, providers, screen, clock, data, **options):
        self.store, self.screen, self.clock, self.data = store, screen, clock, data
        self.events = events = Events()
        self.tracker = tracker = Tracker(store, providers, events)
        events.job_changed.listen(screen.show)
        self.studio = studio_of(store, providers, events=events, tracker=tracker, clock=clock)

        async def link(job, given):
            return given.url

        self.worker = Worker(
            store,
            providers,
            screen,
            tracker=tracker,
            events=events,
            data=data,
            link=link,
            alternative=self.studio.quotes.alternative,
            **options,
        )
        self._orders = 0

    async def order(self, *, request=None, user=7, **brief):
        self._orders += 1
        requester = Requester(guild_id=1, channel_id=2, user_id=user)
        job, created = await self.studio.order(
            Brief(**{"prompt": "a fox", **brief}),
            request=request or f"interaction:{self._orders}",
            requester=requester,
        )
        if created:
            job = await self.studio.placed(job, card_channel_id=2, card_id=job.id, thread_id=3)
        return job

    async def get(self, job):
        return await self.store.jobs.get(job.id)

    async def run(self, *, steps=40):
        """Step until nothing is due for an hour."""
        for _ in range(steps):
            if not await self.worker.step():
                self.clock.advance(60)

    async def run_now(self):
        while await self.worker.step():
            pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def screen():
    return Presenter()


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
async def store(tmp_path, clock):
    unlimited = Defaults(per_minute=None, jobs_per_user=None, budget=None, amount=None)
    async with open_store(fresh(tmp_path), defaults=unlimited, wall=clock, ticks=clock) as store:
        yield store


@pytest.fixture
def house(store, provider, screen, clock, tmp_path):
    return House(store, {"fake": provider}, screen, clock, tmp_path)


async def restarted(house, store, provider, clock, tmp_path):
    """The same rows in the hands of a new process."""
    again = House(store, {"fake": provider}, Presenter(), clock, tmp_path)
    await again.worker.load()
    return again


def two(store, screen, clock, tmp_path, *, cost=0, other_cost=0):
    def priced(cost):
        return replace(PRICE, base={"*": cost})

    first = FakeProvider("first", models=(model("one", price=priced(cost)),))
    plain = model("plain", price=priced(other_cost), seeds=None, sound=False)
    second = FakeProvider("second", models=(plain,))
    house = House(store, {"first": first, "second": second}, screen, clock, tmp_path)
    return house, first, second


async def until_over(house, clock, seconds, stride=10):
    for _ in range(int(seconds / stride)):
        clock.advance(stride)
        await house.run_now()
