"""What providers billed, beside what was booked and what lies on the disk."""

import sqlite3
from dataclasses import dataclass

from .job import LIVE, Job
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
        WHERE state IN ('delivering', 'done', 'undelivered') AND file IS NOT NULL
        AND take.dropped IS NULL
        UNION
        SELECT job.id, needed.file FROM job JOIN needed ON needed.job_id = job.id
        WHERE state IN {LIVE} AND needed.file GLOB 'inputs/*'
        ORDER BY 1, 2
        """  # noqa: S608  # the constant above
    )
    return [(number, file) for number, file in rows]
