"""Puts a bot together: the store, the providers, the studio, the worker, the connection."""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

import cogs
from bot.app.alerting import Alerting
from bot.app.background import Background
from bot.app.backups import Backups, place_of
from bot.app.buckets import bucket_of
from bot.app.deployment import Deadline, Deployment
from bot.app.handover import Handover
from bot.app.metrics import discord_calls
from bot.app.metrics.scrape import Metrics, Scraper
from bot.app.monitored import Monitored, web_of
from bot.app.restored import go_on_from_backup
from bot.app.standby import Standby
from bot.app.web import Web, open_port
from bot.app.webhooks import Webhooks, receiver_of
from bot.chat.bot import Dailies
from bot.chat.login import only_json
from bot.chat.sharded import ShardedDailies
from bot.events import Events
from bot.exits import Exit
from bot.files.bucket_sync import BucketSync
from bot.files.cache import ClipCache
from bot.files.carried import Carried
from bot.files.fetch import Fetcher
from bot.jobs.results import Results
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.media.decode import decode
from bot.moderation.books import BooksCheck
from bot.orders.inputs import Inputs
from bot.orders.orders import Studio
from bot.orders.prompt_endpoint import Endpoint
from bot.orders.prompt_help import PromptHelp, PromptLimits
from bot.providers import CallsBack, Connection, Provider, connect_all
from bot.settings import Settings
from storage import Chore, Defaults, DiskTrouble, Sharing, Store, open_store
from storage.clock import TICKS

log = logging.getLogger(__name__)

#: What fetches clips, and reads each to its end before it counts.
VERIFIED = partial(Results, decode=decode)


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
    standby: Standby | None = None,
    bot_class: Callable[..., Dailies] = Dailies,
    sharded_class: Callable[..., ShardedDailies] = ShardedDailies,
    results: Callable[..., Results] = VERIFIED,
) -> AsyncGenerator[Deployment]:
    """Everything a bot needs, opened, and closed again in the right order.

    *clock* is the wall's, in seconds since 1970, *steady* is monotonic: the store derives
    application time from both. *providers* are those that *environ* has keys for, changed by
    their *sections* of dailies.toml, unless given; *opened* opens the store, *bot_class* makes
    the bot, or *sharded_class* where several processes share its servers, *results* what fetches
    clips. *standby* waits where another process is the bot.
    """
    data = settings.dailies_data
    how: dict[str, Any] = {"wall": clock, "ticks": steady}
    if settings.server is not None:
        how["server"] = settings.server
        how["standing_by"] = None if standby is None else standby.wait
        how["shards"] = settings.dailies_shards
        if clock is time.time:
            del how["wall"]  # the server's, which all who write to it share
    async with opened(data, defaults=defaults_of(settings), **how) as store:
        if standby is not None:
            await standby.over()  # its port is the bot's from now on
        if providers is None:
            connection = partial(
                _connection,
                *(settings, environ, sections or {}),
                loopback=loopback,
                clock=steady,
                sharing=store.sharing,
            )
            providers = connect_all(connection, keep_last_resort=settings.dailies_local)
        deployment = _put_together(
            settings,
            store,
            providers,
            restored=await go_on_from_backup(store, providers),
            clock=clock,
            loopback=loopback,
            ready_timeout=ready_timeout,
            bot_class=bot_class
            if store.sharing.count == 1
            else partial(sharded_class, sharing=store.sharing),
            results=results,
        )
        await deployment.studio.rules.load()
        with suppress(DiskTrouble):  # then it begins with the first scrape
            await deployment.scraper.begin()
        with suppress(DiskTrouble):  # said by /healthz; those of the last start are written for
            await store.outbox.set_receivers(
                {receiver_of(url) for url in settings.webhook_urls},
                prompts=settings.webhook_prompts,
            )
        await _listen(deployment.web, settings)
        async with deployment.in_the_background():
            yield deployment


def _connection(
    settings: Settings,
    environ: Mapping[str, str],
    sections: Mapping[str, Mapping[str, Any]],
    name: str,
    *,
    loopback: frozenset[str],
    clock: Callable[[], float],
    sharing: Sharing,
) -> Connection:
    """What the provider of that *name* is connected with."""
    return Connection(
        data=settings.dailies_data,
        toml=sections.get(name, {}),
        environ=environ,
        public_url=settings.public_url,
        loopback=loopback,
        clock=clock,
        holders=lambda: sharing.living,
    )


def _put_together(
    settings: Settings,
    store: Store,
    providers: dict[str, Provider],
    *,
    restored: int,
    clock: Callable[[], float],
    loopback: frozenset[str],
    ready_timeout: float,
    bot_class: Callable[..., Dailies],
    results: Callable[..., Results],
) -> Deployment:
    """Every part, each given those that it works with."""
    data, now = settings.dailies_data, store.clock.now
    usd_per_credit = settings.dailies_usd_per_credit
    events, metrics, trace = Events(), Metrics(), only_json(settings.discord_api_url)
    metrics.listen(events)
    discord_calls.watch(trace, metrics.families, api_url=settings.discord_api_url)
    tracker = Tracker(store, providers, events)
    bucket_sync, cache = _files(settings, store, events)
    studio = Studio(
        store,
        providers,
        events=events,
        tracker=tracker,
        disk=cache,
        inputs=Inputs(data, Fetcher(loopback=loopback), unnamed=store.files.unnamed),
        usd_per_credit=usd_per_credit,
        clock=now,
    )
    bot = bot_class(
        studio,
        cogs.EXTENSIONS,
        events=events,
        data=data,
        cache=cache,
        usd_per_credit=usd_per_credit,
        clock=now,
        prompt_help=_prompt_help(settings, studio),
        alert_channel=settings.dailies_alert_channel,
        guild_ready_timeout=ready_timeout,
        http_trace=trace,
    )
    files = bucket_sync, cache
    worker = _worker(settings, studio, bot, tracker, files, results=results, restored=restored)
    parts = Monitored(
        settings=settings,
        store=store,
        providers=providers,
        bot=bot,
        worker=worker,
        slots=tracker.slots,
        cache=cache,
        audit=BooksCheck(studio, events, usd_per_credit=usd_per_credit),
        background=Background(),
        bucket_sync=bucket_sync,
        webhooks=_webhooks(settings, store, events, bucket_sync, wall=clock),
        backups=backups_of(settings, events, wall=clock),
    )
    scraper = Scraper(metrics, parts)
    return Deployment(
        settings=settings,
        store=store,
        providers=providers,
        studio=studio,
        bot=bot,
        worker=worker,
        web=web_of(parts, metrics=scraper.text, clock=clock),
        audit=parts.audit,
        cache=cache,
        bucket_sync=bucket_sync,
        webhooks=parts.webhooks,
        backups=parts.backups,
        background=parts.background,
        metrics=metrics,
        scraper=scraper,
        alerts=Alerting(parts, events),
        deadline=Deadline(),
        handover=_handover(bot, studio, worker, tracker),
    )


def _handover(bot: Dailies, studio: Studio, worker: Worker, tracker: Tracker) -> Handover | None:
    """What follows the shards that are ours, where several processes share them."""
    if not isinstance(bot, ShardedDailies):
        return None
    return Handover(
        studio.store.sharing,
        bot=bot,
        worker=worker,
        slots=tracker.slots,
        rules=studio.rules,
        taken_over=bot.events.taken_over,
    )


def _worker(
    settings: Settings,
    studio: Studio,
    bot: Dailies,
    tracker: Tracker,
    files: tuple[BucketSync | None, ClipCache],
    *,
    results: Callable[..., Results],
    restored: int,
) -> Worker:
    """What moves jobs along, and shows that through *bot*."""
    bucket_sync, cache = files
    carry = None
    if studio.store.sharing.count > 1 and bucket_sync is not None:
        carry = Carried(cache, bucket_sync, data=settings.dailies_data)
    return Worker(
        studio.store,
        studio.providers,
        bot.presenter,
        tracker=tracker,
        events=bot.events,
        data=settings.dailies_data,
        link=bot.presenter.link,
        callback=_callbacks(settings.public_url),
        alternative=studio.quotes.alternative,
        usd_per_credit=settings.dailies_usd_per_credit,
        make_room=cache.make_room,
        results=results,
        restored=restored,
        carry=carry,
    )


def _files(settings: Settings, store: Store, events: Events) -> tuple[BucketSync | None, ClipCache]:
    """What copies files to the bucket, if there is one, and what keeps them on the disk."""
    data, now, bucket = settings.dailies_data, store.clock.now, bucket_of(settings)
    bucket_sync = None
    if bucket is not None:
        bucket_sync = BucketSync(
            store,
            bucket,
            data=data,
            days=settings.dailies_s3_keep_days,
            link_days=settings.dailies_s3_link_days,
            clock=now,
        )
        moved = bucket_sync.moved
        events.job_changed.listen(lambda job, _progress: moved(job))
    cache = ClipCache(
        store,
        data=data,
        days=settings.dailies_keep_days,
        room=settings.dailies_disk_gb,
        spare=settings.dailies_spare_gb,
        bucket_sync=bucket_sync,
        clock=now,
    )
    return bucket_sync, cache


def backups_of(
    settings: Settings, events: Events, *, wall: Callable[[], float] = time.time
) -> Backups | None:
    """What makes backups by the hour, if the operator named a place for them."""
    if settings.dailies_backup_to is None:
        return None
    return Backups(
        settings.dailies_data,
        place_of(settings.dailies_backup_to, settings),
        hours=settings.dailies_backup_hours,
        keep_days=settings.dailies_backup_keep_days,
        wall=wall,
        tried=events.backup_tried.emit,
    )


def _webhooks(
    settings: Settings,
    store: Store,
    events: Events,
    bucket_sync: BucketSync | None,
    *,
    wall: Callable[[], float],
) -> Webhooks | None:
    """What sends events to the operator's addresses, if there are any."""
    if not settings.webhook_urls or settings.webhook_secret is None:
        return None

    webhooks = Webhooks(
        store.outbox,
        settings.webhook_urls,
        settings.webhook_secret.get_secret_value(),
        link=bucket_sync.link if bucket_sync is not None and bucket_sync.links else None,
        clock=store.clock.now,
        on_the_wall=store.clock.on_the_wall,
        wall=wall,
        ours=lambda: store.sharing.does(Chore.WEBHOOKS),
    )
    events.job_changed.listen(lambda job, _progress: webhooks.moved(job))
    events.money_moved.listen(lambda _guild_id, _standing: webhooks.wake())
    events.alerts_changed.listen(webhooks.wake)
    return webhooks


def _prompt_help(settings: Settings, studio: Studio) -> PromptHelp:
    limits = PromptLimits(
        per_person=settings.prompt_help_per_person, per_server=settings.prompt_help_per_server
    )
    return PromptHelp(studio, endpoint_of(settings), limits)


def endpoint_of(settings: Settings) -> Endpoint | None:
    """What rewrites prompts, if the operator set it."""
    if settings.prompt_help_url is None or settings.prompt_help_model is None:
        return None
    key = settings.prompt_help_key
    return Endpoint(
        url=settings.prompt_help_url,
        model=settings.prompt_help_model,
        key=key.get_secret_value() if key is not None else None,
        seconds=settings.prompt_help_seconds,
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


async def _listen(web: Web, settings: Settings) -> None:
    """Open the ports. Raises `Exit` where one is taken."""
    ports = [("WEB", settings.dailies_web_host, settings.dailies_web_port, web.start)]
    if settings.public_url is not None:
        host, port = settings.dailies_callback_host, settings.dailies_callback_port
        ports.append(("CALLBACK", host, port, web.start_callbacks))
    for name, host, port, start in ports:
        try:
            await open_port(start, f"DAILIES_{name}_PORT", host, port)
        except Exit:
            await web.close()
            raise
