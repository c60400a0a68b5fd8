"""What was deleted is nowhere in the database's files, and nobody else may read those."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from storage import Brief, Offer, Preset, RefusedOrder, State
from storage.opening import DATABASE
from storage.refused_orders import LASTS
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

pytestmark = pytest.mark.sqlite

SECRET = "the minister in the kitchen"
TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


def files(directory: Path) -> list[Path]:
    return [directory / f"{DATABASE}{end}" for end in ("", "-wal", "-shm")]


def found(directory: Path, words: str = SECRET) -> dict[str, int]:
    """How often each file holds *words*, where one does."""
    there = [path for path in files(directory) if path.exists()]
    counts = {path.name: path.read_bytes().count(words.encode()) for path in there}
    return {name: count for name, count in counts.items() if count}


def refused(wanted: Offer, *, user_id: int = 30) -> RefusedOrder:
    return RefusedOrder(
        id=0,
        guild_id=10,
        channel_id=20,
        user_id=user_id,
        why="quota",
        wanted=wanted,
        fits=(),
        at=0.0,
    )


async def filled(store, *, user_id=30):
    """Jobs, a preset and a refused order with the words in them, among those of others."""
    brief = Brief(prompt=f"{SECRET} {'and so on ' * 200}")
    for number in range(30):
        mine = number % 3 == 0
        job, _ = await store.jobs.add(
            draft(number, user_id=user_id if mine else 31, brief=brief if mine else Brief())
        )
        await advance(store.jobs, job, *TO_DONE)
        await store.jobs.set_places(job.id, thread_id=500)
    saved = {"provider": "local", "model": "sketch", "brief": brief}
    await store.takes.save_preset(
        Preset(guild_id=10, user_id=user_id, name="mine", at=1000.0, **saved)
    )
    offer = Offer(price=5, **saved)
    await store.servers.keep_refused(refused(offer, user_id=user_id))


async def test_delete_mine_leaves_no_word_in_any_file_while_the_bot_runs(tmp_path):
    async with open_store(tmp_path) as store:
        await filled(store)
        assert sum(found(tmp_path).values()) > 10
        await store.privacy.forget(30)
        assert found(tmp_path) == {}
        assert await store.check(thorough=True) == []
    assert found(tmp_path) == {}


async def test_what_another_program_held_back_goes_within_a_minute(tmp_path):
    async with open_store(tmp_path) as store:
        await filled(store)
        with closing(sqlite3.connect(f"file:{tmp_path / DATABASE}?mode=ro", uri=True)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM job").fetchone()
            await store.writer.write(lambda db: db.execute("PRAGMA busy_timeout = 50").fetchone())
            await store.privacy.forget(30)
            assert store.writer.unscrubbed
            assert found(tmp_path)
        await store.keep_time()
        assert not store.writer.unscrubbed
        assert found(tmp_path) == {}


async def test_what_a_killed_process_had_deleted_is_gone_after_the_next_start(tmp_path):
    async with open_store(tmp_path) as store:
        await filled(store)
        copy = tmp_path / "killed"
        copy.mkdir()
        for path in files(tmp_path)[:2]:
            (copy / path.name).write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute('UPDATE job SET brief = \'{"mode": "text"}\'')
        db.execute("DELETE FROM preset")
        db.execute("DELETE FROM refused")
        for path in files(copy)[:2]:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert found(tmp_path)
    async with open_store(tmp_path):
        assert found(tmp_path) == {}


@pytest.mark.parametrize("what", ["preset", "refused order"])
async def test_so_does_what_is_deleted_piece_by_piece(tmp_path, what):
    now = [1000.0]
    async with open_store(tmp_path, wall=lambda: now[0], ticks=lambda: now[0]) as store:
        brief = Brief(prompt=SECRET)
        saved = {"provider": "local", "model": "sketch", "brief": brief}
        if what == "preset":
            await store.takes.save_preset(
                Preset(guild_id=10, user_id=30, name="mine", at=1000.0, **saved)
            )
            assert found(tmp_path)
            assert await store.takes.delete_preset(guild_id=10, user_id=30, name="mine")
        else:
            await store.servers.keep_refused(refused(Offer(price=5, **saved)))
            assert found(tmp_path)
            now[0] += LASTS + 1
            await store.privacy.tidy()
        assert found(tmp_path) == {}


async def test_only_its_owner_may_read_the_database(tmp_path):
    old = os.umask(0o022)
    try:
        async with open_store(tmp_path / "new") as store:
            await store.jobs.add(draft())
            for path in files(tmp_path / "new"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            store_dir = tmp_path / "new"
        assert stat.S_IMODE(store_dir.stat().st_mode) == 0o700
        for path in files(store_dir):  # as an earlier Dailies, or a backup put in place, left it
            if path.exists():
                path.chmod(0o644)
        async with open_store(store_dir) as store:
            await store.jobs.add(draft(2))
            for path in files(store_dir):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    finally:
        os.umask(old)
