"""Everything that the database knows of one job, for a person who looks for a fault."""

from dataclasses import dataclass

from . import events, jobs, ledger, posts
from .database import Database
from .events import Event
from .job import Job
from .ledger import Bill
from .posts import Post


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Credits that were moved for a job. *attempt* is set where one attempt is meant."""

    at: float
    kind: str  #: reserve, capture, release, close, suspense or clear
    attempt: int | None
    source: str  #: an account of the ledger
    target: str
    amount: int  #: whole credits


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A job, and all that belongs to it, oldest first."""

    job: Job
    events: list[Event]
    bill: Bill | None
    movements: list[Movement]
    posts: list[Post]
    parkings: list[tuple[float, str, bool, bool]]  #: when, its state, whether told, whether over
    incidents: list[tuple[float, str, str]]  #: when, what kind, the sentence
    files: list[str]  #: that it made or starts from, relative to the data directory


def dossier(db: Database, job_id: int) -> Dossier | None:
    """Gather all about a job; None if no job has this number."""
    job = jobs.get(db, job_id)
    if job is None:
        return None
    movements = db.execute(
        """
        SELECT at, kind, attempt, source, target, amount
        FROM txn JOIN transfer ON txn_id = txn.id WHERE job_id = ? ORDER BY txn.id
        """,
        (job_id,),
    )
    parkings = db.execute(
        "SELECT at, state, message_id, over FROM parking WHERE job_id = ? ORDER BY rev", (job_id,)
    )
    incidents = db.execute(
        "SELECT at, kind, text FROM incident WHERE job_id = ? ORDER BY at", (job_id,)
    )
    files = db.execute("SELECT file FROM needed WHERE job_id = ? ORDER BY file", (job_id,))
    return Dossier(
        job=job,
        events=events.history(db, job_id),
        bill=ledger.bill(db, job_id),
        movements=[Movement(**dict(row)) for row in movements],
        posts=posts.posts(db, "job_id = ?", (job_id,))[::-1],
        parkings=[(row[0], row[1], row[2] is not None, bool(row[3])) for row in parkings],
        incidents=[(row[0], row[1], row[2]) for row in incidents],
        files=[row[0] for row in files],
    )
