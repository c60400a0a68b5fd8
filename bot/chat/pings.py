"""How somebody hears that a clip of theirs ended: a mention, a direct message, or nothing."""

import logging

import discord

from bot.chat.earlier_posts import Lookback
from bot.chat.post import Sender, nonce
from bot.chat.trouble import Denied, translated
from bot.errors import Busy
from bot.orders.requester import Requester
from bot.words.clips import TITLES
from storage import MADE, Job, Ping, Store

log = logging.getLogger(__name__)

#: What each choice does, for its person.
SAID = {
    Ping.MENTION: "I mention you when your clip is done or failed.",
    Ping.DM: (
        "I send you a direct message with a link when your clip is done or failed. If I can't, I "
        "mention you."
    ),
    Ping.NONE: "I post your clips without a ping.",
}


class Pings:
    """Whom a result mentions, and who gets a direct message about it."""

    def __init__(
        self, client: discord.Client, store: Store, sender: Sender, lookback: Lookback
    ) -> None:
        self._client = client
        self._pings = store.pings
        self._sender = sender
        self._lookback = lookback

    async def of(self, requester: Requester) -> Ping:
        """What somebody chose in a server."""
        return await self._pings.of(requester.guild_id, requester.user_id)

    async def choose(self, requester: Requester, how: Ping) -> None:
        """Note what somebody chose in a server."""
        await self._pings.set(requester.guild_id, requester.user_id, how)

    async def mentioned(self, job: Job) -> int | None:
        """Whom the message that ends *job* notifies: its requester, or None for nobody."""
        return await self.mentions(job.guild_id, job.user_id)

    async def mentions(self, guild_id: int, user_id: int, *, told: bool = True) -> int | None:
        """Whom a message for somebody notifies: them, unless they chose otherwise there.

        *told* says that `tell` follows: who chose direct messages has one then, and no mention.
        """
        how = await self._pings.of(guild_id, user_id)
        notified = how is Ping.MENTION or (how is Ping.DM and not told)
        return user_id if notified else None

    async def tell(self, job: Job, ended: discord.Message, *, again: bool = False) -> None:
        """Send the requester of *job* a link to the message that *ended* it, if they chose that.

        Where they take no direct message, they are mentioned beside it. Once: with *again*, an
        earlier try may have told them. A job never waits for this: what fails is logged.
        """
        if await self._pings.of(job.guild_id, job.user_id) is not Ping.DM:
            return
        if isinstance(ended.channel, discord.DMChannel):
            return  # they have it
        try:
            if not await self._written_to(job, ended, again=again):
                await self._mention(job, ended, again=again)
        except (Denied, Busy) as error:
            log.warning("Nobody could tell %s how job %s ended: %s", job.user_id, job.id, error.raw)

    async def _written_to(self, job: Job, ended: discord.Message, *, again: bool) -> bool:
        """Whether they take a direct message about it. Raises `Busy`: they may have it."""
        try:
            with translated():
                person = await self._client.create_dm(discord.Object(job.user_id))
            what = "is ready" if job.state in MADE else f"· {TITLES[job.state]}"
            begins = f"**#{job.id}** "
            text = f"{begins}{what}: {ended.jump_url}"
            if again and await self._found(person, job, ended, begins) is not None:
                return True
            await self._sender.send(person, text, nonce(job.id, f"told-{ended.id}"))
        except Denied as error:
            log.info("%s gets no direct message about job %s: %s", job.user_id, job.id, error.raw)
            return False
        return True

    async def _mention(self, job: Job, ended: discord.Message, *, again: bool) -> None:
        place = self._client.get_partial_messageable(ended.channel.id, guild_id=job.guild_id)
        begins = f"<@{job.user_id}> {ended.jump_url}"
        if again and await self._found(place, job, ended, begins) is not None:
            return
        text = (
            f"{begins}\n-# I can't send you direct messages, so I mention "
            "you. `/video notify` changes this."
        )
        await self._sender.send(place, text, nonce(job.id, f"ping-{ended.id}"), ping=job.user_id)

    async def _found(
        self, place: discord.abc.Messageable, job: Job, ended: discord.Message, begins: str
    ) -> discord.Message | None:
        def links(message: discord.Message) -> bool:
            return message.content.startswith(begins) and ended.jump_url in message.content

        return await self._lookback.find(place, job, links, since=ended.created_at.timestamp())
