"""Each benchmark runs, with a little of what it is run with otherwise, and its page is written."""

import math
import pkgutil
from contextlib import contextmanager
from pathlib import Path

import pytest

import tests.bench
from tests.bench import (
    admission,
    beside,
    books,
    cadence,
    calls,
    charts,
    crowd,
    disk,
    finding,
    growth,
    peers,
    polling,
    posting,
    shrinking,
    starting,
)
from tests.bench.__main__ import DOCUMENT, ON_REQUEST, SHARED
from tests.bench.document import HEAD, UNKNOWN, WHY, document, machine
from tests.bench.table import Row


@contextmanager
def bare(directory):
    """In place of huey and DBOS, which need not be installed."""
    loop = admission.Bare(directory / "bare.db", 0)
    yield loop.admit
    loop.close()


BARE = peers.Peer(name="bare", does="a bare loop", goal=1, begin=bare)
#: Each of them, with as little as it can do.
LITTLE = {
    "admission": lambda: admission.rows(jobs=50, turns=1, seconds=0.02),
    "beside": lambda: beside.rows(jobs=20, clips=2, turns=1, seconds=0.1),
    "books": lambda: books.rows(jobs=50, turns=1),
    "cadence": lambda: cadence.rows(clips=20, turns=1),
    "calls": lambda: calls.rows(quiet=0.1),
    "charts": lambda: charts.rows(turns=1),
    "crowd": lambda: crowd.rows(people=2, turns=1, count=4, rounds=1),
    "disk": lambda: disk.rows(jobs=40),
    "finding": lambda: finding.rows(few=20, many=40),
    "growth": lambda: growth.rows(sizes=(20, 40)),
    "peers": lambda: peers.rows(turns=1, seconds=0.02, peers=[BARE]),
    "polling": lambda: polling.rows(turns=1, seconds=0.1, jobs=(10, 20), every=0.2),
    "posting": lambda: posting.rows(turns=1, renders=0.5),
    "shrinking": lambda: shrinking.rows(size="320x180", plain=2, noisy=2),
    "starting": lambda: starting.rows(turns=1, idle=0.1),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Benchmarks keep their files where they are run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(DOCUMENT.parent.parent))


#: The quick ones. The others take a second of a core, however little they do.
QUICK = {"admission", "books"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long]) for name in LITTLE],
)
def test_each_benchmark_runs(name):
    check(LITTLE[name]())


def check(rows):
    assert rows
    for row in rows:
        assert row.figures and all(map(math.isfinite, row.figures)), row.name
        assert row.cells()[0] == row.name
    assert list(Path.cwd().iterdir()) == [], "it cleans up"


def test_every_benchmark_is_tried():
    there = {module.name for module in pkgutil.iter_modules(tests.bench.__path__)} - SHARED
    assert there == LITTLE.keys() | ON_REQUEST


def row(name, figure, **more):
    return Row(name=name, against="–", figures=(figure,), goal=2, **more)


def test_the_document_has_the_table_the_misses_with_their_reasons_and_the_ceiling():
    rows = [
        row("admission, durable, 200 waiting", 1.0, note="1,500 against 1,000 a second"),
        row("calls of Discord by the bot's own token, a finished clip", 5.0, at_least=False),
        row("loading, CPU", 3.0),
    ]
    written = document([("some", rows)], "a machine")
    assert written.startswith(HEAD)
    assert "1 of 3 goals are met." in written
    assert WHY["admission"] in written
    assert "50 / 5 = 10.0" in written
    assert "| 150 |" in written, "one process could take 150 times what Discord lets out"


def test_the_document_is_one_of_the_command():
    written = DOCUMENT.read_text()
    assert written.startswith(HEAD)
    assert "## Discord's ceiling" in written
    assert UNKNOWN not in written
    assert machine()
