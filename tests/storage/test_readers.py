"""Reads have connections of their own: none of them holds up a write, and none can write."""

import asyncio
import sqlite3
import threading
from datetime import date
from pathlib import Path

import pytest

from storage import Brief
from storage.opening import DATABASE, READERS
from tests.rig.drafts import draft
from tests.rig.engines import open_store

pytestmark = pytest.mark.sqlite


class Held:
    """A read that lasts until it is let go."""

    def __init__(self) -> None:
        self.began, self.go = threading.Event(), threading.Event()

    def __call__(self, db) -> int:
        [[before]] = db.execute("SELECT count(*) FROM job")
        self.began.set()
        assert self.go.wait(60)
        [[after]] = db.execute("SELECT count(*) FROM job")
        assert before == after, "a read sees one state"
        return before


async def begun(store, count: int) -> tuple[list[Held], list[asyncio.Task[int]]]:
    held = [Held() for _ in range(count)]
    reads = [asyncio.create_task(store.writer.read(each)) for each in held]
    for each in held:
        await asyncio.to_thread(each.began.wait, 60)
    return held, reads


async def test_a_long_read_holds_up_no_order_and_no_other_read(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        held, reads = await begun(store, READERS - 1)
        job, _ = await store.jobs.add(draft(1))
        assert await store.jobs.get(job.id) == job, "what was written is read at once"
        assert not any(each.done() for each in reads)
        for each in held:
            each.go.set()
        assert await asyncio.gather(*reads) == [0] * len(reads)


async def test_more_reads_than_readers_wait_for_one(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        held, reads = await begun(store, READERS)
        job, _ = await store.jobs.add(draft(1))
        late = asyncio.create_task(store.jobs.get(job.id))
        await asyncio.sleep(0)
        held[0].go.set()
        assert await late == job
        for each in held:
            each.go.set()
        await asyncio.gather(*reads)


async def test_however_many_long_reads_there_are_one_reader_is_left(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        held = [Held() for _ in range(READERS)]
        first, *others = [asyncio.create_task(store.writer.read_long(each)) for each in held]
        for each in held[:-1]:
            await asyncio.to_thread(each.began.wait, 60)
        first.cancel()  # its caller is gone, and it still reads
        today = date(2026, 1, 1)
        named = [
            asyncio.create_task(each)
            for each in (
                store.privacy.export(30),
                store.servers.report(10, today, today),
                store.servers.spent(10, user_id=30),
                store.jobs.all_of(user_id=30, limit=None),
                store.check(thorough=True),
                store.look_for_damage(),
            )
        ]
        for number in range(20):
            job, _ = await store.jobs.add(draft(number))
            assert await store.jobs.get(job.id) == job
        assert not held[-1].began.is_set()
        assert not [each for each in named if each.done()]
        for each in held:
            each.go.set()
        await asyncio.gather(*others, *named)


async def test_a_read_whose_caller_left_gives_its_reader_back(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        held, reads = await begun(store, READERS)
        for each in reads:
            each.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        for each in held:
            each.go.set()
        found = await asyncio.gather(*(store.jobs.newest(limit=1) for _ in range(3 * READERS)))
        assert found == [[]] * (3 * READERS)


async def test_a_read_cannot_write(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        with pytest.raises(Exception, match="can't be written to"):
            await store.writer.read(lambda db: db.execute("DELETE FROM job"))


async def test_what_is_erased_while_somebody_reads_goes_when_they_are_done(tmp_path: Path) -> None:
    secret = "the prompt of a person who left"
    async with open_store(tmp_path) as store:
        job, _ = await store.jobs.add(draft(1, brief=Brief(prompt=secret)))
        held, reads = await begun(store, 1)
        erasing = asyncio.create_task(
            store.writer.erase(
                lambda db: (
                    db.execute(
                        "UPDATE job SET brief = json_remove(brief, '$.prompt') WHERE id = ?",
                        (job.id,),
                    ).rowcount
                )
            )
        )
        other, _ = await store.jobs.add(draft(2))
        assert await store.jobs.get(other.id) == other, "nobody waits for the eraser"
        held[0].go.set()
        await asyncio.gather(*reads)
        assert await erasing == 1
        assert not store.writer.unscrubbed
        for file in tmp_path.glob(f"{DATABASE}*"):
            assert secret.encode() not in file.read_bytes(), file.name


async def test_closing_leaves_one_whole_file(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.jobs.add(draft(1))
        await store.jobs.newest(limit=1)
    assert not (tmp_path / f"{DATABASE}-wal").exists()
    with sqlite3.connect(f"file:{tmp_path / DATABASE}?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM job").fetchone() == (1,)
