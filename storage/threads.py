"""What is known of Discord's threads and channels, and of the uploads that a server takes."""

from dataclasses import dataclass

from .database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A thread in which takes are made."""

    id: int
    guild_id: int
    parent_id: int | None
    board_id: int | None


def thread(db: Database, id: int) -> Thread | None:
    """A thread; None for what is not known to be one."""
    row = db.execute(
        "SELECT id, guild_id, parent_id, board_id FROM thread WHERE id = ?", (id,)
    ).fetchone()
    return Thread(**dict(row)) if row else None


def parent_of(db: Database, thread_id: int) -> int | None:
    """The channel that a thread belongs to; None for what is not known to be a thread."""
    found = thread(db, thread_id)
    return None if found is None else found.parent_id


def here_of(db: Database, channel_id: int, parent_id: int | None) -> tuple[int, ...]:
    """The thread where something is asked, if it is one, and its channel: what holds for a channel
    holds in its threads.

    Discord, which *parent_id* is from, forgets to tell of threads that were archived; we noted
    where ours are.
    """
    parent = parent_id if parent_id is not None else parent_of(db, channel_id)
    return (channel_id,) if parent is None else (channel_id, parent)


def set_thread(db: Database, thread: Thread, *, at: float) -> None:
    """Note a thread, and those of its channel and board that are given."""
    db.execute(
        "INSERT INTO thread (id, guild_id, parent_id, board_id, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET"
        " parent_id = coalesce(excluded.parent_id, thread.parent_id),"
        " board_id = coalesce(excluded.board_id, thread.board_id)",
        (thread.id, thread.guild_id, thread.parent_id, thread.board_id, at),
    )


def out_of_reach(db: Database, channel_id: int, *, at: float | None) -> bool:
    """Note since when a channel cannot be posted to, None if it can; whether that is news."""
    change = (
        "DELETE FROM out_of_reach WHERE channel_id = :channel"
        if at is None
        else "INSERT INTO out_of_reach (channel_id, at) VALUES (:channel, :at)"
        " ON CONFLICT DO NOTHING"
    )
    return db.execute(change, {"channel": channel_id, "at": at}).rowcount > 0


def upload_limit(db: Database, guild_id: int, *, said: int) -> int:
    """The bytes of an attachment that a server takes.

    That is what Discord says, *said*, unless the server was found to take less. A limit found is
    forgotten when Discord says something else.
    """
    row = db.execute(
        "SELECT takes FROM upload_limit WHERE guild_id = ? AND said = ?", (guild_id, said)
    ).fetchone()
    return min(said, row[0]) if row else said


def learn_limit(db: Database, guild_id: int, *, said: int, takes: int, at: float) -> None:
    """Note that a server took no more than *takes* bytes while Discord said *said*."""
    db.execute(
        "INSERT INTO upload_limit (guild_id, said, takes, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (guild_id) DO UPDATE SET said = excluded.said, takes = excluded.takes,"
        " at = excluded.at",
        (guild_id, said, takes, at),
    )
