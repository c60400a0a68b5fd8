"""Batches: one decision over all limits, a price held for each job, one message about all."""

import asyncio
from dataclasses import replace

import pytest

from storage import (
    Admitted,
    By,
    Defaults,
    Lane,
    Limit,
    Period,
    Post,
    Refused,
    State,
    Undecided,
    Whose,
    posts,
    teller,
)
from storage.batches import PARKED_WAIT
from tests.rig.databases import terms_of
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store
from tests.storage.test_finding import plans

BY = By(guild_id=10, actor_id=1, why="because")
OPEN = Defaults(amount=None, budget=None, jobs_per_user=None, jobs_per_server=None, per_minute=None)
TO_DELIVERING = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path, defaults=OPEN) as opened:
        yield opened
        assert await opened.check(thorough=True) == []


def drafts(number=1, count=4, **changes):
    first = draft(number, **changes)
    more = [replace(first, request=f"{first.request}/{n}") for n in range(2, count + 1)]
    return [first, *more]


async def batch(store, number=1, count=4, **changes):
    answer = await store.policy.admit(*drafts(number, count, **changes), roles=())
    assert isinstance(answer, Admitted), answer
    return [answer.job, *answer.others]


async def refused(store, number=1, count=4, **changes):
    answer = await store.policy.admit(*drafts(number, count, **changes), roles=())
    assert isinstance(answer, Refused), answer
    return answer


async def test_the_jobs_of_a_batch_know_each_other_and_hold_a_price_each(store):
    made = await batch(store, price=5)
    first = made[0].id
    assert [(job.batch, job.batch_place) for job in made] == [(first, n) for n in (1, 2, 3, 4)]
    assert await store.batches.of(first) == made
    assert [(await store.policy.bill(job.id)).held for job in made] == [5, 5, 5, 5]
    standing = await store.policy.standing(guild_id=10, user_id=30, roles=())
    assert (standing.used, standing.running) == (20, 4)


async def test_an_order_of_one_is_no_batch(store):
    [job] = await batch(store, count=1)
    assert (job.batch, job.batch_place) == (None, None)


async def test_the_same_order_twice_is_the_same_batch(store):
    made = await batch(store)
    again = await store.policy.admit(*drafts(), roles=())
    assert again == Admitted(job=made[0], created=False, others=tuple(made[1:]))
    one = await store.policy.admit(draft(1), roles=())
    assert (one.job, one.others) == (made[0], tuple(made[1:]))
    assert len(await store.jobs.newest()) == 4


async def test_two_hundred_batches_at_once_against_a_quota_for_one_leave_one(store):
    await store.moderation.set_rule(BY, Whose.MEMBER, 20, Period.DAY)
    answers = await asyncio.gather(
        *(store.policy.admit(*drafts(n, price=5), roles=()) for n in range(200))
    )
    taken = [each for each in answers if isinstance(each, Admitted)]
    assert len(taken) == 1
    assert {each.limit for each in answers if isinstance(each, Refused)} == {Limit.QUOTA}
    jobs = [taken[0].job, *taken[0].others]
    assert [job.id for job in await store.jobs.newest(limit=1000)] == [j.id for j in jobs][::-1]
    for job in jobs:
        await store.jobs.save(job.to(State.CANCELLED, now=2000.0, due_at=2000.0))
    standing = await store.policy.standing(guild_id=10, user_id=30, roles=())
    assert (standing.used, standing.running) == (0, 0)
    assert [(await store.policy.bill(job.id)).held for job in jobs] == [0, 0, 0, 0]


@pytest.mark.parametrize(("most", "fits"), [(19, 0), (20, 4), (39, 4), (40, 8)])
async def test_credits_are_asked_for_the_sum(store, most, fits):
    await store.moderation.set_rule(BY, Whose.MEMBER, most, Period.DAY)
    for number in range(1, 3):
        await store.policy.admit(*drafts(number, price=5), roles=())
    assert len(await store.jobs.newest()) == fits
    no = await refused(store, 9, price=5)
    assert (no.limit, no.clips, no.amount, no.used) == (Limit.QUOTA, 4, most, fits * 5)
    assert no.would_fit == most - fits * 5


async def test_a_budget_is_asked_for_the_sum(store):
    await store.moderation.set_rule(BY, Whose.SERVER, 39, Period.DAY)
    await batch(store, 1, price=5)
    assert (await refused(store, 2, price=5)).limit is Limit.BUDGET
    await batch(store, 3, count=3, price=5)


async def test_each_clip_of_a_batch_is_one_in_progress(store):
    await store.moderation.set_server(BY, jobs_per_user=5)
    await batch(store, 1)
    no = await refused(store, 2, count=2)
    assert (no.limit, no.whose, no.clips, no.used) == (Limit.JOBS, Whose.MEMBER, 2, 4)
    await batch(store, 3, count=1)
    assert (await refused(store, 4, count=1)).used == 5


async def test_a_servers_clips_in_progress_count_each_too(store):
    await store.moderation.set_server(BY, jobs_per_server=7)
    await batch(store, 1)
    assert (await refused(store, 2, user_id=31)).whose is Whose.SERVER
    await batch(store, 3, count=3, user_id=31)


async def test_the_pace_counts_a_batch_once(store):
    await store.moderation.set_server(BY, per_minute=1.0, burst=2)
    await batch(store, 1)
    await batch(store, 2)
    assert (await refused(store, 3)).limit is Limit.PACE


async def test_the_slow_lane_takes_all_of_a_batch_or_none(store):
    await store.moderation.set_server(BY, slow_lane=True)
    await store.moderation.set_rule(BY, Whose.MEMBER, 19, Period.DAY)
    made = await batch(store, price=5)
    assert {job.lane for job in made} == {Lane.SLOW}
    assert (await store.policy.standing(guild_id=10, user_id=30, roles=())).used == 0


async def test_a_grant_pays_what_the_quota_does_not(store):
    await store.moderation.set_rule(BY, Whose.MEMBER, 12, Period.DAY)
    await store.moderation.grant(BY, 30, 8)
    await batch(store, price=5)
    standing = await store.policy.standing(guild_id=10, user_id=30, roles=())
    assert (standing.used, standing.left, standing.granted) == (12, 0, 0)


async def test_a_budget_of_which_one_clip_is_left_is_not_used_up(store):
    await store.moderation.set_rule(BY, Whose.SERVER, 19, Period.DAY)
    no = await refused(store, price=5)
    assert (no.limit, no.clips) == (Limit.BUDGET, 4)
    assert await store.moderation.alarms(10) == {}
    await batch(store, number=10, count=3, price=5)
    assert await store.moderation.alarms(10) == {}, "15 of 19"
    assert (await store.policy.admit(draft(90, price=5), roles=())).limit is Limit.BUDGET
    assert await store.moderation.alarms(10) == {100: False}


async def test_what_is_known_before_the_inputs_are_is_judged_for_all(store):
    await store.moderation.set_rule(BY, Whose.MEMBER, 19, Period.DAY)
    asked = draft(1, price=5)
    no = await store.policy.attempt(asked, roles=(), counts=False, clips=4)
    assert (no.limit, no.clips) == (Limit.QUOTA, 4)
    assert await store.policy.attempt(asked, roles=(), counts=False, clips=3) is None


async def test_the_batch_of_a_job_never_changes(store):
    made = await batch(store)
    for change in ("batch = NULL, batch_place = NULL", "batch_place = 3"):
        with pytest.raises(Exception, match="never changes"):
            await store.writer.write(
                lambda db, change=change: db.execute(
                    f"UPDATE job SET {change} WHERE id = ?",
                    (made[1].id,),
                )
            )


async def test_a_card_is_that_of_all_jobs_of_a_batch(store):
    [alone] = await batch(store, 9, count=1)
    made = await batch(store)
    placed = await store.jobs.set_places(made[2].id, card_id=7, card_channel_id=8, thread_id=7)
    assert (placed.id, placed.card_id) == (made[2].id, 7)
    assert {job.card_id for job in await store.batches.of(made[0].id)} == {7}
    assert (await store.jobs.by_message(7)).id == made[0].id
    assert (await store.jobs.get(alone.id)).card_id is None


# The one message.


async def test_what_the_message_shows_is_decided_once_nothing_is_being_made(store):
    one, two, three, four = await batch(store)
    await advance(store.jobs, two, *TO_DELIVERING)
    await advance(store.jobs, four, *TO_DELIVERING)
    await advance(store.jobs, one, State.CANCELLED)
    assert await store.batches.decide(one.id) == Undecided(until=None)
    three = await advance(store.jobs, three, State.SUBMITTING, State.FAILED)
    sheet = await store.batches.decide(one.id)
    assert (sheet.takes, sheet.tried, sheet.message_id) == ((two.id, four.id), False, None)
    await store.batches.posted(one.id, None)
    await store.batches.posted(one.id, 77)
    sheet = await store.batches.decide(one.id)
    assert (sheet.takes, sheet.tried, sheet.message_id) == ((two.id, four.id), True, 77)


async def test_a_parked_job_holds_the_others_up_for_a_while_only(tmp_path):
    wall = [1_800_000_000.0]
    async with open_store(tmp_path, defaults=OPEN, wall=lambda: wall[0]) as store:
        now = store.clock.now()
        one, two = await batch(store, count=2, created_at=now, since=now, due_at=now)
        await advance(store.jobs, one, *TO_DELIVERING, start=now)
        await advance(store.jobs, two, State.SUBMITTING, State.UNCLEAR, start=now)
        assert await store.batches.decide(one.id) == Undecided(until=now + 1 + PARKED_WAIT)
    async with open_store(tmp_path, defaults=OPEN, wall=lambda: wall[0] + PARKED_WAIT + 2) as store:
        assert (await store.batches.decide(one.id)).takes == (one.id,)


async def test_the_first_that_can_posts_the_message(store):
    one, two, _three, _four = await batch(store)
    jobs = await store.batches.of(one.id)
    for job in jobs[1:]:
        await advance(store.jobs, job, *TO_DELIVERING)
    await advance(store.jobs, one, State.CANCELLED)
    sheet = await store.batches.decide(one.id)
    jobs = await store.batches.of(one.id)
    assert teller(sheet, jobs) == two.id
    gone = await store.jobs.save(
        jobs[1].to(State.UNDELIVERED, now=3000.0, due_at=3300.0, error="No channel.")
    )
    assert teller(sheet, await store.batches.of(one.id)) == jobs[2].id
    await store.jobs.save(replace(gone, due_at=None))
    for job in jobs[2:]:
        done = job.to(State.DONE, now=3000.0, result_id=5)
        await store.jobs.save(done)
    assert teller(sheet, await store.batches.of(one.id)) is None


async def test_the_first_bad_news_speaks_for_all(store):
    made = await batch(store, count=2)
    for job in made:
        await store.jobs.save(job.to(State.CANCELLED, now=2000.0, due_at=2000.0))
    sheet = await store.batches.decide(made[0].id)
    assert (sheet.takes, teller(sheet, await store.batches.of(made[0].id))) == ((), made[0].id)


async def test_jobs_of_a_batch_are_looked_at_when_another_moves_or_is_posted(store):
    one, two, three, four = await batch(store, due_at=1e12)
    waits = await advance(store.jobs, one, *TO_DELIVERING)
    while (taken := store.schedule.take(1e9)) is not None:
        store.schedule.put_back(taken, 1e12)

    def due():
        found = set()
        while (taken := store.schedule.take(2000.0)) is not None:
            found.add(taken)
        for each in found:
            store.schedule.put_back(each, 1e12)
        return found

    await store.jobs.save(two.to(State.CANCELLED, now=2000.0))
    assert due() == {one.id, two.id}
    await store.jobs.save(replace(three, due_at=1e12, tries=1))  # no move
    assert due() == set()
    await advance(store.jobs, four, State.CANCELLED)
    await advance(store.jobs, await store.jobs.get(three.id), State.CANCELLED)
    due()
    await store.batches.decide(one.id)
    await store.batches.posted(one.id, 77)
    assert due() == {waits.id}


# Its posts.


async def sheeted(store, made=2):
    """Two jobs of a batch whose sheet stands and shows the first *made*; the other is unclear."""
    jobs = await batch(store, count=2)
    for job in jobs[:made]:
        await advance(store.jobs, job, *TO_DELIVERING)
        await store.takes.number(job, 500)
    for job in jobs[made:]:
        await advance(store.jobs, job, State.SUBMITTING, State.UNCLEAR)
    await store.batches.decide(jobs[0].id)
    await store.takes.posted(
        Post(message_id=70, channel_id=500, job_id=jobs[0].id, at=1.0, batch=jobs[0].id)
    )
    return jobs


async def test_a_sheet_shows_each_of_its_takes_until_one_stands_alone(store):
    one, two = await sheeted(store)
    for job in (one, two):
        assert [each.message_id for each in await store.takes.posts_of(job.id)] == [70]
        assert (await store.takes.get(job.id, guild_id=10)).post == (500, 70)
    await store.takes.posted(Post(message_id=71, channel_id=500, job_id=two.id, at=2.0))
    await store.takes.posted(Post(message_id=72, channel_id=500, job_id=one.id, at=2.0))
    await store.takes.gone([72])
    assert [each.message_id for each in await store.takes.posts_of(two.id)] == [71, 70]
    assert (await store.takes.get(two.id, guild_id=10)).post == (500, 71)
    assert (await store.takes.get(one.id, guild_id=10)).post == (500, 70)


async def test_who_may_read_where_the_sheet_stands_may_see_each_take_of_it(store):
    one, two = await sheeted(store)
    both = [one.id, two.id]
    at_first = await terms_of(store, 10, both)
    await store.takes.posted(Post(message_id=71, channel_id=501, job_id=two.id, at=2.0))
    found = {one.id: frozenset({500}), two.id: frozenset({500, 501})}
    assert await store.takes.posted_in(both) == found
    moved = await terms_of(store, 10, both)
    assert [each[-1] for each in at_first.clips] == ["500", "500"]
    assert [each[-1] for each in moved.clips] == ["500", "500,501"]
    await store.takes.gone([70])
    assert await store.takes.posted_in(both) == {two.id: frozenset({501})}
    assert [each[-1] for each in (await terms_of(store, 10, both)).clips] == [None, "501"]


async def test_a_take_that_came_after_the_sheet_is_not_seen_where_it_stands(store):
    one, two = await sheeted(store, made=1)
    assert await store.takes.posted_in([one.id, two.id]) == {one.id: frozenset({500})}


async def test_a_take_that_came_after_the_sheet_does_not_stand_there(store):
    one, two = await sheeted(store, made=1)
    assert (await store.takes.get(one.id, guild_id=10)).post == (500, 70)
    late = await store.takes.get(two.id, guild_id=10)
    assert (late.post, await store.takes.posts_of(two.id)) == (None, [])


async def test_a_sheet_goes_with_any_take_that_is_taken_down(store):
    one, two = await sheeted(store)
    assert await store.takes.to_remove() == []
    assert await store.takes.condemned(one.id) == []
    await store.takes.posted(Post(message_id=71, channel_id=500, job_id=one.id, at=2.0))
    await store.takes.posted(Post(message_id=72, channel_id=500, job_id=two.id, at=2.0))
    await store.servers.take_down(None, two, hidden_by=30)
    assert [each.message_id for each in await store.takes.to_remove()] == [72, 70]
    assert [each.message_id for each in await store.takes.condemned(one.id)] == [70]
    assert [each.message_id for each in await store.takes.condemned(two.id)] == [72, 70]
    await store.takes.gone([70, 71, 72])
    assert await store.takes.to_remove() == []
    assert (await store.takes.get(one.id, guild_id=10)).post is None


@pytest.mark.sqlite
async def test_what_a_deletion_takes_away_is_searched(store):
    for call in (lambda db: posts.condemned(db, 1), posts.to_remove):
        said = await plans(store, call)
        read = [each for each in said if each.startswith("SCAN") and "VIRTUAL" not in each]
        assert all("take_hidden" in each for each in read), said


async def test_whoever_is_forgotten_leaves_no_sheet(store):
    one, two = await sheeted(store)
    for job in await store.batches.of(one.id):
        await store.jobs.save(job.to(State.DONE, now=3000.0, result_id=70))
    assert [clip["batch"] for clip in (await store.privacy.export(30))["clips"]] == [one.id] * 2
    assert (await store.privacy.forget(30)).jobs == 2
    rows = await store.writer.read(lambda db: db.execute("SELECT * FROM sheet").fetchall())
    assert rows == []
    assert await store.takes.posts_of(two.id) == []
