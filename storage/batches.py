"""Batches: jobs that one order made, and the one message that says what became of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from . import jobs
from .database import Database, Row
from .defaults import Moment
from .job import AT_WORK, PARKED, UNMADE, Job, State

MOST = 4  #: jobs of a batch
PARKED_WAIT = 600.0  #: seconds that a parked job holds up what becomes of the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The message about a batch: what it shows was decided before it was first posted."""

    batch: int
    takes: tuple[int, ...]  #: the jobs whose clips it shows, in order; empty: none was made
    at: float
    tried: bool  #: it may have been posted
    message_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """The message about a batch is not due: jobs of it are under way."""

    until: float | None  #: when it is due at the latest; None: when one of them moves


def insert_all(db: Database, drafts: Sequence[Job]) -> list[Job]:
    """Make a job of each of *drafts*, whose requests are new; several are a batch."""
    if len(drafts) == 1:
        return [jobs.insert_new(db, drafts[0])]
    first = jobs.insert_new(db, replace(drafts[0], batch=None, batch_place=None))
    db.execute("UPDATE job SET batch = id, batch_place = 1 WHERE id = ?", (first.id,))
    made = [replace(first, batch=first.id, batch_place=1)]
    for place, draft in enumerate(drafts[1:], start=2):
        made.append(jobs.insert_new(db, replace(draft, batch=first.id, batch_place=place)))
    return made


def of(db: Database, batch: int) -> list[Job]:
    """List the jobs of a batch, in order."""
    rows = db.execute(
        f"SELECT {jobs.ROW} FROM job WHERE batch = ? ORDER BY batch_place",  # noqa: S608
        (batch,),
    )
    return [jobs.job_of(row) for row in rows]


def sheet(db: Database, batch: int) -> Sheet | None:
    """The message about a batch; None before it was decided."""
    row = db.execute("SELECT * FROM sheet WHERE batch = ?", (batch,)).fetchone()
    return None if row is None else _sheet(row)


def decide(db: Database, at: Moment, batch: int) -> Sheet | Undecided:
    """The message about a batch, once nothing of the batch is still being made.

    Parked jobs hold it up for `PARKED_WAIT`. What it shows is decided once: what is made later is
    posted on its own.
    """
    known = sheet(db, batch)
    if known is not None:
        return known
    members = of(db, batch)
    if any(job.state in AT_WORK - {State.DELIVERING} for job in members):
        return Undecided(until=None)
    until = max((job.since + PARKED_WAIT for job in members if job.state in PARKED), default=0.0)
    if until > at.now:
        return Undecided(until=until)
    takes = [job.id for job in members if job.state is State.DELIVERING]
    row = db.execute(
        "INSERT INTO sheet (batch, takes, at) VALUES (?, ?, ?) RETURNING *",
        (batch, json.dumps(takes), at.now),
    ).fetchone()
    return _sheet(row)


def sheet_posted(db: Database, batch: int, message_id: int | None) -> None:
    """Note the message about a batch; with None, that it is about to be posted: from then on it
    may stand."""
    db.execute("UPDATE sheet SET tried = 1 WHERE batch = ?", (batch,))
    if message_id is not None:
        db.execute("UPDATE sheet SET message_id = ? WHERE batch = ?", (message_id, batch))


def teller(sheet: Sheet, members: Sequence[Job]) -> int | None:
    """The job whose step posts *sheet*; None where none of the batch has anything to post.

    It is the first that shows a clip there; where none was made, the first that has yet to be told
    of. One that could not post it comes after the others.
    """
    shown = [job for job in members if job.id in sheet.takes]
    due = [job.id for job in shown if job.state is State.DELIVERING]
    due += [job.id for job in shown if job.state is State.UNDELIVERED and job.due_at is not None]
    if not shown:
        due = [job.id for job in members if job.state in UNMADE and job.due_at is not None]
    return due[0] if due else None


def owed(db: Database, jobs: Iterable[Job]) -> set[int]:
    """The batches among *jobs* that came to nothing, and whose message failed at least once: one of
    the batch tries for all, and counts the tries."""
    waiting = [job for job in jobs if job.state in UNMADE and job.due_at is not None]
    tried = {job.batch for job in waiting if job.batch is not None and job.tries}
    known = [sheet(db, batch) for batch in tried]
    return {each.batch for each in known if each is not None and not each.takes}


def _sheet(row: Row) -> Sheet:
    return Sheet(
        batch=row["batch"],
        takes=tuple(json.loads(row["takes"])),
        at=row["at"],
        tried=bool(row["tried"]),
        message_id=row["message_id"],
    )
