"""What was decided for a server: its settings, and how much whom."""

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .periods import Period


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


class ChangedBy(StrEnum):
    """Who may retake or extend a clip."""

    ANYONE = "anyone"
    REQUESTER = "requester"  #: who asked for it, and moderators
    MODERATORS = "moderators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The settings of one server, the deployment's defaults filled in."""

    zone: str
    jobs_per_user: int | None
    jobs_per_server: int | None
    per_minute: float | None
    burst: int
    paused: str | None
    budget_open: str | None
    moderators: int | None = None  #: the channel that asks them
    channels: frozenset[int] = frozenset()  #: where orders are taken; empty: everywhere
    provider: str | None = None  #: what an order uses that names none
    model: str | None = None
    channel_models: Mapping[int, tuple[str, str]] = field(default_factory=dict)  #: the same there
    providers_off: frozenset[str] = frozenset()
    changed_by: ChangedBy = ChangedBy.ANYONE
    slow_lane: bool = False  #: whether an order over its person's quota is free, and waits
    priority_roles: frozenset[int] = frozenset()
    confirm_above: int | None = None  #: credits; a dearer order is asked about once more
    favourites: int | None = None  #: the channel where they gather
    reviewers: int | None = None  #: the role that approves takes


NO_LIMIT = "unlimited"  #: the value of a setting that takes its limit away, as in `FREEABLE`
FREEABLE = frozenset({"jobs_per_user", "jobs_per_server", "per_minute"})

_PARSED: dict[str, Callable[[Any], object]] = {
    "channels": lambda value: frozenset(json.loads(value)),
    "channel_models": lambda value: {
        int(channel): (provider, model) for channel, (provider, model) in json.loads(value).items()
    },
    "providers_off": lambda value: frozenset(json.loads(value)),
    "priority_roles": lambda value: frozenset(json.loads(value)),
    "changed_by": ChangedBy,
    "slow_lane": bool,
}  #: columns of `server` that are not what they hold


def server_of(db: sqlite3.Connection, guild_id: int, defaults: Defaults) -> Server:
    """A server's settings."""
    values: dict[str, Any] = {
        "zone": defaults.zone,
        "jobs_per_user": defaults.jobs_per_user,
        "jobs_per_server": defaults.jobs_per_server,
        "per_minute": defaults.per_minute,
        "burst": defaults.burst,
        "paused": None,
        "budget_open": None,
    }
    row = db.execute("SELECT * FROM server WHERE guild_id = ?", (guild_id,)).fetchone()
    if row is not None:
        for name in row.keys():  # noqa: SIM118  # a Row iterates its values
            value = row[name]
            if value is not None and name not in {"guild_id", "unlimited"}:
                values[name] = _PARSED[name](value) if name in _PARSED else value
        values |= dict.fromkeys(json.loads(row["unlimited"] or "[]"))
    return Server(**values)


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


def providers_off(db: sqlite3.Connection) -> dict[int, frozenset[str]]:
    """The providers that are switched off, by server, where there are any."""
    rows = db.execute("SELECT guild_id, providers_off FROM server WHERE providers_off IS NOT NULL")
    return {guild: frozenset(json.loads(names)) for guild, names in rows}
