"""Which servers we are in, and which of them have yet to be greeted: each is greeted once."""

from collections.abc import Collection
from dataclasses import dataclass

from .database import Database
from .defaults import Moment
from .sharing import shard_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """A greeting that a server has yet to get."""

    guild_id: int
    at: float  #: since when


def see(
    db: Database,
    at: Moment,
    guild_ids: Collection[int],
    *,
    joined: int | None = None,
    shards: int = 1,
) -> None:
    """Note the servers that we are in; those that are new get a greeting, and so does *joined*.

    The first time, all of them were there before: only *joined* is new. Of several *shards* each
    has its first time.
    """
    rows = db.execute("SELECT DISTINCT (guild_id >> 22) % ? FROM greeting", (shards,))
    seen = {shard for (shard,) in rows}
    for guild_id in sorted({*guild_ids, *([joined] if joined is not None else [])}):
        if at.defaults.serves(guild_id):
            db.execute(
                "INSERT INTO greeting (guild_id, at, due) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    guild_id,
                    at.now,
                    shard_of(guild_id, shards) in seen or guild_id == joined,
                ),
            )


def due(db: Database) -> list[Greeting]:
    """List the greetings that are due, the oldest first."""
    rows = db.execute("SELECT guild_id, at FROM greeting WHERE due = 1 ORDER BY at, guild_id")
    return [Greeting(guild_id=guild_id, at=at) for guild_id, at in rows]


def over(db: Database, guild_id: int) -> None:
    """Note that a server was greeted, or cannot be."""
    db.execute("UPDATE greeting SET due = 0 WHERE guild_id = ?", (guild_id,))
