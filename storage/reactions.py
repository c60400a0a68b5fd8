"""What was done about each reaction to a message."""

from dataclasses import dataclass

from .database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What was done about a reaction when it was given for the *n*-th time."""

    n: int
    stands: bool
    at: float
    explained: str | None = None  #: what everybody was told when it was refused
    answer: str | None = None  #: what only who reacted is told
    refused_id: int | None = None  #: the refused order, if it may still be made


def reaction(db: Database, message_id: int, user_id: int, emoji: str) -> Reaction | None:
    """What was done about a person's reaction; None if nothing was."""
    row = db.execute(
        "SELECT n, stands, at, explained, answer, refused_id FROM reaction"
        " WHERE message_id = ? AND user_id = ? AND emoji = ?",
        (message_id, user_id, emoji),
    ).fetchone()
    if row is None:
        return None
    return Reaction(**{**dict(row), "stands": bool(row["stands"])})


def set_reaction(
    db: Database, message_id: int, user_id: int, emoji: str, reaction: Reaction
) -> None:
    """Note what was done about a person's reaction."""
    db.execute(
        "INSERT INTO reaction (message_id, user_id, emoji, n, stands, at, explained,"
        " answer, refused_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (message_id, user_id, emoji) DO UPDATE"
        " SET n = excluded.n, stands = excluded.stands, at = excluded.at,"
        " explained = excluded.explained, answer = excluded.answer,"
        " refused_id = excluded.refused_id",
        (
            message_id,
            user_id,
            emoji,
            reaction.n,
            int(reaction.stands),
            reaction.at,
            reaction.explained,
            reaction.answer,
            reaction.refused_id,
        ),
    )


def standing(db: Database, message_id: int) -> set[tuple[int, str]]:
    """The reactions to a message that were acted on and stand: each person and emoji."""
    rows = db.execute(
        "SELECT user_id, emoji FROM reaction WHERE message_id = ? AND stands = 1", (message_id,)
    )
    return {(user, emoji) for user, emoji in rows}
