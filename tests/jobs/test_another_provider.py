"""A job goes to another provider only where the first one has surely not taken it."""

import pytest

from bot.errors import Busy, Failure, Refusal, Unclear
from storage import State
from tests.rig.worker import clock, house, provider, screen, store, two

__all__ = ["clock", "house", "provider", "screen", "store"]


OUR_ACCOUNT = [
    Refusal("No money.", failure=Failure.CREDIT),
    Refusal("Bad key.", failure=Failure.KEY),
    Busy("Rate.", retry_after=600),
]


@pytest.mark.parametrize("answer", OUR_ACCOUNT, ids=["credit", "key", "rate"])
async def test_a_job_that_was_proven_not_to_be_taken_goes_to_another_provider(
    store, screen, clock, tmp_path, answer
):
    house, first, second = two(store, screen, clock, tmp_path)
    first.submits.append(answer)
    job = await house.order()
    assert job.provider == "first"
    await house.run(steps=60)

    job = await house.get(job)
    assert (job.state, job.provider) == (State.DONE, "second")
    assert job.note == "First didn't take it, so Second makes it: no seed, no sound."
    assert len(first.submitted) == len(second.submitted) == 1


NOT_OURS = [
    Refusal("No foxes.", failure=Failure.CONTENT),
    Unclear("lost"),
    Refusal("It may have been billed.", failure=Failure.CREDIT, billed=None),
]


@pytest.mark.parametrize("answer", NOT_OURS, ids=["content", "unclear", "billed"])
async def test_and_never_after_a_content_refusal_or_where_it_may_have_been_taken(
    store, screen, clock, tmp_path, answer
):
    house, first, second = two(store, screen, clock, tmp_path)
    first.submits.append(answer)
    job = await house.order()
    await house.run(steps=60)

    assert (await house.get(job)).state in {State.FAILED, State.UNCLEAR}
    assert second.submitted == []


async def test_nor_for_more_than_was_promised(store, screen, clock, tmp_path):
    house, first, second = two(store, screen, clock, tmp_path, cost=1, other_cost=2)
    first.submits.append(Refusal("No money.", failure=Failure.CREDIT))
    job = await house.order()
    await house.run(steps=60)

    assert (await house.get(job)).state is State.FAILED
    assert second.submitted == []


async def test_the_cheapest_that_is_well_is_chosen(store, screen, clock, tmp_path):
    house, _, second = two(store, screen, clock, tmp_path, cost=2, other_cost=1)
    assert (await house.order()).provider == "second"
    second.healthy = False
    assert (await house.order()).provider == "first"
