"""Takes: their numbers, their posts, and what people do with them."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .brief import Brief
from .job import Job
from .jobs import _job as load
from .jobs import requested
from .moderation import By, record
from .writer import Writer


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


class Takes:
    """The takes. Each method is one read or one write, told the time."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    # Numbers.

    async def number(self, job: Job, place_id: int) -> int:
        """The number of *job*'s take in its thread: the next one, the first time."""
        return await self._writer.write(lambda db: number(db, job.id, place_id))

    async def get(self, job_id: int, *, guild_id: int) -> Take | None:
        """One take of a server, or job that may become one."""
        found = await self._writer.read(
            lambda db: _takes(db, "job.id = ? AND job.guild_id = ?", (job_id, guild_id), limit=1)
        )
        return found[0] if found else None

    async def of_thread(
        self, thread_id: int, *, limit: int = 1000, skip: int = 0, standing: bool = False
    ) -> list[Take]:
        """The newest *limit* takes and jobs of a thread but for *skip*, oldest first.

        *standing* leaves out those that came to nothing.
        """
        where = f"job.thread_id = ? AND job.state IN {_STANDING}" if standing else _IN_THREAD
        return await self._writer.read(
            lambda db: _takes(db, where, (thread_id,), limit=limit, skip=skip)
        )

    async def tally(self, thread_id: int) -> Tally:
        """How many takes a thread has, and what they cost."""
        return await self._writer.read(lambda db: tally(db, thread_id))

    async def marked(self, thread_id: int, *, limit: int = 10) -> tuple[list[Take], list[Take]]:
        """The newest takes of a thread that are approved, and that are somebody's favourite."""
        return await self._writer.read(
            lambda db: (
                _takes(db, f"{_IN_THREAD} AND {_APPROVED}", (thread_id,), limit=limit),
                _takes(db, f"{_IN_THREAD} AND {_LIKED}", (thread_id,), limit=limit),
            )
        )

    async def parents(self, takes: Collection[Take], *, guild_id: int) -> dict[int, Take]:
        """What *takes* of a server were made from, by number."""
        known = {take.job.id: take for take in takes}
        wanted = {take.job.brief.parent for take in takes if take.job.brief.parent is not None}
        listed = json.dumps(sorted(wanted - known.keys()))
        found = await self._writer.read(
            lambda db: _takes(
                db,
                "job.id IN (SELECT value FROM json_each(?)) AND job.guild_id = ?",
                (listed, guild_id),
                limit=len(takes),
            )
        )
        return {each: known[each] for each in wanted & known.keys()} | {
            take.job.id: take for take in found
        }

    async def measured(self, job_id: int, seconds: float) -> None:
        """Note how long a take's clip is."""
        await self._writer.write(
            lambda db: _run(db, "UPDATE take SET seconds = ? WHERE job_id = ?", seconds, job_id)
        )

    async def children(self, job_id: int) -> list[Take]:
        """What was made from a take, oldest first."""
        return await self._writer.read(
            lambda db: _takes(
                db,
                "json_extract(job.brief, '$.parent') IS NOT NULL"
                " AND json_extract(job.brief, '$.parent') = ?",
                (job_id,),
                limit=100,
            )
        )

    async def beside(self, job_id: int, *, thread_id: int) -> int | None:
        """The take of a thread that came right before another one, else the one right after."""
        row = await self._writer.read(
            lambda db: db.execute(
                """
                SELECT job.id FROM job JOIN take ON take.job_id = job.id
                WHERE thread_id = :thread AND job.id <> :job
                ORDER BY job.id > :job, abs(job.id - :job) LIMIT 1
                """,
                {"thread": thread_id, "job": job_id},
            ).fetchone()
        )
        return None if row is None else int(row[0])

    async def latest(self, *, guild_id: int, user_id: int) -> Job | None:
        """What a person ordered last."""
        found = await self._writer.read(
            lambda db: _takes(
                db, "job.user_id = ? AND job.guild_id = ?", (user_id, guild_id), limit=1
            )
        )
        return found[0].job if found else None

    async def hide(self, job_id: int, *, by: int | None) -> None:
        """Note that somebody took a take down (None: it may be shown again)."""
        await self._writer.write(
            lambda db: _run(db, "UPDATE take SET hidden_by = ? WHERE job_id = ?", by, job_id)
        )

    # Posts.

    async def posted(self, post: Post) -> None:
        """Note a message that carries a take."""
        await self._writer.write(
            lambda db: _run(
                db,
                "INSERT INTO post (message_id, channel_id, job_id, at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (message_id) DO NOTHING",
                post.message_id,
                post.channel_id,
                post.job_id,
                post.at,
            )
        )

    async def gone(self, message_ids: Iterable[int]) -> None:
        """Note messages that were deleted on Discord."""
        listed = json.dumps(list(message_ids))
        await self._writer.write(
            lambda db: _run(
                db,
                "UPDATE post SET gone = 1"
                " WHERE message_id IN (SELECT value FROM json_each(?)) AND gone = 0",
                listed,
            )
        )

    async def gone_with(self, channel_id: int) -> None:
        """Note that a channel or thread was deleted, with every post in it and its threads."""
        await self._writer.write(
            lambda db: db.execute(
                """
                UPDATE post SET gone = 1 WHERE gone = 0 AND (
                    channel_id = :place
                    OR channel_id IN (SELECT id FROM thread WHERE parent_id = :place)
                    OR channel_id IN (
                        SELECT thread_id FROM job
                        WHERE thread_id IS NOT NULL AND card_channel_id = :place
                    )
                )
                """,
                {"place": channel_id},
            )
        )

    async def asked(self, request: str) -> Job | None:
        """The job that a request became."""
        return await self._writer.read(lambda db: requested(db, request))

    async def post(self, message_id: int) -> Post | None:
        """The post that a message is."""
        found = await self._writer.read(
            lambda db: _posts(db, "message_id = ? AND gone = 0", (message_id,), limit=1)
        )
        return found[0] if found else None

    async def posts_of(self, job_id: int) -> list[Post]:
        """Where a take stands, newest first."""
        return await self._writer.read(
            lambda db: _posts(db, "job_id = ? AND gone = 0", (job_id,), limit=100)
        )

    async def recent_posts(self, *, since: float, limit: int) -> list[Post]:
        """The posts that stand, newest first."""
        return await self._writer.read(
            lambda db: _posts(db, "at >= ? AND gone = 0", (since,), limit=limit)
        )

    # Marks.

    async def favourite(self, job_id: int, user_id: int, *, at: float | None) -> int:
        """Mark a take as a person's favourite at a time, or no longer; how many people did."""
        return await self._writer.write(lambda db: _mark(db, "favourite", job_id, user_id, at))

    async def favourites(
        self, *, guild_id: int, user_id: int, limit: int = 100, skip: int = 0
    ) -> list[Take]:
        """The newest *limit* favourites of a person in a server but for *skip*, oldest first."""
        return await self._writer.read(
            lambda db: _takes(db, _LIKED_BY, (guild_id, user_id), limit=limit, skip=skip)
        )

    async def count_favourites(self, *, guild_id: int, user_id: int) -> int:
        """How many favourites a person has in a server."""
        [count] = await self._writer.read(
            lambda db: db.execute(
                f"SELECT count(*) FROM job WHERE {_LIKED_BY}",  # noqa: S608  # a fixed text
                (guild_id, user_id),
            ).fetchone()
        )
        return int(count)

    async def is_favourite(self, job_id: int, user_id: int) -> bool:
        return await self._writer.read(
            lambda db: (
                db.execute(
                    "SELECT 1 FROM favourite WHERE job_id = ? AND user_id = ?", (job_id, user_id)
                ).fetchone()
                is not None
            )
        )

    async def sign_off(self, job_id: int, user_id: int, *, at: float | None) -> int:
        """Approve a take at a time, or no longer; how many reviewers do."""
        return await self._writer.write(lambda db: _mark(db, "sign_off", job_id, user_id, at))

    # Reactions.

    async def reaction(self, message_id: int, user_id: int, emoji: str) -> Reaction | None:
        """What was done about a reaction."""
        row = await self._writer.read(
            lambda db: db.execute(
                "SELECT n, stands, at, explained, answer, refused_id FROM reaction"
                " WHERE message_id = ? AND user_id = ? AND emoji = ?",
                (message_id, user_id, emoji),
            ).fetchone()
        )
        if row is None:
            return None
        return Reaction(**{**dict(row), "stands": bool(row["stands"])})

    async def set_reaction(
        self, message_id: int, user_id: int, emoji: str, reaction: Reaction
    ) -> None:
        await self._writer.write(
            lambda db: _run(
                db,
                "INSERT INTO reaction (message_id, user_id, emoji, n, stands, at, explained,"
                " answer, refused_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (message_id, user_id, emoji) DO UPDATE"
                " SET n = excluded.n, stands = excluded.stands, at = excluded.at,"
                " explained = excluded.explained, answer = excluded.answer,"
                " refused_id = excluded.refused_id",
                message_id,
                user_id,
                emoji,
                reaction.n,
                int(reaction.stands),
                reaction.at,
                reaction.explained,
                reaction.answer,
                reaction.refused_id,
            )
        )

    async def standing(self, message_id: int) -> set[tuple[int, str]]:
        """Who reacted to a message with what, as far as it was acted on and stands."""
        rows = await self._writer.read(
            lambda db: db.execute(
                "SELECT user_id, emoji FROM reaction WHERE message_id = ? AND stands = 1",
                (message_id,),
            ).fetchall()
        )
        return {(user, emoji) for user, emoji in rows}

    async def words_used(self, job_id: int, user_id: int, prompt: str, *, since: float) -> bool:
        """Whether a person has made something of a take with this prompt since a time.

        What was called off or came to nothing does not count.
        """
        row = await self._writer.read(
            lambda db: db.execute(
                f"""
                SELECT 1 FROM job
                WHERE json_extract(brief, '$.parent') IS NOT NULL
                AND json_extract(brief, '$.parent') = :job AND user_id = :user
                AND json_extract(brief, '$.prompt') = :prompt AND created_at >= :since
                AND state IN {_STANDING} LIMIT 1
                """,  # noqa: S608  # a fixed text
                {"job": job_id, "user": user_id, "prompt": prompt, "since": since},
            ).fetchone()
        )
        return row is not None

    async def out_of_reach(self, channel_id: int, *, at: float | None) -> bool:
        """Note that a channel cannot be posted to (None: it can again); whether that is news."""
        sql = (
            "DELETE FROM out_of_reach WHERE channel_id = :channel"
            if at is None
            else "INSERT INTO out_of_reach (channel_id, at) VALUES (:channel, :at)"
            " ON CONFLICT DO NOTHING"
        )
        return await self._writer.write(
            lambda db: db.execute(sql, {"channel": channel_id, "at": at}).rowcount > 0
        )

    # Presets.

    async def save_preset(self, preset: Preset, *, by: By | None = None) -> None:
        """Keep settings under a name, instead of what had it; on record if *by* somebody."""

        def act(db: sqlite3.Connection) -> None:
            _run(
                db,
                "INSERT INTO preset (guild_id, user_id, name, provider, model, brief, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (guild_id, user_id, name) DO UPDATE SET"
                " provider = excluded.provider, model = excluded.model, brief = excluded.brief,"
                " at = excluded.at",
                preset.guild_id,
                preset.user_id,
                preset.name,
                preset.provider,
                preset.model,
                json.dumps(preset.brief.to_json(), allow_nan=False),
                preset.at,
            )
            if by is not None:
                after = {"preset": preset.name, "model": preset.model}
                record(db, by, "preset", after=after, now=preset.at)

        await self._writer.write(act)

    async def presets(self, *, guild_id: int, user_id: int) -> list[Preset]:
        """The presets that a person may use: their own, then the server's."""
        rows = await self._writer.read(
            lambda db: db.execute(
                "SELECT * FROM preset WHERE guild_id = ? AND user_id IN (?, 0)"
                " ORDER BY user_id = 0, name",
                (guild_id, user_id),
            ).fetchall()
        )
        return [
            Preset(**{**dict(row), "brief": Brief.from_json(json.loads(row["brief"]))})
            for row in rows
        ]

    async def delete_preset(
        self, *, guild_id: int, user_id: int, name: str, by: By | None = None, at: float = 0.0
    ) -> bool:
        """Whether there was one; *by* whom and when it went, where that is on record."""

        def act(db: sqlite3.Connection) -> bool:
            gone = db.execute(
                "DELETE FROM preset WHERE guild_id = ? AND user_id = ? AND name = ?"
                " RETURNING model",
                (guild_id, user_id, name),
            ).fetchone()
            if gone is not None and by is not None:
                before = {"preset": name, "model": gone["model"]}
                record(db, by, "preset", before=before, now=at)
            return gone is not None

        return await self._writer.write(act)

    # Threads and limits.

    async def thread(self, id: int) -> Thread | None:
        row = await self._writer.read(
            lambda db: db.execute(
                "SELECT id, guild_id, parent_id, board_id FROM thread WHERE id = ?", (id,)
            ).fetchone()
        )
        return Thread(**dict(row)) if row else None

    async def set_thread(self, thread: Thread, *, at: float) -> None:
        """Remember a thread, as far as it is given."""
        await self._writer.write(
            lambda db: _run(
                db,
                "INSERT INTO thread (id, guild_id, parent_id, board_id, at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET"
                " parent_id = coalesce(excluded.parent_id, parent_id),"
                " board_id = coalesce(excluded.board_id, board_id)",
                thread.id,
                thread.guild_id,
                thread.parent_id,
                thread.board_id,
                at,
            )
        )

    async def upload_limit(self, guild_id: int, *, said: int) -> int:
        """Bytes of an attachment that a server takes: what Discord says, *said*, until it was
        found out that it takes less. When Discord says something else, that is forgotten."""
        row = await self._writer.read(
            lambda db: db.execute(
                "SELECT takes FROM upload_limit WHERE guild_id = ? AND said = ?", (guild_id, said)
            ).fetchone()
        )
        return min(said, row[0]) if row else said

    async def learn_limit(self, guild_id: int, *, said: int, takes: int, at: float) -> None:
        """Remember that a server took no more than *takes* bytes."""
        await self._writer.write(
            lambda db: _run(
                db,
                "INSERT INTO upload_limit (guild_id, said, takes, at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (guild_id) DO UPDATE SET said = excluded.said,"
                " takes = excluded.takes, at = excluded.at",
                guild_id,
                said,
                takes,
                at,
            )
        )

    # Room on the disk.

    async def droppable(
        self,
        *,
        before: float,
        limit: int = 500,
        bucket: str | None = None,
        copied_after: float | None = None,
    ) -> list[Job]:
        """Ended jobs with a file, those that are nobody's favourite first, then the oldest.

        *before* is when they must have ended. No live job starts from the file of one of them.
        With a *bucket*, only those which it has; and those which it need not have any more,
        because they ended before *copied_after* and are nobody's favourite.
        """
        return await self._writer.read(
            lambda db: droppable(
                db, before=before, limit=limit, bucket=bucket, copied_after=copied_after
            )
        )

    async def favoured(self, job_id: int) -> bool:
        """Whether a take is somebody's favourite, or approved."""
        return await self._writer.read(lambda db: _favoured(db, job_id))

    async def drop(self, job_id: int, *, at: float) -> None:
        """Note that a take's file made room."""
        await self._writer.write(
            lambda db: _run(db, "UPDATE take SET dropped = ? WHERE job_id = ?", at, job_id)
        )


_MADE = "('delivering', 'done', 'undelivered')"
_STANDING = (  # made, or under way
    "('delivering', 'done', 'undelivered',"
    " 'queued', 'submitting', 'unclear', 'rendering', 'fetching', 'review')"
)
_IN_THREAD = "job.thread_id = ?"
_APPROVED = "EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)"
_LIKED_BY = (
    "job.guild_id = ? AND EXISTS (SELECT 1 FROM favourite"
    " WHERE favourite.job_id = job.id AND favourite.user_id = ?)"
)
_LIKED = "EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)"


def tally(db: sqlite3.Connection, thread_id: int) -> Tally:
    """See `Takes.tally`."""
    counts = db.execute(
        f"""
        SELECT count(*) AS jobs, coalesce(sum(state IN {_MADE}), 0) AS made,
            coalesce(sum(state IN {_STANDING} AND state NOT IN {_MADE}), 0) AS running
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
                },
            )
            found += [load(row) for row in rows]
    return found


_FAVOURED = """(
    EXISTS (SELECT 1 FROM favourite WHERE favourite.job_id = job.id)
    OR EXISTS (SELECT 1 FROM sign_off WHERE sign_off.job_id = job.id)
)"""
_DROPPABLE = """
    +state IN ('done', 'undelivered') AND due_at IS NULL AND since < :before
    AND take.dropped IS NULL AND file IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM job AS child
        WHERE json_extract(child.brief, '$.parent') IS NOT NULL
        AND json_extract(child.brief, '$.parent') = job.id
        AND child.state IN ('queued', 'submitting', 'unclear', 'rendering', 'fetching',
                            'delivering', 'review')
    )
    AND NOT EXISTS (
        SELECT 1 FROM needed JOIN job AS child ON child.id = needed.job_id
        WHERE needed.file = job.file AND child.id <> job.id
        AND child.state IN ('queued', 'submitting', 'unclear', 'rendering', 'fetching',
                            'delivering', 'review')
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
"""


def forget(db: sqlite3.Connection, user_id: int) -> None:
    """Delete what a person did with takes, and where theirs stand; within a transaction."""
    db.execute(
        "DELETE FROM post WHERE job_id IN (SELECT id FROM job WHERE user_id = ?)", (user_id,)
    )
    db.execute("UPDATE take SET hidden_by = 0 WHERE hidden_by = ?", (user_id,))
    for table in ("favourite", "sign_off", "preset", "reaction"):
        db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608  # fixed names


def _favoured(db: sqlite3.Connection, job_id: int) -> bool:
    [found] = db.execute(
        "SELECT EXISTS (SELECT 1 FROM favourite WHERE job_id = :job)"
        " OR EXISTS (SELECT 1 FROM sign_off WHERE job_id = :job)",
        {"job": job_id},
    ).fetchone()
    return bool(found)


def _takes(
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


def _posts(
    db: sqlite3.Connection, where: str, values: Collection[float], *, limit: int
) -> list[Post]:
    rows = db.execute(
        f"SELECT message_id, channel_id, job_id, at FROM post WHERE {where}"  # noqa: S608
        " ORDER BY message_id DESC LIMIT ?",
        (*values, limit),
    )
    return [Post(**dict(row)) for row in rows]


def _mark(db: sqlite3.Connection, table: str, job_id: int, user_id: int, at: float | None) -> int:
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


def _run(db: sqlite3.Connection, sql: str, *values: float | str | None) -> None:
    db.execute(sql, values)
