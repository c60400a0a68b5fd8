"""Files on the disk and in the bucket: which jobs name them, and what may go."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from .job import LIVE, MADE, sql_list
from .writer import Writer

_LIVE, _MADE = sql_list(LIVE), sql_list(MADE)
#: What the bucket is to have: a take's own clip and its inputs. Another take's clip that it began
#: with is that one's to keep, or to have deleted.
_WANTED = f"""
    job.state IN {_MADE} AND job.file IS NOT NULL
    AND (needed.file = job.file OR needed.file GLOB 'inputs/*') AND (
        :since IS NULL OR job.since >= :since
        OR EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)
        OR EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)
    )
"""  # noqa: S608  # a fixed text


AT_ONCE = 1000  #: jobs that are looked at in one read, which takes some milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file that lies in the bucket, whole."""

    file: str
    bucket: str
    key: str  #: what it is called there
    size: int  #: bytes
    sha256: str  #: of its bytes, in hexadecimal


class Holder(StrEnum):
    """What the job is doing whose number a file carries."""

    LIVE = "live"  #: it is under way, or a job under way starts from its clip
    KEPT = "kept"  #: its clip is to be on the disk
    OVER = "over"  #: it made none, or the clip made room, or was deleted


class Files:
    """What is known of files. Names are relative to the data directory."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    # On the disk.

    async def holders(self, ids: Iterable[int]) -> dict[int, tuple[Holder, str | None]]:
        """For those of *ids* that are jobs: what each is doing, and its clip's file."""
        listed = json.dumps(list(ids))
        return await self._writer.read(lambda db: holders(db, listed))

    async def needless(
        self, names: Iterable[str], *, ended: float, refused: float, bucket: str | None
    ) -> set[str]:
        """Those of *names* that nothing on this disk needs any more.

        What needs one: a job under way, a take whose clip is on the disk, an order refused
        after *refused* that may yet be made, a job that ended without a clip after *ended*. And
        a take of which only the *bucket* has the clip, until that has this file, too.
        """
        listed = json.dumps(list(names))
        return await self._writer.read(
            lambda db: needless(db, listed, ended=ended, refused=refused, bucket=bucket)
        )

    async def unnamed(self, names: Collection[str]) -> set[str]:
        """Those of *names* that no job names, once every write asked for before is made."""
        listed = json.dumps(list(names))
        return await self._writer.write(
            lambda db: {
                name
                for (name,) in db.execute(
                    "SELECT value FROM json_each(?)"
                    " WHERE NOT EXISTS (SELECT 1 FROM needed WHERE file = value)",
                    (listed,),
                )
            }
        )

    async def inputs_of(self, job_id: int) -> list[str]:
        """What a job's brief starts from, other than clips."""
        rows = await self._writer.read(
            lambda db: db.execute(
                "SELECT file FROM needed WHERE job_id = ? AND file GLOB 'inputs/*'", (job_id,)
            ).fetchall()
        )
        return [file for (file,) in rows]

    async def restore(self, file: str) -> None:
        """Note that a clip which made room is coming back to the disk."""
        await self._writer.write(
            lambda db: _run(
                db,
                "UPDATE take SET dropped = NULL WHERE job_id IN (SELECT job.id FROM needed"
                " JOIN job ON job.id = job_id AND job.file = needed.file WHERE needed.file = ?)",
                file,
            )
        )

    # In the bucket.

    async def copy_of(self, file: str) -> Copy | None:
        """The copy of a file, if it is there whole."""
        row = await self._writer.read(
            lambda db: db.execute(
                "SELECT file, bucket, key, size, sha256 FROM copy"
                " WHERE file = ? AND at IS NOT NULL",
                (file,),
            ).fetchone()
        )
        return Copy(**dict(row)) if row is not None else None

    async def missing(
        self,
        bucket: str,
        *,
        since: float | None,
        below: int | None = None,
    ) -> tuple[list[str], int | None]:
        """Files that takes need and *bucket* does not have, newest first.

        Of takes that ended at *since* or later, and of favourites. Looks at a thousand jobs
        *below* that number, or the newest; the second value is where to go on, None at the end.
        """
        return await self._writer.read(lambda db: missing(db, bucket, since, below))

    async def missing_of(self, job_id: int, bucket: str, *, since: float | None) -> list[str]:
        """The same for one job."""
        return await self._writer.read(lambda db: _missing(db, bucket, since, job_id, job_id + 1))

    async def begin(self, copy: Copy) -> None:
        """Note that a copy is about to be made, where one may have been about to be deleted."""
        await self._writer.write(lambda db: begin(db, copy))

    async def finish(self, copy: Copy, *, at: float) -> bool:
        """Note that a copy is there, whole; False if it was forgotten meanwhile."""
        return await self._writer.write(
            lambda db: (
                db.execute(
                    "UPDATE copy SET at = ? WHERE file = ? AND bucket = ? AND key = ?",
                    (at, copy.file, copy.bucket, copy.key),
                ).rowcount
                > 0
            )
        )

    async def lost(self, copy: Copy) -> None:
        """Note that the bucket does not have a copy after all."""
        await self._writer.write(
            lambda db: _run(
                db,
                "DELETE FROM copy WHERE file = ? AND bucket = ? AND key = ?",
                copy.file,
                copy.bucket,
                copy.key,
            )
        )

    async def expire(
        self, *, since: float | None, after: str = "", limit: int = 500
    ) -> tuple[int, str | None]:
        """Let go of copies that no job under way and no take needs whose time is not over.

        Looks at *limit* copies behind the name *after*: how many went, and the last one looked
        at, None at the end. *since* as for `missing`.
        """
        return await self._writer.write(lambda db: expire(db, since, after, limit))

    async def unwanted(self, bucket: str, *, limit: int = 100) -> list[str]:
        """The keys that have yet to be deleted there."""
        rows = await self._writer.read(
            lambda db: db.execute(
                "SELECT key FROM unwanted WHERE bucket = ? ORDER BY key LIMIT ?", (bucket, limit)
            ).fetchall()
        )
        return [key for (key,) in rows]

    async def deleted(self, bucket: str, key: str) -> None:
        """Note that a key is deleted there."""
        await self._writer.write(
            lambda db: _run(db, "DELETE FROM unwanted WHERE bucket = ? AND key = ?", bucket, key)
        )


def holders(db: sqlite3.Connection, ids: str) -> dict[int, tuple[Holder, str | None]]:
    """See `Files.holders`; *ids* is a JSON list."""
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
        FROM job WHERE id IN (SELECT value FROM json_each(?))
        """,  # noqa: S608  # fixed texts
        (ids,),
    )
    return {number: (Holder(holder), file) for number, file, holder in rows}


def needless(
    db: sqlite3.Connection, names: str, *, ended: float, refused: float, bucket: str | None
) -> set[str]:
    """See `Files.needless`; *names* is a JSON list."""
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
                OR (job.state IN {_MADE} AND :bucket IS NOT NULL
                    AND EXISTS (SELECT 1 FROM copy WHERE copy.file = job.file
                                AND at IS NOT NULL AND bucket = :bucket)
                    AND NOT EXISTS (SELECT 1 FROM copy WHERE copy.file = needed.file
                                    AND at IS NOT NULL AND bucket = :bucket))
            )
        )
        """,  # noqa: S608  # fixed texts
        {"names": names, "ended": ended, "refused": refused, "bucket": bucket},
    )
    return {name for (name,) in rows}


def missing(
    db: sqlite3.Connection,
    bucket: str,
    since: float | None,
    below: int | None,
) -> tuple[list[str], int | None]:
    """See `Files.missing`."""
    if below is None:
        [below] = db.execute("SELECT coalesce(max(id), 0) + 1 FROM job").fetchone()
    first = below - AT_ONCE
    return _missing(db, bucket, since, first, below), first if first > 1 else None


def _missing(
    db: sqlite3.Connection, bucket: str, since: float | None, first: int, below: int
) -> list[str]:
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


def begin(db: sqlite3.Connection, copy: Copy) -> None:
    """See `Files.begin`."""
    db.execute("DELETE FROM unwanted WHERE bucket = ? AND key = ?", (copy.bucket, copy.key))
    db.execute(
        """
        INSERT INTO copy (file, bucket, key, size, sha256) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (file) DO UPDATE SET bucket = excluded.bucket, key = excluded.key,
            size = excluded.size, sha256 = excluded.sha256, at = NULL
        """,
        (copy.file, copy.bucket, copy.key, copy.size, copy.sha256),
    )


def expire(
    db: sqlite3.Connection, since: float | None, after: str, limit: int
) -> tuple[int, str | None]:
    """See `Files.expire`."""
    rows = db.execute(
        f"""
        SELECT file, EXISTS (
            SELECT 1 FROM needed JOIN job ON job.id = needed.job_id
            WHERE needed.file = copy.file AND (job.state IN {_LIVE} OR ({_WANTED}))
        ) FROM copy WHERE file > :after ORDER BY file LIMIT :limit
        """,  # noqa: S608  # fixed texts
        {"since": since, "after": after, "limit": limit},
    ).fetchall()
    over = [file for file, wanted in rows if not wanted]
    forget(db, over)
    return len(over), rows[-1][0] if len(rows) == limit else None


def forget(db: sqlite3.Connection, files: Collection[str]) -> None:
    """Have the copies of *files* deleted in the bucket; within a transaction."""
    for file in files:
        db.execute(
            "INSERT OR IGNORE INTO unwanted (bucket, key)"
            " SELECT bucket, key FROM copy WHERE file = ?",
            (file,),
        )
        db.execute("DELETE FROM copy WHERE file = ?", (file,))


def named_by(db: sqlite3.Connection, user_id: int) -> set[str]:
    """The files that somebody's jobs and refused orders name."""
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


def frames_of(db: sqlite3.Connection, job_ids: Collection[int]) -> set[str]:
    """The pictures out of these jobs' clips that other jobs begin with."""
    return {
        file
        for job_id in job_ids
        for (file,) in db.execute(
            "SELECT file FROM needed WHERE file GLOB ?", (f"inputs/frame-{job_id}-*",)
        )
    }


def still_named(db: sqlite3.Connection, file: str, *, live: bool) -> bool:
    """Whether a job, or a refused order, names a file; with *live*, a job under way."""
    row = db.execute(
        f"""
        SELECT 1 FROM needed JOIN job ON job.id = needed.job_id
        WHERE needed.file = :file AND (NOT :live OR job.state IN {_LIVE})
        UNION ALL SELECT 1 FROM refused, json_tree(wanted) AS named
        WHERE NOT :live AND named.key = 'file' AND named.value = :file LIMIT 1
        """,  # noqa: S608  # fixed texts
        {"file": file, "live": live},
    ).fetchone()
    return row is not None


def _run(db: sqlite3.Connection, sql: str, *values: float | str | None) -> None:
    db.execute(sql, values)
