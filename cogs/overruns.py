"""Tells moderators, once, of a clip that cost more than its price, or is not what was ordered."""

import logging

import aiohttp
import discord
from discord.ext import commands

from bot import messages
from bot.client import Dailies
from bot.delivery import nonce
from bot.limits import in_words
from storage import Incident, Job

log = logging.getLogger(__name__)


class Overruns(commands.Cog):
    """What a provider billed beyond what a person was told."""

    def __init__(self, bot: Dailies) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.studio.on_overrun = self.tell
        self.bot.studio.on_incident = self.tell_of

    async def tell(self, job: Job, amount: int) -> bool:
        """See `Studio.on_overrun`. True also where nobody can be told: the log has it."""
        return await self._say(job, said(job, amount, self.bot.studio.title(job)), "overrun")

    async def tell_of(self, incident: Incident) -> bool:
        """See `Studio.on_incident`."""
        text = f"⚠️ **#{incident.job.id}** {messages.inert(incident.text)}"
        return await self._say(incident.job, text, incident.kind)

    async def _say(self, job: Job, text: str, about: str) -> bool:
        server = await self.bot.studio.store.policy.server(job.guild_id)
        if server.moderators is None:
            return True
        if not self.bot.is_ready():
            return False
        channel = self.bot.get_partial_messageable(server.moderators, guild_id=job.guild_id)
        try:
            await channel.send(
                text,
                nonce=nonce(job.id, about),
                allowed_mentions=messages.SILENT,
            )
        except (discord.Forbidden, discord.NotFound) as error:
            log.info("Nobody was told of the %s of job %s: %s", about, job.id, error)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.warning("Nobody was told yet of the %s of job %s: %s", about, job.id, error)
            return False
        return True


def said(job: Job, amount: int, title: str) -> str:
    """What happened, who pays, and what helps."""
    return (
        f"{_repeats(job, title)}💸 {title} billed {in_words(job.price + amount)} for #{job.id}, "
        f"{amount:,} more than its price of {job.price:,}. Its person pays the price; the rest "
        "counts against this server's budget. The operator can correct the price in `dailies.toml`."
    )


def _repeats(job: Job, title: str) -> str:
    """A line before the bill, where the order was sent again after an answer."""
    words = messages.repeats(job, title)
    return f"🔁 **#{job.id}** {words}\n" if words else ""


async def setup(bot: Dailies) -> None:
    """For `load_extension`."""
    await bot.add_cog(Overruns(bot))
