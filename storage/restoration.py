"""What a database that came out of a backup may not do again: the world is newer than it is."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from . import jobs
from .database import Database
from .defaults import Moment
from .job import UNSETTLED_BY_RESTORING, Job, State

SPARE = 1000  #: numbers that are left out at the least


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """A backup that this database was restored from. Times are seconds since 1970."""

    id: int
    taken_at: float  #: when the backup was made, by the wall clock
    began_at: float | None  #: when a start acted on it; None: the next one does
    last_job: int  #: the highest number that was known then; 0 until a start acted on it
    read_back: bool  #: what people had done under clips was looked at since


def mark(db: Database, taken_at: float) -> None:
    """Write into a copy of a database when it was made: the first start from it acts on that."""
    db.execute("INSERT INTO restoration (taken_at) VALUES (?)", (taken_at,))


def latest(db: Database) -> Restoration | None:
    """The backup that this database was restored from last; None where it never was."""
    row = db.execute("SELECT * FROM restoration ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return None
    return Restoration(
        id=row["id"],
        taken_at=row["taken_at"],
        began_at=row["began_at"],
        last_job=row["last_job"] or 0,
        read_back=bool(row["read_back"]),
    )


def begin(
    db: Database,
    at: Moment,
    *,
    idempotent: Collection[str],
    failure: str,
    sentence: str,
    new_token: Callable[[], str],
) -> list[Job]:
    """Park what may have been ordered since the backup; returns those jobs as they are now.

    A job that was waiting, or was being sent, may have been made and paid for after the backup.
    Only the providers named in *idempotent* can be asked, or cost nothing: their jobs go on.
    Of all others a moderator decides; *failure* and *sentence* say why. Jobs that a provider had
    named by then are asked about as ever.

    The numbers of what was ordered after the backup stand in Discord and on providers' bills, so
    none of them is given again: twice as many are left out as were ordered in a span as long as
    the one that is lost, and `SPARE` more.
    """
    restored = latest(db)
    if restored is None or restored.began_at is not None:
        return []
    parked = []
    for due in jobs.live(db):
        if due.state not in UNSETTLED_BY_RESTORING or due.provider in idempotent:
            continue
        job = jobs.get(db, due.id)
        if job is not None:
            parked.append(_park(db, job, at.now, failure, sentence, new_token))
    [last] = db.execute("SELECT coalesce(max(id), 0) FROM job").fetchone()
    lost = max(0.0, at.on_the_wall(at.now) - restored.taken_at)
    [ordered] = db.execute(
        "SELECT count(*) FROM job WHERE created_at > ?",
        (at.now - 2 * lost,),
    ).fetchone()
    db.execute("UPDATE sqlite_sequence SET seq = seq + ?", (SPARE + 2 * ordered,))
    db.execute(
        "UPDATE restoration SET began_at = ?, last_job = ? WHERE began_at IS NULL", (at.now, last)
    )
    return parked


def _park(
    db: Database, job: Job, now: float, failure: str, sentence: str, new_token: Callable[[], str]
) -> Job:
    """Move *job* to where a moderator decides, by the way that every unclear order takes."""
    why = "restored from a backup"
    if job.state is State.QUEUED:
        sent = job.to(
            State.SUBMITTING, now=now, due_at=now, attempt=job.attempt + 1, token=new_token()
        )
        job = jobs.save(db, sent, why)
    unclear = job.to(
        State.UNCLEAR, now=now, due_at=now, error=sentence, failure=failure, billed="unknown"
    )
    return jobs.save(db, unclear, why)


def note_read_back(db: Database) -> None:
    """Note that all that people had done under clips was looked at."""
    db.execute("UPDATE restoration SET read_back = 1 WHERE began_at IS NOT NULL")
