"""Which shares of a budget were reached, and whether the moderators were told."""

from datetime import date

from storage.database import Database
from storage.defaults import Moment
from storage.guilds import server_of
from storage.outbox import note_budget
from storage.periods import day_at, span, zone_named
from storage.quota.budget import budget_used
from storage.quota.rules import budget_of
from storage.quota.standing import Standing


def due_alarm(stand: Standing) -> int | None:
    """The highest share, 80 or 100 percent, that the budget's use has reached."""
    if not stand.budget.amount:
        return None
    share = 100 * stand.budget_used / stand.budget.amount
    return next((percent for percent in (100, 80) if share >= percent), None)


def alarms(db: Database, at: Moment, guild_id: int) -> dict[int, bool]:
    """The shares reached in the budget's current period, each with whether anybody was told."""
    rows = db.execute(
        "SELECT percent, told FROM alarm WHERE guild_id = ? AND day = ?",
        (guild_id, _budget_period(db, at, guild_id)[0].isoformat()),
    )
    return {percent: bool(told) for percent, told in rows}


def alarm(db: Database, at: Moment, guild_id: int, stand: Standing) -> int | None:
    """The share of the budget, 80 or 100, that was reached and nobody was told of yet.

    It stays due until `alarm_told`.
    """
    if _is_current(db, at, guild_id, stand):
        note_reached(db, at, guild_id, stand)
    known = alarms(db, at, guild_id)
    told = max((each for each, was_told in known.items() if was_told), default=0)
    due = max((each for each, was_told in known.items() if not was_told), default=0)
    return due if due > told else None


def alarm_told(db: Database, at: Moment, guild_id: int, percent: int, stand: Standing) -> None:
    """Note that the moderators know that *percent* of the budget, or less, was reached, as *stand*
    has it.

    One that was set meanwhile has alarms of its own, of which nobody was told.
    """
    if _is_current(db, at, guild_id, stand):
        db.execute(
            "UPDATE alarm SET told = 1 WHERE guild_id = ? AND percent <= ? AND day <= ?",
            (guild_id, percent, _budget_period(db, at, guild_id)[0].isoformat()),
        )


def _is_current(db: Database, at: Moment, guild_id: int, stand: Standing) -> bool:
    """Whether no other budget was set since *stand* was read."""
    return budget_of(db, guild_id, at.defaults) == stand.budget


def note_reached(db: Database, at: Moment, guild_id: int, stand: Standing) -> None:
    """Note the share of the budget that an order has just reached, if it is 80 or 100 percent."""
    percent = due_alarm(stand)
    if percent is not None and percent not in alarms(db, at, guild_id):
        _note(db, at, guild_id, percent)


def note_refused(db: Database, at: Moment, guild_id: int) -> None:
    """Note that the budget refused an order: all of it counts as reached."""
    if 100 not in alarms(db, at, guild_id):
        _note(db, at, guild_id, 100)


def _note(db: Database, at: Moment, guild_id: int, percent: int) -> None:
    first, after, amount = _budget_period(db, at, guild_id)
    new = db.execute(
        "INSERT INTO alarm (guild_id, day, percent, told) VALUES (?, ?, ?, 0)"
        " ON CONFLICT (guild_id, day, percent) DO NOTHING RETURNING percent",
        (guild_id, first.isoformat(), percent),
    ).fetchone()
    if new is None:  # another process was quicker
        return
    note_budget(
        db,
        guild_id=guild_id,
        began=first.isoformat(),
        percent=percent,
        amount=amount or 0,
        used=budget_used(db, guild_id, (first, after)),
        at=at.now,
    )


def budget_reached(db: Database, at: Moment, guild_id: int) -> bool:
    """Whether the budget was used up, or refused an order, in its current period."""
    return 100 in alarms(db, at, guild_id)


def untold(db: Database) -> list[int]:
    """List the servers with an alarm that nobody was told of."""
    rows = db.execute("SELECT DISTINCT guild_id FROM alarm WHERE told = 0")
    return [guild for (guild,) in rows]


def _budget_period(db: Database, at: Moment, guild_id: int) -> tuple[date, date, int | None]:
    """The budget's current period, its first day and the one after it, and its credits."""
    zone = zone_named(server_of(db, guild_id, at.defaults).zone)
    budget = budget_of(db, guild_id, at.defaults)
    return *span(budget.period, day_at(at.now, zone)), budget.amount
