"""Who may spend how much: decided in the transaction that creates the job."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from storage import batches, jobs, ledger
from storage.database import Database
from storage.defaults import Defaults, Moment
from storage.guilds import Server, server_of
from storage.job import Job, Lane
from storage.periods import Period, day_at, zone_named
from storage.quota.alarms import note_reached, note_refused
from storage.quota.rules import Whose
from storage.quota.standing import SHOWN, Standing, grants_left, running_of, standing_of


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

    def hold(self, db: Database, defaults: Defaults) -> bool:
        """Whether they still hold."""
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
    known = _known(db, drafts[0])
    if known is not None:
        return known
    if terms is not None and not terms.hold(db, at.defaults):
        return Changed()
    server = server_of(db, drafts[0].guild_id, at.defaults)
    found = _judged(db, at, drafts, server, roles=roles, paced=paced)
    if isinstance(found, Refused):
        return _refused(db, at, drafts[0], found)
    lane, stand = found
    return _taken(db, at, [replace(each, lane=lane) for each in drafts], stand, server, paced=paced)


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
    known = _known(db, draft)
    if known is not None:
        return known
    server = server_of(db, draft.guild_id, at.defaults)
    found = _judged(db, at, [draft] * clips, server, roles=roles, paced=False)
    if isinstance(found, Refused):
        return _refused(db, at, draft, found)
    if counts:
        _count(db, draft, server, at.now)
    return None


def outlook(db: Database, at: Moment, draft: Job, *, roles: Collection[int]) -> Refused | None:
    """Say which limit would refuse *draft* right now, if any. Nobody orders it: nothing is
    written, and no moderator is told."""
    server = server_of(db, draft.guild_id, at.defaults)
    found = _judged(db, at, [draft], server, roles=roles, paced=False)
    return _shown(found, at) if isinstance(found, Refused) else None


def _known(db: Database, draft: Job) -> Admitted | None:
    """What the request of *draft* became before; None where it is new."""
    job = jobs.requested(db, draft.request)
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
    server: Server,
    *,
    roles: Collection[int],
    paced: bool,
) -> tuple[Lane, Standing] | Refused:
    """The lane of *drafts* and where their requester stands, or the limit that refuses them."""
    draft, clips, price = drafts[0], len(drafts), sum(each.price for each in drafts)
    running = running_of(db, draft.guild_id, draft.user_id, upto=server.jobs_per_user or SHOWN)
    refused = _forbidden(db, at, draft, server) or _too_many(
        db, draft, server, running, at.now, paced=paced, clips=clips
    )
    if refused is not None:
        return replace(refused, clips=clips)
    stand = standing_of(
        db,
        at,
        guild_id=draft.guild_id,
        user_id=draft.user_id,
        roles=roles,
        server=server,
        running=running,
    )
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


def _forbidden(db: Database, at: Moment, draft: Job, server: Server) -> Refused | None:
    if not at.defaults.serves(draft.guild_id):
        return Refused(limit=Limit.CLOSED, whose=Whose.DEFAULT)
    if server.paused is not None:
        return Refused(limit=Limit.PAUSED, whose=Whose.SERVER, why=server.paused)
    block = db.execute(
        "SELECT why, until FROM block WHERE guild_id = ? AND user_id = ?"
        " AND (until IS NULL OR until > ?)",
        (draft.guild_id, draft.user_id, at.now),
    ).fetchone()
    if block is not None:
        return Refused(
            limit=Limit.BLOCKED, whose=Whose.USER, why=block["why"], frees_at=block["until"]
        )
    return None


def _too_many(
    db: Database, draft: Job, server: Server, running: int, now: float, *, paced: bool, clips: int
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
    if server.jobs_per_user is not None and running + clips > server.jobs_per_user:
        return Refused(
            limit=Limit.JOBS, whose=Whose.MEMBER, amount=server.jobs_per_user, used=running
        )
    if server.jobs_per_server is not None:
        running = running_of(db, draft.guild_id, None, upto=server.jobs_per_server)
        if running + clips > server.jobs_per_server:
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


def _count(db: Database, draft: Job, server: Server, now: float) -> None:
    """Count an order against its person's pace."""
    if server.per_minute is not None:
        db.execute(
            "INSERT INTO pace (guild_id, user_id, paid_at) VALUES (?, ?, ?)"
            " ON CONFLICT (guild_id, user_id) DO UPDATE SET paid_at = excluded.paid_at",
            (draft.guild_id, draft.user_id, _paid_at(db, draft, now) + 60 / server.per_minute),
        )


def _taken(
    db: Database, at: Moment, drafts: Sequence[Job], stand: Standing, server: Server, *, paced: bool
) -> Admitted:
    """Write the jobs, their reserves and their pace."""
    made = batches.insert_all(db, drafts)
    for job in made:
        stand = _reserved(db, at, job, stand, server)
    note_reached(db, at, made[0].guild_id, stand)
    if not paced:
        _count(db, made[0], server, at.now)
    return Admitted(job=made[0], created=True, others=tuple(made[1:]), standing=stand)


def _reserved(db: Database, at: Moment, job: Job, stand: Standing, server: Server) -> Standing:
    """Hold the price of *job*; where its requester stands after it."""
    house = job.price if job.lane is Lane.SLOW else 0
    mine = job.price - house
    quota = mine if stand.left is None else min(mine, stand.left)
    grants, missing = [], mine - quota
    for number, left in grants_left(db, job.guild_id, job.user_id, at.now):
        if missing:
            grants.append((number, min(left, missing)))
            missing -= min(left, missing)
    ledger.reserve(
        db,
        job,
        person_id=ledger.person(db, job.user_id),
        day=day_at(at.now, zone_named(server.zone)).isoformat(),
        quota=quota,
        grants=grants,
        house=house,
        at=at.now,
    )
    return replace(
        stand,
        used=stand.used + quota,
        left=None if stand.left is None else stand.left - quota,
        granted=stand.granted - (mine - quota),
        running=stand.running + 1,
        budget_used=stand.budget_used + job.price,
        budget_left=None if stand.budget_left is None else stand.budget_left - job.price,
        all_left=None if stand.all_left is None else stand.all_left - job.price,
    )


def _paid_at(db: Database, draft: Job, now: float) -> float:
    """When the person's orders so far are paid for; never before now."""
    row = db.execute(
        "SELECT paid_at FROM pace WHERE guild_id = ? AND user_id = ?",
        (draft.guild_id, draft.user_id),
    ).fetchone()
    return now if row is None else max(now, float(row[0]))
