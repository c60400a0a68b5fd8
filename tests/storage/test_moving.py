"""`dailies move`: every row is on the server, or none is."""

import asyncio
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

import storage
from storage import CannotOpen, Locked, State
from storage.opening import DATABASE, MOVED, NotMoved
from storage.postgresql.connecting import connected
from storage.postgresql.moving import compare, move
from storage.postgresql.opening import open_server
from tests.rig import engines
from tests.rig.drafts import advance, draft

pytestmark = pytest.mark.postgresql
MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
ROOT = Path(__file__).parent.parent.parent


def databases():
    found = engines.current[0]
    assert found is not None
    return found


async def filled(directory: Path) -> None:
    """A file with clips of each kind, and with numbers that were given and are gone."""
    async with storage.open_store(directory) as store:
        for number in range(1, 13):
            found = await store.policy.admit(
                draft(number, user_id=number, brief=storage.Brief(prompt=f"狐 fox {number}")),
                roles=(),
            )
            if number % 3 == 0:
                await advance(store.jobs, found.job, *MADE)
        await store.takes.number(await store.jobs.get(3), 20)
        await store.takes.set_thread(
            storage.Thread(id=7, guild_id=10, parent_id=20, board_id=None), at=1.25
        )
        await store.takes.with_words("fox", guild_id=10, edge=99, newer=False, limit=5)
        await store.alerts.begin(storage.AlertKind.DISK, "", "It is full.")
        await store.writer.write(
            lambda db: db.execute("UPDATE sqlite_sequence SET seq = 40 WHERE name = 'job'").rowcount
        )


async def test_all_of_it_is_there_and_goes_on(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with storage.open_store(tmp_path) as store:
        before = await store.jobs.newest(limit=50)
        history = [await store.jobs.history(job.id) for job in before]
    url = databases().of(tmp_path)
    moved = await asyncio.to_thread(move, tmp_path, url)
    assert moved.rows > 60
    assert moved.kept_as == tmp_path / MOVED
    assert not (tmp_path / DATABASE).exists()
    with closing(connected(url, "test")) as server:
        [counted] = server.execute(
            "SELECT reltuples FROM pg_class WHERE oid = 'dailies.job'::regclass"
        ).fetchone()
    assert counted == 12, "the server plans by what is there"
    async with open_server(tmp_path, url) as store:
        assert await store.jobs.newest(limit=50) == before
        assert [await store.jobs.history(job.id) for job in before] == history
        assert await store.check(thorough=True) == []
        assert (await store.takes.get(3, guild_id=10)).number == 1
        found = await store.takes.with_words("狐", guild_id=10, edge=99, newer=False, limit=50)
        assert len(found.hits) == 12, "the index of words, too"
        job, _ = await store.jobs.add(draft(99))
        assert job.id == 41, "no number is given twice"
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            await store.writer.write(lambda db: db.execute("DELETE FROM txn"))
    with pytest.raises(CannotOpen, match=r"were moved to a database server\. Set DAILIES_STORE"):
        async with storage.open_store(tmp_path):
            pytest.fail("it opened")


async def test_one_other_value_is_found_by_the_comparison(tmp_path: Path) -> None:
    await filled(tmp_path)
    url = databases().of(tmp_path)
    await asyncio.to_thread(move, tmp_path, url)
    columns = {"job": ["id", "price", "note"], "transfer": ["txn_id", "source", "target", "amount"]}
    target = connected(url, "test")
    with closing(sqlite3.connect(tmp_path / MOVED)) as source:
        target.script("BEGIN")
        compare(source, target, columns)
        target.script("UPDATE job SET note = 'another' WHERE id = 2")
        with pytest.raises(NotMoved, match="What the server has of job isn't what the file has"):
            compare(source, target, columns)
        target.script("ROLLBACK")
        target.close()


async def test_what_cannot_be_moved_is_left_alone(tmp_path: Path) -> None:
    await filled(tmp_path)
    url = databases().of(tmp_path)
    async with storage.open_store(tmp_path):
        with pytest.raises(Locked):
            await asyncio.to_thread(move, tmp_path, url)
    with pytest.raises(NotMoved, match="nothing to move"):
        await asyncio.to_thread(move, tmp_path / "empty", url)
    async with open_server(tmp_path / "other", url) as store:
        await store.jobs.add(draft(1))
    with pytest.raises(NotMoved, match="The database of the server isn't empty: "):
        await asyncio.to_thread(move, tmp_path, url)
    databases().empty()
    url = databases().of(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        db.execute("UPDATE job SET note = 'a' || char(0) WHERE id = 5")
    with pytest.raises(NotMoved, match=r"NUL character, which these hold: note of job 5\. Take it"):
        await asyncio.to_thread(move, tmp_path, url)
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        db.execute("UPDATE job SET note = NULL")
        db.execute("UPDATE account SET balance = balance + 1 WHERE name LIKE 'held:%'")
    with pytest.raises(NotMoved, match="The accounts don't add up: "):
        await asyncio.to_thread(move, tmp_path, url)
    assert (tmp_path / DATABASE).exists()
    assert rows(tmp_path) == 0


@pytest.mark.long
async def test_a_move_that_is_killed_leaves_the_server_empty_and_the_file_as_it_was(
    tmp_path: Path,
) -> None:
    await filled(tmp_path)
    url = databases().of(tmp_path)
    script = (
        "import sys, os, signal; from pathlib import Path\n"
        "from storage.postgresql import moving\n"
        "def told(said):\n"
        "    if said.startswith(sys.argv[3]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "moving.move(Path(sys.argv[1]), sys.argv[2], told=told)\n"
    )
    for table in ("person", "transfer"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(tmp_path), url, table, cwd=ROOT
        )
        assert await process.wait() == -signal.SIGKILL
        assert rows(tmp_path) == 0
    assert (tmp_path / DATABASE).exists()
    await asyncio.to_thread(move, tmp_path, url)
    assert rows(tmp_path) == 12


def rows(directory: Path) -> int:
    with databases().raw(directory) as db:
        found = db.execute("SELECT count(*) FROM dailies.job").fetchone()
    assert found is not None
    return int(found[0])
