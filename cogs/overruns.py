"""Tells moderators, once, of a clip that cost more than its price."""

import logging

import discord
from discord.ext import commands

from bot.client import Dailies
from bot.delivery import nonce
from bot.errors import Busy
from bot.limits import in_words
from cogs import _moderators
from storage import Job

log = logging.getLogger(__name__)

EVERY = 3600.0  #: seconds between two tries where nobody is reached


class Overruns(commands.Cog):
    """What a provider billed beyond what a person was told."""

    def __init__(self, bot: Dailies) -> None:
        self.bot = bot
        self._again: dict[int, float] = {}  # when nobody was reached: when to try again

    async def cog_load(self) -> None:
        self.bot.studio.on_overrun = self.tell

    async def tell(self, job: Job, amount: int) -> bool:
        """See `Studio.on_overrun`. Where nobody is reached it is tried again, once an hour."""
        if not self.bot.is_ready() or self.bot.clock() < self._again.get(job.id, 0.0):
            return False
        view = discord.ui.LayoutView(timeout=None)
        view.add_item(discord.ui.TextDisplay(said(job, amount, self.bot.studio.title(job))))
        view.stop()
        try:
            message = await _moderators.tell(
                self.bot, job.guild_id, lambda _buttons: view, nonce(job.id, "overrun")
            )
        except Busy as busy:
            log.warning("Nobody was told yet that job %s cost more: %s", job.id, busy.raw)
            return False
        if message is None:
            self._again[job.id] = self.bot.clock() + EVERY
            return False
        self._again.pop(job.id, None)
        return True


def said(job: Job, amount: int, title: str) -> str:
    """What happened, who pays, and what helps."""
    return (
        f"💸 {title} billed {in_words(job.price + amount)} for #{job.id}, {amount:,} more than its "
        f"price of {job.price:,}. Its person pays the price; the rest counts against this server's "
        "budget. The operator can correct the price in `dailies.toml`."
    )


async def setup(bot: Dailies) -> None:
    """For `load_extension`."""
    await bot.add_cog(Overruns(bot))
