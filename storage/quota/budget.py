"""What all members of a server, and all servers together, have spent of their budget."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from storage.audit import By
from storage.database import Database
from storage.defaults import Moment
from storage.guilds import Server, server_of, set_server
from storage.periods import Period, day_at, span, starts, zone_named
from storage.quota.facts import first_quarter
from storage.quota.rules import budget_of


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


def total_by(at: Moment, used: int) -> Total | None:
    """What all servers together *used* of the operator's budget; None without such a budget.

    It follows the deployment's own calendar: a server can set its own to any time zone.
    """
    defaults = at.defaults
    if defaults.budget_all is None:
        return None
    zone = zone_named(defaults.zone)
    after = span(defaults.budget_all_period, day_at(at.now, zone))[1]
    return Total(
        amount=defaults.budget_all,
        used=used,
        period=defaults.budget_all_period,
        resets_at=starts(after, zone),
    )


def total(db: Database, at: Moment) -> Total | None:
    """`total_by` what is used, with its time by the machine's clock, to be shown."""
    [used] = db.execute(
        "SELECT coalesce(sum(total), 0) FROM quarter_use WHERE quarter >= ?", (first_quarter(at),)
    ).fetchone()
    found = total_by(at, used)
    return None if found is None else replace(found, resets_at=at.on_the_wall(found.resets_at))


def budget_used(db: Database, guild_id: int, days: tuple[date, date]) -> int:
    """Add up what all members used from the first of *days* to before the second.

    What the server lost counts, too.
    """
    [used] = db.execute(
        "SELECT coalesce(sum(total), 0) FROM day_use"
        " WHERE guild_id = ? AND person_id = 0 AND day >= ? AND day < ?",
        (guild_id, days[0].isoformat(), days[1].isoformat()),
    ).fetchone()
    return int(used)


def resume(db: Database, at: Moment, by: By, *, past_budget: bool = False) -> Server:
    """Take orders again; if the budget is used up, past it until its period ends.

    With *past_budget* past it in any case, as when what is left of it fits no order.
    """
    server = server_of(db, by.guild_id, at.defaults)
    budget = budget_of(db, by.guild_id, at.defaults)
    first, after = span(budget.period, day_at(at.now, zone_named(server.zone)))
    used = budget_used(db, by.guild_id, (first, after))
    changes: dict[str, Any] = {"paused": None}
    if budget.amount is not None and (past_budget or used >= budget.amount):
        changes["budget_open"] = first.isoformat()
    return set_server(db, at, by, **changes)
