"""Who changed what in a server, and why."""

import json
from dataclasses import dataclass
from typing import Any

from . import ledger
from .database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who does something, in which server, and why."""

    guild_id: int
    actor_id: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the audit. *actor_id* and *user_id* are None for a person since forgotten."""

    seq: int
    actor_id: int | None
    what: str  #: in a word: "rule", "budget", "grant", "block", "cancel", …
    user_id: int | None  #: whom it was done to
    role_id: int | None
    before: Any  #: what JSON holds
    after: Any
    why: str
    at: float


def record(
    db: Database,
    by: By,
    what: str,
    *,
    now: float,
    user_id: int | None = None,
    role_id: int | None = None,
    before: object = None,
    after: object = None,
) -> None:
    """Write the line that *by* did *what*, to a user or a role, *before* and *after* as JSON."""
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


def audit(
    db: Database, guild_id: int, *, limit: int = 20, before: int | None = None
) -> list[Change]:
    """List what was changed, newest first; *before* is the last `seq` of the page before."""
    rows = db.execute(
        """
        SELECT seq, actor.user_id, what, target.user_id, role_id, before, after, why, at
        FROM audit JOIN person AS actor ON actor.id = actor
        LEFT JOIN person AS target ON target.id = person_id
        WHERE guild_id = :guild AND (CAST(:before AS BIGINT) IS NULL OR seq < :before)
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
