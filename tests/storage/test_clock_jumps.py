"""Setting the machine's clock neither expires, nor frees, nor freezes anything."""

import contextlib
from dataclasses import dataclass

import pytest

from bot.errors import Busy
from bot.jobs.steps import UNHEARD
from bot.jobs.worker import SOON
from bot.providers import Report, Stage
from storage import Defaults, State
from storage.clock import LEAP, SURE, Clock, mark
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.engines import open_store
from tests.rig.house import until, working
from tests.rig.paid import ordered, paid_provider
from tests.rig.proving import one_in
from tests.rig.worker import House

DAY = 86_400.0
JUMPS = [-3650 * DAY, -DAY, DAY, 3650 * DAY]
RUNNING = Report(stage=Stage.RUNNING, fraction=0.5)
UNLIMITED = Defaults(per_minute=None, jobs_per_user=None, budget=None, amount=None)


@dataclass
class Time:
    """A wall clock that somebody sets, and ticks that nobody can."""

    wall: float = 1_800_000_000.0
    ticks: float = 50.0

    def advance(self, seconds):
        self.wall += seconds
        self.ticks += seconds


class Machine:
    """A computer that Dailies is started on, with a provider somewhere else."""

    def __init__(self, data):
        self.data, self.time, self.provider = data, Time(), FakeProvider()
        self.house = None

    @contextlib.asynccontextmanager
    async def started(self):
        async with open_store(
            self.data,
            defaults=UNLIMITED,
            wall=lambda: self.time.wall,
            ticks=lambda: self.time.ticks,
        ) as store:
            house = House(store, {"fake": self.provider}, Presenter(), self.time, self.data)
            house.studio._clock = store.clock.now  # as `deploy` does it
            await house.worker.load()
            yield house
            await store.keep_time()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


async def reach(machine, house, state):
    """An order that stands at *state*, and goes no further by itself for a while."""
    provider = machine.provider
    scripts = {
        State.QUEUED: (provider.submits, Busy("later", retry_after=30)),
        State.RENDERING: (provider.polls, RUNNING),
        State.FETCHING: (provider.fetches, Busy("later", retry_after=30)),
    }
    script, answer = scripts[state]
    script.append(answer)
    job = await house.order()
    for _ in range(30):
        await house.run_now()
        if not script:
            break
        machine.time.advance(1)
    assert (await house.get(job)).state is state
    return job


STATES = [State.QUEUED, State.RENDERING, State.FETCHING]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("jump", JUMPS)
async def test_a_clock_that_is_set_changes_nothing_for_a_job(machine, state, jump):
    async with machine.started() as house:
        job = await reach(machine, house, state)
        machine.time.wall += jump
        for _ in range(60):
            await house.run_now()
            machine.time.advance(1)
        job = await house.get(job)
        assert job.state is State.DONE
        assert len(machine.provider.submitted) == (2 if state is State.QUEUED else 1)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("jump", one_in(3, JUMPS))
async def test_nor_while_dailies_is_down(machine, state, jump):
    async with machine.started() as house:
        machine.time.advance(2 * SURE)
        job = await reach(machine, house, state)
    machine.time.wall += jump
    machine.time.ticks = 0.0  # the machine was started anew
    machine.provider.polls.append(RUNNING)  # it is not done yet, whatever the clock says
    async with machine.started() as house:
        for _ in range(60):
            await house.run_now()
            machine.time.advance(1)
        job = await house.get(job)
        assert job.state is State.DONE


@pytest.mark.parametrize("jump", JUMPS)
async def test_a_process_that_was_killed_left_rows_that_come_due(machine, jump):
    """The mark is that of the last order, long before the rows' times."""
    async with machine.started() as house:
        job = await reach(machine, house, State.RENDERING)
        machine.provider.polls.extend([RUNNING] * 40)
        for _ in range(20):
            machine.time.advance(5)
            await house.run_now()
        assert house.store.clock.now() - await house.store.writer.read(mark) > 90
        machine.time.ticks = 60.0  # too young to leave a mark when it is stopped
    machine.provider.polls.clear()
    machine.time.wall += jump
    async with machine.started() as house:
        for _ in range(60):
            await house.run_now()
            machine.time.advance(5)
        assert (await house.get(job)).state is State.DONE


async def test_a_row_that_a_wrong_clock_wrote_is_looked_at_soon(machine):
    async with machine.started() as house:
        job = await reach(machine, house, State.RENDERING)
        later = 3650 * DAY
        await house.store.writer.write(
            lambda db: (
                db.execute(
                    "UPDATE job SET due_at = due_at + ?, since = since + ?", (later, later)
                ).rowcount
            )
        )
    machine.provider.polls.extend([RUNNING] * 1000)
    async with machine.started() as house:
        machine.time.advance(SOON)
        await house.run_now()
        assert (await house.get(job)).state is State.RENDERING
        for _ in range(200):
            machine.time.advance(5)
            await house.run_now()
        assert (await house.get(job)).state is State.EXPIRED, "its deadline began with the start"


async def test_a_deadline_is_the_time_in_which_somebody_asked(machine):
    """Ten minutes at this provider, with a day's outage in between."""
    machine.provider.polls.extend([RUNNING] * 2000)

    async def asks(house, seconds):
        for _ in range(int(seconds // 5)):
            machine.time.advance(5)
            await house.run_now()
        return (await house.get(job)).state

    async with machine.started() as house:
        job = await house.order()
        await house.run_now()
        assert await asks(house, 400) is State.RENDERING
    machine.time.advance(DAY)
    async with machine.started() as house:
        assert await asks(house, 150) is State.RENDERING
    machine.time.advance(DAY)
    async with machine.started() as house:
        assert await asks(house, 20) is State.RENDERING
        assert await asks(house, 100) is State.EXPIRED


async def test_an_order_waits_for_its_provider_as_long_as_dailies_runs(machine):
    machine.provider.submits.extend([Busy("full", retry_after=600)] * 200)
    async with machine.started() as house:
        job = await house.order()
        await house.run_now()
        machine.time.advance(SURE)
    machine.time.advance(26 * 3600)
    async with machine.started() as house:
        await house.run_now()
        assert (await house.get(job)).state is State.QUEUED
        for _ in range(24 * 6 + 1):
            machine.time.advance(600)
            await house.run_now()
        assert (await house.get(job)).state is State.EXPIRED


async def test_a_provider_that_cannot_be_reached_at_the_deadline_is_asked_on(machine):
    machine.provider.polls.append(RUNNING)
    async with machine.started() as house:
        job = await house.order()
        await house.run_now()
        machine.time.advance(3)
        await house.run_now()
        machine.time.advance(5 * 3600)  # a machine that slept wakes before its network does
        machine.provider.polls.extend([Busy("no network", retry_after=10)] * 3)
        for _ in range(5):
            await house.run_now()
            machine.time.advance(10)
        assert (await house.get(job)).state is State.DONE

        machine.provider.polls.extend([RUNNING, *[Busy("gone", retry_after=60)] * 1000])
        job = await house.order()
        for _ in range(int((600 + UNHEARD) // 60) + 2):
            await house.run_now()
            machine.time.advance(60)
        await house.run_now()
        assert (await house.get(job)).state is State.EXPIRED


# The clock by itself.


def test_starts_that_come_to_nothing_do_not_carry_the_mark_away():
    """A crash loop with a wall clock ten years ahead."""
    time = Time()
    clock = Clock(time.wall, wall=lambda: time.wall + 3650 * DAY, ticks=lambda: time.ticks)
    assert clock.now() == time.wall + LEAP
    assert not clock.sure
    time.ticks += SURE
    assert clock.sure


async def test_a_store_remembers_when_it_did_not_run(machine):
    async with machine.started() as house:
        machine.time.advance(SURE)
        since = house.store.clock.now()
        machine.time.advance(100)
    for down, up in ((DAY, 200), (-DAY, 300), (3 * DAY, 400)):
        machine.time.wall += down
        machine.time.ticks = 0.0
        async with machine.started() as house:
            machine.time.advance(up)
            now = house.store.clock.now()
    assert house.store.clock.awake(since) == pytest.approx(100 + 200 + 300 + 400)
    assert now - since == pytest.approx(1000 + 3 * DAY)
    assert house.store.clock.awake(now + DAY) == pytest.approx(400)


async def test_a_start_that_left_no_moment_leaves_no_gap(machine):
    async with machine.started() as house:
        machine.time.advance(SURE)
        since = house.store.clock.now()
    right = machine.time.wall
    machine.time.wall = right + 20 * DAY
    async with machine.started() as house:
        assert house.store.clock.now() == right + 20 * DAY
    machine.time.wall = right + 60
    async with machine.started() as house:
        assert house.store.clock.now() == right + 60
        machine.time.advance(1000)
        assert house.store.clock.awake(since) == pytest.approx(1000)


# From end to end.


@pytest.mark.parametrize("jump", one_in(2, JUMPS))
async def test_people_get_their_clip_whatever_the_clock_says(playground, tmp_path, mira, jump):
    held, wrong = paid_provider(), [0.0]

    def wall():
        return playground.clock.now() + wrong[0]

    async with working(playground, tmp_path, providers={"held": held}, wall=wall) as house:
        await ordered(mira)
        await until(lambda: held.submitted)
        await until(lambda: rendering(house))
        wrong[0] = jump
        held.finished = True
        await mira.wait_for(lambda each: bool(each.attachments))

    held.finished = False
    async with working(playground, tmp_path, providers={"held": held}, wall=wall) as house:
        await ordered(mira)
        await until(lambda: len(held.submitted) == 2)
        await until(lambda: rendering(house, 2))
    wrong[0] = 0.0
    held.finished = True
    async with working(playground, tmp_path, providers={"held": held}, wall=wall) as house:
        job = await until(lambda: done(house, 2))
        assert (await house.store.policy.bill(job.id)).spent == 6


async def rendering(house, number=1):
    return (await house.store.jobs.get(number)).state is State.RENDERING


async def done(house, number):
    job = await house.store.jobs.get(number)
    return job if job.state is State.DONE else None
