"""Each benchmark of the storage runs, in small, and says what it should."""

import sqlite3
from contextlib import closing

import pytest

from storage import State
from tests.bench import admission, books, disk
from tests.bench.history import fill
from tests.bench.table import Row, markdown, text
from tests.rig.engines import open_store

pytestmark = pytest.mark.sqlite


@pytest.mark.long
async def test_a_history_is_one_that_the_product_could_have_written(tmp_path):
    async with open_store(tmp_path):
        pass
    path = fill(tmp_path, 500)
    async with open_store(tmp_path) as store:
        assert await store.check(thorough=True) == []
        assert await store.look_for_damage() is None
        job = await store.jobs.get(500)
        assert job.state is State.DONE
        [hit, *_] = (
            await store.takes.with_words(
                "dolly", guild_id=job.guild_id, edge=2**62, newer=False, limit=5
            )
        ).hits
        assert hit.id == 500
        assert (await store.policy.bill(job.id)).spent == job.price
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.long
async def test_admission_gives_its_rows(tmp_path):
    small = await admission.measured(tmp_path / "small", jobs=0, turns=1, seconds=0.01)
    large = await admission.measured(tmp_path / "large", jobs=300, turns=1, seconds=0.01)
    assert [row.name for row in small] == [
        "admission, durable, 200 waiting",
        "Studio.order, durable, 200 waiting",
        "admission, one, p50",
        "Studio.order, one, p50",
    ]
    assert [row.name for row in large] == [
        "admission, durable, 200 waiting, 300 finished jobs",
        "Studio.order, durable, 200 waiting, 300 finished jobs",
    ]
    assert all(row.figure > 0 for row in small + large)


async def test_a_check_of_the_books_gives_its_rows(tmp_path):
    beside, start = await books.measured(tmp_path, jobs=300, turns=1)
    assert beside.name == "an order while the books of 300 jobs are checked, p99"
    assert start.name == "the check after a start"
    assert start.figure > 0


async def test_a_finished_job_is_measured_on_the_disk(tmp_path):
    size, log = await disk.measured(tmp_path, jobs=70)
    assert size.name == "bytes a finished job, after its links died"
    assert "job " in size.note
    assert log.met, "it is bounded"


def test_a_row_is_met_by_its_median():
    row = Row(name="orders", against="a loop", figures=(5.0, 1.0, 4.0), goal=4.0)
    assert row.met
    assert row.cells() == ("orders", "a loop", "4.00× (1.00 to 5.00)", "≥ 4.00×", "met", "")
    late = Row(
        name="lag", against="–", figures=(16.0,), goal=15.0, at_least=False, unit=" ms", digits=0
    )
    assert late.cells()[2:5] == ("16 ms", "≤ 15 ms", "missed")
    assert markdown([row, late]).splitlines()[3] == "| lag | – | 16 ms | ≤ 15 ms | missed |  |"
    assert [line.split()[0] for line in text([row, late]).splitlines()] == ["what", "orders", "lag"]
