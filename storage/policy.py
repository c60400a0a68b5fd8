"""Who may spend how much: decided in the transaction that creates the job."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeVar

from . import clock, jobs, ledger
from .clock import Clock
from .job import AT_WORK, Job, Lane, sql_list
from .periods import Period, day_at, span, starts, zone_named
from .rules import Defaults, Rule, Server, Whose, budget_of, providers_off, rules_for, server_of
from .writer import Writer

A = TypeVar("A")

QUARTER = 900  #: seconds that a row of `quarter_use` stands for: every zone's days begin with one
SHOWN = 100  #: jobs at work that a standing counts; more are said to be so many


class Limit(StrEnum):
    """What can say no to an order, in the order in which it is asked."""

    CLOSED = "closed"  #: the operator does not take orders in this server
    PAUSED = "paused"  #: nobody may order in this server now
    BLOCKED = "blocked"  #: this person may not
    PACE = "pace"  #: too many orders a minute
    JOBS = "jobs"  #: too many at once, of the person or of the server
    QUOTA = "quota"  #: a person's credits for a period, and their grants
    BUDGET = "budget"  #: the server's credits for a period
    ALL = "all"  #: the credits of all servers together for a period, which the operator set


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a person stands in a server. Credits; times in seconds since 1970, by our clock."""

    rule: Rule  #: the one that leaves them the most
    used: int  #: of the quota in this period, held included, forgiven not
    left: int | None  #: of the quota; None: no limit
    granted: int  #: left on their grants
    resets_at: float
    running: int  #: jobs at once, as the limit counts them; not counted beyond that or 100
    budget: Rule
    budget_used: int
    budget_left: int | None
    budget_resets_at: float
    renewals: tuple[tuple[float, int], ...]  #: for each rule: when it starts anew, with how much
    all_left: int | None = None  #: of what all servers together may spend; None: no limit
    all_resets_at: float = 0.0

    @property
    def fits(self) -> int | None:
        """The most that one order may cost now; None: no limit."""
        mine = None if self.left is None else self.left + self.granted
        amounts = [each for each in (mine, self.budget_left, self.all_left) if each is not None]
        return min(amounts) if amounts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What all servers together may spend, and have. Credits; times as in `Standing`."""

    amount: int
    used: int
    period: Period
    resets_at: float

    @property
    def left(self) -> int:
        """What they may still spend."""
        return max(0, self.amount - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The order was taken: it is a job, and its price is held."""

    job: Job
    created: bool  #: False: this request is that job already, and nothing was taken
    standing: Standing | None = None  #: after it; None where `created` is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The order was not taken, and nothing changed."""

    limit: Limit
    whose: Whose
    role_id: int | None = None
    amount: float | None = None  #: what the limit allows: credits, jobs, or orders a minute
    used: int = 0  #: of that
    period: Period | None = None
    why: str = ""  #: a moderator's reason, for PAUSED and BLOCKED
    frees_at: float | None = None  #: seconds since 1970; None: when somebody or a job ends it
    would_fit: int = 0  #: credits that an order may cost right now


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The order was checked by what does not hold any more; nothing was taken."""


class Holding(Protocol):
    """What an order was checked by."""

    def hold(self, db: sqlite3.Connection, defaults: Defaults) -> bool:
        """Whether it still holds."""
        ...


def admit(
    db: sqlite3.Connection,
    draft: Job,
    *,
    roles: Collection[int],
    defaults: Defaults,
    now: float,
    terms: Holding | None = None,
    paced: bool = False,
) -> Admitted | Refused | Changed:
    """Take *draft* as a job and hold its price, unless a limit says no; nothing in between.

    *roles* are the ids of the person's roles. *now* is `Clock.now`'s; where the database has
    seen later moments it is the latest of them. *paced* says that `attempt` counted it already.
    """
    known = jobs.requested(db, draft.request)
    if known is not None:
        return Admitted(job=known, created=False)
    if terms is not None and not terms.hold(db, defaults):
        return Changed()
    now = clock.advance(db, now)
    server = server_of(db, draft.guild_id, defaults)
    found = _judged(db, draft, server, roles=roles, defaults=defaults, now=now, paced=paced)
    if isinstance(found, Refused):
        return found
    draft, stand = found
    return _taken(db, draft, stand, server, now, paced=paced)


def attempt(
    db: sqlite3.Connection,
    draft: Job,
    *,
    roles: Collection[int],
    defaults: Defaults,
    now: float,
    counts: bool,
) -> Admitted | Refused | None:
    """Whether *draft* might be taken, by all that can be known before its inputs are there.

    Its price is the least that it can cost. With *counts* the try counts against the person's
    pace, whatever becomes of it.
    """
    known = jobs.requested(db, draft.request)
    if known is not None:
        return Admitted(job=known, created=False)
    now = clock.advance(db, now)
    server = server_of(db, draft.guild_id, defaults)
    found = _judged(db, draft, server, roles=roles, defaults=defaults, now=now, paced=False)
    if isinstance(found, Refused):
        return found
    if counts:
        _count(db, draft, server, now)
    return None


def _judged(
    db: sqlite3.Connection,
    draft: Job,
    server: Server,
    *,
    roles: Collection[int],
    defaults: Defaults,
    now: float,
    paced: bool,
) -> tuple[Job, Standing] | Refused:
    """The lane that *draft* gets and where its person stands, unless a limit says no."""
    running = _running(db, draft.guild_id, draft.user_id, upto=server.jobs_per_user or SHOWN)
    refused = _forbidden(db, draft, server, defaults, now) or _too_many(
        db, draft, server, running, now, paced=paced
    )
    if refused is not None:
        return refused
    stand = _standing(
        db,
        guild_id=draft.guild_id,
        user_id=draft.user_id,
        roles=roles,
        defaults=defaults,
        now=now,
        server=server,
        running=running,
    )
    refused = _over_quota(draft.price, stand)
    # The slow lane is for a quota that is spent, not for one that allows nothing.
    if refused is not None and server.slow_lane and stand.rule.amount != 0:
        draft, refused = replace(draft, lane=Lane.SLOW), None
    elif server.priority_roles & set(roles):
        draft = replace(draft, lane=Lane.PRIORITY)
    refused = refused or _over_budget(draft.price, stand) or _over_all(draft.price, stand, defaults)
    return refused if refused is not None else (draft, stand)


def standing(
    db: sqlite3.Connection,
    *,
    guild_id: int,
    user_id: int,
    roles: Collection[int],
    defaults: Defaults,
    now: float,
) -> Standing:
    """What a person has used and has left."""
    return _standing(
        db,
        guild_id=guild_id,
        user_id=user_id,
        roles=roles,
        defaults=defaults,
        now=now,
        server=server_of(db, guild_id, defaults),
        running=_running(db, guild_id, user_id, upto=SHOWN),
    )


def _standing(
    db: sqlite3.Connection,
    *,
    guild_id: int,
    user_id: int,
    roles: Collection[int],
    defaults: Defaults,
    now: float,
    server: Server,
    running: int,
) -> Standing:
    zone = zone_named(server.zone)
    today = day_at(now, zone)
    person_id = _person(db, user_id)
    choices = []
    renewals = []
    for rule in rules_for(db, guild_id=guild_id, user_id=user_id, roles=roles, defaults=defaults):
        used = _quota_used(db, guild_id, person_id, span(rule.period, today))
        choices.append((rule, used, None if rule.amount is None else max(0, rule.amount - used)))
        renewals.append((starts(span(rule.period, today)[1], zone), rule.amount or 0))
    # The best for the person: no limit at all, else the most left now, else the most anew.
    rule, used, left = max(
        choices, key=lambda each: (each[2] is None, each[2] or 0, each[0].amount or 0)
    )
    budget = budget_of(db, guild_id, defaults)
    first, after = span(budget.period, today)
    spent = budget_used(db, guild_id, (first, after))
    total = total_of(db, defaults, now)
    is_open = budget.amount is None or server.budget_open == first.isoformat()
    return Standing(
        rule=rule,
        used=used,
        left=left,
        granted=sum(left for _, left in _grants(db, guild_id, user_id, now)),
        resets_at=starts(span(rule.period, today)[1], zone),
        running=running,
        budget=budget,
        budget_used=spent,
        budget_left=None if is_open else max(0, (budget.amount or 0) - spent),
        budget_resets_at=starts(after, zone),
        renewals=tuple(renewals),
        all_left=total.left if total is not None else None,
        all_resets_at=total.resets_at if total is not None else 0.0,
    )


def total_of(db: sqlite3.Connection, defaults: Defaults, now: float) -> Total | None:
    """What all servers used of what they may together; None where that has no limit.

    It follows the deployment's own calendar: a server can set its own to any time zone.
    """
    if defaults.budget_all is None:
        return None
    zone = zone_named(defaults.zone)
    first, after = span(defaults.budget_all_period, day_at(now, zone))
    [used] = db.execute(
        "SELECT coalesce(sum(total), 0) FROM quarter_use WHERE quarter >= ?",
        (int(starts(first, zone) // QUARTER),),
    ).fetchone()
    return Total(
        amount=defaults.budget_all,
        used=int(used),
        period=defaults.budget_all_period,
        resets_at=starts(after, zone),
    )


def budget_used(db: sqlite3.Connection, guild_id: int, days: tuple[date, date]) -> int:
    """What all members used from a day to before another, with what the house lost."""
    [used] = db.execute(
        "SELECT coalesce(sum(total), 0) FROM day_use"
        " WHERE guild_id = ? AND person_id = 0 AND day >= ? AND day < ?",
        (guild_id, days[0].isoformat(), days[1].isoformat()),
    ).fetchone()
    return int(used)


def _forbidden(
    db: sqlite3.Connection, draft: Job, server: Server, defaults: Defaults, now: float
) -> Refused | None:
    if not defaults.serves(draft.guild_id):
        return Refused(limit=Limit.CLOSED, whose=Whose.DEFAULT)
    if server.paused is not None:
        return Refused(limit=Limit.PAUSED, whose=Whose.SERVER, why=server.paused)
    block = db.execute(
        "SELECT why, until FROM block WHERE guild_id = ? AND user_id = ?"
        " AND (until IS NULL OR until > ?)",
        (draft.guild_id, draft.user_id, now),
    ).fetchone()
    if block is not None:
        return Refused(
            limit=Limit.BLOCKED, whose=Whose.USER, why=block["why"], frees_at=block["until"]
        )
    return None


def _too_many(
    db: sqlite3.Connection, draft: Job, server: Server, running: int, now: float, *, paced: bool
) -> Refused | None:
    if server.per_minute is not None and not paced:
        frees_at = _paid_at(db, draft, now) - (server.burst - 1) * 60 / server.per_minute
        if frees_at > now:
            return Refused(
                limit=Limit.PACE,
                whose=Whose.MEMBER,
                amount=server.per_minute,
                frees_at=frees_at,
            )
    if server.jobs_per_user is not None and running >= server.jobs_per_user:
        return Refused(
            limit=Limit.JOBS, whose=Whose.MEMBER, amount=server.jobs_per_user, used=running
        )
    if server.jobs_per_server is not None:
        running = _running(db, draft.guild_id, None, upto=server.jobs_per_server)
        if running >= server.jobs_per_server:
            return Refused(
                limit=Limit.JOBS, whose=Whose.SERVER, amount=server.jobs_per_server, used=running
            )
    return None


def _over_quota(price: int, stand: Standing) -> Refused | None:
    renewals = [when for when, amount in stand.renewals if price <= amount + stand.granted]
    if stand.left is not None and price > stand.left + stand.granted:
        return Refused(
            limit=Limit.QUOTA,
            whose=stand.rule.whose,
            role_id=stand.rule.role_id,
            amount=stand.rule.amount,
            used=stand.used,
            period=stand.rule.period,
            frees_at=min(renewals, default=None),  # None: more than a whole period allows
            would_fit=stand.fits or 0,
        )
    return None


def _over_budget(price: int, stand: Standing) -> Refused | None:
    if stand.budget_left is not None and price > stand.budget_left:
        return Refused(
            limit=Limit.BUDGET,
            whose=stand.budget.whose,
            amount=stand.budget.amount,
            used=stand.budget_used,
            period=stand.budget.period,
            frees_at=stand.budget_resets_at if price <= (stand.budget.amount or 0) else None,
            would_fit=stand.fits or 0,
        )
    return None


def _over_all(price: int, stand: Standing, defaults: Defaults) -> Refused | None:
    """What the other servers used is none of this one's business, so `used` does not tell."""
    if stand.all_left is not None and price > stand.all_left:
        amount = defaults.budget_all or 0
        return Refused(
            limit=Limit.ALL,
            whose=Whose.DEFAULT,
            amount=amount,
            period=defaults.budget_all_period,
            frees_at=stand.all_resets_at if price <= amount else None,
            would_fit=stand.fits or 0,
        )
    return None


def _count(db: sqlite3.Connection, draft: Job, server: Server, now: float) -> None:
    """Count an order against its person's pace."""
    if server.per_minute is not None:
        db.execute(
            "INSERT INTO pace (guild_id, user_id, paid_at) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET paid_at = excluded.paid_at",
            (draft.guild_id, draft.user_id, _paid_at(db, draft, now) + 60 / server.per_minute),
        )


def _taken(
    db: sqlite3.Connection,
    draft: Job,
    stand: Standing,
    server: Server,
    now: float,
    *,
    paced: bool,
) -> Admitted:
    job = jobs.insert_new(db, draft)
    house = job.price if job.lane is Lane.SLOW else 0
    mine = job.price - house
    quota = mine if stand.left is None else min(mine, stand.left)
    grants, missing = [], mine - quota
    for number, left in _grants(db, job.guild_id, job.user_id, now):
        if missing:
            grants.append((number, min(left, missing)))
            missing -= min(left, missing)
    ledger.reserve(
        db,
        job,
        person_id=ledger.person(db, job.user_id),
        day=day_at(now, zone_named(server.zone)).isoformat(),
        quota=quota,
        grants=grants,
        house=house,
        at=now,
    )
    if not paced:
        _count(db, job, server, now)
    after = replace(
        stand,
        used=stand.used + quota,
        left=None if stand.left is None else stand.left - quota,
        granted=stand.granted - (mine - quota),
        running=stand.running + 1,
        budget_used=stand.budget_used + job.price,
        budget_left=None if stand.budget_left is None else stand.budget_left - job.price,
        all_left=None if stand.all_left is None else stand.all_left - job.price,
    )
    return Admitted(job=job, created=True, standing=after)


def _paid_at(db: sqlite3.Connection, draft: Job, now: float) -> float:
    """When the person's orders so far are paid for; never before now."""
    row = db.execute(
        "SELECT paid_at FROM pace WHERE guild_id = ? AND user_id = ?",
        (draft.guild_id, draft.user_id),
    ).fetchone()
    return now if row is None else max(now, float(row[0]))


def _person(db: sqlite3.Connection, user_id: int) -> int:
    row = db.execute("SELECT id FROM person WHERE user_id = ?", (user_id,)).fetchone()
    return -1 if row is None else int(row[0])


def _quota_used(
    db: sqlite3.Connection, guild_id: int, person_id: int, days: tuple[date, date]
) -> int:
    [used] = db.execute(
        "SELECT coalesce(sum(quota - forgiven), 0) FROM day_use"
        " WHERE guild_id = ? AND person_id = ? AND day >= ? AND day < ?",
        (guild_id, person_id, days[0].isoformat(), days[1].isoformat()),
    ).fetchone()
    return int(used)


def _grants(
    db: sqlite3.Connection, guild_id: int, user_id: int, now: float
) -> list[tuple[int, int]]:
    """Number and rest of the grants that still count, those that expire soonest first."""
    rows = db.execute(
        """
        SELECT id, balance FROM allowance JOIN account ON name = 'grant:' || id
        WHERE guild_id = ? AND user_id = ? AND (expires_at IS NULL OR expires_at > ?)
        AND balance > 0
        ORDER BY expires_at IS NULL, expires_at, id
        """,
        (guild_id, user_id, now),
    )
    return [(number, left) for number, left in rows]


def _running(db: sqlite3.Connection, guild_id: int, user_id: int | None, *, upto: int) -> int:
    """Jobs at work, not counted beyond *upto*. One that waits for a person is not at work."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM job WHERE guild_id = :guild"
    if user_id is not None:
        sql += " AND user_id = :user"
    sql += f" AND state IN {sql_list(AT_WORK)} LIMIT :upto)"
    [count] = db.execute(sql, {"guild": guild_id, "user": user_id, "upto": upto}).fetchone()
    return int(count)


class Policy:
    """What the studio asks before it spends."""

    def __init__(self, writer: Writer, *, clock: Clock, defaults: Defaults) -> None:
        self._writer = writer
        self._clock = clock
        self._defaults = defaults

    async def admit(
        self,
        draft: Job,
        *,
        roles: Collection[int],
        terms: Holding | None = None,
        paced: bool = False,
        turn: Callable[[], object] = lambda: None,
    ) -> Admitted | Refused | Changed:
        """Take *draft* as a job and hold its price, in one transaction, or say which limit not.

        *roles* are the ids of the roles of the person who orders. It is only taken while
        *terms*, which it was checked by, hold: else `Changed`. *turn* is called right before,
        and may raise; *paced* says that `attempt` has counted it against the pace. The times of
        a `Refused` are by the wall clock: fit to be shown.
        """
        now = self._clock.now()
        answer = await self._writer.write(
            lambda db: admit(
                db,
                draft,
                roles=roles,
                defaults=self._defaults,
                now=now,
                terms=terms,
                paced=paced,
            ),
            turn=turn,
        )
        return self._shown(answer)

    async def attempt(
        self, draft: Job, *, roles: Collection[int], counts: bool
    ) -> Admitted | Refused | None:
        """Whether *draft*, priced with the least it can cost, might be taken. Holds nothing.

        With *counts*, the try counts against its person's pace. What was ordered before is
        `Admitted`. The times of a `Refused` are by the wall clock.
        """
        now = self._clock.now()
        answer = await self._writer.write(
            lambda db: attempt(
                db, draft, roles=roles, defaults=self._defaults, now=now, counts=counts
            )
        )
        return self._shown(answer)

    def _shown(self, answer: A) -> A:
        """*answer* with its times by the wall clock."""
        if isinstance(answer, Refused) and answer.frees_at is not None:
            return replace(answer, frees_at=self._clock.on_the_wall(answer.frees_at))
        return answer

    async def standing(self, *, guild_id: int, user_id: int, roles: Collection[int]) -> Standing:
        """What a person has used and has left, by the wall clock."""
        now = self._clock.now()
        found = await self._writer.read(
            lambda db: standing(
                db,
                guild_id=guild_id,
                user_id=user_id,
                roles=roles,
                defaults=self._defaults,
                now=clock.seen(db, now),
            )
        )
        return replace(
            found,
            resets_at=self._clock.on_the_wall(found.resets_at),
            budget_resets_at=self._clock.on_the_wall(found.budget_resets_at),
            all_resets_at=self._clock.on_the_wall(found.all_resets_at),
        )

    def serves(self, guild_id: int) -> bool:
        """Whether orders are taken in this server at all."""
        return self._defaults.serves(guild_id)

    async def total(self) -> Total | None:
        """What all servers used of what they may together, by the wall clock; None: no limit."""
        now = self._clock.now()
        found = await self._writer.read(
            lambda db: total_of(db, self._defaults, clock.seen(db, now))
        )
        if found is None:
            return None
        return replace(found, resets_at=self._clock.on_the_wall(found.resets_at))

    async def server(self, guild_id: int) -> Server:
        """A server's settings."""
        return await self._writer.read(lambda db: server_of(db, guild_id, self._defaults))

    async def providers_off(self) -> dict[int, frozenset[str]]:
        """The providers that are switched off, by server, where there are any."""
        return await self._writer.read(providers_off)

    async def bill(self, job_id: int) -> ledger.Bill | None:
        """What a job holds and cost, from the ledger; None for one that was never reserved."""
        return await self._writer.read(lambda db: ledger.bill(db, job_id))
