"""A link to a clip goes from the file once no provider keeps the clip any more."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app.catalogue import companies
from storage import Defaults, State, links
from storage.opening import DATABASE
from storage.schema import migrate, migrations
from tests.rig.doubles import Clock
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)
START = 1_800_000_000.0


@pytest.fixture
def time():
    return Clock(START)


@pytest.fixture
async def store(tmp_path, time):
    free = Defaults(per_minute=None, jobs_per_user=None, jobs_per_server=None)
    async with open_store(tmp_path, defaults=free, wall=time, ticks=time) as store:
        yield store


async def job_in(store, number, *states, at=START):
    job = (await store.policy.admit(draft(number, since=at), roles=())).job
    return await advance(store.jobs, job, *states, start=at)


async def test_dead_links_go_and_nothing_else_does(store, time):
    done = await job_in(store, 1, *MADE, State.DONE)
    undelivered = await job_in(store, 2, *MADE, State.UNDELIVERED)
    stands = await job_in(store, 3, *MADE)
    time.now += links.DIE
    late = await job_in(store, 4, *MADE, State.DONE, at=time.now)
    await store.privacy.tidy()
    assert await store.jobs.get(done.id) == done, "not yet: once a day is often enough"

    time.now += links.EACH + 10
    bill = await store.policy.bill(done.id)
    await store.privacy.tidy()
    for job in (done, undelivered):
        kept = await store.jobs.get(job.id)
        assert (kept.result_url, kept.token) == (None, None)
        assert (kept.remote_id, kept.file, kept.rev) == (job.remote_id, job.file, job.rev)
        assert kept.charged == job.charged
    for job in (stands, late):
        assert await store.jobs.get(job.id) == job
    assert await store.policy.bill(done.id) == bill
    assert (await store.dossiers.of(done.id)).job.result_url is None
    assert await store.check(thorough=True) == []


async def test_what_alone_says_that_a_provider_made_it_stays(store, time):
    job = await job_in(store, 1, State.SUBMITTING, State.FETCHING, State.FAILED)
    assert (job.remote_id, job.file, job.charged) == (None, None, "unknown")
    time.now += links.DIE + links.EACH + 10
    await store.privacy.tidy()
    assert (await store.jobs.get(job.id)).charged == "unknown"


def rows_of(db):
    """What the rows of jobs say of their links, and the links, by job."""
    said = dict(db.execute("SELECT id, result_url FROM job ORDER BY id").fetchall())
    return said, dict(db.execute("SELECT job_id, url FROM link ORDER BY job_id").fetchall())


async def test_a_link_stands_beside_its_job_and_goes_when_it_is_over(store, time):
    done = await job_in(store, 1, *MADE, State.DONE)
    made = await job_in(store, 2, *MADE)
    assert await store.writer.write(rows_of) == (
        {1: "", 2: ""},
        {1: done.result_url, 2: made.result_url},
    )
    other = await store.jobs.save(replace(made, result_url="https://example.com/another"))
    assert other == await store.jobs.get(made.id)
    assert other.result_url == "https://example.com/another"
    none = await store.jobs.save(replace(other, result_url=None))
    assert none == await store.jobs.get(made.id)
    time.now += links.DIE + links.EACH + 10
    await store.privacy.tidy()
    assert await store.writer.write(rows_of) == ({1: None, 2: None}, {})


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE job SET result_url = 'https://example.com/clip' WHERE id = 1",
        "INSERT INTO link (job_id, url) VALUES (1, '')",
        "INSERT INTO link (job_id, url) VALUES (77, 'https://example.com/clip')",
    ],
)
async def test_the_database_keeps_links_where_they_belong(store, sql):
    await job_in(store, 1, *MADE)
    with pytest.raises(Exception, match=r"beside|CHECK|check|FOREIGN|foreign"):
        await store.writer.write(lambda db: db.execute(f"{sql} RETURNING 1").fetchall())


@pytest.mark.sqlite
async def test_an_older_file_keeps_its_links(tmp_path):
    scripts = migrations()
    before = next(at for at, each in enumerate(scripts) if "CREATE TABLE link (" in each)
    path = tmp_path / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, scripts[:before])
        for number, url in enumerate(("https://example.com/1", None, "", "https://x.test/4"), 1):
            db.execute(
                """
                INSERT INTO job (id, request, guild_id, channel_id, user_id, provider, model, brief,
                    price, created_at, state, rev, due_at, since, tries, attempt, token, remote_id,
                    result_url, billed)
                VALUES (?, 'r' || ?, 10, 2, 1, 'p', 'm', '{"mode": "text"}', 5, 900,
                    'fetching', 3, 1000, 900, 0, 1, 't', 'r' || ?, ?, 'no')
                """,
                (number, number, number, url),
            )
        migrate(db, path, scripts)
        assert rows_of(db) == (
            {1: "", 2: None, 3: "", 4: ""},
            {1: "https://example.com/1", 4: "https://x.test/4"},
        )


def test_no_provider_keeps_a_clip_for_longer():
    kept = [company.provider.limits.keeps_for for company in companies(Path("data"))]
    assert len(kept) > 4
    assert max(kept) < links.DIE


@pytest.mark.sqlite
async def test_a_dead_link_is_nowhere_in_the_files(store, time, tmp_path):
    await job_in(store, 1, *MADE, State.DONE)
    time.now += links.DIE + links.EACH + 10
    await store.privacy.tidy()
    for path in tmp_path.glob(f"{DATABASE}*"):
        assert b"example.com/clip" not in path.read_bytes(), path.name
