"""Refused orders that may still be made, and what moderators answer to them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .audit import By, record
from .brief import Brief
from .database import Database
from .defaults import Moment
from .quota.budget import resume
from .quota.grants import Grant, grant

LASTS = 7 * 86_400.0  #: seconds that a refused order may still be ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A clip ready to be ordered, or several takes of it. *price* is in credits, for all.

    *sources* are the inputs that are yet to be fetched, by the brief's field: a link, or the
    number of a clip. The price is then the least that it costs.
    """

    provider: str
    model: str
    brief: Brief
    price: int
    takes: int = 1
    sources: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedOrder:
    """A refused order that may still be made."""

    id: int
    guild_id: int
    channel_id: int
    user_id: int
    why: str  #: "quota", "budget", "confirm", or "unfit" where nobody makes it like that
    wanted: Offer
    fits: tuple[Offer, ...]  #: what would be taken instead, the nearest first
    at: float
    asked_at: float | None = None
    answer: str | None = None  #: "granted" or "denied"
    answered_by: int | None = None


def keep_refused(db: Database, at: Moment, order: RefusedOrder) -> RefusedOrder:
    """Keep a refused order for a week; returns the order with its id and time."""
    db.execute("DELETE FROM refused WHERE at < ?", (at.now - LASTS,))
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
            json.dumps([_offer_values(each) for each in order.fits], allow_nan=False),
            at.now,
        ),
    ).fetchone()
    return replace(order, id=number, at=at.now)


def refused(db: Database, id: int, *, guild_id: int) -> RefusedOrder | None:
    """The refused order of that number; None if that server has no such order."""
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
        fits=tuple(_offer_of(each) for each in json.loads(row["fits"] or "[]")),
        at=row["at"],
        asked_at=row["asked_at"],
        answer=row["answer"],
        answered_by=row["answered_by"],
    )


def ask(db: Database, at: Moment, id: int, *, guild_id: int) -> bool:
    """Note that the moderators are asked about a refused order. False if they were before."""
    cursor = db.execute(
        "UPDATE refused SET asked_at = ? WHERE id = ? AND guild_id = ? AND asked_at IS NULL",
        (at.now, id, guild_id),
    )
    return cursor.rowcount > 0


def grant_asked(
    db: Database, at: Moment, by: By, asked: int, user_id: int, amount: int
) -> Grant | None:
    """Answer an order refused by a quota with a grant: both or none.

    *asked* is the refused order's number. None if the order was answered before.
    """
    if not _answer(db, by, asked, granted=True):
        return None
    return grant(db, at, by, user_id, amount)


def open_asked(db: Database, at: Moment, by: By, asked: int) -> bool:
    """Answer an order refused by the budget by opening the budget: orders may pass it.

    False if the order was answered before.
    """
    if not _answer(db, by, asked, granted=True):
        return False
    resume(db, at, by, past_budget=True)
    return True


def deny_asked(db: Database, at: Moment, by: By, asked: int, user_id: int, price: int) -> bool:
    """Answer a refused order with no, on record. False if the order was answered before."""
    if not _answer(db, by, asked, granted=False):
        return False
    record(db, by, "deny", user_id=user_id, after={"price": price}, now=at.now)
    return True


def _offer_out(offer: Offer) -> str:
    return json.dumps(_offer_values(offer), allow_nan=False)


def _offer_values(offer: Offer) -> dict[str, Any]:
    return {**asdict(offer), "brief": offer.brief.to_json()}


def _offer_in(text: str) -> Offer:
    return _offer_of(json.loads(text))


def _offer_of(values: dict[str, Any]) -> Offer:
    return Offer(**{**values, "brief": Brief.from_json(values["brief"])})


def _answer(db: Database, by: By, asked: int, *, granted: bool) -> bool:
    """Note what a moderator answered to the refused order *asked*. False if one did before."""
    cursor = db.execute(
        "UPDATE refused SET answer = ?, answered_by = ?"
        " WHERE id = ? AND guild_id = ? AND asked_at IS NOT NULL AND answer IS NULL",
        ("granted" if granted else "denied", by.actor_id, asked, by.guild_id),
    )
    return cursor.rowcount > 0
