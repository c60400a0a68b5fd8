"""How many credits a period for whom: the rules of a server, and the defaults of the deployment."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from storage.audit import By, record
from storage.periods import Period


class Whose(StrEnum):
    """Whom a limit was set for."""

    USER = "user"  #: this very person
    ROLE = "role"  #: everybody with a role
    MEMBER = "member"  #: every member without a rule of their own or of a role
    SERVER = "server"  #: all members together
    DEFAULT = "default"  #: nobody set it in this server: it is the deployment's


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """So many credits a period; None is as many as you like."""

    whose: Whose
    amount: int | None
    period: Period
    role_id: int | None = None  #: which role, for `Whose.ROLE`


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds in a server where nobody has set anything. None is no limit.

    They are meant to keep a lent credit card safe from the first order on: with a credit of
    one US cent, 5 dollars a day for a member and 20 for the server.
    """

    amount: int | None = 500  #: credits for a member
    period: Period = Period.DAY
    budget: int | None = 2000  #: credits for all members of a server together
    budget_period: Period = Period.DAY
    budget_all: int | None = None  #: credits for all servers together: the operator's own limit
    budget_all_period: Period = Period.DAY  #: in the time zone below
    servers: frozenset[int] = frozenset()  #: the only ones where orders are taken; empty: all
    zone: str = "UTC"
    jobs_per_user: int | None = 3  #: at once
    jobs_per_server: int | None = 20
    per_minute: float | None = 6.0  #: orders of one person
    burst: int = 3  #: of them at once

    def serves(self, guild_id: int) -> bool:
        """Whether orders are taken in that server at all."""
        return not self.servers or guild_id in self.servers


def rules_for(
    db: sqlite3.Connection,
    *,
    guild_id: int,
    user_id: int,
    roles: Collection[int],
    defaults: Defaults,
) -> list[Rule]:
    """The quotas that speak of a person, of which the best holds: their own, else those of
    their roles, else the members', else the deployment's. Never empty."""
    found: dict[Whose, list[Rule]] = {}
    for whose, target, amount, period in db.execute(
        "SELECT whose, target, amount, period FROM rule WHERE guild_id = ?"
        " AND (whose IN ('role', 'member') OR (whose = 'user' AND target = ?))",
        (guild_id, user_id),
    ):
        if whose != Whose.ROLE or target in roles:
            rule = Rule(
                whose=Whose(whose),
                amount=amount,
                period=Period(period),
                role_id=target if whose == Whose.ROLE else None,
            )
            found.setdefault(rule.whose, []).append(rule)
    default = Rule(whose=Whose.DEFAULT, amount=defaults.amount, period=defaults.period)
    for whose in (Whose.USER, Whose.ROLE, Whose.MEMBER):
        if whose in found:
            return found[whose]
    return [default]


def budget_of(db: sqlite3.Connection, guild_id: int, defaults: Defaults) -> Rule:
    """What all members of a server may spend together."""
    row = db.execute(
        "SELECT amount, period FROM rule WHERE guild_id = ? AND whose = 'server'", (guild_id,)
    ).fetchone()
    if row is None:
        return Rule(whose=Whose.DEFAULT, amount=defaults.budget, period=defaults.budget_period)
    return Rule(whose=Whose.SERVER, amount=row["amount"], period=Period(row["period"]))


def set_rule(
    db: sqlite3.Connection,
    by: By,
    whose: Whose,
    target: int,
    value: tuple[int | None, Period] | None,
    *,
    now: float,
) -> bool:
    """Set a rule, or with no *value* remove it; False if there was none to remove."""
    key = (by.guild_id, whose, target)
    before = db.execute(
        "DELETE FROM rule WHERE guild_id = ? AND whose = ? AND target = ? RETURNING amount, period",
        key,
    ).fetchone()
    if value is None and before is None:
        return False
    if value is not None:
        db.execute(
            "INSERT INTO rule (guild_id, whose, target, amount, period) VALUES (?, ?, ?, ?, ?)",
            (*key, *value),
        )
    if whose is Whose.SERVER:  # another budget has alarms of its own
        db.execute("DELETE FROM alarm WHERE guild_id = ?", (by.guild_id,))
    record(
        db,
        by,
        "budget" if whose is Whose.SERVER else "rule",
        user_id=target if whose is Whose.USER else None,
        role_id=target if whose is Whose.ROLE else None,
        before=None if before is None else {"amount": before["amount"], "period": before["period"]},
        after=None if value is None else {"amount": value[0], "period": value[1]},
        now=now,
    )
    return True


def rules(db: sqlite3.Connection, guild_id: int) -> list[tuple[int, Rule]]:
    """See `Moderation.rules`."""
    return [
        (
            target,
            Rule(
                whose=Whose(whose),
                amount=amount,
                period=Period(period),
                role_id=target if whose == Whose.ROLE else None,
            ),
        )
        for whose, target, amount, period in db.execute(
            "SELECT whose, target, amount, period FROM rule WHERE guild_id = ?"
            " ORDER BY whose, target",
            (guild_id,),
        )
    ]


def _target(whose: Whose, *, user_id: int | None, role_id: int | None) -> int:
    match whose:
        case Whose.USER if user_id is not None:
            return user_id
        case Whose.ROLE if role_id is not None:
            return role_id
        case Whose.MEMBER | Whose.SERVER:
            return 0
    raise ValueError(f"a rule for {whose} needs whom it is for")
