"""The messages that carry takes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message that carries a take."""

    message_id: int
    channel_id: int
    job_id: int
    at: float
    retake_price: int | None = None  #: credits that the message says a retake costs
    extend_price: int | None = None  #: credits that the message says an extension costs
    batch: int | None = None  #: it is the contact sheet of this batch, and its take the first there


#: The batch of each take that its contact sheet shows.
_SHOWN = """
    SELECT job.batch FROM job JOIN sheet ON sheet.batch = job.batch, json_each(sheet.takes) AS shown
    WHERE CAST(shown.value AS BIGINT) = job.id AND job.id
"""
#: Whether the contact sheet of the batch of a row of `job` shows its take; without, it came later.
ON_SHEET = """EXISTS (
    SELECT 1 FROM sheet, json_each(sheet.takes) AS shown
    WHERE sheet.batch = job.batch AND CAST(shown.value AS BIGINT) = job.id
)"""
#: Whether a row of `post` shows the take of a row of `job`, alone or on its contact sheet.
SHOWS = f"""(
    gone = 0 AND (
        post.job_id = job.id AND post.batch IS NULL OR post.batch = job.batch AND {ON_SHEET}
    )
)"""
_COLUMNS = "message_id, channel_id, job_id, at, retake_price, extend_price, batch"


def posts(db: Database, where: str, values: Sequence[float]) -> list[Post]:
    """The posts that fit, newest first. *where* is a fixed text with `?` for *values*."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM post WHERE {where} ORDER BY message_id DESC",  # noqa: S608
        values,
    )
    return [Post(**dict(row)) for row in rows]


def post(db: Database, message_id: int) -> Post | None:
    """The post that a message is; None if it is none, or deleted."""
    found = posts(db, "message_id = ? AND gone = 0", (message_id,))
    return found[0] if found else None


def posts_of(db: Database, job_id: int) -> list[Post]:
    """List the standing posts that show a take, newest first: its own, and contact sheets."""
    shows = f"job_id = ?1 AND batch IS NULL OR batch IN ({_SHOWN} = ?1)"
    return posts(db, f"gone = 0 AND ({shows})", (job_id,))


def post_count(db: Database, job_id: int) -> int:
    """How many messages have carried a take alone, those that are gone included."""
    [count] = db.execute(
        "SELECT count(*) FROM post WHERE job_id = ? AND batch IS NULL", (job_id,)
    ).fetchone()
    return int(count)


def recent_posts(db: Database, *, since: float) -> list[Post]:
    """List the standing posts of all takes since *since*, newest first."""
    return posts(db, "at >= ? AND gone = 0", (since,))


def to_remove(db: Database) -> list[Post]:
    """List the standing posts that show a take which was taken down, newest first."""
    hidden = "(SELECT job_id FROM take INDEXED BY take_hidden WHERE hidden_by IS NOT NULL)"
    shows = f"job_id IN {hidden} AND batch IS NULL OR batch IN ({_SHOWN} IN {hidden})"
    return posts(db, f"gone = 0 AND ({shows})", ())


def condemned(db: Database, job_id: int) -> list[Post]:
    """List those of `to_remove` that show one take, newest first: a sheet also goes with another
    one that it shows."""
    hidden = "SELECT 1 FROM take WHERE hidden_by IS NOT NULL AND take.job_id ="
    alone = f"job_id = ?1 AND batch IS NULL AND EXISTS ({hidden} ?1)"
    sheets = f"""batch IN ({_SHOWN} = ?1) AND EXISTS (
        SELECT 1 FROM sheet, json_each(sheet.takes) AS other
        WHERE sheet.batch = post.batch AND EXISTS ({hidden} CAST(other.value AS BIGINT))
    )"""  # noqa: S608  # fixed texts
    return posts(db, f"gone = 0 AND ({alone} OR {sheets})", (job_id,))


def posted(db: Database, post: Post) -> None:
    """Note a message that carries a take."""
    db.execute(
        f"INSERT INTO post ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (message_id) DO NOTHING",
        (
            post.message_id,
            post.channel_id,
            post.job_id,
            post.at,
            post.retake_price,
            post.extend_price,
            post.batch,
        ),
    )


def gone(db: Database, message_ids: Iterable[int]) -> None:
    """Note messages that were deleted on Discord."""
    db.execute(
        "UPDATE post SET gone = 1"
        " WHERE message_id IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) AND gone = 0",
        (json.dumps(list(message_ids)),),
    )


def gone_with(db: Database, channel_id: int) -> None:
    """Note that a channel or thread was deleted, with every post in it and in its threads."""
    db.execute(
        """
        UPDATE post SET gone = 1 WHERE gone = 0 AND (
            channel_id = :channel
            OR channel_id IN (SELECT id FROM thread WHERE parent_id = :channel)
            OR channel_id IN (
                SELECT thread_id FROM job
                WHERE thread_id IS NOT NULL AND card_channel_id = :channel
            )
        )
        """,
        {"channel": channel_id},
    )
