"""Where a person stands in a server: what they have used, and what is left of each limit."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from storage.database import Database
from storage.defaults import Moment
from storage.guilds import Server, server_of
from storage.job import AT_WORK, sql_list
from storage.periods import day_at, span, starts, zone_named
from storage.quota.budget import budget_used, total_of
from storage.quota.rules import Rule, budget_of, rules_for

SHOWN = 100  #: jobs at work that a standing counts; more are said to be so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a person stands in a server. In credits; times in seconds since 1970."""

    rule: Rule  #: the one that leaves them the most
    used: int  #: of the quota in this period, held included, forgiven not
    left: int | None  #: of the quota; None: no limit
    granted: int  #: left on their grants
    resets_at: float
    running: int  #: jobs at once, as the limit counts them; not counted beyond that or 100
    budget: Rule
    budget_used: int
    budget_left: int | None
    budget_resets_at: float
    renewals: tuple[tuple[float, int], ...]  #: for each rule: when it starts anew, with how much
    all_left: int | None = None  #: of what all servers together may spend; None: no limit
    all_resets_at: float = 0.0

    @property
    def fits(self) -> int | None:
        """The most that one order may cost now; None: no limit."""
        mine = None if self.left is None else self.left + self.granted
        amounts = [each for each in (mine, self.budget_left, self.all_left) if each is not None]
        return min(amounts) if amounts else None


def standing(
    db: Database, at: Moment, *, guild_id: int, user_id: int, roles: Collection[int]
) -> Standing:
    """What a person has used and has left, with times by the machine's clock, to be shown."""
    found = standing_of(
        db,
        at,
        guild_id=guild_id,
        user_id=user_id,
        roles=roles,
        server=server_of(db, guild_id, at.defaults),
        running=running_of(db, guild_id, user_id, upto=SHOWN),
    )
    return replace(
        found,
        resets_at=at.on_the_wall(found.resets_at),
        budget_resets_at=at.on_the_wall(found.budget_resets_at),
        all_resets_at=at.on_the_wall(found.all_resets_at),
    )


def standing_of(
    db: Database,
    at: Moment,
    *,
    guild_id: int,
    user_id: int,
    roles: Collection[int],
    server: Server,
    running: int,
) -> Standing:
    """What a person has used and has left; *running* is how many jobs of theirs are at work."""
    zone, defaults = zone_named(server.zone), at.defaults
    today = day_at(at.now, zone)
    person_id = known_person(db, user_id)
    choices = []
    renewals = []
    for rule in rules_for(db, guild_id=guild_id, user_id=user_id, roles=roles, defaults=defaults):
        used = _quota_used(db, guild_id, person_id, span(rule.period, today))
        choices.append((rule, used, None if rule.amount is None else max(0, rule.amount - used)))
        renewals.append((starts(span(rule.period, today)[1], zone), rule.amount or 0))
    # The best for the person: no limit at all, else the most left now, else the most anew.
    rule, used, left = max(
        choices, key=lambda each: (each[2] is None, each[2] or 0, each[0].amount or 0)
    )
    budget = budget_of(db, guild_id, defaults)
    first, after = span(budget.period, today)
    spent = budget_used(db, guild_id, (first, after))
    total = total_of(db, at)
    is_open = budget.amount is None or server.budget_open == first.isoformat()
    return Standing(
        rule=rule,
        used=used,
        left=left,
        granted=sum(left for _, left in grants_left(db, guild_id, user_id, at.now)),
        resets_at=starts(span(rule.period, today)[1], zone),
        running=running,
        budget=budget,
        budget_used=spent,
        budget_left=None if is_open else max(0, (budget.amount or 0) - spent),
        budget_resets_at=starts(after, zone),
        renewals=tuple(renewals),
        all_left=total.left if total is not None else None,
        all_resets_at=total.resets_at if total is not None else 0.0,
    )


def known_person(db: Database, user_id: int) -> int:
    row = db.execute("SELECT id FROM person WHERE user_id = ?", (user_id,)).fetchone()
    return -1 if row is None else int(row[0])


def _quota_used(db: Database, guild_id: int, person_id: int, days: tuple[date, date]) -> int:
    [used] = db.execute(
        "SELECT coalesce(sum(quota - forgiven), 0) FROM day_use"
        " WHERE guild_id = ? AND person_id = ? AND day >= ? AND day < ?",
        (guild_id, person_id, days[0].isoformat(), days[1].isoformat()),
    ).fetchone()
    return int(used)


def grants_left(db: Database, guild_id: int, user_id: int, now: float) -> list[tuple[int, int]]:
    """List number and rest of a person's grants, those that expire soonest first."""
    rows = db.execute(
        """
        SELECT id, balance FROM allowance JOIN account ON name = 'grant:' || id
        WHERE guild_id = ? AND user_id = ? AND (expires_at IS NULL OR expires_at > ?)
        AND balance > 0
        ORDER BY expires_at IS NULL, expires_at, id
        """,
        (guild_id, user_id, now),
    )
    return [(number, left) for number, left in rows]


def running_of(db: Database, guild_id: int, user_id: int | None, *, upto: int) -> int:
    """Count the jobs at work of a person or a server, up to *upto*; parked jobs are not at work."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM job WHERE guild_id = :guild"
    if user_id is not None:
        sql += " AND user_id = :user"
    sql += f" AND state IN {sql_list(AT_WORK)} LIMIT :upto)"
    [count] = db.execute(sql, {"guild": guild_id, "user": user_id, "upto": upto}).fetchone()
    return int(count)
