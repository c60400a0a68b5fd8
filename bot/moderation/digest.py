"""The daily digest: what moderators hear of yesterday, and of what waits for them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from bot.moderation import tables
from bot.orders.access import require_moderator
from bot.orders.orders import Studio
from bot.orders.requester import Requester
from bot.words import money
from bot.words.limits import in_words
from bot.words.numbers import day, listed
from bot.words.text import inert
from storage import By, Server, Use, Waiting
from storage.periods import day_at, starts, zone_named

NAMED = 10  #: clips that failed that are named
MODELS = 5  #: models that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A digest that is to be posted."""

    guild_id: int
    channel_id: int  #: where moderators are reached
    today: date  #: the server's day; the digest is about the one before
    tried_at: float  #: when it was tried first: a message of ours may stand there since


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a digest tells of."""

    about: date
    uses: list[Use]  #: of the clips that were ordered on that day, from the ledger
    failed: list[int]  #: jobs
    waiting: Waiting
    unknown: int  #: costs that nobody knows yet


class Digests:
    """Knows which digest is due, and what it says. Each is posted once; the database decides."""

    def __init__(self, studio: Studio, *, clock: Callable[[], float]) -> None:
        self._digests = studio.store.digests
        self._sharing = studio.store.sharing
        self._moderation = studio.store.moderation
        self._policy = studio.store.policy
        self._servers = studio.store.servers
        self._clock = clock

    async def choose(self, requester: Requester, hour: int | None) -> Server:
        """Post a digest each day from this hour on, or none. Where the hour is over today, the
        first one comes tomorrow."""
        require_moderator(requester)
        if hour is not None:
            server = await self._policy.server(requester.guild_id)
            today, passed = self._now(server.zone, hour)
            if passed:
                await self._digests.over(requester.guild_id, today.isoformat())
        by = By(guild_id=requester.guild_id, actor_id=requester.user_id)
        return await self._moderation.set_server(by, digest_hour=hour)

    async def due(self) -> list[Due]:
        """The digests that are to be posted now. A day that nobody saw pass is left out."""
        found = []
        for guild_id, server in await self._digests.wanting():
            if server.digest_hour is None or server.moderators is None:
                continue
            today, passed = self._now(server.zone, server.digest_hour)
            ours = self._sharing.has(guild_id)
            if not passed or not ours or not self._policy.serves(guild_id):
                continue
            tried_at = await self._digests.begin(guild_id, today.isoformat())
            if tried_at is not None:
                due = Due(
                    guild_id=guild_id,
                    channel_id=server.moderators,
                    today=today,
                    tried_at=tried_at,
                )
                found.append(due)
        return found

    async def figures(self, due: Due) -> Figures:
        """What a digest says."""
        yesterday = due.today - timedelta(1)
        zone = zone_named((await self._policy.server(due.guild_id)).zone)
        return Figures(
            about=yesterday,
            uses=await self._servers.use(due.guild_id, yesterday, due.today),
            failed=await self._digests.failed(
                due.guild_id, begin=starts(yesterday, zone), after=starts(due.today, zone)
            ),
            waiting=await self._digests.waiting(due.guild_id),
            unknown=len(await self._servers.suspense(due.guild_id)),
        )

    async def over(self, due: Due) -> None:
        """It stands there."""
        await self._digests.over(due.guild_id, due.today.isoformat())

    def _now(self, zone_name: str, hour: int) -> tuple[date, bool]:
        """The server's day, and whether that *hour* of it has come."""
        zone, now = zone_named(zone_name), self._clock()
        today = day_at(now, zone)
        begins = datetime(today.year, today.month, today.day, hour, tzinfo=zone).timestamp()
        return today, now >= begins


def heading(about: date) -> str:
    """The first line of a digest, by which it is known."""
    return f"### Daily digest · {day(about)}"


def said(figures: Figures, *, usd_per_credit: Decimal) -> str:
    """A digest, as moderators read it."""
    return "\n".join(
        [
            heading(figures.about),
            f"**Clips ordered**: {tables.tally(figures.uses)}",
            f"**Spent**: {_spent(figures.uses, usd_per_credit)}",
            *_models(figures.uses),
            f"**Failed**: {_failed(figures.failed)}",
            f"**Waiting for you now**: {_waiting(figures)}",
            "-# `/quota report` has more. `/studio setup` changes the hour, or turns this off.",
        ]
    )


def _spent(uses: list[Use], usd_per_credit: Decimal) -> str:
    spent, held = sum(each.spent for each in uses), sum(each.held for each in uses)
    lost = sum(each.lost for each in uses)
    parts = [money.price(spent, usd_per_credit) if spent else "nothing"]
    if held:
        parts.append(f"{in_words(held)} on hold")
    if lost:
        parts.append(f"{in_words(lost)} lost on clips that failed")
    return " · ".join(parts)


def _models(uses: list[Use]) -> list[str]:
    """The line that says which models made the most, where any did."""
    clips: Counter[str] = Counter()
    for each in uses:
        clips[each.model] += each.clips
    named = [f"{inert(model)} ({count:,})" for model, count in clips.most_common(MODELS)]
    return [f"**Models**: {' · '.join(named)}"] if named else []


def _failed(failed: list[int]) -> str:
    if not failed:
        return "none"
    more = f" and {len(failed) - NAMED:,} more" if len(failed) > NAMED else ""
    return f"{len(failed):,} ({', '.join(f'#{each}' for each in failed[:NAMED])}{more})"


def _waiting(figures: Figures) -> str:
    waiting = figures.waiting
    counted = (
        (waiting.parked, "clip on hold", "clips on hold", "studio unclear"),
        (figures.unknown, "unknown cost", "unknown costs", "studio unclear"),
        (waiting.undelivered, "clip not posted", "clips not posted", "studio undelivered"),
        (waiting.asked, "request above", "requests above", ""),
    )
    parts = [
        f"{count:,} {one if count == 1 else many}{f' (`/{where}`)' if where else ''}"
        for count, one, many, where in counted
        if count
    ]
    return listed(parts, last="and") if parts else "nothing"
