"""What waits for a moderator: each time that a job came to wait, and who was told of it."""

import sqlite3
from dataclasses import dataclass

from .job import State
from .writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """One time that a job came to wait for a person, or its clip for a place to be posted."""

    job_id: int
    rev: int  #: the job's, when it came to wait
    state: State
    at: float
    stands: bool  #: whether it still waits since then
    channel_id: int | None = None  #: where moderators were told; None: they have yet to be
    message_id: int | None = None
    by: int | None = None  #: who decided, if somebody did
    what: str = ""  #: what they did, by its name in the audit


class Parkings:
    """The times that jobs came to wait. They are written by the moves themselves."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def open(self) -> list[Parking]:
        """Those of which something is left to be told, oldest first."""
        return await self._writer.read(open_)

    async def told(self, parking: Parking, *, channel_id: int, message_id: int) -> None:
        """Note the message that tells moderators of it."""
        await self._writer.write(
            lambda db: _run(
                db,
                "UPDATE parking SET channel_id = ?, message_id = ? WHERE job_id = ? AND rev = ?",
                *(channel_id, message_id, parking.job_id, parking.rev),
            )
        )

    async def over(self, parking: Parking) -> None:
        """Note that nothing is left to be told of it."""
        await self._writer.write(
            lambda db: _run(
                db,
                "UPDATE parking SET over = 1 WHERE job_id = ? AND rev = ?",
                *(parking.job_id, parking.rev),
            )
        )


def open_(db: sqlite3.Connection) -> list[Parking]:
    """See `Parkings.open`."""
    rows = db.execute(
        """
        SELECT parking.job_id, parking.rev, parking.state, parking.at, channel_id, message_id,
            NOT EXISTS (
                SELECT 1 FROM event WHERE event.job_id = parking.job_id AND event.rev > parking.rev
            ) AS stands
        FROM parking WHERE over = 0 ORDER BY parking.at, parking.job_id
        """
    ).fetchall()
    found = []
    for row in rows:
        known = {**dict(row), "state": State(row["state"]), "stands": bool(row["stands"])}
        if not row["stands"]:
            known["by"], known["what"] = _decided(db, row["job_id"], row["at"])
        found.append(Parking(**known))
    return found


def _decided(db: sqlite3.Connection, job_id: int, at: float) -> tuple[int | None, str]:
    """Who decided about a job first since a time, and what; None and "" if nobody did."""
    row = db.execute(
        """
        SELECT user_id, what FROM audit JOIN person ON person.id = actor
        WHERE guild_id = (SELECT guild_id FROM job WHERE job.id = :job) AND at >= :at
        AND json_extract(after, '$.job') = :job
        AND what IN ('check again', 'retry', 'close', 'post')
        ORDER BY seq LIMIT 1
        """,
        {"job": job_id, "at": at},
    ).fetchone()
    return (None, "") if row is None else (row[0], row[1])


def _run(db: sqlite3.Connection, sql: str, *values: int) -> None:
    db.execute(sql, values)
