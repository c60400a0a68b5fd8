"""Words and patterns that no prompt of a server may hold, and who met them."""

from dataclasses import dataclass

from . import ledger
from .audit import By, record
from .database import Database
from .defaults import Moment

HITS = 200  #: entries of a server's prompt log that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRule:
    """A word or a pattern that no prompt may hold."""

    id: int
    kind: str  #: "word" or "pattern"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptHit:
    """A person met a prompt rule. *user_id* is None for a person since forgotten."""

    user_id: int | None
    channel_id: int
    rule: str
    at: float


def prompt_rules(db: Database, guild_id: int) -> list[PromptRule]:
    """List the prompt rules of a server, oldest first."""
    rows = db.execute(
        "SELECT id, kind, text FROM prompt_rule WHERE guild_id = ? ORDER BY id", (guild_id,)
    )
    return [PromptRule(id=number, kind=kind, text=text) for number, kind, text in rows]


def add_prompt_rule(db: Database, at: Moment, by: By, kind: str, text: str) -> PromptRule | None:
    """Refuse prompts with *text* from now on; None if that is a rule already."""
    row = db.execute(
        "INSERT INTO prompt_rule (guild_id, kind, text, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING id",
        (by.guild_id, kind, text, at.now),
    ).fetchone()
    if row is None:
        return None
    record(db, by, "prompt rule", after={"kind": kind, "text": text}, now=at.now)
    return PromptRule(id=row[0], kind=kind, text=text)


def remove_prompt_rule(db: Database, at: Moment, by: By, id: int) -> PromptRule | None:
    """Delete a rule; None if *by*'s server has none of that number."""
    row = db.execute(
        "DELETE FROM prompt_rule WHERE id = ? AND guild_id = ? RETURNING kind, text",
        (id, by.guild_id),
    ).fetchone()
    if row is None:
        return None
    kind, text = row
    record(db, by, "prompt rule", before={"kind": kind, "text": text}, now=at.now)
    return PromptRule(id=id, kind=kind, text=text)


def met(
    db: Database, at: Moment, guild_id: int, *, user_id: int, channel_id: int, rule: PromptRule
) -> None:
    """Note that a person met *rule*. Their prompt is not kept."""
    db.execute(
        "INSERT INTO prompt_hit (guild_id, person_id, channel_id, rule, at) VALUES (?, ?, ?, ?, ?)",
        (guild_id, ledger.person(db, user_id), channel_id, rule.text, at.now),
    )
    db.execute(
        "DELETE FROM prompt_hit WHERE guild_id = ?1 AND id <= ("
        "SELECT id FROM prompt_hit WHERE guild_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (guild_id, HITS),
    )


def prompt_hits(db: Database, guild_id: int, *, limit: int = 15) -> list[PromptHit]:
    """List who met prompt rules, newest first."""
    rows = db.execute(
        """
        SELECT user_id, channel_id, rule, at FROM prompt_hit JOIN person ON person.id = person_id
        WHERE guild_id = ? ORDER BY prompt_hit.id DESC LIMIT ?
        """,
        (guild_id, limit),
    )
    return [
        PromptHit(user_id=user, channel_id=channel, rule=rule, at=at)
        for user, channel, rule, at in rows
    ]
