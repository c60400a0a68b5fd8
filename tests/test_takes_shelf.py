"""Clips leave the disk in a fair order, and new ones are refused before it is full."""

import pytest

from bot.errors import Refusal
from bot.shelf import DAY, GIB, Shelf
from storage import State, open_store
from tests.doubles import Clock
from tests.drafts import advance, draft

NOW = 1_000_000_000.0
TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path) as opened:
        yield opened


async def take(store, tmp_path, number, *, ended, size=100):
    job, _ = await store.jobs.add(draft(number))
    job = await advance(store.jobs, job, *TO_DONE, start=ended - 4)
    await store.takes.number(job, 1)
    (tmp_path / "takes").mkdir(exist_ok=True)
    (tmp_path / "takes" / f"{job.id}.mp4").write_bytes(bytes(size))
    (tmp_path / "takes" / f"{job.id}.jpg").write_bytes(b"")
    return job


def shelf(store, tmp_path, **more):
    values = {"days": 0, "room": 0, "spare": 0, "clock": Clock(NOW), **more}
    return Shelf(store, data=tmp_path, **values)


def kept(tmp_path):
    return sorted(int(path.stem) for path in (tmp_path / "takes").glob("*.mp4"))


async def test_what_is_past_its_time_goes_and_favourites_stay(store, tmp_path):
    for number, age in enumerate((40, 40, 20), start=1):
        await take(store, tmp_path, number, ended=NOW - age * DAY)
    await store.takes.favourite(2, 30, at=1.0)
    assert await shelf(store, tmp_path, days=30).tidy() == 1
    assert kept(tmp_path) == [2, 3]
    assert not (tmp_path / "takes" / "1.jpg").exists()
    assert (await store.takes.get(1, guild_id=10)).dropped == NOW


async def test_the_oldest_that_nobody_likes_makes_room_first(store, tmp_path):
    for number in range(1, 6):
        await take(store, tmp_path, number, ended=NOW - DAY)
    await store.takes.favourite(1, 30, at=1.0)
    await store.takes.sign_off(2, 30, at=1.0)
    assert await shelf(store, tmp_path, room=300 / GIB).tidy() == 2
    assert kept(tmp_path) == [1, 2, 5]
    assert await shelf(store, tmp_path, room=100 / GIB).tidy() == 2
    assert kept(tmp_path) == [2]


async def test_what_was_just_made_is_never_dropped(store, tmp_path):
    await take(store, tmp_path, 1, ended=NOW - 60)
    assert await shelf(store, tmp_path, room=1 / GIB).tidy() == 0
    assert kept(tmp_path) == [1]


def test_new_work_is_refused_when_the_disk_is_nearly_full(tmp_path):
    class Nothing:
        takes = None

    shelf(Nothing, tmp_path, spare=1, free=lambda _: 2 * GIB).check()
    with pytest.raises(Refusal, match="less than 1 GiB left"):
        shelf(Nothing, tmp_path, spare=1, free=lambda _: GIB // 2).check()
