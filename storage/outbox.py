"""Events for an operator's webhooks: written with what they tell, kept until they were taken."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from . import ledger
from .database import Database
from .job import FINISHED, FOR_MODERATORS, UNMADE, Job, State

KEPT = 30 * 86_400.0  #: seconds for which an event that was given up is counted
DONE, FAILED, PARKED = "job.done", "job.failed", "job.parked"
BUDGET = "budget.reached"
ALERT = "alert"
#: What of a job's body is a person's: gone with "delete mine".
PERSONAL = ("user_id", "channel_id", "thread_id", "prompt", "message", "card_url", "post_url")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEvent:
    """One event that one receiver has yet to take."""

    id: int
    event: str  #: its name, the same for each receiver and each try
    receiver: str
    kind: str
    body: dict[str, Any]  #: what is sent, without its name, its kind and its time
    at: float  #: when it happened
    tries: int  #: failed ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What a receiver has not taken."""

    waiting: int
    oldest: float | None  #: when the first of those happened
    given_up: int  #: in the last 30 days


def kind_of(state: State) -> str | None:
    """The kind of event that a job's coming into *state* is; None where nobody is told."""
    if state in FOR_MODERATORS:
        return PARKED
    if state in FINISHED:
        return DONE
    return FAILED if state in UNMADE else None


def set_receivers(db: Database, receivers: Collection[str], *, prompts: bool) -> None:
    """Write events for *receivers* from now on, and for no others: what those had yet to take is
    deleted. Without *prompts* no event holds any, also none that waits."""
    known = json.dumps(sorted(receivers))
    for table in ("outbox", "webhook"):
        db.execute(
            f"DELETE FROM {table} WHERE receiver NOT IN (SELECT value FROM json_each(?))",  # noqa: S608
            (known,),
        )
    db.executemany(
        "INSERT INTO webhook (receiver, prompts) VALUES (?, ?)"
        " ON CONFLICT (receiver) DO UPDATE SET prompts = excluded.prompts",
        [(each, prompts) for each in sorted(receivers)],
    )
    if not prompts:
        db.execute(
            "UPDATE outbox SET body = json_remove(body, '$.job.prompt')"
            " WHERE json_type(body, '$.job.prompt') IS NOT NULL"
        )


def note_job(db: Database, job: Job) -> None:
    """Write the event that *job*, as it was just saved, came into its state."""
    kind = kind_of(job.state)
    if kind is None or not _receivers(db):
        return
    _note(
        db,
        event=f"job-{job.id}-{job.rev}",
        topic=f"job:{job.id}",
        kind=kind,
        user_id=job.user_id or None,
        body={"server_id": str(job.guild_id), "job": _told_of(db, job)},
        at=job.since,
    )


def note_budget(
    db: Database, *, guild_id: int, began: str, percent: int, amount: int, used: int, at: float
) -> None:
    """Write the event that *percent* of a server's budget is used, once a period.

    *began* is the period's first day.
    """
    _note(
        db,
        event=f"budget-{guild_id}-{began}-{percent}",
        topic=f"budget:{guild_id}",
        kind=BUDGET,
        user_id=None,
        body={
            "server_id": str(guild_id),
            "budget": {
                "percent": percent,
                "credits": amount,
                "used_credits": used,
                "period_began": began,
            },
        },
        at=at,
    )


def note_alert(db: Database, *, alert: dict[str, Any], phase: str, at: float) -> None:
    """Write the event that some trouble of the deployment began, or is over."""
    _note(
        db,
        event=f"{ALERT}-{alert['id']}-{phase}",
        topic=f"{ALERT}:{alert['id']}",
        kind=f"{ALERT}.{phase}",
        user_id=None,
        body={"alert": alert},
        at=at,
    )


def _note(
    db: Database,
    *,
    event: str,
    topic: str,
    kind: str,
    user_id: int | None,
    body: dict[str, Any],
    at: float,
) -> None:
    for receiver, prompts in _receivers(db):
        told = body
        if not prompts and "job" in body:
            job = {name: each for name, each in body["job"].items() if name != "prompt"}
            told = {**body, "job": job}
        db.execute(
            "INSERT INTO outbox (event, receiver, topic, kind, user_id, body, at, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event, receiver) DO NOTHING",
            (event, receiver, topic, kind, user_id, _dumped(told), at, at),
        )


def _receivers(db: Database) -> list[tuple[str, bool]]:
    """Who is told of events, and whether of prompts, too."""
    rows = db.execute("SELECT receiver, prompts FROM webhook")
    return [(receiver, bool(prompts)) for receiver, prompts in rows]


def _told_of(db: Database, job: Job) -> dict[str, Any]:
    """What is told of a job. Numbers of Discord's are texts: JSON's would not hold them."""
    bill = ledger.bill(db, job.id)
    post = db.execute(
        "SELECT channel_id FROM post WHERE message_id = ?", (job.result_id,)
    ).fetchone()
    where = post[0] if post is not None else job.thread_id or job.card_channel_id or job.channel_id
    return {
        "id": job.id,
        "state": str(job.state),
        "user_id": str(job.user_id),
        "channel_id": str(job.channel_id),
        "thread_id": None if job.thread_id is None else str(job.thread_id),
        "mode": str(job.brief.mode),
        "prompt": job.brief.prompt,
        "provider": job.provider,
        "model": job.model,
        "price_credits": job.price,
        "charged_credits": 0 if bill is None else bill.spent,
        "provider_cost": job.cost,
        "failure": job.failure,
        "message": job.error,
        "card_url": _link(job.guild_id, job.card_channel_id, job.card_id),
        "post_url": _link(job.guild_id, where, job.result_id),
        "file": job.file,
    }


def _link(guild_id: int, channel_id: int | None, message_id: int | None) -> str | None:
    if channel_id is None or message_id is None:
        return None
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"


def due(db: Database, receiver: str, now: float, *, limit: int) -> list[OutboxEvent]:
    """List what is to be sent to *receiver* at *now*: of each job and budget the first event that
    it has not taken, those that are due longest first."""
    rows = db.execute(
        """
        SELECT id, event, receiver, kind, body, at, tries FROM outbox AS mine
        WHERE receiver = ? AND given_up_at IS NULL AND due_at <= ? AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier WHERE earlier.receiver = mine.receiver
            AND earlier.topic = mine.topic AND earlier.id < mine.id
            AND earlier.given_up_at IS NULL
        )
        ORDER BY due_at, id LIMIT ?
        """,
        (receiver, now, limit),
    )
    return [OutboxEvent(**{**dict(row), "body": json.loads(row["body"])}) for row in rows]


def taken(db: Database, id: int) -> None:
    """Delete an event that its receiver has taken."""
    db.execute("DELETE FROM outbox WHERE id = ?", (id,))


def hold(db: Database, id: int, *, due_at: float) -> None:
    """Send an event no earlier than *due_at*: what it is to tell is not all there yet."""
    db.execute("UPDATE outbox SET due_at = ? WHERE id = ?", (due_at, id))


def put_off(db: Database, id: int, *, due_at: float) -> None:
    """Note a try that failed; the next is due at *due_at*."""
    db.execute("UPDATE outbox SET tries = tries + 1, due_at = ? WHERE id = ?", (due_at, id))


def give_up(db: Database, id: int, now: float) -> None:
    """Send an event no more: its body is deleted, and it is counted for 30 days."""
    db.execute(
        "UPDATE outbox SET given_up_at = ?, tries = tries + 1, body = '{}', user_id = NULL"
        " WHERE id = ?",
        (now, id),
    )
    db.execute("DELETE FROM outbox WHERE given_up_at < ?", (now - KEPT,))


def backlogs(db: Database) -> dict[str, Backlog]:
    """What each receiver has not taken; of those that have something."""
    rows = db.execute(
        """
        SELECT receiver, count(*) FILTER (WHERE given_up_at IS NULL),
            min(at) FILTER (WHERE given_up_at IS NULL),
            count(*) FILTER (WHERE given_up_at IS NOT NULL)
        FROM outbox GROUP BY receiver
        """
    )
    return {
        receiver: Backlog(waiting=waiting, oldest=oldest, given_up=given_up)
        for receiver, waiting, oldest, given_up in rows
    }


def forget(db: Database, user_id: int) -> None:
    """Take a person's number, texts and links out of events that wait. Those are sent all the
    same: they still say what became of the job, and what it cost."""
    paths = ", ".join(f"'$.job.{name}'" for name in (*PERSONAL, "file"))
    db.execute(
        f"UPDATE outbox SET body = json_remove(body, {paths}), user_id = NULL"  # noqa: S608
        " WHERE user_id = ?",
        (user_id,),
    )


def _dumped(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
