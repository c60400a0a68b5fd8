"""The bot where several processes share its servers: a session for each shard that is ours."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import discord
from discord.ext import commands
from discord.shard import EventType

from bot.chat.bot import Dailies
from bot.chat.trouble import Denied, translated
from bot.errors import Busy
from storage import DiskTrouble, Sharing

log = logging.getLogger(__name__)

LOST = 60.0  #: seconds without a session from which on a shard counts as lost
_EVENTS = "_AutoShardedClient__queue"  #: what became of sessions, by discord.py
LOOK = 1.0  #: seconds between two looks which shards are ours


class ShardedDailies(Dailies, commands.AutoShardedBot):
    """Begins a session when a shard becomes ours, and ends it before it is another's."""

    def __init__(self, *arguments: Any, sharing: Sharing, **options: Any) -> None:
        # The shards change while it is connected, so discord.py is told of those that it begins
        # with, and launches the others when we ask for them.
        super().__init__(
            *arguments, **options, shard_count=sharing.count, shard_ids=sorted(sharing.mine)
        )
        self._sharing = sharing
        self._left: set[int] = set()  # shards whose sessions we ended
        self._broken: dict[int, Any] = {}  # how a session that ended by itself is to go on
        self._heard = asyncio.Event()  # one of them is new
        self._resuming: dict[int, asyncio.Task[None]] = {}
        self._lost: dict[int, float] = {}  # shards without a session, and since when
        self._concurrency = 1

    async def connect(self, *, reconnect: bool = True) -> None:
        """Be connected with each shard that is ours, whichever they are.

        Every session is begun by `_follow`, and gone on with by `_resume`. discord.py's own loop
        would begin one beside them, and goes on where it is cancelled.
        """
        self._reconnect = reconnect
        self._broken.clear()
        self._left.update(shard for shard, info in self.shards.items() if info.is_closed())
        await self.launch_shards()
        tasks = {
            asyncio.create_task(self._hear(), name="sessions"),
            asyncio.create_task(self._follow(), name="shards"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            tasks.update(self._resuming.values())
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _hear(self) -> None:
        """Note which sessions ended by themselves, until the end of one is final."""
        events: asyncio.PriorityQueue[Any] = getattr(self, _EVENTS)
        while not self.is_closed():
            event = await events.get()
            match event.type:
                case EventType.clean_close:
                    return
                case EventType.close:
                    await self.close()
                    error = event.error
                    if not isinstance(error, discord.ConnectionClosed) or error.code == 1000:
                        return
                    raise error
                case EventType.terminate:
                    await self.close()
                    raise event.error
                case EventType.resume if event.shard.id not in self._left:
                    self._resume(event.shard, event.error)
                case _:
                    self._broken[event.shard.id] = event
                    self._heard.set()

    def _resume(self, shard: Any, error: Exception) -> None:
        """Go on with a session at once: that takes no turn, so it waits for no other shard."""
        task = asyncio.create_task(shard.reidentify(error), name=f"resume of shard {shard.id}")
        self._resuming[shard.id] = task
        task.add_done_callback(lambda _: self._resuming.pop(shard.id, None))

    async def launch_shards(self) -> None:
        """Begin the first session: with it the bot is ready. The others follow."""
        with suppress(Busy, Denied), translated():  # else one begins at a time
            self._concurrency = (await self.fetch_session_start_limits()).max_concurrency
        first = min(self._sharing.mine)
        state = self._connection
        state.shard_count, state.shard_ids = self._sharing.count, [first]
        # What an earlier connection was to do about its sessions: it was ended, and they with it.
        events: asyncio.PriorityQueue[Any] = getattr(self, _EVENTS)
        while not events.empty():
            events.get_nowait()
        await self._reach(first)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait for our turn among all processes: Discord takes one session in five seconds."""
        del initial
        shard = shard_id or 0
        if shard not in self._sharing.mine:
            # discord.py means to begin anew what was lost, and leaves it when it is cancelled.
            raise asyncio.CancelledError
        often = self._sessions.wait(
            initial=True, shards=self._sharing.count, processes=self._sharing.living
        )
        await asyncio.sleep(often)
        await asyncio.sleep(await self._turn(shard))
        self._sessions.begin()

    async def _turn(self, shard: int) -> float:
        while True:
            try:
                return await self._sharing.begin_session(shard, self._concurrency)
            except DiskTrouble as trouble:
                log.warning("Shard %d waits: %s", shard, trouble)
                await asyncio.sleep(LOOK)

    async def on_shard_ready(self, _: int) -> None:
        """A shard that was gained is here: what a new session is followed by is done for it."""
        if self.is_ready():  # else `on_ready` follows
            self.dispatch("ready")

    def lost(self) -> list[int]:
        """The shards that are ours and have had no session for a while."""
        now = time.monotonic()
        return sorted(shard for shard, since in self._lost.items() if now - since > LOST)

    def _open(self, shard: int) -> bool:
        info = self.get_shard(shard)
        return info is not None and not info.is_closed()

    async def end_shards(self, shards: frozenset[int]) -> None:
        """End the sessions of shards that are given up, and forget their servers."""
        for shard in shards:
            info = self.get_shard(shard)
            if info is not None and not (shard in self._left and info.is_closed()):
                self._left.add(shard)
                await info.disconnect()
                log.info("Shard %d is given up", shard)
        state = self._connection
        for guild in [each for each in self.guilds if each.shard_id in shards]:
            state._remove_guild(guild)  # noqa: SLF001  # nothing public forgets one

    async def hang_up(self) -> None:
        """End every session: nothing new is to come. `connect` begins them again."""
        for shard, info in self.shards.items():
            self._left.add(shard)
            await info.disconnect()

    async def end_sessions(self) -> None:
        """End every session, and the threads that keep them alive."""
        await self.hang_up()
        await super().end_sessions()

    async def _follow(self) -> None:
        while True:
            self._heard.clear()
            mine = self._sharing.mine
            if self.is_ready():
                # From here on it is not to say so once more: `on_shard_ready` does, for each.
                self._connection.shard_ids = range(self._sharing.count + 1)
                # One may have begun just as it was given up.
                await self.end_shards(frozenset(self.shards) - mine)
                now = time.monotonic()
                lost = {shard for shard in mine if not self._open(shard)}
                self._lost = {shard: self._lost.get(shard, now) for shard in lost}
            else:  # One more session would keep discord.py from saying that it is ready.
                mine &= self.shards.keys()
            for shard in sorted(mine):
                try:
                    await self._reach(shard)
                except Exception:  # a boundary: the other shards are reached all the same
                    log.exception("Shard %d could not be reached", shard)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._heard.wait()

    def _way_to(self, shard: int) -> Callable[[], Awaitable[None]] | None:
        """How to begin the session of a shard; None where it has one, as far as we know."""
        info = self.get_shard(shard)
        if info is None:
            return self._launched(shard)
        if shard in self._resuming:
            return None
        event = self._broken.pop(shard, None)
        if shard in self._left:
            return info.connect
        if event is None:
            return None
        if event.type == EventType.reconnect:
            begin: Callable[[], Awaitable[None]] = event.shard.reconnect
            return begin
        return partial(event.shard.reidentify, event.error)

    async def _reach(self, shard: int) -> None:
        """Begin the session of a shard that has none, or go on with it."""
        begin = self._way_to(shard)
        if begin is None:
            return
        task = asyncio.ensure_future(begin())
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=LOOK)
                if shard not in self._sharing.mine:  # it was given up meanwhile
                    task.cancel()
        finally:
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.result()
            self._left.discard(shard)
            log.info("Shard %d is ours", shard)

    def _launched(self, shard: int) -> Callable[[], Awaitable[None]]:
        async def launch() -> None:
            await self.launch_shard(self._gateway(), shard)

        return launch

    def _gateway(self) -> Any:
        return discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
