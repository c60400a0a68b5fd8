"""What the limits need to know of the database before an order: asked for in two questions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from storage.database import Database
from storage.defaults import Defaults, Moment
from storage.guilds import Server, parsed
from storage.job import AT_WORK, sql_list
from storage.periods import Period, day_at, span, starts, zone_named
from storage.quota.rules import Rule, budget_among, quotas_among

QUARTER = 900  #: seconds that a row of `quarter_use` stands for: every zone's days begin with one
NEVER = 2**62  #: above the number of every quarter

_LIMITS = """
    SELECT whose, target, amount, period, server.*
    FROM (SELECT :guild AS asked) AS one LEFT JOIN server ON server.guild_id = asked
    LEFT JOIN rule ON rule.guild_id = asked
        AND (whose IN ('role', 'member', 'server') OR (whose = 'user' AND target = :user))
"""
_AT_WORK = f"state IN {sql_list(AT_WORK)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server allows one person: its settings and rules."""

    server: Server
    quotas: tuple[Rule, ...]  #: of which the best for the person holds; never empty
    budget: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How much of it is used. Credits; times in seconds since 1970."""

    job_id: int | None  #: what the request became before; None: it is new
    person_id: int | None  #: None: nothing is known of the person
    blocked: bool
    paid_at: float | None  #: when their orders so far are paid for at the server's pace
    running: int  #: jobs at work of the person, up to what was asked for
    running_here: int  #: likewise of the server
    granted: int  #: left on the person's grants
    today: date  #: of the server's calendar
    used: Mapping[Period, int]  #: of the person's quota, in each period that a rule has
    budget_used: int
    all_used: int  #: in all servers; 0 where the operator set no budget for these


def limits_of(
    db: Database, guild_id: int, user_id: int, *, roles: Collection[int], defaults: Defaults
) -> Limits:
    """What a server allows a person with *roles*."""
    rows = db.execute(_LIMITS, {"guild": guild_id, "user": user_id}).fetchall()
    rules = [tuple(row)[:4] for row in rows if row["whose"] is not None]
    return Limits(
        server=parsed(rows[0], defaults),
        quotas=quotas_among(rules, roles=roles, defaults=defaults),
        budget=budget_among(rules, defaults=defaults),
    )


def facts_of(
    db: Database,
    at: Moment,
    limits: Limits,
    *,
    guild_id: int,
    user_id: int,
    request: str = "",
    upto: int,
    upto_here: int,
) -> Facts:
    """What is used of *limits*. Jobs at work are counted up to *upto*, and *upto_here* of all."""
    today = day_at(at.now, zone_named(limits.server.zone))
    periods = tuple(sorted({each.period for each in limits.quotas}))
    values: dict[str, object] = {
        "guild": guild_id,
        "user": user_id,
        "request": request,
        "now": at.now,
        "upto": upto,
        "upto_here": upto_here,
        "quarter": first_quarter(at),
    }
    for name, period in (*((each, each) for each in periods), ("budget", limits.budget.period)):
        first, after = span(period, today)
        values[f"{name}_first"], values[f"{name}_after"] = first.isoformat(), after.isoformat()
    row = db.execute(_question(periods), values).fetchone()
    return Facts(
        job_id=row["job_id"],
        person_id=row["person_id"],
        blocked=row["blocked"] is not None,
        paid_at=row["paid_at"],
        running=row["running"],
        running_here=row["running_here"],
        granted=row["granted"],
        today=today,
        used={period: row[f"used_{period}"] for period in periods},
        budget_used=row["budget_used"],
        all_used=row["all_used"],
    )


def first_quarter(at: Moment) -> int:
    """Where the period of the operator's budget for all servers begins; `NEVER` without one."""
    defaults = at.defaults
    if defaults.budget_all is None:
        return NEVER
    zone = zone_named(defaults.zone)
    first, _ = span(defaults.budget_all_period, day_at(at.now, zone))
    return int(starts(first, zone) // QUARTER)


@lru_cache
def _question(periods: tuple[Period, ...]) -> str:
    """The SQL that finds the facts, with what is used of a quota in each of *periods*."""
    used = "".join(
        f"""
        (SELECT coalesce(sum(quota - forgiven), 0) FROM day_use
         WHERE guild_id = :guild AND person_id = (SELECT id FROM person WHERE user_id = :user)
         AND day >= :{period}_first AND day < :{period}_after) AS used_{period},"""  # noqa: S608
        for period in periods
    )
    return f"""
    SELECT
        (SELECT id FROM job WHERE request = :request) AS job_id,
        (SELECT id FROM person WHERE user_id = :user) AS person_id,
        (SELECT 1 FROM block WHERE guild_id = :guild AND user_id = :user
         AND (until IS NULL OR until > :now)) AS blocked,
        (SELECT paid_at FROM pace WHERE guild_id = :guild AND user_id = :user) AS paid_at,
        (SELECT count(*) FROM (SELECT 1 FROM job WHERE guild_id = :guild AND user_id = :user
         AND {_AT_WORK} LIMIT :upto) AS mine) AS running,
        (SELECT count(*) FROM (SELECT 1 FROM job WHERE guild_id = :guild
         AND {_AT_WORK} LIMIT :upto_here) AS ours) AS running_here,
        (SELECT coalesce(sum(balance), 0) FROM allowance JOIN account ON name = 'grant:' || id
         WHERE guild_id = :guild AND user_id = :user
         AND (expires_at IS NULL OR expires_at > :now)) AS granted,{used}
        (SELECT coalesce(sum(total), 0) FROM day_use WHERE guild_id = :guild AND person_id = 0
         AND day >= :budget_first AND day < :budget_after) AS budget_used,
        (SELECT coalesce(sum(total), 0) FROM quarter_use WHERE quarter >= :quarter) AS all_used
    """  # noqa: S608  # fixed texts
