"""The Discord connection: our sessions, our commands, and what the commands call."""

import asyncio
import hashlib
import importlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.cards import Pacer
from bot.chat.delivery import Delivery
from bot.chat.earlier_posts import Lookback
from bot.chat.ended_buttons import EndedButtons
from bot.chat.explain import apologise
from bot.chat.greeting import Greetings
from bot.chat.help import Help
from bot.chat.ladder import Ladder
from bot.chat.mentions import SILENT
from bot.chat.next_steps import NextSteps
from bot.chat.pings import Pings
from bot.chat.post import Sender
from bot.chat.presenter import ChatPresenter
from bot.chat.sheets import Sheets
from bot.errors import Refusal
from bot.events import Events
from bot.files.cache import ClipCache
from bot.files.posters import Posters
from bot.moderation.digest import Digests
from bot.moderation.limits import Limits
from bot.moderation.parked import Parked
from bot.moderation.prompt_rules import PromptRules
from bot.moderation.server_queue import ServerQueue
from bot.moderation.usage import Own
from bot.orders.edits import Edits
from bot.orders.frames import Frames
from bot.orders.orders import Studio
from bot.orders.outlook import Outlooks
from bot.orders.prompt_help import PromptHelp
from bot.orders.reactions import ReactionRecord
from bot.orders.reels import Reels
from bot.orders.refused import Refusals
from bot.orders.removals import Removals
from bot.orders.reordering import Reorders
from bot.orders.shots import Shots
from bot.orders.takes import Takes
from bot.words.limits import CLOSED

log = logging.getLogger(__name__)

SESSION_ENDS = 2.0  #: seconds that a session is given to close, and its thread to end


class Tree(app_commands.CommandTree["Dailies"]):
    """The commands; whatever one raises is said to its person in words."""

    async def interaction_check(self, interaction: "Interaction", /) -> bool:
        """Whether a command may run there: in a server that this deployment serves, whatever the
        client offers elsewhere. Its person is told if not."""
        no: Exception
        if interaction.guild_id is None:
            no = app_commands.NoPrivateMessage()
        elif interaction.client.studio.store.policy.serves(interaction.guild_id):
            return True
        else:
            no = Refusal(CLOSED)
        if interaction.type is discord.InteractionType.application_command:
            await apologise(interaction, no)
        return False

    async def on_error(
        self, interaction: "Interaction", error: app_commands.AppCommandError, /
    ) -> None:
        await apologise(interaction, error)


class Dailies(commands.Bot):
    """Offers the commands of its extensions, and everything that those work with."""

    def __init__(
        self,
        studio: Studio,
        extensions: Iterable[str],
        *,
        events: Events,
        data: Path,
        cache: ClipCache,
        usd_per_credit: Decimal,
        clock: Callable[[], float] = time.time,
        prompt_help: PromptHelp | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            command_prefix=(),
            help_command=None,
            tree_cls=Tree,
            # None of them is privileged.
            intents=discord.Intents(guilds=True, guild_messages=True, guild_reactions=True),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            allowed_mentions=SILENT,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(guild=True),
            **options,
        )
        self.studio, self.events, self.usd_per_credit = studio, events, usd_per_credit
        self._extensions = tuple(extensions)
        self._data, self.clock = data, clock
        self.limits = Limits(studio, clock=clock)
        self.server_queue = ServerQueue(studio)
        self.parked = Parked(studio, clock=clock)
        self.prompt_rules = PromptRules(studio.store)
        self.prompt_help = prompt_help or PromptHelp(studio)
        self.own = Own(studio, cache=cache, clock=clock)
        self._identified: deque[float] = deque()  # sessions of the last hour, by when they began
        self.pacer = Pacer()
        self.digests = Digests(studio, clock=clock)
        self.command_ids: dict[str, int] = {}  #: by name, as Discord last told us
        self.greetings = Greetings(
            self, studio, self.pacer, named=self.named, usd_per_credit=usd_per_credit
        )
        self.takes = Takes(studio, data=data, cache=cache, clock=clock)
        frames = Frames(self.takes, data=data, cache=cache)
        self.refusals = Refusals(studio, frames)
        self.next_steps = NextSteps(self.refusals)
        self.shots = Shots(studio.store, studio.access)
        self.reels = Reels(studio.store, self.shots, data=data, cache=cache, clock=clock)
        self.removals = Removals(studio.store, self.takes)
        self.edits = Edits(studio, self.takes, frames=frames, clock=clock)
        self.reorders = Reorders(studio, frames)
        self.reactions = ReactionRecord(studio.store, clock=clock)
        sender, lookback = Sender(self, self.pacer), Lookback(self, self.pacer)
        self.posters = Posters(data=data)
        self.pings = Pings(self, studio.store, sender, lookback)
        self.help = Help(
            studio,
            Outlooks(studio, clock=clock),
            self.own,
            self.pings,
            named=self.named,
            usd_per_credit=usd_per_credit,
        )
        ended = EndedButtons(self.reorders)
        self.delivery = self._delivering(sender, lookback, ended, cache)
        self.sheets = self._sheets(ended)
        self.presenter = ChatPresenter(
            self,
            studio,
            self.delivery,
            self.sheets,
            self.pacer,
            events,
            ended,
            data=data,
            usd_per_credit=usd_per_credit,
            clock=clock,
        )

    def _sheets(self, ended: EndedButtons) -> Sheets:
        """What posts several takes in one message."""
        return Sheets(
            self,
            self.studio,
            self.delivery,
            self.pings,
            ended,
            data=self._data,
            usd_per_credit=self.usd_per_credit,
            price=self.edits.batch_price,
        )

    def _delivering(
        self, sender: Sender, lookback: Lookback, ended: EndedButtons, cache: ClipCache
    ) -> Delivery:
        """What posts clips and endings, with those that it works with."""
        ladder = Ladder(
            self,
            self.studio.store,
            self.studio,
            sender,
            self.posters,
            data=self._data,
            cache=cache,
            usd_per_credit=self.usd_per_credit,
            clock=self.clock,
            defaults=self.edits.defaults,
        )
        return Delivery(
            self,
            self.studio.store,
            sender,
            ladder,
            self.posters,
            self.pacer,
            self.events,
            self.pings,
            lookback,
            ended,
            data=self._data,
            cache=cache,
            usd_per_credit=self.usd_per_credit,
            clock=self.clock,
        )

    async def setup_hook(self) -> None:
        # Not `load_extension`: that runs the code of its module anew for every bot.
        for extension in self._extensions:
            await importlib.import_module(extension).setup(self)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait before a new session: Discord takes back the token of who begins too many a day."""
        now = time.monotonic()
        while self._identified and now - self._identified[0] > 3600:
            self._identified.popleft()
        if not initial:
            await asyncio.sleep(identify_wait(self._identified, now))
        self._identified.append(time.monotonic())

    async def on_ready(self) -> None:
        """Connected: what could not be posted is tried again."""
        self.events.connected.emit()

    async def on_resumed(self) -> None:
        """Connected again, without anything missed."""
        self.events.connected.emit()

    async def close(self) -> None:
        await self.presenter.close()
        await self.delivery.close()
        await self._end_sessions()
        await super().close()

    async def _end_sessions(self) -> None:
        """Close our sessions, and end the threads that keep them alive.

        One that was given up while it began is known by nothing but its thread, which would speak
        to a loop that is closed by then.
        """
        for thread in threading.enumerate():
            if not isinstance(thread, discord.gateway.KeepAliveHandler):
                continue
            if thread.ws._connection is self._connection:  # noqa: SLF001  # nothing else says whose
                with suppress(TimeoutError, OSError):
                    await asyncio.wait_for(thread.ws.close(code=1000), SESSION_ENDS)
                thread.stop()
                await asyncio.to_thread(thread.join, timeout=SESSION_ENDS)

    # Commands.

    async def register_if_changed(self) -> None:
        """Tell Discord our commands, if they are not those it was told last."""
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        told = json.dumps([self.application_id, payload], sort_keys=True, default=str)
        digest = hashlib.sha256(told.encode()).hexdigest()
        note = self._data / "commands.sha256"
        if note.exists() and note.read_text() == digest:
            there = await self.tree.fetch_commands()
            if len(there) == len(payload):
                self._know(there)
                return
        await self.register()
        with suppress(OSError):  # then they are told again at the next start
            note.write_text(digest)

    async def register(self) -> int:
        """Tell Discord our commands; return how many there are."""
        synced = await self.tree.sync()
        self._know(synced)
        return len(synced)

    def _know(self, told: Iterable[app_commands.AppCommand]) -> None:
        """Remember the ids of our commands, by which messages name them."""
        chat = discord.AppCommandType.chat_input
        self.command_ids = {each.name: each.id for each in told if each.type is chat}

    def named(self, command: str) -> str:
        """A command such as "video text", to be pressed in a message where its id is known."""
        known = self.command_ids.get(command.partition(" ")[0])
        return f"`/{command}`" if known is None else f"</{command}:{known}>"


Interaction = discord.Interaction[Dailies]


def identify_pause(recent: int) -> float:
    """Seconds before another session, after *recent* ones in an hour.

    Discord allows one in 5 s and 1,000 a day; this comes to 700 a day at most.
    """
    return 5.0 if recent < 10 else 200.0


def identify_wait(began: Sequence[float], now: float) -> float:
    """Seconds to wait at *now* before another session, where those of the last hour *began*.

    Counted from the last one: discord.py gives a session up that takes a minute to begin, and its
    next try waits for what is left.
    """
    return max(0.0, began[-1] + identify_pause(len(began)) - now) if began else 0.0
