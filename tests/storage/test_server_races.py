"""Several processes and one server: one limit, one lease, and a server that is killed."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import psycopg
import pytest

from storage import ServerTrouble
from storage.postgresql.opening import open_server
from tests.rig import engines
from tests.rig.drafts import draft
from tests.rig.engines import open_store
from tests.rig.proving import SEED, scaled

pytestmark = pytest.mark.postgresql

ROOT = Path(__file__).parent.parent.parent
RIVALS = 4


def databases():
    found = engines.current[0]
    assert found is not None
    return found


async def started(*arguments: object) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.rig.rival", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert await said(process) == "ready"
    return process


async def said(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(120):
        return (await process.stdout.readline()).decode().strip()


async def ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


@pytest.mark.prove
@pytest.mark.parametrize(
    "what",
    [
        "quota",
        pytest.param("slot", marks=pytest.mark.long),
        pytest.param("budget", marks=pytest.mark.long),
        pytest.param("budget of all", marks=pytest.mark.long),
    ],
)
async def test_of_the_orders_of_four_processes_exactly_one_is_taken(
    tmp_path: Path, proof, what: str
) -> None:
    """Each round its own server; the budget of all servers has room for one in the first alone."""
    usual = 2
    rounds, orders = scaled(usual, 50), scaled(20, 200)
    async with open_store(tmp_path):
        pass  # the clock's row is there
    url = databases().of(tmp_path)
    rivals = [
        await started("limit", url, what, 1 + each * rounds * orders, rounds, orders)
        for each in range(RIVALS)
    ]
    try:
        for number in range(rounds):
            with databases().raw(tmp_path) as db:  # as a server does by itself, which these don't
                db.execute("ANALYZE")
            for rival in rivals:
                assert rival.stdin is not None
                rival.stdin.write(b"\n")
                await rival.stdin.drain()
            taken = [int(await said(rival)) for rival in rivals]
            assert sum(taken) == (1 if what != "budget of all" or number == 0 else 0), number
    finally:
        for rival in rivals:
            await ended(rival)
    async with open_store(tmp_path) as store:
        if what == "slot":  # all are orders, and one of each round may be sent
            assert await store.check(thorough=True) == []
            unit = f"rounds of {RIVALS} processes with {orders} jobs for one slot each"
            proof.tried(rounds, unit, usual=usual)
            return
        jobs = await store.jobs.newest(limit=1000)
        assert [job.id for job in jobs] == sorted((job.id for job in jobs), reverse=True)
        assert len(jobs) == (rounds if what != "budget of all" else 1)
        assert await store.check(thorough=True) == []
    proof.tried(rounds, f"rounds of {RIVALS} processes with {orders} orders each", usual=usual)


@pytest.mark.prove
async def test_no_write_of_a_frozen_process_is_kept_once_another_has_taken_over(
    tmp_path: Path, proof
) -> None:
    usual = 2
    dice = random.Random(SEED)
    url = databases().of(tmp_path)
    for number in range(scaled(usual, 200)):
        process = await started("lease", url, tmp_path / f"old-{number}")
        try:
            for _ in range(dice.randrange(1, 20)):
                await said(process)
            await asyncio.sleep(dice.random() * 0.02)
            os.kill(process.pid, signal.SIGSTOP)
            last = await asyncio.to_thread(taken_over, databases().raw(tmp_path))
            os.kill(process.pid, signal.SIGCONT)
            while "taken over" not in (line := await said(process)):
                assert line, "it ended without a word"
                assert not line.isdigit() or int(line) <= last, "it was answered after that"
            with databases().raw(tmp_path) as db:
                assert newest(db) == last
        finally:
            await ended(process)
        databases().empty()
        url = databases().of(tmp_path)
    proof.tried(scaled(usual, 200), "processes frozen by SIGSTOP and replaced", usual=usual)


def taken_over(db: psycopg.Connection) -> int:
    """Take the lease as another process does once it has ended, under the lock of the writers. If
    the frozen one holds that, the server ends its connection after ten seconds."""
    with db, db.transaction():
        db.execute("SELECT dailies.begin_group('{}', '{}')")
        db.execute("UPDATE dailies.lease SET epoch = epoch + 1, holder = 'another'")
        return newest(db)


def newest(db: psycopg.Connection) -> int:
    row = db.execute("SELECT coalesce(max(id), 0) FROM dailies.job").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.long
@pytest.mark.prove
async def test_a_server_that_is_killed_under_orders_loses_none_and_takes_none_twice(
    tmp_path: Path, proof, own_server
) -> None:
    usual, callers = 2, 20
    rounds = scaled(usual, 50)
    dice = random.Random(SEED)
    url = own_server.create("killed", template="dailies_template")
    kept: dict[str, int] = {}
    async with open_server(tmp_path, url, readers=2) as store:

        async def orders(number: int, begun: asyncio.Event) -> None:
            for each in range(5):
                asked = draft(number * 5 + each)
                while True:
                    try:
                        job, _ = await store.jobs.add(asked)
                    except ServerTrouble:
                        await asyncio.sleep(0.1)  # as a person does who presses again
                    else:
                        break
                assert kept.setdefault(asked.request, job.id) == job.id
                begun.set()

        for number in range(rounds):
            begun = asyncio.Event()
            first = number * callers
            asking = [asyncio.create_task(orders(first + each, begun)) for each in range(callers)]
            await begun.wait()
            await asyncio.sleep(dice.random() * 0.1)
            await asyncio.to_thread(own_server.stop, dice.choice(["immediate", "fast"]))
            await asyncio.to_thread(own_server.start)
            await asyncio.gather(*asking)
        jobs = await store.jobs.newest(limit=10_000)
        assert {job.request: job.id for job in jobs} == kept
        assert len(jobs) == rounds * callers * 5
        assert await store.check(thorough=True) == []
    proof.tried(rounds, "ends of a database server under orders", usual=usual)
