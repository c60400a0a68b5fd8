"""The daily digests of servers: which are to be posted, which were, and what waits there."""

from dataclasses import dataclass

from .database import Database
from .defaults import Moment
from .guilds import Server, server_of
from .job import PARKED, UNMADE, State, sql_list
from .jobs import count
from .refused_orders import LASTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How much of each kind waits for the moderators of a server."""

    parked: int  #: clips that need a decision
    undelivered: int  #: clips that could not be posted
    asked: int  #: refused orders of which moderators were asked


def wanting(db: Database, at: Moment) -> list[tuple[int, Server]]:
    """List the servers that want a digest and have a channel for it, with their settings."""
    rows = db.execute(
        "SELECT guild_id FROM server WHERE digest_hour IS NOT NULL AND moderators IS NOT NULL"
        " ORDER BY guild_id"
    ).fetchall()
    return [(guild_id, server_of(db, guild_id, at.defaults)) for (guild_id,) in rows]


def begin(db: Database, at: Moment, guild_id: int, day: str) -> float | None:
    """Note that the digest of *day* is about to be posted; when it was first tried, or None where
    it is over."""
    db.execute(
        "INSERT INTO digest (guild_id, day, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (guild_id, day, at.now),
    )
    row = db.execute(
        "SELECT at FROM digest WHERE guild_id = ? AND day = ? AND over = 0", (guild_id, day)
    ).fetchone()
    return None if row is None else float(row[0])


def over(db: Database, at: Moment, guild_id: int, day: str) -> None:
    """Note that the digest of *day* stands there, or is left out; older days are forgotten."""
    db.execute(
        "INSERT INTO digest (guild_id, day, at, over) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (guild_id, day) DO UPDATE SET over = 1",
        (guild_id, day, at.now),
    )
    db.execute("DELETE FROM digest WHERE guild_id = ? AND day < ?", (guild_id, day))


def failed(db: Database, guild_id: int, *, begin: float, after: float) -> list[int]:
    """List the jobs of a server that failed from *begin* to before *after*, oldest first.

    What somebody cancelled did not fail.
    """
    rows = db.execute(
        f"SELECT id FROM job INDEXED BY job_unmade"  # noqa: S608  # fixed texts
        f" WHERE guild_id = ? AND since >= ? AND since < ?"
        f" AND state IN {sql_list(UNMADE - {State.CANCELLED})} ORDER BY id",
        (guild_id, begin, after),
    )
    return [job_id for (job_id,) in rows]


def waiting(db: Database, at: Moment, guild_id: int) -> Waiting:
    """Count what waits for the moderators of a server."""
    [asked] = db.execute(
        "SELECT count(*) FROM refused WHERE guild_id = ? AND asked_at IS NOT NULL"
        " AND answer IS NULL AND at >= ?",
        (guild_id, at.now - LASTS),
    ).fetchone()
    return Waiting(
        parked=count(db, guild_id, PARKED),
        undelivered=count(db, guild_id, {State.UNDELIVERED}),
        asked=asked,
    )
