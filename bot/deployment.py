"""Puts a bot together: the store, the providers, the studio, the worker, the connection."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import discord

import cogs
from bot.archive import Archive
from bot.auditing import Audit
from bot.client import Dailies
from bot.decoding import decode
from bot.fetch import Fetcher
from bot.inputs import Inputs
from bot.providers import CallsBack, Connection, Provider, connect_all
from bot.results import Results
from bot.settings import Settings, provider_sections
from bot.shelf import Shelf
from bot.studio import Studio
from bot.web import Web
from bot.worker import Worker
from storage import Defaults, Store, open_store
from storage.clock import TICKS

if TYPE_CHECKING:
    from bot.bucket import Bucket

log = logging.getLogger(__name__)

OK, FAILED, USAGE, LOCKED, TOKEN = 0, 1, 2, 3, 4  # exit codes; 2 is also argparse's own
#: What fetches clips, and reads each to its end before it counts.
VERIFIED = partial(Results, decode=decode)
QUIET = 60.0  #: seconds without a heartbeat after which the gateway counts as lost


class Exit(Exception):
    """The command ends here. The message is a sentence for the operator."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


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
    audit: Audit
    shelf: Shelf
    archive: Archive | None

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and work until *stop*; then finish what is under way.

        Raises `Exit` where Discord does not take the token.
        """
        try:
            await self.login()
        except Exit:
            await self.bot.close()
            raise
        worker = asyncio.create_task(self.worker.run(), name="worker")
        connection = asyncio.create_task(self.bot.connect(), name="gateway")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait(
                {worker, connection, stopping}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                await self._explain(task)
        finally:
            await self.worker.stop()
            await asyncio.wait({worker})
            await self.bot.close()
            stopping.cancel()
            await asyncio.wait({connection, stopping})

    async def login(self) -> None:
        """Show Discord the token. Raises `Exit` where it is not taken."""
        token = self.settings.discord_token
        if token is None:
            raise Exit(
                "DISCORD_TOKEN is not set; set it to your bot's token, or run "
                "`dailies playground`, which needs none.",
                TOKEN,
            )
        try:
            await self.bot.login(token.get_secret_value())
        except discord.LoginFailure as error:
            raise Exit(
                "Discord refuses DISCORD_TOKEN; copy the token anew from your application's "
                "Bot page in Discord's developer portal.",
                TOKEN,
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            where = self.settings.discord_api_url
            raise Exit(
                f"Discord cannot be reached at {where} (DISCORD_API_URL).", FAILED
            ) from error

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
    environ: dict[str, str],
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
    of the two the one that everything here goes by. *providers* are those of the settings unless
    given; *opened* opens the store. *results* makes what fetches clips.
    """
    data = settings.dailies_data
    sections = provider_sections()
    async with opened(data, defaults=defaults_of(settings), wall=clock, ticks=steady) as store:
        now = store.clock.now

        def connection(name: str) -> Connection:
            return Connection(
                data=data,
                toml=sections.get(name, {}),
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
            archive = Archive(
                store,
                bucket,
                data=data,
                days=settings.dailies_s3_keep_days,
                link_days=settings.dailies_s3_link_days,
                clock=now,
            )
        shelf = Shelf(
            store,
            data=data,
            days=settings.dailies_keep_days,
            room=settings.dailies_disk_gb,
            spare=settings.dailies_spare_gb,
            archive=archive,
            clock=now,
        )
        studio = Studio(
            store,
            providers,
            inputs=Inputs(data, Fetcher(loopback=loopback)),
            usd_per_credit=settings.dailies_usd_per_credit,
            clock=now,
        )
        bot = bot_class(
            studio,
            cogs.EXTENSIONS,
            data=data,
            shelf=shelf,
            usd_per_credit=settings.dailies_usd_per_credit,
            clock=now,
            guild_ready_timeout=ready_timeout,
        )
        worker = Worker(
            store,
            providers,
            bot,
            data=data,
            link=bot.link,
            callback=_callbacks(settings.public_url),
            alternative=studio.alternative,
            usd_per_credit=settings.dailies_usd_per_credit,
            make_room=shelf.make_room,
            results=results,
        )
        studio.employ(worker)
        studio.has_room, studio.at_hand = shelf.check, shelf.at_hand
        await studio.rules.load()
        audit = Audit(studio, usd_per_credit=settings.dailies_usd_per_credit)
        checks = [_gateway_check(bot), _storage_check(store), audit.trouble]
        remarks = [audit.remark, worker.trouble]
        if archive is not None:
            bot.watchers.append(archive.moved)
            remarks.append(_archive_remark(archive))
        web = Web(checks, remarks=remarks, called_back=worker.callbacks.hear, clock=clock)
        try:
            await web.start(settings.dailies_web_host, settings.dailies_web_port)
        except OSError as error:
            raise Exit(
                f"DAILIES_WEB_PORT {settings.dailies_web_port} is taken on "
                f"{settings.dailies_web_host}; choose another.",
                FAILED,
            ) from error
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
            )
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            await shelf.close()
            await web.stop()
            for provider in providers.values():
                await provider.close()


def bucket_of(settings: Settings) -> "Bucket | None":
    """The bucket of the settings. Its library is loaded only where there is one."""
    if settings.dailies_s3_bucket is None:
        return None
    from bot.bucket import Bucket

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


def _gateway_check(bot: Dailies) -> Callable[[], Any]:
    async def check() -> str | None:
        if bot.is_closed() or not bot.is_ready():
            return "not connected to Discord"
        latency = bot.latency
        return None if latency < QUIET else "Discord has not answered for a minute"

    return check


def _storage_check(store: Store) -> Callable[[], Any]:
    async def check() -> str | None:
        try:
            async with asyncio.timeout(5):
                await store.writer.write(lambda db: db.execute("PRAGMA user_version").fetchone())
        except (TimeoutError, OSError):
            return "the database does not answer"
        return None

    return check


def _archive_remark(archive: Archive) -> Callable[[], Any]:
    async def remark() -> str | None:
        return archive.trouble

    return remark


def stop_signal() -> asyncio.Event:
    """Set when the process is asked to end: `docker stop`, Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop
