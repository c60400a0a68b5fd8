"""Tells moderators of a deleted role that settings name, and the operator of a server that left."""

import logging

import discord
from discord import ui
from discord.ext import commands

from bot.chat.bot import Dailies
from bot.chat.post import nonce
from bot.errors import Busy
from bot.words.numbers import listed
from bot.words.text import inert
from cogs import _moderators

log = logging.getLogger(__name__)


class ServerChanges(commands.Cog):
    """Watches what servers do to what the bot was told to go by."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """A role is gone; what it stood for is in force no more, and moderators may not know."""
        guild_id = role.guild.id
        lost = await self._bot.limits.lost_with(role.id, guild_id=guild_id)
        if not lost:
            return
        view = ui.LayoutView(timeout=None)
        words = f"⚠️ The role **{inert(role.name)}** was deleted. It {listed(lost, last='and')}."
        view.add_item(ui.TextDisplay(f"{words} Choose another role for this."))
        view.stop()
        try:
            told = await _moderators.tell(
                self._bot, guild_id, lambda _buttons: view, nonce(role.id, "role")
            )
        except Busy as busy:
            log.warning("Moderators of %s hear of no deleted role yet: %s", guild_id, busy.raw)
        else:
            if told is None:
                log.warning("Role %s of server %s is gone: %s", role.id, guild_id, listed(lost))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed: clips under way are made, and reach people directly if at all."""
        waiting = await self._bot.studio.unfinished(guild.id)
        if waiting:
            numbers = listed([f"#{job.id}" for job in waiting][:20], last="and")
            log.warning(
                "Server %s removed the bot while it makes %s; they go to their people directly.",
                *(guild.id, numbers),
            )


async def setup(bot: Dailies) -> None:
    await bot.add_cog(ServerChanges(bot))
