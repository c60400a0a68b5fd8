"""What new orders have where their person chose nothing: a person's choices and a channel's."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .audit import By, record
from .database import Database
from .defaults import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDefaults:
    """What somebody chose for new orders; None where they chose nothing."""

    provider: str | None = None
    model: str | None = None
    resolution: str | None = None
    duration: int | None = None  #: seconds
    sound: bool | None = None
    threads: bool | None = None  #: whether each clip has a thread of its own


#: What is kept about the person :user.
EXPORTED = (
    "SELECT guild_id, provider, model, resolution, duration, sound, threads FROM order_default"
    " WHERE whose = 'user' AND target = :user"
)
_FIELDS = tuple(field.name for field in fields(OrderDefaults))
_FLAGS = frozenset({"sound", "threads"})


def own_defaults(db: Database, guild_id: int, user_id: int) -> OrderDefaults:
    """What a person chose for their orders in a server."""
    return _row(db, guild_id, "user", user_id)


def channel_defaults(
    db: Database, guild_id: int, channels: Collection[int]
) -> dict[int, OrderDefaults]:
    """What was chosen for each of *channels*."""
    row = db.execute("SELECT channel_models FROM server WHERE guild_id = ?", (guild_id,)).fetchone()
    models = json.loads(row[0] or "{}") if row is not None else {}
    found = {}
    for channel_id in channels:
        provider, model = models.get(str(channel_id), (None, None))
        kept = _row(db, guild_id, "channel", channel_id)
        found[channel_id] = replace(kept, provider=provider, model=model)
    return found


def defaults_at(
    db: Database, guild_id: int, *, user_id: int, channels: Collection[int]
) -> tuple[OrderDefaults, dict[int, OrderDefaults]]:
    """What a person chose for their orders in a server, and what was chosen for *channels*."""
    return own_defaults(db, guild_id, user_id), channel_defaults(db, guild_id, channels)


def threads_at(
    db: Database, guild_id: int, *, user_id: int, channel_id: int
) -> tuple[bool | None, bool | None, bool]:
    """Whether clips have threads as a person, a channel and its server chose; None: not chosen."""
    own = _row(db, guild_id, "user", user_id).threads
    channel = _row(db, guild_id, "channel", channel_id).threads
    row = db.execute("SELECT threads FROM server WHERE guild_id = ?", (guild_id,)).fetchone()
    return own, channel, row is None or row[0] is None or bool(row[0])


def channel_threads(db: Database) -> dict[int, bool]:
    """Whether clips have threads, by channel, where a channel says so."""
    rows = db.execute(
        "SELECT target, threads FROM order_default WHERE whose = 'channel' AND threads IS NOT NULL"
    )
    return {channel_id: bool(threads) for channel_id, threads in rows}


def own_threads(db: Database) -> dict[tuple[int, int], bool]:
    """Whether clips have threads, by server and person, where a person says so."""
    rows = db.execute(
        "SELECT guild_id, target, threads FROM order_default"
        " WHERE whose = 'user' AND threads IS NOT NULL"
    )
    return {(guild_id, user_id): bool(threads) for guild_id, user_id, threads in rows}


def set_own_defaults(
    db: Database, guild_id: int, user_id: int, changes: Mapping[str, Any]
) -> OrderDefaults:
    """Change what a person chose: *changes* are fields of `OrderDefaults`, None to choose nothing.
    Returns all that they chose."""
    after = replace(own_defaults(db, guild_id, user_id), **changes)
    _write(db, guild_id, "user", user_id, after)
    return after


def set_channel_defaults(
    db: Database, at: Moment, by: By, channel_id: int, changes: Mapping[str, Any]
) -> OrderDefaults:
    """Change what was chosen for a channel, on record; *changes* as in `set_own_defaults`."""
    before = channel_defaults(db, by.guild_id, [channel_id])[channel_id]
    after = replace(before, **changes)
    _write(db, by.guild_id, "channel", channel_id, replace(after, provider=None, model=None))
    if (before.provider, before.model) != (after.provider, after.model):
        _write_model(db, by.guild_id, channel_id, after)
    old, new = asdict(before), asdict(after)
    changed = [name for name in _FIELDS if old[name] != new[name]]
    if changed:
        where = {"in_channel": channel_id}
        record(
            db,
            by,
            "defaults",
            before={**where, **{name: old[name] for name in changed}},
            after={**where, **{name: new[name] for name in changed}},
            now=at.now,
        )
    return after


def forget(db: Database, user_id: int) -> None:
    """Delete what a person chose, in every server."""
    db.execute("DELETE FROM order_default WHERE whose = 'user' AND target = ?", (user_id,))


def _row(db: Database, guild_id: int, whose: str, target: int) -> OrderDefaults:
    row = db.execute(
        "SELECT provider, model, resolution, duration, sound, threads FROM order_default"
        " WHERE guild_id = ? AND whose = ? AND target = ?",
        (guild_id, whose, target),
    ).fetchone()
    if row is None:
        return OrderDefaults()
    kept: dict[str, Any] = {
        name: bool(row[name]) if name in _FLAGS and row[name] is not None else row[name]
        for name in _FIELDS
    }
    return OrderDefaults(**kept)


def _write(db: Database, guild_id: int, whose: str, target: int, chosen: OrderDefaults) -> None:
    db.execute(
        "DELETE FROM order_default WHERE guild_id = ? AND whose = ? AND target = ?",
        (guild_id, whose, target),
    )
    if chosen == OrderDefaults():
        return
    db.execute(
        "INSERT INTO order_default (guild_id, whose, target, provider, model, resolution,"
        " duration, sound, threads) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (guild_id, whose, target, *(getattr(chosen, name) for name in _FIELDS)),
    )


def _write_model(db: Database, guild_id: int, channel_id: int, chosen: OrderDefaults) -> None:
    db.execute("INSERT INTO server (guild_id) VALUES (?) ON CONFLICT DO NOTHING", (guild_id,))
    row = db.execute("SELECT channel_models FROM server WHERE guild_id = ?", (guild_id,)).fetchone()
    models = json.loads(row[0] or "{}")
    models.pop(str(channel_id), None)
    if (chosen.provider, chosen.model) != (None, None):
        models[str(channel_id)] = [chosen.provider, chosen.model]
    db.execute(
        "UPDATE server SET channel_models = ? WHERE guild_id = ?",
        (json.dumps(models) if models else None, guild_id),
    )
