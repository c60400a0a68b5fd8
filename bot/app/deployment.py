"""A bot that is put together: how it connects, works, and stops within its time."""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord

from bot.app.alerting import Alerting
from bot.app.background import Background
from bot.app.backups import Backups
from bot.app.handover import Handover
from bot.app.metrics import loop_lag
from bot.app.metrics.scrape import Metrics, Scraper
from bot.app.web import Web
from bot.app.webhooks import Webhooks
from bot.chat.bot import Dailies
from bot.chat.login import check_token, patiently
from bot.exits import FAILED, TOKEN, Exit
from bot.files.bucket_sync import BucketSync
from bot.files.cache import ClipCache
from bot.jobs.worker import Worker
from bot.moderation.books import BooksCheck
from bot.orders.orders import Studio
from bot.providers import Provider, Watches
from bot.settings import Settings
from storage import Store

log = logging.getLogger(__name__)

STOPPING = 25.0  #: seconds from the signal to the exit
CLOSING = 2.0  #: of those, what is left for closing when work is cut off
LOOKED = 0.5  #: seconds between two looks whether this process surely is the bot
RECONNECT = 5.0  #: seconds between two tries of the first connection to the gateway
#: How discord.py names the tasks in which somebody waits for an answer of ours.
_ANSWERING = (
    "CommandTree-invoker",
    "discord-ui-",
    "discord.py: on_interaction",
    "discord.py: on_message",
    "discord.py: on_raw_reaction",
)
_HANDLING = (*_ANSWERING, "discord.py: ")  #: every task in which it calls us


class Deadline:
    """When the process has to be gone: from the signal on, everything shares what is left."""

    def __init__(self) -> None:
        self._at: float | None = None

    def begin(self) -> None:
        """The signal came."""
        if self._at is None:
            self._at = asyncio.get_running_loop().time() + STOPPING

    def left(self, *, but: float = 0.0) -> float:
        """Seconds that are left, *but* so many for what comes after."""
        if self._at is None:
            return STOPPING - but
        return max(0.2, self._at - asyncio.get_running_loop().time() - but)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A bot that is put together and not yet connected."""

    settings: Settings
    store: Store
    providers: dict[str, Provider]
    studio: Studio
    bot: Dailies
    worker: Worker
    web: Web
    audit: BooksCheck
    cache: ClipCache
    bucket_sync: BucketSync | None
    webhooks: Webhooks | None
    backups: Backups | None
    background: Background
    metrics: Metrics
    scraper: Scraper
    alerts: Alerting
    deadline: Deadline
    handover: Handover | None  #: None: there is nothing to share

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and work until *stop*; then finish what is under way, within `STOPPING`.

        Raises `Exit` where Discord does not take the token.
        """
        stopping = asyncio.create_task(stop.wait(), name="stop")
        lease = self.store.lease
        gone = asyncio.Event() if lease is None else lease.gone
        replaced = asyncio.create_task(gone.wait(), name="replaced")
        working: list[asyncio.Task[Any]] = []
        try:
            login = asyncio.create_task(self.login(), name="login")
            await asyncio.wait({login, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not login.done():
                await _cancelled(login)
                return
            await login
            working = [
                asyncio.create_task(self.worker.run(), name="worker"),
                asyncio.create_task(self._be_there(), name="gateway"),
            ]
            if self.handover is not None:
                working.append(asyncio.create_task(self.handover.run(), name="handover"))
            done, _ = await asyncio.wait(
                {*working, stopping, replaced}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping, replaced}:
                await self._explain(task)
            if replaced in done and lease is not None:
                raise Exit(lease.why, FAILED)
        finally:
            stopping.cancel()
            replaced.cancel()
            await self._stop(*working)

    async def login(self) -> None:
        """Show Discord the token, and our commands if they changed.

        Raises `Exit` where it does not take them.
        """
        given, where = self.settings.discord_token, self.settings.discord_api_url
        token = check_token(given.get_secret_value() if given is not None else None, api_url=where)

        async def once() -> None:
            async with AsyncExitStack() as failed:
                failed.push_async_callback(self._disconnect)
                await self.bot.login(token)
                failed.pop_all()

        await patiently(once, api_url=where)
        await patiently(self.bot.register_if_changed, api_url=where)

    async def _disconnect(self) -> None:
        """Close what a login opened: the next try opens connections of its own."""
        await self.bot.http.close()
        self.bot.http.connector = discord.utils.MISSING

    async def register(self) -> int:
        """Tell Discord our commands; how many there are. Raises `Exit` where it refuses them."""
        return await patiently(self.bot.register, api_url=self.settings.discord_api_url)

    async def _be_there(self) -> None:
        """Be connected to the gateway for as long as this process surely is the bot.

        Where it cannot know, because the database has not answered for too long, another one may
        have taken over: it leaves Discord until it is sure again.
        """
        if self.store.lease is None:
            return await self._connect()
        while True:
            connection = asyncio.create_task(self._connect(), name="gateway connection")
            try:
                while self.store.sure:
                    done, _ = await asyncio.wait({connection}, timeout=LOOKED)
                    if done:
                        return await connection
            finally:
                await _cancelled(connection)
            log.error(
                "The lease could not be renewed, so another Dailies may take over: this one leaves "
                "Discord and sends nothing until it is sure."
            )
            self.bot.events.left.emit()
            await self.bot.end_sessions()
            while not self.store.sure:  # noqa: ASYNC110  # that time passes is no event
                await asyncio.sleep(LOOKED)
            log.warning("The lease was renewed: this process connects to Discord again.")

    async def _connect(self) -> None:
        """Be connected to the gateway, whatever becomes of connections, until it is final."""
        while True:
            try:
                return await self.bot.connect()
            except AttributeError:
                # discord.py means to go on, and trips over there never having been a connection.
                if self.bot.ws is not None:
                    raise
                await asyncio.sleep(RECONNECT)

    async def _stop(self, *working: asyncio.Task[Any]) -> None:
        """The gateway first, so that nothing new comes; then what is under way; then the rest."""
        self.deadline.begin()
        self.bot.presenter.stop()
        if working:
            worker, *others = working
            await _cancelled(*others)
            await _within(CLOSING, self.bot.hang_up())
            within = self.deadline.left(but=CLOSING)
            await asyncio.gather(
                self.worker.stop(within=within), _end_of(_ANSWERING, within=within)
            )
            await asyncio.wait({worker}, timeout=CLOSING)
            await _cancelled(*_tasks(_HANDLING))
        await _within(self.deadline.left(), self.bot.close())

    async def _explain(self, task: asyncio.Task[Any]) -> None:
        """Why a task that should never end has ended."""
        try:
            await task
        except discord.PrivilegedIntentsRequired as error:
            raise Exit(
                "Discord refuses the intents. Dailies needs no privileged one.", TOKEN
            ) from error
        except discord.ConnectionClosed as error:
            if error.code == 4004:
                raise Exit("Discord's gateway refuses DISCORD_TOKEN.", TOKEN) from error
            raise Exit(
                f"Discord closed the connection permanently ({error.code}).", FAILED
            ) from error
        raise Exit(f"The {task.get_name()} ended by itself.", FAILED)

    @asynccontextmanager
    async def in_the_background(self) -> AsyncGenerator[None]:
        """Files are kept and the books checked meanwhile; at the end everything is closed."""
        self.background.begin(self.cache.run(), name="clip cache")
        self.background.begin(self.audit.run(), name="books check")
        self.background.begin(self.alerts.run(), name="alerts")
        self.background.begin(loop_lag.measure(self.metrics.families.lag), name="event loop lag")
        for each in self.providers.values():
            if isinstance(each, Watches):
                self.background.begin(each.watch(), name=f"watch {each.name}")
        if self.bucket_sync is not None:
            self.background.begin(self.bucket_sync.run(), name="bucket sync")
        if self.backups is not None:
            self.background.begin(self.backups.run(), name="backups")
        if self.webhooks is not None:
            self.background.begin(self.webhooks.run(), name="webhooks")
        try:
            yield
        finally:
            self.deadline.begin()
            await self.background.end(within=self.deadline.left())
            parts: list[ClipCache | Web | Provider] = [
                self.cache,
                self.web,
                *self.providers.values(),
            ]
            for closing in parts:
                await _within(self.deadline.left(), closing.close())


def _tasks(names: tuple[str, ...]) -> set[asyncio.Task[Any]]:
    """The tasks whose names begin with one of *names*, but for the one that asks."""
    found = {task for task in asyncio.all_tasks() if task.get_name().startswith(names)}
    return found - {asyncio.current_task()}


async def _end_of(names: tuple[str, ...], *, within: float) -> None:
    """Wait for those tasks, also for those that they begin."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while (tasks := _tasks(names)) and loop.time() < until:
        await asyncio.wait(tasks, timeout=until - loop.time())


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CLOSING)


async def _within(seconds: float, closing: Awaitable[None]) -> None:
    """Wait for *closing*, but no longer: the process ends anyway."""
    try:
        async with asyncio.timeout(seconds):
            await closing
    except TimeoutError:
        log.warning("Something took over %g s to close", seconds)


def stop_signal() -> asyncio.Event:
    """Set when the process is asked to end: `docker stop`, Ctrl-C, a terminal that closes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(each, stop.set)
    return stop
