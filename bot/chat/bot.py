"""The Discord connection: our sessions, our commands, and what the commands call."""

import asyncio
import hashlib
import importlib
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from bot.chat.gaps import GAPS, Gaps
from bot.chat.greeting import Greetings
from bot.chat.help import Help
from bot.chat.ladder import Ladder
from bot.chat.mentions import SILENT
from bot.chat.next_steps import NextSteps
from bot.chat.pings import Pings
from bot.chat.post import Sender
from bot.chat.presenter import ChatPresenter
from bot.chat.sessions import Sessions
from bot.chat.sheets import Sheets
from bot.chat.suggesting import CHOSE_NOTHING, Outages, chose_nothing
from bot.errors import Refusal
from bot.events import Events
from bot.files.cache import ClipCache
from bot.files.posters import Posters
from bot.log_context import speak_of_server
from bot.moderation.alerts import DeploymentAlerts
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
from storage import Chore, DiskTrouble

log = logging.getLogger(__name__)

SESSION_ENDS = 2.0  #: seconds that a session is given to close, and its thread to end


class Tree(app_commands.CommandTree["Dailies"]):
    """The commands; whatever one raises is said to its person in words."""

    async def interaction_check(self, interaction: "Interaction", /) -> bool:
        """Whether a command may run there: in a server that this deployment serves, whatever the
        client offers elsewhere. Its person is told if not."""
        speak_of_server(interaction.guild_id, *_prompts(interaction))
        no: Exception
        if interaction.guild_id is None:
            no = app_commands.NoPrivateMessage()
        elif not interaction.client.studio.store.policy.serves(interaction.guild_id):
            no = Refusal(CLOSED)
        elif chose_nothing(interaction):
            no = Refusal(CHOSE_NOTHING)
        else:
            return True
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
        gaps: Gaps = GAPS,
        alert_channel: int | None = None,
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
        self._data, self.clock, self.gaps = data, clock, gaps
        self.limits = Limits(studio, clock=clock)
        self.server_queue = ServerQueue(studio)
        self.alerts = DeploymentAlerts(studio.store, operator_channel=alert_channel)
        self.parked = Parked(studio, clock=clock)
        self.prompt_rules = PromptRules(studio.store)
        self.prompt_help = prompt_help or PromptHelp(studio)
        self.own = Own(studio, cache=cache, clock=clock)
        self._event_at: float | None = None  # when the gateway last told us something
        self._sessions = Sessions(data / "sessions.json")
        self.pacer = Pacer()
        self.suggestions = Outages(lambda: studio.store.writer.commits)
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
        self.help = self._helping()
        ended = EndedButtons(self.reorders)
        self.delivery = self._delivering(sender, lookback, ended, cache)
        self.sheets = self._sheets(ended)
        self.presenter = self._presenter(ended)

    def _presenter(self, ended: EndedButtons) -> ChatPresenter:
        """What shows people their jobs."""
        return ChatPresenter(
            self,
            self.studio,
            self.delivery,
            self.sheets,
            self.pacer,
            self.events,
            ended,
            data=self._data,
            usd_per_credit=self.usd_per_credit,
            clock=self.clock,
            gaps=self.gaps,
        )

    def _helping(self) -> Help:
        """What /help says."""
        return Help(
            self.studio,
            Outlooks(self.studio, clock=self.clock),
            self.own,
            self.pings,
            named=self.named,
            usd_per_credit=self.usd_per_credit,
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
        await asyncio.sleep(self._sessions.wait(initial=initial))
        self._sessions.begin()

    async def on_ready(self) -> None:
        """Connected: what could not be posted is tried again."""
        self.events.connected.emit()

    async def on_resumed(self) -> None:
        """Connected again, without anything missed."""
        self.events.connected.emit()

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """Something that the gateway told could not be acted on."""
        error = sys.exc_info()[1]
        if isinstance(error, DiskTrouble):  # no bug
            log.warning("An event (%s) could not be acted on: %s", event_method, error)
        else:
            await super().on_error(event_method, *args, **kwargs)

    async def on_socket_event_type(self, _: str) -> None:
        """The gateway told us something."""
        self._event_at = time.monotonic()

    def last_event_ago(self) -> float | None:
        """Seconds since the gateway last told us something; None before it did."""
        return None if self._event_at is None else time.monotonic() - self._event_at

    async def hang_up(self) -> None:
        """End our sessions: nothing new is to come."""
        if self.ws is not None:
            await self.ws.close(code=1000)

    def lost(self) -> list[int]:
        """The shards, where there are several, that have had no session for a while."""
        return []

    def sessions_lately(self) -> int:
        """How many sessions began within the last hour."""
        return self._sessions.lately()

    def works_for(self, guild_id: int) -> bool:
        """Whether a server is of ours, where several processes share them."""
        return self.studio.store.sharing.has(guild_id)

    def dispatch(self, event_name: str, /, *args: object, **kwargs: object) -> None:
        """Tell the extensions of an event, unless we are closed.

        discord.py says a while after a session began that it is ready, and tripped over that where
        the bot had been closed by then.
        """
        if not self.is_closed():
            super().dispatch(event_name, *args, **kwargs)

    async def close(self) -> None:
        await self.presenter.close()
        await self.delivery.close()
        await self.end_sessions()
        await super().close()

    async def end_sessions(self) -> None:
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
        if not self.studio.store.sharing.does(Chore.COMMANDS):
            self._know(await self.tree.fetch_commands())
            return
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


def _prompts(interaction: Interaction) -> list[str]:
    """What somebody typed as a prompt. Read from what Discord sent: `namespace` resolves all of it,
    and raises where a part is missing."""

    def typed(options: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        for option in options:
            yield from typed(option.get("options", ()))
            if option.get("name") == "prompt" and isinstance(option.get("value"), str):
                yield option["value"]

    data: Mapping[str, Any] = interaction.data or {}
    return list(typed(data.get("options", ())))
