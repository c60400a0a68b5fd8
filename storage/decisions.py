"""What a person decides about a job, in one transaction with its line of the audit."""

import sqlite3
from dataclasses import replace

from . import jobs
from .audit import By, record
from .job import Job, Lane, State


def move(
    db: sqlite3.Connection,
    by: By | None,
    what: str,
    job: Job,
    why: str,
    *,
    thread_id: int | None,
    now: float,
) -> Job:
    """See `Servers.move`."""
    if thread_id is not None:
        jobs.set_places(db, job.id, thread_id=thread_id, card_channel_id=None, card_id=None)
    saved = jobs.save(db, job, why)
    if by is not None:
        record(db, by, what, user_id=job.user_id, after={"job": job.id}, now=now)
    return saved


def take_down(
    db: sqlite3.Connection, by: By | None, job: Job, *, hidden_by: int | None, now: float
) -> None:
    """See `Servers.take_down`."""
    db.execute("UPDATE take SET hidden_by = ? WHERE job_id = ?", (hidden_by, job.id))
    if by is not None:
        what = "take down" if hidden_by is not None else "bring back"
        record(db, by, what, user_id=job.user_id, after={"job": job.id}, now=now)


def set_lane(db: sqlite3.Connection, by: By, job_id: int, lane: Lane, *, now: float) -> Job | None:
    """See `Servers.set_lane`."""
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
        now=now,
    )
    return replace(before, lane=lane)
