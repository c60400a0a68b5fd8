"""Discord's lists, read to their end: a page at a time, paced, after what people wait for."""

from collections.abc import AsyncIterator

import discord

from bot.chat.bot import Dailies
from bot.chat.cards import Pacer
from bot.chat.trouble import Gone, translated

PER_SECOND = 20  #: requests of reading back, of the 45 that the bot makes; others go first
PAGE = 100  #: messages, or people, that Discord gives at once

UNKNOWN_MESSAGE = 10008


class Lists:
    """What stands in channels and under messages. Each request waits for its turn.

    All raise `Denied`, `Busy` or what discord.py does. A list that raises is not complete, however
    much it gave.
    """

    def __init__(self, bot: Dailies, pace: Pacer) -> None:
        """*pace* says when the next request may begin, as far as reading back goes."""
        self._bot = bot
        self._pace = pace

    async def _turn(self) -> None:
        await self._pace.wait(urgent=False)
        await self._bot.pacer.wait(urgent=False)

    async def messages(self, channel_id: int, *, back_to: int) -> AsyncIterator[discord.Message]:
        """All messages of a channel, the newest first, down to the one with the id *back_to*."""
        channel = self._bot.get_partial_messageable(channel_id)
        before: discord.Object | None = None
        while True:
            await self._turn()
            page = [each async for each in channel.history(limit=PAGE, before=before)]
            for message in page:
                if message.id < back_to:
                    return
                yield message
            if len(page) < PAGE:
                return
            before = discord.Object(page[-1].id)

    async def message(self, channel_id: int, message_id: int) -> discord.Message | None:
        """One message; None where it was deleted."""
        await self._turn()
        try:
            with translated():
                return await self._bot.get_partial_messageable(channel_id).fetch_message(message_id)
        except Gone as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            return None

    async def givers(
        self, reaction: discord.Reaction
    ) -> AsyncIterator[discord.User | discord.Member]:
        """Everybody who gave a reaction, the super ones too: Discord lists those separately."""
        kinds = [discord.ReactionType.normal]
        if reaction.burst_count:
            kinds.append(discord.ReactionType.burst)
        for kind in kinds:
            after: discord.Object | None = None
            while True:
                await self._turn()
                page = [each async for each in reaction.users(limit=PAGE, after=after, type=kind)]
                for user in page:
                    yield user
                if len(page) < PAGE:
                    break
                after = discord.Object(max(user.id for user in page))  # they come in no order

    async def member(self, guild_id: int, user_id: int) -> discord.Member | None:
        """Somebody with their roles; None where they left, or we did.

        Raises `ConnectionError` while Discord has not told of the server yet.
        """
        guild = self._bot.get_guild(guild_id)
        if guild is None:
            return None
        if guild.unavailable:
            raise ConnectionError(f"server {guild_id} is not there yet")
        await self._turn()
        try:
            with translated():
                return await guild.fetch_member(user_id)
        except Gone:
            return None
