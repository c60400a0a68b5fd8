"""A job that was given up is asked about for as long as its result is kept, and no longer."""

from bot.errors import Busy, Failure, Refusal
from storage import State
from tests.rig.worker import RUNNING, clock, house, provider, restarted, screen, store, until_over

__all__ = ["clock", "house", "provider", "screen", "store"]


async def given_up(house, provider, clock):
    """A job whose time is over and whose person was told."""
    job = await house.order()
    provider.polls.extend([RUNNING] * 10_000)
    await house.run_now()
    clock.advance(601)
    await house.run_now()
    job = await house.get(job)
    assert (job.state, job.billed, job.due_at) == (State.EXPIRED, "unknown", None)
    return job


async def test_a_clip_that_comes_late_is_fetched_and_posted_and_says_so(
    house, provider, clock, store, screen
):
    job = await given_up(house, provider, clock)
    await until_over(house, clock, 300)
    asked = len(provider.polled)
    provider.polls.clear()
    await until_over(house, clock, 1000)

    job = await house.get(job)
    assert (job.state, job.billed, job.error) == (State.DONE, "yes", None)
    assert job.note == "It came late: Fake finished it after its time was up."
    assert screen.delivered == [(job.id, b"clip", False)]
    assert len(provider.submitted) == 1
    assert asked <= 8, "ever more rarely"
    assert await store.check() == []


async def test_so_is_one_of_which_only_the_next_process_hears(
    house, provider, store, clock, tmp_path
):
    job = await given_up(house, provider, clock)
    provider.polls.clear()
    again = await restarted(house, store, provider, clock, tmp_path)
    await until_over(again, clock, 200)
    assert (await again.get(job)).state is State.DONE
    assert again.screen.delivered == [(job.id, b"clip", False)]


async def test_who_was_not_told_yet_is_told_by_the_next_process_at_once(
    house, provider, store, clock, tmp_path, screen
):
    """And not only once it is time to ask whether the clip has come late."""
    job = await house.order()
    provider.polls.extend([RUNNING] * 10_000)
    await house.run_now()
    clock.advance(601)
    screen.script.append(Busy("Discord is having trouble."))
    while (await house.get(job)).state is not State.EXPIRED:
        await house.worker.step()
    clock.advance(1)
    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run_now()
    assert [told[0] for told in again.screen.told] == [job.id]


async def test_nobody_asks_longer_than_the_result_is_kept(house, provider, store, clock, tmp_path):
    job = await given_up(house, provider, clock)
    before = len(provider.polled)
    await until_over(house, clock, 3 * 3600, stride=60)
    assert 5 <= len(provider.polled) - before <= 30
    asked = len(provider.polled)
    again = await restarted(house, store, provider, clock, tmp_path)
    await until_over(again, clock, 3600, stride=60)
    assert len(provider.polled) == asked
    assert (await again.get(job)).state is State.EXPIRED


async def test_a_job_that_fails_after_all_is_not_asked_about_any_more(
    house, provider, store, clock
):
    job = await given_up(house, provider, clock)
    provider.polls.clear()
    provider.polls.append(Refusal("It broke.", failure=Failure.DOWN, billed=False))
    await until_over(house, clock, 4000, stride=60)
    assert (await house.get(job)).state is State.EXPIRED
    assert len([each for each in provider.polls if each is not RUNNING]) == 0
    assert await store.check() == []
