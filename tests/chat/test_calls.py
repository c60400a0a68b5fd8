"""What a clip costs in requests to Discord, of which a bot may make fifty a second."""

import re

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


async def test_a_clip_costs_at_most_six_requests(playground, mira, house):
    playground.requests.clear()
    clip = await first_clip(mira)
    cards = [await settled(playground, house, 1)]
    first = made(playground, cards)
    assert len(first) <= MOST, first
    assert not [each for each in first if "pins" in each], "one take has no board"

    playground.requests.clear()
    for number in range(2, 11):
        await mira.react(clip, RETAKE)
        clip = await clip_of(mira, number)
        cards.append(await settled(playground, house, number))
    await until(lambda: [each for each in playground.requests if "pins" in each.path])
    later = made(playground, cards)
    assert len(later) <= MOST * 9, later
    assert len([each for each in later if "pins" in each]) == 1
