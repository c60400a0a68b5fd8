"""Which limit says no, whose it is, when it frees, and what would fit.

One file: limits meet in one decision, so each is tried where the others stand beside it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from storage import (
    NO_LIMIT,
    Admitted,
    Alarm,
    By,
    Defaults,
    Limit,
    Period,
    Refused,
    State,
    Store,
    Total,
    Whose,
)
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store
from tests.rig.proving import Proof, scaled

NOON = 1_800_014_400.0  #: Friday 2027-01-15, 12:00 UTC
DAY = 86_400.0
BY = By(guild_id=10, actor_id=1, why="because")
OPEN = Defaults(amount=None, budget=None, jobs_per_user=None, jobs_per_server=None, per_minute=None)


@dataclass
class Time:
    """A wall clock and ticks that a test turns."""

    wall: float = NOON
    ticks: float = 0.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.ticks += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def opened(tmp_path: Path, time: Time) -> Callable[..., AbstractAsyncContextManager[Store]]:
    return lambda defaults=None: open_store(
        tmp_path, defaults=defaults, wall=lambda: time.wall, ticks=lambda: time.ticks
    )


@pytest.fixture
async def store(
    opened: Callable[..., AbstractAsyncContextManager[Store]],
) -> AsyncGenerator[Store]:
    async with opened(OPEN) as store:
        yield store
        assert await store.check(thorough=True) == []


numbers = iter(range(10**9))


async def order(store: Store, *, roles: Any = (), **changes: Any) -> Admitted | Refused:
    return await store.policy.admit(draft(next(numbers), **changes), roles=roles)


async def accepted(store: Store, *, roles: Any = (), **changes: Any) -> Admitted:
    answer = await order(store, roles=roles, **changes)
    assert isinstance(answer, Admitted), answer
    return answer


# A server where nobody has set anything.


async def test_a_server_without_settings_works_and_is_protected(
    opened: Callable[..., AbstractAsyncContextManager[Store]], time: Time
) -> None:
    async with opened() as store:
        answer = await accepted(store, price=100)
        assert answer.standing is not None
        assert answer.standing.rule.whose is Whose.DEFAULT
        assert (answer.standing.used, answer.standing.left) == (100, 400)
        assert answer.standing.resets_at == NOON + DAY / 2
        refused = await order(store, price=500)
        assert refused == Refused(
            limit=Limit.QUOTA,
            whose=Whose.DEFAULT,
            amount=500,
            used=100,
            period=Period.DAY,
            frees_at=NOON + DAY / 2,
            would_fit=400,
        )
        await accepted(store, price=400)
        await accepted(store, price=0)  # what costs nothing is never too much
        at_once = await order(store, price=0)
        assert isinstance(at_once, Refused)
        assert at_once.limit is Limit.PACE
        time.passes(60)
        at_once = await order(store, price=0)
        assert isinstance(at_once, Refused)
        assert (at_once.limit, at_once.amount, at_once.used) == (Limit.JOBS, 3, 3)


# Quotas.


async def test_a_rule_of_ones_own_comes_before_the_roles_and_that_before_the_members(
    store: Store,
) -> None:
    rules = store.moderation
    await rules.set_rule(BY, Whose.MEMBER, 10, Period.DAY)
    await rules.set_rule(BY, Whose.ROLE, 20, Period.WEEK, role_id=7)
    await rules.set_rule(BY, Whose.ROLE, 30, Period.MONTH, role_id=8)
    await rules.set_rule(BY, Whose.USER, 5, Period.DAY, user_id=31)

    async def rule(user: int, *roles: int) -> tuple[Whose, int | None, int | None]:
        found = (await store.policy.standing(guild_id=10, user_id=user, roles=roles)).rule
        return found.whose, found.amount, found.role_id

    assert await rule(30) == (Whose.MEMBER, 10, None)
    assert await rule(30, 7) == (Whose.ROLE, 20, 7)
    assert await rule(30, 7, 8) == (Whose.ROLE, 30, 8)
    assert await rule(31, 7, 8) == (Whose.USER, 5, None)
    refused = await order(store, roles=(7, 8), price=31)
    assert isinstance(refused, Refused)
    assert (refused.limit, refused.whose, refused.role_id) == (Limit.QUOTA, Whose.ROLE, 8)
    assert refused.frees_at is None  # no period allows that much
    await rules.set_rule(BY, Whose.ROLE, None, Period.DAY, role_id=7)  # no limit is the best
    assert await rule(30, 7, 8) == (Whose.ROLE, None, 7)
    assert await rules.remove_rule(BY, Whose.USER, user_id=31)
    assert not await rules.remove_rule(BY, Whose.USER, user_id=31)
    assert await rule(31) == (Whose.MEMBER, 10, None)


async def test_of_two_roles_the_one_that_frees_first_says_when(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.ROLE, 10, Period.DAY, role_id=7)
    await store.moderation.set_rule(BY, Whose.ROLE, 13, Period.MONTH, role_id=8)
    await accepted(store, roles=(7, 8), price=10)
    refused = await order(store, roles=(7, 8), price=5)
    assert isinstance(refused, Refused)
    assert (refused.role_id, refused.would_fit) == (8, 3)
    assert refused.frees_at == NOON + DAY / 2


async def test_a_quota_begins_anew_at_the_servers_own_midnight(store: Store, time: Time) -> None:
    await store.moderation.set_server(BY, zone="America/New_York")
    await store.moderation.set_rule(BY, Whose.MEMBER, 5, Period.DAY)
    await accepted(store)
    refused = await order(store)
    assert isinstance(refused, Refused)
    assert refused.frees_at == NOON + 17 * 3600  # 05:00 UTC
    time.passes(17 * 3600 - 1)
    assert isinstance(await order(store), Refused)
    time.passes(1)
    await accepted(store)


async def test_quotas_are_the_servers_and_the_persons_own(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.MEMBER, 5, Period.DAY)
    await accepted(store)
    await accepted(store, user_id=31)
    await accepted(store, guild_id=11)
    assert isinstance(await order(store), Refused)


async def test_a_week_begins_on_monday_and_a_month_on_its_first(store: Store, time: Time) -> None:
    for period, seconds in ((Period.WEEK, 2.5 * DAY), (Period.MONTH, 16.5 * DAY)):
        await store.moderation.set_rule(BY, Whose.USER, 5, period, user_id=30)
        await store.moderation.reset(BY, 30)
        await accepted(store)
        refused = await order(store)
        assert isinstance(refused, Refused)
        assert refused.frees_at == NOON + seconds


async def test_what_is_given_back_can_be_spent_again(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.MEMBER, 5, Period.DAY)
    first = await accepted(store)
    assert isinstance(await order(store), Refused)
    await advance(store.jobs, first.job, State.CANCELLED)
    await accepted(store)


async def test_a_reset_gives_one_quota_and_no_more(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.MEMBER, 5, Period.DAY)
    first = await accepted(store)
    assert await store.moderation.reset(BY, 30) == 5
    await accepted(store)
    assert isinstance(await order(store), Refused)
    # The job that was forgiven costs nothing after all: there is nothing to forgive any more.
    await advance(store.jobs, first.job, State.CANCELLED)
    assert isinstance(await order(store), Refused)


async def test_what_a_job_after_a_reset_gives_back_is_not_lost(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.MEMBER, 5, Period.DAY)
    await accepted(store)
    await store.moderation.reset(BY, 30)
    second = await accepted(store)
    await advance(store.jobs, second.job, State.CANCELLED)
    await accepted(store)
    assert isinstance(await order(store), Refused)


async def test_a_grant_counts_until_it_expires(store: Store, time: Time) -> None:
    await store.moderation.set_rule(BY, Whose.MEMBER, 0, Period.DAY)
    await store.moderation.grant(BY, 30, 10, lasts=100.0)
    answer = await accepted(store)
    assert answer.standing is not None
    assert (answer.standing.left, answer.standing.granted) == (0, 5)
    time.passes(100)
    refused = await order(store)
    assert isinstance(refused, Refused)
    assert (refused.limit, refused.would_fit) == (Limit.QUOTA, 0)


# The server's budget.


async def test_the_budget_is_everybodys_together(store: Store, time: Time) -> None:
    await store.moderation.set_rule(BY, Whose.SERVER, 12, Period.MONTH)
    await accepted(store, user_id=1)
    await accepted(store, user_id=2)
    refused = await order(store, user_id=3)
    assert refused == Refused(
        limit=Limit.BUDGET,
        whose=Whose.SERVER,
        amount=12,
        used=10,
        period=Period.MONTH,
        frees_at=NOON + 16.5 * DAY,
        would_fit=2,
    )
    await accepted(store, user_id=3, guild_id=11)


async def test_all_servers_together_have_one_more_budget_that_no_moderator_opens(
    opened: Callable[..., AbstractAsyncContextManager[Store]], time: Time
) -> None:
    async with opened(replace(OPEN, budget_all=12, zone="Asia/Kathmandu")) as store:
        assert (await accepted(store, guild_id=10)).standing.all_left == 7  # type: ignore[union-attr]
        await accepted(store, guild_id=11)
        await store.moderation.set_server(replace(BY, guild_id=12), zone="Pacific/Auckland")
        await store.moderation.resume(replace(BY, guild_id=12), past_budget=True)
        refused = await order(store, guild_id=12)  # where another day has begun
        anew = NOON + (12 - 5.75) * 3600  # midnight in Kathmandu
        assert refused == Refused(
            limit=Limit.ALL,
            whose=Whose.DEFAULT,
            amount=12,
            period=Period.DAY,
            frees_at=anew,
            would_fit=2,
        )
        assert (await store.policy.standing(guild_id=12, user_id=1, roles=())).fits == 2
        assert await store.policy.total() == Total(
            amount=12, used=10, period=Period.DAY, resets_at=anew
        )
        never = await order(store, price=13)
        assert isinstance(never, Refused)
        assert (never.limit, never.frees_at) == (Limit.ALL, None)
        await accepted(store, price=2)
        await accepted(store, price=0)
        time.passes(anew - NOON)
        await accepted(store, price=12, guild_id=12)
        assert isinstance(await order(store, price=1), Refused)


async def test_what_is_given_back_may_be_spent_by_another_server(
    opened: Callable[..., AbstractAsyncContextManager[Store]], time: Time
) -> None:
    async with opened(replace(OPEN, budget_all=10, budget_all_period=Period.MONTH)) as store:
        job = (await accepted(store, price=10)).job
        assert isinstance(await order(store, guild_id=11), Refused)
        await store.jobs.save(job.to(State.CANCELLED, now=time.wall))
        lost = (await accepted(store, guild_id=11, price=6)).job
        lost = await advance(store.jobs, lost, State.SUBMITTING, State.RENDERING)
        failed = lost.to(State.FAILED, now=time.wall, error="It broke.", billed="unknown")
        await store.jobs.save(failed)  # in suspense: it may have cost all of it
        total = await store.policy.total()
        assert total is not None
        assert (total.used, total.left) == (6, 4)
        time.passes(17 * DAY)  # into the next month: what is cleared counts where it was ordered
        await store.moderation.clear(replace(BY, guild_id=11), lost.id, 1, billed=False)
        await accepted(store, price=10)
        assert await store.check(thorough=True) == []


async def test_of_two_hundred_at_once_in_two_hundred_servers_exactly_one_is_taken(
    opened: Callable[..., AbstractAsyncContextManager[Store]], time: Time
) -> None:
    async with opened(replace(OPEN, budget_all=5)) as store:
        for _ in range(10):
            answers = await asyncio.gather(
                *(order(store, guild_id=n, user_id=n) for n in range(1, AT_ONCE + 1))
            )
            refused = [each for each in answers if isinstance(each, Refused)]
            assert len(refused) == AT_ONCE - 1
            assert {each.limit for each in refused} == {Limit.ALL}
            time.passes(DAY)


async def test_the_operator_may_name_the_only_servers(
    opened: Callable[..., AbstractAsyncContextManager[Store]],
) -> None:
    async with opened(replace(OPEN, servers=frozenset({10, 12}))) as store:
        await accepted(store, guild_id=10)
        refused = await order(store, guild_id=11, price=0)
        assert refused == Refused(limit=Limit.CLOSED, whose=Whose.DEFAULT)
        assert [store.policy.serves(guild) for guild in (10, 11, 12)] == [True, False, True]


async def test_a_used_up_budget_is_opened_with_one_word_for_this_period_only(
    store: Store, time: Time
) -> None:
    await store.moderation.set_rule(BY, Whose.SERVER, 5, Period.DAY)
    await accepted(store)
    assert isinstance(await order(store), Refused)
    await store.moderation.resume(BY)
    await accepted(store)
    time.passes(DAY)
    await accepted(store)
    assert isinstance(await order(store), Refused)


async def rung(store: Store) -> Alarm:
    """The alarm that is due."""
    due = await store.moderation.alarm(10)
    assert due is not None
    return due


async def test_the_budgets_alarms_ring_once_a_period(store: Store, time: Time) -> None:
    await store.moderation.set_rule(BY, Whose.SERVER, 10, Period.DAY)
    heard = []
    for price in (7, 1, 1, 1, 0):
        await accepted(store, price=price)
        due = await store.moderation.alarm(10)
        heard.append(due and (due.percent, due.used))
        if due is not None:
            await store.moderation.alarm_told(due)
    assert heard == [None, (80, 8), None, (100, 10), None]
    time.passes(DAY)
    await accepted(store, price=8)
    assert (await rung(store)).percent == 80


async def test_a_period_that_began_meanwhile_has_reached_nothing(store: Store, time: Time) -> None:
    await store.moderation.set_rule(BY, Whose.SERVER, 10, Period.DAY)
    await accepted(store, price=10)
    due = await rung(store)
    time.passes(DAY)
    await accepted(store, price=8)
    await store.moderation.alarm_told(due)  # they read of the day before
    assert not await store.moderation.budget_reached(10)
    assert (await rung(store)).percent == 80
    await store.moderation.alarm_told(await rung(store))
    time.passes(DAY)
    assert await store.moderation.alarm(10) is None
    assert await store.moderation.alarms(10) == {}


async def test_an_alarm_is_due_until_somebody_was_told(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.SERVER, 10, Period.DAY)
    await accepted(store, price=7)
    asked = draft(next(numbers), price=4)
    assert await store.policy.outlook(asked, roles=()) is not None
    assert await store.moderation.untold() == [], "nobody ordered it"
    for tried in (store.policy.admit(asked, roles=()), attempted(store, price=4)):
        assert isinstance(await tried, Refused)
        assert await store.moderation.alarms(10) == {100: False}, "all of it counts as reached"
        assert (await rung(store)).percent == 100
    assert await store.moderation.untold() == [10]
    assert await store.moderation.budget_reached(10)
    await store.moderation.alarm_told(await rung(store))
    assert isinstance(await attempted(store, price=4), Refused)
    assert await store.moderation.alarm(10) is None
    assert await store.moderation.untold() == []
    await accepted(store, price=1)
    assert await store.moderation.alarm(10) is None, "100 says more than 80"


async def test_another_budget_has_alarms_of_its_own(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.SERVER, 10, Period.DAY)
    await accepted(store, price=10)
    due = await rung(store)
    assert due.percent == 100
    await store.moderation.alarm_told(due)
    assert await store.moderation.budget_reached(10)
    await store.moderation.set_rule(BY, Whose.SERVER, 20, Period.DAY)
    assert not await store.moderation.budget_reached(10)
    await accepted(store, price=7)
    assert (await rung(store)).percent == 80


async def test_whoever_was_told_of_one_budget_was_not_told_of_the_next(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.SERVER, 10, Period.DAY)
    await accepted(store, price=10)
    due = await rung(store)
    await store.moderation.set_rule(BY, Whose.SERVER, 20, Period.DAY)
    await store.moderation.alarm_told(due)  # they read of the one before
    assert await store.moderation.alarm(10) is None
    assert not await store.moderation.budget_reached(10)
    await accepted(store, price=10)
    await store.moderation.alarm_told(due)
    assert (await rung(store)).percent == 100
    await store.moderation.alarm_told(await rung(store))
    assert await store.moderation.alarm(10) is None


# The other limits.


async def test_a_paused_server_says_why(store: Store) -> None:
    await store.moderation.pause(replace(BY, why="moving house"))
    refused = await order(store)
    assert refused == Refused(limit=Limit.PAUSED, whose=Whose.SERVER, why="moving house")
    await accepted(store, guild_id=11)
    await store.moderation.resume(BY)
    await accepted(store)


async def test_a_limit_is_taken_away_and_taken_back(opened: Any) -> None:
    async with opened(Defaults(jobs_per_user=1, per_minute=1.0, burst=1)) as store:
        await accepted(store)
        assert isinstance(await order(store), Refused)
        await store.moderation.set_server(BY, jobs_per_user=NO_LIMIT, per_minute=NO_LIMIT)
        for _ in range(5):
            await accepted(store, price=1)
        server = await store.moderation.set_server(BY, jobs_per_user=3)
        assert (server.jobs_per_user, server.per_minute) == (3, None)
        assert isinstance(await order(store, price=1), Refused)
        server = await store.moderation.set_server(BY, jobs_per_user=None, per_minute=None)
        assert (server.jobs_per_user, server.per_minute) == (1, 1.0)
        [line, *_] = await store.moderation.audit(10)
        assert line.before == {"jobs_per_user": 3, "per_minute": "unlimited"}


async def test_a_grant_that_was_withdrawn_pays_nothing_more(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.MEMBER, 0, Period.DAY)
    first = await store.moderation.grant(BY, 30, 8)
    await store.moderation.grant(BY, 31, 8)
    held = await accepted(store, price=5)
    assert await store.moderation.withdraw(BY, 31, first.id) == [], "somebody else's"
    assert await store.moderation.withdraw(replace(BY, guild_id=11), 30) == [], "another server's"
    [gone] = await store.moderation.withdraw(BY, 30)
    assert (gone.id, gone.left) == (first.id, 3)
    assert isinstance(await order(store, price=1), Refused)
    await advance(store.jobs, held.job, State.SUBMITTING, State.FAILED)
    assert isinstance(await order(store, price=1), Refused), "what comes back went with the grant"
    await accepted(store, price=5, user_id=31)


async def test_a_block_holds_until_its_end_or_a_moderator(store: Store, time: Time) -> None:
    await store.moderation.block(replace(BY, why="spam"), 30, lasts=60)
    await store.moderation.block(BY, 31)
    refused = await order(store)
    assert refused == Refused(limit=Limit.BLOCKED, whose=Whose.USER, why="spam", frees_at=NOON + 60)
    assert [each.user_id for each in await store.moderation.blocks(10)] == [30, 31]
    time.passes(60)
    await accepted(store)
    assert isinstance(await order(store, user_id=31), Refused)
    assert [each.user_id for each in await store.moderation.blocks(10)] == [31]
    assert await store.moderation.unblock(BY, 31)
    assert not await store.moderation.unblock(BY, 31)
    await accepted(store, user_id=31)


async def test_only_jobs_at_work_count_against_how_many_at_once(store: Store) -> None:
    await store.moderation.set_server(BY, jobs_per_user=1, jobs_per_server=2)
    first = await accepted(store)
    refused = await order(store)
    assert refused == Refused(limit=Limit.JOBS, whose=Whose.MEMBER, amount=1, used=1)
    await accepted(store, user_id=31)
    refused = await order(store, user_id=32)
    assert refused == Refused(limit=Limit.JOBS, whose=Whose.SERVER, amount=2, used=2)
    # An unclear job waits for a moderator: its person need not.
    await advance(store.jobs, first.job, State.SUBMITTING, State.UNCLEAR)
    await accepted(store)


async def test_orders_come_at_most_at_the_allowed_pace(store: Store, time: Time) -> None:
    await store.moderation.set_server(BY, per_minute=6, burst=3)
    taken: list[float] = []
    for _ in range(600):
        time.passes(0.5)
        answer = await order(store)
        if isinstance(answer, Admitted):
            taken.append(time.wall)
        else:
            assert answer.limit is Limit.PACE
            assert answer.frees_at is not None
            assert time.wall < answer.frees_at <= time.wall + 10
    assert len(taken) == 3 + 29  # a burst, then one every ten seconds
    for index, begin in enumerate(taken):
        for count, finish in enumerate(taken[index:], start=1):
            assert count <= 3 + (finish - begin) / 10 + 1e-9


async def attempted(store: Store, *, counts: bool = True, **changes: Any) -> Any:
    return await store.policy.attempt(draft(next(numbers), **changes), roles=(), counts=counts)


async def test_an_attempt_counts_against_the_pace_once_and_holds_nothing(
    store: Store, time: Time
) -> None:
    await store.moderation.set_server(BY, per_minute=1, burst=1)
    assert await attempted(store, counts=False) is None
    assert await attempted(store) is None
    refused = await attempted(store)
    assert isinstance(refused, Refused)
    assert (refused.limit, refused.frees_at) == (Limit.PACE, NOON + 60)
    asked = draft(next(numbers))
    answer = await store.policy.admit(asked, roles=(), paced=True)
    assert isinstance(answer, Admitted), "the attempt has counted"
    again = await store.policy.attempt(asked, roles=(), counts=True)
    assert again == Admitted(job=answer.job, created=False)
    stand = await store.policy.standing(guild_id=10, user_id=30, roles=())
    assert (stand.used, stand.running) == (5, 1), "only the order holds something"


@pytest.mark.parametrize(
    ("setting", "limit"),
    [
        (lambda s: s.moderation.pause(BY), Limit.PAUSED),
        (lambda s: s.moderation.block(BY, 30), Limit.BLOCKED),
        (lambda s: s.moderation.set_rule(BY, Whose.MEMBER, 4, Period.DAY), Limit.QUOTA),
        (lambda s: s.moderation.set_rule(BY, Whose.SERVER, 4, Period.DAY), Limit.BUDGET),
    ],
    ids=["paused", "blocked", "quota", "budget"],
)
async def test_an_attempt_is_refused_by_what_would_refuse_the_order(
    store: Store, setting: Callable[[Store], Awaitable[object]], limit: Limit
) -> None:
    await setting(store)
    refused, ordered = await attempted(store), await order(store)
    assert isinstance(refused, Refused)
    assert refused.limit is limit
    assert refused == ordered


async def test_times_are_told_by_the_clock_that_people_see(store: Store, time: Time) -> None:
    await store.moderation.block(BY, 30, lasts=60.0)
    time.wall += 3 * 3600  # somebody set the machine's clock
    refused = await order(store)
    assert isinstance(refused, Refused)
    assert refused.frees_at == NOON + 3 * 3600 + 60
    stand = await store.policy.standing(guild_id=10, user_id=30, roles=())
    assert stand.resets_at == stand.budget_resets_at == NOON + 3 * 3600 + DAY / 2
    tried = await attempted(store)
    assert tried.frees_at == refused.frees_at


async def test_the_rules_of_a_server_are_listed_and_removed_one_by_one(store: Store) -> None:
    moderation = store.moderation
    await moderation.set_rule(BY, Whose.USER, 5, Period.DAY, user_id=30)
    await moderation.set_rule(BY, Whose.ROLE, None, Period.WEEK, role_id=7)
    await moderation.set_rule(BY, Whose.MEMBER, 3, Period.MONTH)
    assert [
        (target, rule.whose, rule.amount, rule.period, rule.role_id)
        for target, rule in await moderation.rules(10)
    ] == [
        (0, Whose.MEMBER, 3, Period.MONTH, None),
        (7, Whose.ROLE, None, Period.WEEK, 7),
        (30, Whose.USER, 5, Period.DAY, None),
    ]
    assert await moderation.rules(11) == []
    assert await moderation.remove_rule(BY, Whose.ROLE, role_id=7)
    assert not await moderation.remove_rule(BY, Whose.ROLE, role_id=7)
    assert [target for target, _ in await moderation.rules(10)] == [0, 30]


@pytest.mark.parametrize("whose", [Whose.USER, Whose.ROLE, Whose.DEFAULT])
async def test_a_rule_for_nobody_in_particular_is_not_made(store: Store, whose: Whose) -> None:
    with pytest.raises(ValueError, match="needs whom it is for"):
        await store.moderation.set_rule(BY, whose, 5, Period.DAY)
    assert await store.moderation.rules(10) == []
    assert await store.moderation.audit(10) == []


async def test_a_setting_that_is_refused_changes_no_other(store: Store) -> None:
    before = await store.policy.server(10)
    with pytest.raises(ValueError, match="There is no time zone"):
        await store.moderation.set_server(BY, jobs_per_user=9, zone="Mars/Olympus")
    assert await store.policy.server(10) == before
    assert await store.moderation.audit(10) == []


async def test_grants_are_listed_with_what_is_left_and_how_they_ended(
    store: Store, time: Time
) -> None:
    await store.moderation.set_rule(BY, Whose.MEMBER, 0, Period.DAY)
    short = await store.moderation.grant(BY, 30, 4, lasts=60.0)
    long = await store.moderation.grant(BY, 30, 6)
    other = await store.moderation.grant(BY, 31, 1)
    await accepted(store, price=5)  # the one that expires first pays first
    listed = await store.moderation.grants(10, user_id=30)
    assert [(each.id, each.left) for each in listed] == [(long.id, 5), (short.id, 0)]
    time.passes(61)
    [taken] = await store.moderation.withdraw(BY, 30)
    assert (taken.id, taken.left) == (long.id, 5)
    assert await store.moderation.withdraw(BY, 30) == []
    found = {each.id: each for each in await store.moderation.grants(10)}
    assert {n: (each.left, each.ended, each.withdrawn) for n, each in found.items()} == {
        short.id: (0, True, False),
        long.id: (0, True, True),
        other.id: (1, False, False),
    }


async def test_a_quicker_pace_need_not_wait_for_the_slower_one(store: Store, time: Time) -> None:
    await store.moderation.set_server(BY, per_minute=0.001, burst=1)
    await accepted(store)
    await store.moderation.set_server(BY, per_minute=60, burst=2)
    time.passes(1)
    await accepted(store)


async def test_the_same_request_twice_is_taken_once_whatever_the_limits(store: Store) -> None:
    await store.moderation.set_server(BY, jobs_per_user=1)
    first = await store.policy.admit(draft(-1), roles=())
    again = await store.policy.admit(draft(-1), roles=())
    assert isinstance(first, Admitted)
    assert again == Admitted(job=first.job, created=False)


async def test_an_unknown_time_zone_is_a_sentence(store: Store) -> None:
    for name in ("Paris", "../../etc/passwd", "", "Europe/" + "x" * 500):
        with pytest.raises(ValueError, match="There is no time zone"):
            await store.moderation.set_server(BY, zone=name)
    assert (await store.policy.server(10)).zone == "UTC"


async def test_every_change_is_written_down_with_who_when_and_why(store: Store) -> None:
    await store.moderation.set_rule(BY, Whose.ROLE, 10, Period.DAY, role_id=7)
    await store.moderation.set_rule(BY, Whose.ROLE, 12, Period.WEEK, role_id=7)
    await store.moderation.grant(replace(BY, why="for the demo"), 30, 4)
    await store.moderation.set_server(BY, zone="Europe/Paris")
    await store.moderation.block(replace(BY, guild_id=11), 30)
    changes = await store.moderation.audit(10)
    assert [each.what for each in changes] == ["server", "grant", "rule", "rule"]
    grant, rule = changes[1], changes[2]
    assert (grant.actor_id, grant.user_id, grant.why, grant.at) == (1, 30, "for the demo", NOON)
    assert grant.after == {"amount": 4, "expires_at": None}
    assert (rule.role_id, rule.before) == (7, {"amount": 10, "period": "day"})
    assert rule.after == {"amount": 12, "period": "week"}
    assert await store.moderation.audit(10, limit=1, before=changes[1].seq) == [rule]


async def test_clocks_that_jump_free_nobody_and_freeze_nobody(
    opened: Callable[..., AbstractAsyncContextManager[Store]], time: Time
) -> None:
    defaults = replace(OPEN, amount=5)
    async with opened(defaults) as store:
        await accepted(store)
        for jump in (DAY, -2 * DAY, 3650 * DAY):
            time.wall += jump
            refused = await order(store)
            assert isinstance(refused, Refused)
            assert refused.frees_at == time.wall + DAY / 2  # told by the wall it will be read by
    time.wall = NOON - 365 * DAY  # back before the start, and a restart
    async with opened(defaults) as store:
        assert isinstance(await order(store), Refused)
        time.passes(DAY / 2)
        await accepted(store)
    time.wall = NOON + 3650 * DAY  # ten years ahead, and a restart
    async with opened(defaults) as store:
        await accepted(store)
    time.wall = NOON + DAY  # and right again: at most thirty days were believed
    async with opened(defaults) as store:
        assert isinstance(await order(store), Refused)
        time.passes(DAY)
        await accepted(store)


# Races.

ROUNDS, AT_ONCE = scaled(10, 100), 200

Setting = Callable[[Store, By], Awaitable[object]]
KINDS: dict[str, tuple[Setting, dict[str, Any], Limit]] = {
    "my quota": (
        lambda s, by: s.moderation.set_rule(by, Whose.USER, 5, Period.DAY, user_id=30),
        {},
        Limit.QUOTA,
    ),
    "my role's quota": (
        lambda s, by: s.moderation.set_rule(by, Whose.ROLE, 5, Period.WEEK, role_id=7),
        {},
        Limit.QUOTA,
    ),
    "the members' quota": (
        lambda s, by: s.moderation.set_rule(by, Whose.MEMBER, 5, Period.MONTH),
        {},
        Limit.QUOTA,
    ),
    "a grant": (
        lambda s, by: asyncio.gather(
            s.moderation.set_rule(by, Whose.MEMBER, 0, Period.DAY), s.moderation.grant(by, 30, 5)
        ),
        {},
        Limit.QUOTA,
    ),
    "the server's budget": (
        lambda s, by: s.moderation.set_rule(by, Whose.SERVER, 5, Period.DAY),
        {"many": True},
        Limit.BUDGET,
    ),
    "jobs at once of a person": (
        lambda s, by: s.moderation.set_server(by, jobs_per_user=1),
        {},
        Limit.JOBS,
    ),
    "jobs at once of the server": (
        lambda s, by: s.moderation.set_server(by, jobs_per_server=1),
        {"many": True},
        Limit.JOBS,
    ),
    "pace": (
        lambda s, by: s.moderation.set_server(by, per_minute=1, burst=1),
        {},
        Limit.PACE,
    ),
}


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
async def test_of_two_hundred_at_once_exactly_one_is_taken(
    store: Store, kind: str, proof: Proof
) -> None:
    set_up, options, limit = KINDS[kind]
    for guild in range(1, ROUNDS + 1):
        await set_up(store, replace(BY, guild_id=guild))
        answers = await asyncio.gather(
            *(
                order(store, guild_id=guild, user_id=30 + n * ("many" in options), roles=(7,))
                for n in range(AT_ONCE)
            )
        )
        refused = [each for each in answers if isinstance(each, Refused)]
        assert len(refused) == AT_ONCE - 1
        assert {each.limit for each in refused} == {limit}
    proof.tried(ROUNDS, f"rounds of {AT_ONCE} orders at once", usual=10, independent=True)
