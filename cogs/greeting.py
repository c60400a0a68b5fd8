"""Greets a server that the bot joined, once, also where it joined while nobody was running it."""

import asyncio
import logging
from collections.abc import Collection

import discord
from discord.ext import commands

from bot.chat.bot import Dailies
from bot.errors import Busy
from storage import DiskTrouble

log = logging.getLogger(__name__)

AGAIN = (10.0, 60.0, 600.0)  #: seconds until a greeting that Discord did not take is tried again


class Greeter(commands.Cog):
    """Watches which servers we are in. What is due is kept in the database."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot
        self._one = asyncio.Lock()  #: so that no server is greeted twice at a time
        self._trying: set[int] = set()  #: servers that this process may have greeted
        self._later: asyncio.Task[None] | None = None

    async def cog_unload(self) -> None:
        if self._later is not None:
            self._later.cancel()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A session began: servers that are new joined while we were away."""
        await self._look({guild.id for guild in self._bot.guilds})

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """We were added to a server, perhaps one that Discord tells of once more."""
        await self._look({guild.id}, joined=guild.id)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """A server is back from an outage; perhaps it has yet to be greeted."""
        if self._bot.is_ready():  # else `on_ready` sees all of them at once
            await self._look({guild.id})

    async def _look(self, present: Collection[int], *, joined: int | None = None) -> None:
        well = await self._greeted(present, joined)
        if not well and (self._later is None or self._later.done()):
            self._later = asyncio.create_task(self._again(), name="greetings")

    async def _again(self) -> None:
        for pause in AGAIN:
            await asyncio.sleep(pause)
            if await self._greeted((), None):
                return

    async def _greeted(self, present: Collection[int], joined: int | None) -> bool:
        """Greet whoever has yet to be greeted; False where Discord or the disk is in trouble.

        *present* are servers that we are in, *joined* the one that we just came to.
        """
        well = True
        async with self._one:
            try:
                for greeting in await self._bot.greetings.see(present, joined=joined):
                    try:
                        # Before this process nobody knows whether one was posted.
                        fresh = greeting.guild_id == joined and joined not in self._trying
                        self._trying.add(greeting.guild_id)
                        await self._bot.greetings.greet(greeting, again=not fresh)
                    except Busy as busy:
                        log.info("Server %s is not greeted yet: %s", greeting.guild_id, busy.raw)
                        well = False
            except DiskTrouble as trouble:
                log.warning("Servers that we joined are not greeted: %s", trouble)
                return False
        return well


async def setup(bot: Dailies) -> None:
    await bot.add_cog(Greeter(bot))
