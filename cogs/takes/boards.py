"""The board at the top of a thread: its takes, their cost, favourites, what is running."""

import asyncio
import hashlib
import logging
from collections import OrderedDict

import discord
from discord.ext import commands

from bot.chat import board
from bot.chat.bot import Dailies
from bot.chat.earlier_posts import ours
from bot.chat.mentions import SILENT
from bot.chat.post import nonce
from bot.chat.recognizing import is_board
from bot.chat.trouble import Denied, Gone, Lost, translated
from bot.errors import Busy
from bot.orders.threads import UNWANTED
from storage import Job, State

log = logging.getLogger(__name__)

OLD = 3600.0
NEW = 60.0  #: seconds that a thread is so new that it can have no board yet
TRIES = 12  #: tries of a board while Discord is in trouble, most of them ten minutes apart
LONGEST = 600.0
#: Takes, made or running, from which on a thread has a board: one take needs no list of takes.
WORTH_A_BOARD = 2
KNOWN = 5000  #: jobs whose last state is remembered, to tell news from repetition


class Boards(commands.Cog):
    """Keeps each thread's board current from its second take on, no more often than allowed."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot
        self._threads = bot.studio.threads
        self._seen: OrderedDict[int, tuple[State, int | None]] = OrderedDict()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._lost: set[int] = set()  # threads whose board may stand there
        self._said: OrderedDict[int, bytes] = OrderedDict()  # what boards say, by their thread
        bot.events.job_changed.listen(lambda job, _progress: self.touch(job))
        bot.events.card_placed.listen(self.touch)
        bot.events.clip_posted.listen(self.touch)
        bot.events.take_changed.listen(self.refresh_of)

    async def cog_unload(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    def touch(self, job: Job) -> None:
        """A job moved, or was posted: bring its board there, unless that is no news."""
        now = (job.state, job.result_id)
        if job.thread_id is None or self._seen.get(job.id) == now:
            return
        self._seen[job.id] = now
        if len(self._seen) > KNOWN:
            self._seen.popitem(last=False)
        self.refresh(job.thread_id, guild_id=job.guild_id)

    def refresh_of(self, job: Job) -> None:
        """A take was marked, unmarked or deleted: write its board anew."""
        if job.thread_id is not None:
            self.refresh(job.thread_id, guild_id=job.guild_id)

    def refresh(self, thread_id: int, *, guild_id: int) -> None:
        """Write a thread's board anew, soon."""
        if thread_id in self._tasks:
            self._again.add(thread_id)
            return
        task = asyncio.create_task(self._keep(thread_id, guild_id), name=f"board {thread_id}")
        self._tasks[thread_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(thread_id, None))

    async def _keep(self, thread_id: int, guild_id: int) -> None:
        tries = 0
        while True:
            self._again.discard(thread_id)
            await self._bot.wait_until_ready()
            try:
                gap = await self._write(thread_id, guild_id)
            except Denied as error:
                log.info("The board of thread %s cannot be written: %s", thread_id, error.raw)
                return
            except Busy as busy:
                log.info("The board of thread %s cannot be written yet: %s", thread_id, busy.raw)
                tries += 1
                if tries > TRIES:
                    return
                await asyncio.sleep(busy.retry_after or min(LONGEST, 2.0**tries))
                continue
            tries = 0
            await asyncio.sleep(gap)
            if thread_id not in self._again:
                return

    async def _write(self, thread_id: int, guild_id: int) -> float:
        """Post or edit the board; seconds to leave before the next edit.

        A channel in which clips stand without threads gets none: its takes are about anything.
        """
        if isinstance(self._bot.get_channel(thread_id), discord.abc.GuildChannel):
            return 0.0
        known = await self._threads.board_of(thread_id)
        if known == UNWANTED:
            return 0.0
        if known is None:
            tally = await self._threads.tally(thread_id)
            if tally.made + tally.running < WORTH_A_BOARD:
                return 0.0
        there = await self._threads.overview(thread_id, guild_id=guild_id, limit=board.LISTED)
        view = board.board(
            there.takes,
            there.parents,
            tally=there.tally,
            approved=there.approved,
            liked=there.liked,
            usd_per_credit=self._bot.usd_per_credit,
        )
        place = self._bot.get_partial_messageable(thread_id, guild_id=guild_id)
        says = _digest(view)
        if known is not None and self._said.get(thread_id) == says:
            return 0.0
        await self._bot.pacer.wait(urgent=False)
        if known is None:
            message, is_new = await self._post(place, thread_id, view)
            channel = self._bot.get_channel(thread_id)
            parent_id = channel.parent_id if isinstance(channel, discord.Thread) else None
            await self._threads.set_board(
                thread_id, message.id, guild_id=guild_id, parent_id=parent_id
            )
            self._lost.discard(thread_id)
            if is_new:  # one that stood there may say something else
                self._remember(thread_id, says)
            await self._pin(channel, message)
            return self._bot.gaps.board
        try:
            with translated():
                await place.get_partial_message(known).edit(view=view, allowed_mentions=SILENT)
            self._remember(thread_id, says)
        except Gone:  # somebody does not want it
            await self._threads.set_board(thread_id, UNWANTED, guild_id=guild_id)
        age = self._bot.clock() - discord.utils.snowflake_time(known).timestamp()
        return self._bot.gaps.old_board if age > OLD else self._bot.gaps.board

    def _remember(self, thread_id: int, says: bytes) -> None:
        """Note what a board says, so that it is not written once more."""
        self._said[thread_id] = says
        self._said.move_to_end(thread_id)
        if len(self._said) > KNOWN:
            self._said.popitem(last=False)

    async def _post(
        self, place: discord.PartialMessageable, thread_id: int, view: discord.ui.LayoutView
    ) -> tuple[discord.Message, bool]:
        """Post the board, unless that was done and nobody had written it down; and whether it is
        the one that was posted now."""
        age = self._bot.clock() - discord.utils.snowflake_time(thread_id).timestamp()
        if age > NEW or thread_id in self._lost:
            begun = await self._threads.begun_with(thread_id) or thread_id
            standing = await ours(self._bot, place, is_board, after=begun - 1)
            if standing is not None:
                self._again.add(thread_id)  # it may say what was true then
                return standing, False
        try:
            with translated():
                posted = await place.send(
                    view=view,
                    nonce=nonce(thread_id, "board"),
                    silent=True,
                    allowed_mentions=SILENT,
                )
                return posted, True
        except Lost:
            self._lost.add(thread_id)
            raise

    async def _pin(self, channel: object, message: discord.Message) -> None:
        if not isinstance(channel, discord.Thread) or channel.parent is None:
            return
        if channel.permissions_for(channel.guild.me).pin_messages:
            try:
                with translated():
                    await message.pin()
            except (Denied, Busy) as error:
                log.info("The board of thread %s is not pinned: %s", channel.id, error.raw)


def _digest(view: discord.ui.LayoutView) -> bytes:
    return hashlib.sha256(repr(view.to_components()).encode()).digest()  # type: ignore[no-untyped-call]  # discord.py left it so
