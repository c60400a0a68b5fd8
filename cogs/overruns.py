"""Tells moderators, once, of a clip that cost more than its price."""

import logging

from discord.ext import commands

from bot import messages
from bot.client import Dailies
from bot.delivery import nonce
from bot.errors import Busy
from bot.limits import in_words
from bot.trouble import Denied, translated
from storage import Job

log = logging.getLogger(__name__)


class Overruns(commands.Cog):
    """What a provider billed beyond what a person was told."""

    def __init__(self, bot: Dailies) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.studio.on_overrun = self.tell

    async def tell(self, job: Job, amount: int) -> bool:
        """See `Studio.on_overrun`. True also where nobody can be told: the log has it."""
        server = await self.bot.studio.store.policy.server(job.guild_id)
        if server.moderators is None:
            return True
        if not self.bot.is_ready():
            return False
        channel = self.bot.get_partial_messageable(server.moderators, guild_id=job.guild_id)
        try:
            with translated():
                await channel.send(
                    said(job, amount, self.bot.studio.title(job)),
                    nonce=nonce(job.id, "overrun"),
                    allowed_mentions=messages.SILENT,
                )
        except Denied as error:
            log.info("Nobody was told that job %s cost more: %s", job.id, error.raw)
        except Busy as busy:
            log.warning("Nobody was told yet that job %s cost more: %s", job.id, busy.raw)
            return False
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
