"""A clip's number is read as the person saw it: a thread's take, or the server's clip."""

import pytest

from bot.errors import Refusal
from bot.orders.clip_names import clip_named, looks_like_one, name_of
from bot.orders.requester import Requester
from storage import State, open_store
from tests.rig.databases import fresh
from tests.rig.drafts import advance, draft
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.taking import answered, clip_of, first_clip

TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
THREAD = Requester(guild_id=10, channel_id=500, parent_id=20, user_id=30)
CHANNEL = Requester(guild_id=10, channel_id=20, user_id=30)


@pytest.fixture
async def store(tmp_path):
    """Clips 1 to 4 are takes of other threads; 5 and 6 are takes 1 and 2 of thread 500."""
    async with open_store(fresh(tmp_path)) as opened:
        for number, thread in enumerate((400, 400, 401, 402, 500, 500), start=1):
            job, _ = await opened.jobs.add(draft(number))
            job = await opened.jobs.set_places(job.id, thread_id=thread)
            job = await advance(opened.jobs, job, *TO_DONE)
            await opened.takes.number(job, thread)
        yield opened


@pytest.mark.parametrize(
    ("typed", "place", "clip"),
    [
        ("2", THREAD, 6),
        (" 2 ", THREAD, 6),
        ("take 2", THREAD, 6),
        ("#2", THREAD, 2),
        ("2", CHANNEL, 2),
        ("#2", CHANNEL, 2),
        ("#6", CHANNEL, 6),
        ("9", CHANNEL, 9),  # nobody's: whoever is asked for it says so
    ],
)
async def test_a_plain_number_is_the_threads_take_and_a_hash_the_servers_clip(
    store, typed, place, clip
):
    assert await clip_named(typed, requester=place, takes=store.takes) == clip


async def test_a_take_that_is_not_there_is_never_taken_for_another_clip(store):
    """Clip 3 exists, and costs money if it is retaken instead of take 3."""
    with pytest.raises(Refusal, match=r"There is no take 3 in this thread.* write #3"):
        await clip_named("3", requester=THREAD, takes=store.takes)
    elsewhere = Requester(guild_id=11, channel_id=500, parent_id=20, user_id=30)
    with pytest.raises(Refusal, match="no take 2 in this thread"):
        await clip_named("2", requester=elsewhere, takes=store.takes)


@pytest.mark.parametrize("typed", ["", "fox", "##2", "-1", "2.5", "1e3", "٢", "https://x.y/z", "#"])
async def test_what_is_no_number_is_refused(store, typed):
    assert not looks_like_one(typed)
    with pytest.raises(Refusal, match=r"is not a clip\. Write its number, such as #42"):
        await clip_named(typed, requester=THREAD, takes=store.takes)


async def test_a_take_is_called_by_both_names_in_its_thread(store):
    take = await store.takes.numbered(2, place_id=500, guild_id=10)
    assert name_of(take, place_id=500) == "take 2 (#6)"
    assert name_of(take, place_id=20) == "#6"


# In the playground.


@pytest.mark.long
async def test_every_command_reads_and_says_the_number_that_was_seen(playground, tmp_path, mira):
    """Thread one holds #1 and #3, thread two #2: take 2 of the first is #3."""
    able = Maker("able", NATIVE)
    async with working(playground, tmp_path, providers={"able": able}) as house:
        first = await first_clip(mira, "a red fox")
        second = await first_clip_after(mira, "a blue dog", 2)
        mira.go(first.channel_id)
        asked = await answered(await mira.type("/video again", clip="1", prompt="a green cat"))
        assert asked is not None
        await clip_of(mira, 3)
        await until(lambda: any("take 1 (#1) again" in each.text for each in mira.everything()))

        offered = await mira.suggestions("/video extend", "clip", "2")
        assert offered[0][1] == "#3"
        assert "take 2 · #3" in offered[0][0]
        shown = await answered(await mira.type("/video show", clip="2"))
        text = (await until(lambda: shown.message if "#3" in shown.message.text else None)).text
        assert "Take 2 of <#" in text
        assert "#2" not in text

        await answered(await mira.type("/video extend", clip="2", duration=2))
        await clip_of(mira, 4)
        assert able.orders[-1].video.take == 3
        await answered(await mira.type("/video extend", clip="#2", duration=2))
        await clip_of(mira, 5)
        assert able.orders[-1].video.take == 2
        count = len(able.orders)
        no = await answered(await mira.type("/video retake", clip="9"))
        assert "There is no take 9 in this thread" in no.message.text
        mira.go("videos")
        await answered(await mira.type("/video extend", clip="2", duration=2))
        await clip_of(mira, 6)
        assert able.orders[-1].video.take == 2
        assert len(able.orders) == count + 1
        assert second is not None
        assert (await house.store.jobs.get(6)).brief.parent == 2


async def first_clip_after(person, prompt, number):
    await answered(await person.type("/video text", prompt=prompt))
    return await clip_of(person, number)
