"""Every figure of a report, however it is cut, is what the jobs and the ledger say."""

import asyncio
import csv
import io
import json
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.media import charts
from bot.moderation import tables
from bot.moderation.limits import Report
from storage import MADE, UNMADE, By, Defaults, State, Whose, open_store
from storage.periods import Period
from tests.rig.databases import fresh
from tests.rig.doubles import Clock
from tests.rig.drafts import NEEDS, draft
from tests.rig.proving import scaled

NOON = 1_800_014_400.0  #: Friday 2027-01-15, 12:00 UTC
DAY = 86_400.0
FIRST, AFTER = date(2027, 1, 15), date(2027, 1, 18)
S = State
TO_CLIP = (S.SUBMITTING, S.RENDERING, S.FETCHING, S.DELIVERING)
ENDS = (
    (),
    (S.CANCELLED,),
    (S.SUBMITTING,),
    (S.SUBMITTING, S.UNCLEAR),
    (S.SUBMITTING, S.UNCLEAR, S.CLOSED),
    (S.SUBMITTING, S.FAILED),
    (S.SUBMITTING, S.RENDERING),
    (S.SUBMITTING, S.RENDERING, S.EXPIRED),
    TO_CLIP,
    (*TO_CLIP, S.DONE),
    (*TO_CLIP, S.UNDELIVERED),
)
ORDERS = st.lists(
    st.tuples(
        st.sampled_from((30, 31)),
        st.sampled_from(("apixo", "ltx")),
        st.integers(0, 9),  # credits; many clips are free
        st.sampled_from(ENDS),
        st.sampled_from(("no", "yes", "unknown")),
        st.integers(0, 2),  # days after the first
    ),
    max_size=12,
)


async def _moved(store, number, order, time):
    user, provider, price, states, billed, day = order
    time.now = NOON + day * DAY
    wish = draft(number, user_id=user, provider=provider, price=price)
    job = (await store.policy.admit(wish, roles=())).job
    for state in states:
        job = job.to(state, now=time.now, **NEEDS[state])
        if state is State.RENDERING:
            job = replace(job, remote_id=f"r-{number}")
        if state in UNMADE:
            job = replace(job, billed=billed)
        job = await store.jobs.save(job)
    return job


EXAMPLES = scaled(25, 1_000)


@pytest.mark.prove
async def test_whatever_was_ordered_the_figures_agree(proof):
    tried = 0

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(ORDERS)
    def agree(orders):
        nonlocal tried
        asyncio.run(figures_agree(orders))
        tried += 1

    await asyncio.to_thread(agree)
    proof.tried(tried, "histories of up to 12 orders", usual=25)


async def figures_agree(orders):
    limits = Defaults(amount=None, budget=None, jobs_per_user=None, jobs_per_server=None)
    limits = replace(limits, per_minute=None)
    time = Clock(NOON)
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(fresh(Path(folder)), defaults=limits, wall=time, ticks=time) as store:
            by = By(guild_id=10, actor_id=1)
            await store.moderation.set_rule(by, Whose.USER, 5, Period.DAY, user_id=31)
            await store.moderation.set_server(by, slow_lane=1)
            orders = sorted(orders, key=lambda each: each[-1])
            jobs = [
                await _moved(store, number, each, time) for number, each in enumerate(orders, 1)
            ]
            uses = await store.servers.use(10, FIRST, AFTER)
            bills = [await store.policy.bill(job.id) for job in jobs]
            own = [await store.servers.use(10, FIRST, AFTER, user_id=user) for user in (30, 31)]
            assert await store.check(thorough=True) == []
    assert _total(uses, "clips") == len(jobs)
    assert _total(uses, "made") == sum(job.state in MADE for job in jobs)
    assert _total(uses, "unmade") == sum(job.state in UNMADE for job in jobs)
    for name in ("held", "spent", "lost", "suspense"):
        assert _total(uses, name) == sum(getattr(bill, name) for bill in bills), name
    assert sorted(map(str, uses)) == sorted(map(str, [*own[0], *own[1]])), "each by its person"
    _agree(uses)


def _agree(uses):
    """The table, the JSON, the words and the chart show the same sums."""
    found = Report(first=FIRST, last=AFTER - timedelta(1), uses=uses)
    rows = list(csv.DictReader(io.StringIO(tables.uses_csv(uses).decode("utf-8-sig"))))
    listed = json.loads(tables.uses_json(found))["uses"]
    for name in ("clips", "made", "unmade", "held", "spent", "house", "lost", "suspense"):
        assert sum(int(row[name]) for row in rows) == _total(uses, name)
        assert sum(row[name] for row in listed) == _total(uses, name)
    people = tables.by(uses, "user_id")
    in_all = _total(uses, "held") + _total(uses, "spent")
    assert sum(amount for _, _, amount in people) == in_all
    assert sum(clips for _, clips, _ in people) == _total(uses, "made")
    stacks = charts._columns(uses, FIRST, found.last).stacks
    assert sum(map(sum, stacks.values())) == in_all


def _total(uses, name):
    return sum(getattr(each, name) for each in uses)
