"""The table of jobs keeps what it is told, and refuses what cannot be."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import (
    ENDED,
    LIVE,
    MOVES,
    Brief,
    IllegalMove,
    Input,
    Job,
    Jobs,
    Lora,
    Mode,
    Stale,
    State,
    Store,
)
from storage.jobs import columns_of, job_of
from tests.rig.drafts import NEEDS, advance, draft, ways
from tests.rig.engines import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    async with open_store(tmp_path) as store:
        yield store


@pytest.fixture
def jobs(store: Store) -> Jobs:
    return store.jobs


# Adding.


async def test_a_job_comes_back_as_it_was_given_with_a_short_number(jobs: Jobs) -> None:
    job, created = await jobs.add(draft())
    assert created
    assert job == replace(draft(), id=1)
    assert await jobs.get(1) == job


async def test_the_same_request_twice_is_one_job(jobs: Jobs) -> None:
    first, _ = await jobs.add(draft(1))
    again, created = await jobs.add(draft(1, price=9))
    assert (again, created) == (first, False)
    results = await asyncio.gather(*(jobs.add(draft(2)) for _ in range(50)))
    assert {job.id for job, _ in results} == {2}
    assert [created for _, created in results].count(True) == 1


async def test_a_job_of_another_server_is_not_found(jobs: Jobs) -> None:
    job, _ = await jobs.add(draft(guild_id=10))
    assert await jobs.get(job.id, guild_id=10) == job
    assert await jobs.get(job.id, guild_id=11) is None


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30])
async def test_an_absurd_number_is_no_job(jobs: Jobs, number: int) -> None:
    assert await jobs.get(number) is None


# Moving.


def test_every_state_says_where_it_leads_and_can_be_reached() -> None:
    assert set(MOVES) == set(State)
    assert set(ways()) == set(State)
    assert {state for state in State if not MOVES[state]} == (
        ENDED - {State.UNDELIVERED, State.EXPIRED}
    )


@pytest.mark.parametrize("before", State)
async def test_a_save_allows_the_moves_of_the_table_and_no_other(jobs: Jobs, before: State) -> None:
    for number, after in enumerate(State):
        job, _ = await jobs.add(draft(number))
        job = await advance(jobs, job, *ways()[before])
        moved = replace(job, state=after, **{"remote_id": f"r-{number}", **NEEDS[after]})
        if after in MOVES[before] or after is before:
            assert (await jobs.save(moved)).state is after
        else:
            with pytest.raises(IllegalMove):
                await jobs.save(moved)
            assert await jobs.get(job.id) == job
        # out of the way, so that its clip is nobody else's
        await jobs.transactions.write(
            lambda db, number=job.id: (
                db.execute("UPDATE job SET remote_id = 'x' || id WHERE id = ?", (number,)).rowcount
            )
        )


async def test_a_stale_copy_writes_nothing(jobs: Jobs) -> None:
    job, _ = await jobs.add(draft())
    saved = await jobs.save(job.again(2000.0))
    assert saved.rev == job.rev + 1
    with pytest.raises(Stale):
        await jobs.save(job.to(State.CANCELLED, now=1.0))
    assert await jobs.get(job.id) == saved
    with pytest.raises(Stale):
        await jobs.save(replace(job, id=999))


async def test_of_many_who_save_the_same_copy_one_wins(jobs: Jobs) -> None:
    job, _ = await jobs.add(draft())
    results = await asyncio.gather(
        *(jobs.save(job.again(float(n))) for n in range(50)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in results) == ["Job"] + ["Stale"] * 49


async def test_terms_and_places_are_not_the_savers_to_change(jobs: Jobs, store: Store) -> None:
    job, _ = await jobs.add(draft())
    await jobs.set_places(job.id, card_channel_id=3, card_id=4)
    await jobs.set_places(job.id, thread_id=5)
    saved = await jobs.save(replace(job, due_at=7.0, price=0, user_id=1, brief=Brief()))
    kept = replace(job, due_at=7.0, rev=1, thread_id=5, card_channel_id=3, card_id=4)
    assert saved == kept
    for column in ("price", "guild_id", "created_at"):
        with pytest.raises(sqlite3.IntegrityError, match="terms"):
            await store.writer.write(
                lambda db, column=column: db.execute(f"UPDATE job SET {column} = 1").rowcount
            )


async def test_every_move_is_an_event_and_nothing_else_is(jobs: Jobs) -> None:
    job, _ = await jobs.add(draft())
    job = await jobs.save(job.again(2.0))
    job = await advance(jobs, job, State.SUBMITTING, State.RENDERING)
    job = await jobs.save(job.again(3.0))
    job = await jobs.save(job.to(State.FAILED, now=1009.0, error="No."), "the provider said no")
    events = await jobs.history(job.id)
    assert [(each.before, each.after, each.rev) for each in events] == [
        (None, State.QUEUED, 0),
        (State.QUEUED, State.SUBMITTING, 2),
        (State.SUBMITTING, State.RENDERING, 3),
        (State.RENDERING, State.FAILED, 5),
    ]
    assert events[-1].why == "the provider said no"
    assert [each.at for each in events] == [1000.0, 1001.0, 1002.0, 1009.0]


@pytest.mark.parametrize("state", State)
async def test_the_events_add_up_to_the_state(jobs: Jobs, state: State) -> None:
    job, _ = await jobs.add(draft())
    job = await advance(jobs, job, *ways()[state])
    folded: State | None = None
    for event in await jobs.history(job.id):
        assert event.before is folded
        folded = event.after
    assert folded is job.state is state


@pytest.mark.parametrize("sql", ["UPDATE event SET why = ''", "DELETE FROM event"])
async def test_events_can_only_be_added(jobs: Jobs, store: Store, sql: str) -> None:
    await jobs.add(draft())
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        await store.writer.write(lambda db: db.execute(sql).rowcount)


async def test_a_job_is_never_deleted_from_under_its_events(jobs: Jobs, store: Store) -> None:
    await jobs.add(draft())
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await store.writer.write(lambda db: db.execute("DELETE FROM job").rowcount)


# What cannot be.


@pytest.mark.parametrize(
    ("state", "without"),
    [
        *((state, "due_at") for state in (State.QUEUED, State.SUBMITTING, State.RENDERING)),
        *((state, "due_at") for state in (State.FETCHING, State.DELIVERING)),
        *((state, "error") for state in (State.FAILED, State.EXPIRED)),
        *((state, "error") for state in (State.UNCLEAR, State.REVIEW)),
        (State.SUBMITTING, "token"),
        (State.RENDERING, "remote_id"),
        (State.DELIVERING, "file"),
    ],
)
async def test_a_state_without_what_it_needs_is_refused(
    jobs: Jobs, state: State, without: str
) -> None:
    job, _ = await jobs.add(draft())
    *first, last = ways()[state] or [State.QUEUED]
    job = await advance(jobs, job, *first)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        await jobs.save(replace(job, state=last, **{**NEEDS[last], without: None}))


@pytest.mark.parametrize(
    "change",
    [
        {"price": -1},
        {"billed": "maybe"},
        {"cost": -0.1},
        {"tries": -1},
        {"provider": ""},
        {"request": ""},
        {"due_at": None},
    ],
)
async def test_an_impossible_job_is_refused(jobs: Jobs, change: dict[str, Any]) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        await jobs.add(draft(**change))


async def test_two_live_jobs_cannot_wait_for_the_same_clip(jobs: Jobs) -> None:
    for number in (1, 2):
        job, _ = await jobs.add(draft(number))
        job = await advance(jobs, job, State.SUBMITTING)
        rendering = job.to(State.RENDERING, now=1.0, due_at=1.0, remote_id="same")
        if number == 1:
            await jobs.save(rendering)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="remote_id"):
                await jobs.save(rendering)


# Finding.


async def test_everything_that_is_due_some_time_is_live_soonest_first(jobs: Jobs) -> None:
    late, _ = await jobs.add(draft(1, due_at=9.0))
    soon, _ = await jobs.add(draft(2, due_at=3.0))
    done, _ = await jobs.add(draft(3))
    await jobs.save(done.to(State.CANCELLED, now=1.0))
    untold, _ = await jobs.add(draft(4))
    untold = await jobs.save(untold.to(State.CANCELLED, now=1.0, due_at=5.0))
    assert [(each.id, each.due_at, each.state, each.provider) for each in await jobs.live()] == [
        (soon.id, 3.0, State.QUEUED, "local"),
        (untold.id, 5.0, State.CANCELLED, "local"),
        (late.id, 9.0, State.QUEUED, "local"),
    ]


async def test_jobs_are_found_by_person_server_state_and_page(jobs: Jobs) -> None:
    for number in range(1, 9):
        job, _ = await jobs.add(draft(number, user_id=30 + number % 2, guild_id=10 + number // 5))
        if number in (1, 8):
            await jobs.save(job.to(State.CANCELLED, now=1.0))

    async def ids(**search: Any) -> list[int]:
        return [job.id for job in await jobs.of(**search)]

    assert await ids(user_id=31) == [7, 5, 3, 1]
    assert await ids(user_id=31, guild_id=10) == [3, 1]
    assert await ids(guild_id=11) == [8, 7, 6, 5]
    assert await ids(guild_id=11, limit=2) == [8, 7]
    assert await ids(guild_id=11, limit=2, before=7) == [6, 5]
    assert await ids(guild_id=11, states={State.QUEUED}) == [7, 6, 5]
    assert await ids(guild_id=11, states={State.QUEUED}, oldest_first=True) == [5, 6, 7]
    assert await ids(user_id=30, states={State.CANCELLED}) == [8]
    assert await ids() == []


@pytest.mark.parametrize("state", State)
async def test_a_callback_finds_a_job_that_may_still_be_waited_for(
    jobs: Jobs, state: State
) -> None:
    job, _ = await jobs.add(draft())
    way = ways()[state]
    if State.SUBMITTING not in way and state not in {State.QUEUED, State.CANCELLED}:
        job = await advance(jobs, job, State.SUBMITTING, State.QUEUED)  # so that it has a token
    job = await advance(jobs, job, *way)
    found = await jobs.by_token("secret")
    waited_for = {State.SUBMITTING, State.UNCLEAR, State.RENDERING, State.EXPIRED}
    assert (found == job) is (state in waited_for)
    assert (found is None) is (state not in waited_for)
    assert await jobs.by_token("another") is None


async def test_a_job_is_found_by_the_name_its_provider_gave_it_the_latest_first(jobs: Jobs) -> None:
    for number in (1, 2):
        job, _ = await jobs.add(draft(number))
        job = await advance(jobs, job, State.SUBMITTING, State.RENDERING, State.FAILED)
    found = await jobs.by_remote("local", "r-1")
    assert found is not None
    assert found.id == 2
    assert await jobs.by_remote("elsewhere", "r-1") is None
    assert await jobs.by_remote("local", "r-2") is None


async def test_the_jobs_that_ended_since_a_time_are_found_in_all_servers(jobs: Jobs) -> None:
    for number in (1, 2, 3):
        job, _ = await jobs.add(draft(number, guild_id=10 + number))
        if number < 3:
            await jobs.save(job.to(State.CANCELLED, now=1000.0 * number))
    assert [job.id for job in await jobs.ended(since=0.0)] == [2, 1]
    assert [job.id for job in await jobs.ended(since=1500.0)] == [2]
    assert [job.id for job in await jobs.newest(limit=2)] == [3, 2]


async def test_an_expired_job_is_late_while_a_provider_may_yet_finish_it(jobs: Jobs) -> None:
    taken, _ = await jobs.add(draft(1))
    taken = await advance(jobs, taken, State.SUBMITTING, State.RENDERING)
    taken = await jobs.save(taken.to(State.EXPIRED, now=2000.0, error="It took too long."))
    unsent, _ = await jobs.add(draft(2))
    await jobs.save(unsent.to(State.EXPIRED, now=2000.0, error="It took too long."))
    [late] = await jobs.late(1999.0)
    assert (late.id, late.state, late.due_at) == (taken.id, State.EXPIRED, 2000.0)
    assert await jobs.late(2000.0) == []
    await advance(jobs, taken, State.FETCHING)
    assert await jobs.late(0.0) == []


async def test_jobs_without_a_card_are_those_under_way_and_the_newest_that_ended(
    jobs: Jobs,
) -> None:
    ended, _ = await jobs.add(draft(1, created_at=1000.0))
    await jobs.save(ended.to(State.CANCELLED, now=1001.0))
    waits, _ = await jobs.add(draft(2, created_at=1000.0))
    shown, _ = await jobs.add(draft(3, created_at=1000.0))
    await jobs.set_places(shown.id, card_channel_id=20, card_id=77)

    async def ids(after: float, before: float, **more: int) -> list[int]:
        found = await jobs.without_card(after=after, before=before, **more)
        return [job.id for job in found]

    assert await ids(0.0, 2000.0) == [waits.id, ended.id]
    assert await ids(0.0, 2000.0, limit=1) == [waits.id]
    assert await ids(1000.0, 2000.0) == [waits.id], "it ended too long ago"
    assert await ids(0.0, 1000.0) == [], "the card may be on its way"


async def test_jobs_under_way_are_counted_by_provider_and_state(jobs: Jobs) -> None:
    added = [(await jobs.add(draft(n, provider="ab"[n % 2], due_at=-n)))[0] for n in range(6)]
    taken = await advance(jobs, added[0], State.SUBMITTING)
    assert await jobs.counts() == {
        ("a", State.QUEUED): 2,
        ("a", State.SUBMITTING): 1,
        ("b", State.QUEUED): 3,
    }
    await advance(jobs, taken, State.QUEUED)
    await advance(jobs, added[1], State.CANCELLED)
    assert await jobs.counts() == {("a", State.QUEUED): 3, ("b", State.QUEUED): 2}
    assert await jobs.count(10, {State.QUEUED}) == 5
    assert await jobs.count(10, ENDED) == 1
    assert await jobs.count(11, ENDED) == 0


async def test_a_job_is_found_by_its_messages_and_its_thread(jobs: Jobs) -> None:
    job, _ = await jobs.add(draft(1))
    other, _ = await jobs.add(draft(2))
    await jobs.set_places(job.id, thread_id=50, card_channel_id=20, card_id=51)
    other = await jobs.set_places(other.id, thread_id=50)
    way = ways()[State.DONE]
    job = await advance(jobs, job, *way)
    assert await jobs.by_message(51) == job
    assert await jobs.by_message(99) == job
    assert await jobs.by_message(99, guild_id=11) is None
    assert await jobs.by_message(50) is None
    assert await jobs.in_thread(50) == [job, other]
    with pytest.raises(KeyError):
        await jobs.set_places(12345, thread_id=1)


async def test_durations_are_of_this_models_finished_clips(jobs: Jobs) -> None:
    for number, seconds in enumerate((40, 50, 60)):
        job, _ = await jobs.add(draft(number))
        job = await advance(jobs, job, State.SUBMITTING, start=1000)
        job = await advance(jobs, job, State.QUEUED, State.SUBMITTING, start=1100)  # a second try
        job = await advance(jobs, job, State.RENDERING, start=1102)
        job = await advance(jobs, job, State.FETCHING, start=1101 + seconds)
        if seconds < 60:
            await advance(jobs, job, State.DELIVERING, start=2000)
    other, _ = await jobs.add(draft(9, model="other"))
    await advance(jobs, other, *ways()[State.DONE])
    assert await jobs.durations("local", "sketch") == [50.0, 40.0]
    assert await jobs.durations("local", "sketch", limit=1) == [50.0]
    assert await jobs.durations("elsewhere", "sketch") == []


@pytest.mark.sqlite
async def test_no_search_reads_the_whole_table(store: Store) -> None:
    job, _ = await store.jobs.add(draft())
    searches: list[str] = []
    await store.writer.read(lambda db: db.set_trace_callback(searches.append))
    await store.jobs.get(job.id, guild_id=10)
    await store.jobs.by_message(1)
    await store.jobs.in_thread(1)
    await store.jobs.of(user_id=1, guild_id=2)
    await store.jobs.of(guild_id=2, states=ENDED, before=7)
    await store.jobs.of(guild_id=2, states={State.QUEUED, State.REVIEW}, oldest_first=True)
    await store.jobs.of(user_id=2, states={State.RENDERING}, before=7)
    await store.jobs.live()
    await store.jobs.due(5.0)
    await store.jobs.without_card(after=1.0, before=5.0)
    await store.jobs.of(guild_id=2, states={State.UNDELIVERED})
    await store.jobs.count(2, LIVE)
    await store.jobs.count(2, {State.UNDELIVERED})
    await store.jobs.counts()
    await store.jobs.durations("local", "sketch")
    await store.jobs.history(1)
    await store.writer.read(lambda db: db.set_trace_callback(None))
    searches = [sql for sql in searches if "SELECT" in sql]
    assert len(searches) == 16
    assert sum("INDEXED BY" in sql for sql in searches) == 6
    for sql in searches:
        plan = await store.writer.read(
            lambda db, sql=sql: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
        )
        assert not [step for step in plan if re.match(r"SCAN (job|event)(?!.* INDEX )", step)], sql
        few = any("job_by_state (state=?" in step for step in plan)  # what is under way now
        sorts = [step for step in plan if "TEMP B-TREE FOR ORDER" in step]
        assert few or not sorts, (sql, plan)
        assert few or "INDEXED BY" not in sql


# Briefs.

text = st.text(max_size=40)
number = st.integers(0, 10_000)
seconds = st.floats(0, 1e6, allow_nan=False)
inputs = st.builds(
    Input,
    file=text,
    type=text,
    size=number,
    width=st.none() | number,
    height=st.none() | number,
    seconds=st.none() | seconds,
    fps=st.none() | seconds,
    url=st.none() | text,
    take=st.none() | number,
)
briefs = st.builds(
    Brief,
    mode=st.sampled_from(Mode),
    prompt=st.text(st.characters(exclude_categories=()), max_size=60),  # surrogates and NUL too
    resolution=st.none() | text,
    aspect=st.none() | text,
    duration=st.none() | number,
    fps=st.none() | number,
    seed=st.none() | st.integers(0, 2**32),
    sound=st.none() | st.booleans(),
    camera=st.none() | text,
    loras=st.lists(st.builds(Lora, path=text, scale=seconds), max_size=3).map(tuple),
    image=st.none() | inputs,
    last_image=st.none() | inputs,
    audio=st.none() | inputs,
    video=st.none() | inputs,
    start=st.none() | seconds,
    replace=st.none() | text,
    direction=st.none() | text,
    routing=st.none() | text,
)


@pytest.mark.sqlite
@given(brief=briefs)
def test_a_brief_survives_the_database(brief: Brief) -> None:
    job = draft(brief=brief)
    db = sqlite3.connect(":memory:")
    try:
        db.row_factory = sqlite3.Row
        row = db.execute(
            "SELECT NULL AS url, " + ", ".join(f":{name} AS {name}" for name in columns_of(job)),
            columns_of(job),
        ).fetchone()
        assert db.execute("SELECT json_valid(?)", (row["brief"],)).fetchone()[0] == 1
        restored: Job = job_of(row)
    finally:
        db.close()
    assert restored == job
