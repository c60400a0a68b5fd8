"""When the data directory is opened, and when it is refused with a sentence."""

import asyncio
import os
import re
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from storage import CannotOpen, Damaged, Locked, NewerSchema, open_store
from storage.opening import DATABASE, LOG_KEPT
from storage.schema import LEAST_SQLITE, migrate, migrations, objects, require_sqlite
from tests.rig.databases import harm
from tests.rig.drafts import draft

pytestmark = pytest.mark.sqlite

PROJECT = Path(__file__).parent.parent.parent

TRY_TO_OPEN = """
import asyncio, sys
from pathlib import Path
from storage import Locked, open_store

async def main():
    try:
        async with open_store(Path(sys.argv[1])):
            print("opened")
    except Locked as error:
        print(error)

asyncio.run(main())
"""


async def fill(directory: Path) -> None:
    async with open_store(directory) as store:
        for number in range(200):
            await store.jobs.add(draft(number))


async def test_a_new_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    async with open_store(tmp_path / "deep" / "data") as store:
        job, _ = await store.jobs.add(draft())
    assert (tmp_path / "deep" / "data").stat().st_mode & 0o077 == 0
    async with open_store(tmp_path / "deep" / "data") as store:
        assert await store.jobs.get(job.id) == job


async def test_it_is_as_durable_as_we_say(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        found = await store.writer.write(
            lambda db: {
                name: db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in (
                    *("journal_mode", "synchronous", "foreign_keys", "busy_timeout"),
                    "journal_size_limit",
                )
            }
        )
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "journal_size_limit": LOG_KEPT,
    }


async def test_a_second_instance_is_told_who_has_the_directory(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", TRY_TO_OPEN, str(tmp_path), stdout=PIPE, cwd=PROJECT
        )
        said, _ = await other.communicate()
        assert said.decode() == (
            f"Another Dailies (pid {os.getpid()}) is using the data directory {tmp_path}. "
            "Stop it or set DAILIES_DATA.\n"
        )
        with pytest.raises(Locked):
            async with open_store(tmp_path):
                pass
    async with open_store(tmp_path):  # and it is free again
        pass


async def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    await fill(tmp_path)
    db = sqlite3.connect(tmp_path / DATABASE)
    db.execute("PRAGMA user_version = 1000")
    db.close()
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(NewerSchema, match=r"schema 1000, this one knows \d+"):
        async with open_store(tmp_path):
            pass
    assert (tmp_path / DATABASE).read_bytes() == before


@pytest.mark.parametrize("where", ["middle", "head", "not ours"])
async def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path, where: str) -> None:
    await fill(tmp_path)
    path = tmp_path / DATABASE
    data = bytearray(path.read_bytes())
    if where == "middle":
        data[8192:20480] = bytes(12288)
    elif where == "head":
        data[:100] = b"\xff" * 100
    else:
        data = bytearray(b"This is a letter, not a database. " * 100)
    path.write_bytes(data)
    with pytest.raises(Damaged, match="is damaged"):
        async with open_store(tmp_path):
            pass
    assert path.read_bytes() == data
    with pytest.raises(Damaged, match="is damaged"):  # nor the next time
        async with open_store(tmp_path):
            pass


async def test_what_was_closed_is_not_looked_over_again(tmp_path: Path) -> None:
    await fill(tmp_path)
    path, lock = tmp_path / DATABASE, tmp_path / "dailies.lock"
    was = path.stat()
    harm(path)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))  # as no other program would leave it
    async with open_store(tmp_path) as store:
        assert not store.unproven
        assert lock.read_text() == f"{os.getpid()}\n"


async def test_after_a_crash_it_is_used_while_it_is_looked_over(tmp_path: Path) -> None:
    await fill(tmp_path)
    (tmp_path / "dailies.lock").write_text("4711\n")
    async with open_store(tmp_path) as store:
        assert store.unproven
        assert await store.look_for_damage() is None
        assert not store.unproven
    assert (tmp_path / "dailies.lock").read_text().startswith("closed ")


async def test_damage_after_a_crash_is_found_and_found_again(tmp_path: Path) -> None:
    await fill(tmp_path)
    harm(tmp_path / DATABASE)
    (tmp_path / "dailies.lock").write_text("4711\n")
    for _ in range(2):
        async with open_store(tmp_path) as store:
            found = await store.look_for_damage()
            assert found is not None and found.startswith("The database is damaged (")
            assert store.unproven
        assert (tmp_path / "dailies.lock").read_text() == f"{os.getpid()}\n"


async def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(CannotOpen, match="DAILIES_DATA"):
        async with open_store(tmp_path / "file"):
            pass
    (tmp_path / "data" / DATABASE).mkdir(parents=True)
    with pytest.raises(CannotOpen, match="can't be opened"):
        async with open_store(tmp_path / "data"):
            pass


def test_migrations_are_numbered_without_a_gap() -> None:
    folder = PROJECT / "storage" / "migrations"
    names = sorted(path.name for path in folder.glob("*.sql"))
    assert [name[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.sql", name) for name in names)
    assert len(migrations()) == len(names)


def test_a_failing_migration_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    db = sqlite3.connect(path, isolation_level=None)
    good, bad = "CREATE TABLE one (a);", "CREATE TABLE two (a); INSERT INTO nowhere VALUES (1);"
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, path, [good, bad])
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert set(objects(db)) == {("table", "one")}
    migrate(db, path, [good, "CREATE TABLE two (a);"])
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    db.close()


def test_a_sqlite_that_lacks_what_we_say_is_named() -> None:
    require_sqlite()
    require_sqlite(LEAST_SQLITE)
    with pytest.raises(
        CannotOpen, match=re.escape("SQLite 3.39.0 or newer, and this Python has 3.38.5")
    ):
        require_sqlite((3, 38, 5))
