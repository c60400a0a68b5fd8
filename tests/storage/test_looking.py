"""Looking changes nothing: not a byte, not a file, not a schema; and health tells the truth."""

import asyncio
import shutil
import sqlite3
from contextlib import closing

import pytest

from bot.app.doctor import check
from bot.app.probes import storage_check
from bot.settings import Settings
from storage import CannotOpen, Locked, NotThere, look_into
from storage.opening import DATABASE
from storage.schema import migrate, migrations
from tests.rig.engines import open_store
from tests.rig.proving import one_in

pytestmark = pytest.mark.sqlite


def everything(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
async def data(tmp_path):
    async with open_store(tmp_path / "data"):
        pass
    return tmp_path / "data"


async def test_check_reads_and_changes_nothing(data, capsys):
    before = everything(data)
    assert await check(Settings.load(dailies_data=data)) == 0
    assert "✓ The accounts add up." in capsys.readouterr().out
    assert everything(data) == before


async def test_what_a_killed_one_left_in_its_log_is_read_and_left(data, tmp_path):
    killed = tmp_path / "killed"
    async with open_store(data) as store:
        await store.writer.write(
            lambda db: db.execute("INSERT INTO clock (id, mark) VALUES (1, 5000000000)").rowcount
        )
        shutil.copytree(data, killed)  # as a power cut would leave it
    assert (killed / f"{DATABASE}-wal").stat().st_size > 0
    before = everything(killed)
    async with look_into(killed) as store:
        assert store.clock.now() >= 5_000_000_000
    assert everything(killed) == before


async def test_nothing_is_made_where_nothing_is(tmp_path):
    with pytest.raises(NotThere, match="There is no database in"):
        async with look_into(tmp_path / "nowhere"):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("level", one_in(6, range(1, len(migrations()))))
async def test_an_older_schema_is_refused_and_not_brought_up(tmp_path, level):
    path = tmp_path / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, migrations()[:level])
    before = everything(tmp_path)
    with pytest.raises(CannotOpen, match=rf"An older Dailies .* \(schema {level},.*`dailies run`"):
        async with look_into(tmp_path):
            pass
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("level", "said"), [(1, "doesn't match its schema 1"), (9999, "A newer Dailies")]
)
async def test_a_schema_that_is_not_known_is_refused_and_not_changed(data, level, said):
    with closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute(f"PRAGMA user_version = {level}")
    before = everything(data)
    with pytest.raises(CannotOpen, match=said):
        async with look_into(data):
            pass
    assert everything(data) == before


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 999])
async def test_what_is_no_database_is_a_sentence(data, content):
    (data / DATABASE).write_bytes(content)
    with pytest.raises(CannotOpen):
        async with look_into(data):
            pass
    assert (data / DATABASE).read_bytes() == content


async def test_a_running_one_is_left_alone(data):
    async with open_store(data):
        with pytest.raises(Locked):
            async with look_into(data):
                pass


# Health.


async def test_health_tells_that_another_program_holds_the_database(data):
    async with open_store(data) as store:
        look = storage_check(store, data)
        assert await look() is None
        other = sqlite3.connect(data / DATABASE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            assert await look() in {
                "the database doesn't answer",
                "Another program is holding the database, so nothing was saved",
            }
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert await look() is None
    assert {path.name for path in data.iterdir()} == {DATABASE, "dailies.lock"}


async def test_health_tells_that_the_disk_is_full(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small))
    mounted = await asyncio.create_subprocess_exec(*mount, stderr=asyncio.subprocess.DEVNULL)
    if await mounted.wait():
        pytest.skip("A small disk cannot be made here, so a full one was not tried.")
    try:
        async with open_store(small / "data") as store:
            look = storage_check(store, small / "data")
            assert await look() is None
            (small / "rest").write_bytes(b"")
            with (small / "rest").open("wb", buffering=0) as rest, pytest.raises(OSError):
                while True:
                    rest.write(b"x" * 4096)
            said = await look()
            assert "full" in said or "No space left" in said
            (small / "rest").unlink()
            assert await look() is None
    finally:
        await (await asyncio.create_subprocess_exec("umount", "-l", str(small))).wait()
