"""What could not be posted is a debt: it is tried again until people have it, and paid for once."""

import pytest

from bot.errors import Busy, Refusal
from bot.files.cache import GIB, ClipCache
from bot.jobs.presenter import Undeliverable
from bot.jobs.steps import NOTICE_LASTS, PATIENCE
from storage import State, open_store
from tests.rig.doubles import Clock, FakeProvider, Presenter
from tests.rig.worker import House

HOUR, DAY = 3600.0, 86_400.0


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
async def house(tmp_path, screen, provider, clock):
    async with open_store(tmp_path / "data", wall=clock, ticks=clock) as store:
        yield House(store, {"fake": provider}, screen, clock, tmp_path)


async def until_state(house, job, state):
    """Work, minute by minute, until *job* is in *state*."""
    for _ in range(200):
        while await house.worker.step():
            if (found := await house.get(job)).state is state:
                return found
        house.clock.advance(60)
    raise AssertionError((await house.get(job)).state)


async def tries(house, seconds):
    """How often a post is tried in the next *seconds*."""
    before = len(house.screen.script)
    for _ in range(int(seconds // 60)):
        await house.run_now()
        house.clock.advance(60)
    return before - len(house.screen.script)


async def owed(house, screen, *, failures=1000, error=None):
    """A clip that could not be posted for twenty minutes."""
    job = await house.order()
    screen.script.extend([error or Busy("Discord is having trouble.")] * failures)
    return await until_state(house, job, State.UNDELIVERED)


@pytest.mark.parametrize(
    "error", [Busy("Discord is having trouble."), Undeliverable("There is nowhere to post it.")]
)
async def test_a_clip_that_cannot_be_posted_is_tried_for_days(house, screen, tmp_path, error):
    job = await owed(house, screen, error=error)
    assert job.due_at is not None
    assert await tries(house, 6 * HOUR) >= 6
    seldom = await tries(house, DAY)
    assert 24 <= seldom <= 33, "about once an hour"
    screen.script.clear()
    await tries(house, HOUR + 60)
    job = await house.get(job)
    assert (job.state, job.due_at, job.error) == (State.DONE, None, None)
    assert screen.delivered == [(job.id, b"clip", True)], "once, and it was looked for before"
    assert job.result_id == 9000 + job.id


async def test_it_is_tried_at_once_when_we_are_connected_anew(house, screen):
    job = await owed(house, screen)
    await tries(house, 5 * HOUR)
    screen.script.clear()
    await house.run_now()
    assert not screen.delivered, "it is not due yet"
    house.events.connected.emit()
    await house.run_now()
    house.clock.advance(10)
    await house.run_now()
    assert (await house.get(job)).state is State.DONE


async def test_it_is_tried_soon_when_discord_takes_something_else(house, screen):
    first = await owed(house, screen)
    await tries(house, 5 * HOUR)
    screen.script.clear()
    second = await house.order()
    await until_state(house, second, State.DONE)
    house.clock.advance(90)
    await house.run_now()
    assert (await house.get(first)).state is State.DONE


async def test_what_is_owed_outlives_a_restart(house, screen, provider, clock, tmp_path):
    job = await owed(house, screen)
    screen.script.clear()
    after = House(house.store, {"fake": provider}, screen, clock, tmp_path)
    await after.worker.load()
    clock.advance(61)
    await after.run_now()
    assert (await house.get(job)).state is State.DONE


async def test_what_discord_does_not_take_is_not_said_again_and_again(house, screen):
    refused = Undeliverable("Discord doesn't take a message with this clip.", rejected=True)
    job = await owed(house, screen, error=refused)
    before = len(screen.script)
    house.events.connected.emit()
    assert await tries(house, 12 * HOUR) == 0
    assert len(screen.script) == before
    assert await tries(house, 2 * DAY) == 2
    screen.script.clear()
    await tries(house, DAY + HOUR)
    assert (await house.get(job)).state is State.DONE


async def test_the_debt_ends_with_the_file(house, screen):
    job = await owed(house, screen)
    screen.script.clear()
    screen.script.append(Undeliverable("Our copy of the clip is gone.", gone=True))
    await tries(house, 2 * HOUR)
    job = await house.get(job)
    assert (job.state, job.due_at) == (State.UNDELIVERED, None)


@pytest.mark.parametrize(
    "error", [Busy("Discord is having trouble."), Undeliverable("There is nowhere to say it.")]
)
async def test_bad_news_is_told_when_discord_is_back(house, screen, provider, error):
    provider.submits.append(Refusal("No foxes."))
    job = await house.order()
    screen.script.extend([error] * (PATIENCE + 10))
    await until_state(house, job, State.FAILED)
    await tries(house, 12 * HOUR)
    assert screen.told == [(job.id, State.FAILED, "No foxes.")]
    assert (await house.get(job)).due_at is None


async def test_bad_news_is_not_tried_for_ever(house, screen, provider):
    provider.submits.append(Refusal("No foxes."))
    job = await house.order()
    screen.script.extend([Busy("Discord is having trouble.")] * 1000)
    await until_state(house, job, State.FAILED)
    await tries(house, NOTICE_LASTS + 2 * HOUR)
    assert (await house.get(job)).due_at is None
    assert not screen.told


async def test_a_clip_that_is_owed_makes_no_room_before_its_time(house, screen, tmp_path):
    job = await owed(house, screen)
    await house.store.takes.number(job, 3)
    clip = tmp_path / job.file
    cache = ClipCache(
        house.store,
        data=tmp_path,
        days=7,
        room=1 / GIB,  # one byte
        spare=0.0,
        clock=house.clock,
        wall=house.clock,
        free=lambda _path: 10**12,
    )
    house.clock.advance(3 * DAY)
    await cache.tidy()
    assert clip.exists()
    house.clock.advance(5 * DAY)
    await cache.tidy()
    assert not clip.exists()


async def test_who_is_owed_a_clip_can_have_everything_deleted(house, screen):
    job = await owed(house, screen)
    assert await house.store.privacy.forget(job.user_id) is not None
    assert (await house.get(job)).due_at is None
    await tries(house, 3 * HOUR)
    assert not screen.delivered
