"""What waits for a moderator: each time that a job came to wait, and who was told of it."""

from dataclasses import dataclass

from .database import Database
from .job import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """One time that a job came to wait for a moderator, or for a channel to post its clip."""

    job_id: int
    rev: int  #: the job's, when it came to wait
    state: State
    at: float
    stands: bool  #: whether it still waits since then
    channel_id: int | None = None  #: where moderators were told; None: they have yet to be
    message_id: int | None = None
    by: int | None = None  #: who decided; None if nobody did
    what: str = ""  #: what they decided, by its name in the audit


def unresolved(db: Database) -> list[Parking]:
    """List the parkings of which moderators have yet to be told something, oldest first."""
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


def told(db: Database, parking: Parking, *, channel_id: int, message_id: int) -> None:
    """Note the message that tells moderators of *parking*."""
    db.execute(
        "UPDATE parking SET channel_id = ?, message_id = ? WHERE job_id = ? AND rev = ?",
        (channel_id, message_id, parking.job_id, parking.rev),
    )


def over(db: Database, parking: Parking) -> None:
    """Note that nothing is left to be told of *parking*."""
    db.execute(
        "UPDATE parking SET over = 1 WHERE job_id = ? AND rev = ?", (parking.job_id, parking.rev)
    )


def _decided(db: Database, job_id: int, at: float) -> tuple[int | None, str]:
    """Find who decided about a job first since *at*, and what; (None, "") if nobody did."""
    row = db.execute(
        """
        SELECT user_id, what FROM audit JOIN person ON person.id = actor
        WHERE guild_id = (SELECT guild_id FROM job WHERE job.id = :job) AND at >= :at
        AND CAST(json_extract(after, '$.job') AS BIGINT) = :job
        AND what IN ('check again', 'retry', 'close', 'post')
        ORDER BY seq LIMIT 1
        """,
        {"job": job_id, "at": at},
    ).fetchone()
    return (None, "") if row is None else (row[0], row[1])
