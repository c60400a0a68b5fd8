"""Whatever fails around the bot's core, and wherever it dies: histories on virtual time.

Nothing is lost, paid twice, posted twice or left behind, in no history that the dice make. Replay
one that failed with `python -m tests.fire.simulation SEED`.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.jobs.steps import QUEUE_LASTS
from storage import State
from tests.fire.simulation import played
from tests.rig import virtual
from tests.rig.proving import SEED, parts, scaled

ROOT = Path(__file__).parent.parent.parent
JOBS = scaled(200, 20_000, fire=1_000_000)
PARTS = 8 if JOBS >= 2_000 else 1  #: that are done beside each other


@pytest.mark.prove
@parts(PARTS)
def test_no_history_breaks_a_promise(proof, part):
    jobs = crashes = faults = histories = 0
    ends = set()
    while jobs < -(-JOBS // PARTS):
        history = played(f"{SEED}/{part}/{histories}")
        assert history.broken == [], f"seed {history.seed}"
        histories += 1
        jobs += history.jobs
        crashes += history.crashes
        faults += history.faults
        ends.update(history.states)
    assert crashes > histories / 4 and faults > jobs / 2, "it is no calm sea"
    assert ends >= {"done", "failed", "closed", "expired", "cancelled"}
    found = {"jobs": jobs, "faults": faults, "deaths": crashes}
    proof.tried(
        histories, "histories", usual=20, independent=True, played_by=played.__module__, **found
    )


def test_a_seed_is_one_history_in_whichever_process():
    seed = f"{SEED}/replayed"
    here = played(seed)
    assert len(here.trace) > 200
    assert played(seed).trace == here.trace
    elsewhere = subprocess.run(
        [sys.executable, "-m", "tests.fire.simulation", seed],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
        timeout=300,
    )
    assert json.loads(elsewhere.stdout)["trace"] == here.trace
    assert played(f"{seed} anew").trace != here.trace


def test_a_bug_is_found_and_its_seed_replays():
    """A company that calls two tries of an attempt one clip, and makes two, is paid twice."""
    for number in range(200):
        found = played(f"{SEED}/fib/{number}", lies=True)
        if found.broken:
            break
    assert any("is paid 2 times after 0 retries" in each for each in found.broken)
    again = played(found.seed, lies=True)
    assert (again.broken, again.trace) == (found.broken, found.trace)


def test_a_day_takes_no_time():
    began = time.monotonic()

    async def day():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(QUEUE_LASTS)
        return loop.time(), await asyncio.to_thread(lambda: State.DONE)

    assert virtual.run(day()) == (QUEUE_LASTS, State.DONE)
    assert time.monotonic() - began < QUEUE_LASTS / 10


def test_who_waits_for_nothing_is_not_waited_for():
    async def forever():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(virtual.Stuck):
        virtual.run(forever())
