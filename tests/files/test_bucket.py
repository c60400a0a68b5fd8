"""Originals lie in a bucket, too: nothing waits for it, nothing is lost by it or left in it."""

import asyncio
import os
import subprocess
import sys

import aiohttp
import pytest

from bot.errors import Busy, Refusal, Trouble
from bot.files.bucket import PART, Bucket
from bot.files.bucket_sync import BucketSync
from bot.files.cache import DAY, FRESH, GIB, ClipCache
from bot.settings import BadSetting, Settings
from storage import Brief, Input, State, open_store
from tests.rig import s3 as imitation
from tests.rig.databases import fresh
from tests.rig.doubles import Clock
from tests.rig.drafts import advance, draft
from tests.rig.house import until

NOW = 1_000_000_000.0
TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
PICTURE = f"inputs/{'a' * 64}.png"


@pytest.fixture
async def s3():
    async with imitation.s3() as server:
        yield server


@pytest.fixture
async def store(tmp_path):
    async with open_store(fresh(tmp_path)) as opened:
        yield opened


@pytest.fixture
def clock():
    return Clock(NOW)


def bucket(s3, **more):
    values = {
        "endpoint": s3.endpoint,
        "region": imitation.REGION,
        "access_key": imitation.KEY,
        "secret_key": imitation.SECRET,
        "prefix": "studio",
        **more,
    }
    return Bucket(values.pop("name", imitation.BUCKET), **values)


@pytest.fixture
def bucket_sync(store, s3, tmp_path, clock):
    return BucketSync(
        store, bucket(s3), data=tmp_path, days=0, link_days=7, clock=clock, first_wait=0.05
    )


def cache(store, tmp_path, bucket_sync, clock, **more):
    values = {"days": 0, "room": 0, "spare": 0, **more}
    return ClipCache(store, data=tmp_path, bucket_sync=bucket_sync, clock=clock, **values)


async def take(store, tmp_path, number, *, ended=NOW - DAY, size=100, brief=None, user_id=30):
    """A finished clip of its own bytes, with what its brief starts from."""
    brief = brief or Brief(prompt="a fox")
    job, _ = await store.jobs.add(draft(number, brief=brief, user_id=user_id))
    job = await advance(store.jobs, job, *TO_DONE, start=ended - 4)
    file = f"takes/{job.id}.mp4"
    await store.writer.write(
        lambda db: db.execute("UPDATE job SET file = ? WHERE id = ?", (file, job.id))
    )
    await store.takes.number(job, 1)
    for name in (file, *([brief.image.file] if brief.image else [])):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(f"{name} ".encode() + os.urandom(size))
    return await store.jobs.get(job.id)


def given(file=PICTURE):
    return Input(file=file, type="image/png", size=100)


async def read(url):
    async with aiohttp.ClientSession() as web, web.get(url) as answer:
        return answer.status, await answer.read()


# The bucket itself.


async def test_a_large_file_goes_in_parts_and_comes_back_whole(s3, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(os.urandom(2 * PART + 5))
    there = bucket(s3)
    await there.put("takes/1.mp4", file)
    assert len(s3.puts()) == 5, "begun, three parts, completed"
    assert await there.size("takes/1.mp4") == file.stat().st_size
    assert b"".join([piece async for piece in there.get("takes/1.mp4")]) == file.read_bytes()
    await there.delete("takes/1.mp4")
    await there.delete("takes/1.mp4")
    assert await there.size("takes/1.mp4") is None
    with pytest.raises(LookupError):
        [piece async for piece in there.get("takes/1.mp4")]


async def test_a_link_opens_one_object_and_dies(s3, tmp_path):
    s3.objects |= {"studio/a": b"original", "studio/b": b"secret"}
    link = await bucket(s3).link("a", 60)
    assert await read(link) == (200, b"original")
    status, body = await read(link.replace("/a?", "/b?"))
    assert (status, b"SignatureDoesNotMatch" in body) == (403, True)
    assert "X-Amz-Expires=60&" in link
    status, body = await read(link.replace("Expires=60", "Expires=6000"))
    assert status == 403
    assert "X-Amz-Expires=604800" in await bucket(s3).link("a", 60 * DAY), "S3 allows seven days"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"secret_key": "wrong"}, "“originals/studio” refuses the keys"),
        ({"access_key": "wrong"}, "“originals/studio” refuses the keys"),
        ({"name": "another"}, "There is no bucket “another/studio”"),
        ({"endpoint": "http://127.0.0.1:9"}, "“originals/studio” can't be reached"),
    ],
)
async def test_what_is_wrong_with_a_bucket_is_said(s3, changes, sentence):
    with pytest.raises(Busy, match=sentence) as caught:
        await bucket(s3, **changes).check()
    assert imitation.SECRET not in caught.value.raw
    await bucket(s3).check()
    assert s3.objects == {}, "nothing stays of a check"


# Copying.


async def test_everything_is_copied_once_newest_first_and_one_at_a_time(
    store, s3, bucket_sync, tmp_path
):
    for number in (1, 2):
        await take(store, tmp_path, number, brief=Brief(image=given()) if number == 1 else None)
    gone = await take(store, tmp_path, 3)
    (tmp_path / gone.file).unlink()
    assert await bucket_sync.work() == 3
    assert s3.most == 1
    folders = [key.split("-")[0] for key in s3.puts()]
    assert folders == ["studio/takes/2", "studio/takes/1", f"studio/inputs/{'a' * 64}"]
    copy = await store.files.copy_of("takes/2.mp4")
    assert s3.objects[f"studio/{copy.key}"] == (tmp_path / "takes/2.mp4").read_bytes()
    again = BucketSync(store, bucket(s3), data=tmp_path, days=0, link_days=7)
    assert await again.work() == 0
    assert len(s3.puts()) == 3


async def test_every_job_is_looked_at_however_many_there_are(store, s3, bucket_sync, tmp_path):
    await take(store, tmp_path, 1)
    await store.writer.write(lambda db: db.execute("UPDATE sqlite_sequence SET seq = 2500"))
    await take(store, tmp_path, 2)
    assert await bucket_sync.work() == 2
    assert [key.split("-")[0] for key in s3.puts()] == ["studio/takes/2501", "studio/takes/1"]


async def test_another_bucket_or_prefix_is_filled_anew(store, s3, bucket_sync, tmp_path):
    await take(store, tmp_path, 1)
    await bucket_sync.work()
    other = BucketSync(store, bucket(s3, prefix="new"), data=tmp_path, days=0, link_days=7)
    assert await other.work() == 1
    assert [key.split("-")[0] for key in s3.named("new/")] == ["new/takes/1"]
    assert len(s3.named("studio/")) == 1, "what lies elsewhere is not touched"


async def test_a_bucket_that_was_down_gets_what_it_missed(store, s3, bucket_sync, tmp_path):
    s3.down = True
    await take(store, tmp_path, 1)
    running = asyncio.create_task(bucket_sync.run())
    try:
        await until(lambda: bucket_sync.trouble)
        assert bucket_sync.trouble == "The bucket “originals/studio” can't be reached."
        bucket_sync.moved(await take(store, tmp_path, 2))
        s3.down = False
        await until(lambda: len(s3.named()) == 2 and bucket_sync.trouble is None)
        bucket_sync.moved(await take(store, tmp_path, 3))
        await until(lambda: len(s3.named()) == 3)
    finally:
        running.cancel()


async def test_keys_that_may_not_delete_still_copy(store, s3, bucket_sync, tmp_path):
    await take(store, tmp_path, 1, user_id=30)
    await bucket_sync.work()
    await store.privacy.forget(30)
    await take(store, tmp_path, 2, user_id=31)
    s3.forbidden = {"DELETE"}
    with pytest.raises(Busy, match="refuses the keys"):
        await bucket_sync.work()
    assert any(key.startswith("studio/takes/2-") for key in s3.named())
    s3.forbidden = set()
    await bucket_sync.work()
    assert [key[:15] for key in s3.named()] == ["studio/takes/2-"]


async def test_what_was_sent_and_not_noted_is_not_sent_again(store, s3, bucket_sync, tmp_path):
    """As after a kill between the two."""
    await take(store, tmp_path, 1)
    await bucket_sync.work()
    await store.writer.write(lambda db: db.execute("UPDATE copy SET at = NULL"))
    assert await store.files.copy_of("takes/1.mp4") is None
    assert await bucket_sync.work() == 1
    assert await store.files.copy_of("takes/1.mp4") is not None
    assert len(s3.puts()) == 1


# What the bucket has to let go of.


async def test_delete_mine_reaches_the_bucket_also_after_an_outage(
    store, s3, bucket_sync, tmp_path
):
    mine = await take(store, tmp_path, 1, user_id=30, brief=Brief(image=given()))
    theirs = await take(store, tmp_path, 2, user_id=31, brief=Brief(video=given("takes/1.mp4")))
    await bucket_sync.work()
    s3.down = True
    done = await store.privacy.forget(30)
    assert done.files == (PICTURE, mine.file), "their clip has ended: it needs mine no more"
    with pytest.raises(Busy):
        await bucket_sync.work()
    s3.down = False
    await bucket_sync.work()
    assert [key.split("-")[0] for key in s3.named()] == ["studio/takes/2"]
    assert await store.files.copy_of(theirs.file) is not None


async def test_a_picture_out_of_a_deleted_clip_goes_with_it(store, s3, bucket_sync, tmp_path):
    mine = await take(store, tmp_path, 1, user_id=30)
    frame = "inputs/frame-1-last.png"
    await take(store, tmp_path, 2, user_id=31, brief=Brief(image=given(frame)))
    await bucket_sync.work()
    assert (await store.privacy.forget(30)).files == (frame, mine.file)
    (tmp_path / frame).unlink()
    (tmp_path / mine.file).unlink()
    await bucket_sync.work()
    assert [key.split("-")[0] for key in s3.named()] == ["studio/takes/2"]


async def test_what_is_deleted_while_it_is_being_sent_does_not_stay_there(
    store, s3, bucket_sync, tmp_path
):
    await take(store, tmp_path, 1)
    s3.held = asyncio.Event()
    sending = asyncio.create_task(bucket_sync.work())
    await until(lambda: s3.puts())
    await store.privacy.forget(30)
    s3.held.set()
    assert await sending == 0
    assert s3.objects == {}
    assert await store.files.unwanted("originals/studio") == []


async def test_what_was_shared_stays_for_the_other(store, s3, bucket_sync, tmp_path):
    for number, user in ((1, 30), (2, 31)):
        await take(store, tmp_path, number, user_id=user, brief=Brief(image=given()))
    await bucket_sync.work()
    done = await store.privacy.forget(30)
    assert done.files == ("takes/1.mp4",)
    await bucket_sync.work()
    assert {key.split("-")[0] for key in s3.named()} == {
        "studio/takes/2",
        f"studio/inputs/{'a' * 64}",
    }


async def test_what_is_needed_again_is_not_deleted_after_all(store, s3, bucket_sync, tmp_path):
    await take(store, tmp_path, 1, user_id=30, brief=Brief(image=given()))
    content = (tmp_path / PICTURE).read_bytes()
    await bucket_sync.work()
    await store.privacy.forget(30)
    s3.forbidden = {"DELETE"}
    job = await take(store, tmp_path, 2, user_id=31, brief=Brief(image=given()))
    (tmp_path / PICTURE).write_bytes(content)  # the same picture, so it has the same key there
    with pytest.raises(Busy):
        await bucket_sync.work()
    s3.forbidden = set()
    await bucket_sync.work()
    kept = {(await store.files.copy_of(file)).key for file in (PICTURE, job.file)}
    assert set(s3.named()) == {f"studio/{key}" for key in kept}


async def test_originals_leave_when_their_time_is_over_and_favourites_stay(
    store, s3, tmp_path, clock
):
    for number, age in enumerate((40, 40, 20), start=1):
        brief = Brief(image=given()) if number == 1 else None
        await take(store, tmp_path, number, ended=NOW - age * DAY, brief=brief)
    forever = BucketSync(store, bucket(s3), data=tmp_path, days=0, link_days=7, clock=clock)
    await forever.work()
    await store.takes.favourite(2, 30, at=1.0)
    month = BucketSync(store, bucket(s3), data=tmp_path, days=30, link_days=7, clock=clock)
    assert await month.work() == 0
    left = ["studio/takes/2", "studio/takes/3"]
    assert [key.split("-")[0] for key in s3.named()] == left
    assert await month.work() == 0, "and are not copied again"


# The disk as a cache.


async def test_only_what_lies_in_the_bucket_leaves_the_disk(
    store, s3, bucket_sync, tmp_path, clock
):
    brief = Brief(image=given())
    for number in (1, 2):
        await take(store, tmp_path, number, brief=brief if number == 1 else None)
    keeper = cache(store, tmp_path, bucket_sync, clock, room=1 / GIB)
    assert await keeper.tidy() == 0, "nothing is copied yet"
    await bucket_sync.work()
    s3.down = True
    assert await keeper.tidy() == 0, "and nobody can say whether it is still there"
    s3.down = False
    lost = next(key for key in s3.named() if "takes/2-" in key)
    del s3.objects[lost]
    assert await keeper.tidy() == 1
    assert sorted(path.name for path in (tmp_path / "takes").iterdir()) == ["2.mp4"]
    assert not (tmp_path / PICTURE).exists(), "an input goes with its last take"
    assert await bucket_sync.work() == 1, "what the bucket lost is sent again"
    assert lost in s3.objects
    assert await keeper.tidy() == 1


async def test_what_made_room_is_brought_back_once_for_all_who_ask(
    store, s3, bucket_sync, tmp_path, clock
):
    job = await take(store, tmp_path, 1, size=3 * 2**20, brief=Brief(image=given()))
    content = (tmp_path / job.file).read_bytes()
    keeper = cache(store, tmp_path, bucket_sync, clock, room=1 / GIB)
    await bucket_sync.work()
    assert await keeper.tidy() == 1
    assert await keeper.has(job.file)
    assert (await store.takes.get(1, guild_id=10)).dropped is None, "it is still to be had"
    s3.held = asyncio.Event()
    impatient = asyncio.create_task(keeper.at_hand(job.file))
    await until(lambda: s3.calls[-1][0] == "GET")
    impatient.cancel()
    s3.held.set()
    found = await asyncio.gather(*(keeper.at_hand(job.file) for _ in range(5)))
    assert found[0].read_bytes() == content
    gets = [key for method, key in s3.calls if method == "GET"]
    assert len(gets) == 1
    assert (await keeper.at_hand(PICTURE)).exists()
    assert await keeper.tidy() == 0, "it was asked for just now"
    clock.advance(2 * FRESH)
    assert await keeper.tidy() == 1, "it makes room again without being sent again"
    assert not (tmp_path / PICTURE).exists()
    assert len(s3.puts()) == 2


async def test_what_cannot_be_brought_back_is_said(store, s3, bucket_sync, tmp_path, clock):
    job = await take(store, tmp_path, 1)
    await bucket_sync.work()
    await cache(store, tmp_path, bucket_sync, clock, room=1 / GIB).tidy()
    full = cache(store, tmp_path, bucket_sync, clock, spare=1, free=lambda _: GIB)
    with pytest.raises(Trouble, match="The file of #1 is in the bucket, but this bot's disk"):
        await full.at_hand(job.file)
    keeper = cache(store, tmp_path, bucket_sync, clock)
    s3.down = True
    with pytest.raises(Busy, match="is in the bucket, which can't be reached right now"):
        await keeper.at_hand(job.file)
    s3.down = False
    [key] = s3.named()
    s3.objects[key] = s3.objects[key][:-1] + b"?"
    with pytest.raises(Refusal, match="is no longer kept"):
        await keeper.at_hand(job.file)
    assert list((tmp_path / "takes").iterdir()) == [], "not even half of it"
    assert await store.accounting.needed_files() == [], "nobody misses it on the disk"
    s3.objects.clear()
    with pytest.raises(Refusal, match="is no longer kept"):
        await keeper.at_hand(job.file)


async def test_past_both_times_a_take_goes_without_a_copy(store, s3, tmp_path, clock):
    await take(store, tmp_path, 1, ended=NOW - 40 * DAY)
    await take(store, tmp_path, 2, ended=NOW - 40 * DAY)
    await store.takes.favourite(2, 30, at=1.0)
    month = BucketSync(store, bucket(s3), data=tmp_path, days=30, link_days=7, clock=clock)
    s3.down = True
    assert await cache(store, tmp_path, month, clock, days=35).tidy() == 1
    assert [path.name for path in (tmp_path / "takes").iterdir()] == ["2.mp4"]


# Settings.


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"endpoint": "https://s3.test"}, "DAILIES_S3_ENDPOINT is set, but DAILIES_S3_BUCKET is"),
        ({"access_key": "a"}, "DAILIES_S3_ACCESS_KEY is set, but DAILIES_S3_BUCKET is not"),
        ({"bucket": "a-bucket", "access_key": "a"}, "Set both DAILIES_S3_ACCESS_KEY and"),
        ({"bucket": "a/b"}, "DAILIES_S3_BUCKET can't be used"),
        ({"bucket": "a-bucket", "endpoint": "s3.test"}, "DAILIES_S3_ENDPOINT can't be used"),
        ({"bucket": "a-bucket", "link_days": 8}, "DAILIES_S3_LINK_DAYS can't be used"),
    ],
)
def test_settings_of_a_bucket_are_whole_or_refused(given, sentence):
    with pytest.raises(BadSetting, match=sentence):
        Settings.load(**{f"dailies_s3_{name}": value for name, value in given.items()})


@pytest.mark.long
def test_the_library_is_loaded_only_where_there_is_a_bucket():
    look = "import sys, bot.app.cli; sys.exit('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], timeout=120).returncode == 0


async def test_keys_of_a_role_give_no_links(store, tmp_path, s3, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", imitation.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", imitation.SECRET)
    theirs = bucket(s3, access_key=None, secret_key=None)
    await theirs.check()
    bucket_sync = BucketSync(store, theirs, data=tmp_path, days=0, link_days=7)
    await take(store, tmp_path, 1)
    assert await bucket_sync.work() == 1
    assert await bucket_sync.link("takes/1.mp4") is None
