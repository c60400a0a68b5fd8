"""A card moves on every five seconds while anything moves, and is full before "Posting"."""

import re

import pytest

from bot.chat.presenter import TOKEN_LASTS
from bot.providers import Report, Stage
from playground.people.views import view
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.taking import clip_of, done

STEP = 5.0  #: seconds, the most that people wait for the next number


class Telling(Maker):
    """Says how far it is, if it is told to."""

    fraction = None

    async def poll(self, order, remote_id):
        if self.holds:
            return Report(stage=Stage.RUNNING, fraction=self.fraction)
        return await super().poll(order, remote_id)


@pytest.fixture
def plain():
    return Telling("plain", PLAIN)


@pytest.fixture
async def house(playground, tmp_path, plain):
    async with working(playground, tmp_path, providers={"plain": plain}) as deployment:
        yield deployment


def watched(playground):
    """What each card said, one edit after the other, by the message."""
    said = {}

    def listen(event, data):
        if event == "MESSAGE_UPDATE" and data.get("components"):
            said.setdefault(int(data["id"]), []).append(view(data).text)

    playground.world.subscribers.append(listen)
    return said


def percent(text):
    found = re.search(r"(\d+)%", text)
    return int(found[1]) if found else None


async def ordered(mira, plain):
    plain.holds = True
    asked = await mira.type("/video text", prompt="a fox")
    await asked.answered
    return await until(lambda: (m := asked.message) and "Rendering" in m.text and m)


@pytest.mark.parametrize("later", [0.0, TOKEN_LASTS + 60], ids=["token", "own limit"])
async def test_the_providers_number_moves_the_card_every_five_seconds(
    playground, mira, house, plain, later
):
    said = watched(playground)
    plain.fraction = 0.1
    card = await ordered(mira, plain)
    playground.clock.advance(later)  # from then on, edits cost the bot's own rate limit
    for tenth in range(2, 10):
        plain.fraction = tenth / 10
        playground.clock.advance(STEP)
        await until(lambda want=tenth * 10: percent(mira.message(card.id).text) == want)
    plain.holds = False
    await clip_of(mira)
    await done(house, 1)
    await until(lambda: "Done" in mira.message(card.id).text)
    _is_full_before_posting(said[card.id])


async def test_where_the_provider_says_nothing_our_estimate_moves_it(
    playground, mira, house, plain
):
    """Three clips took about 40 seconds each; so will the fourth."""
    said = watched(playground)
    for number in range(1, 4):
        await ordered(mira, plain)
        playground.clock.advance(40)
        plain.holds = False
        await clip_of(mira, number)
        await done(house, number)
    card = await ordered(mira, plain)
    last = -1
    for _ in range(6):
        shown = await until(
            lambda last=last: (
                (m := mira.message(card.id))
                and "about" in m.text
                and (percent(m.text) or 0) > last
                and m
            )
        )
        last = percent(shown.text)
        playground.clock.advance(STEP)
    assert 30 <= last <= 99
    playground.clock.advance(300)
    await until(lambda: percent(mira.message(card.id).text) == 99)
    said_then = mira.message(card.id).text
    assert "slower than usual" in said_then, "an estimate never says that all is done"
    plain.holds = False
    await clip_of(mira, 4)
    await until(lambda: "Done" in mira.message(card.id).text)
    _is_full_before_posting(said[card.id])


def _is_full_before_posting(said):
    """No card says "Posting" that was not full by then; nothing else says so."""
    assert [each for each in said if "Saving" in each or "Posting" in each]
    for text in said:
        full = "Saving" in text or "Posting" in text
        assert (percent(text) == 100) == full, text
