"""Where a person stands in a server: what they have used, and what is left of each limit."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from storage.database import Database
from storage.defaults import Moment
from storage.periods import span, starts, zone_named
from storage.quota.budget import total_by
from storage.quota.facts import Facts, Limits, facts_of, limits_of
from storage.quota.rules import Rule

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
    limits = limits_of(db, guild_id, user_id, roles=roles, defaults=at.defaults)
    facts = facts_of(db, at, limits, guild_id=guild_id, user_id=user_id, upto=SHOWN, upto_here=0)
    found = standing_by(at, limits, facts)
    return replace(
        found,
        resets_at=at.on_the_wall(found.resets_at),
        budget_resets_at=at.on_the_wall(found.budget_resets_at),
        all_resets_at=at.on_the_wall(found.all_resets_at),
    )


def standing_by(at: Moment, limits: Limits, facts: Facts) -> Standing:
    """What the person whom *limits* and *facts* are of has used and has left."""
    zone, today = zone_named(limits.server.zone), facts.today
    choices = []
    renewals = []
    for rule in limits.quotas:
        used = facts.used[rule.period]
        choices.append((rule, used, None if rule.amount is None else max(0, rule.amount - used)))
        renewals.append((starts(span(rule.period, today)[1], zone), rule.amount or 0))
    # The best for the person: no limit at all, else the most left now, else the most anew.
    rule, used, left = max(
        choices, key=lambda each: (each[2] is None, each[2] or 0, each[0].amount or 0)
    )
    budget = limits.budget
    first, after = span(budget.period, today)
    total = total_by(at, facts.all_used)
    is_open = budget.amount is None or limits.server.budget_open == first.isoformat()
    return Standing(
        rule=rule,
        used=used,
        left=left,
        granted=facts.granted,
        resets_at=starts(span(rule.period, today)[1], zone),
        running=facts.running,
        budget=budget,
        budget_used=facts.budget_used,
        budget_left=None if is_open else max(0, (budget.amount or 0) - facts.budget_used),
        budget_resets_at=starts(after, zone),
        renewals=tuple(renewals),
        all_left=total.left if total is not None else None,
        all_resets_at=total.resets_at if total is not None else 0.0,
    )


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
