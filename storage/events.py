"""The record of every move that a job made."""

import sqlite3
from dataclasses import dataclass

from .job import MADE, Job, State, sql_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One move of a job. *before* is None for the first, when it was accepted."""

    job_id: int
    rev: int  #: the job's, after the move
    before: State | None
    after: State
    why: str
    at: float


def note_move(db: sqlite3.Connection, job: Job, *, before: State | None, why: str) -> None:
    db.execute(
        "INSERT INTO event (job_id, rev, from_state, to_state, why, at)"
        " SELECT id, rev, ?, state, ?, since FROM job WHERE id = ?",
        (before, why, job.id),
    )


def history(db: sqlite3.Connection, id: int) -> list[Event]:
    """See `Jobs.history`."""
    rows = db.execute(
        """
        SELECT job_id, rev, from_state, to_state, why, at FROM event
        WHERE job_id = ? ORDER BY rev
        """,
        (id,),
    )
    return [
        Event(
            job_id=job_id,
            rev=rev,
            before=None if before is None else State(before),
            after=State(after),
            why=why,
            at=at,
        )
        for job_id, rev, before, after, why, at in rows
    ]


def durations(db: sqlite3.Connection, *, provider: str, model: str, limit: int) -> list[float]:
    """See `Jobs.durations`."""
    rows = db.execute(
        f"""
        SELECT (
            SELECT max(at) FROM event WHERE job_id = job.id AND to_state = '{State.FETCHING}'
        ) - (
            SELECT max(at) FROM event WHERE job_id = job.id AND to_state = '{State.SUBMITTING}'
        )
        FROM job
        WHERE provider = ? AND model = ? AND state IN {sql_list(MADE)}
        ORDER BY id DESC LIMIT ?
        """,  # noqa: S608  # fixed texts
        (provider, model, limit),
    )
    # A clock that was set back in between would make one negative.
    return [took for (took,) in rows if took is not None and took >= 0]
