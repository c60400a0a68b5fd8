"""The gateway closes on whoever does not keep its rules, and can do to a bot what Discord can."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import aiohttp
import discord
import pytest

from playground.discord import conduct
from tests.rig.house import until
from tests.rig.toybot import ToyBot, connected, pointed_at


@asynccontextmanager
async def socket_of(playground, query=""):
    """A raw connection, after its HELLO."""
    async with (
        aiohttp.ClientSession() as web,
        web.ws_connect(playground.gateway_url + query, max_msg_size=0) as socket,
    ):
        hello = await socket.receive_json()
        assert hello["op"] == 10
        yield socket


async def identify(playground, socket, **more):
    playground.gateway.starts.rest()
    data = {"token": playground.token, "intents": 513, **more}
    await socket.send_json({"op": 2, "d": data})
    while (frame := await socket.receive_json())["t"] != "READY":
        assert frame["op"] == 0, frame
    return frame["d"]


async def closed(socket, within=10):
    """The code that the connection is closed with."""
    async with asyncio.timeout(within):
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    return socket.close_code


async def frame_of(socket, op):
    async with asyncio.timeout(120):
        while (frame := await socket.receive_json())["op"] != op:
            pass
    return frame


# ---------------------------------------------------------------------- heartbeats


async def test_a_bot_that_sends_no_heartbeat_has_timed_out(playground):
    playground.gateway.heartbeat = 0.2
    async with socket_of(playground) as socket:
        ready = await identify(playground, socket)
        assert await closed(socket) == 4009
    async with socket_of(playground) as socket:
        resume = {"token": playground.token, "session_id": ready["session_id"], "seq": 1}
        await socket.send_json({"op": 6, "d": resume})
        assert (await frame_of(socket, 9))["d"] is False, "the session went with it"


async def test_whoever_never_identifies_times_out_too(playground):
    playground.gateway.heartbeat = 0.2
    async with socket_of(playground) as socket:
        assert await closed(socket) == 4009


async def test_a_bot_that_sends_heartbeats_stays(playground):
    playground.gateway.heartbeat = 1.0
    async with socket_of(playground) as socket:
        await identify(playground, socket)
        for _ in range(8):
            await socket.send_json({"op": 1, "d": 1})
            await frame_of(socket, 11)
            await asyncio.sleep(0.25)
        assert playground.online
        playground.clock.advance(3600)
        await socket.send_json({"op": 1, "d": 1})
        await frame_of(socket, 11)


async def test_a_heartbeat_may_be_asked_for(playground):
    async with socket_of(playground) as socket:
        await identify(playground, socket)
        await playground.gateway.ask_for_heartbeat()
        assert (await frame_of(socket, 1))["op"] == 1


async def test_a_bot_whose_heartbeats_are_not_answered_comes_back(playground):
    playground.gateway.heartbeat = 2.0
    async with connected(playground, ToyBot(heartbeat_timeout=1.0)) as bot:
        playground.gateway.acknowledges = False
        await until(lambda: not playground.online)
        playground.gateway.acknowledges = True
        await asyncio.wait_for(bot.resumed.wait(), 120)
        assert bot.ready_count == 1


# ---------------------------------------------------------------------- pace and size


async def test_120_payloads_a_minute_are_the_most(playground):
    async with socket_of(playground) as socket:
        await identify(playground, socket)
        for _ in range(conduct.FRAMES - 1):
            await socket.send_json({"op": 1, "d": 1})
        for _ in range(conduct.FRAMES - 1):
            await frame_of(socket, 11)
        await socket.send_json({"op": 1, "d": 1})
        assert await closed(socket) == 4008


async def test_discord_py_keeps_below_that_pace(playground):
    async with connected(playground) as bot:
        for _ in range(40):
            await bot.change_presence(activity=discord.Game("x"))
        assert playground.online


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps({"op": 1, "d": "x" * 4096}),
        json.dumps({"op": 1, "d": "ü" * 2048}, ensure_ascii=False),
        "[]",
        "null",
        '{"d": 1}',
        '{"op": "x"}',
        '{"op": 2, "d": []}',
        '{"op": 2, "d": {"token": "TOKEN"}}',
        '{"op": 6}',
        "[" * 4000,
    ],
    ids=lambda payload: payload[:40],
)
async def test_what_is_too_big_or_no_payload_is_4002(playground, payload):
    async with socket_of(playground) as socket:
        await socket.send_str(payload.replace("TOKEN", playground.token))
        assert await closed(socket) == 4002


async def test_bytes_are_no_payload(playground):
    async with socket_of(playground) as socket:
        await socket.send_bytes(b'{"op": 1, "d": 1}')
        assert await closed(socket) == 4002


async def test_a_payload_of_4096_bytes_is_taken(playground):
    async with socket_of(playground) as socket:
        empty = len(json.dumps({"op": 1, "d": ""}))
        await socket.send_str(json.dumps({"op": 1, "d": "x" * (4096 - empty)}))
        await frame_of(socket, 11)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"shard": [1, 1]}, 4010),
        ({"shard": [0]}, 4010),
        ({"intents": -1}, 4013),
        ({"intents": 1 << 30}, 4013),
        ({"intents": "513"}, 4002),
    ],
    ids=str,
)
async def test_an_identify_must_make_sense(playground, more, code):
    async with socket_of(playground) as socket:
        data = {"token": playground.token, "intents": 513, **more}
        await socket.send_json({"op": 2, "d": data})
        assert await closed(socket) == code


@pytest.mark.parametrize("op", [3, 4, 8, 99])
async def test_before_it_identifies_a_bot_may_say_nothing(playground, op):
    async with socket_of(playground) as socket:
        await socket.send_json({"op": op, "d": {}})
        assert await closed(socket) == 4003


async def test_another_version_of_the_protocol_is_refused(playground):
    async with (
        aiohttp.ClientSession() as web,
        web.ws_connect(playground.gateway_url + "?v=6") as socket,
    ):
        assert await closed(socket) == 4012


# ---------------------------------------------------------------------- identifying


async def test_one_identify_in_five_seconds(playground):
    async with socket_of(playground) as first, socket_of(playground) as second:
        await identify(playground, first)
        data = {"token": playground.token, "intents": 513}
        await second.send_json({"op": 2, "d": data})
        assert (await frame_of(second, 9))["d"] is False
        assert playground.gateway.identified == 1
        playground.clock.advance(5)
        await second.send_json({"op": 2, "d": data})
        assert (await frame_of(second, 0))["t"] == "READY"


async def test_discord_py_that_was_too_soon_waits_and_comes_in(playground):
    async with socket_of(playground) as socket:
        await identify(playground, socket)
        bot = ToyBot()
        with pointed_at(playground):
            task = asyncio.create_task(bot.start(playground.token))
            try:
                await until(bot.is_ready)
                assert playground.gateway.identified == 2
                sent = playground.gateway.refused_starts
                assert sent == 1, "it was told once, and waited"
            finally:
                await bot.close()
                await asyncio.wait({task}, timeout=5)


async def test_a_thousand_identifies_a_day(playground):
    headers = {"Authorization": f"Bot {playground.token}"}

    async def told():
        async with aiohttp.ClientSession(headers=headers) as web:
            answer = await web.get(playground.api_url + "/gateway/bot")
            return (await answer.json())["session_start_limit"]

    assert (await told())["remaining"] == 1000
    for _ in range(1000):
        playground.clock.advance(5)
        assert playground.gateway.starts.take()
    playground.clock.advance(5)
    limit = await told()
    assert (limit["remaining"], limit["max_concurrency"]) == (0, 1)
    assert 70_000_000 < limit["reset_after"] < 86_400_000
    async with socket_of(playground) as socket:
        await socket.send_json({"op": 2, "d": {"token": playground.token, "intents": 1}})
        assert (await frame_of(socket, 9))["d"] is False
    playground.clock.advance(86_400)
    assert (await told())["remaining"] == 1000


# ---------------------------------------------------------------------- sessions


@pytest.mark.parametrize("seq", [99, -1, "5", None])
async def test_a_sequence_that_was_never_told_is_4007(playground, seq):
    async with socket_of(playground) as socket:
        ready = await identify(playground, socket)
        await playground.gateway.drop()
        async with socket_of(playground) as again:
            resume = {"token": playground.token, "session_id": ready["session_id"], "seq": seq}
            await again.send_json({"op": 6, "d": resume})
            assert await closed(again) == 4007


async def test_a_session_that_is_invalid_for_now_is_resumed(playground):
    async with connected(playground) as bot:
        await playground.gateway.invalidate(resumable=True)
        await asyncio.wait_for(bot.resumed.wait(), 120)
        assert (playground.gateway.identified, bot.ready_count) == (1, 1)


async def test_a_second_ready_comes_within_a_minute(playground):
    async with connected(playground) as bot:
        mira = playground.person("mira")
        said = await mira.say("before")
        begun = time.monotonic()
        await playground.gateway.invalidate()
        await mira.react(said, "🔁")
        await until(lambda: bot.ready_count == 2)
        assert time.monotonic() - begun < 30
        assert not bot.resumed.is_set(), "what happened meanwhile is told to nobody"
        assert [kind for kind, _ in bot.heard._queue if kind == "reaction"] == []
