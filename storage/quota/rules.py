"""A server's quota rules: how many credits a period, and for whom."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from storage.audit import By, record
from storage.database import Database
from storage.defaults import Defaults, Moment
from storage.periods import Period


class Whose(StrEnum):
    """For whom a limit was set."""

    USER = "user"  #: this very person
    ROLE = "role"  #: everybody with a role
    MEMBER = "member"  #: every member without a rule of their own or of a role
    SERVER = "server"  #: all members together
    DEFAULT = "default"  #: nobody set it in this server: it is the deployment's


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """*amount* credits a period; None is no limit."""

    whose: Whose
    amount: int | None
    period: Period
    role_id: int | None = None  #: which role, for `Whose.ROLE`


#: A row of `rule`: whose, target, amount, period.
RuleRow = tuple[str, int, int | None, str]


def quotas_among(
    rows: Iterable[RuleRow], *, roles: Collection[int], defaults: Defaults
) -> tuple[Rule, ...]:
    """The quotas of a person, of which the best holds; never empty.

    Their own, else those of their roles, else the members', else the deployment's. *rows* are the
    rules of their server, of other persons none.
    """
    found: dict[Whose, list[Rule]] = {}
    for whose, target, amount, period in rows:
        if whose != Whose.ROLE or target in roles:
            rule = Rule(
                whose=Whose(whose),
                amount=amount,
                period=Period(period),
                role_id=target if whose == Whose.ROLE else None,
            )
            found.setdefault(rule.whose, []).append(rule)
    for each in (Whose.USER, Whose.ROLE, Whose.MEMBER):
        if each in found:
            return tuple(found[each])
    return (Rule(whose=Whose.DEFAULT, amount=defaults.amount, period=defaults.period),)


def budget_among(rows: Iterable[RuleRow], *, defaults: Defaults) -> Rule:
    """The budget, which all members of a server may spend together, by the rules of the server."""
    for whose, _, amount, period in rows:
        if whose == Whose.SERVER:
            return Rule(whose=Whose.SERVER, amount=amount, period=Period(period))
    return Rule(whose=Whose.DEFAULT, amount=defaults.budget, period=defaults.budget_period)


def budget_of(db: Database, guild_id: int, defaults: Defaults) -> Rule:
    """The budget: what all members of a server may spend together."""
    rows = db.execute(
        "SELECT whose, target, amount, period FROM rule WHERE guild_id = ? AND whose = 'server'",
        (guild_id,),
    )
    return budget_among(rows, defaults=defaults)


def set_rule(
    db: Database,
    at: Moment,
    by: By,
    whose: Whose,
    amount: int | None,
    period: Period,
    *,
    user_id: int | None = None,
    role_id: int | None = None,
) -> None:
    """Allow *amount* credits a *period* (None: no limit) for a user, a role, each member, or all
    members together (`Whose.SERVER`: the budget)."""
    _replace(db, at, by, whose, _target(whose, user_id=user_id, role_id=role_id), (amount, period))


def remove_rule(
    db: Database,
    at: Moment,
    by: By,
    whose: Whose,
    *,
    user_id: int | None = None,
    role_id: int | None = None,
) -> bool:
    """Remove a rule, so that the next best one holds. False if there was none."""
    return _replace(db, at, by, whose, _target(whose, user_id=user_id, role_id=role_id), None)


def _replace(
    db: Database,
    at: Moment,
    by: By,
    whose: Whose,
    target: int,
    value: tuple[int | None, Period] | None,
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
        now=at.now,
    )
    return True


def rules(db: Database, guild_id: int) -> list[tuple[int, Rule]]:
    """List the rules of a server, each with its user's or role's id (0: members, the server)."""
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
