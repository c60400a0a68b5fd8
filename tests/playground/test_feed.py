"""The page hears what happened in the order in which it happened, answers to it included."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from playground import Playground
from tests.rig.house import HANGS

TURNS = 40  #: of the loop, between a question and what happens while it is on its way


def foxes(messages: list[Mapping[str, Any]]) -> int:
    """How many kinds of reactions the one message has."""
    return len(messages[0].get("reactions") or [])


async def test_a_page_of_history_never_overtakes_what_it_holds(playground: Playground) -> None:
    mira = playground.person("mira")
    mira.go("videos")
    message = await mira.say("a red fox")
    address = playground.page_url + "page/socket?person=mira"
    standing = 0
    async with aiohttp.ClientSession() as web, web.ws_connect(address) as line:
        assert (await line.receive_json())["event"] == "HELLO"
        for turns in range(TURNS):
            asking = {"n": turns, "do": "history", "channel": str(message.channel_id)}
            await line.send_json(asking)
            for _ in range(turns):
                await asyncio.sleep(0)
            await (mira.unreact if turns % 2 else mira.react)(message, "🦊")
            async with asyncio.timeout(HANGS):
                while True:
                    frame = await line.receive_json()
                    if frame.get("event") == "MESSAGE_REACTION_ADD":
                        standing += 1
                    elif frame.get("event") == "MESSAGE_REACTION_REMOVE":
                        standing -= 1
                    elif frame.get("reply") == turns:
                        assert foxes(frame["data"]["messages"]) == standing, turns
                        break
