"""Trouble of the whole deployment: what is open, and where its beginning and its end were told."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from .database import Database
from .defaults import Moment
from .job import PARKED, sql_list
from .outbox import note_alert
from .periods import day_at, zone_named

KEPT = 90 * 86_400.0  #: seconds for which an alert is remembered after its end
USED = 30  #: days within which a server ordered something that is told of trouble


class AlertKind(StrEnum):
    """What an alert is about."""

    KEY = "provider.key"  #: a provider refuses our key
    CREDIT = "provider.credit"  #: our account there has no money left
    DOWN = "provider.down"  #: it is left alone, as it does not work
    BOOKS = "books"  #: the accounts do not add up
    DISK = "disk"  #: too little of the disk is free
    BACKUP = "backup"  #: the last backup failed
    STUCK = "job.stuck"  #: a clip does not move on
    WAITING = "job.parked"  #: clips wait for a moderator
    LEASE = "lease"  #: this process was cut off from the database for too long
    TAKEOVER = "takeover"  #: this process took over from one that neither renewed nor let go
    STANDBY = "standby"  #: nobody stands by where somebody should


class Phase(StrEnum):
    """What of an alert is told."""

    BEGAN = "began"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Some trouble. Times are seconds since 1970."""

    id: int
    kind: str
    about: str  #: which provider, server or part; "" for the deployment
    text: str  #: a sentence
    at: float
    over_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A message about an alert that a channel is to get. *tried_at*: since when it is tried."""

    alert: Alert
    phase: Phase
    channel_id: int
    tried_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingClips:
    """The clips that wait for the moderators of a server."""

    guild_id: int
    count: int
    first: int  #: the job with the lowest number


def unresolved(db: Database) -> list[Alert]:
    """List the alerts that are not over, oldest first."""
    return _alerts(db, "over_at IS NULL")


def begin(db: Database, at: Moment, kind: AlertKind, about: str, text: str) -> Alert | None:
    """Write an alert, and the events that tell webhooks of it; None if it is open already."""
    row = db.execute(
        "INSERT INTO alert (kind, about, text, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING id",
        (kind, about, text, at.now),
    ).fetchone()
    if row is None:
        return None
    alert = Alert(id=row[0], kind=kind, about=about, text=text, at=at.now)
    _note(db, alert, Phase.BEGAN)
    return alert


def end(db: Database, at: Moment, kind: str, about: str) -> Alert | None:
    """Note that the open alert of this kind is over, and tell webhooks; None if there is none."""
    found = _alerts(db, "over_at IS NULL AND kind = ? AND about = ?", kind, about)
    if not found:
        return None
    [alert] = found
    over_at = max(at.now, alert.at)
    db.execute("UPDATE alert SET over_at = ? WHERE id = ?", (over_at, alert.id))
    ended = replace(alert, over_at=over_at)
    _note(db, ended, Phase.OVER)
    for table, column in (("alert_post", "alert_id"), ("alert", "id")):
        db.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM alert WHERE over_at < ?)",  # noqa: S608
            (at.now - KEPT,),
        )
    return ended


def due(db: Database, at: Moment, channels: Collection[tuple[int, str]]) -> list[Telling]:
    """List the messages that are still to be posted, oldest alert first.

    *channels* are pairs of a channel and the kind of alert that it is told. That an alert is over
    is told where its beginning was.
    """
    wanted: dict[str, list[int]] = {}
    for channel_id, kind in channels:
        wanted.setdefault(kind, []).append(channel_id)
    found = []
    for alert in unresolved(db):
        for channel_id in wanted.get(alert.kind, ()):
            tried_at, posted = _post(db, alert.id, Phase.BEGAN, channel_id)
            if not posted:
                found.append(_telling(alert, Phase.BEGAN, channel_id, tried_at, at))
    rows = db.execute(
        """
        SELECT alert_id, channel_id FROM alert_post JOIN alert ON alert.id = alert_id
        WHERE over_at IS NOT NULL AND phase = 'began' AND message_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM alert_post AS told WHERE told.alert_id = alert_post.alert_id
            AND told.phase = 'over' AND told.channel_id = alert_post.channel_id
            AND told.message_id IS NOT NULL
        ) ORDER BY alert_id, channel_id
        """
    ).fetchall()
    for alert_id, channel_id in rows:
        [alert] = _alerts(db, "id = ?", alert_id)
        tried_at, _ = _post(db, alert_id, Phase.OVER, channel_id)
        found.append(_telling(alert, Phase.OVER, channel_id, tried_at, at))
    return found


def tried(db: Database, at: Moment, telling: Telling) -> None:
    """Note that a message is about to be posted: from now on it may stand there."""
    db.execute(
        "INSERT INTO alert_post (alert_id, phase, channel_id, tried_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (telling.alert.id, telling.phase, telling.channel_id, at.now),
    )


def told(db: Database, telling: Telling, message_id: int) -> None:
    """Note the message that stands there."""
    db.execute(
        "UPDATE alert_post SET message_id = ? WHERE alert_id = ? AND phase = ? AND channel_id = ?",
        (message_id, telling.alert.id, telling.phase, telling.channel_id),
    )


def moderators(db: Database, at: Moment) -> list[tuple[int, int]]:
    """List the servers that chose a channel for moderators and ordered something lately, each with
    that channel."""
    day = day_at(at.now, zone_named(at.defaults.zone)) - timedelta(days=USED)
    rows = db.execute(
        """
        SELECT guild_id, moderators FROM server WHERE moderators IS NOT NULL AND EXISTS (
            SELECT 1 FROM day_use
            WHERE day_use.guild_id = server.guild_id AND person_id = 0 AND day >= ?
        ) ORDER BY guild_id
        """,
        (day.isoformat(),),
    )
    return [(guild_id, channel) for guild_id, channel in rows if at.defaults.serves(guild_id)]


def waiting_clips(db: Database) -> list[WaitingClips]:
    """Count the clips that wait for moderators, by server."""
    rows = db.execute(
        "SELECT guild_id, count(*), min(id) FROM job INDEXED BY job_by_state"  # noqa: S608
        f" WHERE state IN {sql_list(PARKED)} GROUP BY guild_id ORDER BY guild_id"
    )
    return [
        WaitingClips(guild_id=guild_id, count=count, first=first) for guild_id, count, first in rows
    ]


def _note(db: Database, alert: Alert, phase: Phase) -> None:
    note_alert(
        db,
        alert={
            "id": alert.id,
            "kind": alert.kind,
            "about": alert.about,
            "text": alert.text,
            "began_at": int(alert.at),
            "over_at": None if alert.over_at is None else int(alert.over_at),
        },
        phase=phase,
        at=alert.at if alert.over_at is None else alert.over_at,
    )


def _post(db: Database, id: int, phase: Phase, channel_id: int) -> tuple[float | None, bool]:
    """Since when a message is tried, and whether it stands there."""
    row = db.execute(
        "SELECT tried_at, message_id FROM alert_post"
        " WHERE alert_id = ? AND phase = ? AND channel_id = ?",
        (id, phase, channel_id),
    ).fetchone()
    return (None, False) if row is None else (row["tried_at"], row["message_id"] is not None)


def _telling(
    alert: Alert, phase: Phase, channel_id: int, tried_at: float | None, at: Moment
) -> Telling:
    since = at.now if tried_at is None else tried_at
    return Telling(alert=alert, phase=phase, channel_id=channel_id, tried_at=since)


def _alerts(db: Database, where: str, *values: object) -> list[Alert]:
    rows = db.execute(
        f"SELECT id, kind, about, text, at, over_at FROM alert WHERE {where} ORDER BY id",  # noqa: S608
        values,
    )
    return [Alert(**dict(row)) for row in rows]
