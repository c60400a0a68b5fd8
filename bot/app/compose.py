"""Puts a bot together: the store, the providers, the studio, the worker, the connection."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import discord

import cogs
from bot.app.probes import gateway_check, storage_check
from bot.app.web import Web
from bot.chat.bot import Dailies
from bot.chat.login import check_token, only_json, patiently
from bot.events import Events
from bot.exits import FAILED, TOKEN, Exit
from bot.files.bucket_sync import BucketSync
from bot.files.cache import ClipCache
from bot.files.fetch import Fetcher
from bot.jobs.results import Results
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.media.decode import decode
from bot.moderation.books import BooksCheck
from bot.orders.inputs import Inputs
from bot.orders.orders import Studio
from bot.providers import CallsBack, Connection, Provider, connect_all
from bot.settings import Settings
from storage import Defaults, Store, open_store
from storage.clock import TICKS

if TYPE_CHECKING:
    from bot.files.bucket import Bucket

log = logging.getLogger(__name__)

STOPPING = 25.0  #: seconds from the signal to the exit
CLOSING = 2.0  #: of those, what is left for closing when work is cut off
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
#: What fetches clips, and reads each to its end before it counts.
VERIFIED = partial(Results, decode=decode)


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
    shelf: ClipCache
    archive: BucketSync | None
    deadline: Deadline

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and work until *stop*; then finish what is under way, within `STOPPING`.

        Raises `Exit` where Discord does not take the token.
        """
        stopping = asyncio.create_task(stop.wait(), name="stop")
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
                asyncio.create_task(self._connect(), name="gateway"),
            ]
            done, _ = await asyncio.wait({*working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                await self._explain(task)
        finally:
            stopping.cancel()
            await self._stop(*working)

    async def login(self) -> None:
        """Show Discord the token, and our commands if they changed.

        Raises `Exit` where it does not take them.
        """
        given, where = self.settings.discord_token, self.settings.discord_api_url
        token = check_token(given.get_secret_value() if given is not None else None, api_url=where)

        async def once() -> None:
            try:
                await self.bot.login(token)
            except BaseException:
                await self.bot.http.close()  # the next try opens connections of its own
                self.bot.http.connector = discord.utils.MISSING
                raise

        await patiently(once, api_url=where)
        await patiently(self.bot.register_if_changed, api_url=where)

    async def register(self) -> int:
        """Tell Discord our commands; how many there are. Raises `Exit` where it refuses them."""
        return await patiently(self.bot.register, api_url=self.settings.discord_api_url)

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
        if working:
            worker, gateway = working
            await _cancelled(gateway)
            if self.bot.ws is not None:
                await _within(CLOSING, self.bot.ws.close(code=1000))
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
                "Discord refuses the intents; Dailies needs no privileged one.", TOKEN
            ) from error
        except discord.ConnectionClosed as error:
            if error.code == 4004:
                raise Exit("Discord's gateway refuses DISCORD_TOKEN.", TOKEN) from error
            raise Exit(f"Discord closed the connection for good ({error.code}).", FAILED) from error
        raise Exit(f"The {task.get_name()} ended by itself.", FAILED)


@asynccontextmanager
async def deploy(
    settings: Settings,
    *,
    environ: Mapping[str, str],
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    clock: Callable[[], float] = time.time,
    loopback: frozenset[str] = frozenset(),
    ready_timeout: float = 2.0,
    steady: Callable[[], float] = TICKS,
    providers: dict[str, Provider] | None = None,
    opened: Callable[..., AbstractAsyncContextManager[Store]] = open_store,
    bot_class: type[Dailies] = Dailies,
    results: Callable[..., Results] = VERIFIED,
) -> AsyncGenerator[Deployment]:
    """Everything a bot needs, opened, and closed again in the right order.

    *clock* is the wall's, in seconds since 1970, *steady* one that nobody sets: the store makes
    of the two the one that everything here goes by. *providers* are those that *environ* has keys
    for, changed by their *sections* of dailies.toml, unless given; *opened* opens the
    store. *results* makes what fetches clips.
    """
    data = settings.dailies_data
    deadline = Deadline()
    async with opened(data, defaults=defaults_of(settings), wall=clock, ticks=steady) as store:
        now = store.clock.now

        def connection(name: str) -> Connection:
            return Connection(
                data=data,
                toml=(sections or {}).get(name, {}),
                environ=environ,
                public_url=settings.public_url,
                loopback=loopback,
                clock=steady,
            )

        if providers is None:
            providers = connect_all(connection, keep_last_resort=settings.dailies_local)
        bucket = bucket_of(settings)
        archive = None
        if bucket is not None:
            archive = BucketSync(
                store,
                bucket,
                data=data,
                days=settings.dailies_s3_keep_days,
                link_days=settings.dailies_s3_link_days,
                clock=now,
            )
        shelf = ClipCache(
            store,
            data=data,
            days=settings.dailies_keep_days,
            room=settings.dailies_disk_gb,
            spare=settings.dailies_spare_gb,
            archive=archive,
            clock=now,
        )
        events = Events()
        tracker = Tracker(store, providers, events)
        studio = Studio(
            store,
            providers,
            events=events,
            tracker=tracker,
            disk=shelf,
            inputs=Inputs(data, Fetcher(loopback=loopback), unnamed=store.files.unnamed),
            usd_per_credit=settings.dailies_usd_per_credit,
            clock=now,
        )
        bot = bot_class(
            studio,
            cogs.EXTENSIONS,
            events=events,
            data=data,
            shelf=shelf,
            usd_per_credit=settings.dailies_usd_per_credit,
            clock=now,
            guild_ready_timeout=ready_timeout,
            http_trace=only_json(settings.discord_api_url),
        )
        worker = Worker(
            store,
            providers,
            bot,
            tracker=tracker,
            events=events,
            data=data,
            link=bot.link,
            callback=_callbacks(settings.public_url),
            alternative=studio.quotes.alternative,
            usd_per_credit=settings.dailies_usd_per_credit,
            make_room=shelf.make_room,
            results=results,
        )
        await studio.rules.load()
        audit = BooksCheck(studio, events, usd_per_credit=settings.dailies_usd_per_credit)
        checks = [gateway_check(bot), storage_check(store, data), audit.trouble]
        remarks = [audit.remark, worker.trouble]
        if archive is not None:
            events.job_changed.listen(lambda job, _progress: archive.moved(job))
            remarks.append(_archive_remark(archive))
        web = Web(checks, remarks=remarks, called_back=worker.callbacks.hear, clock=clock)
        await _listen(web, settings)
        running = [
            asyncio.create_task(shelf.run(), name="shelf"),
            asyncio.create_task(audit.run(), name="audit"),
        ]
        if archive is not None:
            running.append(asyncio.create_task(archive.run(), name="archive"))
        try:
            yield Deployment(
                settings=settings,
                store=store,
                providers=providers,
                studio=studio,
                bot=bot,
                worker=worker,
                web=web,
                audit=audit,
                shelf=shelf,
                archive=archive,
                deadline=deadline,
            )
        finally:
            for task in running:
                task.cancel()
            deadline.begin()
            await asyncio.wait(running, timeout=deadline.left())
            parts: list[ClipCache | Web | Provider] = [shelf, web, *providers.values()]
            for closing in parts:
                await _within(deadline.left(), closing.close())


def bucket_of(settings: Settings) -> "Bucket | None":
    """The bucket of the settings. Its library is loaded only where there is one."""
    if settings.dailies_s3_bucket is None:
        return None
    from bot.files.bucket import Bucket

    access, secret = settings.dailies_s3_access_key, settings.dailies_s3_secret_key
    return Bucket(
        settings.dailies_s3_bucket,
        endpoint=settings.dailies_s3_endpoint,
        region=settings.dailies_s3_region,
        access_key=access.get_secret_value() if access is not None else None,
        secret_key=secret.get_secret_value() if secret is not None else None,
        prefix=settings.dailies_s3_prefix,
    )


def defaults_of(settings: Settings) -> Defaults:
    """The limits of a server that has set none."""
    return Defaults(
        amount=settings.dailies_quota,
        period=settings.dailies_quota_period,
        budget=settings.dailies_budget,
        budget_period=settings.dailies_budget_period,
        budget_all=settings.dailies_budget_all,
        budget_all_period=settings.dailies_budget_all_period,
        servers=settings.dailies_servers,
        jobs_per_user=settings.dailies_jobs_per_user,
        jobs_per_server=settings.dailies_jobs_per_server,
        per_minute=settings.dailies_orders_per_minute,
        burst=settings.dailies_orders_at_once,
        zone=settings.dailies_time_zone,
    )


def _callbacks(public_url: str | None) -> Callable[[Provider, str], str | None]:
    """Where a provider that calls back may do so, about the attempt of that token."""

    def where(provider: Provider, token: str) -> str | None:
        if public_url is None or not isinstance(provider, CallsBack):
            return None
        return f"{public_url.rstrip('/')}/callbacks/{provider.name}/{token}"

    return where


def _archive_remark(archive: BucketSync) -> Callable[[], Any]:
    async def remark() -> str | None:
        return archive.trouble

    return remark


async def _listen(web: Web, settings: Settings) -> None:
    """Open the ports. Raises `Exit` where one is taken."""
    ports = [("WEB", settings.dailies_web_host, settings.dailies_web_port, web.start)]
    if settings.public_url is not None:
        host, port = settings.dailies_callback_host, settings.dailies_callback_port
        ports.append(("CALLBACK", host, port, web.start_callbacks))
    for name, host, port, start in ports:
        try:
            await start(host, port)
        except OSError as error:
            await web.close()
            raise Exit(
                f"DAILIES_{name}_PORT {port} cannot be listened on at {host} "
                f"({error.strerror or 'there is no such address'}); choose another.",
                FAILED,
            ) from error


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
