"""Who may not order in a server."""

import sqlite3
from dataclasses import dataclass

from storage.audit import By, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Somebody who may not order, until then or until a moderator says otherwise."""

    user_id: int
    why: str
    until: float | None


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


def blocks(db: sqlite3.Connection, guild_id: int, now: float) -> list[Block]:
    """See `Moderation.blocks`."""
    rows = db.execute(
        "SELECT user_id, why, until FROM block"
        " WHERE guild_id = ? AND (until IS NULL OR until > ?) ORDER BY user_id",
        (guild_id, now),
    )
    return [Block(user_id=user_id, why=why, until=until) for user_id, why, until in rows]
