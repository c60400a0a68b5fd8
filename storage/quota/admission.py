"""Who may spend how much: decided in the transaction that creates the job."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from storage import batches, jobs, ledger
from storage.database import Database
from storage.defaults import Defaults, Moment
from storage.guilds import Server
from storage.job import Job, Lane
from storage.periods import Period
from storage.quota.alarms import note_reached, note_refused
from storage.quota.facts import Facts, Limits, facts_of, limits_of
from storage.quota.rules import Whose
from storage.quota.standing import SHOWN, Standing, grants_left, standing_by


class Limit(StrEnum):
    """What can refuse an order, in the order in which it is asked."""

    CLOSED = "closed"  #: the operator does not take orders in this server
    PAUSED = "paused"  #: nobody may order in this server now
    BLOCKED = "blocked"  #: this person may not
    PACE = "pace"  #: too many orders a minute
    JOBS = "jobs"  #: too many at once, of the person or of the server
    QUOTA = "quota"  #: a person's credits for a period, and their grants
    BUDGET = "budget"  #: the server's credits for a period
    ALL = "all"  #: the credits of all servers together for a period, which the operator set


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The order was taken: it is a job, or a batch of them, and its price is held."""

    job: Job  #: of a batch, the first one
    created: bool  #: False: this request is that job already, and nothing was taken
    others: tuple[Job, ...] = ()  #: the rest of its batch
    standing: Standing | None = None  #: after it; None where `created` is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The order was not taken, and nothing is held."""

    limit: Limit
    whose: Whose
    role_id: int | None = None
    amount: float | None = None  #: what the limit allows: credits, jobs, or orders a minute
    used: int = 0  #: of that
    period: Period | None = None
    why: str = ""  #: a moderator's reason, for PAUSED and BLOCKED
    frees_at: float | None = None  #: seconds since 1970; None: when a person or a job ends it
    would_fit: int = 0  #: credits that an order may cost right now
    clips: int = 1  #: that the order is for


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The terms that the order was checked by have changed; nothing was taken."""


class Holding(Protocol):
    """The terms that an order was checked by."""

    def hold(self, db: Database, server: Server) -> bool:
        """Whether they still hold, where the settings of *server* do."""
        ...


def admit_all(
    db: Database,
    at: Moment,
    drafts: Sequence[Job],
    *,
    roles: Collection[int],
    terms: Holding | None = None,
    paced: bool = False,
) -> Admitted | Refused | Changed:
    """Take *drafts* as jobs and hold their prices, all or none, in one transaction; or say which
    limit refuses them.

    Together they are one order: their sum is what credits are asked for, each is a clip in
    progress, and the pace counts them once. *roles* are the ids of the requester's roles. The
    order is only taken while *terms*, which it was checked by, hold: else `Changed`. *paced* says
    that `attempt` has counted it against the pace. The times of a `Refused` are by the machine's
    clock, to be shown.
    """
    asked = _asked(db, at, drafts[0], roles=roles)
    if (known := _known(db, asked)) is not None:
        return known
    if terms is not None and not terms.hold(db, asked.server):
        return Changed()
    found = _judged(db, at, drafts, asked, roles=roles, paced=paced)
    if isinstance(found, Refused):
        return _refused(db, at, drafts[0], found)
    lane, stand = found
    drafts = [each if each.lane is lane else replace(each, lane=lane) for each in drafts]
    return _taken(db, at, drafts, stand, asked, paced=paced)


def attempt(
    db: Database,
    at: Moment,
    draft: Job,
    *,
    roles: Collection[int],
    counts: bool,
    clips: int = 1,
) -> Admitted | Refused | None:
    """Say whether *draft*, so many *clips* of it, might be taken, before its inputs are downloaded.
    Holds nothing.

    Its price is the least that one clip can cost. With *counts* the attempt counts against its
    requester's pace. What was ordered before is `Admitted`. The times of a `Refused` are by the
    machine's clock, to be shown.
    """
    asked = _asked(db, at, draft, roles=roles)
    if (known := _known(db, asked)) is not None:
        return known
    found = _judged(db, at, [draft] * clips, asked, roles=roles, paced=False)
    if isinstance(found, Refused):
        return _refused(db, at, draft, found)
    if counts:
        _count(db, draft, asked, at.now)
    return None


def outlook(db: Database, at: Moment, draft: Job, *, roles: Collection[int]) -> Refused | None:
    """Say which limit would refuse *draft* right now, if any. Nobody orders it: nothing is
    written, and no moderator is told."""
    asked = _asked(db, at, draft, roles=roles)
    found = _judged(db, at, [draft], asked, roles=roles, paced=False)
    return _shown(found, at) if isinstance(found, Refused) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What decides about an order."""

    limits: Limits
    facts: Facts

    @property
    def server(self) -> Server:
        return self.limits.server


def _asked(db: Database, at: Moment, draft: Job, *, roles: Collection[int]) -> _Asked:
    guild_id, user_id = draft.guild_id, draft.user_id
    limits = limits_of(db, guild_id, user_id, roles=roles, defaults=at.defaults)
    facts = facts_of(
        db,
        at,
        limits,
        guild_id=guild_id,
        user_id=user_id,
        request=draft.request,
        upto=limits.server.jobs_per_user or SHOWN,
        upto_here=limits.server.jobs_per_server or 0,
    )
    return _Asked(limits=limits, facts=facts)


def _known(db: Database, asked: _Asked) -> Admitted | None:
    """What the request became before; None where it is new."""
    job = None if asked.facts.job_id is None else jobs.get(db, asked.facts.job_id)
    if job is None:
        return None
    others = batches.of(db, job.batch)[1:] if job.batch is not None else []
    return Admitted(job=job, created=False, others=tuple(others))


def _refused(db: Database, at: Moment, draft: Job, refused: Refused) -> Refused:
    """*refused* as it is shown; what moderators are to be told of it is written."""
    # Where one clip of several still fits, the budget is not used up.
    if refused.limit is Limit.BUDGET and draft.price > (refused.amount or 0) - refused.used:
        note_refused(db, at, draft.guild_id)
    return _shown(refused, at)


def _shown(refused: Refused, at: Moment) -> Refused:
    """*refused* with its time by the machine's clock."""
    if refused.frees_at is None:
        return refused
    return replace(refused, frees_at=at.on_the_wall(refused.frees_at))


def _judged(
    db: Database,
    at: Moment,
    drafts: Sequence[Job],
    asked: _Asked,
    *,
    roles: Collection[int],
    paced: bool,
) -> tuple[Lane, Standing] | Refused:
    """The lane of *drafts* and where their requester stands, or the limit that refuses them."""
    draft, clips, price = drafts[0], len(drafts), sum(each.price for each in drafts)
    server = asked.server
    refused = _forbidden(db, at, draft, asked) or _too_many(asked, at.now, paced=paced, clips=clips)
    if refused is not None:
        return replace(refused, clips=clips)
    stand = standing_by(at, asked.limits, asked.facts)
    lane = draft.lane
    refused = _over_quota(price, stand)
    # The slow lane is for a quota that is spent, not for one that allows nothing.
    if refused is not None and server.slow_lane and stand.rule.amount != 0:
        lane, refused = Lane.SLOW, None
    elif server.priority_roles & set(roles):
        lane = Lane.PRIORITY
    refused = refused or _over_budget(price, stand)
    refused = refused or _over_all(price, stand, at.defaults)
    return replace(refused, clips=clips) if refused is not None else (lane, stand)


def _forbidden(db: Database, at: Moment, draft: Job, asked: _Asked) -> Refused | None:
    if not at.defaults.serves(draft.guild_id):
        return Refused(limit=Limit.CLOSED, whose=Whose.DEFAULT)
    if asked.server.paused is not None:
        return Refused(limit=Limit.PAUSED, whose=Whose.SERVER, why=asked.server.paused)
    if asked.facts.blocked:
        block = db.execute(
            "SELECT why, until FROM block WHERE guild_id = ? AND user_id = ?",
            (draft.guild_id, draft.user_id),
        ).fetchone()
        return Refused(
            limit=Limit.BLOCKED, whose=Whose.USER, why=block["why"], frees_at=block["until"]
        )
    return None


def _too_many(asked: _Asked, now: float, *, paced: bool, clips: int) -> Refused | None:
    server, facts = asked.server, asked.facts
    if server.per_minute is not None and not paced:
        frees_at = _paid_at(facts, now) - (server.burst - 1) * 60 / server.per_minute
        if frees_at > now:
            return Refused(
                limit=Limit.PACE,
                whose=Whose.MEMBER,
                amount=server.per_minute,
                frees_at=frees_at,
            )
    for allowed, running, whose in (
        (server.jobs_per_user, facts.running, Whose.MEMBER),
        (server.jobs_per_server, facts.running_here, Whose.SERVER),
    ):
        if allowed is not None and running + clips > allowed:
            return Refused(limit=Limit.JOBS, whose=whose, amount=allowed, used=running)
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
    """The refusal of the operator's budget; `used` stays 0, as it is other servers' business."""
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


def _count(db: Database, draft: Job, asked: _Asked, now: float) -> None:
    """Count an order against its person's pace."""
    per_minute = asked.server.per_minute
    if per_minute is not None:
        db.execute(
            "INSERT INTO pace (guild_id, user_id, paid_at) VALUES (?, ?, ?)"
            " ON CONFLICT (guild_id, user_id) DO UPDATE SET paid_at = excluded.paid_at",
            (draft.guild_id, draft.user_id, _paid_at(asked.facts, now) + 60 / per_minute),
        )


def _taken(
    db: Database, at: Moment, drafts: Sequence[Job], stand: Standing, asked: _Asked, *, paced: bool
) -> Admitted:
    """Write the jobs, their reserves and their pace."""
    made = batches.insert_all(db, drafts)
    person_id = asked.facts.person_id
    if person_id is None:
        person_id = ledger.new_person(db, drafts[0].user_id)
    for job in made:
        stand = _reserved(db, at, job, stand, person_id, day=asked.facts.today.isoformat())
    note_reached(db, at, made[0].guild_id, stand)
    if not paced:
        _count(db, made[0], asked, at.now)
    return Admitted(job=made[0], created=True, others=tuple(made[1:]), standing=stand)


def _reserved(
    db: Database, at: Moment, job: Job, stand: Standing, person_id: int, *, day: str
) -> Standing:
    """Hold the price of *job*; where its requester stands after it."""
    house = job.price if job.lane is Lane.SLOW else 0
    mine = job.price - house
    quota = mine if stand.left is None else min(mine, stand.left)
    missing = mine - quota
    grants = _from_grants(db, at, job, missing) if missing else []
    ledger.reserve(
        db,
        job,
        person_id=person_id,
        day=day,
        quota=quota,
        grants=grants,
        house=house,
        at=at.now,
    )
    return replace(
        stand,
        used=stand.used + quota,
        left=None if stand.left is None else stand.left - quota,
        granted=stand.granted - missing,
        running=stand.running + 1,
        budget_used=stand.budget_used + job.price,
        budget_left=None if stand.budget_left is None else stand.budget_left - job.price,
        all_left=None if stand.all_left is None else stand.all_left - job.price,
    )


def _from_grants(db: Database, at: Moment, job: Job, amount: int) -> list[tuple[int, int]]:
    """The grants that *amount* is taken from, each with its part of it."""
    parts = []
    for number, left in grants_left(db, job.guild_id, job.user_id, at.now):
        if amount:
            parts.append((number, min(left, amount)))
            amount -= min(left, amount)
    return parts


def _paid_at(facts: Facts, now: float) -> float:
    """When the person's orders so far are paid for; never before now."""
    return now if facts.paid_at is None else max(now, facts.paid_at)
