"""The power goes at any instant: what anybody was told stays, and the file is whole.

The store's own functions and pragmas work on a disk that then keeps only what was synced, and of
the rest what chance keeps, by sectors. Killing a process proves nothing of this: the kernel writes
for the dead.
"""

import random
from pathlib import Path

import pytest

from storage import Defaults, Job, State, jobs
from storage.checks import check
from storage.defaults import Moment
from storage.opening import DATABASE, _open, _set_up, migrations
from storage.quota import admission
from storage.sqlite import checkpoint
from storage.writer import _commit
from tests.fire.power import Connection, Disk, Power, written
from tests.rig.databases import fresh
from tests.rig.drafts import NEEDS, draft
from tests.rig.proving import SEED, scaled

CUTS, JOBS = scaled(40, 500, fire=10_000), 12
OPEN = Defaults(amount=None, budget=None, jobs_per_user=None, jobs_per_server=None, per_minute=None)
LIVES = (
    (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE),
    (State.SUBMITTING, State.FAILED),
    (State.SUBMITTING, State.UNCLEAR),
)


def worked(disk: Disk, dice: random.Random, empty: bytes) -> None:
    """Orders and their lives on *disk*, several in one commit now and then."""
    disk.put(DATABASE, empty)
    vfs = Power("power", disk)
    db = Connection(DATABASE, "power", checkpoints_at=20)
    _set_up(db)  # type: ignore[arg-type]
    known: dict[int, Job] = {}
    lives: dict[int, list[State]] = {}
    for number in range(JOBS):
        at = Moment(now=2_000.0 + number, defaults=OPEN, ahead=0.0)
        fresh_one = draft(number, price=5)
        [outcome], _ = _commit(
            db, [lambda db: admission.admit_all(db, at, [fresh_one], roles=())], None  # noqa: B023
        )  # fmt: skip
        job = outcome.value.job
        known[job.id], lives[job.id] = job, list(dice.choice(LIVES))
        disk.acknowledge((job.id, job.rev))
        together = dice.sample(sorted(lives), dice.randint(1, len(lives)))
        _moved(disk, db, known, lives, together)
        if dice.random() < 0.2:
            checkpoint(db)  # type: ignore[arg-type]
    while any(lives.values()):
        _moved(disk, db, known, lives, [number for number in lives if lives[number]])
    db.close()
    vfs.unregister()


def _moved(
    disk: Disk,
    db: Connection,
    known: dict[int, Job],
    lives: dict[int, list[State]],
    numbers: list[int],
) -> None:
    """Save one move of each of *numbers* in one commit, and tell their callers."""
    moving = []
    for number in numbers:
        if lives[number]:
            state = lives[number].pop(0)
            needs = {**NEEDS[state]}
            if "remote_id" in needs:
                needs["remote_id"] = f"r-{number}"
            if state is State.DELIVERING:
                needs["file"] = f"takes/{number}.mp4"
            moving.append(known[number].to(state, now=3_000.0, **needs))
    fns = [lambda db, job=job: jobs.save(db, job) for job in moving]
    if not fns:
        return
    outcomes, _ = _commit(db, fns, None)  # type: ignore[arg-type]
    for outcome in outcomes:
        assert outcome.error is None, outcome.error
        known[outcome.value.id] = outcome.value
        disk.acknowledge((outcome.value.id, outcome.value.rev))


@pytest.mark.prove
def test_what_was_told_survives_a_power_cut(tmp_path: Path, proof) -> None:
    dice = random.Random(SEED)
    empty = (fresh(tmp_path / "empty") / DATABASE).read_bytes()
    disk = Disk()
    worked(disk, dice, empty)
    kinds = {entry[0] for entry in disk.log}
    assert {"write", "sync", "truncate", "told"} <= kinds
    unsynced = 0
    for cut in range(CUTS):
        files, told = disk.cut(dice.randrange(len(disk.log) + 1), dice)
        place = tmp_path / str(cut)
        place.mkdir()
        written(files, place)
        unsynced += any(name.endswith("-wal") for name in files)
        db = _open(place / DATABASE, migrations(), whole=True)
        try:
            rows = dict(db.execute("SELECT id, rev FROM job").fetchall())
            promised = {number: rev for number, rev in told}  # noqa: C416  # the last one counts
            lost = {number for number, rev in promised.items() if rows.get(number, -1) < rev}
            assert not lost, f"cut {cut}: jobs {lost} were told of and are gone"
            wrong = check(db)
            assert wrong == [], wrong
        finally:
            db.close()
        for each in place.iterdir():
            each.unlink()
    assert unsynced > CUTS / 4, "a disk without a log of writes was hardly tried"
    proof.tried(CUTS, "power cuts", usual=40, independent=True)


def test_a_disk_keeps_what_was_synced_and_chance_decides_on_the_rest() -> None:
    disk = Disk()
    disk.put("a", b"x" * 2000)
    disk.log += [
        ("write", "a", 0, b"1" * 2000),
        ("sync", "a"),
        ("told", "one"),
        ("write", "a", 0, b"2" * 2000),
    ]
    seen = set()
    for seed in range(50):
        files, told = disk.cut(4, random.Random(seed))
        assert told == ["one"]
        assert set(files["a"]) <= set(b"12")
        seen.add(bytes(files["a"]))
    assert {b"1" * 2000, b"2" * 2000} < seen, "torn ones, too"
    assert disk.cut(0, random.Random(1)) == ({"a": b"x" * 2000}, [])
