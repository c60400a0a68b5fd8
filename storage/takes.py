"""Takes: the clips of a thread by their numbers, and what each was made from."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from .database import Database
from .job import FINISHED, LIVE, STANDING, Job, sql_list
from .jobs import ROW, job_of
from .posts import ON_SHEET


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A job among the others of its thread. *number* is None until its clip is made."""

    job: Job
    number: int | None = None
    favourites: int = 0  #: people who marked it
    approved_by: tuple[int, ...] = ()
    seconds: float | None = None  #: how long its clip is; None before that was measured
    hidden_by: int | None = None
    dropped: float | None = None  #: when its file was evicted; None if the bucket has it
    #: Channel and message of its newest post, else of the sheet that shows it.
    post: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A thread in figures. *credits* are the ledger's: captured, or held for what is under way."""

    made: int
    running: int
    credits: int
    jobs: int  #: all of them, also those that came to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadOverview:
    """What the board of a thread shows, all of one moment."""

    takes: list[Take]  #: the newest that came to something, oldest first
    parents: dict[int, Take]  #: what they were made from, by number
    tally: Tally
    approved: list[Take]
    liked: list[Take]


IN_THREAD = "job.thread_id = ?"
APPROVED = "EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)"
LIKED = "EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)"
LIKED_BY = (
    "job.guild_id = ? AND EXISTS (SELECT 1 FROM favourite"
    " WHERE favourite.job_id = job.id AND favourite.user_id = ?)"
)
_MADE_FROM = (
    "json_extract(job.brief, '$.parent') IS NOT NULL"
    " AND CAST(json_extract(job.brief, '$.parent') AS BIGINT) = ?"
)


#: What a transfer adds to what clips cost.
_COST = """
    CASE WHEN target LIKE 'held:%' OR target LIKE 'spent:%' THEN amount ELSE 0 END
    - CASE WHEN source LIKE 'held:%' OR source LIKE 'spent:%' THEN amount ELSE 0 END
"""


def _takes(
    db: Database,
    where: str,
    values: Collection[int | str],
    *,
    limit: int,
    skip: int = 0,
) -> list[Take]:
    """The newest takes that fit, oldest first. *where* is a fixed text with `?` for *values*."""
    rows = db.execute(
        f"""
        SELECT {ROW}, take.number, take.hidden_by, take.seconds,
            CASE WHEN NOT EXISTS (
                SELECT 1 FROM copy WHERE copy.file = job.file AND copy.at IS NOT NULL
            ) THEN take.dropped END AS dropped,
            (SELECT count(*) FROM favourite WHERE favourite.job_id = job.id) AS favourites,
            (SELECT group_concat(user_id) FROM sign_off WHERE sign_off.job_id = job.id)
                AS approved_by,
            coalesce(
                (SELECT channel_id || ',' || message_id FROM post
                    WHERE post.job_id = job.id AND post.batch IS NULL AND gone = 0
                    ORDER BY message_id DESC LIMIT 1),
                (SELECT channel_id || ',' || message_id FROM post
                    WHERE post.batch = job.batch AND gone = 0 AND {ON_SHEET}
                    ORDER BY message_id DESC LIMIT 1)
            ) AS post
        FROM job LEFT JOIN take ON take.job_id = job.id
        WHERE {where} ORDER BY job.id DESC LIMIT ? OFFSET ?
        """,  # noqa: S608  # fixed texts
        (*values, limit, skip),
    ).fetchall()
    return [
        Take(
            job=job_of(row),
            number=row["number"],
            favourites=row["favourites"],
            approved_by=tuple(_numbers(row["approved_by"])),
            seconds=row["seconds"],
            hidden_by=row["hidden_by"],
            dropped=row["dropped"],
            post=_pair(row["post"]),
        )
        for row in reversed(rows)
    ]


def _numbers(listed: str | None) -> list[int]:
    """The numbers in a text of SQL's: "10,20"."""
    return [int(each) for each in listed.split(",")] if listed else []


def _pair(post: str | None) -> tuple[int, int] | None:
    if post is None:
        return None
    channel, message = _numbers(post)
    return channel, message


def number(db: Database, job: Job, place_id: int) -> int:
    """Number *job*'s take in its thread or channel, the first time; returns its number."""
    db.execute(
        """
        INSERT INTO take (job_id, place_id, number)
        SELECT :job, :place, coalesce(max(number), 0) + 1 FROM take WHERE place_id = :place
        ON CONFLICT (job_id) DO NOTHING
        """,
        {"job": job.id, "place": place_id},
    )
    [found] = db.execute("SELECT number FROM take WHERE job_id = ?", (job.id,)).fetchone()
    return int(found)


def others_of(db: Database, job: Job, *, upto: int) -> int:
    """Count the takes that the person of *job* has made besides it, in every server, at most
    *upto*."""
    [count] = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM take JOIN job ON job.id = take.job_id"
        " WHERE job.user_id = ? AND job.id <> ? LIMIT ?) AS others",
        (job.user_id, job.id, upto),
    ).fetchone()
    return int(count)


def get(db: Database, job_id: int, *, guild_id: int) -> Take | None:
    """One take of a server, or job that may become one."""
    found = _takes(db, "job.id = ? AND job.guild_id = ?", (job_id, guild_id), limit=1)
    return found[0] if found else None


def numbered(db: Database, number: int, *, place_id: int, guild_id: int) -> Take | None:
    """The take that has this number in a thread, or in a channel that has no threads."""
    found = _takes(
        db,
        "take.place_id = ? AND take.number = ? AND job.guild_id = ?",
        (place_id, number, guild_id),
        limit=1,
    )
    return found[0] if found else None


def of_thread(
    db: Database, thread_id: int, *, limit: int = 1000, skip: int = 0, standing: bool = False
) -> list[Take]:
    """List the newest *limit* takes and jobs of a thread but for *skip*, oldest first.

    *standing* leaves out those that came to nothing.
    """
    where = f"{IN_THREAD} AND job.state IN {sql_list(STANDING)}" if standing else IN_THREAD
    return _takes(db, where, (thread_id,), limit=limit, skip=skip)


def of_person(db: Database, *, guild_id: int, user_id: int, limit: int) -> list[Take]:
    """List what a person ordered last in a server, whatever became of it, oldest first."""
    return _takes(db, "job.user_id = ? AND job.guild_id = ?", (user_id, guild_id), limit=limit)


def latest(db: Database, *, guild_id: int, user_id: int) -> Job | None:
    """What a person ordered last in a server."""
    found = of_person(db, guild_id=guild_id, user_id=user_id, limit=1)
    return found[0].job if found else None


def overview(
    db: Database, thread_id: int, *, guild_id: int, limit: int, most_marked: int = 10
) -> ThreadOverview:
    """What there is of a thread, with its newest *limit* takes, and the newest *most_marked* that
    are approved and that somebody likes.

    One reading, so that its lines and its figures are of the same moment.
    """
    found = of_thread(db, thread_id, limit=limit, standing=True)
    return ThreadOverview(
        takes=found,
        parents=parents(db, found, guild_id=guild_id),
        tally=tally(db, thread_id),
        approved=_takes(db, f"{IN_THREAD} AND {APPROVED}", (thread_id,), limit=most_marked),
        liked=_takes(db, f"{IN_THREAD} AND {LIKED}", (thread_id,), limit=most_marked),
    )


def favourites(
    db: Database, *, guild_id: int, user_id: int, limit: int = 100, skip: int = 0
) -> list[Take]:
    """List the newest *limit* favourites of a person in a server but for *skip*, oldest first."""
    return _takes(db, LIKED_BY, (guild_id, user_id), limit=limit, skip=skip)


def count_favourites(db: Database, *, guild_id: int, user_id: int) -> int:
    """Count the favourites of a person in a server."""
    [found] = db.execute(
        f"SELECT count(*) FROM job WHERE {LIKED_BY}",  # noqa: S608  # a fixed text
        (guild_id, user_id),
    ).fetchone()
    return int(found)


def several(db: Database, ids: Collection[int], *, guild_id: int) -> list[Take]:
    """The takes *ids* of a server, oldest first."""
    return _takes(
        db,
        "job.id IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) AND job.guild_id = ?",
        (json.dumps(sorted(ids)), guild_id),
        limit=len(ids),
    )


def parents(db: Database, takes: Collection[Take], *, guild_id: int) -> dict[int, Take]:
    """What *takes* of a server were made from, by number."""
    known = {take.job.id: take for take in takes}
    wanted = {take.job.brief.parent for take in takes if take.job.brief.parent is not None}
    found = several(db, wanted - known.keys(), guild_id=guild_id)
    return {each: known[each] for each in wanted & known.keys()} | {
        take.job.id: take for take in found
    }


def children(db: Database, job_id: int) -> list[Take]:
    """List what was made from a take, oldest first, at most 100."""
    return _takes(db, _MADE_FROM, (job_id,), limit=100)


def beside(db: Database, job_id: int, *, thread_id: int) -> int | None:
    """The number of the take right before a job in a thread, else of the one right after."""
    row = db.execute(
        """
        SELECT job.id FROM job JOIN take ON take.job_id = job.id
        WHERE thread_id = :thread AND job.id <> :job
        ORDER BY job.id > :job, abs(job.id - :job) LIMIT 1
        """,
        {"thread": thread_id, "job": job_id},
    ).fetchone()
    return None if row is None else int(row[0])


def words_used(db: Database, job_id: int, user_id: int, prompt: str, *, since: float) -> bool:
    """Whether a person has made something of a take with this prompt since *since*.

    What was cancelled or came to nothing does not count.
    """
    row = db.execute(
        f"""
        SELECT 1 FROM job
        WHERE json_extract(brief, '$.parent') IS NOT NULL
        AND CAST(json_extract(brief, '$.parent') AS BIGINT) = :job AND user_id = :user
        AND json_extract(brief, '$.prompt') = :prompt AND created_at >= :since
        AND state IN {sql_list(STANDING)} LIMIT 1
        """,  # noqa: S608  # a fixed text
        {"job": job_id, "user": user_id, "prompt": prompt, "since": since},
    ).fetchone()
    return row is not None


def measured(db: Database, job_id: int, seconds: float) -> None:
    """Note how long a take's clip is."""
    db.execute("UPDATE take SET seconds = ? WHERE job_id = ?", (seconds, job_id))


def costs(db: Database, ids: Collection[int]) -> dict[int, int]:
    """What the clips *ids* cost by the ledger: captured, or held for what is under way; without
    those that cost nothing."""
    rows = db.execute(
        f"""
        SELECT txn.job_id, sum({_COST})
        FROM json_each(?) CROSS JOIN txn ON txn.job_id = CAST(value AS BIGINT)
        CROSS JOIN transfer ON transfer.txn_id = txn.id
        WHERE kind IN ('reserve', 'capture', 'release', 'close')
        GROUP BY txn.job_id HAVING sum({_COST}) <> 0
        """,  # noqa: S608  # fixed texts
        (json.dumps(list(ids)),),
    )
    return dict(rows.fetchall())


def tally(db: Database, thread_id: int) -> Tally:
    """Count the takes of a thread, and add up what they cost."""
    counts = db.execute(
        f"""
        SELECT count(*) AS jobs, count(*) FILTER (WHERE state IN {sql_list(FINISHED)}) AS made,
            count(*) FILTER (WHERE state IN {sql_list(LIVE)}) AS running
        FROM job WHERE thread_id = ?
        """,  # noqa: S608  # fixed texts
        (thread_id,),
    ).fetchone()
    # What was reserved, less what went back: each of the two kinds has an index of its own.
    [cost] = db.execute(
        f"""
        SELECT coalesce(sum({_COST}), 0)
        FROM (
            SELECT txn.id FROM job JOIN txn ON txn.job_id = job.id AND kind = 'reserve'
            WHERE thread_id = :thread
            UNION ALL
            SELECT txn.id FROM job JOIN txn ON txn.job_id = job.id
                AND kind IN ('capture', 'release', 'close')
            WHERE thread_id = :thread
        ) AS booked JOIN transfer ON transfer.txn_id = booked.id
        """,  # noqa: S608  # fixed texts
        {"thread": thread_id},
    ).fetchone()
    return Tally(**dict(counts), credits=cost)
