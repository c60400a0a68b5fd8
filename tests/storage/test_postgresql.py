"""The store on a server: what it is made of, when it is refused, and what a lost way costs."""

import asyncio
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from storage import CannotOpen, Locked, NewerSchema, NotThere, ServerTrouble, WrongSchema, look_into
from storage.opening import server_opening
from storage.postgresql.connecting import connected
from storage.postgresql.dialect import translated
from storage.postgresql.kept import CAME_LATE, SET_BACK
from storage.postgresql.leases import MARGIN, VALID, Lease, take
from storage.postgresql.opening import open_server
from storage.postgresql.thread import SessionThread
from storage.schema import migrations
from tests.rig import engines
from tests.rig.drafts import draft
from tests.rig.engines import open_store
from tests.rig.house import until
from tests.rig.severed import severed
from tools.landed import landed_pairs, present_pairs

pytestmark = pytest.mark.postgresql


def databases():
    found = engines.current[0]
    assert found is not None
    return found


def sqlites() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    for script in migrations():
        db.executescript(script)
    return db


#: What only one of them has, and why.
OURS_ALONE = {
    "clip_words_data", "clip_words_idx", "clip_words_content", "clip_words_config",
    "clip_words_docsize",  # FTS5's own; there it is a view
    "sqlite_sequence",  # there it is a view
}  # fmt: skip
THEIRS_ALONE = {
    "lease", "origin",  # a lock of the data directory, and a file, do that here
    "changed", "job_news", "process", "session_turn", "sharding", "slot", "turn",  # of several
}  # fmt: skip
TYPES = {
    "INTEGER": "bigint",
    "REAL": "double precision",
    "TEXT": "text",
}


async def test_both_engines_have_the_same_tables_columns_and_types(tmp_path: Path) -> None:
    ours = {}
    with closing(sqlites()) as db:
        for (table,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            if table not in OURS_ALONE | {"clip_words"}:
                ours[table] = {
                    name: (TYPES[kind], bool(needed) or bool(key))
                    for _, name, kind, needed, _, key, _ in db.execute(
                        f"PRAGMA table_xinfo({table})"
                    )
                }
    with databases().raw(tmp_path) as db:
        theirs: dict = {}
        for table, name, kind, needed in db.execute(
            "SELECT relname, attname, format_type(atttypid, NULL), attnotnull"
            " FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid"
            " WHERE relnamespace = 'dailies'::regnamespace AND relkind = 'r' AND attnum > 0"
        ):
            theirs.setdefault(table, {})[name] = (kind, needed)
    assert theirs.pop("clip_words").keys() == {"rowid", "guild", "prompt", "shot", "words"}
    assert theirs.keys() - ours.keys() == THEIRS_ALONE | {"migration"}
    for table in THEIRS_ALONE | {"migration"}:
        del theirs[table]
    assert theirs == ours


async def test_both_engines_have_the_same_indexes_and_keys(tmp_path: Path) -> None:
    with closing(sqlites()) as db:
        ours = {
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            )
        }
        references = {
            (table, row[3], row[2])
            for (table,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall()
            for row in db.execute(f"PRAGMA foreign_key_list({table})")
        }
    with databases().raw(tmp_path) as db:
        theirs = {
            name
            for (name,) in db.execute(
                "SELECT indexname FROM pg_indexes WHERE schemaname = 'dailies'"
                " AND indexname !~ '_(key|pkey)$'"
            )
        }
        referring = {
            tuple(row)
            for row in db.execute(
                "SELECT conrelid::regclass::text, attname, confrelid::regclass::text"
                " FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid"
                " AND attnum = conkey[1]"
                " WHERE contype = 'f' AND connamespace = 'dailies'::regnamespace"
            )
        }
    assert theirs - {"clip_words_found"} == ours
    named = {tuple(each.removeprefix("dailies.") for each in row) for row in referring}
    assert named == references


def checks(sql: str) -> set[str]:
    """The CHECKs of a table in one spelling, without what the engines write otherwise."""
    found, at = set(), 0
    while (begin := sql.find("CHECK (", at)) >= 0:
        depth, end = 0, begin + len("CHECK ")
        while True:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
            if depth == 0:
                break
        found.add(spelled(sql[begin + 6 : end]))
        at = end
    return found


def spelled(check: str) -> str:
    check = re.sub(r"--[^\n]*", "", check)
    check = re.sub(r"(\w+) GLOB '([^']*)\*'", r"\1 LIKE '\2%'", check)
    check = check.replace("json_type(brief, '$.mode') IS 'text'", "MODE IS TEXT")
    check = re.sub(r"json_typeof\(brief::json -> 'mode'\) IS NOT DISTINCT FROM 'string'",
                   "MODE IS TEXT", check)  # fmt: skip
    return re.sub(r"\s+", " ", check)


async def test_both_engines_have_the_same_checks_and_guards() -> None:
    from storage.postgresql.schema import migrations as theirs_by_number

    script = "\n".join(theirs_by_number().values())
    tables = dict(re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", script, re.DOTALL))
    with closing(sqlites()) as db:
        for table, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
            if table not in OURS_ALONE | {"clip_words"}:
                assert checks(sql) == checks(tables[table]), table
        ours = {
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        }
        said = {
            sentence
            for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
            for sentence in re.findall(r"RAISE \(ABORT, '([^']*)'", sql)
        }
    theirs = set(re.findall(r"CREATE TRIGGER (\w+)", script))
    truncations = {name for name in theirs if name.endswith("_truncate")}
    assert len(truncations) == 5, "each table that is append-only"
    notes = {"job_is_changed", "batch_is_posted", "next_numbers"}  # SQLite's are temporary
    notes |= {"server_is_changed", "order_default_is_changed"}  # for other processes
    assert theirs - truncations - notes == ours
    guards = set(re.findall(r"refuse\('([^']*)'\)", script))
    guards |= set(re.findall(r"MESSAGE = '([^']*)'", script)) - {"another process holds the lease"}
    assert guards == said


def test_each_later_migration_has_its_pair() -> None:
    from importlib import resources

    def named(package: str) -> set[int]:
        folder = resources.files(package) / "migrations"
        return {int(each.name[:4]) for each in folder.iterdir() if each.name.endswith(".sql")}

    ours, theirs = named("storage"), named("storage.postgresql")
    assert min(theirs) == 28
    assert {number for number in ours if number >= 28} == theirs


def test_what_has_landed_is_not_changed() -> None:
    assert present_pairs() == landed_pairs(), "add new ones with: make migration"


def test_where_the_driver_is_missing_it_is_said_how_to_get_it(monkeypatch) -> None:
    monkeypatch.delattr("storage.postgresql.opening")
    monkeypatch.setitem(sys.modules, "storage.postgresql.opening", None)
    with pytest.raises(CannotOpen, match=re.escape("pip install 'dailies[postgresql]'")):
        server_opening()


def test_the_dialect_touches_nothing_but_what_it_says() -> None:
    assert translated("SELECT ':no', \"?\", 10 % 3, x::text -- :gone\n, ?") == (
        "SELECT ':no', \"?\", 10 %% 3, x::text \n, %s",
        False,
    )
    assert translated("a = :a AND b LIKE 'x%' AND c = ?1") == (
        "a = %(a)s AND b LIKE 'x%%' AND c = %(p1)s",
        True,
    )
    assert translated("x CROSS JOIN y INDEXED BY z ON 1 = 1")[0].split() == (
        ["x", "JOIN", "y", "ON", "1", "=", "1"]
    )


async def test_two_processes_never_use_one_database(tmp_path: Path) -> None:
    url = databases().of(tmp_path / "one")
    async with open_store(tmp_path / "one") as store:
        with pytest.raises(Locked, match="Another Dailies"):
            async with open_server(tmp_path / "two", url):
                pytest.fail("it opened")
        waited = []
        second = asyncio.create_task(standing_by(tmp_path / "two", url, waited))
        while not waited:
            await asyncio.sleep(0.02)
        job, _ = await store.jobs.add(draft(1))
        with pytest.raises(Locked):
            async with look_into(tmp_path / "two", server=url):
                pytest.fail("it looked")
        async with look_into(tmp_path / "two", server=url, beside=True) as beside:
            assert await beside.jobs.get(job.id) == job
    assert await second == job, "it took over at once: the first one let go"
    assert set(waited) == {held_by(tmp_path / "one")}


async def standing_by(directory: Path, url: str, waited: list[str]):
    async def wait(other: str) -> None:
        waited.append(other)
        await asyncio.sleep(0.02)

    async with open_server(directory, url, standing_by=wait) as store:
        return await store.jobs.get(1)


async def test_one_that_stands_by_outlives_the_server(tmp_path: Path, own_server) -> None:
    url = own_server.create("bot", template="dailies_template")
    lease = "INSERT INTO dailies.lease VALUES (0, 'studio-1234', 4, now() + interval '1 day')"
    with psycopg.connect(own_server.url("bot", "tester"), autocommit=True) as db:
        db.execute(lease)
    waited: list[str] = []
    second = asyncio.create_task(standing_by(tmp_path, url, waited))
    await until(lambda: waited)
    await asyncio.to_thread(own_server.stop, "immediate")
    before = len(waited)
    await until(lambda: len(waited) > before + 2)
    assert set(waited) == {"studio-1234"}
    await asyncio.to_thread(own_server.start)
    with psycopg.connect(own_server.url("bot", "tester"), autocommit=True) as db:
        db.execute("UPDATE dailies.lease SET until = now()")
    assert await second is None, "it took over; there was no job"


async def test_a_crashed_one_starts_again_at_once_and_its_old_writes_are_refused(
    tmp_path: Path,
) -> None:
    url = databases().of(tmp_path)
    async with open_store(tmp_path) as store:
        with databases().raw(tmp_path) as db:  # as a frozen process: its lease is another's now
            db.execute("UPDATE dailies.lease SET epoch = epoch + 1, holder = 'another'")
        with pytest.raises(ServerTrouble, match="Another Dailies has taken over, so nothing was"):
            await store.jobs.add(draft(1))
        assert await store.jobs.newest() == []
        with databases().raw(tmp_path) as db:
            db.execute("UPDATE dailies.lease SET holder = %s", [held_by(tmp_path)])
    async with open_server(tmp_path, url) as store:  # no lease of its own holds it up
        job, _ = await store.jobs.add(draft(1))
        assert job.id == 1


def held_by(directory: Path) -> str:
    return (directory / "dailies.holder").read_text().strip()


async def test_a_lease_is_only_sure_before_its_end() -> None:
    now = 100.0
    lease = Lease(0, ticks=lambda: now)
    assert not lease.sure
    lease.taken(3, asked_at=now)
    assert lease.held == {0: 3}
    now += VALID - MARGIN - 0.01
    assert lease.sure
    now += 0.02
    assert not lease.sure


async def test_a_connection_that_is_lost_costs_its_group_and_nothing_else(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.jobs.add(draft(1))

        def lose(db) -> None:
            with databases().raw(tmp_path) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'dailies' AND datname = current_database()"
                )
            db.execute("SELECT 1")

        lost = [store.jobs.add(draft(number)) for number in range(2, 6)]
        lost.append(store.writer.write(lose))
        outcomes = await asyncio.gather(*lost, return_exceptions=True)
        assert {str(each) for each in outcomes} == {
            "The database server can't be reached, so nothing was saved."
        }
        assert [job.id for job in await store.jobs.newest()] == [1]
        job, _ = await store.jobs.add(draft(7))
        assert (await store.jobs.get(job.id)) == job
        assert await store.check(thorough=True) == []


async def test_reads_go_on_when_their_connections_were_lost(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        job, _ = await store.jobs.add(draft(1))
        with databases().raw(tmp_path) as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        for _ in range(4):
            assert await store.jobs.get(job.id) == job
        await store.jobs.add(draft(2))


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_lost_answer_to_a_commit_is_asked_for(tmp_path: Path, delivered: bool) -> None:
    async with severed(databases().of(tmp_path)) as way, open_server(tmp_path, way.url) as store:
        await store.jobs.add(draft(1))
        way.break_at(b"COMMIT", delivered=delivered)
        adding = store.jobs.add(draft(2))
        if delivered:
            job, created = await adding
            assert (job.id, created) == (2, True)
        else:
            with pytest.raises(ServerTrouble):
                await adding
        assert way.broken == 1
        assert len(await store.jobs.newest()) == 1 + delivered
        job, created = await store.jobs.add(draft(2))
        assert created is not delivered
        assert await store.check(thorough=True) == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1/x", "Connection refused."),
        ("127.0.0.1:1,127.0.0.1:2/x", "Connection refused."),
        ("127.0.0.1:99999/x", 'invalid port number: "99999".'),
        ("127.0.0.1/x?sslmode=nonsense", 'invalid sslmode value: "nonsense".'),
        ("/x?host=/nowhere", "No such file or directory."),
    ],
)
async def test_why_there_is_no_connection_is_said_in_a_few_words(
    tmp_path: Path, address: str, reason: str
) -> None:
    with pytest.raises(CannotOpen) as no:
        async with open_server(tmp_path, f"postgresql://dailies:canary@{address}"):
            pytest.fail("it opened")
    assert str(no.value).endswith(f"can't be opened: {reason}")
    assert "canary" not in str(no.value)


async def test_what_cannot_be_opened_is_refused_with_a_sentence(tmp_path: Path) -> None:
    url = databases().of(tmp_path)

    async def refused(address: str = url) -> str:
        with pytest.raises(CannotOpen) as error:
            async with open_server(tmp_path, address):
                pytest.fail("it opened")
        assert "postgresql://" not in str(error.value)
        return str(error.value)

    assert await refused(url.replace("dailies@", "nobody_such:canary@")) == (
        f"The database of DAILIES_STORE (127.0.0.1, database {url.rpartition('/')[2]}) can't be "
        'opened: role "nobody_such" does not exist.'
    )
    assert "does not exist" in await refused(f"{url}_missing")
    nobody = await refused("postgresql://dailies:canary@127.0.0.1:1/dailies")
    assert "can't be opened" in nobody
    assert "canary" not in nobody
    with databases().raw(tmp_path) as db:
        for trouble, said, kind in (
            ("INSERT INTO dailies.migration VALUES (1000, 'x')", "A newer Dailies", NewerSchema),
            ("UPDATE dailies.migration SET sha256 = 'x' WHERE version = 28", "was another one",
             WrongSchema),
            ("DROP TRIGGER txn_delete ON dailies.txn", "trigger txn_delete is missing",
             WrongSchema),
            ("ALTER TABLE dailies.txn DISABLE TRIGGER txn_delete", "txn_delete is missing",
             WrongSchema),
            ("DROP INDEX dailies.job_due", "index job_due is missing", WrongSchema),
            ("DROP TABLE dailies.migration", "isn't Dailies'", WrongSchema),
        ):  # fmt: skip
            db.execute("BEGIN")
            db.execute(trouble)
            db.execute("COMMIT")
            with pytest.raises(kind, match=said):
                async with open_server(tmp_path, url):
                    pytest.fail("it opened")
            undo(db)


#: How what the test above has broken is mended again: the database is used by other tests.
def undo(db: psycopg.Connection) -> None:
    from storage.postgresql.schema import migrations as scripts
    from storage.schema import digest

    db.execute(
        "CREATE TABLE IF NOT EXISTS dailies.migration"
        ' (version BIGINT PRIMARY KEY, sha256 TEXT COLLATE "C" NOT NULL)'
    )
    db.execute("ALTER TABLE dailies.migration OWNER TO dailies")
    db.execute("DELETE FROM dailies.migration")
    for version, script in scripts().items():
        db.execute("INSERT INTO dailies.migration VALUES (%s, %s)", [version, digest(script)])
    db.execute(
        "CREATE OR REPLACE TRIGGER txn_delete BEFORE DELETE ON dailies.txn"
        " FOR EACH ROW EXECUTE FUNCTION dailies.refuse('the ledger is append-only')"
    )
    db.execute("ALTER TABLE dailies.txn ENABLE TRIGGER txn_delete")
    db.execute(
        "CREATE INDEX IF NOT EXISTS job_due ON dailies.job (due_at, provider, state)"
        " WHERE due_at IS NOT NULL"
    )


async def test_an_empty_database_is_made_by_its_owner_and_only_looked_at_by_others(
    tmp_path: Path,
) -> None:
    with databases().raw(tmp_path) as db:
        name = f"empty_{db.info.dbname}"
        db.execute(f"CREATE DATABASE {name} OWNER dailies")
    url = f"{databases().of(tmp_path).rpartition('/')[0]}/{name}"
    try:
        with pytest.raises(NotThere, match="no Dailies in the database"):
            async with look_into(tmp_path, server=url):
                pytest.fail("it looked")
        stranger = url.replace("dailies@", "stranger@")
        with databases().raw(tmp_path) as db:
            db.execute("DROP ROLE IF EXISTS stranger")
            db.execute("CREATE ROLE stranger LOGIN")
        with pytest.raises(CannotOpen, match="Make that user the owner of the database"):
            async with open_server(tmp_path, stranger):
                pytest.fail("it opened")
        async with open_server(tmp_path, url) as store:
            assert await store.check(thorough=True) == []
        async with look_into(tmp_path, server=url) as store:
            assert await store.jobs.newest() == []
    finally:
        with databases().raw(tmp_path) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_text_with_nul_is_kept_without_it(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        job, _ = await store.jobs.add(draft(1, note="It said \0."))
        assert (await store.jobs.get(job.id)).note == "It said \ufffd."


async def test_a_truncate_passes_by_no_guard(tmp_path: Path) -> None:
    with databases().raw(tmp_path) as db:
        for table in ("event", "audit", "txn", "transfer", "account"):
            with pytest.raises(psycopg.IntegrityError, match="append-only"):
                db.execute(f"TRUNCATE dailies.{table} CASCADE")


#: Questions as the store asks them, and the index that answers each.
INDEXED = {
    "job_due": "SELECT * FROM job INDEXED BY job_due WHERE due_at IS NOT NULL AND due_at <= 5",
    "job_by_parent": """
        SELECT id FROM job WHERE json_extract(brief, '$.parent') IS NOT NULL
        AND CAST(json_extract(brief, '$.parent') AS BIGINT) = 7
    """,
    "txn_quarter": "SELECT DISTINCT quarter FROM txn WHERE kind = 'reserve' AND quarter > 5",
    "needed_pkey": """
        SELECT file FROM needed WHERE file >= 'inputs/frame-7-' AND file < 'inputs/frame-7.'
    """,
    "job_mine": """
        SELECT id FROM job WHERE user_id = 1 AND guild_id = 2 AND state = 'done'
        AND json_extract(brief, '$.mode') = 'text' AND id < 9 ORDER BY id DESC LIMIT 5
    """,
    "clip_words_found": """
        SELECT rowid FROM clip_words WHERE words @@ words_query('guild : "1x0" AND "fox"')
    """,
}


@pytest.mark.parametrize("index", INDEXED)
async def test_a_question_can_be_answered_by_its_index(tmp_path: Path, index: str) -> None:
    """By that alone: on an empty table several cost the same, and any of them may be taken."""

    class Planned(Exception): ...

    def plan(db) -> None:
        db.script("SET LOCAL enable_seqscan = off")
        rivals = db.execute(
            "SELECT other.indexrelid::regclass::text, indrelid::regclass::text, conname"
            " FROM pg_index AS it JOIN pg_index AS other USING (indrelid) LEFT JOIN pg_constraint"
            " ON conindid = other.indexrelid AND contype IN ('p', 'u')"
            " WHERE it.indexrelid = CAST(? AS regclass) AND other.indexrelid <> it.indexrelid",
            (f"dailies.{index}",),
        ).fetchall()
        for other, table, rule in rivals:
            by_rule = f"ALTER TABLE {table} DROP CONSTRAINT {rule} CASCADE"
            db.script(by_rule if rule else f"DROP INDEX {other}")
        raise Planned("\n".join(row[0] for row in db.execute(f"EXPLAIN {INDEXED[index]}")))

    async with open_store(tmp_path) as store:
        with pytest.raises(Planned, match=index):
            await store.writer.write(plan)


async def test_a_restored_dump_is_gone_on_from_as_from_a_backup(tmp_path: Path) -> None:
    url = databases().of(tmp_path)
    async with open_store(tmp_path) as store:
        job, _ = await store.jobs.add(draft(1))
        assert await store.restorations.latest() is None
    async with open_store(tmp_path) as store:
        assert await store.restorations.latest() is None, "it is the same one"
    dump = tmp_path / "dump"
    databases().dump(tmp_path, dump)
    with databases().raw(tmp_path) as db:
        name = f"restored_{db.info.dbname}"
        db.execute(f"CREATE DATABASE {name} OWNER dailies")
    address = f"{url.rpartition('/')[0]}/{name}"
    try:
        databases().restore(dump, name)
        async with open_server(tmp_path, address) as store:
            assert await store.jobs.get(job.id) == job
            restored = await store.restorations.latest()
            assert restored is not None
            assert restored.began_at is None
            assert await store.check(thorough=True) == []
            found = await store.takes.with_words("fox", guild_id=10, edge=9, newer=False, limit=5)
            assert [hit.id for hit in found.hits] == [job.id]
        async with open_server(tmp_path, address) as store:
            again = await store.restorations.latest()
            assert again is not None
            assert again.id == restored.id, "it is told once"
    finally:
        with databases().raw(tmp_path) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    ("change", "why", "restored"), [(-1, SET_BACK, True), (1, CAME_LATE, False)]
)
async def test_a_process_ends_where_the_server_has_other_commits_than_it_said(
    tmp_path: Path, change: int, why: str, restored: bool
) -> None:
    async with open_store(tmp_path) as store:
        await store.jobs.add(draft(1))
        with databases().raw(tmp_path) as db:  # as a snapshot of its disk that was put back would
            db.execute(
                "UPDATE dailies.changed SET version = version + %s WHERE what LIKE 'commits of %%'",
                [change],
            )
        with pytest.raises(ServerTrouble, match="has other rows than before"):
            await store.jobs.add(draft(2))
        await until(store.lease.gone.is_set)
        assert store.lease.why == why
    async with open_store(tmp_path) as store:
        assert (await store.restorations.latest() is not None) is restored
        await store.jobs.add(draft(3))


@pytest.mark.long
async def test_a_lease_is_renewed_again_once_the_server_is_back(tmp_path: Path, own_server) -> None:
    url = own_server.create("leased", template="dailies_template")
    now = 100.0
    lease = Lease(0, ticks=lambda: now, every=0.01)
    session = connected(url, "lease")
    thread = SessionThread(session)
    session.execute("SELECT begin_group('{}', '{}')")
    epoch, _ = take(session, 0, "me")
    assert epoch == 1
    lease.taken(epoch, asked_at=now)
    keeping = asyncio.create_task(lease.keep(thread))
    try:
        await until(lambda: lease.renewals > 1)
        await asyncio.to_thread(own_server.stop, "immediate")
        now += VALID
        assert not lease.sure
        await asyncio.sleep(0.2)
        assert not keeping.done()
        await asyncio.to_thread(own_server.start)
        await until(lambda: lease.sure)
        assert not lease.gone.is_set()
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        await thread.close()
