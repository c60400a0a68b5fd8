"""Takes: their numbers, their posts, and what people do with them."""

import json
import sqlite3
from collections.abc import Collection, Iterable

from . import take as sql
from .audit import By, record
from .brief import Brief
from .job import STANDING, Job, sql_list
from .jobs import requested
from .take import Post, Preset, Reaction, Take, Tally, Thread, forget
from .writer import Writer

__all__ = ["Post", "Preset", "Reaction", "Take", "Takes", "Tally", "Thread", "forget"]


class Takes:
    """The takes. Each method is one read or one write, told the time."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    # Numbers.

    async def number(self, job: Job, place_id: int) -> int:
        """The number of *job*'s take in its thread: the next one, the first time."""
        return await self._writer.write(lambda db: sql.number(db, job.id, place_id))

    async def get(self, job_id: int, *, guild_id: int) -> Take | None:
        """One take of a server, or job that may become one."""
        found = await self._writer.read(
            lambda db: sql.takes(db, "job.id = ? AND job.guild_id = ?", (job_id, guild_id), limit=1)
        )
        return found[0] if found else None

    async def of_thread(
        self, thread_id: int, *, limit: int = 1000, skip: int = 0, standing: bool = False
    ) -> list[Take]:
        """The newest *limit* takes and jobs of a thread but for *skip*, oldest first.

        *standing* leaves out those that came to nothing.
        """
        where = (
            f"job.thread_id = ? AND job.state IN {sql_list(STANDING)}"
            if standing
            else sql.IN_THREAD
        )
        return await self._writer.read(
            lambda db: sql.takes(db, where, (thread_id,), limit=limit, skip=skip)
        )

    async def tally(self, thread_id: int) -> Tally:
        """How many takes a thread has, and what they cost."""
        return await self._writer.read(lambda db: sql.tally(db, thread_id))

    async def marked(self, thread_id: int, *, limit: int = 10) -> tuple[list[Take], list[Take]]:
        """The newest takes of a thread that are approved, and that are somebody's favourite."""
        return await self._writer.read(
            lambda db: (
                sql.takes(db, f"{sql.IN_THREAD} AND {sql.APPROVED}", (thread_id,), limit=limit),
                sql.takes(db, f"{sql.IN_THREAD} AND {sql.LIKED}", (thread_id,), limit=limit),
            )
        )

    async def parents(self, takes: Collection[Take], *, guild_id: int) -> dict[int, Take]:
        """What *takes* of a server were made from, by number."""
        known = {take.job.id: take for take in takes}
        wanted = {take.job.brief.parent for take in takes if take.job.brief.parent is not None}
        listed = json.dumps(sorted(wanted - known.keys()))
        found = await self._writer.read(
            lambda db: sql.takes(
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
            lambda db: sql.run(db, "UPDATE take SET seconds = ? WHERE job_id = ?", seconds, job_id)
        )

    async def children(self, job_id: int) -> list[Take]:
        """What was made from a take, oldest first."""
        return await self._writer.read(
            lambda db: sql.takes(
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

    async def numbered(self, number: int, *, place_id: int, guild_id: int) -> Take | None:
        """The take that has this number in a thread, or in a channel that has no threads."""
        found = await self._writer.read(
            lambda db: sql.takes(
                db,
                "take.place_id = ? AND take.number = ? AND job.guild_id = ?",
                (place_id, number, guild_id),
                limit=1,
            )
        )
        return found[0] if found else None

    async def of_person(self, *, guild_id: int, user_id: int, limit: int) -> list[Take]:
        """What a person ordered last in a server, whatever became of it, oldest first."""
        return await self._writer.read(
            lambda db: sql.takes(
                db, "job.user_id = ? AND job.guild_id = ?", (user_id, guild_id), limit=limit
            )
        )

    async def latest(self, *, guild_id: int, user_id: int) -> Job | None:
        """What a person ordered last."""
        found = await self._writer.read(
            lambda db: sql.takes(
                db, "job.user_id = ? AND job.guild_id = ?", (user_id, guild_id), limit=1
            )
        )
        return found[0].job if found else None

    # Posts.

    async def posted(self, post: Post) -> None:
        """Note a message that carries a take."""
        await self._writer.write(
            lambda db: sql.run(
                db,
                "INSERT INTO post (message_id, channel_id, job_id, at, retake_price, extend_price)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING",
                post.message_id,
                post.channel_id,
                post.job_id,
                post.at,
                post.retake_price,
                post.extend_price,
            )
        )

    async def gone(self, message_ids: Iterable[int]) -> None:
        """Note messages that were deleted on Discord."""
        listed = json.dumps(list(message_ids))
        await self._writer.write(
            lambda db: sql.run(
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
            lambda db: sql.posts(db, "message_id = ? AND gone = 0", (message_id,))
        )
        return found[0] if found else None

    async def posts_of(self, job_id: int) -> list[Post]:
        """Where a take stands, newest first."""
        return await self._writer.read(
            lambda db: sql.posts(db, "job_id = ? AND gone = 0", (job_id,))
        )

    async def to_remove(self) -> list[Post]:
        """The posts that stand although their take was taken down, newest first."""
        return await self._writer.read(lambda db: sql.posts(db, sql.HIDDEN, ()))

    async def recent_posts(self, *, since: float) -> list[Post]:
        """All posts that stand, newest first."""
        return await self._writer.read(lambda db: sql.posts(db, "at >= ? AND gone = 0", (since,)))

    # Marks.

    async def favourite(self, job_id: int, user_id: int, *, at: float | None) -> int:
        """Mark a take as a person's favourite at a time, or no longer; how many people did."""
        return await self._writer.write(lambda db: sql.mark(db, "favourite", job_id, user_id, at))

    async def favourites(
        self, *, guild_id: int, user_id: int, limit: int = 100, skip: int = 0
    ) -> list[Take]:
        """The newest *limit* favourites of a person in a server but for *skip*, oldest first."""
        return await self._writer.read(
            lambda db: sql.takes(db, sql.LIKED_BY, (guild_id, user_id), limit=limit, skip=skip)
        )

    async def count_favourites(self, *, guild_id: int, user_id: int) -> int:
        """How many favourites a person has in a server."""
        [count] = await self._writer.read(
            lambda db: db.execute(
                f"SELECT count(*) FROM job WHERE {sql.LIKED_BY}",  # noqa: S608  # a fixed text
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
        return await self._writer.write(lambda db: sql.mark(db, "sign_off", job_id, user_id, at))

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
            lambda db: sql.run(
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
                AND state IN {sql_list(STANDING)} LIMIT 1
                """,  # noqa: S608  # a fixed text
                {"job": job_id, "user": user_id, "prompt": prompt, "since": since},
            ).fetchone()
        )
        return row is not None

    async def out_of_reach(self, channel_id: int, *, at: float | None) -> bool:
        """Note that a channel cannot be posted to (None: it can again); whether that is news."""
        change = (
            "DELETE FROM out_of_reach WHERE channel_id = :channel"
            if at is None
            else "INSERT INTO out_of_reach (channel_id, at) VALUES (:channel, :at)"
            " ON CONFLICT DO NOTHING"
        )
        return await self._writer.write(
            lambda db: db.execute(change, {"channel": channel_id, "at": at}).rowcount > 0
        )

    # Presets.

    async def save_preset(self, preset: Preset, *, by: By | None = None) -> None:
        """Keep settings under a name, instead of what had it; on record if *by* somebody."""

        def act(db: sqlite3.Connection) -> None:
            sql.run(
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

        return await self._writer.erase(act)

    # Threads and limits.

    async def thread(self, id: int) -> Thread | None:
        row = await self._writer.read(
            lambda db: db.execute(
                "SELECT id, guild_id, parent_id, board_id FROM thread WHERE id = ?", (id,)
            ).fetchone()
        )
        return Thread(**dict(row)) if row else None

    async def parent_of(self, thread_id: int) -> int | None:
        """The channel that a thread belongs to; None for what is not known to be a thread."""
        thread = await self.thread(thread_id)
        return None if thread is None else thread.parent_id

    async def set_thread(self, thread: Thread, *, at: float) -> None:
        """Remember a thread, as far as it is given."""
        await self._writer.write(
            lambda db: sql.run(
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
            lambda db: sql.run(
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
        owed: bool = False,
    ) -> list[Job]:
        """Ended jobs with a file, those that are nobody's favourite first, then the oldest.

        *before* is when they must have ended. No live job starts from the file of one of them.
        With a *bucket*, only those which it has; and those which it need not have any more,
        because they ended before *copied_after* and are nobody's favourite. *owed*: also clips
        that have yet to be posted.
        """
        return await self._writer.read(
            lambda db: sql.droppable(
                db,
                before=before,
                limit=limit,
                bucket=bucket,
                copied_after=copied_after,
                owed=owed,
            )
        )

    async def favoured(self, job_id: int) -> bool:
        """Whether a take is somebody's favourite, or approved."""
        return await self._writer.read(lambda db: sql.favoured(db, job_id))

    async def drop(self, job_id: int, *, at: float) -> None:
        """Note that a take's file made room."""
        await self._writer.write(
            lambda db: sql.run(db, "UPDATE take SET dropped = ? WHERE job_id = ?", at, job_id)
        )
