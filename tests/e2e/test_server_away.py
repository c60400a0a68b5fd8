"""While the database server is away, whatever people do is answered by one sentence, and undone."""

import asyncio
import logging
from contextlib import ExitStack, asynccontextmanager

import pytest

from bot.chat.answers_first import CROWD
from bot.chat.presenter import CARD_AGAIN
from bot.chat.suggesting import NOTHING, PICKED
from tests.app.test_processes import turn
from tests.e2e.test_server_store import _ended, settings
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import PRICED
from tests.rig.taking import (
    EXTEND,
    FAVOURITE,
    RETAKE,
    answered,
    done,
    first_clip,
    is_clip,
    own_reactions,
)

AWAY = "The database server can't be reached, so nothing was "


def said(person):
    """How often it was said that the server is away."""
    return sum(AWAY in each.text for each in person.everything())


@pytest.fixture
async def place(playground, mira, ada, tmp_path, own_server):
    """A house with a clip, a form and a panel open, and a server that can be stopped."""
    url = own_server.create("bot", template="dailies_template")
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}, **settings(url)) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        form = await answered(await mira.click(clip, "Retake…"))
        panel = (await answered(await ada.type("/studio setup"))).message
        yield house, clip, form, panel


@pytest.mark.long
async def test_each_way_to_ask_is_told_and_nothing_is_done(
    place, playground, mira, ada, own_server, caplog
):
    house, clip, form, panel = place
    before = await house.store.jobs.history(1)
    others = await ada.say("What do you think?")
    await asyncio.to_thread(own_server.stop, "immediate")
    asks = [
        lambda: mira.type("/video text", prompt="another"),  # an order
        lambda: mira.type("/video usage"),  # a question
        lambda: mira.click(clip, "More…"),  # a button
        lambda: mira.fill(form),
        lambda: mira.menu(clip, "Details"),  # the Apps menu of a message
    ]
    with caplog.at_level(logging.WARNING):
        for ask in asks:
            turn(house, playground, 0)  # however slow the machine: it stays in Discord
            told = said(mira)
            await answered(await ask())
            await until(lambda told=told: said(mira) > told, 30)
        for command, option, given in (
            ("/video cancel", "clip", {}),
            ("/video text", "preset", {"prompt": "a fox"}),
            ("/video again", "takes", {}),  # a number: no value of it could say that
        ):
            turn(house, playground, 0)
            found = await mira.suggestions(command, option, **given)
            assert found == ([] if option == "takes" else [(NOTHING, PICKED)])
        assert caplog.text.count("Suggestions of options can't be loaded") == 1
        turn(house, playground, 0)
        await mira.react(others, RETAKE)
        await until(lambda: "(on_raw_reaction_add) could not be acted on" in caplog.text)
        assert own_reactions(mira, others) == {RETAKE}, "nobody asked anything of us"
        told = said(mira)
        for emoji in (RETAKE, EXTEND, FAVOURITE):
            turn(house, playground, 0)
            await mira.react(clip, emoji)
            await until(lambda emoji=emoji: emoji not in own_reactions(mira, clip), 30)
        await until(lambda: said(mira) > told, 30)
        turn(house, playground, 0)
        told = said(ada)
        await answered(await ada.choose(panel, "do:set:moderators", "moderators"))
        await until(lambda: said(ada) > told, 30)
    assert "Traceback" not in caplog.text, "it is no bug"
    await asyncio.to_thread(own_server.start)

    async def back():
        return await house.store.jobs.history(1) == before

    await until(back)
    assert len(await house.store.jobs.newest()) == 1, "nothing was ordered"
    assert await house.store.check(thorough=True) == []
    await until(lambda: playground.online and house.store.sure)  # it may have left Discord
    # What was shown in place of suggestions is a value like any other until somebody sends it.
    await (await mira.type("/video cancel", clip=PICKED)).answered
    await mira.wait_for("There were no suggestions to choose from, so nothing was done.")
    assert [each.value for each in await mira.suggestions("/video show", "clip")] == ["#1"]
    told = said(mira)
    await mira.react(clip, RETAKE)
    await until(lambda: _ended(house, 2))  # whose number may be any: a crash leaves a gap
    assert said(mira) == told


@asynccontextmanager
async def dying(playground, tmp_path, own_server):
    """A house whose server dies as an order is written down, before that has a card; at the end
    the order came to one clip, and nobody calls it a bug."""
    url = own_server.create("bot", template="dailies_template")
    plain, taken = Maker("plain", PLAIN, price=PRICED), []

    def die(*_):
        if not taken:
            taken.append(True)
            own_server.stop("immediate")

    async with working(playground, tmp_path, providers={"plain": plain}, **settings(url)) as house:
        house.bot.events.money_moved.listen(die)
        yield house, taken
        await until(lambda: _ended(house, 1))
        assert [brief.prompt for brief in plain.orders] == ["just before"]
        assert await house.store.check(thorough=True) == []


@pytest.mark.long
async def test_an_order_that_was_taken_just_before_is_answered_and_gets_its_card_soon(
    playground, mira, tmp_path, own_server, caplog
):
    async with dying(playground, tmp_path, own_server) as (_, taken):
        asked = (await answered(await mira.type("/video text", prompt="just before"))).message
        assert "is ordered." in asked.text
        assert taken
        began = playground.clock.now()
        await asyncio.to_thread(own_server.start)
        await mira.wait_for(lambda each: is_clip(each) and "just before" in each.text)
        assert playground.clock.now() - began < CARD_AGAIN, "it need not wait for its card"
    assert "Traceback" not in caplog.text, "it is no bug"


@pytest.mark.long
async def test_whoever_was_told_thinking_is_told_when_the_server_goes_away_then(
    playground, mira, tmp_path, own_server, caplog
):
    async with dying(playground, tmp_path, own_server) as (house, taken):
        with ExitStack() as crowd:
            for _ in range(CROWD):
                crowd.enter_context(house.bot.presenter._answers.awaited())
            asked = await mira.type("/video text", prompt="just before")
            await until(lambda: asked.message is not None and asked.message.loading)
        await until(lambda: taken)
        await mira.wait_for(lambda each: "is ordered." in each.text)
        assert not [each for each in mira.everything() if each.loading], "nothing thinks for ever"
        await asyncio.to_thread(own_server.start)
        await mira.wait_for(lambda each: is_clip(each) and "just before" in each.text)
    assert "Traceback" not in caplog.text, "it is no bug"
