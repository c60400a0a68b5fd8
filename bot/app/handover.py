"""Has the bot and its worker follow the shards that are ours, and hear what other processes did."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import discord

from bot.chat.sharded import ShardedDailies
from bot.events import Event
from bot.jobs.slots import Slots
from bot.jobs.worker import Worker
from bot.orders.server_rules import ServerRules
from storage import Chore, DiskTrouble, Sharing, TakenOver

log = logging.getLogger(__name__)

EVERY = 1.0  #: seconds between two looks
AGAIN = 60.0  #: seconds until Discord is told our commands again, where it took none
RULES = "rules"  #: what the settings are called that `ServerRules` keeps in memory


class Handover:
    """Takes shards up that became ours, and gives up what is the share of others."""

    def __init__(
        self,
        sharing: Sharing,
        *,
        bot: ShardedDailies,
        worker: Worker,
        slots: Slots,
        rules: ServerRules,
        taken_over: Event[TakenOver],
        every: float = EVERY,
    ) -> None:
        """*taken_over* is to be told of each process that lost some."""
        self._sharing = sharing
        self._bot = bot
        self._worker = worker
        self._slots = slots
        self._rules = rules
        self._taken_over = taken_over
        self._every = every
        self._gained: frozenset[int] = frozenset()  # shards that have yet to be taken up
        self._stale = False  # the settings that are kept in memory are to be read again
        self._registers = sharing.does(Chore.COMMANDS)  # as it did at the start
        self._again_at = 0.0  # when to try again to tell Discord our commands, by the loop's clock

    async def run(self) -> None:
        """Do so, for ever."""
        while True:
            for look in (self.shards, self.news, self._slots.look, self.commands):
                await self._well(look)
            await asyncio.sleep(self._every)

    async def _well(self, look: Callable[[], Awaitable[None]]) -> None:
        try:
            await look()
        except DiskTrouble as trouble:  # the next look does it
            log.warning("What other processes did is not known: %s", trouble)

    async def shards(self) -> None:
        """Take up and give up shards. Raises `DiskTrouble`."""
        found = await self._sharing.look()
        for each in found.taken_over:
            self._taken_over.emit(each)
        if found.gained:
            log.info("Shards %s are ours now", _listed(found.gained))
        self._gained |= found.gained
        if self._gained:
            await self._worker.take_up(self._gained)
            self._gained = frozenset()
        if found.surplus:
            # First nothing new comes, then what is under way ends, and only then others begin.
            await self._bot.end_shards(found.surplus)
            if await self._worker.give_up(found.surplus):
                await self._sharing.give_up(found.surplus)
                log.info("Shards %s are free for others", _listed(found.surplus))

    async def news(self) -> None:
        """Hear what others changed. Raises `DiskTrouble`."""
        changed = await self._sharing.news()
        self._stale = self._stale or RULES in changed
        if self._stale:
            await self._rules.load()
            self._stale = False

    async def commands(self) -> None:
        """Tell Discord our commands once that is ours to do: whoever did may have been older."""
        if not self._sharing.does(Chore.COMMANDS):
            self._registers = False
            return
        now = asyncio.get_running_loop().time()
        if self._registers or now < self._again_at:
            return
        try:
            await self._bot.register_if_changed()
        except (discord.DiscordException, OSError) as error:
            log.warning("Discord was not told our commands yet: %s", error)
            self._again_at = now + AGAIN
        else:
            self._registers = True


def _listed(shards: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(shards)))
