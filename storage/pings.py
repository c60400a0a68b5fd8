"""How people want to hear of their clips: mentioned, by direct message, or not at all."""

from enum import StrEnum

from .database import Database


class Ping(StrEnum):
    """How somebody hears that a clip of theirs is done, or failed."""

    MENTION = "mention"  #: where it is posted
    DM = "dm"  #: by direct message, with a link
    NONE = "none"  #: it is posted, and nobody is notified


def ping_of(db: Database, guild_id: int, user_id: int) -> Ping:
    """How a person wants to hear of clips in a server."""
    row = db.execute(
        "SELECT how FROM ping WHERE guild_id = ? AND user_id = ?", (guild_id, user_id)
    ).fetchone()
    return Ping.MENTION if row is None else Ping(row[0])


def set_ping(db: Database, guild_id: int, user_id: int, how: Ping) -> None:
    """Note how a person wants to hear of clips in a server."""
    db.execute("DELETE FROM ping WHERE guild_id = ? AND user_id = ?", (guild_id, user_id))
    if how is not Ping.MENTION:
        db.execute(
            "INSERT INTO ping (guild_id, user_id, how) VALUES (?, ?, ?)", (guild_id, user_id, how)
        )
