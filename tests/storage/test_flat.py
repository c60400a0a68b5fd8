"""What people and providers ask often reads no history: it costs the same in any file."""

import re
from datetime import date

import pytest

from storage import AT_WORK, LIVE, By, Defaults, Period, State, Whose
from storage.job import PARKED
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

NOON = 1_800_014_400.0  #: Friday 2027-01-15, 12:00 UTC
FIRST, AFTER = date(2026, 12, 17), date(2027, 1, 16)
BY = By(guild_id=10, actor_id=1)

#: What grows with every clip that was ever made, or with every change that moderators made.
HISTORY = r"(job|event|txn|transfer|day_use|quarter_use|needed|take|post|audit|parking)"
#: Indexes of the few rows about which something is left to be done.
FEW = r"(job_due|parking_open|overrun_untold|incident_untold)"
#: Steps that find all of one server's: as long as its history.
OF_GUILD = r"SEARCH \w+ USING (COVERING )?INDEX (?!job_at_work)\w+ \(guild_id=\?\)"


FREE = Defaults(jobs_per_user=None, jobs_per_server=None, per_minute=None)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path, defaults=FREE, wall=lambda: NOON, ticks=lambda: NOON) as store:
        yield store


async def _queue(store):
    await store.jobs.of(guild_id=10, states=LIVE, limit=None, oldest_first=True)
    await store.jobs.count(10, LIVE)
    await store.jobs.of(guild_id=10, states=AT_WORK, limit=None, oldest_first=True)
    await store.jobs.unfinished(10)


async def _parked(store):
    await store.jobs.of(guild_id=10, states=PARKED, limit=20, oldest_first=True)
    await store.jobs.count(10, PARKED)
    await store.servers.suspense(10)
    await store.jobs.of(guild_id=10, states={State.UNDELIVERED}, limit=20, oldest_first=True)
    await store.jobs.count(10, {State.UNDELIVERED})
    await store.parkings.open()


async def _digest(store):
    await store.digests.failed(10, begin=NOON - 86_400, after=NOON)
    await store.digests.waiting(10)


async def _lists(store):
    await store.moderation.grants(10)
    await store.moderation.rules(10)
    await store.moderation.blocks(10)
    await store.moderation.alarms(10)
    await store.servers.prompt_rules(10)


async def _usage(store):
    await store.policy.standing(guild_id=10, user_id=30, roles=())
    await store.servers.use(10, FIRST, AFTER, user_id=30)
    await store.servers.spent(10, user_id=30)


async def _start(store):
    await store.jobs.live()
    await store.jobs.late(NOON - 86_400)
    await store.jobs.ended(since=NOON - 600)
    await store.jobs.counts()
    await store.accounting.overruns()
    await store.accounting.incidents()


async def _figures(store):
    await store.figures.news(await store.figures.mark())
    await store.figures.live_jobs()
    await store.figures.held()
    await store.figures.budgets([10])
    await store.policy.total()
    await store.alerts.open()
    await store.alerts.moderators()
    await store.alerts.waiting_clips()
    await store.alerts.due([(5, "disk")])


ASKED = {
    "a callback": lambda store: store.jobs.by_token("secret"),
    "the queue of a server": _queue,
    "what waits for moderators": _parked,
    "the digest": _digest,
    "lists of moderators": _lists,
    "the usage of one person": _usage,
    "a start": _start,
    "monitoring": _figures,
}


@pytest.mark.sqlite
@pytest.mark.parametrize("asked", ASKED)
async def test_no_history_is_read_for(store, asked):
    await store.policy.admit(draft(1), roles=())
    await store.moderation.grant(BY, 30, 5)
    await store.moderation.set_rule(BY, Whose.MEMBER, 100, Period.DAY)
    seen: list[str] = []
    readers = [await store.writer._readers.get() for _ in range(store.writer._readers.qsize())]
    store.writer._readers.put_nowait(readers[0])  # it alone, so that it tells of all that is asked
    await readers[0].run(lambda db: db.set_trace_callback(seen.append))
    await ASKED[asked](store)
    await readers[0].run(lambda db: db.set_trace_callback(None))
    questions = [sql for sql in seen if re.match(r"\s*(SELECT|WITH)", sql)]
    assert questions
    for sql in questions:
        rows = await readers[0].run(
            lambda db, sql=sql: db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
        )
        for step in (row["detail"] for row in rows):
            scans = re.match(rf"SCAN {HISTORY}\b(?!.* INDEX {FEW})", step)
            assert not scans or _ends(sql), (step, sql)
            assert not re.match(OF_GUILD, step) or _of_moderators(step), (step, sql)


def _ends(sql: str) -> bool:
    """Whether *sql* looks for one row from the newest on, as far as some minutes or days back."""
    return "seq DESC LIMIT 1" in sql or "id DESC LIMIT 1" in sql


def _of_moderators(step: str) -> bool:
    """Whether *step* finds what moderators have set, of which there is little."""
    return "allowance" in step or "rule" in step or "block" in step


async def test_a_person_s_usage_is_theirs_alone(store):
    mine = [await _made(store, 1), await _made(store, 2)]
    await _made(store, 3, user_id=31)
    await _made(store, 4, guild_id=11)
    [use] = await store.servers.use(10, FIRST, AFTER, user_id=30)
    assert (use.user_id, use.clips, use.made, use.spent, use.held) == (30, 2, 2, 10, 0)
    assert await store.servers.spent(10, user_id=30) == dict.fromkeys(mine, 5)
    assert len(await store.servers.use(10, FIRST, AFTER)) == 2
    assert await store.servers.use(10, FIRST, date(2027, 1, 15), user_id=30) == []
    assert await store.servers.use(10, FIRST, AFTER, user_id=99) == []


async def test_only_what_ended_lately_is_listed(store):
    first, second = await _made(store, 1), await _made(store, 2)
    # Another move lies between, and its moment is earlier: it took a while to be written.
    await store.policy.admit(draft(3, since=NOON - 1800), roles=())
    assert [job.id for job in await store.jobs.ended(since=NOON)] == [second, first]
    assert await store.jobs.ended(since=NOON + 3600) == []


async def test_what_is_left_to_do_in_a_server_is_listed(store):
    await _made(store, 1)
    waits = await store.policy.admit(draft(2), roles=())
    await store.policy.admit(draft(3, guild_id=11), roles=())
    assert [job.id for job in await store.jobs.unfinished(10)] == [waits.job.id]


async def _made(store, number, **changes):
    job = (await store.policy.admit(draft(number, since=NOON, **changes), roles=())).job
    way = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
    return (await advance(store.jobs, job, *way, start=NOON)).id
