"""What providers billed, beside what was booked and what lies on the disk."""

from dataclasses import dataclass
from datetime import UTC, datetime

from . import ledger
from .database import Database
from .job import LIVE, MADE, Job, sql_list
from .jobs import get


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A clip for which its provider billed more than the price that its requester pays."""

    job: Job
    amount: int  #: credits above the price: the server's loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A job whose provider said what it billed, in its own unit: `Job.cost`."""

    job: Job
    booked: int  #: credits spent, lost or in suspense
    day: str  #: of the settlement, UTC, as YYYY-MM-DD


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something about a clip that moderators have to know."""

    job: Job
    kind: str  #: one of each kind a job
    text: str  #: a sentence


def overruns(db: Database) -> list[Overrun]:
    """List the overruns that moderators were not told of, oldest first."""
    rows = db.execute(
        "SELECT job_id, amount FROM overrun WHERE told = 0 ORDER BY job_id"
    ).fetchall()
    jobs = [(get(db, number), amount) for number, amount in rows]
    return [Overrun(job=job, amount=amount) for job, amount in jobs if job is not None]


def told(db: Database, overrun: Overrun) -> None:
    """Note that moderators know of *overrun*."""
    db.execute("UPDATE overrun SET told = 1 WHERE job_id = ?", (overrun.job.id,))


def note(db: Database, job: Job, kind: str, text: str, *, at: float) -> None:
    """Keep *text* about *job* for the moderators, once for each *kind*.

    *text* outlives the deletion of personal data and must hold none.
    """
    db.execute(
        "INSERT INTO incident (job_id, kind, text, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (job.id, kind, text, at),
    )


def incidents(db: Database) -> list[Incident]:
    """List the incidents that moderators were not told of, oldest first, at most 100."""
    rows = db.execute(
        "SELECT job_id, kind, text FROM incident WHERE told = 0 ORDER BY at LIMIT 100"
    ).fetchall()
    found = [(get(db, number), kind, text) for number, kind, text in rows]
    return [Incident(job=job, kind=kind, text=text) for job, kind, text in found if job is not None]


def told_of(db: Database, incident: Incident) -> None:
    """Note that moderators know of *incident*."""
    db.execute(
        "UPDATE incident SET told = 1 WHERE job_id = ? AND kind = ?",
        (incident.job.id, incident.kind),
    )


def clear(db: Database, job: Job, *, billed: bool, at: float) -> bool:
    """End the suspense of *job*'s attempt, whose bill the provider itself has reported.

    False if that attempt is not in suspense.
    """
    return ledger.clear(db, job.id, job.attempt, billed=billed, at=at)


def settled(db: Database, *, since: float) -> list[Settled]:
    """List the jobs settled since *since* for which the provider reported a cost."""
    rows = db.execute(
        """
        SELECT settling.job_id, settling.at, (
            SELECT coalesce(sum(
                CASE WHEN target LIKE 'spent:%' OR target LIKE 'lost:%'
                          OR target LIKE 'suspense:%' THEN amount ELSE 0 END
                - CASE WHEN source LIKE 'spent:%' OR source LIKE 'lost:%'
                            OR source LIKE 'suspense:%' THEN amount ELSE 0 END
            ), 0) FROM txn JOIN transfer ON txn_id = txn.id WHERE txn.job_id = settling.job_id
        )
        FROM txn AS settling JOIN job ON job.id = settling.job_id
        WHERE settling.kind IN ('capture', 'release', 'close') AND settling.at >= ?
        AND cost IS NOT NULL AND billed <> 'no'
        """,
        (since,),
    ).fetchall()
    jobs = [(get(db, number), at, booked) for number, at, booked in rows]
    return [
        Settled(job=job, booked=booked, day=datetime.fromtimestamp(at, UTC).date().isoformat())
        for job, at, booked in jobs
        if job is not None
    ]


def needed_files(db: Database) -> list[tuple[int, str]]:
    """List each job with a file that must be on the disk for it, relative to the data directory.

    Those are the clips of takes that were not evicted, and the inputs of jobs under way.
    """
    rows = db.execute(
        f"""
        SELECT id, file FROM job LEFT JOIN take ON take.job_id = job.id
        WHERE state IN {sql_list(MADE)} AND file IS NOT NULL
        AND take.dropped IS NULL
        UNION
        SELECT job.id, needed.file FROM job JOIN needed ON needed.job_id = job.id
        WHERE state IN {sql_list(LIVE)} AND needed.file LIKE 'inputs/%'
        ORDER BY 1, 2
        """  # noqa: S608  # fixed texts
    )
    return [(number, file) for number, file in rows]
