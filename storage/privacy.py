"""What is kept about one person: its export, and its deletion."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from . import batches, files, links, order_defaults, outbox, prompt_help, shots
from .database import Database
from .defaults import Moment
from .guilds import server_of
from .job import ENDED, Job
from .jobs import of
from .periods import Period, day_at, span, starts, zone_named
from .refused_orders import LASTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The outcome of a deletion."""

    jobs: int
    files: tuple[str, ...]  #: to be deleted by the caller, relative to the data directory
    until: float  #: when the last trace goes: the number that limits know the person by


def export(db: Database, user_id: int) -> dict[str, Any]:
    """Gather everything that is kept about a person, in every server, as JSON can hold it."""

    def rows(sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in db.execute(sql, {"user": user_id})]

    clips = rows(
        """
        SELECT id, guild_id, channel_id, provider, model, brief, price, created_at, state,
               batch, batch_place, since, error, billed, thread_id, card_id, result_id
        FROM job WHERE user_id = :user ORDER BY id
        """
    )
    return {
        "clips": [{**clip, "seed": json.loads(clip["brief"]).get("seed")} for clip in clips],
        "credits": rows(
            """
            SELECT kind, guild_id, job_id, day, source, target, amount, at
            FROM txn JOIN transfer ON txn_id = txn.id JOIN person ON person.id = person_id
            WHERE user_id = :user ORDER BY txn.id
            """
        ),
        "grants": rows(
            "SELECT guild_id, amount, expires_at, at FROM allowance WHERE user_id = :user"
        ),
        "own quotas": rows(
            "SELECT guild_id, amount, period FROM rule WHERE whose = 'user' AND target = :user"
        ),
        "blocks": rows("SELECT guild_id, why, until FROM block WHERE user_id = :user"),
        "refused orders": rows(
            "SELECT guild_id, channel_id, why, wanted, at FROM refused WHERE user_id = :user"
        ),
        "favourites": rows("SELECT job_id, at FROM favourite WHERE user_id = :user"),
        "approvals": rows("SELECT job_id, at FROM sign_off WHERE user_id = :user"),
        "pings": rows("SELECT guild_id, how FROM ping WHERE user_id = :user"),
        "defaults": rows(order_defaults.EXPORTED),
        "presets": rows(
            "SELECT guild_id, name, provider, model, brief, at FROM preset WHERE user_id = :user"
        ),
        "reactions": rows(
            "SELECT message_id, emoji, n, stands, at, explained, answer FROM reaction"
            " WHERE user_id = :user"
        ),
        "clips you deleted a moment ago": rows(
            "SELECT job_id, at, stood, undone FROM removal WHERE user_id = :user"
        ),
        **shots.export(db, user_id),
        "posts of your clips": rows(
            """
            SELECT message_id, post.channel_id, job_id, at, gone FROM post
            JOIN job ON job.id = job_id WHERE user_id = :user ORDER BY message_id
            """
        ),
        "what moderators did about you": rows(
            """
            SELECT guild_id, what, role_id, before, after, why, at FROM audit
            JOIN person ON person.id = person_id WHERE user_id = :user ORDER BY seq
            """
        ),
        "what you did as a moderator": rows(
            """
            SELECT guild_id, what, role_id, before, after, why, at FROM audit
            JOIN person ON person.id = actor WHERE user_id = :user ORDER BY seq
            """
        ),
        **prompt_help.export(db, user_id),
        "prompt rules met": rows(
            """
            SELECT guild_id, channel_id, rule, at FROM prompt_hit
            JOIN person ON person.id = person_id WHERE user_id = :user
            """
        ),
    }


def forget(db: Database, at: Moment, user_id: int) -> Forgotten | None:
    """Erase a person's prompts, clips and posts; None, and nothing done, if a job of theirs is
    under way.

    Amounts stay, under a number. Whose number that is stays until the longest period of the limits
    is over, because else a deletion would refill a quota; then `tidy` erases it. What moderators
    decided about the person (block, own quota, grants) is the server's, and stays.
    """
    mine = of(db, user_id=user_id, limit=None, oldest_first=True)
    if _under_way(db, mine):
        return None
    _forget_takes(db, user_id)
    shots.forget(db, user_id)
    named = files.named_by(db, user_id)
    made = {job.file for job in mine if job.file is not None}
    made |= files.frames_of(db, [job.id for job in mine if job.file is not None])
    named |= made
    db.execute(
        """
        UPDATE job SET request = 'forgotten:' || id, user_id = 0, channel_id = 0,
            brief = '{"mode": "' || json_extract(brief, '$.mode') || '"}', token = NULL,
            result_url = NULL, file = NULL,
            error = CASE WHEN error IS NOT NULL THEN 'Forgotten.' END,
            cancelled_by = NULL, thread_id = NULL, card_channel_id = NULL, card_id = NULL,
            result_id = NULL, due_at = NULL, rev = rev + 1
        WHERE user_id = ?
        """,
        (user_id,),
    )
    db.execute("UPDATE job SET cancelled_by = NULL WHERE cancelled_by = ?", (user_id,))
    outbox.forget(db, user_id)
    prompt_help.forget(db, user_id)
    db.execute("DELETE FROM refused WHERE user_id = ?", (user_id,))
    db.execute(
        "DELETE FROM prompt_hit WHERE person_id = (SELECT id FROM person WHERE user_id = ?)",
        (user_id,),
    )
    until = _until(db, at, {job.guild_id for job in mine})
    db.execute(
        "INSERT INTO leaving (user_id, until) VALUES (?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET until = excluded.until",
        (user_id, until),
    )
    # An upload may be another person's, too. One's own clip goes though others began with it,
    # unless that is being made just now: then it goes when it has been.
    gone = sorted(name for name in named if not files.still_named(db, name, live=name in made))
    lent = files.lent_in(db, {job.guild_id for job in mine})  # they may show one's clips
    files.forget(db, sorted(made | set(gone) | set(lent)))
    return Forgotten(jobs=len(mine), files=tuple(gone), until=until)


def _under_way(db: Database, mine: Sequence[Job]) -> bool:
    """Whether a job of *mine* is under way; what is only owed a post that failed is not."""
    if any(job.state not in ENDED for job in mine):
        return True
    untried = [job for job in mine if job.due_at is not None and job.tries == 0]
    return bool(untried) and not {job.batch for job in untried} <= batches.owed(db, mine)


def _forget_takes(db: Database, user_id: int) -> None:
    """Delete a person's marks, presets, defaults, reactions and pings, and the posts of their
    takes."""
    db.execute(
        "DELETE FROM sheet WHERE batch IN (SELECT batch FROM job WHERE user_id = ?)", (user_id,)
    )
    db.execute(
        "DELETE FROM post WHERE job_id IN (SELECT id FROM job WHERE user_id = ?)", (user_id,)
    )
    db.execute(
        "DELETE FROM removal WHERE user_id = :user"
        " OR job_id IN (SELECT id FROM job WHERE user_id = :user)",
        {"user": user_id},
    )
    db.execute("UPDATE take SET hidden_by = 0 WHERE hidden_by = ?", (user_id,))
    for table in ("favourite", "sign_off", "preset", "reaction", "ping"):
        db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608  # fixed names
    order_defaults.forget(db, user_id)


def tidy_is_due(db: Database, at: Moment) -> bool:
    """Whether `tidy` has something to do."""
    row = db.execute(
        "SELECT 1 FROM leaving WHERE until <= ? UNION SELECT 1 FROM refused WHERE at < ?",
        (at.now, at.now - LASTS),
    ).fetchone()
    return row is not None or prompt_help.tidy_is_due(db, at) or links.tidy_is_due(db, at)


def tidy(db: Database, at: Moment) -> int:
    """Cut the last tie to people whose number may be forgotten now; how many they were.

    Also deletes the refused orders that are too old to be ordered, and old suggestions: they hold
    prompts; and dead links.
    """
    db.execute("DELETE FROM refused WHERE at < ?", (at.now - LASTS,))
    prompt_help.tidy(db, at)
    links.tidy(db, at)
    gone = db.execute(
        "DELETE FROM leaving WHERE until <= ? RETURNING user_id", (at.now,)
    ).fetchall()
    for [user_id] in gone:
        # Somebody who came back since has jobs that this number still has to belong to.
        back = db.execute("SELECT 1 FROM job WHERE user_id = ?", (user_id,)).fetchone()
        if back is None:
            db.execute("UPDATE person SET user_id = NULL WHERE user_id = ?", (user_id,))
            db.execute("DELETE FROM pace WHERE user_id = ?", (user_id,))
    return len(gone)


def _until(db: Database, at: Moment, guilds: set[int]) -> float:
    """The end of the longest period that the limits of these servers are in."""
    ends = [at.now + timedelta(days=1).total_seconds()]
    for guild_id in guilds:
        zone = zone_named(server_of(db, guild_id, at.defaults).zone)
        today = day_at(at.now, zone)
        ends += [starts(span(period, today)[1], zone) for period in Period]
    return max(ends)
