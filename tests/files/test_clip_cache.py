"""Files leave the disk in a fair order, and new work is refused before it is full."""

import json
import os
import sqlite3

import pytest

from bot.errors import Refusal
from bot.files.cache import DAY, FRESH, GIB, RETRIED, ClipCache
from storage import Brief, Input, Mode, Offer, Plan, RefusedOrder, State, open_store
from storage.opening import migrate, migrations
from tests.rig.databases import fresh
from tests.rig.doubles import Clock
from tests.rig.drafts import advance, draft

NOW = 1_000_000_000.0
TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
async def store(tmp_path):
    async with open_store(fresh(tmp_path)) as opened:
        yield opened


async def take(store, tmp_path, number, *, ended, size=100):
    job, _ = await store.jobs.add(draft(number))
    job = await advance(store.jobs, job, *TO_DONE, start=ended - 4)
    await store.takes.number(job, 1)
    (tmp_path / "takes").mkdir(exist_ok=True)
    (tmp_path / "takes" / f"{job.id}.mp4").write_bytes(bytes(size))
    (tmp_path / "takes" / f"{job.id}.jpg").write_bytes(b"")
    return job


def cache(store, tmp_path, **more):
    values = {"days": 0, "room": 0, "spare": 0, "clock": Clock(NOW), **more}
    values.setdefault("wall", values["clock"])
    return ClipCache(store, data=tmp_path, **values)


def kept(tmp_path):
    return sorted(int(path.stem) for path in (tmp_path / "takes").glob("*.mp4"))


async def test_what_is_past_its_time_goes_and_favourites_stay(store, tmp_path):
    for number, age in enumerate((40, 40, 20), start=1):
        await take(store, tmp_path, number, ended=NOW - age * DAY)
    await store.takes.favourite(2, 30, at=1.0)
    assert await cache(store, tmp_path, days=30).tidy() == 1
    assert kept(tmp_path) == [2, 3]
    assert not (tmp_path / "takes" / "1.jpg").exists()
    assert (await store.takes.get(1, guild_id=10)).dropped == NOW


async def test_the_oldest_that_nobody_likes_makes_room_first(store, tmp_path):
    for number in range(1, 6):
        await take(store, tmp_path, number, ended=NOW - DAY)
    await store.takes.favourite(1, 30, at=1.0)
    await store.takes.sign_off(2, 30, at=1.0)
    assert await cache(store, tmp_path, room=300 / GIB).tidy() == 2
    assert kept(tmp_path) == [1, 2, 5]
    assert await cache(store, tmp_path, room=100 / GIB).tidy() == 2
    assert kept(tmp_path) == [2]


async def test_what_was_just_made_is_never_dropped(store, tmp_path):
    await take(store, tmp_path, 1, ended=NOW - 60)
    assert await cache(store, tmp_path, room=1 / GIB).tidy() == 0
    assert kept(tmp_path) == [1]


def test_new_work_is_refused_when_the_disk_is_nearly_full(tmp_path):
    class Nothing:
        takes = files = None

    cache(Nothing, tmp_path, spare=1, free=lambda _: 2 * GIB).check()
    with pytest.raises(Refusal, match="less than 1 GiB free"):
        cache(Nothing, tmp_path, spare=1, free=lambda _: GIB // 2).check()


# What belongs to no job that needs it.

LIVE = (State.SUBMITTING,)
TO_FAILED = (State.SUBMITTING, State.FAILED)


def lay(tmp_path, *names, age=2 * FRESH, size=10):
    """Files that were last written *age* seconds ago."""
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (NOW - age, NOW - age))


def there(tmp_path):
    return sorted(
        str(path.relative_to(tmp_path))
        for folder in ("takes", "inputs")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    )


def given(name, **more):
    return Input(file=f"inputs/{name}", type="image/png", size=10, **more)


async def job_with(store, number, brief, *states, ended=NOW - DAY):
    job, _ = await store.jobs.add(draft(number, brief=brief))
    job = await advance(store.jobs, job, *states, start=ended - len(states) + 1)
    if states and states[-1] is State.DONE:
        await store.takes.number(job, 1)
    return job


NAMES = [f"{letter * 64}.png" for letter in "abcdef"]


async def test_an_older_database_learns_which_files_its_jobs_need(tmp_path):
    with sqlite3.connect(tmp_path / "dailies.db", isolation_level=None) as db:
        migrate(db, tmp_path / "dailies.db", migrations()[:6])
        plan = Plan(place="end", clip=Input(file="takes/1.mp4", type="video/mp4", size=1))
        brief = json.dumps(Brief(image=given(NAMES[0]), plan=plan).to_json())
        db.execute(
            "INSERT INTO job (request, guild_id, channel_id, user_id, provider, model, brief,"
            " price, created_at, state, rev, since, tries, attempt, billed, file)"
            " VALUES ('r', 1, 1, 1, 'p', 'm', ?, 0, 0, 'done', 0, 0, 0, 0, 'no', 'takes/1.mp4')",
            (brief,),
        )
    db.close()
    async with open_store(tmp_path) as store:
        assert await store.files.inputs_of(1) == [f"inputs/{NAMES[0]}"]
        found = await store.files.missing("bucket", since=None)
        assert found == (["takes/1.mp4", f"inputs/{NAMES[0]}"], None)


async def test_what_a_killed_process_left_goes_once_it_is_old(store, tmp_path):
    await take(store, tmp_path, 1, ended=NOW - DAY)
    await job_with(store, 2, Brief(), *LIVE)
    left = [
        "takes/1.8388608.mp4.0a1b2c3d-0.part",
        "takes/.1.mp4.77-0.part",
        "takes/1.mp4.part",
        "takes/frames-x1y2/000001.jpg",
        "takes/99.mp4",  # of no job at all
        "takes/1.with.99.mp4",
        "inputs/0123456789abcdef.part",
        f"inputs/{NAMES[0]}",
    ]
    stays = ["takes/2.piece.mp4", "takes/2.piece.mp4.part", "takes/1.8388608.mp4", "takes/README"]
    lay(tmp_path, *left, *stays)
    lay(tmp_path, f"inputs/{NAMES[1]}", "takes/98.mp4", age=FRESH / 2)
    os.utime(tmp_path / "takes/frames-x1y2", (NOW - DAY, NOW - DAY))
    await cache(store, tmp_path).tidy()
    young = [f"inputs/{NAMES[1]}", "takes/98.mp4"]
    assert there(tmp_path) == sorted([*stays, *young, "takes/1.mp4", "takes/1.jpg"])


async def test_an_input_lives_as_long_as_a_job_may_need_it(store, tmp_path):
    waiting, kept, over, failed, gone = (given(name) for name in NAMES[:5])
    plan = Plan(place="end", clip=Input(file="takes/2.mp4", type="video/mp4", size=1, take=2))
    await job_with(store, 1, Brief(image=waiting), *LIVE)
    await job_with(store, 2, Brief(audio=kept, last_image=gone), *TO_DONE)
    dropped = await job_with(store, 3, Brief(image=over), *TO_DONE)
    await job_with(store, 4, Brief(image=failed), *TO_FAILED, ended=NOW - RETRIED / 2)
    await job_with(store, 5, Brief(image=given("frame-2-last.png"), plan=plan), State.SUBMITTING)
    await store.takes.drop(dropped.id, at=NOW)
    lay(tmp_path, *(f"inputs/{name}" for name in [*NAMES, "frame-2-last.png", "frame-2-500.png"]))
    await cache(store, tmp_path).tidy()
    needed = [waiting, kept, failed, gone]
    assert there(tmp_path) == sorted([*(one.file for one in needed), "inputs/frame-2-last.png"])
    await cache(store, tmp_path, clock=Clock(NOW + RETRIED)).tidy()
    assert failed.file not in there(tmp_path)


async def test_an_order_that_may_yet_be_made_keeps_its_inputs(store, tmp_path):
    offer = Offer(
        provider="p", model="m", brief=Brief(mode=Mode.IMAGE, image=given(NAMES[0])), price=1
    )
    order = RefusedOrder(
        id=0, guild_id=10, channel_id=20, user_id=30, why="quota", wanted=offer, fits=(), at=0.0
    )
    kept = await store.servers.keep_refused(order)
    lay(tmp_path, f"inputs/{NAMES[0]}", age=0)
    for days, stays in ((1, True), (8, False)):
        await cache(store, tmp_path, clock=Clock(kept.at + days * DAY)).tidy()
        assert bool(there(tmp_path)) is stays


async def test_what_somebody_is_about_to_use_stays(store, tmp_path):
    job = await take(store, tmp_path, 1, ended=NOW - 40 * DAY)
    lay(tmp_path, f"inputs/{NAMES[0]}")
    clock = Clock(NOW)
    keeper = cache(store, tmp_path, days=30, clock=clock)
    assert await keeper.at_hand(job.file) == tmp_path / job.file
    await keeper.at_hand(f"inputs/{NAMES[0]}")
    assert await keeper.tidy() == 0
    assert there(tmp_path) == [f"inputs/{NAMES[0]}", "takes/1.jpg", "takes/1.mp4"]
    clock.advance(2 * FRESH)
    assert await keeper.tidy() == 1
    assert there(tmp_path) == []
    with pytest.raises(Refusal, match="The file of #1 is no longer kept"):
        await keeper.at_hand(job.file)
    with pytest.raises(Refusal, match="The file this clip starts from is no longer kept"):
        await keeper.at_hand(f"inputs/{NAMES[0]}")


async def test_what_a_job_under_way_starts_from_never_makes_room(store, tmp_path):
    await take(store, tmp_path, 1, ended=NOW - 40 * DAY)
    clip = Input(file="takes/1.mp4", type="video/mp4", size=1, take=1)
    await job_with(store, 2, Brief(mode=Mode.RETAKE, video=clip), *LIVE)
    assert await cache(store, tmp_path, days=30, room=1 / GIB).tidy() == 0
    assert kept(tmp_path) == [1]


async def test_inputs_count_and_encodes_make_room_before_originals(store, tmp_path):
    first = await job_with(store, 1, Brief(image=given(NAMES[0])), *TO_DONE)
    second = await job_with(store, 2, Brief(image=given(NAMES[1])), *TO_DONE)
    assert (first.file, second.file) == ("takes/1.mp4", "takes/1.mp4")  # as drafts are
    await store.writer.write(lambda db: db.execute("UPDATE job SET file='takes/2.mp4' WHERE id=2"))
    lay(tmp_path, "takes/1.mp4", "takes/2.mp4", "takes/1.piece.mp4", size=100)
    lay(tmp_path, *(f"inputs/{name}" for name in NAMES[:2]), size=50)
    lay(tmp_path, "takes/1.400.mp4", "takes/1.with.2.mp4", size=200)
    everything = 3 * 100 + 2 * 50 + 2 * 200
    keeper = cache(store, tmp_path, room=(everything - 1) / GIB)
    assert await keeper.tidy() == 0
    assert len(there(tmp_path)) == 6, "one encode was enough"
    assert await cache(store, tmp_path, room=400 / GIB).tidy() == 0
    assert "takes/1.with.2.mp4" not in there(tmp_path)
    assert await cache(store, tmp_path, room=399 / GIB).tidy() == 1
    assert there(tmp_path) == [f"inputs/{NAMES[1]}", "takes/2.mp4"], "the take, and its input"


async def test_what_somebody_had_deleted_goes_once_nobody_is_at_work_on_it(store, tmp_path):
    await take(store, tmp_path, 1, ended=NOW - DAY)
    clip = Input(file="takes/1.mp4", type="video/mp4", size=1, take=1)
    brief = Brief(mode=Mode.RETAKE, video=clip)
    job, _ = await store.jobs.add(draft(2, brief=brief, user_id=31))
    job = await advance(store.jobs, job, State.SUBMITTING)
    lay(tmp_path, "takes/1.mp4", "takes/1.jpg")
    done = await store.privacy.forget(30)
    assert done.files == (), "a job under way starts from it"
    await cache(store, tmp_path).tidy()
    assert there(tmp_path) == ["takes/1.jpg", "takes/1.mp4"]
    await advance(store.jobs, job, State.FAILED)
    await cache(store, tmp_path).tidy()
    assert there(tmp_path) == []


async def test_what_an_order_was_refused_with_is_deleted_with_its_person(store, tmp_path):
    offer = Offer(provider="p", model="m", brief=Brief(image=given(NAMES[0])), price=1)
    fits = Offer(provider="p", model="m", brief=Brief(image=given(NAMES[1])), price=1)
    for user in (30, 31):
        order = RefusedOrder(
            id=0, guild_id=10, channel_id=20, user_id=user, why="quota", wanted=offer, at=0.0,
            fits=(fits,) if user == 30 else (),
        )  # fmt: skip
        await store.servers.keep_refused(order)
    assert (await store.privacy.forget(30)).files == (f"inputs/{NAMES[1]}",)
    assert (await store.privacy.forget(31)).files == (f"inputs/{NAMES[0]}",)


async def test_nothing_stays_of_a_clip_that_is_erased(store, tmp_path):
    mine = ["1.mp4", "1.jpg", "1.400.mp4", "1.with.2.mp4", "2.with.1.mp4", "2.with.1.400.mp4"]
    lay(tmp_path, *(f"takes/{name}" for name in mine), "inputs/frame-1-last.png")
    lay(tmp_path, "takes/2.mp4", "takes/11.mp4", "inputs/frame-11-last.png", f"inputs/{NAMES[0]}")
    await cache(store, tmp_path).erase(["takes/1.mp4", f"inputs/{NAMES[0]}"])
    assert there(tmp_path) == ["inputs/frame-11-last.png", "takes/11.mp4", "takes/2.mp4"]
