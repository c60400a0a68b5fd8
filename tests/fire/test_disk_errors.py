"""The n-th write of orders and their lives fails, for every n: all of a commit stands, or nothing.

Whoever was told keeps what they were told; whoever met the failure is told of it; the next commit
goes through; and what is on the disk is whole for the next process.
"""

from pathlib import Path

import apsw
import pytest

from storage import Admitted, Job, State, jobs
from storage.checks import check
from storage.defaults import Moment
from storage.opening import DATABASE, _open, _set_up, migrations
from storage.quota import admission
from storage.writer import _commit
from tests.fire.power import Connection, Disk, Power, written
from tests.fire.test_power import OPEN
from tests.rig.databases import fresh
from tests.rig.drafts import NEEDS, draft
from tests.rig.proving import PROVING, one_in

JOBS = 3
LIFE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
STRIDE = 1 if PROVING else 17  #: of the writes, those that fail in `make test`


class Life:
    """Orders on a disk of which one change fails, each commit tried until it goes through."""

    def __init__(self, disk: Disk, empty: bytes) -> None:
        self.disk = disk
        self.errors = 0
        self.told: dict[int, int] = {}  #: of each job the revision that its caller was told
        disk.put(DATABASE, empty)
        self._vfs = Power("failing", disk)
        self._db = Connection(DATABASE, "failing", checkpoints_at=20)
        # What fails while it is opened is a sentence at the start; here it works from then on.
        _set_up(self._db)  # type: ignore[arg-type]
        self.began = self.ended = disk.changes

    def lived(self) -> None:
        for number in range(JOBS):
            at = Moment(now=2_000.0 + number, defaults=OPEN, ahead=0.0)
            wanted = draft(number, price=5)
            admitted = self._committed(
                lambda db, at=at, wanted=wanted: admission.admit_all(db, at, [wanted], roles=())
            )
            assert isinstance(admitted, Admitted) and admitted.created
            job = admitted.job
            self.told[job.id] = job.rev
            for state in LIFE:
                needs = dict(NEEDS[state])
                if "remote_id" in needs:
                    needs["remote_id"] = f"r-{number}"
                job = self._saved(job.to(state, now=3_000.0, **needs))
        self.ended = self.disk.changes  # closing moves the log, and does not mind if it cannot
        self._db.close()
        self._vfs.unregister()

    def _saved(self, job: Job) -> Job:
        saved = self._committed(lambda db: jobs.save(db, job))
        assert isinstance(saved, Job)
        self.told[saved.id] = saved.rev
        return saved

    def _committed(self, fn: object) -> object:
        for _ in range(3):
            before = self._rows()
            try:
                [outcome], _ = _commit(self._db, [fn], None)  # type: ignore[arg-type, list-item]
            except apsw.Error:
                self.errors += 1
                assert not self._db.in_transaction, "the next one can begin"
                assert self._rows() == before, "nothing of it stands"
                continue
            assert outcome.error is None, outcome.error
            return outcome.value
        raise AssertionError("a disk that works again is written to again")

    def _rows(self) -> list[tuple[object, ...]]:
        return [
            *map(tuple, self._db.execute("SELECT id, rev, state FROM job ORDER BY id")),
            *map(tuple, self._db.execute("SELECT name, balance FROM account ORDER BY name")),
        ]


@pytest.mark.prove
@pytest.mark.parametrize("error", one_in(2, [apsw.FullError, apsw.IOError]), ids=["ENOSPC", "EIO"])
def test_whichever_write_fails_a_commit_stands_whole_or_not_at_all(
    tmp_path: Path, proof, error: type[Exception]
) -> None:
    empty = (fresh(tmp_path / "empty") / DATABASE).read_bytes()
    life = Life(Disk(), empty)
    first = life.began + 1
    life.lived()
    last = life.ended
    assert life.errors == 0 and last - first > 100
    met = 0
    for number in range(first, last + 1, STRIDE):
        life = Life(Disk(fails={number: error}), empty)
        life.lived()
        met += life.errors
        place = tmp_path / str(number)
        place.mkdir()
        written({name: bytes(content) for name, content in life.disk.files.items()}, place)
        db = _open(place / DATABASE, migrations(), whole=True)
        try:
            assert dict(db.execute("SELECT id, rev FROM job").fetchall()) == life.told
            assert check(db) == []
        finally:
            db.close()
    assert met, "no failure was ever met"
    tried = len(range(first, last + 1, STRIDE))
    usual = len(range(first, last + 1, 17))
    proof.tried(tried, "writes that fail, each alone", usual=usual)
