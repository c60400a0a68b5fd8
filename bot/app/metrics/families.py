"""Every metric that Dailies exports: its name, its labels, and what it says.

Labels are words of ours, names that the operator gave, and at most 50 servers of Discord: never a
person, a channel, a clip or a prompt.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.metrics import MetricWrapperBase

#: Seconds that calls take: from a fast answer to an upload or a download of minutes.
CALLS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600)
#: Seconds that jobs take, from a moment in the queue to a day.
JOBS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
#: Seconds by which the event loop is late.
LAGS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
#: Seconds that Discord takes to answer a request.
REST = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class StandbyFamilies:
    """The metrics of any process, also of one that stands by, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._labels: dict[MetricWrapperBase, tuple[str, ...]] = {}
        self._declare()

    def __iter__(self) -> Iterator[MetricWrapperBase]:
        """Each metric, in the order in which they are declared."""
        return (each for each in vars(self).values() if isinstance(each, MetricWrapperBase))

    def labels_of(self, family: MetricWrapperBase) -> tuple[str, ...]:
        """The labels of a metric."""
        return self._labels.get(family, ())

    def _declare(self) -> None:
        self.build = Info("dailies_build", "The version of Dailies.", registry=self._registry)
        self.lease_held = self._gauge(
            "lease_held",
            "1 while this process surely is the bot, else 0, as where it stands by. "
            "Only with a database server.",
            "part",
        )
        self.lease_holder = self._gauge(
            "lease_holder", "1 for the process that holds the lease, by its name.", "part", "holder"
        )

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        made = Gauge(f"dailies_{name}", says, labels, registry=self._registry)
        self._labels[made] = labels
        return made

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        made = Counter(f"dailies_{name}", says, labels, registry=self._registry)
        self._labels[made] = labels
        return made

    def _histogram(
        self, name: str, says: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        made = Histogram(f"dailies_{name}", says, labels, buckets=buckets, registry=self._registry)
        self._labels[made] = labels
        return made


class Families(StandbyFamilies):
    """The metrics of a bot."""

    def _declare(self) -> None:
        self._jobs()
        self._money()
        self._providers()
        self._discord()
        self._machine()
        super()._declare()
        self._lease()

    def _lease(self) -> None:
        self.lease_epoch = self._gauge(
            "lease_epoch", "Grows by one each time that a process takes the lease.", "part"
        )
        self.lease_sure = self._gauge(
            "lease_sure_seconds",
            "Seconds for which this process surely is the bot, if nothing is renewed.",
            "part",
        )
        self.lease_renewals = self._counter(
            "lease_renewals", "Renewals of the lease by this process.", "part"
        )
        self.lease_lag = self._gauge(
            "lease_renewal_lag_seconds", "Seconds by which the next renewal is late.", "part"
        )
        self.standing_by = self._gauge(
            "standbys", "Processes that stand by. NaN without a database server."
        )

    def _jobs(self) -> None:
        self.orders = self._counter("orders", "Clips that were ordered.", "provider")
        self.ended = self._counter(
            "jobs_ended", "Clips that ended, by the state in which they ended.", "provider", "state"
        )
        self.failed = self._counter(
            "jobs_failed", "Clips that failed, by reason.", "provider", "failure"
        )
        self.parked = self._counter(
            "jobs_parked", "Clips that were put on hold for a moderator.", "provider", "state"
        )
        self.live = self._gauge("jobs", "Clips in progress or on hold.", "provider", "state")
        self.oldest = self._gauge(
            "job_oldest_seconds",
            "How long the oldest clip in this state has been in it.",
            "provider",
            "state",
        )
        self.queue_wait = self._histogram(
            "queue_wait_seconds",
            "How long clips waited in the queue, for each try.",
            JOBS,
            "provider",
        )
        self.in_state = self._histogram(
            "job_state_seconds",
            "How long clips stayed in a state.",
            JOBS,
            "provider",
            "state",
        )
        self.took = self._histogram(
            "job_seconds", "From the order to the posted clip.", JOBS, "provider"
        )

    def _money(self) -> None:
        self.flows = self._counter(
            "credits", "Credits that moved in the ledger, by flow.", "provider", "flow"
        )
        self.held = self._gauge("credits_held", "Credits on hold for clips in progress.")
        self.usd = self._gauge("usd_per_credit", "What a credit is worth, in US dollars.")
        self.budget_used = self._gauge(
            "budget_used_credits",
            "Credits of its budget that a server has used in this period.",
            "guild",
        )
        self.budget = self._gauge(
            "budget_credits", "A server's budget, in credits. Missing if it has no limit.", "guild"
        )
        self.budget_all_used = self._gauge(
            "budget_all_used_credits",
            "Credits of DAILIES_BUDGET_ALL that are used. NaN if it isn't set.",
        )
        self.budget_all = self._gauge(
            "budget_all_credits", "DAILIES_BUDGET_ALL, in credits. NaN if it isn't set."
        )
        self.books_broken = self._gauge(
            "books_broken", "Rules of the accounts that failed at the last check."
        )

    def _providers(self) -> None:
        self.calls = self._histogram(
            "provider_call_seconds",
            "How long calls to a provider took.",
            CALLS,
            "provider",
            "operation",
        )
        self.outcomes = self._counter(
            "provider_calls",
            "Calls to a provider, by outcome: ok, a failure such as key, credit, "
            "rate or down, trouble of this machine, or error for a bug.",
            "provider",
            "operation",
            "outcome",
        )
        self.healthy = self._gauge(
            "provider_healthy",
            "1 while the provider can be chosen, 0 while it is down or asked for a pause.",
            "provider",
        )
        self.breaker = self._gauge(
            "provider_breaker_open",
            "1 while the provider is left alone after five failures in a row.",
            "provider",
        )
        self.slots = self._gauge(
            "provider_slots", "Clips that the provider takes at once.", "provider"
        )
        self.slots_used = self._gauge(
            "provider_slots_used", "Clips that the provider is working on.", "provider"
        )
        self.queue = self._gauge(
            "provider_queue", "Clips that wait for a free slot at the provider.", "provider"
        )
        self.server_up = self._gauge(
            "comfyui_up", "1 while the ComfyUI server answers, else 0.", "server"
        )
        self.server_queue = self._gauge(
            "comfyui_queue", "Jobs that the ComfyUI server has, from anybody.", "server"
        )
        self.server_jobs = self._gauge(
            "comfyui_jobs", "Jobs that the ComfyUI server has from Dailies.", "server"
        )

    def _discord(self) -> None:
        self.connected = self._gauge(
            "discord_connected",
            "1 while Dailies is connected to Discord and heartbeats are answered.",
        )
        self.heartbeat = self._gauge(
            "discord_heartbeat_age_seconds", "Seconds since Discord last answered a heartbeat."
        )
        self.latency = self._gauge(
            "discord_latency_seconds", "Seconds that Discord took to answer the last heartbeat."
        )
        self.last_event = self._gauge(
            "discord_last_event_age_seconds", "Seconds since the last event from Discord."
        )
        self.sessions = self._gauge(
            "discord_sessions", "Sessions begun in the last hour. Discord allows 1,000 a day."
        )
        self.guilds = self._gauge("discord_guilds", "Servers that the bot is in.")
        self.rest = self._histogram(
            "discord_request_seconds",
            "How long Discord's REST API took to answer.",
            REST,
            "method",
            "group",
        )
        self.rest_status = self._counter(
            "discord_requests",
            "Requests to Discord's REST API, by status. 0: no answer.",
            "method",
            "group",
            "status",
        )
        self.waits = self._counter(
            "discord_rate_limit_waits",
            "Requests to Discord that a rate limit delayed: bucket (a route's limit "
            "was used up), 429 (Discord refused), own (Dailies' limit for all "
            "requests).",
            "why",
        )
        self.waited = self._counter(
            "discord_rate_limit_wait_seconds",
            "Seconds for which rate limits delayed requests to Discord.",
            "why",
        )

    def _machine(self) -> None:
        self.alerts = self._gauge("alerts", "Open alerts, by kind.", "kind")
        self.lag = self._histogram(
            "event_loop_lag_seconds", "How late the timers of the event loop are.", LAGS
        )
        self.tasks = self._gauge("event_loop_tasks", "Tasks that are running.")
        self.idle = self._gauge(
            "worker_idle_seconds", "Seconds since the worker's loop last went round."
        )
        self.behind = self._gauge(
            "worker_behind_seconds", "How long the most overdue clip has waited for the worker."
        )
        self.readable = self._gauge(
            "database_readable", "1 if the database could be read for this scrape, else 0."
        )
        self.commits = self._counter("database_commits", "Transactions that were committed.")
        self.commit_seconds = self._counter(
            "database_commit_seconds", "Seconds that committing transactions took."
        )
        self.writes_waiting = self._gauge(
            "database_writes_waiting", "Writes that wait for a transaction."
        )
        self.database = self._gauge(
            "database_bytes", "Size of the database, and of its log of writes.", "file"
        )
        self.disk_free = self._gauge(
            "disk_free_bytes", "Free bytes on the disk of the data directory."
        )
        self.disk_spare = self._gauge(
            "disk_spare_bytes", "Bytes that must stay free, or no orders are taken."
        )
        self.webhooks = self._counter(
            "webhook_events",
            "Events for webhooks, by result: sent, not_taken (a try), given_up.",
            "result",
        )
        self.webhook_backlog = self._gauge(
            "webhook_backlog", "Events that webhooks have yet to take."
        )
        self.webhook_age = self._gauge(
            "webhook_backlog_age_seconds", "Age of the oldest event that a webhook has yet to take."
        )
        self.bucket_up = self._gauge(
            "bucket_up", "1 while the bucket takes copies, else 0. NaN without a bucket."
        )
