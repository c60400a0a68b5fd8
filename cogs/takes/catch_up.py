"""After each new session: what people did to clips while nobody was looking is done now, once.

A session that resumes needs none of this: Discord replays what it missed. After any other, what
stands under the clips is read whole before it is believed: nothing counts as taken back because
a list ended early, and where Discord does not answer, the place is read again later.

After a backup was restored, nobody knows which of the reactions that stand there were acted on
after it was made. Those that order or send something are noted then, and not done once more.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

import discord
from discord.ext import commands

from bot.chat import board
from bot.chat.bot import Dailies
from bot.chat.requester import requester_reacting
from bot.chat.trouble import UNKNOWN_CHANNEL, Denied, Gone, translated
from bot.errors import Busy
from bot.orders.requester import Requester
from cogs.takes.lists import UNKNOWN_MESSAGE, Lists
from cogs.takes.reactions import Given, Reactions, plain
from storage import Job, Post

log = logging.getLogger(__name__)

RECENT = 30 * 24 * 3600.0  #: seconds that a post may be old to be read back
#: Done twice, these cost money or send something twice; all others change nothing the second time.
ONLY_ONCE = frozenset({board.RETAKE, board.EXTEND, board.SEND})
AGAIN = (15.0, 60.0, 300.0, 900.0, 3600.0)  #: seconds until what could not be read is read again


class ReadBack(commands.Cog):
    """Reads reactions given and taken back, and messages gone, when a new session begins."""

    def __init__(
        self,
        bot: Dailies,
        reactions: Reactions,
        lists: Lists,
        *,
        again: Sequence[float] = AGAIN,
    ) -> None:
        self._bot = bot
        self._reactions = reactions
        self._posts = bot.studio.posts
        self._lists = lists
        self._again = again
        self._asked = asyncio.Event()  #: a session began that has not been read back
        self._reading: asyncio.Task[None] | None = None
        self._found: set[asyncio.Task[None]] = set()
        self._restored = False  #: what was done after a backup is not known, and read now
        bot.events.post_recovered.listen(self.read_found)
        self._watched: dict[int, list[_Moved]] = {}

    async def cog_unload(self) -> None:
        for reading in self._found:
            reading.cancel()
        if self._reading is not None:
            self._reading.cancel()

    # When.

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new session began: look what happened before it. Once at a time; a session that
        begins meanwhile is read back right after."""
        self._asked.set()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._keep_reading(), name="reading back")

    def read_found(self, job: Job, post: Post) -> None:
        """A post of *job* was found that had not been written down: look what people did to it."""
        reading = asyncio.create_task(self._read_recovered(post, job.guild_id))
        self._found.add(reading)
        reading.add_done_callback(self._found.discard)

    async def _read_recovered(self, post: Post, guild_id: int) -> None:
        try:
            message = await self._lists.message(post.channel_id, post.message_id)
        except (Denied, Busy) as error:  # the next session reads it
            log.info("Post %s cannot be read: %s", post.message_id, error.raw)
            return
        if message is not None and message.reactions:
            backup = await self._bot.reactions.backup()
            before = message.created_at.timestamp()
            older = backup is not None and before < (backup.began_at or before)
            await self._read_message(message, guild_id, restored=older)

    async def _keep_reading(self) -> None:
        while self._asked.is_set():
            self._asked.clear()
            backup = await self._bot.reactions.backup()
            self._restored = backup is not None and not backup.read_back
            left = await self._read_channels(await self._wanted())
            for pause in self._again:
                if not left or await self._begins_within(pause):
                    break
                left = await self._read_channels(left)
            if self._restored and not left:
                await self._bot.reactions.read_back()

    async def _begins_within(self, seconds: float) -> bool:
        """Wait; whether another session began meanwhile."""
        try:
            await asyncio.wait_for(self._asked.wait(), seconds)
        except TimeoutError:
            return False
        return True

    # What.

    async def _wanted(self) -> "dict[int, _Channel]":
        """The posts of the last while and the cards of jobs under way, by channel, newest first."""
        channels: dict[int, _Channel] = {}
        for post in await self._posts.recent(since=self._bot.clock() - RECENT):
            channels.setdefault(post.channel_id, _Channel()).posts.append(post)
        for job in await self._posts.cards():
            channels.setdefault(job.card_channel_id or 0, _Channel()).cards.append(job)
        return channels

    async def _read_channels(self, channels: "dict[int, _Channel]") -> "dict[int, _Channel]":
        """Read each of *channels*; those in which Discord was in trouble."""
        left = {}
        for channel_id, wanted in channels.items():
            try:
                with translated():
                    await self._read_posts(channel_id, wanted.posts)
                    await self._read_cards(channel_id, wanted.cards)
            except Denied as error:
                log.info("Channel %s cannot be read back: %s", channel_id, error.raw)
                if error.code == UNKNOWN_CHANNEL:
                    await self._posts.gone_with(channel_id)
            except Busy as error:
                log.info("Channel %s could not be read back yet: %s", channel_id, error.raw)
                left[channel_id] = wanted
            except Exception:  # a boundary: the other channels are read all the same
                log.exception("Channel %s could not be read back", channel_id)
        return left

    async def _read_posts(self, channel_id: int, posts: Sequence[Post]) -> None:
        """Read a channel back to the oldest of *posts*, with replies; what is not there is gone."""
        if not posts:
            return
        wanted = {post.message_id: post for post in posts}
        async for message in self._lists.messages(channel_id, back_to=min(wanted)):
            post = wanted.pop(message.id, None)
            if post is not None:
                await self._read_post(message, post)
            elif message.reference is not None and message.reactions:
                about = await self._posts.get(message.reference.message_id or 0)
                if about is not None:
                    guild_id = await self._guild_of(about.job_id)
                    await self._read_message(message, guild_id, only=message.author.id)
        for post in wanted.values():
            found = await self._lists.message(channel_id, post.message_id)
            if found is None:
                await self._posts.gone([post.message_id])
            else:
                await self._read_post(found, post)

    async def _read_cards(self, channel_id: int, jobs: Sequence[Job]) -> None:
        for job in jobs:
            card = await self._lists.message(channel_id, job.card_id or 0)
            if card is not None:
                await self._read_message(card, job.guild_id)

    async def _read_post(self, message: discord.Message, post: Post) -> None:
        await self._read_message(message, await self._guild_of(post.job_id))
        given = {plain(each.emoji) for each in message.reactions if each.me}
        wanted = board.SEEDED if post.batch is None else board.SEEDED_ON_SHEETS
        if not given.issuperset(wanted):
            self._bot.delivery.seed(post)

    async def _guild_of(self, job_id: int) -> int:
        job = await self._bot.studio.job(job_id)
        return job.guild_id if job is not None else 0

    # What is done about it.

    async def _read_message(
        self,
        message: discord.Message,
        guild_id: int,
        *,
        only: int | None = None,
        restored: bool = False,
    ) -> None:
        """Act on what stands under a message and was not acted on; take back what does not.

        *only* is the one person whose reactions count. *restored*: it may have been acted on
        before a backup was restored. What people change while the lists are
        read is left to the events that tell of it: the lists may be older.
        """
        with self._watching(message.id) as moved:
            standing = await self._bot.reactions.standing(message.id)
            there = await self._there(message, {emoji for _, emoji in standing})
            if there is None:
                await self._posts.gone([message.id])
                return
            there = {each for each in there if only in (None, each[0])}
            await self._lost(message, guild_id, moved.without(standing - there))
            members: dict[int, discord.Member | None] = {}
            for user_id, emoji in sorted(there - standing):
                if user_id not in members:
                    members[user_id] = await self._lists.member(guild_id, user_id)
                member = members[user_id]
                if member is None or (user_id, emoji) in moved:
                    continue
                if (restored or self._restored) and emoji in ONLY_ONCE:
                    await self._bot.reactions.known((message.id, user_id, emoji))
                else:
                    await self._missed(message, member, emoji)

    async def _there(
        self, message: discord.Message, known: set[str]
    ) -> set[tuple[int, str]] | None:
        """Who gave what under a message, as complete lists say; None where it was deleted.

        *message* may have been read a while ago: that one of the *known* emoji is not under it
        any more is only believed of a new one.
        """
        there: set[tuple[int, str]] = set()
        try:
            with translated():
                read = await self._read_reactions(message, there)
                if not known <= read:
                    new = await self._lists.message(message.channel.id, message.id)
                    if new is None:
                        return None
                    await self._read_reactions(new, there, but=read)
        except Gone as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            return None
        return there

    async def _read_reactions(
        self,
        message: discord.Message,
        there: set[tuple[int, str]],
        *,
        but: Collection[str] = (),
    ) -> set[str]:
        """Add to *there* who gave which emoji *but* those; the emoji that were read."""
        read = set()
        for reaction in message.reactions:
            emoji = plain(reaction.emoji)
            if emoji is None or emoji in but or (reaction.me and reaction.count == 1):
                continue
            async for user in self._lists.givers(reaction):
                if not user.bot:
                    there.add((user.id, emoji))
            read.add(emoji)
        return read

    async def _missed(self, message: discord.Message, member: discord.Member, emoji: str) -> None:
        await self._reactions.given(
            Given(
                message_id=message.id,
                channel_id=message.channel.id,
                emoji=emoji,
                requester=requester_reacting(member, message.channel.id),
                ours=self._bot.user is not None and message.author.id == self._bot.user.id,
            )
        )

    async def _lost(
        self, message: discord.Message, guild_id: int, lost: Iterable[tuple[int, str]]
    ) -> None:
        for user_id, emoji in lost:
            requester = Requester(guild_id=guild_id, channel_id=message.channel.id, user_id=user_id)
            await self._reactions.taken_back(
                Given(
                    message_id=message.id,
                    channel_id=message.channel.id,
                    emoji=emoji,
                    requester=requester,
                )
            )

    # What happens meanwhile.

    @contextmanager
    def _watching(self, message_id: int) -> "Iterator[_Moved]":
        """Note which reactions under a message events tell of."""
        moved = _Moved()
        self._watched.setdefault(message_id, []).append(moved)
        try:
            yield moved
        finally:
            self._watched[message_id].remove(moved)
            if not self._watched[message_id]:
                del self._watched[message_id]

    @commands.Cog.listener("on_raw_reaction_add")
    @commands.Cog.listener("on_raw_reaction_remove")
    async def _on_moved(self, event: discord.RawReactionActionEvent) -> None:
        for moved in self._watched.get(event.message_id, ()):
            moved.note(event.user_id, plain(event.emoji))

    @commands.Cog.listener("on_raw_reaction_clear")
    @commands.Cog.listener("on_raw_reaction_clear_emoji")
    async def _on_cleared(
        self, event: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent
    ) -> None:
        for moved in self._watched.get(event.message_id, ()):
            moved.cleared = True


class _Channel:
    """What is to be read in a channel."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.cards: list[Job] = []


class _Moved:
    """The reactions that somebody gave or took back while the lists of them were read."""

    def __init__(self) -> None:
        self._each: set[tuple[int, str]] = set()
        self.cleared = False

    def note(self, user_id: int, emoji: str | None) -> None:
        if emoji is not None:
            self._each.add((user_id, emoji))

    def __contains__(self, given: tuple[int, str]) -> bool:
        return self.cleared or given in self._each

    def without(self, given: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
        """Those of *given* that nobody touched meanwhile, in a fixed order."""
        return [each for each in sorted(given) if each not in self]
