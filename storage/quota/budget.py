"""What all members of a server, and all servers together, have spent of their budget."""

import sqlite3
from dataclasses import dataclass
from datetime import date
from typing import Any

from storage.audit import By
from storage.guilds import Server, server_of, set_server
from storage.periods import Period, day_at, span, starts, zone_named
from storage.quota.rules import Defaults, budget_of

QUARTER = 900  #: seconds that a row of `quarter_use` stands for: every zone's days begin with one


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What all servers together may spend, and have. Credits; times as in `Standing`."""

    amount: int
    used: int
    period: Period
    resets_at: float

    @property
    def left(self) -> int:
        """What they may still spend."""
        return max(0, self.amount - self.used)


def total_of(db: sqlite3.Connection, defaults: Defaults, now: float) -> Total | None:
    """What all servers used of what they may together; None where that has no limit.

    It follows the deployment's own calendar: a server can set its own to any time zone.
    """
    if defaults.budget_all is None:
        return None
    zone = zone_named(defaults.zone)
    first, after = span(defaults.budget_all_period, day_at(now, zone))
    [used] = db.execute(
        "SELECT coalesce(sum(total), 0) FROM quarter_use WHERE quarter >= ?",
        (int(starts(first, zone) // QUARTER),),
    ).fetchone()
    return Total(
        amount=defaults.budget_all,
        used=int(used),
        period=defaults.budget_all_period,
        resets_at=starts(after, zone),
    )


def budget_used(db: sqlite3.Connection, guild_id: int, days: tuple[date, date]) -> int:
    """What all members used from a day to before another, with what the house lost."""
    [used] = db.execute(
        "SELECT coalesce(sum(total), 0) FROM day_use"
        " WHERE guild_id = ? AND person_id = 0 AND day >= ? AND day < ?",
        (guild_id, days[0].isoformat(), days[1].isoformat()),
    ).fetchone()
    return int(used)


def resume(
    db: sqlite3.Connection, by: By, *, defaults: Defaults, now: float, past_budget: bool = False
) -> Server:
    """See `Moderation.resume`."""
    server = server_of(db, by.guild_id, defaults)
    budget = budget_of(db, by.guild_id, defaults)
    first, after = span(budget.period, day_at(now, zone_named(server.zone)))
    used = budget_used(db, by.guild_id, (first, after))
    changes: dict[str, Any] = {"paused": None}
    if budget.amount is not None and (past_budget or used >= budget.amount):
        changes["budget_open"] = first.isoformat()
    return set_server(db, by, changes, defaults=defaults, now=now)
