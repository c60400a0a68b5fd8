"""Backups: whole whatever happens meanwhile, kept as long as said, refused when they are not."""

import asyncio
import signal
import sqlite3
import stat
import threading
import time
from contextlib import closing
from functools import partial

import pytest

from bot.app.backup_commands import backup, restore
from bot.app.backups import Backups, place_of
from bot.errors import Busy
from bot.exits import Exit
from bot.files.backup_places import DirectoryPlace, name_at
from bot.settings import BadSetting, Settings
from storage import (
    CannotOpen,
    Damaged,
    DiskTrouble,
    Locked,
    NewerSchema,
    copy_database,
    look_into,
    open_store,
    restore_database,
)
from storage.copying import Stopped
from storage.opening import DATABASE, holding
from tests.app.test_cli import dailies
from tests.e2e.test_kill import SMALL, order, run
from tests.rig import s3 as imitation
from tests.rig.databases import fresh, harm
from tests.rig.drafts import draft
from tests.rig.house import HANGS, until, working
from tests.rig.taking import clip_of

DAY = 86_400.0
T0 = 1_796_000_000.0


@pytest.fixture
def data(tmp_path):
    return fresh(tmp_path / "data")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backups"


def made_by(data, folder, at, *, days=14):
    return Backups(data, DirectoryPlace(folder), hours=24, keep_days=days, wall=lambda: at)


async def add(store, number):
    return await store.jobs.add(draft(number))


def names(directory):
    return sorted(each.name for each in directory.iterdir())


def jobs_in(path):
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as db:
        return db.execute("SELECT count(*) FROM job").fetchone()[0]


def fetching(path, at=T0):
    async def fetch(to):
        to.write_bytes(path.read_bytes())
        return at

    return fetch


class Pauses:
    """Sleeps until a test ends the pause."""

    def __init__(self):
        self._begun, self._ended = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def sleep(self, _seconds):
        self._begun.release()
        await self._ended.acquire()

    async def begin(self):
        await asyncio.wait_for(self._begun.acquire(), HANGS)

    async def end(self):
        """End the pause; returns in the next one."""
        self._ended.release()
        await self.begin()


# Making one.


async def test_it_holds_one_moment_whatever_is_written_meanwhile(data, folder):
    async with open_store(fresh(data)) as store:
        for number in range(400):
            await add(store, number)
        loop, added = asyncio.get_running_loop(), []

        def pause(_seconds):
            """Between two pieces of the copy, an order is written."""
            order = asyncio.run_coroutine_threadsafe(add(store, 1000 + len(added)), loop)
            added.append(order.result(60))

        folder.mkdir()
        copied = await asyncio.to_thread(
            copy_database, data, folder / "a.db", at=T0, sleep=pause, pages=16
        )
        assert len(added) > 3
        assert jobs_in(folder / "a.db") == 400
        assert copied.size == (folder / "a.db").stat().st_size
        assert stat.S_IMODE((folder / "a.db").stat().st_mode) == 0o600
        assert names(folder) == ["a.db"], "it is one file"


async def test_who_starts_while_a_copy_is_made_is_told_what_to_wait_for(data, folder):
    folder.mkdir()
    async with open_store(fresh(data)):
        pass
    said = []

    def pause(_seconds):
        with pytest.raises(Locked) as no, holding(data):
            pass
        said.append(str(no.value))

    copy_database(data, folder / "a.db", at=T0, sleep=pause, pages=16)
    assert said[0].startswith("A command such as `dailies backup` is reading the data directory ")
    async with open_store(data):
        pass


async def test_a_copy_that_nobody_waits_for_any_more_ends_and_leaves_nothing(data, folder):
    folder.mkdir()
    asked = threading.Event()
    asked.set()
    with pytest.raises(Stopped):
        copy_database(data, folder / "a.db", at=T0, stopped=asked.is_set)
    assert names(folder) == []


async def test_a_stop_does_not_wait_for_a_backup(data, folder):
    slow = partial(copy_database, pages=1, sleep=lambda _: time.sleep(0.05))
    backups = Backups(data, DirectoryPlace(folder), hours=24, keep_days=14, copy=slow)
    making = asyncio.create_task(backups.make())
    await until(lambda: folder.exists() and names(folder))
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert names(folder) == []


@pytest.mark.long
async def test_beside_a_running_bot_and_after_a_kill_nothing_is_missing(
    playground, mira, tmp_path, folder
):
    data, log = tmp_path / "data", tmp_path / "log"
    settings = {"DAILIES_DATA": str(data)}
    async with run(playground, data, log) as bot:
        await order(playground, mira, **SMALL)
        await clip_of(mira)
        done = await asyncio.to_thread(
            dailies, "backup", str(folder), "--verify", cwd=tmp_path, **settings
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        made, restored = done.stdout.splitlines()
        assert made.startswith("✓ dailies-")
        assert restored.endswith(": 1 clip, and the accounts add up.")
        refused = await asyncio.to_thread(
            dailies, "restore", str(folder), "--replace", cwd=tmp_path, **settings
        )
        assert refused.returncode == 3
        assert "is using the data directory" in refused.stderr
        bot.send_signal(signal.SIGKILL)
        await bot.wait()
    assert (data / f"{DATABASE}-wal").stat().st_size, "it was killed with work in its log"
    [first] = names(folder)
    await asyncio.sleep(1.1)  # names have seconds
    done = await asyncio.to_thread(dailies, "backup", str(folder), cwd=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    [second] = set(names(folder)) - {first}
    assert jobs_in(folder / second) == 1
    listed = await asyncio.to_thread(
        dailies, "backup", "--list", str(folder), cwd=tmp_path, **settings
    )
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [second, first]


async def test_a_damaged_database_gives_no_backup_and_costs_none_that_is_there(data, folder):
    async with open_store(fresh(data)) as store:
        for number in range(200):
            await add(store, number)
    await made_by(data, folder, T0 - 30 * DAY).make()
    await made_by(data, folder, T0 - 29 * DAY).make()
    await made_by(data, folder, T0 - 28 * DAY).make()
    before = names(folder)
    harm(data / DATABASE)
    backups = made_by(data, folder, T0)
    with pytest.raises(CannotOpen):
        await backups.make()
    assert names(folder) == before


async def test_old_ones_go_but_never_the_newest_two_nor_other_files(data, folder):
    for age in (40, 30, 20):
        await made_by(data, folder, T0 - age * DAY, days=100).make()
    (folder / "letter.db").touch()
    (folder / "dailies-20269999T000000Z.db").touch()
    (folder / f"{name_at(T0)}.part").touch()  # of one that was killed
    made = await made_by(data, folder, T0).make()
    assert made.deleted == [name_at(T0 - 40 * DAY), name_at(T0 - 30 * DAY)]
    kept = {name_at(T0 - 20 * DAY), name_at(T0), "letter.db", "dailies-20269999T000000Z.db"}
    assert set(names(folder)) == kept


async def test_while_the_bot_runs_they_come_by_the_hour_and_trouble_is_said_once(data, tmp_path):
    now, told, pauses = [T0], [], Pauses()
    folder = tmp_path / "backups"
    folder.touch()  # a file is in the way
    backups = Backups(
        data,
        DirectoryPlace(folder),
        hours=24,
        keep_days=14,
        wall=lambda: now[0],
        tried=told.append,
        sleep=pauses.sleep,
    )

    running = asyncio.create_task(backups.run())
    try:
        await pauses.begin()
        assert "can't be used" in told[0]
        assert (await backups.remark()).startswith("no backup can be made: ")
        await pauses.end()
        assert len(told) == 1
        folder.unlink()
        await pauses.end()
        assert told[1:] == [None]
        assert await backups.remark() is None
        assert names(folder) == [name_at(T0)]
        now[0] += DAY - 60
        await pauses.end()
        assert names(folder) == [name_at(T0)], "the newest is not a day old"
        now[0] += 60
        await pauses.end()
        assert len(names(folder)) == 2
    finally:
        running.cancel()


async def test_what_was_made_before_a_restart_counts(data, folder):
    await made_by(data, folder, T0).make()
    backups = made_by(data, folder, T0 + DAY - 1)
    assert await backups.look() > 0
    assert len(names(folder)) == 1
    backups = made_by(data, folder, T0 + DAY)
    await backups.look()
    assert len(names(folder)) == 2


# A bucket.


async def test_in_a_bucket_they_are_made_listed_kept_and_restored(data, tmp_path, capsys):
    async with open_store(fresh(data)) as store:
        await add(store, 1)
    async with imitation.s3() as server:
        where = f"s3://{imitation.BUCKET}/nightly"
        settings = Settings(
            dailies_data=data, dailies_backup_to=where, **server.settings(bucket=None)
        )
        place = place_of(where, settings)
        for age in (60, 50, 40, 30):
            one = Backups(data, place, hours=1, keep_days=100, wall=lambda age=age: T0 - age * DAY)
            await one.make()
        last = Backups(data, place, hours=1, keep_days=14, wall=lambda: T0)
        assert len((await last.make()).deleted) == 3
        assert server.named("") == [
            f"nightly/{name_at(T0 - 30 * DAY)}",
            f"nightly/{name_at(T0)}",
        ]
        assert not list(data.glob("*.part")), "nothing is left where it was put together"
        assert await backup(settings, None, verify=True, list_them=False) == 0
        elsewhere = settings.model_copy(update={"dailies_data": tmp_path / "new host"})
        assert await restore(elsewhere, f"{where}/{name_at(T0)}", over=False) == 0
        assert f"holds {name_at(T0)}" in capsys.readouterr().out
        async with look_into(tmp_path / "new host") as store:
            assert (await store.restorations.latest()).taken_at == T0
        server.down = True
        with pytest.raises(Exit, match="There is no new backup"):
            await backup(settings, None, verify=False, list_them=False)
    assert not list(data.glob("*.part"))


# Restoring.


async def test_only_a_whole_backup_of_ours_takes_the_place_of_a_database(data, tmp_path):
    async with open_store(fresh(data)) as store:
        for number in range(200):
            await add(store, number)
    before = (data / DATABASE).read_bytes()
    good = tmp_path / "good.db"
    copy_database(data, good, at=T0)
    torn = tmp_path / "torn.db"
    torn.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    harmed = tmp_path / "harmed.db"
    harmed.write_bytes(good.read_bytes())
    harm(harmed)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE wine (name TEXT)")
    newer = tmp_path / "newer.db"
    newer.write_bytes(good.read_bytes())
    with closing(sqlite3.connect(newer)) as db:
        db.execute("PRAGMA user_version = 9999")
    text = tmp_path / "text.db"
    text.write_text("not a database at all\n" * 100)
    empty = tmp_path / "empty.db"
    empty.touch()
    for path, error in (
        (torn, Damaged),
        (harmed, Damaged),
        (text, Damaged),
        (empty, CannotOpen),
        (other, CannotOpen),
        (newer, NewerSchema),
    ):
        with pytest.raises(error, match=f"{path.name} "):
            await restore(Settings(dailies_data=data), str(path), over=True)
        assert (data / DATABASE).read_bytes() == before, path
        assert names(data) == [DATABASE, "dailies.lock"], path
    with pytest.raises(CannotOpen, match="--replace"):
        await restore_database(data, fetching(good), over=False)
    restored = await restore_database(data, fetching(good), over=True)
    assert (restored.jobs, restored.aside.read_bytes()) == (200, before)
    async with open_store(data) as store:
        assert not store.unproven, "what was just looked over is not looked over again"


async def test_a_directory_in_use_is_refused_before_anything_is_fetched(data):
    async with open_store(fresh(data)):
        with pytest.raises(Locked):
            await restore_database(data, fetching(data / "nothing"), over=True)


async def test_trouble_of_the_disk_leaves_all_as_it_was(data, tmp_path):
    before = (data / DATABASE).read_bytes()

    async def full(to):
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskTrouble, match="No space left"):
        await restore_database(data, full, over=True)
    assert (data / DATABASE).read_bytes() == before


async def test_a_backup_that_was_copied_by_hand_is_known_as_one(data, tmp_path):
    async with open_store(fresh(data)) as store:
        await add(store, 1)
    copy_database(data, tmp_path / "a.db", at=T0)
    by_hand = tmp_path / "by hand"
    by_hand.mkdir()
    (tmp_path / "a.db").rename(by_hand / DATABASE)
    async with open_store(by_hand) as store:
        found = await store.restorations.latest()
        assert (found.taken_at, found.began_at) == (T0, None)


async def test_a_database_without_a_mark_is_marked_when_it_is_restored(data, tmp_path):
    """One that Litestream brought back, or of before backups were marked."""
    async with open_store(fresh(data)) as store:
        await add(store, 1)
    plain = tmp_path / "plain.db"
    plain.write_bytes((data / DATABASE).read_bytes())
    with closing(sqlite3.connect(plain)) as db:
        db.execute("INSERT OR REPLACE INTO clock (id, mark) VALUES (1, ?)", (T0,))
        db.commit()
    await restore_database(tmp_path / "new", fetching(plain, at=T0 + 5), over=False)
    async with open_store(tmp_path / "new") as store:
        assert (await store.restorations.latest()).taken_at == T0, "the last that it has seen"


def test_where_to_has_to_be_said_and_must_make_sense(tmp_path):
    for command in ("backup", "restore"):
        done = dailies(command, cwd=tmp_path, DAILIES_DATA=str(tmp_path / "data"))
        assert done.returncode == 2
        assert "DAILIES_BACKUP_TO" in done.stderr
    done = dailies("restore", str(tmp_path), cwd=tmp_path, DAILIES_DATA=str(tmp_path / "data"))
    assert (done.returncode, done.stderr) == (2, f"There is no backup in {tmp_path}.\n")
    for nonsense in ("s3://", "https://example.com/backups", "s3://a b", "s3:/abc", "s3:abc"):
        with pytest.raises(BadSetting):
            Settings.load(dailies_backup_to=nonsense)
        done = dailies("backup", nonsense, cwd=tmp_path, DAILIES_DATA=str(tmp_path / "data"))
        assert done.returncode == 2, nonsense
    assert not (tmp_path / "data").exists()


async def test_a_database_with_writes_beside_it_is_no_backup(data, tmp_path):
    async with open_store(fresh(data)) as store:
        await add(store, 1)
        assert (data / f"{DATABASE}-wal").stat().st_size
        settings = Settings(dailies_data=tmp_path / "new")
        with pytest.raises(Exit, match="its last writes are beside it"):
            await restore(settings, str(data / DATABASE), over=False)
    assert not (tmp_path / "new").exists()


async def test_a_bot_whose_operator_named_a_place_makes_them(playground, data, folder):
    async with working(playground, data, dailies_backup_to=str(folder)) as house:
        await until(lambda: folder.exists() and names(folder) and house.backups.last)
        assert await house.backups.remark() is None
    [only] = names(folder)
    assert jobs_in(folder / only) == 0


@pytest.mark.parametrize(
    ("where", "why"), [("file", "it is a file"), ("file/backups", "Not a directory")]
)
def test_a_place_that_cannot_be_used_is_busy(tmp_path, where, why):
    (tmp_path / "file").touch()
    with pytest.raises(Busy, match=rf"can't be used \({why}\)\."):
        DirectoryPlace(tmp_path / where).workplace(tmp_path)
