"""Calls to the playground without discord.py, which would not send most of what it refuses."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest

from playground import Playground
from tests.rig.toybot import ToyBot

MIB = 2**20


class Raw:
    """REST without discord.py, which would not send most of what is refused here."""

    def __init__(self, playground: Playground, web: aiohttp.ClientSession) -> None:
        self.playground = playground
        self._web = web
        self.videos = f"/channels/{playground.channel('videos').id}"

    async def __call__(self, method: str, path: str, body: Any = None, **how: Any) -> "Answer":
        if body is not None:
            how["json"] = body
        headers = {"Authorization": f"Bot {self.playground.token}"}
        url = self.playground.api_url + path
        async with self._web.request(method, url, headers=headers, **how) as answer:
            text = await answer.text()
            return Answer(answer.status, json.loads(text) if text else {}, answer.headers)


class Answer:
    def __init__(self, status: int, body: Any, headers: Any) -> None:
        self.status, self.body, self.headers = status, body, headers

    @property
    def refusal(self) -> tuple[int, int]:
        return self.status, self.body["code"]


@pytest.fixture
async def raw(playground: Playground) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as web:
        yield Raw(playground, web)


def button(number: int, **more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "x", "custom_id": f"b{number}", **more}


def rows(count: int, each: int) -> list[dict[str, Any]]:
    numbers = [range(row * each, row * each + each) for row in range(count)]
    return [{"type": 1, "components": [button(number) for number in row]} for row in numbers]


def text(content: str) -> dict[str, Any]:
    return {"type": 10, "content": content}


V2 = 1 << 15
SMALL = {"content": "x"}
FIELD = {"name": "n", "value": "v"}


async def upload(raw: Raw, sizes: list[int], path: str = "/messages") -> Answer:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", json.dumps(SMALL), content_type="application/json")
    for number, size in enumerate(sizes):
        form.add_field(f"files[{number}]", io.BytesIO(bytes(size)), filename=f"{number}.bin")
    return await raw("POST", raw.videos + path, data=form)


class Keeper(ToyBot):
    """Keeps every interaction unanswered, for the test to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: asyncio.Queue[discord.Interaction] = asyncio.Queue()

        @self.tree.command(name="keep", description="Keep it")
        async def keep(interaction: discord.Interaction) -> None:
            self.kept.put_nowait(interaction)

    async def asked(self, playground: Playground) -> discord.Interaction:
        await playground.person("mira").type("/keep")
        return await asyncio.wait_for(self.kept.get(), 120)


def command(**more: Any) -> dict[str, Any]:
    return {"name": "clip", "description": "Make a clip", "type": 1, **more}


def option(name: str = "prompt", **more: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "d", **more}
