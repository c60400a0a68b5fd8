"""Figures for an operator's monitoring: how the live jobs stand, and what happened since a mark.

What happened is read from the events and the ledger, from where it was last read to: the cost is
that of what is new, however long the history is.
"""

from collections.abc import Collection
from dataclasses import dataclass

from .database import Database
from .defaults import Moment
from .guilds import server_of
from .job import LIVE, State, sql_list
from .periods import day_at, span, zone_named
from .quota.budget import budget_used
from .quota.rules import budget_of

PIECE = 2_000  #: rows that are read at once: some ten milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far events and ledger were read."""

    event: int
    txn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveJobs:
    """The live jobs of one provider in one state."""

    provider: str
    state: State
    count: int
    since: float  #: when the one that is longest in it came into it
    oldest: int  #: the number of that one


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A job that came into a state. *before* is None for one that was accepted."""

    provider: str
    before: State | None
    after: State
    failure: str | None  #: a word of the failure vocabulary
    took: float | None  #: seconds in the state before
    age: float  #: seconds since it was ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Credits that moved. The accounts are named by their kind: pool, held, spent, lost, …"""

    provider: str  #: "" where no job is concerned
    source: str
    target: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened since a mark, a piece of it; *whole*: nothing is left to read."""

    moves: list[Move]
    flows: list[Flow]
    mark: Mark
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A server's budget of the current period, in credits; *amount* None: no limit."""

    guild_id: int
    used: int
    amount: int | None


def mark(db: Database) -> Mark:
    """Find the end of the events and the ledger."""
    [event] = db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
    [txn] = db.execute("SELECT coalesce(max(id), 0) FROM txn").fetchone()
    return Mark(event=event, txn=txn)


def news(db: Database, since: Mark, *, piece: int = PIECE) -> News:
    """Read what happened since a mark, *piece* events and transactions at most."""
    moves = db.execute(
        """
        SELECT event.seq, job.provider, from_state, to_state, failure, event.at - (
            SELECT earlier.at FROM event AS earlier
            WHERE earlier.job_id = event.job_id AND earlier.rev < event.rev
            ORDER BY earlier.rev DESC LIMIT 1
        ), event.at - job.created_at
        FROM event JOIN job ON job.id = event.job_id WHERE event.seq > ? ORDER BY event.seq LIMIT ?
        """,
        (since.event, piece),
    ).fetchall()
    last = min(since.txn + piece, mark(db).txn)
    flows = db.execute(
        """
        SELECT coalesce(job.provider, ''), source, target, amount
        FROM txn JOIN transfer ON txn_id = txn.id LEFT JOIN job ON job.id = txn.job_id
        WHERE txn.id > ? AND txn.id <= ? ORDER BY txn.id
        """,
        (since.txn, last),
    )
    return News(
        moves=[
            Move(
                provider=provider,
                before=None if before is None else State(before),
                after=State(after),
                failure=failure,
                took=None if took is None else max(0.0, took),
                age=max(0.0, age),
            )
            for _, provider, before, after, failure, took, age in moves
        ],
        flows=[
            Flow(
                provider=provider,
                source=source.partition(":")[0],
                target=target.partition(":")[0],
                amount=amount,
            )
            for provider, source, target, amount in flows
        ],
        mark=Mark(event=moves[-1][0] if moves else since.event, txn=last),
        whole=len(moves) < piece and last - since.txn < piece,
    )


def live_jobs(db: Database) -> list[LiveJobs]:
    """Count the live jobs by provider and state; combinations without any are left out."""
    rows = db.execute(
        f"""
        SELECT provider, state, count(*), min(since), min(id) FILTER (WHERE since = first) FROM (
            SELECT provider, state, since, id,
                min(since) OVER (PARTITION BY provider, state) AS first
            FROM job WHERE state IN {sql_list(LIVE)}
        ) AS live GROUP BY provider, state
        """  # noqa: S608  # a fixed text
    )
    return [
        LiveJobs(provider=provider, state=State(state), count=count, since=since, oldest=oldest)
        for provider, state, count, since, oldest in rows
    ]


def held(db: Database) -> int:
    """Add up the credits that the live jobs hold."""
    [found] = db.execute(
        f"""
        SELECT coalesce(sum(amount), 0) FROM job
        JOIN txn ON txn.job_id = job.id AND kind = 'reserve' JOIN transfer ON txn_id = txn.id
        WHERE state IN {sql_list(LIVE)} AND NOT EXISTS (
            SELECT 1 FROM txn AS settled
            WHERE settled.job_id = job.id AND settled.kind IN ('capture', 'release', 'close')
        )
        """  # noqa: S608  # a fixed text
    ).fetchone()
    return int(found)


def budgets(db: Database, at: Moment, guild_ids: Collection[int]) -> list[Budget]:
    """List the budgets of these servers as they stand in their current periods."""
    found = []
    for guild_id in guild_ids:
        zone = zone_named(server_of(db, guild_id, at.defaults).zone)
        rule = budget_of(db, guild_id, at.defaults)
        used = budget_used(db, guild_id, span(rule.period, day_at(at.now, zone)))
        found.append(Budget(guild_id=guild_id, used=used, amount=rule.amount))
    return found
