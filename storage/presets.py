"""Settings that people and servers keep under a name."""

import json
from dataclasses import dataclass

from .audit import By, record
from .brief import Brief
from .database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Settings under a name. *user_id* is 0 for a preset of the server."""

    guild_id: int
    user_id: int
    name: str
    provider: str
    model: str
    brief: Brief
    at: float


def save_preset(db: Database, preset: Preset, *, by: By | None = None) -> None:
    """Keep a preset in place of one with its name; on record if *by* is given."""
    db.execute(
        "INSERT INTO preset (guild_id, user_id, name, provider, model, brief, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (guild_id, user_id, name) DO UPDATE SET"
        " provider = excluded.provider, model = excluded.model, brief = excluded.brief,"
        " at = excluded.at",
        (
            preset.guild_id,
            preset.user_id,
            preset.name,
            preset.provider,
            preset.model,
            json.dumps(preset.brief.to_json(), allow_nan=False),
            preset.at,
        ),
    )
    if by is not None:
        after = {"preset": preset.name, "model": preset.model}
        record(db, by, "preset", after=after, now=preset.at)


def presets(db: Database, *, guild_id: int, user_id: int) -> list[Preset]:
    """List the presets that a person may use: their own, then the server's."""
    rows = db.execute(
        "SELECT * FROM preset WHERE guild_id = ? AND user_id IN (?, 0) ORDER BY user_id = 0, name",
        (guild_id, user_id),
    )
    return [
        Preset(**{**dict(row), "brief": Brief.from_json(json.loads(row["brief"]))}) for row in rows
    ]


def delete_preset(
    db: Database, *, guild_id: int, user_id: int, name: str, by: By | None = None, at: float = 0.0
) -> bool:
    """Delete a preset, on record at *at* if *by* is given. False if there was none."""
    gone = db.execute(
        "DELETE FROM preset WHERE guild_id = ? AND user_id = ? AND name = ? RETURNING model",
        (guild_id, user_id, name),
    ).fetchone()
    if gone is not None and by is not None:
        before = {"preset": name, "model": gone["model"]}
        record(db, by, "preset", before=before, now=at)
    return gone is not None
