"""Files on the disk and in the bucket: which jobs name them, and what may go."""

import json
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from .database import Database
from .job import FINISHED, LIVE, MADE, Job, State, sql_list
from .jobs import ROW, job_of

_LIVE, _MADE = sql_list(LIVE), sql_list(MADE)
#: What the bucket is to have: a take's own clip and its inputs. Another take's clip that it
#: started from belongs to that other take.
_WANTED = f"""
    job.state IN {_MADE} AND job.file IS NOT NULL
    AND (needed.file = job.file OR needed.file LIKE 'inputs/%') AND (
        CAST(:since AS DOUBLE PRECISION) IS NULL OR job.since >= :since
        OR EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)
        OR EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)
    )
"""  # noqa: S608  # a fixed text


AT_ONCE = 1000  #: jobs looked at in one read, which takes some milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file's copy in the bucket."""

    file: str
    bucket: str
    key: str  #: its name in the bucket
    size: int  #: bytes
    sha256: str  #: of its bytes, in hexadecimal


class Holder(StrEnum):
    """Why the job whose number a file carries may need that file."""

    LIVE = "live"  #: it is under way, or a job under way starts from its clip
    KEPT = "kept"  #: its clip is to be on the disk
    OVER = "over"  #: it made none, or the clip was evicted or deleted


def holders(db: Database, ids: Iterable[int]) -> dict[int, tuple[Holder, str | None]]:
    """For each of *ids* that is a job: why it may need its files, and its clip's file."""
    rows = db.execute(
        f"""
        SELECT id, file, CASE
            WHEN state IN {_LIVE} OR due_at IS NOT NULL OR EXISTS (
                SELECT 1 FROM needed JOIN job AS child ON child.id = needed.job_id
                WHERE child.state IN {_LIVE} AND needed.file IN (
                    'takes/' || job.id || '.mp4', 'takes/' || job.id || '.zip',
                    'takes/' || job.id || '.piece.mp4'
                )
            ) THEN 'live'
            WHEN state IN {_MADE} AND file IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM take WHERE take.job_id = job.id AND dropped IS NOT NULL
            ) THEN 'kept'
            ELSE 'over' END AS holder
        FROM job WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
        """,  # noqa: S608  # fixed texts
        (json.dumps(list(ids)),),
    )
    return {number: (Holder(holder), file) for number, file, holder in rows}


def needless(
    db: Database, names: Iterable[str], *, ended: float, refused: float, bucket: str | None
) -> set[str]:
    """The files among *names* that nothing on this disk needs any more.

    A file is needed by a job under way, a take whose clip is on the disk, an order refused after
    *refused* that may yet be made, and a job that ended without a clip after *ended*; also by a
    take whose clip only the *bucket* has, until the bucket has that file, too.
    """
    rows = db.execute(
        f"""
        WITH asked AS (
            SELECT named.value AS file FROM refused, json_tree(wanted) AS named
            WHERE at >= :refused AND named.key = 'file' AND named.type = 'text'
            UNION SELECT named.value FROM refused, json_tree(fits) AS named
            WHERE at >= :refused AND named.key = 'file' AND named.type = 'text'
        )
        SELECT name.value FROM json_each(:names) AS name
        WHERE name.value NOT IN (SELECT file FROM asked) AND NOT EXISTS (
            SELECT 1 FROM needed JOIN job ON job.id = needed.job_id
            LEFT JOIN take ON take.job_id = job.id
            WHERE needed.file = name.value AND (
                job.state IN {_LIVE}
                OR (job.state IN {_MADE} AND job.file IS NOT NULL AND take.dropped IS NULL)
                OR (job.state NOT IN {_MADE} AND job.since >= :ended)
                OR (job.state IN {_MADE} AND CAST(:bucket AS TEXT) IS NOT NULL
                    AND EXISTS (SELECT 1 FROM copy WHERE copy.file = job.file
                                AND at IS NOT NULL AND bucket = :bucket)
                    AND NOT EXISTS (SELECT 1 FROM copy WHERE copy.file = needed.file
                                    AND at IS NOT NULL AND bucket = :bucket))
            )
        )
        """,  # noqa: S608  # fixed texts
        {"names": json.dumps(list(names)), "ended": ended, "refused": refused, "bucket": bucket},
    )
    return {name for (name,) in rows}


def unnamed(db: Database, names: Collection[str]) -> set[str]:
    """The files among *names* that no job names; asked as a write, to see all writes before it."""
    rows = db.execute(
        "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM needed WHERE file = value)",
        (json.dumps(list(names)),),
    )
    return {name for (name,) in rows}


def inputs_of(db: Database, job_id: int) -> list[str]:
    """The files that a job's brief starts from, other than clips."""
    rows = db.execute(
        "SELECT file FROM needed WHERE job_id = ? AND file LIKE 'inputs/%'", (job_id,)
    )
    return [file for (file,) in rows]


def restore(db: Database, file: str) -> None:
    """Note that an evicted clip is coming back to the disk."""
    db.execute(
        "UPDATE take SET dropped = NULL WHERE job_id IN (SELECT job.id FROM needed"
        " JOIN job ON job.id = job_id AND job.file = needed.file WHERE needed.file = ?)",
        (file,),
    )


def droppable(
    db: Database,
    *,
    before: float,
    limit: int = 500,
    bucket: str | None = None,
    copied_after: float | None = None,
    owed: bool = False,
) -> list[Job]:
    """List ended jobs whose file may be evicted: nobody's favourites first, then the oldest.

    They ended before *before*, and no live job starts from their files. With a *bucket*, only
    jobs whose file the bucket has; and those it need not have, which ended before *copied_after*
    and are nobody's favourite. *owed* adds clips that have yet to be posted.
    """
    found: list[Job] = []
    # One after the other, and by no index (the || below), so that SQLite stops at the last that
    # is wanted instead of looking at every take to sort a few.
    for favourites in (f"NOT {_FAVOURED}", _FAVOURED):
        if len(found) < limit:
            rows = db.execute(
                f"""
                SELECT {ROW} FROM job JOIN take ON take.job_id = job.id
                WHERE {favourites} AND {_DROPPABLE} ORDER BY job.id LIMIT :limit
                """,  # noqa: S608  # fixed texts
                {
                    "before": before,
                    "limit": limit - len(found),
                    "bucket": bucket,
                    "copied_after": copied_after,
                    "owed": owed,
                },
            )
            found += [job_of(row) for row in rows]
    return found


_FAVOURED = """(
    EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)
    OR EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)
)"""
_DROPPABLE = f"""
    state || '' IN {sql_list(FINISHED)} AND since < :before
    AND (due_at IS NULL OR (:owed = 1 AND state = '{State.UNDELIVERED}'))
    AND take.dropped IS NULL AND file IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM job AS child
        WHERE json_extract(child.brief, '$.parent') IS NOT NULL
        AND CAST(json_extract(child.brief, '$.parent') AS BIGINT) = job.id
        AND child.state IN {sql_list(LIVE)}
    )
    AND NOT EXISTS (
        SELECT 1 FROM needed JOIN job AS child ON child.id = needed.job_id
        WHERE needed.file = job.file AND child.id <> job.id
        AND child.state IN {sql_list(LIVE)}
    )
    AND (
        CAST(:bucket AS TEXT) IS NULL OR (
            since < :copied_after
            AND NOT EXISTS (SELECT 1 FROM favourite WHERE job_id = job.id)
            AND NOT EXISTS (SELECT 1 FROM sign_off WHERE job_id = job.id)
        ) OR EXISTS (
            SELECT 1 FROM copy WHERE copy.file = job.file AND copy.bucket = :bucket
            AND copy.at IS NOT NULL
        )
    )
"""  # noqa: S608  # fixed texts


def drop(db: Database, job_id: int, *, at: float) -> None:
    """Note that a take's file was evicted."""
    db.execute("UPDATE take SET dropped = ? WHERE job_id = ?", (at, job_id))


def copy_of(db: Database, file: str) -> Copy | None:
    """The whole copy of a file in the bucket; None if there is none."""
    row = db.execute(
        "SELECT file, bucket, key, size, sha256 FROM copy WHERE file = ? AND at IS NOT NULL",
        (file,),
    ).fetchone()
    return Copy(**dict(row)) if row is not None else None


def missing(
    db: Database, bucket: str, *, since: float | None, below: int | None = None
) -> tuple[list[str], int | None]:
    """List the files that *bucket* should have and does not, newest first.

    They are of takes that ended at *since* or later, and of favourites. Looks at a thousand jobs
    below the number *below*, or at the newest; the second value is the next *below*, None at the
    end.
    """
    if below is None:
        [below] = db.execute("SELECT coalesce(max(id), 0) + 1 FROM job").fetchone()
    first = below - AT_ONCE
    return _missing(db, bucket, since, first, below), first if first > 1 else None


def missing_of(db: Database, job_id: int, bucket: str, *, since: float | None) -> list[str]:
    """`missing` for one job."""
    return _missing(db, bucket, since, job_id, job_id + 1)


def _missing(db: Database, bucket: str, since: float | None, first: int, below: int) -> list[str]:
    rows = db.execute(
        f"""
        SELECT needed.file FROM job JOIN needed ON needed.job_id = job.id
        WHERE job.id >= :first AND job.id < :below AND {_WANTED}
        AND NOT EXISTS (
            SELECT 1 FROM copy
            WHERE copy.file = needed.file AND copy.bucket = :bucket AND copy.at IS NOT NULL
        )
        ORDER BY job.id DESC, needed.file DESC
        """,  # noqa: S608  # fixed texts
        {"first": first, "below": below, "since": since, "bucket": bucket},
    )
    return list(dict.fromkeys(file for (file,) in rows))


def begin(db: Database, copy: Copy) -> None:
    """Note that a copy is about to be made; its key must not be deleted any more."""
    db.execute("DELETE FROM unwanted WHERE bucket = ? AND key = ?", (copy.bucket, copy.key))
    db.execute(
        """
        INSERT INTO copy (file, bucket, key, size, sha256) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (file) DO UPDATE SET bucket = excluded.bucket, key = excluded.key,
            size = excluded.size, sha256 = excluded.sha256, at = NULL
        """,
        (copy.file, copy.bucket, copy.key, copy.size, copy.sha256),
    )


def finish(db: Database, copy: Copy, *, at: float) -> bool:
    """Note that the bucket has a copy, whole; False if the file was forgotten meanwhile."""
    cursor = db.execute(
        "UPDATE copy SET at = ? WHERE file = ? AND bucket = ? AND key = ?",
        (at, copy.file, copy.bucket, copy.key),
    )
    return cursor.rowcount > 0


def lost(db: Database, copy: Copy) -> None:
    """Note that the bucket does not have a copy after all."""
    db.execute(
        "DELETE FROM copy WHERE file = ? AND bucket = ? AND key = ?",
        (copy.file, copy.bucket, copy.key),
    )


def unwanted(db: Database, bucket: str, *, limit: int = 100) -> list[str]:
    """List the keys that have yet to be deleted in *bucket*."""
    rows = db.execute(
        "SELECT key FROM unwanted WHERE bucket = ? ORDER BY key LIMIT ?", (bucket, limit)
    )
    return [key for (key,) in rows]


def deleted(db: Database, bucket: str, key: str) -> None:
    """Note that a key was deleted in *bucket*."""
    db.execute("DELETE FROM unwanted WHERE bucket = ? AND key = ?", (bucket, key))


def expire(
    db: Database,
    *,
    since: float | None,
    after: str = "",
    limit: int = 500,
    lent: float = math.inf,
) -> tuple[int, str | None]:
    """Give up the bucket's copies that no job under way and no take of `missing`'s *since* needs,
    and those of reels that were put there before *lent*.

    Looks at *limit* copies whose names come after *after*. Returns how many were given up, and
    the next *after*, None at the end.
    """
    rows = db.execute(
        f"""
        SELECT file, EXISTS (
            SELECT 1 FROM needed JOIN job ON job.id = needed.job_id
            WHERE needed.file = copy.file AND (job.state IN {_LIVE} OR ({_WANTED}))
        ) OR (file LIKE 'reels/%' AND (
            copy.at >= :lent OR EXISTS (
                SELECT 1 FROM reel WHERE copy.file LIKE 'reels/' || reel.id || '.%'
            )
        )) FROM copy WHERE file > :after ORDER BY file LIMIT :limit
        """,  # noqa: S608  # fixed texts
        {"since": since, "after": after, "limit": limit, "lent": lent},
    ).fetchall()
    over = [file for file, wanted in rows if not wanted]
    forget(db, over)
    return len(over), rows[-1][0] if len(rows) == limit else None


def forget(db: Database, files: Collection[str]) -> None:
    """Give up the copies of *files*: their keys wait to be deleted in the bucket."""
    for file in files:
        db.execute(
            "INSERT INTO unwanted (bucket, key)"
            " SELECT bucket, key FROM copy WHERE file = ? ON CONFLICT DO NOTHING",
            (file,),
        )
        db.execute("DELETE FROM copy WHERE file = ?", (file,))


def lent_in(db: Database, guilds: Collection[int]) -> list[str]:
    """The reels of these servers that the bucket has."""
    return [
        file
        for guild_id in guilds
        for (file,) in db.execute(
            "SELECT file FROM copy WHERE file LIKE 'reels/%.' || ? || '.mp4'", (guild_id,)
        )
    ]


def named_by(db: Database, user_id: int) -> set[str]:
    """The files that a person's jobs and refused orders name."""
    rows = db.execute(
        """
        SELECT needed.file FROM needed JOIN job ON job.id = needed.job_id WHERE user_id = :user
        UNION SELECT named.value FROM refused, json_tree(wanted) AS named
        WHERE user_id = :user AND named.key = 'file' AND named.type = 'text'
        UNION SELECT named.value FROM refused, json_tree(fits) AS named
        WHERE user_id = :user AND named.key = 'file' AND named.type = 'text'
        """,
        {"user": user_id},
    )
    return {file for (file,) in rows}


def frames_of(db: Database, job_ids: Collection[int]) -> set[str]:
    """The frames of these jobs' clips that other jobs start from."""
    return {
        file
        for job_id in job_ids
        for (file,) in db.execute(
            "SELECT file FROM needed WHERE file >= ? AND file < ?",
            (f"inputs/frame-{job_id}-", f"inputs/frame-{job_id}."),  # a dot comes after a dash
        )
    }


def still_named(db: Database, file: str, *, live: bool) -> bool:
    """Whether a job, or a refused order, names a file; with *live*, a job under way."""
    row = db.execute(
        f"""
        SELECT 1 FROM needed JOIN job ON job.id = needed.job_id
        WHERE needed.file = :file AND (:live = 0 OR job.state IN {_LIVE})
        UNION ALL SELECT 1 FROM refused, json_tree(wanted) AS named
        WHERE :live = 0 AND named.key = 'file' AND named.value = :file LIMIT 1
        """,  # noqa: S608  # fixed texts
        {"file": file, "live": live},
    ).fetchone()
    return row is not None
