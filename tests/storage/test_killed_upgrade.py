"""An upgrade that is killed at any statement goes on at the next start, and loses nothing."""

import os
import shutil
import signal
import sqlite3
from bisect import bisect_left
from contextlib import closing
from pathlib import Path

import pytest

from storage.opening import DATABASE, _open
from storage.schema import differences, fresh, migrate, migrations, objects
from tests.rig.proving import PROVING, Proof, one_in
from tests.storage.test_schema import HISTORY, filled, upgraded

pytestmark = pytest.mark.sqlite

MANY = 1024  #: statements that no upgrade has
SOME = 4  #: points at which it is killed in an ordinary run, of a few hundred


class Mortal(sqlite3.Connection):
    """Kills its process before the *last* statement, counted from 1."""

    last = 0

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.set_trace_callback(_count)


def _count(_statement: str) -> None:
    Mortal.last -= 1
    if Mortal.last == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def start(path: Path, *, dies_at: int) -> bool:
    """Start on a database in a process of its own; whether it lived."""
    pid = os.fork()
    if not pid:
        try:
            Mortal.last = dies_at
            connect = sqlite3.connect
            sqlite3.connect = lambda *a, **k: connect(*a, **{**k, "factory": Mortal})  # type: ignore[assignment]
            _open(path, migrations(), whole=True).close()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code == 0


def old(directory: Path, *, recorded: bool) -> Path:
    """A database of the first schema, or of the time when no script was recorded, with rows."""
    directory.mkdir(parents=True)
    path = directory / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        if recorded:
            migrate(db, path, migrations()[:1])
        else:
            upgraded(db, HISTORY[8])
        filled(db)
    return path


def jobs(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return db.execute("SELECT id, request, state, brief FROM job ORDER BY id").fetchall()


@pytest.mark.prove
@pytest.mark.parametrize("recorded", one_in(2, [True, False]))
def test_killed_at_any_statement_it_goes_on(tmp_path: Path, recorded: bool, proof: Proof) -> None:
    path = old(tmp_path / "old", recorded=recorded)
    with closing(sqlite3.connect(path)) as db:
        before = jobs(db)
    # What is kept in memory makes an upgrade shorter: all of them begin with as much.
    _open(_copied(path, tmp_path / "tried"), migrations(), whole=True).close()
    statements = bisect_left(
        range(1, MANY), x=True, key=lambda at: start(_copied(path, tmp_path / "tried"), dies_at=at)
    )
    points = range(1, statements + 1)
    if not PROVING:
        points = points[:: max(1, statements // SOME)]
    deaths = 0
    for point in points:
        there = _copied(path, tmp_path / "tried")
        deaths += not start(there, dies_at=point)
        _open(there, migrations(), whole=True).close()
        with closing(sqlite3.connect(there)) as db:
            assert differences(objects(db), fresh(tuple(migrations()))) == [], point
            assert jobs(db) == before, point
            assert db.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    assert deaths == len(points) >= SOME
    proof.tried(deaths, "kills within an upgrade", usual=SOME)


def _copied(path: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(path.parent, to)
    return to / path.name
