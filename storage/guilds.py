"""The settings of a server."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from .audit import By, record
from .database import Database, Row
from .defaults import Defaults, Moment
from .periods import zone_named


class ChangedBy(StrEnum):
    """Who may retake or extend a clip."""

    ANYONE = "anyone"
    REQUESTER = "requester"  #: who asked for it, and moderators
    MODERATORS = "moderators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The settings of one server, the deployment's defaults filled in."""

    zone: str
    jobs_per_user: int | None
    jobs_per_server: int | None
    per_minute: float | None
    burst: int
    paused: str | None
    budget_open: str | None
    moderators: int | None = None  #: the channel that asks them
    channels: frozenset[int] = frozenset()  #: where orders are taken; empty: everywhere
    provider: str | None = None  #: what an order uses that names none
    model: str | None = None
    channel_models: Mapping[int, tuple[str | None, str | None]] = field(
        default_factory=dict
    )  #: per channel
    providers_off: frozenset[str] = frozenset()
    changed_by: ChangedBy = ChangedBy.ANYONE
    slow_lane: bool = False  #: whether an order over its person's quota is free, and waits
    priority_roles: frozenset[int] = frozenset()
    confirm_above: int | None = None  #: credits; a dearer order is asked about once more
    favourites: int | None = None  #: the channel where they gather
    reviewers: int | None = None  #: the role that approves takes
    threads: bool = True  #: whether each clip has a thread; else it is posted in the channel
    digest_hour: int | None = None  #: of the day, when moderators get a digest; None: never


LATEST = 500  #: orders whose channels count as in use
NO_LIMIT = "unlimited"  #: the value of a setting of `FREEABLE` that takes its limit away
FREEABLE = frozenset({"jobs_per_user", "jobs_per_server", "per_minute"})


_PARSED: dict[str, Callable[[Any], object]] = {
    "channels": lambda value: frozenset(json.loads(value)),
    "channel_models": lambda value: {
        int(channel): (provider, model) for channel, (provider, model) in json.loads(value).items()
    },
    "providers_off": lambda value: frozenset(json.loads(value)),
    "priority_roles": lambda value: frozenset(json.loads(value)),
    "changed_by": ChangedBy,
    "slow_lane": bool,
    "threads": bool,
}  #: how a column of `server` is read, if not as it is


def server_of(db: Database, guild_id: int, defaults: Defaults) -> Server:
    """The settings of *guild_id*, with *defaults* for what is not set."""
    row = db.execute(
        "SELECT server.* FROM (SELECT ? AS asked) AS one LEFT JOIN server ON guild_id = asked",
        (guild_id,),
    ).fetchone()
    return parsed(row, defaults)


def parsed(row: Row, defaults: Defaults) -> Server:
    """The settings that a row with the columns of `server` holds; NULLs are for what is not set."""
    return _parsed(tuple(row.keys()), tuple(row), defaults)


@lru_cache(maxsize=1024)  # orders of a server follow each other, and its settings stay as they are
def _parsed(names: tuple[str, ...], row: tuple[Any, ...], defaults: Defaults) -> Server:
    values: dict[str, Any] = {
        "zone": defaults.zone,
        "jobs_per_user": defaults.jobs_per_user,
        "jobs_per_server": defaults.jobs_per_server,
        "per_minute": defaults.per_minute,
        "burst": defaults.burst,
        "paused": None,
        "budget_open": None,
    }
    columns = dict(zip(names, row, strict=True))
    for name in _COLUMNS:
        value = columns[name]
        if name == "unlimited":
            values |= dict.fromkeys(json.loads(value or "[]"))
        elif value is not None:
            values[name] = _PARSED[name](value) if name in _PARSED else value
    return Server(**values)


#: The columns of `server` that hold settings; last those of which there is no limit.
_COLUMNS = (*Server.__dataclass_fields__, "unlimited")


def providers_off(db: Database) -> dict[int, frozenset[str]]:
    """The providers that are switched off, by server; servers without any are left out."""
    rows = db.execute("SELECT guild_id, providers_off FROM server WHERE providers_off IS NOT NULL")
    return {guild: frozenset(json.loads(names)) for guild, names in rows}


def without_threads(db: Database) -> frozenset[int]:
    """Find the servers where clips are posted in the channel itself."""
    rows = db.execute("SELECT guild_id FROM server WHERE threads = 0")
    return frozenset(guild_id for (guild_id,) in rows)


_SETTINGS = {
    name: f"UPDATE server SET {name} = ? WHERE guild_id = ?"  # noqa: S608  # only these names
    for name in Server.__dataclass_fields__
}


def set_server(db: Database, at: Moment, /, by: By, **changes: Any) -> Server:
    """Change settings of a server.

    *changes* are fields of `Server`: None for the default, `NO_LIMIT` for no limit at all, which
    only the fields in `FREEABLE` may have.

    Raises ValueError with a sentence for an unknown time zone.
    """
    changes = {name: _column(value) for name, value in changes.items()}
    if changes.get("zone") is not None:
        zone_named(changes["zone"])
    db.execute("INSERT INTO server (guild_id) VALUES (?) ON CONFLICT DO NOTHING", (by.guild_id,))
    row = db.execute("SELECT * FROM server WHERE guild_id = ?", (by.guild_id,)).fetchone()
    free = set(json.loads(row["unlimited"] or "[]"))
    before = {name: NO_LIMIT if name in free else row[name] for name in changes}
    for name, value in changes.items():
        none = value == NO_LIMIT and name in FREEABLE
        (free.add if none else free.discard)(name)
        db.execute(_SETTINGS[name], (None if none else value, by.guild_id))
    db.execute(
        "UPDATE server SET unlimited = ? WHERE guild_id = ?",
        (json.dumps(sorted(free)) if free else None, by.guild_id),
    )
    if not changes.keys().isdisjoint({"per_minute", "burst"}):
        # What was ordered at the old pace is not waited for at the new one.
        db.execute("DELETE FROM pace WHERE guild_id = ?", (by.guild_id,))
    record(db, by, "server", before=before, after=changes, now=at.now)
    return server_of(db, by.guild_id, at.defaults)


def pause(db: Database, at: Moment, by: By) -> Server:
    """Take no orders, for the reason that *by* gives."""
    return set_server(db, at, by, paused=by.why)


def _column(value: Any) -> Any:
    """The value of a setting as its column has it: sets and mappings as JSON."""
    match value:
        case set() | frozenset():
            return json.dumps(sorted(value))
        case Mapping():
            return json.dumps({str(key): list(each) for key, each in value.items()})
        case _:
            return value


def channels_in_use(db: Database) -> dict[int, set[int]]:
    """Where each server's latest orders were made, and its moderators' and favorites' channels."""
    rows = db.execute(
        f"""
        SELECT guild_id, channel_id FROM (
            SELECT guild_id, channel_id FROM job ORDER BY id DESC LIMIT {LATEST}
        ) AS latest
        UNION SELECT guild_id, moderators FROM server WHERE moderators IS NOT NULL
        UNION SELECT guild_id, favourites FROM server WHERE favourites IS NOT NULL
        """  # noqa: S608  # a number
    )
    found: dict[int, set[int]] = {}
    for guild_id, channel_id in rows:
        found.setdefault(guild_id, set()).add(channel_id)
    return found
