"""The figures of monitoring are the events' and the ledger's, read once each, in pieces."""

import pytest

from storage import Defaults, Flow, State
from tests.rig.drafts import NEEDS, advance, draft
from tests.rig.engines import open_store

NOW = 1.8e9
MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
async def store(tmp_path):
    limits = Defaults(jobs_per_user=None, per_minute=None)
    async with open_store(tmp_path, defaults=limits, wall=lambda: NOW) as opened:
        yield opened


async def ordered(store, number=1, **changes):
    changes = {"created_at": 1000.0, "since": 1000.0, **changes}
    return (await store.policy.admit(draft(number, **changes), roles=())).job


async def test_each_move_is_told_once_with_how_long_the_state_before_lasted(store):
    before = await store.figures.mark()
    job = await ordered(store)
    job = await advance(store.jobs, job, State.SUBMITTING, start=job.since + 7)
    failed = job.to(State.FAILED, now=job.since + 3, **NEEDS[State.FAILED])
    await store.jobs.save(failed)
    news = await store.figures.news(before)
    assert [(each.before, each.after) for each in news.moves] == [
        (None, State.QUEUED),
        (State.QUEUED, State.SUBMITTING),
        (State.SUBMITTING, State.FAILED),
    ]
    assert [each.took for each in news.moves][1:] == [7.0, 3.0]
    assert news.moves[-1].failure == "refused"
    assert news.whole
    assert (await store.figures.news(news.mark)).moves == []


async def test_pieces_hold_what_the_whole_does(store):
    before = await store.figures.mark()
    for number in range(5):
        await advance(store.jobs, await ordered(store, number), *MADE, start=2000.0)
    whole = await store.figures.news(before)
    moves, flows, mark, pieces, done = [], [], before, 0, False
    while not done:
        piece = await store.figures.news(mark, piece=4)
        assert len(piece.moves) <= 4
        moves += piece.moves
        flows += piece.flows
        mark, done, pieces = piece.mark, piece.whole, pieces + 1
    assert (moves, flows, mark) == (whole.moves, whole.flows, whole.mark)
    assert len(moves) == 5 * 6
    assert pieces > 5


async def test_credits_are_told_as_the_ledger_moved_them(store):
    before = await store.figures.mark()
    made = await ordered(store)
    await ordered(store, 2)
    assert await store.figures.held() == 10
    await advance(store.jobs, made, *MADE)
    news = await store.figures.news(before)
    held = Flow(provider="local", source="pool", target="held", amount=5)
    spent = Flow(provider="local", source="held", target="spent", amount=5)
    assert news.flows == [held, held, spent]
    assert await store.figures.held() == 5, "what has ended holds nothing"


async def test_what_came_late_holds_nothing_though_it_is_under_way(store):
    job = await advance(store.jobs, await ordered(store), State.SUBMITTING, State.RENDERING)
    job = await store.jobs.save(job.to(State.EXPIRED, now=3000.0, **NEEDS[State.EXPIRED]))
    assert await store.figures.held() == 0
    await store.jobs.save(job.to(State.FETCHING, now=4000.0, **NEEDS[State.FETCHING]))
    assert await store.figures.held() == 0
    assert [(each.state, each.count) for each in await store.figures.live_jobs()] == [
        (State.FETCHING, 1)
    ]


async def test_live_jobs_are_counted_and_the_oldest_is_dated(store):
    first = await ordered(store, since=1000.0)
    await ordered(store, 2, since=1500.0)
    await ordered(store, 3, provider="other")
    await advance(store.jobs, await ordered(store, 4), *MADE)
    found = {(each.provider, each.state): each for each in await store.figures.live_jobs()}
    assert set(found) == {("local", State.QUEUED), ("other", State.QUEUED)}
    assert found["local", State.QUEUED].count == 2
    assert found["local", State.QUEUED].since == first.since
    assert found["local", State.QUEUED].oldest == first.id


async def test_a_servers_budget_is_its_own(store):
    await ordered(store)
    await ordered(store, 2, guild_id=11)
    found = await store.figures.budgets([10, 12])
    assert [(each.guild_id, each.used, each.amount) for each in found] == [
        (10, 5, 2000),
        (12, 0, 2000),
    ]
