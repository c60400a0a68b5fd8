"""Gathers the figures for `/metrics`: from the ledger and the events, and from what runs."""

import asyncio
from collections import Counter as Counted
from collections.abc import Mapping, Sequence
from pathlib import Path

from prometheus_client import Counter

from bot import __version__
from bot.app.metrics.families import Families
from bot.app.metrics.registry import encoded, process_registry
from bot.app.monitored import Monitored
from bot.app.probes import answers, free_bytes
from bot.chat.heartbeat import heartbeat
from bot.events import Called, Events
from bot.providers import Breaks, HasServers
from storage import ENDED, PARKED, AlertKind, DiskTrouble, Flow, LiveJobs, Mark, Move, State
from storage.opening import DATABASE

GUILDS = 50  #: servers that have figures of their own, at most

#: What a movement between two kinds of account is called; what is in none of them is not counted.
_FLOWS: Mapping[tuple[str, str], str] = {
    **{(source, "held"): "held" for source in ("pool", "grant", "house")},
    **{("held", target): "released" for target in ("pool", "grant", "house")},
    ("held", "spent"): "spent",
    ("house", "lost"): "lost",
    ("house", "suspense"): "suspense",
    ("suspense", "lost"): "lost",
    ("suspense", "house"): "suspense_cleared",
    ("pool", "grant"): "granted",
}


class Metrics:
    """The metrics of one deployment."""

    def __init__(self) -> None:
        self._registry = process_registry()
        self.families = Families(self._registry)
        self.families.build.info({"version": __version__})

    def listen(self, events: Events) -> None:
        """Count from now on what providers are asked for."""
        events.provider_called.listen(self._called)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Everything as it is now, in the format that *accept* asks for; and its content type."""
        return encoded(self._registry, accept)

    def _called(self, called: Called) -> None:
        families = self.families
        families.calls.labels(called.provider, called.operation).observe(called.seconds)
        families.outcomes.labels(called.provider, called.operation, called.outcome).inc()

    def moved(self, move: Move) -> None:
        """Count a move of a job."""
        families, provider = self.families, move.provider
        if move.before is None:
            families.orders.labels(provider).inc()
        if move.took is not None and move.before is not None:
            families.in_state.labels(provider, str(move.before)).observe(move.took)
            if move.before is State.QUEUED and move.after is State.SUBMITTING:
                families.queue_wait.labels(provider).observe(move.took)
        if move.after in ENDED:
            families.ended.labels(provider, str(move.after)).inc()
        if move.after in PARKED:
            families.parked.labels(provider, str(move.after)).inc()
        if move.after is State.FAILED:
            families.failed.labels(provider, move.failure or "none").inc()
        if move.after is State.DONE:
            families.took.labels(provider).observe(move.age)

    def flowed(self, flow: Flow) -> None:
        """Count a movement of credits."""
        name = _FLOWS.get((flow.source, flow.target))
        if name is not None:
            self.families.flows.labels(flow.provider or "none", name).inc(flow.amount)


class Scraper:
    """Reads the figures when somebody asks for them."""

    def __init__(self, metrics: Metrics, parts: Monitored) -> None:
        self._metrics = metrics
        self._families = metrics.families
        self._from = parts
        self._mark: Mark | None = None
        self._counted: dict[Counter, float] = {}  # of totals that others keep
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        """Count what happens from now on. Raises `DiskTrouble`."""
        self._at_zero()
        self._mark = await self._from.store.figures.mark()

    def _at_zero(self) -> None:
        """Begin counters at 0: Prometheus cannot see that one which was not there has grown."""
        families = self._families
        for name in self._from.providers:
            families.orders.labels(name)
            for state in ENDED:
                families.ended.labels(name, str(state))
            for state in PARKED:
                families.parked.labels(name, str(state))
            for flow in set(_FLOWS.values()):
                families.flows.labels(name, flow)
        for why in ("429", "bucket"):
            families.waits.labels(why)
            families.waited.labels(why)

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Everything as it is now, and its content type."""
        async with self._turn:
            try:
                await self._happened()
                await self._stored()
            except DiskTrouble:
                self._families.readable.set(0)
            else:
                self._families.readable.set(1)
            self._leases()
            self._discord()
            self._providers()
            self._machine()
            return self._metrics.text(accept)

    async def _happened(self) -> None:
        """What events and ledger say since the last time."""
        if self._mark is None:
            await self.begin()
            return
        whole = False
        while not whole:
            news = await self._from.store.figures.news(self._mark)
            for move in news.moves:
                self._metrics.moved(move)
            for flow in news.flows:
                self._metrics.flowed(flow)
            self._mark, whole = news.mark, news.whole

    async def _stored(self) -> None:
        """How jobs and money stand."""
        families, store = self._families, self._from.store
        now = store.clock.now()
        self._live(await store.figures.live_jobs(), now)
        families.held.set(await store.figures.held())
        families.usd.set(float(self._from.settings.dailies_usd_per_credit))
        families.budget.clear()
        families.budget_used.clear()
        for each in await store.figures.budgets(self._shown()):
            families.budget_used.labels(str(each.guild_id)).set(each.used)
            if each.amount is not None:
                families.budget.labels(str(each.guild_id)).set(each.amount)
        total = await store.policy.total()
        families.budget_all_used.set(total.used if total is not None else float("nan"))
        families.budget_all.set(total.amount if total is not None else float("nan"))
        families.books_broken.set(len(self._from.audit.broken))
        alerts = Counted(alert.kind for alert in await store.alerts.open())
        for kind in AlertKind:
            families.alerts.labels(str(kind)).set(alerts[kind])
        backlogs = (await store.outbox.backlogs()).values()
        families.webhook_backlog.set(sum(each.waiting for each in backlogs))
        await self._processes()
        oldest = min((each.oldest for each in backlogs if each.oldest is not None), default=now)
        families.webhook_age.set(max(0.0, now - oldest))

    async def _processes(self) -> None:
        """Which processes share the database."""
        families, processes = self._families, self._from.store.processes
        families.lease_holder.clear()
        if processes is None:
            families.standing_by.set(float("nan"))
            return
        present = await processes.look()
        families.standing_by.set(present.standing_by)
        for part, holder in present.holders.items():
            families.lease_holder.labels(str(part), holder).set(1)

    def _leases(self) -> None:
        """What this process itself knows of its leases, also without the database."""
        families, lease = self._families, self._from.store.lease
        for each in () if lease is None else lease.holdings:
            part = str(each.part)
            families.lease_held.labels(part).set(int(each.sure_for > 0))
            families.lease_epoch.labels(part).set(each.epoch)
            families.lease_sure.labels(part).set(each.sure_for)
            families.lease_lag.labels(part).set(each.lag)
            self._up_to(families.lease_renewals.labels(part), each.renewals)

    def _live(self, live: Sequence[LiveJobs], now: float) -> None:
        self._families.live.clear()
        self._families.oldest.clear()
        for each in live:
            labels = each.provider, str(each.state)
            self._families.live.labels(*labels).set(each.count)
            self._families.oldest.labels(*labels).set(max(0.0, now - each.since))

    def _shown(self) -> list[int]:
        """The servers that have figures of their own."""
        there = self._from.settings.dailies_servers or {guild.id for guild in self._from.bot.guilds}
        return sorted(there)[:GUILDS]

    def _discord(self) -> None:
        families, bot = self._families, self._from.bot
        beat = heartbeat(bot)
        recent = beat is not None and answers(beat)
        there = recent and bot.is_ready() and not bot.is_closed()
        families.connected.set(int(there and self._from.store.sure))
        families.heartbeat.set(_or_nan(beat.answered_ago if beat is not None else None))
        families.latency.set(_or_nan(beat.latency if beat is not None else None))
        families.last_event.set(_or_nan(bot.last_event_ago()))
        families.sessions.set(bot.sessions_lately())
        families.guilds.set(len(bot.guilds))
        self._up_to(families.waits.labels("own"), bot.pacer.waits)
        self._up_to(families.waited.labels("own"), bot.pacer.waited)

    def _providers(self) -> None:
        families = self._families
        for each in (families.server_up, families.server_queue, families.server_jobs):
            each.clear()
        for name, provider in self._from.providers.items():
            used, waiting = self._from.slots.counts(name)
            families.healthy.labels(name).set(int(provider.healthy))
            broken = isinstance(provider, Breaks) and provider.broken
            families.breaker.labels(name).set(int(broken))
            families.slots.labels(name).set(provider.limits.concurrency)
            families.slots_used.labels(name).set(used)
            families.queue.labels(name).set(waiting)
            for server in provider.servers() if isinstance(provider, HasServers) else ():
                families.server_up.labels(server.name).set(int(server.up))
                families.server_jobs.labels(server.name).set(server.ours)
                if server.queue is not None:
                    families.server_queue.labels(server.name).set(server.queue)

    def _machine(self) -> None:
        families, store = self._families, self._from.store
        families.tasks.set(len(asyncio.all_tasks()))
        families.idle.set(_or_nan(self._from.worker.idle()))
        families.behind.set(self._from.worker.behind())
        self._up_to(families.commits, store.writer.commits)
        self._up_to(families.commit_seconds, store.writer.commit_seconds)
        families.writes_waiting.set(store.writer.waiting)
        for file, name in (("database", DATABASE), ("log", f"{DATABASE}-wal")):
            families.database.labels(file).set(_size(self._from.data / name))
        families.disk_free.set(_or_nan(free_bytes(self._from.cache)))
        families.disk_spare.set(self._from.cache.spare_gib * 2**30)
        sync, webhooks = self._from.bucket_sync, self._from.webhooks
        families.bucket_up.set(_or_nan(None if sync is None else int(not sync.trouble)))
        if webhooks is not None:
            self._up_to(families.webhooks.labels("sent"), webhooks.sent)
            self._up_to(families.webhooks.labels("not_taken"), webhooks.failed)
            self._up_to(families.webhooks.labels("given_up"), webhooks.given_up)

    def _up_to(self, counter: Counter, total: float) -> None:
        """Bring *counter* up to a *total* that somebody else keeps."""
        counter.inc(max(0.0, total - self._counted.get(counter, 0.0)))
        self._counted[counter] = total


def _or_nan(value: float | None) -> float:
    """*value*; NaN where nobody knows, as Prometheus writes that."""
    return float("nan") if value is None else value


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
