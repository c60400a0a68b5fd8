"""What a clip costs in requests to Discord, of which a bot may make fifty a second."""

import re

import pytest

from tests.rig.house import until
from tests.rig.taking import RETAKE, clip_of, done, first_clip

MOST = 6  #: requests of a clip, beside the edits of its card that show how far it is


def made(playground, cards):
    """The requests that were made, without questions and without the edits of *cards*."""
    stage = re.compile(rf"/messages/(@original|{'|'.join(map(str, cards))})$")
    return [
        f"{call.method} {call.path}"
        for call in playground.requests
        if call.method != "GET" and not (call.method == "PATCH" and stage.search(call.path))
    ]


async def settled(playground, house, number):
    """Once clip *number* is done and nothing more is said about it."""
    job = await done(house, number)
    size = None

    async def quiet():
        nonlocal size
        before, size = size, len(playground.requests)
        return before == size

    playground.clock.advance(10)
    await until(lambda: len(playground.requests) > 0)
    for _ in range(3):
        await until(quiet)
    return job.card_id


@pytest.mark.long
async def test_one_two_and_ten_clips_cost_at_most_six_requests_each(playground, mira, house):
    playground.requests.clear()
    clip = await first_clip(mira)
    cards = [await settled(playground, house, 1)]
    first = made(playground, cards)
    assert len(first) <= MOST, first
    assert not [each for each in first if "pins" in each], "one take has no board"

    async def take(number):
        nonlocal clip
        await mira.react(clip, RETAKE)
        clip = await clip_of(mira, number)
        cards.append(await settled(playground, house, number))

    await take(2)
    await until(lambda: [each for each in playground.requests if "pins" in each.path])
    await settled(playground, house, 2)
    two = made(playground, cards)
    assert len(two) <= MOST * 2, two
    assert len([each for each in two if "pins" in each]) == 1, "the board is posted and pinned"

    for number in range(3, 11):
        await take(number)
    ten = made(playground, cards)
    assert len(ten) <= MOST * 10, ten
    assert len([each for each in ten if "pins" in each]) == 1
