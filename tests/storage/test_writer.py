"""Writes that wait together share a commit, and nothing else."""

import asyncio
import inspect
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import aiosqlite
import pytest

from storage import DiskTrouble, open_store
from storage.writer import MAX_BATCH, Connection, Writer
from tests.rig.proving import one_in

pytestmark = pytest.mark.sqlite


def connect(path: Path) -> Connection:
    def opened() -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("CREATE TABLE IF NOT EXISTS note (text TEXT NOT NULL UNIQUE) STRICT")
        return db

    return Connection(opened, iter_chunk_size=64)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncGenerator[Connection]:
    async with connect(tmp_path / "notes.db") as connection:
        yield connection


@pytest.fixture
async def writer(db: Connection) -> AsyncGenerator[Writer]:
    writer = Writer(db)
    yield writer
    await writer.close()


def note(text: str):
    return lambda db: db.execute("INSERT INTO note VALUES (?)", (text,)).rowcount


async def notes(writer: Writer) -> set[str]:
    return await writer.read(lambda db: {text for (text,) in db.execute("SELECT text FROM note")})


def test_the_private_way_to_aiosqlites_thread_is_still_there() -> None:
    signature = inspect.signature(aiosqlite.Connection._execute)
    assert list(signature.parameters) == ["self", "fn", "args", "kwargs"]
    assert isinstance(aiosqlite.Connection._conn, property)


async def test_waiting_writes_share_one_commit(db: Connection, writer: Writer) -> None:
    statements: list[str] = []
    await db.run(lambda raw: raw.set_trace_callback(statements.append))
    await asyncio.gather(*(writer.write(note(str(n))) for n in range(400)))
    await db.run(lambda raw: raw.set_trace_callback(None))
    assert len(await notes(writer)) == 400
    assert statements.count("COMMIT") == 1


async def test_a_batch_has_a_largest_size(db: Connection, writer: Writer) -> None:
    statements: list[str] = []
    await db.run(lambda raw: raw.set_trace_callback(statements.append))
    await asyncio.gather(*(writer.write(note(str(n))) for n in range(2 * MAX_BATCH + 1)))
    await db.run(lambda raw: raw.set_trace_callback(None))
    assert statements.count("COMMIT") == 3


async def test_a_lonely_write_waits_for_nobody(writer: Writer) -> None:
    assert await writer.write(note("one")) == 1
    assert await notes(writer) == {"one"}


async def test_a_caller_is_answered_only_after_the_commit(tmp_path: Path, writer: Writer) -> None:
    other = sqlite3.connect(tmp_path / "notes.db")
    try:
        await asyncio.gather(*(writer.write(note(str(n))) for n in range(3)))
        assert other.execute("SELECT count(*) FROM note").fetchone() == (3,)
    finally:
        other.close()


async def test_one_failing_write_does_not_harm_its_neighbours(writer: Writer) -> None:
    def half_done(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO note VALUES ('half')")
        raise KeyError("no")

    results = await asyncio.gather(
        writer.write(note("before")),
        writer.write(half_done),
        writer.write(note("before")),  # breaks UNIQUE
        writer.write(note("after")),
        return_exceptions=True,
    )
    assert [type(each) for each in results] == [int, KeyError, sqlite3.IntegrityError, int]
    assert await notes(writer) == {"before", "after"}


async def test_a_failing_commit_fails_everybody_and_changes_nothing(writer: Writer) -> None:
    await writer.write(
        lambda db: db.execute("CREATE TABLE child (text TEXT REFERENCES note (text))").rowcount
    )

    def orphan(db: sqlite3.Connection) -> None:
        db.execute("PRAGMA defer_foreign_keys = ON")  # looked at in COMMIT only
        db.execute("INSERT INTO child VALUES ('nobody')")

    results = await asyncio.gather(
        writer.write(note("one")), writer.write(orphan), return_exceptions=True
    )
    assert [type(each) for each in results] == [sqlite3.IntegrityError] * 2
    assert await notes(writer) == set()
    await writer.write(note("later"))
    assert await notes(writer) == {"later"}


async def test_a_full_disk_is_a_sentence_and_loses_nothing_that_was_answered(
    writer: Writer,
) -> None:
    await writer.write(note("kept"))
    [pages] = await writer.read(lambda db: db.execute("PRAGMA page_count").fetchone())
    await writer.read(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 4}").fetchone())
    results = await asyncio.gather(
        *(writer.write(note(f"{n}" * 3000)) for n in range(10)), return_exceptions=True
    )
    failed = [each for each in results if each != 1]
    assert failed
    assert {(type(each), str(each)) for each in failed} == {
        (DiskTrouble, "The disk is full, so nothing was saved.")
    }
    assert len(await notes(writer)) == 1 + results.count(1)
    await writer.read(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone())
    await writer.write(note("room again"))


async def test_a_write_is_made_even_when_its_caller_stops_waiting(writer: Writer) -> None:
    async with asyncio.timeout(120):
        impatient = asyncio.create_task(writer.write(note("impatient")))
        patient = asyncio.create_task(writer.write(note("patient")))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        with pytest.raises(asyncio.CancelledError):
            await impatient
    assert await notes(writer) == {"impatient", "patient"}


async def test_cancelling_callers_at_any_point_corrupts_nothing(writer: Writer) -> None:
    for turn in range(20):
        tasks = [asyncio.create_task(writer.write(note(f"{turn}:{n}"))) for n in range(20)]
        for _ in range(turn % 4):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await writer.close()
    # A task cancelled before its first step never asked; everything that asked is there.
    kept = await notes(writer)
    assert {f"{turn}:{n}" for turn in range(20) for n in range(1, 20, 2)} <= kept


async def test_a_read_cannot_write(writer: Writer) -> None:
    with pytest.raises(DiskTrouble):
        await writer.read(note("sneaky"))
    assert await notes(writer) == set()
    await writer.write(note("allowed"))


async def test_closing_finishes_what_waits_and_takes_no_more(writer: Writer) -> None:
    tasks = [asyncio.create_task(writer.write(note(str(n)))) for n in range(1000)]
    await asyncio.sleep(0)
    await writer.close()
    assert await asyncio.gather(*tasks) == [1] * 1000
    with pytest.raises(DiskTrouble, match="so this was not saved"):
        await writer.write(note("late"))


WRITES_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from storage import open_store
from tests.rig.drafts import draft

async def one(store, number):
    while True:
        job, created = await store.jobs.add(draft(number))
        print(job.id, job.request, flush=True)
        number += 1000000

async def main():
    async with open_store(Path(sys.argv[1])) as store:
        await asyncio.gather(*(one(store, number) for number in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", one_in(3, [97, 1, 333]))
async def test_what_was_answered_survives_a_kill(tmp_path: Path, lines: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WRITES_UNTIL_KILLED,
        str(tmp_path / "data"),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert process.stdout is not None
    async with asyncio.timeout(120):
        answered = [await process.stdout.readline() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        answered += [line async for line in process.stdout]
        await process.wait()
    answered = [line for line in answered if line.endswith(b"\n")]
    async with open_store(tmp_path / "data") as store:
        for line in answered:
            number, request = line.decode().split()
            job = await store.jobs.get(int(number))
            assert job is not None
            assert job.request == request
