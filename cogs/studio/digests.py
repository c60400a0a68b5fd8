"""Posts each server's daily digest to its moderators, once a day, at the hour they chose."""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime

import discord
from discord import ui
from discord.ext import commands

from bot.chat.bot import Dailies
from bot.chat.mentions import SILENT
from bot.chat.post import nonce
from bot.chat.trouble import Denied, translated
from bot.errors import Busy
from bot.moderation import digest
from bot.moderation.digest import Due
from bot.words.text import elide
from storage import DiskTrouble

log = logging.getLogger(__name__)

EVERY = 60.0  #: seconds between two looks at what is due
AGAIN = 3600.0  #: seconds before a channel that takes no message is tried again
SOON = 60.0  #: seconds in which Discord knows our name for a message
APART = 15 * 60.0  #: seconds that our clock and Discord's may differ


class DailyDigests(commands.Cog):
    """Posts what is due. That it was posted is a fact in the database."""

    def __init__(self, bot: Dailies, *, every: float = EVERY) -> None:
        self._bot = bot
        self._every = every
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused: dict[tuple[int, int], float] = {}  # server and channel: when

    async def cog_load(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="digests")

    async def cog_unload(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self._refused.clear()
        self._news.set()

    def look_soon(self) -> None:
        """Something changed that may make a digest due."""
        self._news.set()

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._every)
            self._news.clear()
            await self._bot.wait_until_ready()
            try:
                await self._look()
            except DiskTrouble as trouble:
                log.warning("No digest was posted: %s", trouble)

    async def _look(self) -> None:
        """Post what is due; what Discord does not take now is due the next time."""
        for due in await self._bot.digests.due():
            where = due.guild_id, due.channel_id
            if self._bot.clock() - self._refused.get(where, -AGAIN) < AGAIN:
                continue
            try:
                await self._post(due)
            except Denied as error:
                self._refused[where] = self._bot.clock()
                log.warning("Server %s gets no digest: %s", due.guild_id, error.raw)
            except Busy as busy:
                log.info("Server %s gets no digest yet: %s", due.guild_id, busy.raw)
            else:
                await self._bot.digests.over(due)

    async def _post(self, due: Due) -> None:
        """Post it, unless an earlier try did. Raises `Denied` or `Busy`."""
        bot = self._bot
        place = bot.get_partial_messageable(due.channel_id, guild_id=due.guild_id)
        figures = await bot.digests.figures(due)
        if bot.clock() - due.tried_at > SOON and await self._stands(place, due, figures):
            return
        view = ui.LayoutView(timeout=None)
        box: ui.Container[ui.LayoutView] = ui.Container()
        words = digest.said(figures, usd_per_credit=bot.usd_per_credit)
        box.add_item(ui.TextDisplay(elide(words, 3900)))
        view.add_item(box)
        view.stop()
        name = nonce(due.guild_id, f"digest {due.today}")
        await bot.pacer.wait(urgent=False)
        with translated():
            await place.send(view=view, nonce=name, allowed_mentions=SILENT)

    async def _stands(
        self, place: discord.PartialMessageable, due: Due, figures: digest.Figures
    ) -> bool:
        """Whether an earlier try posted it and could not write that down."""
        begins = digest.heading(figures.about)
        since = datetime.fromtimestamp(max(0.0, due.tried_at - APART), UTC)
        first = max(discord.utils.time_snowflake(since), 0)
        with translated():
            async for message in place.history(limit=None, after=discord.Object(first)):
                if message.author == self._bot.user and _begins(message, begins):
                    return True
        return False


def _begins(message: discord.Message, words: str) -> bool:
    boxes = [each for each in message.components if isinstance(each, discord.Container)]
    parts = [part for box in boxes for part in box.children]
    return any(
        isinstance(part, discord.TextDisplay) and part.content.startswith(f"{words}\n")
        for part in parts
    )


def looking(bot: Dailies) -> None:
    """Have the cog above look soon."""
    cog = bot.get_cog("DailyDigests")
    assert isinstance(cog, DailyDigests)
    cog.look_soon()
