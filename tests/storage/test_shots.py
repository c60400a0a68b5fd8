"""Shots: names that sort as people sort them, what is filed under them, and what is forgotten."""

import asyncio
import random
from dataclasses import replace

import pytest

from storage import NEWEST, Copy, Reel, ReelState, State, shots
from storage.reels import TooMany
from storage.shots import natural
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store
from tests.storage.test_finding import plans

TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
HERE = {"guild_id": 10, "channel_id": 20}


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path) as opened:
        yield opened


async def kept(store, number, **changes):
    job, _ = await store.jobs.add(draft(number, **changes))
    return job


async def found(store, words):
    hits = await store.takes.with_words(words, guild_id=10, edge=NEWEST, newer=False, limit=50)
    return [hit.id for hit in hits.hits]


def test_names_sort_as_people_sort_them():
    names = [
        *(
            "1",
            "2/1",
            "٣٠٠ title",
            "sc1",
            "sc1/sh2",
            "sc1/sh10",
            "sc1 night/sh1",
            "sc1a/sh1",
            "SC2/sh1",
        ),
        *("sc02/sh3", "sc2/sh12", "sc2/sh12b", "sc12/sh1", "sc100/sh1"),
    ]
    for seed in range(5):
        mixed = random.Random(seed).sample(names, len(names))
        assert sorted(mixed, key=natural) == names
    assert natural("sc" + "9" * 50) < natural("sc1" + "0" * 50)
    assert natural("SC１/sh2") == natural("sc1/SH2"), "case and width make no difference"


async def test_shots_of_a_channel_stand_in_natural_order_whatever_came_first(store):
    for place, name in enumerate(("sc12/sh1", "sc2/sh10", "sc2/sh9"), start=100):
        await store.shots.file_thread(name, place, **HERE, private=False)
    await store.shots.file_thread("sc1", 200, guild_id=10, channel_id=21, private=False)
    names = [shot.name for shot in await store.shots.of_channel(20)]
    assert names == ["sc2/sh9", "sc2/sh10", "sc12/sh1"]
    shots = await store.shots.of_channel(20)
    assert (shots[0].scene, shots[0].title) == ("sc2", "sh9")


async def test_one_name_is_one_shot_and_goes_with_what_is_filed_under_it(store):
    one = await store.shots.file_thread("sc1/sh1", 100, **HERE, private=False)
    two = await store.shots.file_thread("SC1/SH1", 101, **HERE, private=True)
    assert one == two
    assert one.name == "sc1/sh1"
    await store.shots.file_thread("sc1/sh2", 100, **HERE, private=False)
    assert await store.shots.filed_as(thread_id=101, job_id=None) == one
    assert (await store.shots.filed_as(thread_id=100, job_id=None)).name == "sc1/sh2"
    assert await store.shots.file_thread("", 101, **HERE, private=True) is None
    assert [shot.name for shot in await store.shots.of_channel(20)] == ["sc1/sh2"]


async def test_a_shot_s_takes_are_found_by_its_name_also_those_that_come_later(store):
    first = await kept(store, 1, thread_id=100)
    other = await kept(store, 2, thread_id=101)
    await store.shots.file_thread("sc12/sh3", 100, **HERE, private=False)
    assert await found(store, "sc12/sh3") == [first.id]
    built = await kept(store, 3, thread_id=100)
    later = await kept(store, 4)  # its card starts the thread afterwards
    await store.jobs.set_places(later.id, card_channel_id=20, card_id=5, thread_id=100)
    assert await found(store, "SC12") == [later.id, built.id, first.id]
    assert await found(store, "sc12 fox") == [later.id, built.id, first.id]
    await store.shots.file_thread("第7話", 101, **HERE, private=False)
    assert await found(store, "第7") == [other.id]
    await store.shots.file_thread("", 100, **HERE, private=False)
    assert await found(store, "sc12") == []
    assert len(await found(store, "fox")) == 4


async def test_single_clips_are_filed_where_there_are_no_threads(store):
    job = await kept(store, 1, thread_id=20)
    beside = await kept(store, 2, thread_id=20)
    await store.shots.file_clip("sc1/sh1", job.id, **HERE)
    assert await found(store, "sc1/sh1") == [job.id]
    [clip] = await store.shots.clips(20)
    assert (clip.hit.id, clip.private, clip.made, clip.live) == (job.id, False, False, True)
    await store.shots.file_clip("sc1/sh2", job.id, **HERE)
    assert [shot.name for shot in await store.shots.of_channel(20)] == ["sc1/sh2"]
    await store.shots.file_clip("", job.id, **HERE)
    assert await store.shots.of_channel(20) == []
    assert await found(store, "fox") == [beside.id, job.id]


async def test_what_came_of_a_shot_is_said_of_each_clip(store):
    job = await kept(store, 1, thread_id=100)
    await store.shots.file_thread("sc1", 100, **HERE, private=True)
    job = await advance(store.jobs, job, *TO_DONE)
    await store.takes.number(job, 100)
    for user_id, at in ((1, 5.0), (2, 9.0)):
        await store.takes.sign_off(job.id, user_id, at=at)
    await kept(store, 2, thread_id=100)
    one, two = await store.shots.clips(20)
    assert (one.made, one.live, one.signed_at, one.private) == (True, False, 9.0, True)
    assert (two.made, two.live, two.signed_at, two.hidden) == (False, True, None, False)
    await store.servers.take_down(None, job, hidden_by=30)
    assert [clip.hidden for clip in await store.shots.clips(20)] == [True, False]


async def test_delete_mine_takes_one_s_clips_out_of_every_shot(store):
    mine = await kept(store, 1, thread_id=100)
    theirs = await kept(store, 2, thread_id=101, user_id=31)
    for job in (mine, theirs):
        await advance(store.jobs, job, *TO_DONE)
    both = await kept(store, 3, thread_id=101)
    await advance(store.jobs, both, *TO_DONE)
    single = await kept(store, 4, thread_id=20)
    await advance(store.jobs, single, *TO_DONE)
    await store.shots.file_thread("sc1", 100, **HERE, private=False)
    await store.shots.file_thread("sc2", 101, **HERE, private=False)
    await store.shots.file_clip("sc3", single.id, **HERE)
    await store.reels.ask("r", [("sc1", mine.id)], **HERE, user_id=30, slate=False, at=1.0)
    kept_of_me = await store.privacy.export(30)
    assert [each["shot"] for each in kept_of_me["shots of your clips"]] == ["sc1", "sc2", "sc3"]
    assert len(kept_of_me["reels you wait for"]) == 1
    assert await store.privacy.forget(30) is not None
    assert [shot.name for shot in await store.shots.of_channel(20)] == ["sc2"]
    assert [clip.hit.id for clip in await store.shots.clips(20)] == [theirs.id]
    assert await store.reels.get(1) is None
    assert await found(store, "sc1") == []
    assert await found(store, "sc2") == [theirs.id]


async def test_a_reel_is_begun_once_by_who_asked_and_goes_on_where_it_was(store):
    cut = [("sc1", 1), ("sc2", 2)]
    reel = await store.reels.ask("r", cut, **HERE, user_id=30, slate=True, at=1000.0)
    again = await store.reels.ask("r", [], **HERE, user_id=30, slate=True, at=1000.0)
    assert again == reel
    assert (reel.state, reel.cut, reel.slate) == (ReelState.ASKED, tuple(cut), True)
    assert await store.reels.begun() == []
    assert await store.reels.begin(reel.id, guild_id=10, user_id=31, most=5) is None
    assert await store.reels.begin(reel.id, guild_id=11, user_id=30, most=5) is None
    mine = {"guild_id": 10, "user_id": 30, "most": 5}
    assert (await store.reels.begin(reel.id, **mine)).state is ReelState.WAITING
    assert await store.reels.begin(reel.id, **mine) is None, "it runs already"
    assert (await store.reels.make(reel.id)).state is ReelState.MAKING
    assert await store.reels.post(reel.id, [])
    taken_up = await store.reels.make(reel.id)
    assert (taken_up.state, taken_up.tries) == (ReelState.POSTING, 2), "it may have been posted"
    await store.reels.over(reel.id)
    assert not await store.reels.post(reel.id, [])
    assert await store.reels.make(reel.id) is None
    old = await store.reels.ask("old", cut, **HERE, user_id=30, slate=False, at=1000.0)
    await store.reels.ask("new", cut, **HERE, user_id=30, slate=False, at=90_000.0)
    assert await store.reels.get(old.id) is None, "nobody said yes for a day"


async def test_a_reel_is_not_posted_with_a_clip_that_was_deleted_meanwhile(store):
    jobs = [await kept(store, number, thread_id=100, user_id=29 + number) for number in (1, 2)]
    one, two = [await advance(store.jobs, job, *TO_DONE) for job in jobs]
    await store.takes.number(one, 100)
    cut = [("sc1", one.id), ("sc2", two.id)]
    reel = await store.reels.ask("r", cut, **HERE, user_id=32, slate=False, at=1.0)
    both = [one.id, two.id]
    assert await store.reels.post(reel.id, both)
    lent = Copy(file=f"reels/{reel.id}.10.mp4", bucket="b", key="k", size=1, sha256="0" * 64)
    await store.files.begin(lent)
    await store.servers.take_down(None, one, hidden_by=30)
    assert not await store.reels.post(reel.id, both)
    assert await store.files.copy_of(lent.file) is None
    assert await store.files.unwanted("b") == ["k"], "what it was lent by goes"
    assert await store.reels.post(reel.id, [two.id])
    assert await store.privacy.forget(31) is not None
    assert not await store.reels.post(reel.id, [two.id])


async def test_of_reels_that_are_begun_at_once_no_more_wait_than_may(store):
    reels = [
        await store.reels.ask(f"r{n}", [], **HERE, user_id=30, slate=False, at=1.0)
        for n in range(8)
    ]
    begun = await asyncio.gather(
        *(store.reels.begin(each.id, guild_id=10, user_id=30, most=5) for each in reels),
        return_exceptions=True,
    )
    assert [type(each) for each in begun] == [Reel] * 5 + [TooMany] * 3
    assert len(await store.reels.begun()) == 5


@pytest.mark.sqlite
async def test_the_clips_of_a_channels_shots_are_searched_and_approvals_only_where_asked(store):
    jobs = [await kept(store, number, thread_id=100) for number in (1, 2)]
    one, _two = [await advance(store.jobs, job, *TO_DONE) for job in jobs]
    alone = await advance(store.jobs, await kept(store, 3, thread_id=20), *TO_DONE)
    elsewhere = await advance(store.jobs, await kept(store, 4, thread_id=300), *TO_DONE)
    await store.shots.file_thread("sc1", 100, **HERE, private=True)
    await store.shots.file_clip("sc1", alone.id, **HERE)
    await store.shots.file_thread("sc1", 300, guild_id=10, channel_id=30, private=False)
    await store.takes.sign_off(one.id, 31, at=5.0)
    found = await store.shots.clips(20)
    assert [(each.hit.id, each.private, each.signed_at) for each in found] == [
        (1, True, 5.0),
        (2, True, None),
        (3, False, None),
    ]
    assert {each.shot_id for each in found} == {1}
    assert [each.hit.id for each in await store.shots.clips(30)] == [elsewhere.id]
    unsigned = await store.shots.clips(20, signed=False)
    assert unsigned == [replace(each, signed_at=None) for each in found]
    for signed in (True, False):
        said = await plans(store, lambda db, signed=signed: shots.clips(db, 20, signed=signed))
        assert not [each for each in said if each.startswith("SCAN")], said
        assert any("sign_off" in each for each in said) is signed
