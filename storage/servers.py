"""What a server asks of its moderators, and shows them: prompt rules, refused orders, use."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, TypeVar

from . import jobs, ledger
from .brief import Brief
from .clock import Clock, advance
from .job import MADE, UNMADE, Job, Lane, State, sql_list
from .moderation import By, record
from .writer import Writer

T = TypeVar("T")

KEPT = 7 * 86_400.0  #: seconds that a refused order may still be ordered
HITS = 200  #: lines of a server's prompt log that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRule:
    """A word or a pattern that no prompt may hold."""

    id: int
    kind: str  #: "word" or "pattern"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptHit:
    """Somebody met a prompt rule. *user_id* is None for somebody since forgotten."""

    user_id: int | None
    channel_id: int
    rule: str
    at: float


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one person's clips of one model cost on one of the server's days, in credits."""

    day: date
    user_id: int | None  #: None for somebody since forgotten
    provider: str
    model: str
    clips: int  #: that were ordered: made, not made, or under way
    made: int
    unmade: int  #: ended without a clip: cancelled, failed, given up
    held: int
    spent: int
    house: int  #: of what is held or spent, the slow lane's: paid by no quota
    lost: int
    suspense: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspense:
    """An attempt that may have been billed; nobody knows yet."""

    job_id: int
    attempt: int
    amount: int


class Servers:
    """The moderators' desk, where it is not about limits."""

    def __init__(self, writer: Writer, *, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def prompt_rules(self, guild_id: int) -> list[PromptRule]:
        """The prompt rules of a server, oldest first."""
        return await self._writer.read(lambda db: prompt_rules(db, guild_id))

    async def add_prompt_rule(self, by: By, kind: str, text: str) -> PromptRule | None:
        """Refuse prompts with *text* from now on; None if that is a rule already."""
        return await self._write(lambda db, now: add_prompt_rule(db, by, kind, text, now=now))

    async def remove_prompt_rule(self, by: By, id: int) -> PromptRule | None:
        """Let a rule go; None if this server has none of that number."""
        return await self._write(lambda db, now: remove_prompt_rule(db, by, id, now=now))

    async def met(self, guild_id: int, *, user_id: int, channel_id: int, rule: PromptRule) -> None:
        """Note that somebody met a rule. Their prompt is not kept."""
        await self._write(
            lambda db, now: met(db, guild_id, user_id, channel_id, rule.text, now=now)
        )

    async def prompt_hits(self, guild_id: int, *, limit: int = 15) -> list[PromptHit]:
        """Who met rules, newest first."""
        return await self._writer.read(lambda db: prompt_hits(db, guild_id, limit))

    async def keep_refused(self, order: RefusedOrder) -> RefusedOrder:
        """Keep an order that was not taken for a week; its id and time are decided here."""
        return await self._write(lambda db, now: keep_refused(db, order, now=now))

    async def refused(self, id: int, *, guild_id: int) -> RefusedOrder | None:
        """The refused order of that number, if it is of that server."""
        return await self._writer.read(lambda db: refused(db, id, guild_id))

    async def ask(self, id: int, *, guild_id: int) -> bool:
        """Note that the moderators are asked for it. False if they were before."""
        return await self._write(lambda db, now: ask(db, id, guild_id, now=now))

    async def set_lane(self, by: By, job_id: int, lane: Lane) -> Job | None:
        """Move a job to a lane, on record; None if this server has no such job waiting."""
        return await self._write(lambda db, now: set_lane(db, by, job_id, lane, now=now))

    async def move(
        self, by: By | None, what: str, job: Job, why: str, *, thread_id: int | None = None
    ) -> Job:
        """`Jobs.save` a step that a person decided, with its line of the audit: both or none.

        Without *by*, as for one's own job, there is no line. With *thread_id* the clip is to be
        posted there.
        """
        return await self._write(
            lambda db, now: move(db, by, what, job, why, thread_id=thread_id, now=now)
        )

    async def take_down(self, by: By | None, job: Job, *, hidden_by: int | None) -> None:
        """Note who took a clip down, or with None that it may be shown again, on record if *by*
        somebody whose clip it is not."""
        await self._write(lambda db, now: take_down(db, by, job, hidden_by=hidden_by, now=now))

    async def use(
        self, guild_id: int, first: date, after: date, *, user_id: int | None = None
    ) -> list[Use]:
        """What clips ordered from *first* to before *after* cost, from the ledger."""
        return await self._writer.read(lambda db: use(db, guild_id, first, after, user_id))

    async def spent(self, guild_id: int, *, user_id: int) -> dict[int, int]:
        """What each of a person's clips cost them, by its number."""
        return await self._writer.read(lambda db: spent(db, guild_id, user_id))

    async def suspense(self, guild_id: int) -> list[Suspense]:
        """Attempts of which nobody knows yet whether they were billed."""
        return await self._writer.read(lambda db: suspense(db, guild_id))

    async def _write(self, act: Callable[[sqlite3.Connection, float], T]) -> T:
        now = self._clock.now()
        return await self._writer.write(lambda db: act(db, advance(db, now)))


def prompt_rules(db: sqlite3.Connection, guild_id: int) -> list[PromptRule]:
    """See `Servers.prompt_rules`."""
    rows = db.execute(
        "SELECT id, kind, text FROM prompt_rule WHERE guild_id = ? ORDER BY id", (guild_id,)
    )
    return [PromptRule(id=number, kind=kind, text=text) for number, kind, text in rows]


def add_prompt_rule(
    db: sqlite3.Connection, by: By, kind: str, text: str, *, now: float
) -> PromptRule | None:
    """See `Servers.add_prompt_rule`."""
    row = db.execute(
        "INSERT INTO prompt_rule (guild_id, kind, text, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING RETURNING id",
        (by.guild_id, kind, text, now),
    ).fetchone()
    if row is None:
        return None
    record(db, by, "prompt rule", after={"kind": kind, "text": text}, now=now)
    return PromptRule(id=row[0], kind=kind, text=text)


def remove_prompt_rule(db: sqlite3.Connection, by: By, id: int, *, now: float) -> PromptRule | None:
    """See `Servers.remove_prompt_rule`."""
    row = db.execute(
        "DELETE FROM prompt_rule WHERE id = ? AND guild_id = ? RETURNING kind, text",
        (id, by.guild_id),
    ).fetchone()
    if row is None:
        return None
    kind, text = row
    record(db, by, "prompt rule", before={"kind": kind, "text": text}, now=now)
    return PromptRule(id=id, kind=kind, text=text)


def met(
    db: sqlite3.Connection, guild_id: int, user_id: int, channel_id: int, rule: str, *, now: float
) -> None:
    """See `Servers.met`."""
    db.execute(
        "INSERT INTO prompt_hit (guild_id, person_id, channel_id, rule, at) VALUES (?, ?, ?, ?, ?)",
        (guild_id, ledger.person(db, user_id), channel_id, rule, now),
    )
    db.execute(
        "DELETE FROM prompt_hit WHERE guild_id = ?1 AND id <= ("
        "SELECT id FROM prompt_hit WHERE guild_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (guild_id, HITS),
    )


def prompt_hits(db: sqlite3.Connection, guild_id: int, limit: int) -> list[PromptHit]:
    """See `Servers.prompt_hits`."""
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


def keep_refused(db: sqlite3.Connection, order: RefusedOrder, *, now: float) -> RefusedOrder:
    """See `Servers.keep_refused`."""
    db.execute("DELETE FROM refused WHERE at < ?", (now - KEPT,))
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


def move(
    db: sqlite3.Connection,
    by: By | None,
    what: str,
    job: Job,
    why: str,
    *,
    thread_id: int | None,
    now: float,
) -> Job:
    """See `Servers.move`."""
    if thread_id is not None:
        jobs.set_places(db, job.id, thread_id=thread_id, card_channel_id=None, card_id=None)
    saved = jobs.save(db, job, why)
    if by is not None:
        record(db, by, what, user_id=job.user_id, after={"job": job.id}, now=now)
    return saved


def take_down(
    db: sqlite3.Connection, by: By | None, job: Job, *, hidden_by: int | None, now: float
) -> None:
    """See `Servers.take_down`."""
    db.execute("UPDATE take SET hidden_by = ? WHERE job_id = ?", (hidden_by, job.id))
    if by is not None:
        what = "take down" if hidden_by is not None else "bring back"
        record(db, by, what, user_id=job.user_id, after={"job": job.id}, now=now)


def set_lane(db: sqlite3.Connection, by: By, job_id: int, lane: Lane, *, now: float) -> Job | None:
    """See `Servers.set_lane`."""
    before = jobs.get(db, job_id, guild_id=by.guild_id)
    if before is None or before.state is not State.QUEUED:
        return None
    db.execute("UPDATE job SET lane = ? WHERE id = ?", (lane, job_id))
    record(
        db,
        by,
        "lane",
        user_id=before.user_id,
        before={"job": job_id, "lane": before.lane},
        after={"job": job_id, "lane": lane},
        now=now,
    )
    return replace(before, lane=lane)


def use(
    db: sqlite3.Connection, guild_id: int, first: date, after: date, user_id: int | None
) -> list[Use]:
    """See `Servers.use`."""
    rows = db.execute(
        f"""
        WITH ordered (job_id, day, person_id) AS (
            SELECT job_id, day, person_id FROM txn
            WHERE kind = 'reserve' AND guild_id = :guild AND day >= :first AND day < :after
        ), sides (job_id, kind, other, amount) AS (
            SELECT job_id, substr(target, 1, instr(target, ':') - 1),
                   substr(source, 1, instr(source, ':') - 1), amount
            FROM txn JOIN transfer ON txn_id = txn.id
            WHERE guild_id = :guild AND day >= :first AND day < :after
            UNION ALL
            SELECT job_id, substr(source, 1, instr(source, ':') - 1),
                   substr(target, 1, instr(target, ':') - 1), -amount
            FROM txn JOIN transfer ON txn_id = txn.id
            WHERE guild_id = :guild AND day >= :first AND day < :after
        ), moved (job_id, held, spent, house, lost, suspense) AS (
            SELECT job_id, sum(iif(kind = 'held', amount, 0)), sum(iif(kind = 'spent', amount, 0)),
                   -sum(iif(kind = 'house' AND other = 'held', amount, 0)),
                   sum(iif(kind = 'lost', amount, 0)), sum(iif(kind = 'suspense', amount, 0))
            FROM sides GROUP BY job_id
        )
        SELECT day, person.user_id, provider, model, count(*),
               sum(state IN {sql_list(MADE)}),
               sum(state IN {sql_list(UNMADE)}),
               coalesce(sum(held), 0), coalesce(sum(spent), 0), coalesce(sum(house), 0),
               coalesce(sum(lost), 0), coalesce(sum(suspense), 0)
        FROM ordered JOIN job ON job.id = job_id JOIN person ON person.id = person_id
        LEFT JOIN moved USING (job_id)  -- a free clip moves nothing
        WHERE (:user IS NULL OR person.user_id = :user)
        GROUP BY day, person_id, provider, model ORDER BY day, person_id, provider, model
        """,  # noqa: S608  # fixed texts
        {
            "guild": guild_id,
            "first": first.isoformat(),
            "after": after.isoformat(),
            "user": user_id,
        },
    )
    return [
        Use(day=date.fromisoformat(day), user_id=user, **dict(zip(_COLUMNS, rest, strict=True)))
        for day, user, *rest in rows
    ]


_COLUMNS = (
    *("provider", "model", "clips", "made", "unmade"),
    *("held", "spent", "house", "lost", "suspense"),
)


def spent(db: sqlite3.Connection, guild_id: int, user_id: int) -> dict[int, int]:
    """See `Servers.spent`."""
    rows = db.execute(
        """
        SELECT job_id, sum(amount) FROM txn JOIN transfer ON txn_id = txn.id
        WHERE guild_id = ? AND kind = 'capture' AND target GLOB 'spent:*'
        AND person_id = (SELECT id FROM person WHERE user_id = ?) GROUP BY job_id
        """,
        (guild_id, user_id),
    )
    return dict(rows.fetchall())


def suspense(db: sqlite3.Connection, guild_id: int) -> list[Suspense]:
    """See `Servers.suspense`."""
    rows = db.execute(
        """
        SELECT job_id, coalesce(txn.attempt, job.attempt) AS which, amount
        FROM txn JOIN transfer ON txn_id = txn.id JOIN job ON job.id = job_id
        WHERE txn.guild_id = ? AND target GLOB 'suspense:*' AND NOT EXISTS (
            SELECT 1 FROM txn AS cleared
            WHERE cleared.job_id = txn.job_id AND cleared.kind = 'clear'
            AND cleared.attempt = coalesce(txn.attempt, job.attempt)
        ) ORDER BY job_id, which
        """,
        (guild_id,),
    )
    return [Suspense(job_id=job, attempt=attempt, amount=amount) for job, attempt, amount in rows]


def _offer_out(offer: Offer) -> str:
    return json.dumps({**asdict(offer), "brief": offer.brief.to_json()}, allow_nan=False)


def _offer_in(text: str) -> Offer:
    values: dict[str, Any] = json.loads(text)
    return Offer(**{**values, "brief": Brief.from_json(values["brief"])})
