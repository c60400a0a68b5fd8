"""What moderators change, and the record of who changed what."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from . import ledger, policy
from .clock import Clock, advance, seen
from .periods import Period, day_at, span, zone_named
from .policy import Standing
from .rules import (
    FREEABLE,
    NO_LIMIT,
    Defaults,
    Rule,
    Server,
    Whose,
    budget_of,
    server_of,
)
from .writer import Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who does something in which server, and why."""

    guild_id: int
    actor_id: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the audit. *actor_id* and *user_id* are None for somebody since forgotten."""

    seq: int
    actor_id: int | None
    what: str  #: in a word: "rule", "budget", "grant", "block", "cancel", …
    user_id: int | None  #: whom it was done to
    role_id: int | None
    before: Any  #: what JSON holds
    after: Any
    why: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Somebody who may not order, until then or until a moderator says otherwise."""

    user_id: int
    why: str
    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Credits on top of every quota."""

    id: int
    user_id: int
    amount: int
    left: int  #: 0 once it ended: what is on its account then is for nobody
    expires_at: float | None
    at: float
    ended: bool = False
    withdrawn: bool = False  #: by a moderator; else it ended by itself


class Moderation:
    """The moderators' side. Every change is written down with who made it, or not made."""

    def __init__(self, writer: Writer, *, clock: Clock, defaults: Defaults) -> None:
        self._writer = writer
        self._clock = clock
        self._defaults = defaults

    async def set_rule(
        self,
        by: By,
        whose: Whose,
        amount: int | None,
        period: Period,
        *,
        user_id: int | None = None,
        role_id: int | None = None,
    ) -> None:
        """So many credits a period (None: no limit) for a user, a role, each member, or all
        members together (`Whose.SERVER`: the budget)."""
        target = _target(whose, user_id=user_id, role_id=role_id)
        await self._write(
            lambda db, now: set_rule(db, by, whose, target, (amount, period), now=now)
        )

    async def remove_rule(
        self, by: By, whose: Whose, *, user_id: int | None = None, role_id: int | None = None
    ) -> bool:
        """Back to the next best rule. False if there was none."""
        target = _target(whose, user_id=user_id, role_id=role_id)
        return await self._write(lambda db, now: set_rule(db, by, whose, target, None, now=now))

    async def set_server(self, by: By, **changes: Any) -> Server:
        """Change settings of a server: *changes* are fields of `Server`, None for the default,
        `NO_LIMIT` for none at all where there may be none.

        Raises ValueError with a sentence for an unknown time zone.
        """
        return await self._write(
            lambda db, now: set_server(db, by, changes, defaults=self._defaults, now=now)
        )

    async def pause(self, by: By) -> Server:
        """Take no orders, for the reason that *by* gives."""
        return await self.set_server(by, paused=by.why)

    async def resume(self, by: By, *, past_budget: bool = False) -> Server:
        """Take orders again; if the budget is used up, beyond it for the rest of its period.

        With *past_budget* beyond it in any case, as when what is left of it fits no order.
        """
        return await self._write(
            lambda db, now: resume(
                db, by, past_budget=past_budget, defaults=self._defaults, now=now
            )
        )

    async def grant(
        self, by: By, user_id: int, amount: int, *, lasts: float | None = None
    ) -> Grant:
        """Give somebody credits on top of their quota, for *lasts* seconds or for good."""
        return await self._write(
            lambda db, now: grant(
                db, by, user_id, amount, expires_at=None if lasts is None else now + lasts, now=now
            )
        )

    async def withdraw(self, by: By, user_id: int, grant_id: int | None = None) -> list[Grant]:
        """Take back what is left of a person's grant, or of all of them; which they were.

        What a clip under way holds of one is spent by it all the same, or goes with the grant.
        """
        return await self._write(lambda db, now: withdraw(db, by, user_id, grant_id, now=now))

    async def grant_asked(self, by: By, asked: int, user_id: int, amount: int) -> Grant | None:
        """Answer a refused order that moderators were asked about with a grant: both or none.

        None if it was answered before.
        """
        return await self._write(
            lambda db, now: (
                grant(db, by, user_id, amount, expires_at=None, now=now)
                if answer(db, by, asked, granted=True)
                else None
            )
        )

    async def open_asked(self, by: By, asked: int) -> bool:
        """The same for one that the budget refused: orders may pass it. False if it was
        answered before."""

        def act(db: sqlite3.Connection, now: float) -> bool:
            if not answer(db, by, asked, granted=True):
                return False
            resume(db, by, past_budget=True, defaults=self._defaults, now=now)
            return True

        return await self._write(act)

    async def deny_asked(self, by: By, asked: int, user_id: int, price: int) -> bool:
        """Answer it with no, on record. False if it was answered before."""

        def act(db: sqlite3.Connection, now: float) -> bool:
            if not answer(db, by, asked, granted=False):
                return False
            record(db, by, "deny", user_id=user_id, after={"price": price}, now=now)
            return True

        return await self._write(act)

    async def reset(self, by: By, user_id: int) -> int:
        """Forget what somebody used of their quota this day, week and month; how much it was."""
        return await self._write(
            lambda db, now: reset(db, by, user_id, defaults=self._defaults, now=now)
        )

    async def block(self, by: By, user_id: int, *, lasts: float | None = None) -> None:
        """Take no orders from somebody, for *lasts* seconds or until unblocked."""
        await self._write(
            lambda db, now: block(
                db, by, user_id, until=None if lasts is None else now + lasts, now=now
            )
        )

    async def unblock(self, by: By, user_id: int) -> bool:
        """Take orders from somebody again. False if they were not blocked."""
        return await self._write(lambda db, now: unblock(db, by, user_id, now=now))

    async def clear(self, by: By, job_id: int, attempt: int, *, billed: bool) -> bool:
        """Say what became of an attempt in suspense; see `ledger.clear`."""

        def act(db: sqlite3.Connection, now: float) -> bool:
            row = db.execute(
                "SELECT 1 FROM job WHERE id = ? AND guild_id = ?", (job_id, by.guild_id)
            ).fetchone()
            if row is None or not ledger.clear(db, job_id, attempt, billed=billed, at=now):
                return False
            after = {"job": job_id, "attempt": attempt, "billed": billed}
            record(db, by, "suspense", after=after, now=now)
            return True

        return await self._write(act)

    async def rules(self, guild_id: int) -> list[tuple[int, Rule]]:
        """Every rule of a server, with the user's or role's id (0: all members, the server)."""
        return await self._writer.read(lambda db: rules(db, guild_id))

    async def blocks(self, guild_id: int) -> list[Block]:
        """Who is blocked now."""
        now = self._clock.now()
        return await self._writer.read(lambda db: blocks(db, guild_id, seen(db, now)))

    async def grants(self, guild_id: int, *, user_id: int | None = None) -> list[Grant]:
        """The grants of a server or of one person there, newest first."""
        now = self._clock.now()
        return await self._writer.read(lambda db: grants(db, guild_id, user_id, now))

    async def audit(
        self, guild_id: int, *, limit: int = 20, before: int | None = None
    ) -> list[Change]:
        """What was changed, newest first; *before* is the last `seq` of the page before."""
        return await self._writer.read(lambda db: audit(db, guild_id, limit, before))

    async def alarm(self, guild_id: int, stand: Standing, *, at_least: int = 0) -> int | None:
        """80 or 100: the share of the budget that was reached and nobody was told of yet.

        *at_least* is a share that counts as reached, as 100 does once an order did not fit.
        It stays due until `alarm_told`.
        """
        percent = max(due_alarm(stand) or 0, at_least)
        now = self._clock.now()
        known = await self._writer.read(
            lambda db: alarms(db, guild_id, defaults=self._defaults, now=seen(db, now))
        )
        if percent and percent not in known:
            known[percent] = False
            await self._write(
                lambda db, now: note_alarm(
                    db, guild_id, percent, told=False, defaults=self._defaults, now=now
                )
            )
        told = max((each for each, was_told in known.items() if was_told), default=0)
        due = max((each for each, was_told in known.items() if not was_told), default=0)
        return due if due > told else None

    async def alarm_told(self, guild_id: int, percent: int) -> None:
        """Note that the moderators know of this share of the budget; see `alarm`."""
        await self._write(
            lambda db, now: note_alarm(
                db, guild_id, percent, told=True, defaults=self._defaults, now=now
            )
        )

    async def budget_reached(self, guild_id: int) -> bool:
        """Whether the budget was used up, or refused an order, in the period that it is in."""
        now = self._clock.now()
        known = await self._writer.read(
            lambda db: alarms(db, guild_id, defaults=self._defaults, now=seen(db, now))
        )
        return 100 in known

    async def untold(self) -> list[int]:
        """The servers that have an alarm nobody was told of."""
        return await self._writer.read(
            lambda db: [
                guild
                for (guild,) in db.execute("SELECT DISTINCT guild_id FROM alarm WHERE NOT told")
            ]
        )

    async def _write(self, act: Callable[[sqlite3.Connection, float], T]) -> T:
        now = self._clock.now()
        return await self._writer.write(lambda db: act(db, advance(db, now)))


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


_SETTINGS = {
    name: f"UPDATE server SET {name} = ? WHERE guild_id = ?"  # noqa: S608  # only these names
    for name in Server.__dataclass_fields__
}


def set_server(
    db: sqlite3.Connection, by: By, changes: dict[str, Any], *, defaults: Defaults, now: float
) -> Server:
    """See `Moderation.set_server`."""
    changes = {name: _column(value) for name, value in changes.items()}
    if changes.get("zone") is not None:
        zone_named(changes["zone"])
    db.execute("INSERT INTO server (guild_id) VALUES (?) ON CONFLICT DO NOTHING", (by.guild_id,))
    row = db.execute("SELECT * FROM server WHERE guild_id = ?", (by.guild_id,)).fetchone()
    free = set(json.loads(row["unlimited"] or "[]"))
    before = {name: NO_LIMIT if name in free else row[name] for name in changes}
    for name, value in changes.items():
        none = value == NO_LIMIT and name in FREEABLE
        (free.add if none else free.discard)(name)
        db.execute(_SETTINGS[name], (None if none else value, by.guild_id))
    db.execute(
        "UPDATE server SET unlimited = ? WHERE guild_id = ?",
        (json.dumps(sorted(free)) if free else None, by.guild_id),
    )
    if not changes.keys().isdisjoint({"per_minute", "burst"}):
        # What was ordered at the old pace is not waited for at the new one.
        db.execute("DELETE FROM pace WHERE guild_id = ?", (by.guild_id,))
    record(db, by, "server", before=before, after=changes, now=now)
    return server_of(db, by.guild_id, defaults)


def resume(
    db: sqlite3.Connection, by: By, *, defaults: Defaults, now: float, past_budget: bool = False
) -> Server:
    """See `Moderation.resume`."""
    server = server_of(db, by.guild_id, defaults)
    budget = budget_of(db, by.guild_id, defaults)
    first, after = span(budget.period, day_at(now, zone_named(server.zone)))
    used = policy.budget_used(db, by.guild_id, (first, after))
    changes: dict[str, Any] = {"paused": None}
    if budget.amount is not None and (past_budget or used >= budget.amount):
        changes["budget_open"] = first.isoformat()
    return set_server(db, by, changes, defaults=defaults, now=now)


def grant(
    db: sqlite3.Connection,
    by: By,
    user_id: int,
    amount: int,
    *,
    expires_at: float | None,
    now: float,
) -> Grant:
    """See `Moderation.grant`."""
    [number] = db.execute(
        "INSERT INTO allowance (guild_id, user_id, amount, expires_at, at) VALUES (?, ?, ?, ?, ?)"
        " RETURNING id",
        (by.guild_id, user_id, amount, expires_at, now),
    ).fetchone()
    ledger.give(
        db,
        grant_id=number,
        guild_id=by.guild_id,
        person_id=ledger.person(db, user_id),
        amount=amount,
        at=now,
    )
    after = {"amount": amount, "expires_at": expires_at}
    record(db, by, "grant", user_id=user_id, after=after, now=now)
    return Grant(
        id=number, user_id=user_id, amount=amount, left=amount, expires_at=expires_at, at=now
    )


def withdraw(
    db: sqlite3.Connection, by: By, user_id: int, grant_id: int | None, *, now: float
) -> list[Grant]:
    """See `Moderation.withdraw`. A grant that ended is never counted again."""
    standing = [
        each
        for each in grants(db, by.guild_id, user_id, now)
        if each.left and grant_id in (None, each.id)
    ]
    for each in standing:
        db.execute("UPDATE allowance SET expires_at = ? WHERE id = ?", (now, each.id))
        record(db, by, "withdraw", user_id=user_id, before={"amount": each.left}, now=now)
    return standing


def answer(db: sqlite3.Connection, by: By, asked: int, *, granted: bool) -> bool:
    """Note what a moderator answered to a refused order. False if one answered before."""
    cursor = db.execute(
        "UPDATE refused SET answer = ?, answered_by = ?"
        " WHERE id = ? AND guild_id = ? AND asked_at IS NOT NULL AND answer IS NULL",
        ("granted" if granted else "denied", by.actor_id, asked, by.guild_id),
    )
    return cursor.rowcount > 0


def reset(db: sqlite3.Connection, by: By, user_id: int, *, defaults: Defaults, now: float) -> int:
    """See `Moderation.reset`."""
    person_id = ledger.person(db, user_id)
    zone = zone_named(server_of(db, by.guild_id, defaults).zone)
    today = day_at(now, zone)
    # Every day of the longest periods that today is in: whatever the rule, it starts anew.
    first = min(span(period, today)[0] for period in Period)
    [used] = db.execute(
        "SELECT coalesce(sum(quota - forgiven), 0) FROM day_use"
        " WHERE guild_id = ? AND person_id = ? AND day >= ?",
        (by.guild_id, person_id, first.isoformat()),
    ).fetchone()
    db.execute(
        "UPDATE day_use SET forgiven = quota, reset_at = (SELECT max(id) FROM txn)"
        " WHERE guild_id = ? AND person_id = ? AND day >= ?",
        (by.guild_id, person_id, first.isoformat()),
    )
    record(db, by, "reset", user_id=user_id, before={"used": used}, after={"used": 0}, now=now)
    return int(used)


def block(db: sqlite3.Connection, by: By, user_id: int, *, until: float | None, now: float) -> None:
    """See `Moderation.block`."""
    db.execute(
        "INSERT INTO block (guild_id, user_id, why, until) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET why = excluded.why, until = excluded.until",
        (by.guild_id, user_id, by.why, until),
    )
    record(db, by, "block", user_id=user_id, after={"until": until}, now=now)


def unblock(db: sqlite3.Connection, by: By, user_id: int, *, now: float) -> bool:
    """See `Moderation.unblock`."""
    cursor = db.execute(
        "DELETE FROM block WHERE guild_id = ? AND user_id = ?", (by.guild_id, user_id)
    )
    if cursor.rowcount:
        record(db, by, "unblock", user_id=user_id, now=now)
    return cursor.rowcount > 0


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


def blocks(db: sqlite3.Connection, guild_id: int, now: float) -> list[Block]:
    """See `Moderation.blocks`."""
    rows = db.execute(
        "SELECT user_id, why, until FROM block"
        " WHERE guild_id = ? AND (until IS NULL OR until > ?) ORDER BY user_id",
        (guild_id, now),
    )
    return [Block(user_id=user_id, why=why, until=until) for user_id, why, until in rows]


def grants(db: sqlite3.Connection, guild_id: int, user_id: int | None, now: float) -> list[Grant]:
    """See `Moderation.grants`. Withdrawing ends one at that moment, and is on record."""
    sql = (
        "SELECT id, user_id, amount, iif(expires_at <= :now, 0, balance), expires_at, at,"
        " coalesce(expires_at <= :now, 0), EXISTS (SELECT 1 FROM audit"
        " WHERE audit.guild_id = allowance.guild_id AND what = 'withdraw'"
        " AND audit.at = allowance.expires_at)"
        " FROM allowance JOIN account ON name = 'grant:' || id WHERE guild_id = :guild"
    )
    if user_id is not None:
        sql += " AND user_id = :user"
    rows = db.execute(sql + " ORDER BY id DESC", {"guild": guild_id, "user": user_id, "now": now})
    return [
        Grant(
            id=number,
            user_id=user,
            amount=amount,
            left=left,
            expires_at=expires_at,
            at=at,
            ended=bool(ended),
            withdrawn=bool(ended and withdrawn),
        )
        for number, user, amount, left, expires_at, at, ended, withdrawn in rows
    ]


def audit(db: sqlite3.Connection, guild_id: int, limit: int, before: int | None) -> list[Change]:
    """See `Moderation.audit`."""
    rows = db.execute(
        """
        SELECT seq, actor.user_id, what, target.user_id, role_id, before, after, why, at
        FROM audit JOIN person AS actor ON actor.id = actor
        LEFT JOIN person AS target ON target.id = person_id
        WHERE guild_id = :guild AND (:before IS NULL OR seq < :before)
        ORDER BY seq DESC LIMIT :limit
        """,
        {"guild": guild_id, "before": before, "limit": limit},
    )
    return [
        Change(
            seq=seq,
            actor_id=actor,
            what=what,
            user_id=user,
            role_id=role,
            before=None if old is None else json.loads(old),
            after=None if new is None else json.loads(new),
            why=why,
            at=at,
        )
        for seq, actor, what, user, role, old, new, why, at in rows
    ]


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


def record(
    db: sqlite3.Connection,
    by: By,
    what: str,
    *,
    now: float,
    user_id: int | None = None,
    role_id: int | None = None,
    before: object = None,
    after: object = None,
) -> None:
    """Write a line of the audit."""
    db.execute(
        """
        INSERT INTO audit (guild_id, actor, what, person_id, role_id, before, after, why, at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            by.guild_id,
            ledger.person(db, by.actor_id),
            what,
            None if user_id is None else ledger.person(db, user_id),
            role_id,
            None if before is None else json.dumps(before),
            None if after is None else json.dumps(after),
            by.why,
            now,
        ),
    )


def _column(value: Any) -> Any:
    """A setting as its column holds it: what has parts, as JSON."""
    match value:
        case set() | frozenset():
            return json.dumps(sorted(value))
        case Mapping():
            return json.dumps({str(key): list(each) for key, each in value.items()})
        case _:
            return value


def _target(whose: Whose, *, user_id: int | None, role_id: int | None) -> int:
    match whose:
        case Whose.USER if user_id is not None:
            return user_id
        case Whose.ROLE if role_id is not None:
            return role_id
        case Whose.MEMBER | Whose.SERVER:
            return 0
    raise ValueError(f"a rule for {whose} needs whom it is for")
