"""Watches for trouble that somebody has to be told of: raises alerts, and ends them on evidence.

An alert is a row, so a restart neither repeats nor forgets it. What was seen only in memory, such
as a provider that does not work, is over once it is seen to work again, not once nobody knows.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.app.monitored import Monitored
from bot.errors import Failure, Refusal
from bot.events import Called, Events
from bot.jobs import calls
from bot.providers import Breaks, HasServers
from bot.words import alerts as words
from bot.words.text import one_line
from storage import Alert, AlertKind, Chore, DiskTrouble, State, TakenOver
from storage.engine import Lease

log = logging.getLogger(__name__)

EVERY = 15.0  #: seconds between two looks
HOUR = 3600.0
#: Seconds that trouble must last before it is told: a moment's is over by itself.
LASTS: Mapping[AlertKind, float] = MappingProxyType(
    {AlertKind.DOWN: 60.0, AlertKind.STANDBY: 120.0}
)
#: Seconds that it must be gone before it counts as over, so that what comes and goes is one alert.
GONE: Mapping[AlertKind, float] = MappingProxyType(
    {
        AlertKind.DOWN: 120.0,
        AlertKind.BOOKS: 120.0,
        AlertKind.DISK: 300.0,
        AlertKind.LEASE: 120.0,
        AlertKind.STANDBY: 30.0,
    }
)
LATE = 5.0  #: seconds by which the renewal of a lease may be late
NEWS = 60.0  #: seconds for which it is news that we were cut off, so that it can be written down
TAKEN_OVER = 600.0  #: seconds after which a takeover is over: the new one works
#: Seconds in a state after which a job counts as stuck; a provider's own limit comes on top of that
#: for what it renders.
STUCK: Mapping[State, float] = MappingProxyType(
    {
        State.QUEUED: 6 * HOUR,
        State.SUBMITTING: HOUR / 4,
        State.RENDERING: 2 * HOUR,
        State.FETCHING: 2 * HOUR,
        State.DELIVERING: 2 * HOUR,
    }
)
#: Outcomes of a call that do not show that a provider works.
_NO_ANSWER = frozenset({str(Failure.DOWN), str(Failure.UNCLEAR), calls.OURS, calls.BROKEN})


@dataclass(frozen=True, slots=True)
class Key:
    """What tells one trouble from another."""

    kind: AlertKind
    about: str = ""


class _Standbys:
    """How many processes should stand by: as many as the operator says, or one where there was one
    before, be it this process itself."""

    def __init__(self, expected: int | None, lease: Lease | None) -> None:
        self._expected = expected
        self._seen = lease is not None and lease.waited

    def too_few(self, there: int) -> str | None:
        """What is wrong with so many; None if nothing is."""
        self._seen = self._seen or there > 0
        expected = int(self._seen) if self._expected is None else self._expected
        return words.too_few_stand_by(there, expected) if there < expected else None


class Alerting:
    """Knows what is wrong, and what is over."""

    def __init__(self, parts: Monitored, events: Events) -> None:
        self._parts = parts
        self._alerts = parts.store.alerts
        self._clock = parts.store.clock.now
        self._changed = events.alerts_changed
        # What others told us: a sentence, or that it is over.
        self._said: dict[Key, str | None] = {}
        self._since: dict[Key, float] = {}  # when what is not told yet began
        self._gone: dict[Key, float] = {}  # when what is open was first seen to be gone
        self._standbys = _Standbys(parts.settings.dailies_standbys, parts.store.lease)
        self._cut_off_at: float | None = None
        self._began_at = self._clock()
        self._one_at_a_time = asyncio.Lock()
        self._works: set[str] = set()  # providers that answered since they were last broken
        events.provider_called.listen(self._called)
        events.backup_tried.listen(self._backed_up)
        events.left.listen(self._cut_off)
        events.taken_over.listen(self._took_over)
        if parts.backups is None:  # whoever wants none has no trouble with them
            self.over(AlertKind.BACKUP)

    # What others tell.

    def began(self, kind: AlertKind, sentence: str, *, about: str = "") -> None:
        """Raise an alert that nobody can see from here, such as a backup that failed."""
        self._said[Key(kind, about)] = sentence

    def over(self, kind: AlertKind, *, about: str = "") -> None:
        """It is over."""
        self._said[Key(kind, about)] = None

    def _backed_up(self, trouble: str | None) -> None:
        if trouble is None:
            self.over(AlertKind.BACKUP)
        else:
            self.began(AlertKind.BACKUP, words.backup_failed(trouble))

    def _cut_off(self) -> None:
        self._cut_off_at = self._clock()

    def _took_over(self, found: TakenOver) -> None:
        sentence = words.took_shards_over(found, count=self._parts.store.sharing.count)
        self.began(AlertKind.TAKEOVER, sentence, about=found.lost_by)

    def _called(self, called: Called) -> None:
        title = self._title(called.provider)
        match called.outcome:
            case Failure.KEY:
                self.began(AlertKind.KEY, words.key_refused(title), about=called.provider)
            case Failure.CREDIT:
                self.began(AlertKind.CREDIT, words.out_of_credit(title), about=called.provider)
            case calls.OK if called.operation == "submit":  # it takes our key, and our money
                self.over(AlertKind.KEY, about=called.provider)
                self.over(AlertKind.CREDIT, about=called.provider)
        if called.outcome not in _NO_ANSWER:
            self._works.add(called.provider)

    # Looking.

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            try:
                await self.look()
            except DiskTrouble as trouble:
                log.warning("No alert can be written down: %s", trouble)
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Raise what began, and end what is over. Raises `DiskTrouble`: the next one does it."""
        async with self._one_at_a_time:
            await self._look()

    async def _look(self) -> None:
        now = self._clock()
        surveys = self._parts.store.sharing.does(Chore.ALERTS)
        wrong = await self._wrong() if surveys else {}
        for key in list(self._said):
            sentence = self._said[key]
            if sentence is not None:
                await self._begin(key, sentence)
            else:
                await self._end(key)
            if self._said.get(key) == sentence:  # nobody said otherwise meanwhile
                del self._said[key]
        if not surveys:  # another process looks for what is wrong, and for what is over
            self._since.clear()
            self._gone.clear()
            return
        for key, sentence in wrong.items():
            self._gone.pop(key, None)
            if now - self._since.setdefault(key, now) >= LASTS.get(key.kind, 0.0):
                await self._begin(key, sentence)
        for key in [each for each in self._since if each not in wrong]:
            del self._since[key]
        for alert in await self._alerts.open():
            key = Key(AlertKind(alert.kind), alert.about)
            if key not in wrong and self._is_over(alert):
                gone = now - self._gone.setdefault(key, now)
                if gone >= GONE.get(key.kind, 0.0):
                    await self._end(key)
                    self._gone.pop(key, None)

    def _is_over(self, alert: Alert) -> bool:
        """Whether what is not seen to be wrong is known to be well."""
        provider = alert.about.partition("/")[0]
        match alert.kind:
            case AlertKind.KEY | AlertKind.CREDIT:
                return provider not in self._parts.providers  # else an order shows it
            case AlertKind.DOWN:
                known = self._parts.providers.get(provider)
                return known is None or isinstance(known, HasServers) or provider in self._works
            case AlertKind.BACKUP:
                return False  # whoever makes backups says so
            case AlertKind.BOOKS:
                return self._parts.audit.looked
            case AlertKind.TAKEOVER:  # whoever raised it may be any process, or end
                return self._clock() - alert.at >= TAKEN_OVER
            case _:
                return True

    async def _begin(self, key: Key, sentence: str) -> None:
        alert = await self._alerts.begin(key.kind, key.about, sentence)
        if alert is not None:
            log.error("Alert %s: %s", alert.id, sentence)
            self._changed.emit()

    async def _end(self, key: Key) -> None:
        alert = await self._alerts.end(key.kind, key.about)
        if alert is not None:
            log.warning("Alert %s is over: %s", alert.id, alert.text)
            self._changed.emit()

    # What is wrong now, as far as it can be seen.

    async def _wrong(self) -> dict[Key, str]:
        found = self._providers()
        if self._parts.audit.broken:
            found[Key(AlertKind.BOOKS)] = words.books_broken()
        try:
            self._parts.cache.check()
        except Refusal:
            found[Key(AlertKind.DISK)] = words.disk_low(self._parts.cache.spare_gib)
        except OSError as error:
            log.warning("The disk's free space can't be read: %s", error)
            found[Key(AlertKind.DISK)] = words.disk_unknown()
        for each in await self._alerts.waiting_clips():
            server = self._server(each.guild_id)
            sentence = words.clips_wait(each.count, each.first, server)
            found[Key(AlertKind.WAITING, str(each.guild_id))] = sentence
        return {**found, **await self._stuck(), **await self._processes()}

    def _providers(self) -> dict[Key, str]:
        """Providers, and servers of the operator's own, that are left alone."""
        found = {}
        for name, provider in self._parts.providers.items():
            if isinstance(provider, Breaks) and provider.broken:
                self._works.discard(name)
                found[Key(AlertKind.DOWN, name)] = words.down(provider.title)
            for server in provider.servers() if isinstance(provider, HasServers) else ():
                if not server.up:
                    about = f"{name}/{server.name}"
                    sentence = words.server_down(server.name, server.trouble)
                    found[Key(AlertKind.DOWN, about)] = sentence
        return found

    async def _processes(self) -> dict[Key, str]:
        """What is wrong with the processes that share the database server."""
        store, found, now = self._parts.store, {}, self._clock()
        if store.lease is None or store.processes is None:
            return {}
        late = max((each.lag for each in store.lease.holdings), default=0.0)
        if not store.sure or (self._cut_off_at is not None and now - self._cut_off_at < NEWS):
            found[Key(AlertKind.LEASE)] = words.cut_off()
        elif late >= LATE:
            found[Key(AlertKind.LEASE)] = words.renewal_late(late)
        present = await store.processes.look()
        if store.lease.lost_by is not None and now - self._began_at < TAKEN_OVER:
            holder = next(iter(present.holders.values()), "this process")
            found[Key(AlertKind.TAKEOVER)] = words.took_over(store.lease.lost_by, holder)
        if (sentence := self._standbys.too_few(present.standing_by)) is not None:
            found[Key(AlertKind.STANDBY)] = sentence
        return found

    async def _stuck(self) -> dict[Key, str]:
        """The job that is stuck longest, of each provider and state."""
        found = {}
        awake = self._parts.store.clock.awake
        for each in await self._parts.store.figures.live_jobs():
            longest = STUCK.get(each.state)
            if longest is None:
                continue
            provider = self._parts.providers.get(each.provider)
            if each.state is State.RENDERING and provider is not None:
                longest += provider.limits.max_runtime
            seconds = awake(each.since)
            if seconds >= longest:
                title = self._title(each.provider)
                sentence = words.stuck(each.oldest, str(each.state), title, seconds)
                found[Key(AlertKind.STUCK, f"{each.provider}/{each.state}")] = sentence
        return found

    def _title(self, name: str) -> str:
        provider = self._parts.providers.get(name)
        return name if provider is None else provider.title

    def _server(self, guild_id: int) -> str:
        guild = self._parts.bot.get_guild(guild_id)
        return f"the server {guild_id}" if guild is None else f"the server “{one_line(guild.name)}”"
