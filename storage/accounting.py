"""What providers billed, beside what was booked and what lies on the disk."""

import sqlite3
from dataclasses import dataclass

from . import ledger
from .job import LIVE, MADE, Job, sql_list
from .jobs import get
from .writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A clip for which its provider billed more than its person was told, and pays."""

    job: Job
    amount: int  #: credits above the price: the house's loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A job whose provider said what it billed, in its own unit: `Job.cost`."""

    job: Job
    booked: int  #: credits spent, lost or in suspense
    day: str  #: of the settlement, UTC, as YYYY-MM-DD


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What moderators are to be told of a clip."""

    job: Job
    kind: str  #: one of each kind a job
    text: str  #: a sentence


class Accounting:
    """What the bot's bookkeeper asks about providers."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def overruns(self) -> list[Overrun]:
        """Those that nobody was told of yet, oldest first."""
        return await self._writer.read(overruns)

    async def told(self, overrun: Overrun) -> None:
        """Note that moderators know of it."""
        await self._writer.write(
            lambda db: (
                db.execute(
                    "UPDATE overrun SET told = 1 WHERE job_id = ?", (overrun.job.id,)
                ).rowcount
            )
        )

    async def note(self, job: Job, kind: str, text: str, *, at: float) -> None:
        """Keep a sentence about *job* that moderators are to be told, once a kind. It must hold no
        personal data."""
        await self._writer.write(lambda db: note(db, job, kind, text, at=at))

    async def incidents(self) -> list[Incident]:
        """Those that nobody was told of yet, oldest first."""
        return await self._writer.read(incidents)

    async def told_of(self, incident: Incident) -> None:
        """Note that moderators know of it."""
        await self._writer.write(
            lambda db: (
                db.execute(
                    "UPDATE incident SET told = 1 WHERE job_id = ? AND kind = ?",
                    (incident.job.id, incident.kind),
                ).rowcount
            )
        )

    async def clear(self, job: Job, *, billed: bool, at: float) -> bool:
        """End the suspense of *job*'s attempt, now that the provider itself said what it was."""
        return await self._writer.write(
            lambda db: ledger.clear(db, job.id, job.attempt, billed=billed, at=at)
        )

    async def settled(self, *, since: float) -> list[Settled]:
        """Jobs settled from then on which their providers charge for, or may, and said how much."""
        return await self._writer.read(lambda db: settled(db, since=since))

    async def needed_files(self) -> list[tuple[int, str]]:
        """Jobs and the files that have to be on the disk for them: the clips of takes that did
        not make room, and what jobs under way start from. Relative to the data directory."""
        return await self._writer.read(needed_files)


def overruns(db: sqlite3.Connection) -> list[Overrun]:
    """See `Accounting.overruns`."""
    rows = db.execute(
        "SELECT job_id, amount FROM overrun WHERE told = 0 ORDER BY job_id"
    ).fetchall()
    jobs = [(get(db, number), amount) for number, amount in rows]
    return [Overrun(job=job, amount=amount) for job, amount in jobs if job is not None]


def note(db: sqlite3.Connection, job: Job, kind: str, text: str, *, at: float) -> None:
    """See `Accounting.note`."""
    db.execute(
        "INSERT OR IGNORE INTO incident (job_id, kind, text, at) VALUES (?, ?, ?, ?)",
        (job.id, kind, text, at),
    )


def incidents(db: sqlite3.Connection) -> list[Incident]:
    """See `Accounting.incidents`."""
    rows = db.execute(
        "SELECT job_id, kind, text FROM incident WHERE told = 0 ORDER BY at LIMIT 100"
    ).fetchall()
    found = [(get(db, number), kind, text) for number, kind, text in rows]
    return [Incident(job=job, kind=kind, text=text) for job, kind, text in found if job is not None]


def settled(db: sqlite3.Connection, *, since: float) -> list[Settled]:
    """See `Accounting.settled`."""
    rows = db.execute(
        """
        SELECT settling.job_id, date(settling.at, 'unixepoch'), (
            SELECT coalesce(sum(
                amount * ((target GLOB 'spent:*' OR target GLOB 'lost:*'
                           OR target GLOB 'suspense:*')
                        - (source GLOB 'spent:*' OR source GLOB 'lost:*'
                           OR source GLOB 'suspense:*'))
            ), 0) FROM txn JOIN transfer ON txn_id = txn.id WHERE txn.job_id = settling.job_id
        )
        FROM txn AS settling JOIN job ON job.id = settling.job_id
        WHERE settling.kind IN ('capture', 'release', 'close') AND settling.at >= ?
        AND cost IS NOT NULL AND billed <> 'no'
        """,
        (since,),
    ).fetchall()
    jobs = [(get(db, number), day, booked) for number, day, booked in rows]
    return [
        Settled(job=job, booked=booked, day=day) for job, day, booked in jobs if job is not None
    ]


def needed_files(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """See `Accounting.needed_files`."""
    rows = db.execute(
        f"""
        SELECT id, file FROM job LEFT JOIN take ON take.job_id = job.id
        WHERE state IN {sql_list(MADE)} AND file IS NOT NULL
        AND take.dropped IS NULL
        UNION
        SELECT job.id, needed.file FROM job JOIN needed ON needed.job_id = job.id
        WHERE state IN {sql_list(LIVE)} AND needed.file GLOB 'inputs/*'
        ORDER BY 1, 2
        """  # noqa: S608  # fixed texts
    )
    return [(number, file) for number, file in rows]
