"""Clips that were deleted a moment ago, and may be brought back."""

import json
from dataclasses import dataclass
from typing import Any

from .audit import By, record
from .database import Database
from .defaults import Moment
from .posts import posts_of

UNDO = 60.0  #: seconds for which a deletion can be undone


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A clip that was deleted a moment ago."""

    job_id: int
    user_id: int  #: who deleted it
    at: float
    stood: tuple[int, ...]  #: the channels that it was posted in, the oldest post first
    channel_id: int | None = None
    message_id: int | None = None  #: offers to undo it where everybody reads it
    undone: bool = False  #: it was undone, and is to be posted again


def begin(db: Database, at: Moment, job_id: int, user_id: int) -> None:
    """Note a deletion and where the clip stands, or stood before a deletion a moment ago; a clip
    without a post leaves nothing to undo."""
    stood = [post.channel_id for post in reversed(posts_of(db, job_id))]
    before = get(db, job_id)
    if before is not None and at.now - before.at <= UNDO:
        stood = [*before.stood, *stood]
    if stood:
        db.execute(
            "INSERT INTO removal (job_id, user_id, at, stood) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (job_id) DO UPDATE SET user_id = excluded.user_id, at = excluded.at,"
            " stood = excluded.stood, undone = 0, channel_id = CASE removal.undone WHEN 0 THEN"
            " removal.channel_id END, message_id = CASE removal.undone WHEN 0 THEN"
            " removal.message_id END",
            (job_id, user_id, at.now, json.dumps([*dict.fromkeys(stood)])),
        )


def get(db: Database, job_id: int) -> Removal | None:
    """The deletion of a clip; None where there is nothing to undo any more."""
    row = db.execute("SELECT * FROM removal WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else _removal(row)


def offered(db: Database, job_id: int, *, channel_id: int, message_id: int) -> None:
    """Note the message that offers everybody to undo a deletion."""
    db.execute(
        "UPDATE removal SET channel_id = ?, message_id = ? WHERE job_id = ?",
        (channel_id, message_id, job_id),
    )


def undo(db: Database, at: Moment, by: By | None, job_id: int) -> Removal | None:
    """Show a deleted clip again, if that is not a minute ago; its posts are still to be made.

    *by* goes on record; None for one's own clip. None, and nothing done, where it is over, or was
    undone before.
    """
    found = get(db, job_id)
    if found is None or found.undone or at.now - found.at > UNDO:
        return None
    db.execute("UPDATE take SET hidden_by = NULL WHERE job_id = ?", (job_id,))
    db.execute("UPDATE removal SET undone = 1 WHERE job_id = ?", (job_id,))
    if by is not None:
        [user_id] = db.execute("SELECT user_id FROM job WHERE id = ?", (job_id,)).fetchone()
        record(db, by, "bring back", user_id=user_id, after={"job": job_id}, now=at.now)
    return get(db, job_id)


def settled(db: Database, at: Moment) -> list[Removal]:
    """List the deletions about which something is to be done: undone, or over."""
    rows = db.execute(
        "SELECT * FROM removal WHERE undone = 1 OR at < ? ORDER BY at", (at.now - UNDO,)
    )
    return [_removal(row) for row in rows]


def count(db: Database) -> int:
    """Count the deletions of the last minute, and those that are being undone."""
    [found] = db.execute("SELECT count(*) FROM removal").fetchone()
    return int(found)


def end(db: Database, removal: Removal) -> None:
    """Forget a deletion: it is final, or the clip is back. One that was begun since then stays."""
    db.execute(
        "DELETE FROM removal WHERE job_id = ? AND (at = ? OR at = 0)", (removal.job_id, removal.at)
    )


def expire(db: Database, job_id: int) -> None:
    """Let nobody undo a deletion any more: the clip is back by another way."""
    db.execute("UPDATE removal SET at = 0 WHERE job_id = ?", (job_id,))


def _removal(row: Any) -> Removal:
    values = dict(row)
    values |= {"stood": tuple(json.loads(values["stood"])), "undone": bool(values["undone"])}
    return Removal(**values)
