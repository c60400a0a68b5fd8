"""A clip that may have been paid for is asked about, fetched and posted until its time is over."""

import pytest

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.jobs.presenter import Undeliverable
from bot.jobs.steps import PATIENCE
from storage import State
from tests.rig.worker import RUNNING, clock, house, provider, restarted, screen, store

__all__ = ["clock", "house", "provider", "screen", "store"]


async def test_after_a_death_while_posting_the_next_process_looks_first(
    house, provider, store, screen, clock, tmp_path
):
    job = await house.order()
    screen.script.append(Busy("Discord is down", retry_after=1000))
    await house.run(steps=6)
    assert (await house.get(job)).state is State.DELIVERING

    again = await restarted(house, store, provider, clock, tmp_path)
    clock.advance(2000)
    await again.run()

    assert again.screen.delivered == [(job.id, b"clip", True)]


async def test_a_refusal_reaches_the_person_in_its_own_words(house, provider, screen):
    job = await house.order()
    provider.submits.append(Refusal("No foxes.", failure=Failure.CONTENT))
    await house.run()

    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.FAILED, "content", "no")
    assert screen.told == [(job.id, State.FAILED, "No foxes.")]


async def test_a_clip_that_fails_there_is_not_ordered_again(house, provider, screen):
    job = await house.order()
    provider.polls.extend([RUNNING, Refusal("It broke.", failure=Failure.DOWN, billed=None)])
    await house.run()

    job = await house.get(job)
    assert (job.state, job.billed) == (State.FAILED, "unknown")
    assert len(provider.submitted) == 1


async def test_trouble_with_a_poll_is_never_a_new_order(house, provider):
    job = await house.order()
    provider.polls.extend([Busy("429", retry_after=40), Unclear("?"), Busy("down"), RUNNING])
    await house.run()

    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_a_clip_that_never_comes_is_given_up_at_its_deadline(house, provider, clock):
    job = await house.order()
    provider.polls.extend([RUNNING] * 1000)
    await house.run(steps=30)

    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.EXPIRED, "timeout", "unknown")
    assert "within 10 minutes" in job.error


async def test_a_download_is_tried_many_times_before_the_clip_is_given_up(house, provider):
    job = await house.order()
    provider.fetches.extend([Busy("cut off")] * (PATIENCE - 1))
    await house.run(steps=100)
    assert (await house.get(job)).state is State.DONE


NOT_THE_CLIP = {
    "cut off": Busy("cut off"),
    "a page": Refusal("It is no clip.", failure=Failure.BAD_RESULT),
    "forgotten": Refusal("It does not know it.", failure=Failure.LOST),
    "nobody says": Unclear("?"),
}


@pytest.mark.parametrize("answer", NOT_THE_CLIP.values(), ids=NOT_THE_CLIP)
async def test_what_was_paid_for_is_tried_until_its_time_is_over_and_then_parked(
    house, provider, clock, store, answer
):
    job = await house.order()
    provider.fetches.extend([answer] * 1000)
    begun = clock()
    for _ in range(200):
        await house.run_now()
        if (await house.get(job)).state is not State.FETCHING and clock() - begun > 10:
            break
        clock.advance(60)
    job = await house.get(job)
    assert 3600 <= clock() - begun < 4400, "as long as the result is kept"
    assert (job.state, job.failure, job.billed) == (State.REVIEW, "bad_result", "yes")
    assert job.result_url == "https://x.test/clip.mp4", "a moderator has the link"
    assert "it couldn't be downloaded" in job.error
    assert len(provider.fetches) > 950, "the pauses grow"
    assert await store.check() == []

    provider.fetches.clear()
    again = job.to(State.RENDERING, now=clock(), due_at=clock(), billed="no", error=None)
    house.tracker.wake(await store.jobs.save(again, "check again, by a moderator"))
    clock.advance(10)
    await house.run()
    assert (await house.get(job)).state is State.DONE


async def test_a_fetch_ends_only_where_the_provider_itself_says_that_it_failed(house, provider):
    job = await house.order()
    provider.fetches.append(Refusal("No foxes.", failure=Failure.CONTENT, billed=False))
    await house.run()
    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.FAILED, "content", "no")


async def test_finished_without_a_clip_is_asked_again(house, provider):
    job = await house.order()
    provider.polls.append(Refusal("No clip.", failure=Failure.BAD_RESULT, billed=True))
    await house.run()
    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_a_clip_with_nowhere_to_go_is_kept(house, screen, tmp_path):
    job = await house.order()
    screen.script.append(Undeliverable("The thread is gone."))
    for _ in range(10):
        await house.run_now()
        if (await house.get(job)).state is State.UNDELIVERED:
            break
        house.clock.advance(3)

    job = await house.get(job)
    assert (job.state, job.error) == (State.UNDELIVERED, "The thread is gone.")
    assert (tmp_path / job.file).read_bytes() == b"clip"


async def test_a_bug_of_ours_is_given_to_a_moderator_in_the_end(house, provider):
    job = await house.order()
    provider.polls.extend([RuntimeError("bug")] * 100)
    await house.run(steps=60)

    assert (await house.get(job)).state is State.REVIEW
