"""What a person decides about a job, in one transaction with its line of the audit."""

from collections.abc import Sequence
from dataclasses import replace

from . import jobs, ledger, removals
from .audit import By, record
from .database import Database
from .defaults import Moment
from .job import Job, Lane, State


def move(
    db: Database,
    at: Moment,
    by: By | None,
    what: str,
    job: Job,
    why: str,
    *,
    thread_id: int | None = None,
) -> Job:
    """`jobs.save` a step that a person decided, with its line of the audit: both or none.

    Without *by*, as for one's own job, there is no line. *thread_id* is where the clip is to be
    posted, if not where it was ordered.
    """
    if thread_id is not None:
        jobs.set_places(db, job.id, thread_id=thread_id)
    saved = jobs.save(db, job, why)
    if by is not None:
        record(db, by, what, user_id=job.user_id, after={"job": job.id}, now=at.now)
    return saved


def take_down(db: Database, at: Moment, by: By | None, job: Job, *, hidden_by: int | None) -> None:
    """Hide a clip in the name of *hidden_by*; None shows it again.

    For a minute it can be undone, see `removals`. *by* goes on record; None for the clip's own
    requester, who leaves no line.
    """
    db.execute("UPDATE take SET hidden_by = ? WHERE job_id = ?", (hidden_by, job.id))
    if hidden_by is not None:
        removals.begin(db, at, job.id, hidden_by)
    else:
        removals.expire(db, job.id)
    if by is not None:
        what = "take down" if hidden_by is not None else "bring back"
        record(db, by, what, user_id=job.user_id, after={"job": job.id}, now=at.now)


def take_down_all(
    db: Database, at: Moment, by: By | None, jobs: Sequence[Job], *, hidden_by: int
) -> None:
    """`take_down` clips that stand in one message: all of them, or none."""
    for job in jobs:
        take_down(db, at, by, job, hidden_by=hidden_by)


def set_lane(db: Database, at: Moment, by: By, job_id: int, lane: Lane) -> Job | None:
    """Move a queued job to a lane, on record; None if *by*'s server has no such job queued."""
    before = jobs.get(db, job_id, guild_id=by.guild_id)
    if before is None or before.state is not State.QUEUED:
        return None
    db.execute("UPDATE job SET lane = ? WHERE id = ?", (lane, job_id))
    record(
        db,
        by,
        "lane",
        user_id=before.user_id,
        before={"job": job_id, "lane": before.lane},
        after={"job": job_id, "lane": lane},
        now=at.now,
    )
    return replace(before, lane=lane)


def clear(db: Database, at: Moment, by: By, job_id: int, attempt: int, *, billed: bool) -> bool:
    """End the suspense of an attempt as a moderator says, on record; see `ledger.clear`.

    False if the attempt is not in suspense, or the job is of another server.
    """
    job = jobs.get(db, job_id, guild_id=by.guild_id)
    if job is None or not ledger.clear(db, job_id, attempt, billed=billed, at=at.now):
        return False
    after = {"job": job_id, "attempt": attempt, "billed": billed}
    record(db, by, "suspense", after=after, now=at.now)
    return True
