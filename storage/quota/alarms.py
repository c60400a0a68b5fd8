"""Which shares of a budget were reached, and whether the moderators were told."""

import sqlite3

from storage.guilds import server_of
from storage.periods import day_at, span, zone_named
from storage.quota.rules import Defaults, budget_of
from storage.quota.standing import Standing


def due_alarm(stand: Standing) -> int | None:
    """The highest mark that the budget's use has passed."""
    if not stand.budget.amount:
        return None
    share = 100 * stand.budget_used / stand.budget.amount
    return next((percent for percent in (100, 80) if share >= percent), None)


def alarms(
    db: sqlite3.Connection, guild_id: int, *, defaults: Defaults, now: float
) -> dict[int, bool]:
    """The shares that were reached in the budget's period, and whether anybody was told."""
    rows = db.execute(
        "SELECT percent, told FROM alarm WHERE guild_id = ? AND day = ?",
        (guild_id, _budget_begins(db, guild_id, defaults, now)),
    )
    return {percent: bool(told) for percent, told in rows}


def note_alarm(
    db: sqlite3.Connection,
    guild_id: int,
    percent: int,
    *,
    told: bool,
    defaults: Defaults,
    now: float,
) -> None:
    """Note a share that was reached, or that somebody was told of."""
    db.execute(
        "INSERT INTO alarm (guild_id, day, percent, told) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET told = max(told, excluded.told)",
        (guild_id, _budget_begins(db, guild_id, defaults, now), percent, told),
    )
    if told:
        db.execute(
            "UPDATE alarm SET told = 1 WHERE guild_id = ? AND percent <= ?", (guild_id, percent)
        )


def _budget_begins(db: sqlite3.Connection, guild_id: int, defaults: Defaults, now: float) -> str:
    """The first day of the period that the budget is in."""
    zone = zone_named(server_of(db, guild_id, defaults).zone)
    return span(budget_of(db, guild_id, defaults).period, day_at(now, zone))[0].isoformat()
