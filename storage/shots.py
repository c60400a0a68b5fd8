"""Shots: the threads and clips that are filed under a name, and what has come of each."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from .brief import Relation
from .database import Database
from .finding import Hit, spaced
from .job import LIVE, MADE, Job, State

_DIGITS = re.compile(r"\d+")
_SCENE = "/"  #: what stands between a scene and its shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A shot of a channel. *name* is what people call it: 'sc12/sh3'."""

    id: int
    name: str

    @property
    def scene(self) -> str:
        """What stands before the last slash; "" for a shot without a scene."""
        return self.name.rpartition(_SCENE)[0].strip()

    @property
    def title(self) -> str:
        """What the shot is called within its scene."""
        return self.name.rpartition(_SCENE)[2].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotClip:
    """A clip of a shot, or a job that may become one."""

    shot_id: int
    hit: Hit
    private: bool  #: it stands in a thread that only its members read
    made: bool
    live: bool  #: under way
    hidden: bool  #: taken down
    signed_at: float | None  #: when it was last approved; None where it is not


def folded(name: str) -> str:
    """*name* as names are compared: case and width of letters make no other shot."""
    return unicodedata.normalize("NFKC", name).casefold()


def natural(name: str) -> str:
    """What sorts names as people do: 'sc2/sh1' before 'sc12/sh1', a scene before what begins
    like it."""
    parts = folded(name).split(_SCENE)
    return "\x1f".join(_DIGITS.sub(_numeral, part.strip()) for part in parts)


def _numeral(found: re.Match[str]) -> str:
    """Digits that sort as the number: how many there are stands before them."""
    digits = "".join(str(unicodedata.digit(each)) for each in found[0]).lstrip("0") or "0"
    return f"{len(digits):03}{digits}"


def file_thread(
    db: Database, name: str, thread_id: int, *, guild_id: int, channel_id: int, private: bool
) -> Shot | None:
    """File all takes of a thread under a shot of a channel; with no *name*, under none.

    The shot that it was filed under goes with its last clip.
    """
    shot = _made(db, name, guild_id=guild_id, channel_id=channel_id)
    if shot is None:
        db.execute("DELETE FROM shot_thread WHERE thread_id = ?", (thread_id,))
    else:
        db.execute(
            "INSERT INTO shot_thread (thread_id, shot_id, private) VALUES (?, ?, ?)"
            " ON CONFLICT (thread_id) DO UPDATE SET shot_id = excluded.shot_id,"
            " private = excluded.private",
            (thread_id, shot.id, private),
        )
    db.execute(
        "UPDATE clip_words SET shot = ? WHERE rowid IN (SELECT id FROM job WHERE thread_id = ?)",
        ("" if shot is None else spaced(shot.name), thread_id),
    )
    drop_empty(db)
    return shot


def file_clip(
    db: Database, name: str, job_id: int, *, guild_id: int, channel_id: int
) -> Shot | None:
    """File one clip under a shot of a channel; otherwise as `file_thread`."""
    shot = _made(db, name, guild_id=guild_id, channel_id=channel_id)
    if shot is None:
        db.execute("DELETE FROM shot_clip WHERE job_id = ?", (job_id,))
    else:
        db.execute(
            "INSERT INTO shot_clip (job_id, shot_id) VALUES (?, ?)"
            " ON CONFLICT (job_id) DO UPDATE SET shot_id = excluded.shot_id",
            (job_id, shot.id),
        )
    db.execute(
        "UPDATE clip_words SET shot = ? WHERE rowid = ?",
        ("" if shot is None else spaced(shot.name), job_id),
    )
    drop_empty(db)
    return shot


def follow_parent(db: Database, job: Job) -> None:
    """File a take under the shot of the clip that it is a retake, an extension or another version
    of, where that one was filed alone and is of a shot of this channel.

    A take with a thread of its own is filed with that. Within a thread, the thread decides.
    """
    brief = job.brief
    if brief.parent is None or brief.relation == Relation.FROM or job.thread_id is None:
        return
    shot = db.execute(
        "SELECT shot.id, words FROM shot_clip JOIN shot ON shot.id = shot_id"
        " WHERE job_id = ? AND channel_id = ?",
        (brief.parent, job.card_channel_id),
    ).fetchone()
    if shot is None:
        return
    if job.thread_id == job.card_channel_id:
        sql, what = "INSERT INTO shot_clip (job_id, shot_id) VALUES (?, ?)", job.id
    elif job.thread_id == job.card_id:  # a thread that is started from a message has its number
        sql = "INSERT INTO shot_thread (thread_id, shot_id, private) VALUES (?, ?, 0)"
        what = job.thread_id
    else:
        return
    if db.execute(f"{sql} ON CONFLICT DO NOTHING", (what, shot["id"])).rowcount:
        db.execute("UPDATE clip_words SET shot = ? WHERE rowid = ?", (shot["words"], job.id))


def _made(db: Database, name: str, *, guild_id: int, channel_id: int) -> Shot | None:
    """The shot of that name, new where there is none; None for no name."""
    if not name:
        return None
    row = db.execute(
        'INSERT INTO shot (guild_id, channel_id, name, folded, "natural", words)'
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (channel_id, folded) DO UPDATE SET id = shot.id"
        " RETURNING id, name",
        (guild_id, channel_id, name, folded(name), natural(name), spaced(name)),
    ).fetchone()
    return Shot(id=row["id"], name=row["name"])


def drop_empty(db: Database) -> None:
    """Delete the shots that nothing is filed under."""
    db.execute(
        "DELETE FROM shot WHERE NOT EXISTS (SELECT 1 FROM shot_thread WHERE shot_id = shot.id)"
        " AND NOT EXISTS (SELECT 1 FROM shot_clip WHERE shot_id = shot.id)"
    )


def of_channel(db: Database, channel_id: int) -> list[Shot]:
    """List the shots of a channel, in natural order."""
    rows = db.execute(
        'SELECT id, name FROM shot WHERE channel_id = ? ORDER BY "natural", folded', (channel_id,)
    )
    return [Shot(**dict(row)) for row in rows]


def filed_as(db: Database, *, thread_id: int | None, job_id: int | None) -> Shot | None:
    """The shot that a thread, or a clip, is filed under."""
    row = db.execute(
        """
        SELECT shot.id, name FROM shot WHERE id = coalesce(
            (SELECT shot_id FROM shot_thread WHERE thread_id = ?),
            (SELECT shot_id FROM shot_clip WHERE job_id = ?)
        )
        """,
        (thread_id, job_id),
    ).fetchone()
    return None if row is None else Shot(**dict(row))


#: What belongs to a shot by its thread, and alone: whether only members read it, and its tables.
_BELONGS = (
    ("private", "shot_thread ON shot_id = shot.id CROSS JOIN job USING (thread_id)"),
    ("0", "shot_clip ON shot_id = shot.id CROSS JOIN job ON job.id = shot_clip.job_id"),
)
_SIGNED = "(SELECT max(at) FROM sign_off WHERE sign_off.job_id = job.id)"


def clips(db: Database, channel_id: int, *, signed: bool = True) -> list[ShotClip]:
    """List the clips of a channel's shots, and the jobs that may become some, oldest first.

    Without *signed* it is not looked up when they were approved.
    """
    # One after the other: a view of both is read for every shot of every server.
    halves = [
        f"""
        SELECT shot.id AS shot_id, {private} AS private, job.id AS id, user_id,
            job.channel_id AS channel_id, job.thread_id AS thread_id, card_channel_id, state,
            take.hidden_by IS NOT NULL AS hidden, {_SIGNED if signed else "NULL"} AS signed_at
        FROM shot CROSS JOIN {belongs} LEFT JOIN take ON take.job_id = job.id
        WHERE shot.channel_id = :channel
        """  # noqa: S608  # fixed texts
        for private, belongs in _BELONGS
    ]
    rows = db.execute(f"{' UNION ALL '.join(halves)} ORDER BY id", {"channel": channel_id})
    return [
        ShotClip(
            shot_id=row["shot_id"],
            hit=Hit(
                id=row["id"],
                user_id=row["user_id"],
                channel_id=row["channel_id"],
                thread_id=row["thread_id"],
                card_channel_id=row["card_channel_id"],
            ),
            private=bool(row["private"]),
            made=State(row["state"]) in MADE,
            live=State(row["state"]) in LIVE - MADE,
            hidden=bool(row["hidden"]),
            signed_at=row["signed_at"],
        )
        for row in rows
    ]


def export(db: Database, user_id: int) -> dict[str, list[dict[str, Any]]]:
    """The shots that a person's clips are filed under, and the reels that they wait for."""
    filed = db.execute(
        "SELECT job.id AS clip, name AS shot FROM job JOIN shot_job ON job_id = job.id"
        " JOIN shot ON shot.id = shot_id WHERE user_id = ? ORDER BY job.id",
        (user_id,),
    )
    reels = db.execute(
        "SELECT guild_id, channel_id, cut, slate, at FROM reel WHERE user_id = ?", (user_id,)
    )
    return {
        "shots of your clips": [dict(row) for row in filed],
        "reels you wait for": [dict(row) for row in reels],
    }


def forget(db: Database, user_id: int) -> None:
    """Unfile a person's clips, the threads that hold no one else's, and drop their reels."""
    db.execute(
        "DELETE FROM shot_clip WHERE job_id IN (SELECT id FROM job WHERE user_id = ?)", (user_id,)
    )
    db.execute(
        """
        DELETE FROM shot_thread WHERE thread_id IN (
            SELECT thread_id FROM job WHERE user_id = :user AND thread_id IS NOT NULL
        ) AND NOT EXISTS (
            SELECT 1 FROM job WHERE job.thread_id = shot_thread.thread_id AND user_id <> :user
        )
        """,
        {"user": user_id},
    )
    drop_empty(db)
    db.execute("DELETE FROM reel WHERE user_id = ?", (user_id,))
