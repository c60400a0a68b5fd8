"""What is remembered of takes: numbers, posts, marks, reactions, presets, limits."""

import asyncio

import pytest

from bot.orders.threads import Threads
from storage import (
    FINISHED,
    LIVE,
    MADE,
    Brief,
    By,
    Input,
    Plan,
    Post,
    Preset,
    Reaction,
    Relation,
    State,
    Tally,
    Thread,
)
from tests.rig.drafts import advance, draft, ways
from tests.rig.engines import open_store

CLIP = Input(file="takes/1.mp4", type="video/mp4", size=10, seconds=6.0, fps=24.0, take=1)
TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path) as opened:
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


@pytest.mark.sqlite
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


@pytest.mark.long
@pytest.mark.sqlite
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


@pytest.mark.parametrize("state", State)
async def test_a_take_is_in_progress_until_it_stands_in_its_thread(store, state):
    """And counted as what its line says: the board is written once as it begins and once as it
    ends, so a state between the two changes neither."""
    first = await job_in(store, 1)
    second = await job_in(store, 2, done=False, brief=Brief(prompt="y", parent=first.id))
    job = await advance(store.jobs, second, *ways()[state])
    if state in MADE:
        await store.takes.number(job, 500)
    found = await store.takes.overview(500, guild_id=10, limit=40)
    assert found.tally == await store.takes.tally(500)
    assert (found.tally.made - 1, found.tally.running) == (state in FINISHED, state in LIVE)
    assert list(found.parents) == ([first.id] if state in LIVE | FINISHED else [])


async def test_the_lines_and_the_figures_of_a_thread_are_of_one_moment(store):
    """Its board is read while others order: it never counts what it does not list."""
    await job_in(store)

    async def orders():
        for number in range(2, 42):
            await job_in(store, number, done=False)

    ordering = asyncio.create_task(orders())
    threads, seen = Threads(store, clock=lambda: 1.0), set()
    while not ordering.done():
        found = await threads.overview(500, guild_id=10, limit=100)
        assert found.tally.made + found.tally.running == len(found.takes)
        seen.add(len(found.takes))
    await ordering
    assert len(seen) > 1, "it was read in between"


# Lists.


def ids(takes):
    return [take.job.id for take in takes]


async def test_a_take_is_found_by_its_number_in_its_thread_and_server(store):
    await job_in(store, 1)
    second = await job_in(store, 2)
    await job_in(store, 3, thread=501)

    async def numbered(number, place=500, guild=10):
        found = await store.takes.numbered(number, place_id=place, guild_id=guild)
        return None if found is None else found.job.id

    assert await numbered(2) == second.id
    assert await numbered(3) is None
    assert await numbered(2, place=501) is None
    assert await numbered(2, guild=11) is None


async def test_a_thread_is_read_in_pages_from_its_end_and_may_leave_out_what_came_to_nothing(store):
    made = await job_in(store, 1)
    failed = await job_in(store, 2, done=False)
    await advance(store.jobs, failed, State.FAILED)
    waits = await job_in(store, 3, done=False)
    everything = [made.id, failed.id, waits.id]
    assert ids(await store.takes.of_thread(500)) == everything
    assert ids(await store.takes.of_thread(500, limit=2)) == everything[1:]
    assert ids(await store.takes.of_thread(500, limit=2, skip=1)) == everything[:2]
    assert ids(await store.takes.of_thread(500, standing=True)) == [made.id, waits.id]
    assert ids(await store.takes.of_thread(501)) == []
    [take, *_] = await store.takes.of_thread(500)
    assert take.seconds is None
    await store.takes.measured(made.id, 6.5)
    assert (await store.takes.get(made.id, guild_id=10)).seconds == 6.5


async def test_what_a_person_ordered_is_found_in_each_server_whatever_became_of_it(store):
    first = await job_in(store, 1)
    failed = await job_in(store, 2, done=False)
    await advance(store.jobs, failed, State.FAILED)
    await job_in(store, 3, user_id=31)
    elsewhere = await job_in(store, 4, guild_id=11)

    async def of(guild, user, limit=10):
        return ids(await store.takes.of_person(guild_id=guild, user_id=user, limit=limit))

    assert await of(10, 30) == [first.id, failed.id]
    assert await of(10, 30, limit=1) == [failed.id]
    assert await of(11, 30) == [elsewhere.id]
    assert (await store.takes.latest(guild_id=10, user_id=30)).id == failed.id
    assert await store.takes.latest(guild_id=12, user_id=30) is None


async def test_marked_takes_are_the_approved_ones_and_those_that_somebody_likes(store):
    liked, approved, both, _ = [await job_in(store, number) for number in range(4)]
    await store.takes.favourite(liked.id, 31, at=1.0)
    for job in (approved, both):
        await store.takes.sign_off(job.id, 32, at=1.0)
    assert await store.takes.favourite(both.id, 31, at=1.0) == 1
    assert await store.takes.favourite(both.id, 31, at=2.0) == 1, "once a person"

    async def marked(**limits):
        found = await store.takes.overview(500, guild_id=10, limit=40, **limits)
        return [ids(found.approved), ids(found.liked)]

    assert await marked() == [[approved.id, both.id], [liked.id, both.id]]
    assert await marked(most_marked=1) == [[both.id], [both.id]]
    assert await store.takes.is_favourite(liked.id, 31)
    assert not await store.takes.is_favourite(liked.id, 32)
    assert not await store.takes.is_favourite(approved.id, 32)
    assert await store.takes.count_favourites(guild_id=10, user_id=31) == 2
    assert await store.takes.count_favourites(guild_id=11, user_id=31) == 0
    page = await store.takes.favourites(guild_id=10, user_id=31, limit=1, skip=1)
    assert ids(page) == [liked.id]


async def test_parents_are_found_among_the_takes_themselves_and_elsewhere_in_the_server(store):
    def child(number, parent, **changes):
        brief = Brief(prompt="x", parent=parent.id, relation="retake")
        return job_in(store, number, brief=brief, **changes)

    grandparent = await job_in(store, 1, thread=501)
    parent = await child(2, grandparent)
    await child(3, parent)
    foreign = await job_in(store, 4, guild_id=11, thread=502)
    await child(5, foreign)
    takes = await store.takes.of_thread(500)
    found = await store.takes.parents(takes, guild_id=10)
    assert {number: take.job.id for number, take in found.items()} == {
        parent.id: parent.id,
        grandparent.id: grandparent.id,
    }
    assert await store.takes.parents([], guild_id=10) == {}


async def test_the_take_beside_another_comes_before_it_else_after(store):
    first, second, third = [await job_in(store, number) for number in range(3)]
    await job_in(store, 9, done=False)  # no take yet
    assert await store.takes.beside(third.id, thread_id=500) == second.id
    assert await store.takes.beside(first.id, thread_id=500) == second.id
    assert await store.takes.beside(first.id, thread_id=501) is None


async def test_a_request_is_known_by_the_job_it_became(store):
    job = await job_in(store, 1)
    assert (await store.takes.asked("interaction:1")).id == job.id
    assert await store.takes.asked("interaction:2") is None


# Posts.


async def test_posts_stand_until_they_are_deleted(store):
    job, other = await job_in(store, 1), await job_in(store, 2)
    posts = [
        Post(message_id=70 + n, channel_id=500, job_id=each.id, at=float(n), retake_price=n)
        for n, each in enumerate((job, job, other))
    ]
    for post in posts:
        await store.takes.posted(post)
    await store.takes.posted(Post(message_id=70, channel_id=9, job_id=other.id, at=9.0))
    assert await store.takes.post(70) == posts[0], "a message is noted once"
    assert await store.takes.posts_of(job.id) == posts[1::-1]
    assert await store.takes.recent_posts(since=1.0) == posts[:0:-1]
    await store.takes.gone(iter([71, 999]))
    assert await store.takes.post(71) is None
    assert await store.takes.posts_of(job.id) == [posts[0]]
    assert await store.takes.recent_posts(since=0.0) == [posts[2], posts[0]]


async def test_posts_of_what_was_taken_down_are_to_be_removed(store):
    job = await job_in(store, 1)
    post = Post(message_id=70, channel_id=500, job_id=job.id, at=1.0)
    await store.takes.posted(post)
    assert await store.takes.to_remove() == []
    await store.servers.take_down(None, job, hidden_by=31)
    assert await store.takes.to_remove() == [post]
    await store.servers.take_down(None, job, hidden_by=None)
    assert await store.takes.to_remove() == []


async def test_the_parent_of_a_thread_is_known_once_it_was_told(store):
    assert await store.takes.parent_of(5) is None
    await store.takes.set_thread(Thread(id=5, guild_id=10, parent_id=4, board_id=None), at=1.0)
    assert await store.takes.parent_of(5) == 4
    assert await store.takes.thread(6) is None


async def test_a_preset_of_the_server_is_on_record_and_ones_own_is_not(store):
    by = By(guild_id=10, actor_id=1)
    preset = Preset(
        guild_id=10, user_id=0, name="wide", provider="p", model="m", brief=Brief(), at=5.0
    )
    await store.takes.save_preset(preset, by=by)
    gone = {"guild_id": 10, "user_id": 0, "name": "wide"}
    assert await store.takes.delete_preset(**gone, by=by, at=6.0)
    assert not await store.takes.delete_preset(**gone, by=by, at=7.0)
    deleted, saved = await store.moderation.audit(10)
    assert (saved.what, saved.after, saved.at) == ("preset", {"preset": "wide", "model": "m"}, 5.0)
    assert (deleted.before, deleted.after, deleted.at) == (saved.after, None, 6.0)
