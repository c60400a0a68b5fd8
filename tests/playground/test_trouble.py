"""Requests that are turned away, answers lost after their work, and limits that are met."""

import asyncio
import time

import aiohttp
import discord
import pytest

from playground import Playground
from playground.discord import trouble
from tests.rig.toybot import ToyBot, connected

LOST = [trouble.RESET, trouble.LOST_502, trouble.EMPTY, trouble.CUT]
UNDONE = [trouble.UNREACHED, trouble.EDGE_503, trouble.EDGE_403, trouble.EDGE_429]


def channel_of(bot: ToyBot, playground: Playground, name: str = "videos") -> discord.TextChannel:
    channel = bot.get_channel(playground.channel(name).id)
    assert isinstance(channel, discord.TextChannel)
    return channel


async def raw(playground, method, path, **more):
    headers = {"Authorization": f"Bot {playground.token}"}
    async with (
        aiohttp.ClientSession() as web,
        web.request(method, playground.api_url + path, headers=headers, **more) as answer,
    ):
        return answer.status, answer.headers, await answer.read()


def texts(person):
    return [message.content for message in person.everything()]


@pytest.mark.parametrize("way", LOST, ids=lambda way: way.name)
async def test_what_was_done_is_done_though_its_answer_is_lost(playground, mira, way):
    path = f"/channels/{playground.channel('videos').id}/messages"
    playground.trouble("POST", r"/messages$", way)
    try:
        status, _, body = await raw(playground, "POST", path, json={"content": "said"})
        assert (status, way) in {(502, trouble.LOST_502), (502, trouble.EMPTY)}
        assert b"{" not in body
    except aiohttp.ClientError:
        assert way in {trouble.RESET, trouble.CUT}
    assert texts(mira) == ["said"]
    assert (await raw(playground, "POST", path, json={"content": "again"}))[0] == 200


@pytest.mark.parametrize("way", UNDONE, ids=lambda way: way.name)
async def test_what_was_turned_away_is_not_done(playground, mira, way):
    path = f"/channels/{playground.channel('videos').id}/messages"
    playground.trouble("POST", r"/messages$", way)
    try:
        status, headers, body = await raw(playground, "POST", path, json={"content": "said"})
        assert f"edge {status}" == way.name
        assert headers["Content-Type"].startswith("text/html")
        assert "Via" not in headers, "it never came to Discord"
        assert b"Cloudflare" in body
    except aiohttp.ClientError:
        assert way is trouble.UNREACHED
    assert texts(mira) == []


@pytest.mark.parametrize("way", [trouble.LOST_502, trouble.EMPTY], ids=lambda way: way.name)
async def test_discord_py_asks_again_and_the_nonce_keeps_it_one_message(playground, mira, way):
    async with connected(playground) as bot:
        playground.trouble("POST", r"/messages$", way)
        sent = await channel_of(bot, playground).send("once", nonce="n")
        assert [message.id for message in mira.everything()] == [sent.id]


@pytest.mark.parametrize("way", [trouble.RESET, trouble.CUT], ids=lambda way: way.name)
async def test_a_reset_reaches_the_bot_as_what_it_is(playground, mira, way):
    async with connected(playground) as bot:
        channel = channel_of(bot, playground)
        playground.trouble("POST", r"/messages$", way)
        with pytest.raises(aiohttp.ClientError):
            await channel.send("once", nonce="n")
        sent = await channel.send("once", nonce="n")
        assert [message.id for message in mira.everything()] == [sent.id]


async def test_trouble_may_wait_and_may_be_of_one_place(playground, mira):
    videos, boards = playground.channel("videos"), playground.channel("storyboards")
    asked = playground.trouble(
        "*", r"/messages$", trouble.refused(403, 50013), times=2, later=1, place=boards.id
    )
    found = []
    for place in (videos, boards, boards, videos, boards, boards):
        path = f"/channels/{place.id}/messages"
        found.append((await raw(playground, "POST", path, json={"content": "x"}))[0])
    assert found == [200, 200, 403, 200, 403, 200]
    assert asked.met == 2
    # A thread belongs to the place above it.
    said = await mira.say("a thread begins")
    thread = await mira.start_thread(said, "thread")
    playground.trouble("POST", r"", trouble.refused(404, 10003), place=videos.id)
    path = f"/channels/{thread}/messages"
    assert (await raw(playground, "POST", path, json={"content": "x"}))[0] == 404


async def test_trouble_of_one_place_meets_its_interactions_too(playground, mira):
    async with connected(playground) as bot:
        videos = playground.channel("videos").id
        playground.trouble("POST", r"/callback$", trouble.refused(404, 10062), place=videos)
        mira.go("storyboards")
        await (await mira.type("/toy secret")).answered
        mira.go("videos")
        await mira.type("/toy secret")
        await asyncio.wait_for(bot.failed.wait(), 120)
        [error] = bot.errors
        assert error.code == 10062


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
async def test_a_limit_says_how_long_and_for_whom(playground, scope):
    path = f"/channels/{playground.channel('videos').id}"
    playground.trouble("GET", r"", trouble.limited(1.2, scope))
    status, headers, body = await raw(playground, "GET", path)
    assert status == 429
    assert headers["Retry-After"] == "2", "whole seconds, rounded up"
    assert headers["X-RateLimit-Scope"] == scope
    assert ("X-RateLimit-Global" in headers) == (scope == "global")
    assert (b'"global": true' in body) == (scope == "global")
    async with connected(playground) as bot:
        playground.trouble("GET", r"/channels/", trouble.limited(0.6, scope))
        begun = time.monotonic()
        await bot.fetch_channel(int(path.rpartition("/")[2]))
        assert time.monotonic() - begun > 0.55


async def test_fifty_requests_a_second_are_the_limit_of_all_together(playground):
    paths = [f"/channels/{channel}" for channel in playground.guild.channel_ids] * 40
    found = await asyncio.gather(*(raw(playground, "GET", path) for path in paths[:80]))
    refused = [(headers, body) for status, headers, body in found if status == 429]
    assert len(refused) >= 20
    for headers, body in refused:
        assert headers["X-RateLimit-Scope"] == "global"
        assert headers["Retry-After"] == "1"
        assert b'"global": true' in body


async def test_ten_thousand_bad_requests_lock_the_address_out(playground):
    playground._rest._buckets._windows.clear()
    for _ in range(10_000):
        playground._rest._note("GET", "/users/@me", 403)
    status, headers, body = await raw(playground, "GET", "/users/@me")
    assert (status, b"1015" in body) == (429, True)
    assert "Via" not in headers
    playground.clock.advance(601)
    assert (await raw(playground, "GET", "/users/@me"))[0] == 200
    for _ in range(10_000):
        playground._rest._note("GET", "/channels/1", 429, "shared")
    assert (await raw(playground, "GET", "/users/@me"))[0] == 200, "shared limits do not count"


async def test_a_share_of_all_answers_is_lost_the_same_way_each_time(playground, mira):
    path = f"/channels/{playground.channel('videos').id}/messages"

    async def run(seed):
        playground.lose(0.4, seed=seed)
        found = []
        for _ in range(20):
            playground.clock.advance(5)
            try:
                found.append((await raw(playground, "POST", path, json={"content": "x"}))[0])
            except aiohttp.ClientError as error:
                found.append(type(error).__name__)
        return found

    first = await run(3)
    assert len(mira.everything()) == 20, "each was done"
    assert 4 <= sum(each != 200 for each in first) <= 14
    assert len(set(first)) >= 3
    assert await run(3) == first
    assert await run(4) != first
