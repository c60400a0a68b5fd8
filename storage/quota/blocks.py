"""Who may not order in a server."""

from dataclasses import dataclass

from storage.audit import By, record
from storage.database import Database
from storage.defaults import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A person who may not order, until *until* or until `unblock`."""

    user_id: int
    why: str
    until: float | None


def block(db: Database, at: Moment, by: By, user_id: int, *, lasts: float | None = None) -> None:
    """Take no orders from a person, for *lasts* seconds or until `unblock`."""
    until = None if lasts is None else at.now + lasts
    db.execute(
        "INSERT INTO block (guild_id, user_id, why, until) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (guild_id, user_id) DO UPDATE SET why = excluded.why, until = excluded.until",
        (by.guild_id, user_id, by.why, until),
    )
    record(db, by, "block", user_id=user_id, after={"until": until}, now=at.now)


def unblock(db: Database, at: Moment, by: By, user_id: int) -> bool:
    """Take orders from a person again. False if they were not blocked."""
    cursor = db.execute(
        "DELETE FROM block WHERE guild_id = ? AND user_id = ?", (by.guild_id, user_id)
    )
    if cursor.rowcount:
        record(db, by, "unblock", user_id=user_id, now=at.now)
    return cursor.rowcount > 0


def blocks(db: Database, at: Moment, guild_id: int) -> list[Block]:
    """List who is blocked now."""
    rows = db.execute(
        "SELECT user_id, why, until FROM block"
        " WHERE guild_id = ? AND (until IS NULL OR until > ?) ORDER BY user_id",
        (guild_id, at.now),
    )
    return [Block(user_id=user_id, why=why, until=until) for user_id, why, until in rows]
