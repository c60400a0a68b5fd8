"""Orders that were not taken and may be yet."""

import json
import sqlite3
from dataclasses import asdict, dataclass, replace
from typing import Any

from .audit import By
from .brief import Brief

LASTS = 7 * 86_400.0  #: seconds that a refused order may still be ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A clip that could be ordered as it stands. *price* is in credits."""

    provider: str
    model: str
    brief: Brief
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedOrder:
    """An order that was not taken and may be yet."""

    id: int
    guild_id: int
    channel_id: int
    user_id: int
    why: str  #: "quota", "budget" or "confirm"
    wanted: Offer
    fits: Offer | None  #: what would have been taken
    at: float
    asked_at: float | None = None
    answer: str | None = None  #: "granted" or "denied"
    answered_by: int | None = None


def keep_refused(db: sqlite3.Connection, order: RefusedOrder, *, now: float) -> RefusedOrder:
    """See `Servers.keep_refused`."""
    db.execute("DELETE FROM refused WHERE at < ?", (now - LASTS,))
    [number] = db.execute(
        """
        INSERT INTO refused (guild_id, channel_id, user_id, why, wanted, fits, at)
        VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id
        """,
        (
            order.guild_id,
            order.channel_id,
            order.user_id,
            order.why,
            _offer_out(order.wanted),
            None if order.fits is None else _offer_out(order.fits),
            now,
        ),
    ).fetchone()
    return replace(order, id=number, at=now)


def refused(db: sqlite3.Connection, id: int, guild_id: int) -> RefusedOrder | None:
    """See `Servers.refused`."""
    if not 0 < id < 2**63:
        return None
    row = db.execute(
        "SELECT * FROM refused WHERE id = ? AND guild_id = ?", (id, guild_id)
    ).fetchone()
    if row is None:
        return None
    return RefusedOrder(
        id=row["id"],
        guild_id=row["guild_id"],
        channel_id=row["channel_id"],
        user_id=row["user_id"],
        why=row["why"],
        wanted=_offer_in(row["wanted"]),
        fits=None if row["fits"] is None else _offer_in(row["fits"]),
        at=row["at"],
        asked_at=row["asked_at"],
        answer=row["answer"],
        answered_by=row["answered_by"],
    )


def ask(db: sqlite3.Connection, id: int, guild_id: int, *, now: float) -> bool:
    """See `Servers.ask`."""
    cursor = db.execute(
        "UPDATE refused SET asked_at = ? WHERE id = ? AND guild_id = ? AND asked_at IS NULL",
        (now, id, guild_id),
    )
    return cursor.rowcount > 0


def _offer_out(offer: Offer) -> str:
    return json.dumps({**asdict(offer), "brief": offer.brief.to_json()}, allow_nan=False)


def _offer_in(text: str) -> Offer:
    values: dict[str, Any] = json.loads(text)
    return Offer(**{**values, "brief": Brief.from_json(values["brief"])})


def answer(db: sqlite3.Connection, by: By, asked: int, *, granted: bool) -> bool:
    """Note what a moderator answered to a refused order. False if one answered before."""
    cursor = db.execute(
        "UPDATE refused SET answer = ?, answered_by = ?"
        " WHERE id = ? AND guild_id = ? AND asked_at IS NOT NULL AND answer IS NULL",
        ("granted" if granted else "denied", by.actor_id, asked, by.guild_id),
    )
    return cursor.rowcount > 0
