"""Looks every minute whether the books add up; while they do not, no orders are taken."""

import asyncio
import logging
from contextlib import suppress
from decimal import Decimal

from bot.events import Events
from bot.jobs.billing import billed
from bot.orders.orders import Studio
from storage import Chore, DiskTrouble, State

log = logging.getLogger(__name__)

EVERY = 60.0  #: seconds between two looks
SAID = 20  #: broken rules that are logged
COMPARED = 7 * 86_400.0  #: seconds back to which providers' bills are compared with the books
#: How far a day's bills may be from the books: a share of them, or so many dollars if that is more.
SHARE, DOLLARS = Decimal("0.005"), Decimal("0.50")


def _said(repeats: int) -> str:
    """' Orders were sent again 3 times …': where a bill may come from that no job has."""
    if not repeats:
        return ""
    times = "once" if repeats == 1 else f"{repeats} times"
    return f" Orders were sent again {times} after “not now”. Check its list of charges."


class BooksCheck:
    """The bot's own bookkeeper."""

    def __init__(
        self, studio: Studio, events: Events, *, usd_per_credit: Decimal = Decimal("0.01")
    ) -> None:
        self._studio = studio
        self._events = events
        self._store = studio.store
        self._usd_per_credit = usd_per_credit
        self._logged: set[int] = set()  # overruns
        self.looked = False  #: whether the books were looked at since the start
        self.broken: list[str] = []  #: what did not hold at the last look, a sentence each
        self.differences: list[str] = []  #: days on which bills and books differ, likewise

    async def look(self, *, thorough: bool | None = None) -> list[str]:
        """Check the rules once, stop or resume orders by what is found, and return it."""
        if thorough is None:
            thorough = await self._store.whole_check_is_due()
        damage = await self._store.look_for_damage() if self._store.unproven else None
        found = [damage] if damage is not None else await self._store.check(thorough=thorough)
        for sentence in found[:SAID]:
            log.error("The books do not add up: %s", sentence)
        if self.broken and not found and not thorough:
            # What only history shows is not mended because a quick look does not see it.
            found = await self._store.check(thorough=True)
        if self.broken and not found:
            log.warning("The books add up again; orders are taken.")
        self.broken, self.looked = found, True
        self._studio.halt(on=bool(found))
        if thorough:
            await self.compare()
        await self._tell_of_overruns()
        await self._tell_of_incidents()
        await self._look_at_windows()
        return found

    async def compare(self) -> list[str]:
        """The days of the last week on which providers billed something else than was booked."""
        reported: dict[tuple[str, str], int] = {}
        booked: dict[tuple[str, str], int] = {}
        repeats: dict[tuple[str, str], int] = {}
        since = self._store.clock.now() - COMPARED
        for each in await self._store.accounting.settled(since=since):
            provider = self._studio.providers.get(each.job.provider)
            cost = billed(each.job, provider, self._usd_per_credit)
            if cost is not None and provider is not None:
                key = each.day, provider.title
                reported[key] = reported.get(key, 0) + cost
                booked[key] = booked.get(key, 0) + each.booked
                repeats[key] = repeats.get(key, 0) + each.job.repeats
        self.differences = []
        for key, amount in sorted(reported.items()):
            allowed = max(SHARE * amount, DOLLARS / self._usd_per_credit)
            if abs(amount - booked[key]) > allowed:
                day, title = key
                self.differences.append(
                    f"On {day} {title} billed {amount:,} credits. "
                    f"Dailies booked {booked[key]:,} credits." + _said(repeats[key])
                )
        for sentence in self.differences[:SAID]:
            log.error("%s", sentence)
        return self.differences

    async def run(self) -> None:
        """Look now and every minute; forget those whose time has come. Until cancelled.

        Where several processes share the servers each looks, because each has to stop taking
        orders; they share what was found to be right, so that little is looked at twice.
        """
        while True:
            with suppress(DiskTrouble):  # the storage's own check tells of it
                await self._store.keep_time()
                await self.look()
                if self._store.sharing.does(Chore.TIDYING):
                    await self._store.privacy.tidy()
            await asyncio.sleep(EVERY)

    async def trouble(self) -> str | None:
        """What /healthz says."""
        if not self.broken:
            return None
        return f"the accounts don't add up, so orders are paused: {self.broken[0]}"

    async def remark(self) -> str | None:
        """What /healthz says beside that, and is no reason to take no orders."""
        return self.differences[-1] if self.differences else None

    async def _tell_of_overruns(self) -> None:
        """A clip that cost more than its price is told of once: the price here is wrong."""
        for overrun in await self._store.accounting.overruns():
            job = overrun.job
            if not self._store.sharing.has(job.guild_id):
                continue  # whoever works for its server tells them
            if job.id not in self._logged:
                self._logged.add(job.id)
                log.warning(
                    "Job %s cost %s credits at %s, above its price of %s",
                    *(job.id, job.price + overrun.amount, job.provider, job.price),
                )
            if await self._events.overrun.made(job, overrun.amount):
                await self._store.accounting.told(overrun)
                self._logged.discard(job.id)

    async def _tell_of_incidents(self) -> None:
        for incident in await self._store.accounting.incidents():
            if not self._store.sharing.has(incident.job.guild_id):
                continue
            log.warning("Job %s: %s", incident.job.id, incident.text)
            if await self._events.incident.made(incident):
                await self._store.accounting.told_of(incident)

    async def _look_at_windows(self) -> None:
        """No more may be on their way to a provider than it takes at once."""
        counts = await self._store.jobs.counts()
        for name, provider in self._studio.providers.items():
            count, window = counts.get((name, State.SUBMITTING), 0), provider.limits.concurrency
            if count > window:
                log.error("%s orders are on their way to %s, which takes %s", count, name, window)
