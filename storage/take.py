"""What a take is, and the SQL about takes that is read or written at once."""

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .brief import Brief
from .job import FINISHED, LIVE, MADE, Job, State, sql_list
from .jobs import _job as load


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A job among the others of its thread. *number* is None until its clip is there."""

    job: Job
    number: int | None = None
    favourites: int = 0  #: people who marked it
    approved_by: tuple[int, ...] = ()
    seconds: float | None = None  #: how long its clip is; None before that was measured
    hidden_by: int | None = None
    dropped: float | None = None  #: when its file made room, where no bucket has it
    post: tuple[int, int] | None = None  #: its newest standing post: channel and message


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message that carries a take."""

    message_id: int
    channel_id: int
    job_id: int
    at: float
    retake_price: int | None = None  #: credits that the message says a retake costs
    extend_price: int | None = None  #: the same of an extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A place where takes are made."""

    id: int
    guild_id: int
    parent_id: int | None
    board_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What was done about a reaction: the *n*-th time that it was given."""

    n: int
    stands: bool
    at: float
    explained: str | None = None  #: what everybody was told when it was refused
    answer: str | None = None  #: what only its person is told
    refused_id: int | None = None  #: the refused order, if it may still be made


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A thread in figures. *credits* are the ledger's: captured, or held for what is under way."""

    made: int
    running: int
    credits: int
    jobs: int  #: all of them, those that came to nothing too


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Settings under a name. *user_id* is 0 for one of the server's."""

    guild_id: int
    user_id: int
    name: str
    provider: str
    model: str
    brief: Brief
    at: float


ALL = -1  #: a LIMIT that is none
HIDDEN = "gone = 0 AND job_id IN (SELECT job_id FROM take WHERE hidden_by IS NOT NULL)"
IN_THREAD = "job.thread_id = ?"
APPROVED = "EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)"
LIKED_BY = (
    "job.guild_id = ? AND EXISTS (SELECT 1 FROM favourite"
    " WHERE favourite.job_id = job.id AND favourite.user_id = ?)"
)
LIKED = "EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)"


def tally(db: sqlite3.Connection, thread_id: int) -> Tally:
    """See `Takes.tally`."""
    counts = db.execute(
        f"""
        SELECT count(*) AS jobs, coalesce(sum(state IN {sql_list(MADE)}), 0) AS made,
            coalesce(sum(state IN {sql_list(LIVE - MADE)}), 0) AS running
        FROM job WHERE thread_id = ?
        """,  # noqa: S608  # fixed texts
        (thread_id,),
    ).fetchone()
    # What was reserved, less what went back: each of the two kinds has an index of its own.
    [cost] = db.execute(
        """
        SELECT coalesce(sum(
            amount * ((target GLOB 'held:*' OR target GLOB 'spent:*')
                    - (source GLOB 'held:*' OR source GLOB 'spent:*'))), 0)
        FROM (
            SELECT txn.id FROM job JOIN txn ON txn.job_id = job.id AND kind = 'reserve'
            WHERE thread_id = :thread
            UNION ALL
            SELECT txn.id FROM job JOIN txn ON txn.job_id = job.id
                AND kind IN ('capture', 'release', 'close')
            WHERE thread_id = :thread
        ) AS booked JOIN transfer ON transfer.txn_id = booked.id
        """,
        {"thread": thread_id},
    ).fetchone()
    return Tally(**dict(counts), credits=cost)


def number(db: sqlite3.Connection, job_id: int, place_id: int) -> int:
    """See `Takes.number`."""
    db.execute(
        """
        INSERT INTO take (job_id, place_id, number)
        SELECT :job, :place, coalesce(max(number), 0) + 1 FROM take WHERE place_id = :place
        ON CONFLICT (job_id) DO NOTHING
        """,
        {"job": job_id, "place": place_id},
    )
    [found] = db.execute("SELECT number FROM take WHERE job_id = ?", (job_id,)).fetchone()
    return int(found)


def droppable(
    db: sqlite3.Connection,
    *,
    before: float,
    limit: int,
    bucket: str | None,
    copied_after: float | None,
    owed: bool,
) -> list[Job]:
    """See `Takes.droppable`."""
    found: list[Job] = []
    # One after the other, and by no index (the + below), so that SQLite stops at the last that
    # is wanted instead of looking at every take to sort a few.
    for favourites in (f"NOT {_FAVOURED}", _FAVOURED):
        if len(found) < limit:
            rows = db.execute(
                f"""
                SELECT job.* FROM job JOIN take ON take.job_id = job.id
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
            found += [load(row) for row in rows]
    return found


_FAVOURED = """(
    EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)
    OR EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)
)"""
_DROPPABLE = f"""
    +state IN {sql_list(FINISHED)} AND since < :before
    AND (due_at IS NULL OR (:owed AND state = '{State.UNDELIVERED}'))
    AND take.dropped IS NULL AND file IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM job AS child
        WHERE json_extract(child.brief, '$.parent') IS NOT NULL
        AND json_extract(child.brief, '$.parent') = job.id
        AND child.state IN {sql_list(LIVE)}
    )
    AND NOT EXISTS (
        SELECT 1 FROM needed JOIN job AS child ON child.id = needed.job_id
        WHERE needed.file = job.file AND child.id <> job.id
        AND child.state IN {sql_list(LIVE)}
    )
    AND (
        :bucket IS NULL OR (
            since < :copied_after
            AND NOT EXISTS (SELECT 1 FROM favourite WHERE job_id = job.id)
            AND NOT EXISTS (SELECT 1 FROM sign_off WHERE job_id = job.id)
        ) OR EXISTS (
            SELECT 1 FROM copy WHERE copy.file = job.file AND copy.bucket = :bucket
            AND copy.at IS NOT NULL
        )
    )
"""  # noqa: S608  # fixed texts


def forget(db: sqlite3.Connection, user_id: int) -> None:
    """Delete what a person did with takes, and where theirs stand; within a transaction."""
    db.execute(
        "DELETE FROM post WHERE job_id IN (SELECT id FROM job WHERE user_id = ?)", (user_id,)
    )
    db.execute("UPDATE take SET hidden_by = 0 WHERE hidden_by = ?", (user_id,))
    for table in ("favourite", "sign_off", "preset", "reaction"):
        db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608  # fixed names


def favoured(db: sqlite3.Connection, job_id: int) -> bool:
    [found] = db.execute(
        "SELECT EXISTS (SELECT 1 FROM favourite WHERE job_id = :job)"
        " OR EXISTS (SELECT 1 FROM sign_off WHERE job_id = :job)",
        {"job": job_id},
    ).fetchone()
    return bool(found)


def takes(
    db: sqlite3.Connection,
    where: str,
    values: Collection[int | str],
    *,
    limit: int,
    skip: int = 0,
) -> list[Take]:
    """The newest takes that fit, oldest first. *where* is one of the fixed texts above."""
    rows = db.execute(
        f"""
        SELECT job.*, take.number, take.hidden_by, take.seconds,
            iif(EXISTS (SELECT 1 FROM copy WHERE copy.file = job.file AND copy.at IS NOT NULL),
                NULL, take.dropped) AS dropped,
            (SELECT count(*) FROM favourite WHERE favourite.job_id = job.id) AS favourites,
            (SELECT json_group_array(user_id) FROM sign_off WHERE sign_off.job_id = job.id)
                AS approved_by,
            (SELECT json_array(channel_id, message_id) FROM post
                WHERE post.job_id = job.id AND gone = 0 ORDER BY message_id DESC LIMIT 1) AS post
        FROM job LEFT JOIN take ON take.job_id = job.id
        WHERE {where} ORDER BY job.id DESC LIMIT ? OFFSET ?
        """,  # noqa: S608  # fixed texts
        (*values, limit, skip),
    ).fetchall()
    return [
        Take(
            job=load(row),
            number=row["number"],
            favourites=row["favourites"],
            approved_by=tuple(json.loads(row["approved_by"])),
            seconds=row["seconds"],
            hidden_by=row["hidden_by"],
            dropped=row["dropped"],
            post=_pair(row["post"]),
        )
        for row in reversed(rows)
    ]


def _pair(post: str | None) -> tuple[int, int] | None:
    if post is None:
        return None
    channel, message = json.loads(post)
    return channel, message


_POST = "message_id, channel_id, job_id, at, retake_price, extend_price"


def posts(db: sqlite3.Connection, where: str, values: Sequence[float]) -> list[Post]:
    rows = db.execute(
        f"SELECT {_POST} FROM post WHERE {where} ORDER BY message_id DESC",  # noqa: S608
        values,
    )
    return [Post(**dict(row)) for row in rows]


def mark(db: sqlite3.Connection, table: str, job_id: int, user_id: int, at: float | None) -> int:
    """*table* is "favourite" or "sign_off"."""
    if at is None:
        db.execute(
            f"DELETE FROM {table} WHERE job_id = ? AND user_id = ?",  # noqa: S608
            (job_id, user_id),
        )
    else:
        db.execute(
            f"INSERT INTO {table} (job_id, user_id, at) VALUES (?, ?, ?)"  # noqa: S608
            " ON CONFLICT DO NOTHING",
            (job_id, user_id, at),
        )
    [count] = db.execute(
        f"SELECT count(*) FROM {table} WHERE job_id = ?",  # noqa: S608
        (job_id,),
    ).fetchone()
    return int(count)


def run(db: sqlite3.Connection, sql: str, *values: float | str | None) -> None:
    db.execute(sql, values)
