"""What moderators give beside the rules: grants, and a quota that starts anew."""

from dataclasses import dataclass

from storage import ledger
from storage.audit import By, record
from storage.database import Database
from storage.defaults import Moment
from storage.guilds import server_of
from storage.periods import Period, day_at, span, zone_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Credits on top of every quota."""

    id: int
    user_id: int
    amount: int
    left: int  #: 0 once the grant has ended, whatever is on its account
    expires_at: float | None
    at: float
    ended: bool = False
    withdrawn: bool = False  #: by a moderator; else it expired


def grant(
    db: Database, at: Moment, by: By, user_id: int, amount: int, *, lasts: float | None = None
) -> Grant:
    """Give a person credits on top of their quota, for *lasts* seconds or for good."""
    expires_at = None if lasts is None else at.now + lasts
    [number] = db.execute(
        "INSERT INTO allowance (guild_id, user_id, amount, expires_at, at) VALUES (?, ?, ?, ?, ?)"
        " RETURNING id",
        (by.guild_id, user_id, amount, expires_at, at.now),
    ).fetchone()
    ledger.give(
        db,
        grant_id=number,
        guild_id=by.guild_id,
        person_id=ledger.person(db, user_id),
        amount=amount,
        at=at.now,
    )
    after = {"amount": amount, "expires_at": expires_at}
    record(db, by, "grant", user_id=user_id, after=after, now=at.now)
    return Grant(
        id=number, user_id=user_id, amount=amount, left=amount, expires_at=expires_at, at=at.now
    )


def withdraw(
    db: Database, at: Moment, by: By, user_id: int, grant_id: int | None = None
) -> list[Grant]:
    """Withdraw a person's grant, or all of them; returns those that had something left.

    Credits already held by running clips can still be spent; what they release is withdrawn with
    the grant. Withdrawing ends a grant at that moment, and a grant that ended never counts again.
    """
    standing = [
        each
        for each in grants(db, at, by.guild_id, user_id=user_id)
        if each.left and grant_id in (None, each.id)
    ]
    for each in standing:
        db.execute("UPDATE allowance SET expires_at = ? WHERE id = ?", (at.now, each.id))
        record(db, by, "withdraw", user_id=user_id, before={"amount": each.left}, now=at.now)
    return standing


def grants(db: Database, at: Moment, guild_id: int, *, user_id: int | None = None) -> list[Grant]:
    """List the grants of a server, or of one person in it, newest first."""
    sql = (
        "SELECT id, user_id, amount, CASE WHEN expires_at <= :now THEN 0 ELSE balance END,"
        " expires_at, at,"
        " expires_at IS NOT NULL AND expires_at <= :now, EXISTS (SELECT 1 FROM audit"
        " WHERE audit.guild_id = allowance.guild_id AND what = 'withdraw'"
        " AND audit.at = allowance.expires_at)"
        " FROM allowance JOIN account ON name = 'grant:' || id WHERE guild_id = :guild"
    )
    if user_id is not None:
        sql += " AND user_id = :user"
    rows = db.execute(
        sql + " ORDER BY id DESC", {"guild": guild_id, "user": user_id, "now": at.now}
    )
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


def reset(db: Database, at: Moment, by: By, user_id: int) -> int:
    """Reset what a person used of their quota this day, week and month; returns how much."""
    person_id = ledger.person(db, user_id)
    zone = zone_named(server_of(db, by.guild_id, at.defaults).zone)
    today = day_at(at.now, zone)
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
    record(db, by, "reset", user_id=user_id, before={"used": used}, after={"used": 0}, now=at.now)
    return int(used)
