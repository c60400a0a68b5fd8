"""A thousand of something at once: everybody else gets their clip, and nobody gets a thousand
answers."""

import asyncio
import contextlib
import logging

import discord
import pytest

from playground.people.person import PersonCannot
from tests.chat.test_greeting import greetings, joined, seen, told_again
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.proving import scaled
from tests.rig.taking import RETAKE, first_clip, is_clip

EVENTS, USUAL = scaled(60, 1_000), 60
JOINS, FEW = scaled(10, 100), 10


async def gets_a_clip(person):
    """*person* orders one, and it comes; one who is answered too late is answered all the same."""
    asked = await person.type("/video text", prompt="a blue owl")
    with contextlib.suppress(PersonCannot):
        await asked.answered
    return await person.wait_for(lambda each: is_clip(each) and "a blue owl" in each.text)


def broke(caplog):
    """What the log calls an error, but for answers that came after Discord had given up on them."""
    return [
        each.getMessage()
        for each in caplog.records
        if each.levelno >= logging.ERROR
        and not (each.exc_info and isinstance(each.exc_info[1], discord.NotFound))
    ]


@pytest.mark.prove
async def test_a_flood_of_reactions_is_a_few_orders(
    playground, tmp_path, mira, jonas, caplog, proof
):
    maker = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": maker}) as house:
        clip = await first_clip(mira)
        before = len(jonas.everything())
        for _ in range(EVENTS // 2):
            await mira.react(clip, RETAKE)
            await mira.unreact(clip, RETAKE)
        await gets_a_clip(jonas)
        await until(lambda: idle(house))
        hers = [job for job in await house.store.jobs.newest() if job.user_id == mira.id]
        assert len(hers) <= 1 + house.store.defaults.burst + 3, "no more than her pace allows"
        assert len(mira.everything()) - before < 60, "not an answer for each"
    assert broke(caplog) == []
    proof.tried(EVENTS, "reactions at once", usual=USUAL)


async def idle(house):
    """Whether nothing is under way."""
    return not await house.store.jobs.live()


@pytest.mark.prove
async def test_a_flood_of_suggestions_holds_up_no_order(
    playground, tmp_path, mira, jonas, caplog, proof
):
    maker = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": maker}):
        asked = [
            asyncio.ensure_future(
                mira.suggestions("/video text", "model", f"m{number % 7}", prompt="x")
            )
            for number in range(EVENTS)
        ]
        await gets_a_clip(jonas)
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, list | PersonCannot) for each in answers)
    assert any(isinstance(each, list) for each in answers)
    assert broke(caplog) == []
    proof.tried(EVENTS, "suggestions at once", usual=USUAL)


@pytest.mark.prove
async def test_many_servers_at_once_are_each_greeted_once(
    playground, tmp_path, jonas, caplog, proof
):
    maker = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": maker}) as house:
        guilds = [joined(playground, f"Server {number}")[0] for number in range(JOINS)]
        for guild in guilds:
            told_again(playground, guild)
        await gets_a_clip(jonas)
        for guild in guilds:
            await seen(house, guild)
        assert [len(greetings(playground, guild)) for guild in guilds] == [1] * JOINS
    assert broke(caplog) == []
    proof.tried(JOINS, "servers that are joined at once", usual=FEW)
