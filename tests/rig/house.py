"""A bot that is put together as in production and works in a playground."""

import asyncio
import os
import re
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial

import discord
from pydantic import SecretStr

from bot.app.cli import deploy
from bot.chat.bot import Dailies
from bot.chat.connection import point_at
from bot.chat.gaps import GAPS, Gaps
from bot.jobs.results import Results
from bot.settings import Settings
from tests.rig.databases import fresh

#: Seconds after which something will never come. No test waits so long unless it fails.
HANGS = 120.0

#: How long Discord's rate windows last in tests that are not about pace, against the real ones;
#: and with them the bot's own gaps between two edits.
PACE = 0.1
HURRIED = Gaps(**{name: gap * PACE for name, gap in asdict(GAPS).items()})

#: A share of Discord's answers that are lost after their work was done, and which ones: any test
#: of the whole bot can be run under it, as `DAILIES_TEST_LOST=0.2 DAILIES_TEST_SEED=7 pytest …`.
LOST = float(os.environ.get("DAILIES_TEST_LOST", "0"))
SEED = int(os.environ.get("DAILIES_TEST_SEED", "0"))


def settings_for(playground, data, **more):
    return Settings(
        discord_token=SecretStr(playground.token),
        discord_api_url=playground.api_url,
        discord_gateway_url=playground.gateway_url,
        dailies_data=data,
        **{"dailies_web_port": 0, **more},
    )


@asynccontextmanager
async def working(
    playground,
    data,
    *,
    providers=None,
    environ=None,
    sections=None,
    loopback=frozenset(),
    wall=None,
    results=Results,
    gaps=HURRIED,
    **more,
):
    """The whole bot, connected and ready; it is stopped cleanly at the end.

    Its clocks are the playground's, which go on when that is turned, as if time passed. *wall* is
    a clock that somebody sets, *gaps* is how often a message is written anew. Clips are not
    compared with their orders unless *results* does that: most tests make do with tiny ones.
    """
    before = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    point_at(playground.api_url, playground.gateway_url)
    playground.gateway.starts.rest()  # a bot that was here before is not waited for
    stop = asyncio.Event()
    try:
        async with deploy(
            settings_for(playground, fresh(data), **more),
            environ=environ or {},
            sections=sections,
            clock=wall or playground.clock.now,
            steady=playground.clock.now,
            loopback=loopback,
            ready_timeout=0.1,
            providers=providers,
            results=results,
            bot_class=partial(Dailies, gaps=gaps),
        ) as deployment:
            task = asyncio.create_task(deployment.run(stop))
            try:
                await asyncio.wait_for(ready(deployment.bot, task), HANGS)
                playground.lose(LOST, seed=SEED)
                yield deployment
            finally:
                playground.lose(0)
                stop.set()
                await task
    finally:
        discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = before


def unlinked(message):
    """The text of a message as it reads: of a link its words."""
    return re.sub(r"\[([^\]\n]+)\]\(https?://[^)\s]+\)", r"\1", message.text)


async def ready(bot, task):
    """Until the bot is connected; if its task dies first, why."""
    while not bot.is_ready() or any(guild.unavailable for guild in bot.guilds):
        if task.done():
            await task
        await asyncio.sleep(0.01)


async def until(condition, timeout=HANGS, *, every=0.02):
    """Wait until *condition*, a function, gives something true (an awaitable is awaited).

    It is asked *every* so many seconds.
    """
    async with asyncio.timeout(timeout):
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(every)
