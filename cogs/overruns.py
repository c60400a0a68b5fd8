"""Tells moderators, once, of a clip that cost more than its price, or is not what was ordered."""

import logging

import discord
from discord.ext import commands

from bot.chat.bot import Dailies
from bot.chat.post import nonce
from bot.errors import Busy
from bot.words.clips import repeats
from bot.words.limits import in_words
from bot.words.text import inert
from cogs import _moderators
from storage import Incident, Job

log = logging.getLogger(__name__)

EVERY = 3600.0  #: seconds between two tries where nobody is reached


class Overruns(commands.Cog):
    """What a provider billed beyond what a person was told, or delivered beside the order."""

    def __init__(self, bot: Dailies) -> None:
        self.bot = bot
        self._again: dict[tuple[int, str], float] = {}  # where nobody was reached: when to try
        bot.events.overrun.tell_by(self.tell)
        bot.events.incident.tell_by(self.tell_of)

    async def tell(self, job: Job, amount: int) -> bool:
        """Say that a job cost so many credits more. Where nobody is reached: again in an hour."""
        return await self._say(job, said(job, amount, self.bot.studio.quotes.title(job)), "overrun")

    async def tell_of(self, incident: Incident) -> bool:
        """Say what happened to a clip. Where nobody is reached: again in an hour."""
        text = f"⚠️ **#{incident.job.id}** {inert(incident.text)}"
        return await self._say(incident.job, text, incident.kind)

    async def _say(self, job: Job, text: str, about: str) -> bool:
        key = job.id, about
        if not self.bot.is_ready() or self.bot.clock() < self._again.get(key, 0.0):
            return False
        view = discord.ui.LayoutView(timeout=None)
        view.add_item(discord.ui.TextDisplay(text))
        view.stop()
        try:
            message = await _moderators.tell(
                self.bot, job.guild_id, lambda _buttons: view, nonce(job.id, about)
            )
        except Busy as busy:
            log.warning("Nobody was told yet of the %s of job %s: %s", about, job.id, busy.raw)
            return False
        if message is None:
            self._again[key] = self.bot.clock() + EVERY
            return False
        self._again.pop(key, None)
        return True


def said(job: Job, amount: int, title: str) -> str:
    """What happened, who pays, and what helps."""
    return (
        f"{_repeats(job, title)}💸 {title} billed {in_words(job.price + amount)} for #{job.id}, "
        f"{amount:,} more than its price of {job.price:,}. The requester pays the price. The rest "
        "comes from this server's budget. The operator can correct the price in `dailies.toml`."
    )


def _repeats(job: Job, title: str) -> str:
    """A line before the bill, where the order was sent again after an answer."""
    words = repeats(job, title)
    return f"🔁 **#{job.id}** {words}\n" if words else ""


async def setup(bot: Dailies) -> None:
    """For `load_extension`."""
    await bot.add_cog(Overruns(bot))
