"""The record of every move that a job made."""

from dataclasses import dataclass

from .database import Database
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


def note_move(db: Database, job: Job, *, before: State | None, why: str) -> None:
    """Record that *job* came from the state *before* to the state of its row."""
    db.execute(
        "INSERT INTO event (job_id, rev, from_state, to_state, why, at)"
        " SELECT id, rev, ?, state, ?, since FROM job WHERE id = ?",
        (before, why, job.id),
    )


def history(db: Database, id: int) -> list[Event]:
    """List the moves of a job, in order."""
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


def durations(db: Database, provider: str, model: str, *, limit: int = 200) -> list[float]:
    """Seconds from submit to finished clip of a model's last *limit* jobs, newest first."""
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
