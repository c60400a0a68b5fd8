"""What is remembered of takes: numbers, posts, marks, reactions, presets, limits."""

import asyncio

import pytest

from storage import (
    Brief,
    Input,
    Plan,
    Post,
    Preset,
    Reaction,
    Relation,
    State,
    Tally,
    Thread,
    open_store,
)
from tests.rig.databases import fresh
from tests.rig.drafts import advance, draft

CLIP = Input(file="takes/1.mp4", type="video/mp4", size=10, seconds=6.0, fps=24.0, take=1)
TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
async def store(tmp_path):
    async with open_store(fresh(tmp_path)) as opened:
        yield opened


async def job_in(store, number=1, *, thread=500, done=True, **changes):
    job, _ = await store.jobs.add(draft(number, **changes))
    job = await store.jobs.set_places(job.id, thread_id=thread)
    if done:
        job = await advance(store.jobs, job, *TO_DONE)
        await store.takes.number(job, thread)
    return job


async def test_a_plan_survives_the_row(store):
    plan = Plan(place="part", clip=CLIP, start=3.0, seconds=2.0, replace="picture")
    brief = Brief(prompt="x", parent=1, relation=Relation.RETAKE, plan=plan)
    job, _ = await store.jobs.add(draft(1, brief=brief))
    assert (await store.jobs.get(job.id)).brief == brief


async def test_takes_are_numbered_in_their_thread_and_only_once(store):
    jobs = [await job_in(store, number, done=False) for number in range(20)]
    numbers = await asyncio.gather(*(store.takes.number(job, 500) for job in jobs))
    assert sorted(numbers) == list(range(1, 21))
    assert [await store.takes.number(job, 500) for job in jobs] == numbers
    other = await job_in(store, 99, thread=501, done=False)
    assert await store.takes.number(other, 501) == 1


async def test_a_thread_lists_its_takes_with_what_people_did(store):
    first = await job_in(store, 1)
    second = await job_in(store, 2, brief=Brief(prompt="y", parent=first.id, relation="extend"))
    await store.takes.favourite(first.id, 30, at=1.0)
    assert await store.takes.favourite(first.id, 31, at=2.0) == 2
    await store.takes.sign_off(second.id, 32, at=3.0)
    await store.takes.posted(Post(message_id=70, channel_id=500, job_id=first.id, at=1.0))
    await store.takes.posted(Post(message_id=71, channel_id=501, job_id=first.id, at=2.0))
    one, two = await store.takes.of_thread(500)
    assert (one.number, one.favourites, one.approved_by, one.post) == (1, 2, (), (501, 71))
    assert (two.number, two.favourites, two.approved_by, two.post) == (2, 0, (32,), None)
    assert [take.job.id for take in await store.takes.children(first.id)] == [second.id]
    await store.takes.gone([71])
    assert (await store.takes.get(first.id, guild_id=10)).post == (500, 70)
    assert await store.takes.get(first.id, guild_id=11) is None
    assert await store.takes.favourite(first.id, 31, at=None) == 1
    found = await store.takes.favourites(guild_id=10, user_id=30)
    assert [take.job.id for take in found] == [first.id]


async def test_the_lineage_is_found_by_its_index(store):
    plan = await store.writer.read(
        lambda db: db.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM job AS child"
            " WHERE json_extract(child.brief, '$.parent') IS NOT NULL"
            " AND json_extract(child.brief, '$.parent') = 1"
        ).fetchall()
    )
    assert "job_by_parent" in plan[0][3]


async def test_reactions_are_remembered_by_message_person_and_emoji(store):
    takes = store.takes
    assert await takes.reaction(1, 2, "🔁") is None
    await takes.set_reaction(1, 2, "🔁", Reaction(n=1, stands=True, at=5.0))
    told = Reaction(n=2, stands=True, at=6.0, explained="No.", answer="Because.", refused_id=7)
    await takes.set_reaction(1, 2, "🔁", told)
    assert await takes.reaction(1, 2, "🔁") == told
    assert await takes.standing(1) == {(2, "🔁")}


async def test_words_are_used_up_by_what_was_made_with_them(store):
    def again(number, prompt, **more):
        return job_in(
            store, number, brief=Brief(prompt=prompt, parent=parent.id, relation="retake"), **more
        )

    parent = await job_in(store, 1)
    used = store.takes.words_used
    assert not await used(parent.id, 30, "snow", since=0.0)
    called_off = await again(2, "snow", done=False)
    assert await used(parent.id, 30, "snow", since=1000.0)
    await advance(store.jobs, called_off, State.CANCELLED)
    assert not await used(parent.id, 30, "snow", since=1000.0)
    await again(3, "snow")
    assert await used(parent.id, 30, "snow", since=1000.0)
    assert not await used(parent.id, 30, "snow", since=1000.1), "said anew since"
    assert not await used(parent.id, 31, "snow", since=0.0), "another person's"
    assert not await used(parent.id, 30, "rain", since=0.0)


async def test_a_deleted_channel_takes_its_threads_posts_along(store):
    async def posted(number, place, *, parent=None, card=None):
        job = await job_in(store, number, thread=place)
        await store.jobs.set_places(job.id, card_channel_id=card)
        if parent:
            thread = Thread(id=place, guild_id=10, parent_id=parent, board_id=None)
            await store.takes.set_thread(thread, at=1.0)
        post = Post(message_id=900 + number, channel_id=place, job_id=job.id, at=1.0)
        await store.takes.posted(post)
        return job.id

    told, carded, other = [
        await posted(1, 501, parent=500),
        await posted(2, 502, card=500),
        await posted(3, 503, parent=600, card=600),
    ]
    await store.takes.gone_with(500)
    assert await store.takes.posts_of(told) == await store.takes.posts_of(carded) == []
    assert len(await store.takes.posts_of(other)) == 1


async def test_a_channel_out_of_reach_is_news_once(store):
    reach = store.takes.out_of_reach
    assert [await reach(5, at=1.0), await reach(5, at=2.0)] == [True, False]
    assert [await reach(5, at=None), await reach(5, at=None)] == [True, False]
    assert await reach(5, at=3.0)


async def test_presets_are_a_persons_own_then_the_servers(store):
    def preset(user, name, seconds):
        brief = Brief(duration=seconds)
        return Preset(
            guild_id=10, user_id=user, name=name, provider="p", model="m", brief=brief, at=1.0
        )

    for each in (preset(0, "house", 6), preset(30, "wide", 8), preset(31, "theirs", 8)):
        await store.takes.save_preset(each)
    await store.takes.save_preset(preset(30, "wide", 10))
    found = await store.takes.presets(guild_id=10, user_id=30)
    assert [(each.name, each.brief.duration) for each in found] == [("wide", 10), ("house", 6)]
    assert await store.takes.delete_preset(guild_id=10, user_id=30, name="wide")
    assert not await store.takes.delete_preset(guild_id=10, user_id=30, name="wide")


async def test_a_learnt_limit_holds_until_discord_says_another(store):
    takes = store.takes
    assert await takes.upload_limit(10, said=100) == 100
    await takes.learn_limit(10, said=100, takes=40, at=1.0)
    assert await takes.upload_limit(10, said=100) == 40
    assert await takes.upload_limit(10, said=200) == 200


async def test_a_thread_keeps_what_is_known_of_it(store):
    await store.takes.set_thread(Thread(id=5, guild_id=10, parent_id=4, board_id=None), at=1.0)
    await store.takes.set_thread(Thread(id=5, guild_id=10, parent_id=None, board_id=9), at=2.0)
    assert await store.takes.thread(5) == Thread(id=5, guild_id=10, parent_id=4, board_id=9)


async def test_favourites_make_room_last_and_what_is_being_used_never(store):
    liked, plain, used = [await job_in(store, number) for number in range(3)]
    await store.takes.favourite(liked.id, 30, at=1.0)
    await job_in(store, 9, done=False, brief=Brief(prompt="z", parent=used.id, relation="retake"))
    found = await store.takes.droppable(before=1e9)
    assert [job.id for job in found] == [plain.id, liked.id]
    await store.takes.drop(plain.id, at=9.0)
    assert [job.id for job in await store.takes.droppable(before=1e9)] == [liked.id]


async def test_a_thread_adds_up_what_the_ledger_says(store):
    """Held while it is under way, what was captured once it is made, nothing of what failed."""

    async def admitted(number):
        taken = await store.policy.admit(draft(number, price=5), roles=())
        return await store.jobs.set_places(taken.job.id, thread_id=500)

    made, failed, running = [await admitted(number) for number in range(3)]
    await advance(store.jobs, made, *TO_DONE)
    await advance(store.jobs, failed, State.SUBMITTING, State.FAILED)
    await job_in(store, 9)  # not in the ledger at all
    found = await store.takes.tally(500)
    assert (found.made, found.running, found.jobs, found.credits) == (2, 1, 4, 10)
    bills = [await store.policy.bill(job.id) for job in (made, failed, running)]
    assert found.credits == sum(bill.spent + bill.held for bill in bills)
    assert await store.takes.tally(501) == Tally(made=0, running=0, credits=0, jobs=0)


async def test_a_thousand_takes_are_listed_without_looking_at_the_others(store):
    """Counted in what SQLite does, which is the same on every machine."""
    jobs = await asyncio.gather(*(job_in(store, number, done=False) for number in range(1000)))
    await asyncio.gather(*(store.takes.number(job, 500) for job in jobs))
    await asyncio.gather(
        *(job_in(store, number, thread=501, done=False) for number in range(1000, 3000))
    )
    chunks = 0

    def counted():
        nonlocal chunks
        chunks += 1

    await store.writer.read(lambda db: db.set_progress_handler(counted, 1000))
    found = await store.takes.of_thread(500)
    await store.writer.read(lambda db: db.set_progress_handler(None, 0))
    assert 0 < chunks < 250, "250 steps of SQLite's for each take"
    assert [take.number for take in found] == sorted(take.number for take in found)
    assert len(found) == 1000


async def test_who_is_forgotten_leaves_no_mark_on_takes(store):
    theirs = await job_in(store, 1, user_id=30)
    other = await job_in(store, 2, user_id=31)
    await store.takes.favourite(other.id, 30, at=1.0)
    told = Reaction(n=1, stands=True, at=1.0, explained="No.", answer="You have 3 credits.")
    await store.takes.set_reaction(70, 30, "🔁", told)
    await store.takes.posted(Post(message_id=70, channel_id=500, job_id=theirs.id, at=1.0))
    await store.takes.posted(Post(message_id=71, channel_id=500, job_id=other.id, at=1.0))
    await store.servers.take_down(None, other, hidden_by=30)
    exported = await store.privacy.export(30)
    assert [each["job_id"] for each in exported["favourites"]] == [other.id]
    assert exported["reactions"][0]["answer"] == "You have 3 credits."
    assert await store.privacy.forget(30) is not None
    found = await store.takes.get(other.id, guild_id=10)
    assert (found.favourites, found.hidden_by, found.post) == (0, 0, (500, 71))
    assert await store.takes.reaction(70, 30, "🔁") is None
    assert await store.takes.post(70) is None
