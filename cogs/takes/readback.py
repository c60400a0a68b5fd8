"""After a start: what people did to clips while nobody was looking is done now, once."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress

import discord
from discord.ext import commands

from bot import board
from bot.client import Dailies
from bot.errors import Busy
from bot.studio import Place
from bot.trouble import UNKNOWN_CHANNEL, Denied, Gone, translated
from cogs.takes.reactions import Given, Reactions, place_at, plain
from storage import Job, Post

log = logging.getLogger(__name__)

POSTS = 100  #: posts that are looked at, the newest first
CARDS = 50  #: cards of jobs under way, likewise
RECENT = 30 * 24 * 3600.0  #: seconds that a post may be old for that
REPLIES = 300  #: messages of a place in which replies are looked at, likewise
APART = 60.0  #: seconds between two times of reading back; Discord says "ready" many times


class ReadBack(commands.Cog):
    """Reads reactions given and taken back, and messages gone, when the bot connects anew."""

    def __init__(self, bot: Dailies, reactions: Reactions) -> None:
        self._bot = bot
        self._reactions = reactions
        self._takes = bot.studio.store.takes
        self._reading: asyncio.Task[None] | None = None
        self._read_at = 0.0
        self._found: set[asyncio.Task[None]] = set()

    async def cog_unload(self) -> None:
        for reading in self._found:
            reading.cancel()
        if self._reading is not None:
            self._reading.cancel()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Connected anew, which may have taken long: look what happened meanwhile."""
        now = self._bot.clock()
        if self._reading is None or (self._reading.done() and now - self._read_at > APART):
            self._read_at = now
            self._reading = asyncio.create_task(self._read_back(), name="reading back")

    def read_found(self, job: Job, message: discord.Message) -> None:
        """A post of *job* was found that had not been written down: look what people did to it."""
        if message.reactions:
            reading = asyncio.create_task(self._read_message(message, job.guild_id))
            self._found.add(reading)
            reading.add_done_callback(self._found.discard)

    async def _read_back(self) -> None:
        since = self._bot.clock() - RECENT
        channels: dict[int, list[Post]] = {}
        for post in await self._takes.recent_posts(since=since, limit=POSTS):
            channels.setdefault(post.channel_id, []).append(post)
        for channel_id, there in channels.items():
            try:
                with translated():
                    await self._read_channel(channel_id, there)
            except Gone as gone:
                if gone.code == UNKNOWN_CHANNEL:  # and not a message in it, or somebody
                    await self._takes.gone_with(channel_id)
            except (Denied, Busy) as error:
                log.info("Channel %s could not be read back: %s", channel_id, error.raw)
        for job in await self._live():
            with suppress(Denied, Busy), translated():
                await self._bot.pacer.wait(urgent=False)
                place = self._bot.get_partial_messageable(job.card_channel_id or 0)
                card = await place.fetch_message(job.card_id or 0)
                await self._read_message(card, job.guild_id)

    async def _live(self) -> list[Job]:
        jobs = self._bot.studio.store.jobs
        found = [await jobs.get(due.id) for due in (await jobs.live())[:CARDS]]
        return [job for job in found if job is not None and job.card_id and job.card_channel_id]

    async def _read_channel(self, channel_id: int, posts: Sequence[Post]) -> None:
        """Read the newest messages of a place, with replies; then each older post by itself."""
        wanted = {post.message_id: post for post in posts}
        oldest = min(wanted)
        place = self._bot.get_partial_messageable(channel_id)
        await self._bot.pacer.wait(urgent=False)
        async for message in place.history(limit=REPLIES):
            if message.id < oldest:
                break
            post = wanted.pop(message.id, None)
            if post is not None:
                await self._read_post(message, post)
            elif message.reference is not None and message.reactions:
                about = await self._takes.post(message.reference.message_id or 0)
                if about is not None:
                    guild_id = await self._guild_of(about.job_id)
                    await self._read_message(message, guild_id, only=message.author.id)
        for post in wanted.values():
            await self._bot.pacer.wait(urgent=False)
            try:
                with translated():
                    message = await place.fetch_message(post.message_id)
            except Gone:
                await self._takes.gone([post.message_id])
            else:
                await self._read_post(message, post)

    async def _read_post(self, message: discord.Message, post: Post) -> None:
        await self._read_message(message, await self._guild_of(post.job_id))
        given = {plain(each.emoji) for each in message.reactions if each.me}
        if not given.issuperset(board.SEEDED):
            self._bot.delivery.seed(post)

    async def _guild_of(self, job_id: int) -> int:
        job = await self._bot.studio.store.jobs.get(job_id)
        return job.guild_id if job is not None else 0

    async def _read_message(
        self, message: discord.Message, guild_id: int, *, only: int | None = None
    ) -> None:
        """Act on what stands under a message and was not acted on; take back what does not."""
        standing = await self._takes.standing(message.id)
        there: set[tuple[int, str]] = set()
        for reaction in message.reactions:
            emoji = plain(reaction.emoji)
            if emoji is None or (reaction.me and reaction.count == 1):
                continue
            await self._bot.pacer.wait(urgent=False)
            async for user in reaction.users(limit=100):
                if user.bot or only not in (None, user.id):
                    continue
                there.add((user.id, emoji))
                if (user.id, emoji) not in standing:
                    await self._missed(message, guild_id, user.id, emoji)
        await self._lost(message, guild_id, standing - there)

    async def _missed(
        self, message: discord.Message, guild_id: int, user_id: int, emoji: str
    ) -> None:
        guild = self._bot.get_guild(guild_id)
        if guild is None:
            return
        try:
            with translated():
                member = await guild.fetch_member(user_id)
        except Gone:
            return  # they left
        await self._reactions.given(
            Given(
                message_id=message.id,
                channel_id=message.channel.id,
                emoji=emoji,
                place=place_at(member, message.channel.id),
                ours=self._bot.user is not None and message.author.id == self._bot.user.id,
            )
        )

    async def _lost(
        self, message: discord.Message, guild_id: int, lost: Iterable[tuple[int, str]]
    ) -> None:
        for user_id, emoji in lost:
            place = Place(guild_id=guild_id, channel_id=message.channel.id, user_id=user_id)
            await self._reactions.taken_back(
                Given(
                    message_id=message.id,
                    channel_id=message.channel.id,
                    emoji=emoji,
                    place=place,
                )
            )
