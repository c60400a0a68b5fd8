"""Reels that were asked for and are not posted yet: their clips in order, how far each is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from . import files
from .database import Database, Row

LASTS = 24 * 3600.0  #: seconds for which a reel can be begun by the button that asks


class ReelState(StrEnum):
    """How far a reel is."""

    ASKED = "asked"  #: its length was said, and nobody has said yes
    WAITING = "waiting"
    MAKING = "making"
    POSTING = "posting"  #: it may have been posted


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """A reel. *cut* names each shot and the job whose clip is shown for it, in order."""

    id: int
    request: str
    guild_id: int
    channel_id: int
    user_id: int
    cut: tuple[tuple[str, int], ...]
    slate: bool
    state: ReelState
    card_id: int | None
    tries: int
    at: float


class TooMany(Exception):
    """As many reels of a server as may be are made, or wait for their turn."""


def ask(
    db: Database,
    request: str,
    cut: Sequence[tuple[str, int]],
    *,
    guild_id: int,
    channel_id: int,
    user_id: int,
    slate: bool,
    at: float,
) -> Reel:
    """Note what somebody asks for, once for each *request*; nothing is begun yet."""
    db.execute("DELETE FROM reel WHERE state = 'asked' AND at < ?", (at - LASTS,))
    row = db.execute(
        "INSERT INTO reel (request, guild_id, channel_id, user_id, cut, slate, state, at)"
        " VALUES (?, ?, ?, ?, ?, ?, 'asked', ?) ON CONFLICT (request) DO UPDATE SET id = reel.id"
        " RETURNING *",
        (request, guild_id, channel_id, user_id, json.dumps(list(cut)), slate, at),
    ).fetchone()
    return _reel(row)


def begin(db: Database, reel_id: int, *, guild_id: int, user_id: int, most: int) -> Reel | None:
    """Have a reel wait for its turn; None for one that its person did not ask for, or did long
    ago, or that was begun already. Raises `TooMany` where *most* of its server are begun."""
    [begun] = db.execute(
        "SELECT count(*) FROM reel WHERE guild_id = ? AND state <> 'asked'", (guild_id,)
    ).fetchone()
    if begun >= most:
        raise TooMany
    row = db.execute(
        "UPDATE reel SET state = 'waiting' WHERE id = ? AND guild_id = ? AND user_id = ?"
        " AND state = 'asked' RETURNING *",
        (reel_id, guild_id, user_id),
    ).fetchone()
    return None if row is None else _reel(row)


def get(db: Database, reel_id: int) -> Reel | None:
    """A reel; None once it is posted, or was dropped."""
    row = db.execute("SELECT * FROM reel WHERE id = ?", (reel_id,)).fetchone()
    return None if row is None else _reel(row)


def begun(db: Database) -> list[Reel]:
    """List the reels that somebody waits for, those that asked first before the others."""
    rows = db.execute("SELECT * FROM reel WHERE state <> 'asked' ORDER BY id")
    return [_reel(row) for row in rows]


def has_card(db: Database, reel_id: int, message_id: int) -> None:
    """Note the message that says how far a reel is."""
    db.execute("UPDATE reel SET card_id = ? WHERE id = ?", (message_id, reel_id))


def make(db: Database, reel_id: int) -> Reel | None:
    """Note that a reel is being made, and one try more; None where it was dropped."""
    row = db.execute(
        "UPDATE reel SET state = CASE state WHEN 'posting' THEN state ELSE 'making' END,"
        " tries = tries + 1 WHERE id = ? RETURNING *",
        (reel_id,),
    ).fetchone()
    return None if row is None else _reel(row)


def post(db: Database, reel_id: int, jobs: Sequence[int]) -> bool:
    """Note that a reel, made of the clips of *jobs*, is about to be posted.

    False where it was dropped, or one of them was deleted meanwhile: what the bucket has of it is
    given up.
    """
    [there] = db.execute(
        "SELECT count(*) FROM json_each(?) CROSS JOIN job ON job.id = CAST(value AS BIGINT)"
        " LEFT JOIN take ON take.job_id = job.id"
        " WHERE file IS NOT NULL AND user_id <> 0 AND hidden_by IS NULL",
        (json.dumps(list(jobs)),),
    ).fetchone()
    begun = db.execute(
        "UPDATE reel SET state = 'posting' WHERE id = ? AND ? = ?", (reel_id, there, len(jobs))
    )
    if begun.rowcount > 0:
        return True
    lent = db.execute("SELECT file FROM copy WHERE file LIKE 'reels/' || ? || '.%'", (reel_id,))
    files.forget(db, [file for (file,) in lent.fetchall()])
    return False


def again(db: Database, reel_id: int) -> None:
    """Have a reel wait once more, through no fault of its own: that was no try."""
    db.execute("UPDATE reel SET tries = tries - 1 WHERE id = ? AND tries > 0", (reel_id,))


def over(db: Database, reel_id: int) -> None:
    """Forget a reel: it is posted, or never will be."""
    db.execute("DELETE FROM reel WHERE id = ?", (reel_id,))


def _reel(row: Row) -> Reel:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118  # of a row
    values["cut"] = tuple((str(shot), int(job)) for shot, job in json.loads(values["cut"]))
    values["slate"] = bool(values["slate"])
    values["state"] = ReelState(values["state"])
    return Reel(**values)
