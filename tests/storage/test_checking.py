"""What was checked is remembered in the file; all of history is looked at in pieces."""

import asyncio
import re
import sqlite3
from contextlib import closing

import pytest

from storage import Defaults, State, checking
from storage.opening import DATABASE, _open, migrations
from tests.bench.history import APART, NOW, SERVERS, fill
from tests.rig import engines
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
DAY = 86_400.0


async def clip(store, number=1):
    job = (await store.policy.admit(draft(number), roles=())).job
    return await advance(store.jobs, job, *MADE)


def harm(path, *statements):
    """Change rows in a way that the database refuses, while no Dailies runs."""
    if engines.current[0] is not None:
        with engines.current[0].raw(path) as db:
            db.execute("SET session_replication_role = replica; SET search_path = dailies")
            for statement in statements:
                db.execute(statement)
        return
    with closing(sqlite3.connect(path / DATABASE, isolation_level=None)) as db:
        kept = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)
        for _, sql in kept:
            db.execute(sql)


async def test_a_start_goes_on_where_the_last_check_ended(tmp_path):
    async with open_store(tmp_path) as store:
        await clip(store)
        assert await store.check() == []
    harm(tmp_path, "UPDATE event SET to_state = 'failed' WHERE to_state = 'done'")
    async with open_store(tmp_path) as store:
        assert await store.check() == [], "that is history"
        await clip(store, 2)
        assert await store.check() == []
        assert [each for each in await store.check(thorough=True) if "ends with failed" in each]


async def test_what_happened_since_is_looked_at_by_a_start(tmp_path):
    async with open_store(tmp_path) as store:
        await clip(store)
        assert await store.check() == []
        await clip(store, 2)
    harm(tmp_path, "UPDATE event SET to_state = 'failed' WHERE to_state = 'done'")
    async with open_store(tmp_path) as store:
        assert ["Job #2" in each for each in await store.check()] == [True, True]


async def test_a_balance_that_was_changed_is_found_by_a_start(tmp_path):
    async with open_store(tmp_path) as store:
        await clip(store)
        assert await store.check() == []
    harm(
        tmp_path,
        "UPDATE account SET balance = balance + 2 WHERE name LIKE 'spent:%'",
        "UPDATE account SET balance = balance - 2 WHERE name LIKE 'pool:%'",
    )
    async with open_store(tmp_path) as store:
        found = await store.check()
        assert len(found) == 2
        assert all("its transfers add up to" in each for each in found)
        assert await store.check() == found, "nothing is remembered of books that are broken"


async def test_a_day_after_the_last_one_a_whole_look_is_due(tmp_path):
    now = [1.8e9]
    async with open_store(tmp_path, wall=lambda: now[0], ticks=lambda: now[0]) as store:
        assert await store.whole_check_is_due()
        await store.check(thorough=True)
        assert not await store.whole_check_is_due()
        now[0] += DAY - 60
        await clip(store)
        assert await store.check() == [], "a look at what is new is no whole look"
        now[0] += 60
        assert await store.whole_check_is_due()


async def test_a_check_is_right_though_it_cannot_be_remembered(tmp_path):
    async with open_store(tmp_path) as store:
        await clip(store)
        await store.writer.close()
        assert await store.check() == []
        assert await store.whole_check_is_due()


LONG = 3 * checking.PIECE  #: jobs; their days and quarters are more than a piece, too


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """A file of so many jobs, whose books are right."""
    directory = tmp_path_factory.mktemp("history")
    _open(directory / DATABASE, migrations(), whole=False).close()
    return fill(directory, LONG).read_bytes()


HARM = [
    ("UPDATE event SET to_state = 'failed' WHERE job_id = {job} AND rev = 5", "Job #{job} is done"),
    ("UPDATE transfer SET amount = 21 WHERE txn_id = 2 * {job}", "its transfers add up to"),
    (
        "UPDATE day_use SET total = total + 1 WHERE guild_id = {guild} AND person_id = 0",
        "{guild} used",
    ),
    ("DELETE FROM day_use WHERE guild_id = {guild} AND person_id = 0", "server {guild} used 0"),
    ("INSERT INTO day_use VALUES ({guild}, 0, '2020-01-01', 0, 3, 0, 0)", "server {guild} used 3"),
    ("UPDATE quarter_use SET total = total + 1 WHERE quarter = {quarter}", "all servers used"),
    ("DELETE FROM quarter_use WHERE quarter = {quarter}", "all servers used 0 credits"),
    ("INSERT INTO quarter_use VALUES ({quarter} + 1000, 3)", "all servers used 3 credits"),
]


@pytest.mark.sqlite
@pytest.mark.parametrize("job", [1, LONG // 2, LONG])
async def test_each_piece_of_history_is_looked_at(tmp_path, history, job):
    (tmp_path / DATABASE).write_bytes(history)
    place = {"job": job, "guild": 1 + job % SERVERS}
    place["quarter"] = int((NOW - 60 - (LONG - job) * APART) // 900)
    for statement, _ in HARM:
        harm(tmp_path, statement.format(**place))
    async with open_store(tmp_path) as store:
        found = await store.check(thorough=True)
    for _, said in HARM:
        assert [each for each in found if said.format(**place) in each], (said, found)


@pytest.mark.long
@pytest.mark.sqlite
async def test_whoever_is_stopped_while_balances_are_noted_has_noted_nothing(tmp_path, history):
    (tmp_path / DATABASE).write_bytes(history)
    async with open_store(tmp_path) as store:
        seen = (await checking.all_of_it(store.writer))[1]
        assert len(seen.balances) > 2 * checking.BALANCES
        noting = asyncio.create_task(checking.remember(store.writer, seen, None, whole_at=1.0))
        while not await noted(store):
            await asyncio.sleep(0)
        noting.cancel()
        assert await store.writer.read(checking.remembered) == (None, 0.0)
        assert await store.check() == []
        assert (await store.writer.read(checking.remembered))[0] == seen


async def noted(store) -> int:
    [[count]] = await store.writer.read(
        lambda db: db.execute("SELECT count(checked) FROM account").fetchall()
    )
    return count


@pytest.mark.sqlite
async def test_orders_are_taken_while_history_is_looked_at(tmp_path, history):
    (tmp_path / DATABASE).write_bytes(history)
    free = Defaults(per_minute=None, jobs_per_user=None, jobs_per_server=None, amount=None)
    async with open_store(tmp_path, defaults=free) as store:
        looking = asyncio.create_task(store.check(thorough=True))
        for number in range(20):
            await clip(store, number)
        assert await looking == []
        assert await store.check() == []


@pytest.mark.sqlite
async def test_a_look_at_a_piece_reads_that_piece_alone(tmp_path):
    async with open_store(tmp_path) as store:
        await clip(store)
        steps: list[str] = []

        def look(db):
            asked: list[str] = []
            db.set_trace_callback(asked.append)
            for piece in (checking.Moved().piece, checking._jobs):
                piece(db, None)
            checking._days(db, None)
            checking._quarters(db, None)
            db.set_trace_callback(None)
            for sql in asked:
                if sql.lstrip().startswith(("SELECT", "WITH")):
                    plan = db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
                    steps.extend(row["detail"] for row in plan)

        await store.writer.read(look)
    assert steps
    big = r"SCAN (job|event|txn|reserved|later|transfer|day_use|quarter_use)\b"
    assert not [each for each in steps if re.match(big, each)], steps


@pytest.mark.long
@pytest.mark.sqlite
async def test_statistics_that_mislead_sqlite_are_forgotten(tmp_path, history):
    (tmp_path / DATABASE).write_bytes(history)
    async with open_store(tmp_path) as store:
        assert await store.check() == []
        await clip(store)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("ANALYZE")  # with them, SQLite 3.40 finds no money in a quarter of an hour
    async with open_store(tmp_path) as store:
        assert await store.check() == []
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name LIKE '%stat1'").fetchall()
