"""Reactions on a clip: what each does, what became of those given while nobody was looking."""

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakValueDictionary

import aiohttp
import discord
from discord.ext import commands

from bot import board, messages
from bot.client import NEEDED, Dailies, parent_of, sight
from bot.delivery import nonce
from bot.errors import Busy, Refusal
from bot.studio import Place
from bot.takes import Part
from cogs.takes import acting
from storage import ENDED, DiskTrouble, Job, Post, Reaction, State

log = logging.getLogger(__name__)

READ_BACK = 100  #: posts that are looked at after a start, the newest first
READ_BACK_CARDS = 50  #: cards of jobs under way, likewise
READ_BACK_FOR = 30 * 24 * 3600.0  #: seconds that a post may be old for that
APART = 60.0  #: seconds between two times of reading back; Discord says "ready" many times
REPLIES = 100  #: messages after a clip in which a reply to it is looked for
_ORDERS = frozenset({board.RETAKE, board.EXTEND})
_CLIP = re.compile(r"dailies-(\d{1,18})\.(?:mp4|zip)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A reaction, and who gave it."""

    message_id: int
    channel_id: int
    emoji: str
    place: Place
    ours: bool = False  #: whether the message is one of ours

    @property
    def key(self) -> tuple[int, int, str]:
        return self.message_id, self.place.user_id, self.emoji


class Reactions(commands.Cog):
    """Acts on reactions once each, whether they come now or were given while we were away."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot
        self._takes = bot.studio.store.takes
        self._turns: WeakValueDictionary[tuple[int, int, str], asyncio.Lock] = WeakValueDictionary()
        self._reading: asyncio.Task[None] | None = None
        self._read_at = 0.0
        self._found: set[asyncio.Task[None]] = set()

    async def cog_unload(self) -> None:
        for reading in self._found:
            reading.cancel()
        if self._reading is not None:
            self._reading.cancel()

    # What Discord tells.

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Somebody reacted."""
        emoji = _plain(event.emoji)
        if emoji is None or event.member is None or event.member.bot:
            return
        given = Given(
            message_id=event.message_id,
            channel_id=event.channel_id,
            emoji=emoji,
            place=_place(event.member, event.channel_id),
            ours=self._bot.user is not None and event.message_author_id == self._bot.user.id,
        )
        await self._given(given)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Somebody took a reaction back, or had it taken."""
        emoji = _plain(event.emoji)
        if emoji is None or event.guild_id is None:
            return
        place = Place(guild_id=event.guild_id, channel_id=event.channel_id, user_id=event.user_id)
        await self._taken_back(
            Given(
                message_id=event.message_id,
                channel_id=event.channel_id,
                emoji=emoji,
                place=place,
            )
        )

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        if await self._takes.post(event.message_id) is not None:
            await self._takes.gone([event.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self._takes.gone(event.message_ids)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        await self._takes.gone_with(event.thread_id)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Connected anew, which may have taken long: look what happened meanwhile."""
        now = self._bot.clock()
        if self._reading is None or (self._reading.done() and now - self._read_at > APART):
            self._read_at = now
            self._reading = asyncio.create_task(self._read_back(), name="reading back")

    # A reaction.

    async def _given(self, given: Given) -> None:
        lock = self._turns.setdefault(given.key, asyncio.Lock())
        async with lock:
            known = await self._takes.reaction(*given.key)
            if known is not None and known.stands:
                return  # the same once more
            count = known.n if known is not None else 0
            before = await self._takes.asked(_request(given, count))
            if before is None or before.state in ENDED:
                count += 1  # else it is still being made: given back and forth, it is one job
            explained = known is not None and known.explained
            try:
                if not await self._act(given, count):
                    return
            except (Refusal, Busy, DiskTrouble) as no:
                await self._refuse(given, str(no), explain=not explained)
                explained = True
            now = Reaction(n=count, stands=True, at=self._bot.clock(), explained=explained)
            await self._takes.set_reaction(*given.key, now)

    async def _act(self, given: Given, count: int) -> bool:
        """Do what the reaction asks for; False where it is none of ours.

        Raises `Refusal`, `Busy` or `DiskTrouble`.
        """
        job_id, beside, words = await self._target(given)
        if job_id is None:
            return False
        bot, place = self._bot, given.place
        take = await bot.versions.find(job_id, guild_id=place.guild_id)
        match given.emoji:
            case board.RETAKE | board.EXTEND:
                job = await bot.versions.finished(job_id, place=place)
                await self._order(given, job, beside, words, _request(given, count))
            case board.FAVOURITE:
                job = await bot.versions.finished(job_id, place=place)
                await bot.versions.favourite(job, place.user_id, on=True)
                await acting.gather(bot, job)
                acting.refresh_board(bot, job)
            case board.SEND:
                job = await bot.versions.finished(job_id, place=place)
                await bot.delivery.send_to(job, place.user_id)
            case board.REMOVE:
                taken = await bot.versions.remove(job_id, place=place)
                if taken.post is not None or taken.job.state in ENDED:
                    await acting.take_down(bot, await self._takes.posts_of(job_id))
                    acting.refresh_board(bot, taken.job)
            case _:
                return await self._approve(take.job, place)
        return True

    async def _order(
        self, given: Given, job: Job, beside: int, words: str | None, request: str
    ) -> None:
        bot, place = self._bot, given.place
        await bot.versions.may_change(job, place)
        self._look_before(given)
        if given.emoji == board.RETAKE:
            quote = await bot.versions.retake(
                job, request=request, place=place, part=Part(), prompt=words
            )
        else:
            quote = await bot.versions.extend(job, request=request, place=place, prompt=words)
        if await acting.too_dear(bot, quote, place):
            verb = "Retake…" if given.emoji == board.RETAKE else "Extend…"
            price = messages.price(quote.price, bot.usd_per_credit)
            raise Refusal(
                f"That costs {price}, which this server wants confirmed: press {verb} instead."
            )
        ordered, created = await bot.versions.order(quote, request=request, place=place)
        if created or ordered.card_id is None:
            await bot.present(ordered, given.channel_id, beside=beside, again=not created)

    def _look_before(self, given: Given) -> None:
        """Refuse where a card or clip could not be posted, before anything is ordered."""
        channel = self._bot.get_channel(given.channel_id)
        if not isinstance(channel, discord.Thread | discord.TextChannel):
            return
        in_thread = isinstance(channel, discord.Thread)
        if isinstance(channel, discord.Thread) and (channel.locked or channel.parent is None):
            raise Refusal("This thread is locked; ask in another one.")
        wanted = discord.Permissions(NEEDED.value)
        if in_thread:
            wanted.update(create_public_threads=False, send_messages=False)
        allowed = channel.permissions_for(channel.guild.me)
        missing = [name for name, on in wanted if on and not getattr(allowed, name)]
        if missing:
            raise Refusal(messages.missing_permissions(missing, channel.mention))

    async def _approve(self, job: Job, place: Place) -> bool:
        """Sign a clip off. From anyone but a reviewer, ✅ is just a reaction."""
        with suppress(Refusal):
            await self._bot.versions.sign_off(job, place, on=True)
            acting.refresh_board(self._bot, job)
            return True
        return False

    async def _target(self, given: Given) -> tuple[int | None, int, str | None]:
        """Which clip is meant, by which message of ours, and the words that replace its prompt."""
        post = await self._takes.post(given.message_id)
        if post is not None:
            words = await self._reply(given, post) if given.emoji in _ORDERS else None
            return post.job_id, post.message_id, words
        job = await self._bot.studio.store.jobs.by_message(
            given.message_id, guild_id=given.place.guild_id
        )
        if job is not None:
            return job.id, given.message_id, None
        if given.ours:
            return await self._just_posted(given), given.message_id, None
        if given.emoji not in _ORDERS:
            return None, 0, None
        place = self._bot.get_partial_messageable(given.channel_id)
        try:
            reply = await place.fetch_message(given.message_id)
        except discord.HTTPException:
            return None, 0, None
        about = reply.reference.message_id if reply.reference is not None else None
        post = await self._takes.post(about) if about is not None else None
        if post is None or reply.author.id != given.place.user_id:
            return None, 0, None
        return post.job_id, post.message_id, _words(reply)

    async def _just_posted(self, given: Given) -> int | None:
        """The clip of a message of ours that is not written down yet: its file says which."""
        place = self._bot.get_partial_messageable(given.channel_id)
        try:
            message = await place.fetch_message(given.message_id)
        except discord.HTTPException:
            return None
        names = [_CLIP.fullmatch(each.filename) for each in message.attachments]
        found = next((int(each[1]) for each in names if each), None)
        job = await self._bot.studio.store.jobs.get(found) if found is not None else None
        if job is None or job.guild_id != given.place.guild_id:
            return None
        return job.id

    async def _reply(self, given: Given, post: Post) -> str | None:
        """What this person last wrote in reply to the clip, since they last acted on it."""
        since = await self._takes.last_reaction(post.message_id, given.place.user_id)
        place = self._bot.get_partial_messageable(post.channel_id)
        after = discord.Object(post.message_id)
        try:
            async for message in place.history(limit=REPLIES, after=after, oldest_first=False):
                replies = message.reference is not None and (
                    message.reference.message_id == post.message_id
                )
                if (
                    replies
                    and message.author.id == given.place.user_id
                    and message.created_at.timestamp() > since
                ):
                    return _words(message)
        except discord.HTTPException as error:
            raise Busy("Discord is having trouble; try again in a minute.") from error
        return None

    async def _refuse(self, given: Given, sentence: str, *, explain: bool) -> None:
        """Take the reaction away, and say why: once, without a ping or a notification."""
        place = self._bot.get_partial_messageable(given.channel_id)
        with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await place.get_partial_message(given.message_id).remove_reaction(
                given.emoji, discord.Object(given.place.user_id)
            )
        if not explain:
            return
        name = f"no-{given.place.user_id}-{given.emoji}"
        with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await place.send(
                messages.elide(f"-# {given.emoji} <@{given.place.user_id}>: {sentence}", 2000),
                nonce=nonce(given.message_id, name),
                reference=discord.MessageReference(
                    message_id=given.message_id,
                    channel_id=given.channel_id,
                    fail_if_not_exists=False,
                ),
                mention_author=False,
                silent=True,
                allowed_mentions=messages.SILENT,
            )

    async def _taken_back(self, given: Given) -> None:
        lock = self._turns.setdefault(given.key, asyncio.Lock())
        async with lock:
            known = await self._takes.reaction(*given.key)
            if known is None or not known.stands:
                return
            post = await self._takes.post(given.message_id)
            place = given.place
            if given.emoji in _ORDERS:
                job = await self._takes.asked(_request(given, known.n))
                if job is not None and job.state is State.QUEUED:
                    with suppress(Refusal):  # it was sent just now, and will be posted
                        await self._bot.studio.cancel(job.id, place=place)
            elif post is not None and given.emoji in {board.FAVOURITE, board.APPROVE}:
                if given.emoji == board.FAVOURITE:
                    await self._takes.favourite(post.job_id, place.user_id, at=None)
                else:
                    await self._takes.sign_off(post.job_id, place.user_id, at=None)
                take = await self._takes.get(post.job_id, guild_id=place.guild_id)
                if take is not None:
                    acting.refresh_board(self._bot, take.job)
            gone = Reaction(n=known.n, stands=False, at=known.at, explained=known.explained)
            await self._takes.set_reaction(*given.key, gone)

    # What happened while we were away.

    async def _read_back(self) -> None:
        """Look at the newest clips and cards once: reactions given, taken back, messages gone."""
        since = self._bot.clock() - READ_BACK_FOR
        posts = await self._takes.recent_posts(since=since, limit=READ_BACK)
        channels: dict[int, list[Post]] = {}
        for post in posts:
            channels.setdefault(post.channel_id, []).append(post)
        for channel_id, there in channels.items():
            try:
                await self._read_channel(channel_id, there)
            except discord.NotFound:
                await self._takes.gone_with(channel_id)
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                log.info("Channel %s could not be read back: %s", channel_id, error)
        for job in await self._live():
            with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
                await self._bot.pacer.wait(urgent=False)
                place = self._bot.get_partial_messageable(job.card_channel_id or 0)
                card = await place.fetch_message(job.card_id or 0)
                await self._read_message(card, job.guild_id)

    def read_found(self, job: Job, message: discord.Message) -> None:
        """A post of *job* was found that had not been written down: look what people did to it."""
        if message.reactions:
            reading = asyncio.create_task(self._read_message(message, job.guild_id))
            self._found.add(reading)
            reading.add_done_callback(self._found.discard)

    async def _live(self) -> list[Job]:
        jobs = self._bot.studio.store.jobs
        found = [await jobs.get(due.id) for due in (await jobs.live())[:READ_BACK_CARDS]]
        return [job for job in found if job is not None and job.card_id and job.card_channel_id]

    async def _read_channel(self, channel_id: int, posts: Sequence[Post]) -> None:
        """Read a channel from its oldest of *posts* on."""
        oldest = min(post.message_id for post in posts)
        newest = max(post.message_id for post in posts)
        wanted = {post.message_id: post for post in posts}
        place = self._bot.get_partial_messageable(channel_id)
        guild_id = 0
        reached = 0
        await self._bot.pacer.wait(urgent=False)
        async for message in place.history(
            limit=5 * REPLIES, after=discord.Object(oldest - 1), oldest_first=True
        ):
            reached = message.id
            post = wanted.pop(message.id, None)
            if post is not None:
                guild_id = await self._guild_of(post.job_id)
                await self._read_message(message, guild_id)
                if not all(
                    any(_plain(each.emoji) == emoji and each.me for each in message.reactions)
                    for emoji in board.SEEDED
                ):
                    self._bot.delivery.seed(post)
            elif message.reference is not None and message.reactions:
                about = await self._takes.post(message.reference.message_id or 0)
                if about is not None:
                    guild_id = await self._guild_of(about.job_id)
                    await self._read_message(message, guild_id, only=message.author.id)
        if reached >= newest or not reached:
            await self._takes.gone(wanted)

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
            emoji = _plain(reaction.emoji)
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
            member = await guild.fetch_member(user_id)
        except discord.NotFound:
            return  # they left
        place = _place(member, message.channel.id)
        await self._given(
            Given(
                message_id=message.id,
                channel_id=message.channel.id,
                emoji=emoji,
                place=place,
                ours=self._bot.user is not None and message.author.id == self._bot.user.id,
            )
        )

    async def _lost(
        self, message: discord.Message, guild_id: int, lost: Iterable[tuple[int, str]]
    ) -> None:
        for user_id, emoji in lost:
            place = Place(guild_id=guild_id, channel_id=message.channel.id, user_id=user_id)
            await self._taken_back(
                Given(
                    message_id=message.id,
                    channel_id=message.channel.id,
                    emoji=emoji,
                    place=place,
                )
            )


def _plain(emoji: object) -> str | None:
    """The emoji as we write it, if it is one that does something here."""
    bare = str(emoji).replace("\ufe0f", "")
    return next((each for each in board.ACTIONS if each.replace("\ufe0f", "") == bare), None)


def _place(member: discord.Member, channel_id: int) -> Place:
    return Place(
        guild_id=member.guild.id,
        channel_id=channel_id,
        parent_id=parent_of(member.guild.get_channel_or_thread(channel_id)),
        user_id=member.id,
        roles=frozenset(role.id for role in member.roles),
        moderator=member.guild_permissions.manage_guild,
        sees=sight(member),
    )


def _words(reply: discord.Message) -> str:
    """What a reply says, without its mention of us.

    Raises `Refusal` where Discord does not show it.
    """
    words = reply.content.strip()
    if not words:
        raise Refusal(
            "I cannot read that reply: Discord shows me only those that mention me. "
            "Leave the @ of the reply on, or press Retake… and write there."
        )
    return words


def _request(given: Given, count: int) -> str:
    """What identifies an order by reaction: the same one twice is one job."""
    return f"reaction:{given.message_id}:{given.place.user_id}:{given.emoji}:{count}"
