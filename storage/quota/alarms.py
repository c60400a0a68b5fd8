"""Which shares of a budget were reached, and whether the moderators were told."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from storage.database import Database
from storage.defaults import Moment
from storage.guilds import server_of
from storage.outbox import note_budget
from storage.periods import day_at, span, starts, zone_named
from storage.quota.budget import budget_used
from storage.quota.rules import Rule, budget_of
from storage.quota.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A share of a server's budget that was reached in one of the budget's periods."""

    guild_id: int
    percent: int  #: 80; 100, too, where the budget refused an order
    budget: Rule
    used: int  #: credits, of the whole period so far
    began: date  #: the period's first day
    resets_at: float  #: when it ends, in seconds since 1970 by the machine's clock


def alarms(db: Database, at: Moment, guild_id: int) -> dict[int, bool]:
    """The shares reached in the budget's current period, each with whether anybody was told."""
    return _known(db, guild_id, _current(db, at, guild_id).first)


def alarm(db: Database, at: Moment, guild_id: int) -> Alarm | None:
    """The share of the budget that was reached and that nobody was told of yet.

    It stays due until `alarm_told`.
    """
    now = _current(db, at, guild_id)
    used = budget_used(db, guild_id, (now.first, now.after))
    percent = _share(now.budget, used)
    if percent is not None and percent not in _known(db, guild_id, now.first):
        _note(db, at, guild_id, percent)
    known = _known(db, guild_id, now.first)
    told = max((each for each, was_told in known.items() if was_told), default=0)
    due = max((each for each, was_told in known.items() if not was_told), default=0)
    if due <= told:
        return None
    return Alarm(
        guild_id=guild_id,
        percent=due,
        budget=now.budget,
        used=used,
        began=now.first,
        resets_at=at.on_the_wall(starts(now.after, now.zone)),
    )


def alarm_told(db: Database, at: Moment, told: Alarm) -> None:
    """Note that the moderators know of *told*, and of what was reached before it.

    A budget that was set meanwhile has alarms of its own, and so has a period that began
    meanwhile: nobody was told of those.
    """
    if budget_of(db, told.guild_id, at.defaults) == told.budget:
        db.execute(
            "UPDATE alarm SET told = 1 WHERE guild_id = ? AND percent <= ? AND day <= ?",
            (told.guild_id, told.percent, told.began.isoformat()),
        )


def note_reached(db: Database, at: Moment, guild_id: int, stand: Standing) -> None:
    """Note the share of the budget that an order has just reached, if it is 80 or 100 percent.

    *stand* is where its person stands after it, counted in this transaction.
    """
    percent = _share(stand.budget, stand.budget_used)
    if percent is not None and percent not in alarms(db, at, guild_id):
        _note(db, at, guild_id, percent)


def note_refused(db: Database, at: Moment, guild_id: int) -> None:
    """Note that the budget refused an order: all of it counts as reached."""
    if 100 not in alarms(db, at, guild_id):
        _note(db, at, guild_id, 100)


def _note(db: Database, at: Moment, guild_id: int, percent: int) -> None:
    now = _current(db, at, guild_id)
    new = db.execute(
        "INSERT INTO alarm (guild_id, day, percent, told) VALUES (?, ?, ?, 0)"
        " ON CONFLICT (guild_id, day, percent) DO NOTHING RETURNING percent",
        (guild_id, now.first.isoformat(), percent),
    ).fetchone()
    if new is None:  # another process was quicker
        return
    note_budget(
        db,
        guild_id=guild_id,
        began=now.first.isoformat(),
        percent=percent,
        amount=now.budget.amount or 0,
        used=budget_used(db, guild_id, (now.first, now.after)),
        at=at.now,
    )


def budget_reached(db: Database, at: Moment, guild_id: int) -> bool:
    """Whether the budget was used up, or refused an order, in its current period."""
    return 100 in alarms(db, at, guild_id)


def untold(db: Database) -> list[int]:
    """List the servers with an alarm that nobody was told of."""
    rows = db.execute("SELECT DISTINCT guild_id FROM alarm WHERE told = 0")
    return [guild for (guild,) in rows]


def _share(budget: Rule, used: int) -> int | None:
    """The highest share, 80 or 100 percent, that *used* credits of *budget* have reached."""
    if not budget.amount:
        return None
    share = 100 * used / budget.amount
    return next((percent for percent in (100, 80) if share >= percent), None)


def _known(db: Database, guild_id: int, first: date) -> dict[int, bool]:
    rows = db.execute(
        "SELECT percent, told FROM alarm WHERE guild_id = ? AND day = ?",
        (guild_id, first.isoformat()),
    )
    return {percent: bool(told) for percent, told in rows}


class _Current(NamedTuple):
    """A server's budget, and its period now: the first day, and the one after the last."""

    budget: Rule
    first: date
    after: date
    zone: ZoneInfo


def _current(db: Database, at: Moment, guild_id: int) -> _Current:
    zone = zone_named(server_of(db, guild_id, at.defaults).zone)
    budget = budget_of(db, guild_id, at.defaults)
    return _Current(budget, *span(budget.period, day_at(at.now, zone)), zone)
