"""Suggested prompts, who agreed to have theirs sent away, and how many were sent today."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .brief import Brief
from .database import Database
from .defaults import Moment
from .periods import day_at, zone_named

LASTS = 86_400.0  #: seconds that a suggestion may be used
KEPT = 20  #: suggestions of one person


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDraft:
    """A prompt that somebody wants help with, and what was suggested."""

    id: int
    guild_id: int
    user_id: int
    brief: Brief  #: what they asked for, with their own prompt
    provider: str | None = None
    model: str | None = None
    link: str = ""  #: to the picture or sound that it starts from, where it is not fetched yet
    proposal: str
    at: float


class Sending(StrEnum):
    """Whether a prompt may be sent away."""

    ALLOWED = "allowed"  #: and it was counted
    ASK = "ask"  #: its person has not agreed to that receiver
    PERSON = "person"  #: they have sent as many as they may today
    SERVER = "server"  #: the server has


def keep_draft(db: Database, at: Moment, draft: PromptDraft) -> PromptDraft:
    """Keep *draft*, whose id is ignored, and only the newest ones of its person."""
    row = db.execute(
        "INSERT INTO prompt_draft (guild_id, user_id, brief, provider, model, link, proposal, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (
            draft.guild_id,
            draft.user_id,
            json.dumps(draft.brief.to_json(), allow_nan=False),
            draft.provider,
            draft.model,
            draft.link,
            draft.proposal,
            at.now,
        ),
    ).fetchone()
    db.execute(
        "DELETE FROM prompt_draft WHERE user_id = :user AND id NOT IN ("
        " SELECT id FROM prompt_draft WHERE user_id = :user ORDER BY id DESC LIMIT :kept)",
        {"user": draft.user_id, "kept": KEPT},
    )
    return PromptDraft(**{**dict(row), "brief": Brief.from_json(json.loads(row["brief"]))})


def draft(db: Database, at: Moment, id: int, *, guild_id: int, user_id: int) -> PromptDraft | None:
    """A suggestion made to that person in that server; None where it is gone."""
    if not 0 < id < 2**63:  # a number that a changed client sent; SQLite takes no larger one
        return None
    row = db.execute(
        "SELECT * FROM prompt_draft WHERE id = ? AND guild_id = ? AND user_id = ? AND at >= ?",
        (id, guild_id, user_id, at.now - LASTS),
    ).fetchone()
    if row is None:
        return None
    return PromptDraft(**{**dict(row), "brief": Brief.from_json(json.loads(row["brief"]))})


def agree(db: Database, at: Moment, user_id: int, receiver: str) -> None:
    """Note that a person agrees to have prompts sent to *receiver*, when they ask for it."""
    db.execute(
        "INSERT INTO prompt_consent (user_id, receiver, at) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET receiver = excluded.receiver, at = excluded.at",
        (user_id, receiver, at.now),
    )


def withdraw(db: Database, user_id: int) -> None:
    """Take a person's agreement back."""
    db.execute("DELETE FROM prompt_consent WHERE user_id = ?", (user_id,))


def agreed(db: Database, user_id: int, receiver: str) -> bool:
    """Whether a person has agreed to that receiver."""
    row = db.execute(
        "SELECT 1 FROM prompt_consent WHERE user_id = ? AND receiver = ?", (user_id, receiver)
    ).fetchone()
    return row is not None


def spend(
    db: Database,
    at: Moment,
    *,
    guild_id: int,
    user_id: int,
    receiver: str,
    per_person: int,
    per_server: int,
) -> Sending:
    """Count one prompt as sent, if its person agreed and today's limits allow it.

    A person's limit holds in all servers together. Days are those of the deployment's calendar.
    """
    if not agreed(db, user_id, receiver):
        return Sending.ASK
    day = day_at(at.now, zone_named(at.defaults.zone)).isoformat()
    db.execute("DELETE FROM prompt_use WHERE day < ?", (day,))
    [mine, all_of_it] = db.execute(
        "SELECT coalesce(sum(sent) FILTER (WHERE user_id = :user), 0),"
        " coalesce(sum(sent) FILTER (WHERE guild_id = :guild), 0)"
        " FROM prompt_use WHERE day = :day",
        {"user": user_id, "guild": guild_id, "day": day},
    ).fetchone()
    if mine >= per_person:
        return Sending.PERSON
    if all_of_it >= per_server:
        return Sending.SERVER
    db.execute(
        "INSERT INTO prompt_use (day, guild_id, user_id, sent) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (day, guild_id, user_id) DO UPDATE SET sent = prompt_use.sent + 1",
        (day, guild_id, user_id),
    )
    return Sending.ALLOWED


def forget(db: Database, user_id: int) -> None:
    """Delete a person's suggestions and their agreement. What they sent today still counts."""
    for table in ("prompt_draft", "prompt_consent"):
        db.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608  # fixed names


def tidy_is_due(db: Database, at: Moment) -> bool:
    """Whether `tidy` has something to do."""
    row = db.execute(
        "SELECT 1 FROM prompt_draft WHERE at < ? UNION SELECT 1 FROM prompt_use WHERE day < ?",
        _old(at),
    ).fetchone()
    return row is not None


def tidy(db: Database, at: Moment) -> None:
    """Delete suggestions that can be used no more, and what was counted before today."""
    draft_before, use_before = _old(at)
    db.execute("DELETE FROM prompt_draft WHERE at < ?", (draft_before,))
    db.execute("DELETE FROM prompt_use WHERE day < ?", (use_before,))


def _old(at: Moment) -> tuple[float, str]:
    return at.now - LASTS, day_at(at.now, zone_named(at.defaults.zone)).isoformat()


def export(db: Database, user_id: int) -> dict[str, list[dict[str, Any]]]:
    """Gather what is kept about a person's prompts and who may get them, as JSON can hold it."""

    def rows(sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in db.execute(sql, {"user": user_id})]

    return {
        "prompts you wanted help with": rows(
            "SELECT guild_id, brief, proposal, at FROM prompt_draft WHERE user_id = :user"
        ),
        "who may get your prompts": rows(
            "SELECT receiver, at FROM prompt_consent WHERE user_id = :user"
        ),
        "prompts you sent there": rows(
            "SELECT day, guild_id, sent FROM prompt_use WHERE user_id = :user"
        ),
    }
