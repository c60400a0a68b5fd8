"""A batch runs as jobs of their own and is posted once, whatever becomes of each."""

import asyncio
from collections import deque
from dataclasses import replace

import pytest

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.files.cache import ClipCache
from bot.jobs.presenter import Undeliverable
from bot.jobs.steps import PATIENCE
from bot.orders.consent import Consent
from bot.orders.frames import Frames
from bot.orders.quote import ConfirmationNeeded, Limited, Unmakeable
from bot.orders.refused import Refusals
from bot.orders.requester import Requester
from bot.orders.takes import Takes
from bot.providers import Report, Stage
from storage import Brief, By, Defaults, Period, Post, State, Whose, open_store
from storage.batches import PARKED_WAIT
from tests.rig.databases import fresh
from tests.rig.doubles import Clock, FakeProvider, Presenter, model
from tests.rig.paid import PRICED
from tests.rig.worker import House

REQUESTER = Requester(guild_id=1, channel_id=2, user_id=7)
YES = Consent.to(1000)
NO = Refusal("The provider rejected this prompt.", failure=Failure.REFUSED)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(tmp_path, clock):
    unlimited = Defaults(
        per_minute=None, jobs_per_user=None, jobs_per_server=None, budget=None, amount=None
    )
    async with open_store(fresh(tmp_path), defaults=unlimited, wall=clock, ticks=clock) as store:
        yield store
        assert await store.check(thorough=True) == []


@pytest.fixture
def provider():
    return FakeProvider(models=(model(price=PRICED),), concurrency=4, cancels=True)


@pytest.fixture
def house(store, provider, clock, tmp_path):
    return House(store, {"fake": provider}, Presenter(), clock, tmp_path)


async def order(house, *, takes=4, request="interaction:1", consent=YES, placed=True, **brief):
    job, _ = await house.studio.order(
        Brief(**{"prompt": "a fox", **brief}),
        request=request,
        requester=REQUESTER,
        consent=consent,
        takes=takes,
    )
    if placed:
        await house.studio.placed(job, card_channel_id=2, card_id=job.id, thread_id=3)
    return await house.store.batches.of(job.id) or [job]


def deletes(house):
    """What deletes clips and sheets."""
    cache = ClipCache(house.store, data=house.data, days=0, room=0, spare=0)
    return Takes(house.studio, data=house.data, cache=cache, clock=house.clock)


async def states(house, batch):
    return [job.state for job in await house.store.batches.of(batch[0].id)]


# Ordering.


async def test_the_sum_is_asked_about_before_several_are_ordered(house, store):
    with pytest.raises(ConfirmationNeeded, match=r"These 4 clips cost 24 credits") as asked:
        await order(house, consent=Consent())
    assert (asked.value.quote.takes, asked.value.quote.price) == (4, 24)
    with pytest.raises(ConfirmationNeeded, match=r"The price changed from 23 credits .* to 24"):
        await order(house, consent=Consent.to(23))
    assert await store.jobs.newest() == []
    batch = await order(house, consent=Consent.to(24))
    assert [job.price for job in batch] == [6, 6, 6, 6]


async def test_what_costs_nothing_is_not_asked_about(store, clock, tmp_path):
    free = House(store, {"fake": FakeProvider()}, Presenter(), clock, tmp_path)
    assert len(await order(free, consent=Consent())) == 4


async def test_one_clip_by_command_is_ordered_as_before(house):
    [job] = await order(house, takes=1, consent=Consent())
    assert job.batch is None


@pytest.mark.parametrize(
    ("seed", "seeds"),
    [(7, [7, 8, 9, 10]), (999, [999, 998, 997, 996]), (998, [998, 999, 996, 995])],
)
async def test_a_chosen_seed_is_the_first_ones_and_the_others_differ(house, seed, seeds):
    batch = await order(house, seed=seed)
    assert [job.brief.seed for job in batch] == seeds


async def test_where_there_are_few_seeds_all_differ_and_none_is_refused(store, clock, tmp_path):
    few = FakeProvider(models=(model(seeds=range(1, 8)),))
    house = House(store, {"fake": few}, Presenter(), clock, tmp_path)
    for number in range(20):
        batch = await order(house, request=f"interaction:{number}")
        assert len({job.brief.seed for job in batch}) == 4
    fewer = FakeProvider(models=(model(seeds=range(1, 3)),))
    house = House(store, {"fake": fewer}, Presenter(), clock, tmp_path)
    assert len(await order(house, request="interaction:few")) == 4


async def test_without_a_chosen_seed_all_differ_and_the_same_order_has_the_same(house):
    batch = await order(house)
    assert len({job.brief.seed for job in batch}) == 4
    assert await order(house) == await house.store.batches.of(batch[0].id)


async def test_a_model_without_seeds_makes_several_all_the_same(store, clock, tmp_path):
    plain = FakeProvider(models=(model(seeds=None),))
    house = House(store, {"fake": plain}, Presenter(), clock, tmp_path)
    assert [job.brief.seed for job in await order(house)] == [None] * 4


def refusals(house):
    cache = ClipCache(house.store, data=house.data, days=0, room=0, spare=0)
    takes = Takes(house.studio, data=house.data, cache=cache)
    return Refusals(house.studio, Frames(takes, data=house.data, cache=cache))


async def test_a_refusal_names_the_sum_and_what_fits_is_fewer_takes(house, store):
    by = By(guild_id=1, actor_id=1)
    await store.moderation.set_rule(by, Whose.MEMBER, 13, Period.DAY)
    with pytest.raises(Limited, match="this order of 4 clips costs 24, and your limit is 13") as no:
        await order(house)
    kept = await refusals(house).keep(no.value, REQUESTER)
    [fits] = kept.fits
    assert (fits.takes, fits.price, kept.wanted.takes) == (2, 12, 4)
    fewer, _ = await refusals(house).order(kept.id, REQUESTER, way=0)
    assert len(await store.batches.of(fewer.id)) == 2
    await store.jobs.save(fewer.to(State.CANCELLED, now=2.0))
    await store.jobs.save((await store.batches.of(fewer.id))[1].to(State.CANCELLED, now=2.0))
    await store.moderation.set_rule(by, Whose.MEMBER, None, Period.DAY)
    await store.moderation.set_server(by, jobs_per_user=3)
    with pytest.raises(Limited, match="is for 4 clips, and you can have 3 clips in progress"):
        await order(house)
    await order(house, takes=2, request="interaction:2")
    with pytest.raises(Limited, match="You already have 2 clips in progress"):
        await order(house, takes=2, request="interaction:3")


async def test_what_works_instead_is_as_many_takes(house, store):
    with pytest.raises(Unmakeable) as no:
        await order(house, takes=3, duration=7)
    kept = await refusals(house).keep(no.value, REQUESTER)
    assert {offer.takes for offer in kept.fits} == {3}
    job, _ = await refusals(house).order(kept.id, REQUESTER, way=0)
    made = await store.batches.of(job.id)
    assert (len(made), sum(each.price for each in made)) == (3, kept.fits[0].price)


async def test_two_hundred_batches_at_once_leave_one_and_nothing_held(house, store):
    by = By(guild_id=1, actor_id=1)
    await store.moderation.set_rule(by, Whose.MEMBER, 24, Period.DAY)
    answers = await asyncio.gather(
        *(order(house, request=f"interaction:{n}") for n in range(200)), return_exceptions=True
    )
    taken = [each for each in answers if isinstance(each, list)]
    assert [len(each) for each in taken] == [4]
    assert all(isinstance(each, Limited) for each in answers if not isinstance(each, list))
    assert len(await store.jobs.newest(limit=1000)) == 4
    await house.run()
    assert await states(house, taken[0]) == [State.DONE] * 4
    bills = [await store.policy.bill(job.id) for job in taken[0]]
    assert [(bill.held, bill.spent) for bill in bills] == [(0, 6)] * 4


# Running.


async def test_a_batch_is_posted_once_when_all_of_it_is_made(house):
    batch = await order(house)
    await house.run()
    assert await states(house, batch) == [State.DONE] * 4
    [(takes, shown, again)] = house.screen.batches
    assert (takes, again) == (tuple(job.id for job in batch), False)
    assert [job_id for job_id, _ in shown] == list(takes)
    assert house.screen.delivered == house.screen.told == []
    message = 7000 + batch[0].id
    assert {job.result_id for job in await house.store.batches.of(batch[0].id)} == {message}
    sheet = await house.store.batches.decide(batch[0].id)
    assert (sheet.message_id, sheet.tried) == (message, True)


async def test_what_failed_is_told_in_the_same_message_and_not_charged(house, provider):
    provider.polls = deque([Report(stage=Stage.READY, url="https://x.test/1.mp4"), NO, NO])
    batch = await order(house)
    await house.run()
    now = await states(house, batch)
    assert sorted(now) == sorted([State.DONE] * 2 + [State.FAILED] * 2)
    [(takes, _, _)] = house.screen.batches
    assert takes == tuple(
        job.id for job, state in zip(batch, now, strict=True) if state is State.DONE
    )
    assert house.screen.told == []
    bills = [await house.store.policy.bill(job.id) for job in batch]
    assert sorted(bill.spent for bill in bills) == [0, 0, 6, 6]
    left = [job.due_at for job in await house.store.batches.of(batch[0].id)]
    assert left == [None] * 4


async def test_a_batch_that_came_to_nothing_is_told_once(house, provider):
    provider.polls = deque([NO] * 4)
    batch = await order(house)
    await house.run()
    assert await states(house, batch) == [State.FAILED] * 4
    [(takes, shown, _)] = house.screen.batches
    assert (takes, len(shown)) == ((), 4)
    assert house.screen.told == house.screen.delivered == []


async def test_what_is_cancelled_in_the_queue_does_not_hold_up_the_others(
    house, provider, clock, store
):
    provider.polls = deque([Report(stage=Stage.RUNNING)] * 40)
    provider.limits = replace(provider.limits, concurrency=2)
    batch = await order(house)
    await house.run_now()
    clock.advance(3)
    await house.run_now()
    assert await states(house, batch) == [State.RENDERING] * 2 + [State.QUEUED] * 2
    await house.studio.cancel(batch[3].id, requester=REQUESTER)
    provider.polls.clear()
    await house.run()
    assert await states(house, batch) == [State.DONE] * 3 + [State.CANCELLED]
    assert house.screen.batches[0][0] == tuple(job.id for job in batch[:3])


async def test_a_batch_is_cancelled_from_its_end_in_the_queue(house, provider, clock):
    """The other way round, what waits would be sent as soon as there is room."""
    provider.polls = deque([Report(stage=Stage.RUNNING)] * 40)
    provider.limits = replace(provider.limits, concurrency=2)
    batch = await order(house)
    await house.run_now()
    clock.advance(3)
    await house.run_now()
    stopped = await house.studio.cancel_batch(batch[0].id, requester=REQUESTER)
    assert [job.id for job in stopped] == [batch[n].id for n in (2, 3, 0, 1)]
    await house.run()
    assert await states(house, batch) == [State.CANCELLED] * 4
    assert len(provider.submitted) == len(provider.cancelled) == 2
    assert house.screen.batches == house.screen.told == [], "who stopped it knows"


async def test_a_parked_take_is_told_at_once_and_comes_on_its_own(house, provider, clock):
    provider.submits = deque([Unclear("Its reply was lost.")])
    batch = await order(house)
    for _ in range(20):
        await house.run_now()
        clock.advance(5)
    assert [state for _, state, _ in house.screen.told] == [State.UNCLEAR]
    assert house.screen.batches == [], "it may be decided any moment"
    clock.advance(PARKED_WAIT)
    await house.run_now()
    parked = next(
        job for job in await house.store.batches.of(batch[0].id) if job.state is State.UNCLEAR
    )
    [(takes, _, _)] = house.screen.batches
    assert takes == tuple(job.id for job in batch if job.id != parked.id)
    now = clock()
    await house.store.jobs.save(
        parked.to(State.RENDERING, now=now, due_at=now, remote_id="found", error=None)
    )
    await house.run()
    assert [job_id for job_id, _, _ in house.screen.delivered] == [parked.id]
    assert await states(house, batch) == [State.DONE] * 4
    assert len(house.screen.batches) == 1


async def test_a_parked_take_that_is_closed_after_the_others_were_posted_is_told_of(
    house, provider, clock
):
    provider.submits = deque([Unclear("Its reply was lost.")])
    batch = await order(house, takes=2)
    for _ in range(20):
        await house.run_now()
        clock.advance(PARKED_WAIT / 10)
    assert len(house.screen.batches) == 1
    [parked] = [
        job for job in await house.store.batches.of(batch[0].id) if job.state is State.UNCLEAR
    ]
    now = clock()
    await house.store.jobs.save(parked.to(State.CLOSED, now=now, due_at=now))
    await house.run()
    assert [state for _, state, _ in house.screen.told] == [State.UNCLEAR, State.CLOSED]


async def test_to_delete_a_take_that_came_after_the_sheet_stops_it(house, provider, clock, store):
    provider.submits = deque([Unclear("Its reply was lost.")])
    batch = await order(house, takes=2)
    for _ in range(20):
        await house.run_now()
        clock.advance(PARKED_WAIT / 10)
    [(takes, _, _)] = house.screen.batches
    await store.takes.posted(
        Post(message_id=70, channel_id=3, job_id=takes[0], at=clock(), batch=batch[0].id)
    )
    [parked] = [job for job in await store.batches.of(batch[0].id) if job.id not in takes]
    deleting = deletes(house)
    with pytest.raises(Refusal, match="is on hold until a moderator decides"):
        await deleting.remove(parked.id, requester=REQUESTER)
    await store.jobs.save(parked.to(State.QUEUED, now=clock(), due_at=clock()))
    await deleting.remove(parked.id, requester=REQUESTER)
    await house.run()
    assert (await store.jobs.get(parked.id)).state is State.CANCELLED
    assert len(provider.submitted) == 2
    assert house.screen.delivered == []


async def posted(house):
    """A batch whose sheet stands, and what deletes it."""
    batch = await order(house, takes=3)
    first = batch[0].id
    deleting = deletes(house)
    await house.run()
    for job in batch:
        await house.store.takes.number(job, 3)
    await house.store.takes.posted(
        Post(message_id=70, channel_id=3, job_id=first, at=house.clock(), batch=first)
    )
    return batch, deleting


async def hidden(house, batch):
    return [(await house.store.takes.get(job.id, guild_id=1)).hidden_by for job in batch]


async def test_a_sheet_is_taken_down_with_all_of_its_takes_or_none(house, store):
    batch, deleting = await posted(house)
    await store.writer.write(
        lambda db: db.execute(
            "CREATE TEMP TRIGGER stops BEFORE UPDATE OF hidden_by ON main.take"
            f" WHEN NEW.job_id = {batch[1].id}"
            " BEGIN SELECT RAISE (ABORT, 'the process ends here'); END"
        )
    )
    with pytest.raises(Exception, match="the process ends here"):
        await deleting.remove_batch(batch[0].id, requester=REQUESTER)
    assert await hidden(house, batch) == [None] * 3
    assert await store.takes.to_remove() == []
    await store.writer.write(lambda db: db.execute("DROP TRIGGER stops"))
    removed = await deleting.remove_batch(batch[0].id, requester=REQUESTER)
    assert [job.id for job in removed.jobs] == [job.id for job in batch]
    assert await hidden(house, batch) == [7] * 3
    assert [post.message_id for post in removed.posts] == [70]


async def test_only_a_moderator_deletes_a_sheet_in_place_of_its_person(house):
    batch, deleting = await posted(house)
    moderator = replace(REQUESTER, user_id=99, moderator=True)
    for requester, name in ((REQUESTER, 7), (moderator, 99), (REQUESTER, 99)):
        await deleting.remove_batch(batch[0].id, requester=requester)
        assert await hidden(house, batch) == [name] * 3


async def test_to_delete_a_batch_that_is_under_way_decides_no_sheet(house, store):
    batch = await order(house, takes=2)
    deleting = deletes(house)
    for job in batch:
        await store.jobs.save(job.to(State.CANCELLED, now=house.clock()))
    assert await deleting.remove_batch(batch[0].id, requester=REQUESTER) is None
    assert await store.batches.sheet(batch[0].id) is None


async def test_one_job_tries_for_all_while_discord_is_in_trouble(house, clock):
    house.screen.script = deque([Busy("Discord is in trouble.")])
    await order(house)
    while house.screen.script:
        await house.run_now()
        clock.advance(1)
    assert house.screen.batches == [], "nobody else tries right after it"
    await house.run()
    assert len(house.screen.batches) == 1


async def test_discord_trouble_is_waited_out_and_all_get_there_in_the_end(house, clock):
    house.screen.script = deque([Busy("Discord is in trouble.")] * (PATIENCE + 3))
    batch = await order(house)
    for _ in range(200):
        await house.run_now()
        clock.advance(60)
    assert await states(house, batch) == [State.DONE] * 4
    [(takes, _, again)] = house.screen.batches
    assert (len(takes), again) == (4, True)


async def test_a_batch_that_can_be_posted_nowhere_is_owed(house, clock):
    house.screen.script = deque([Undeliverable("There is no channel left to post it in.")] * 4)
    batch = await order(house)
    for _ in range(6):
        await house.run_now()
        clock.advance(5)
    assert await states(house, batch) == [State.UNDELIVERED] * 4
    for _ in range(200):
        await house.run_now()
        clock.advance(60)
    assert await states(house, batch) == [State.DONE] * 4
    assert len(house.screen.batches) == 1


async def test_what_failed_is_told_alone_once_the_clips_of_its_batch_are_gone(
    house, provider, clock
):
    provider.polls = deque([Report(stage=Stage.READY, url="https://x.test/1.mp4"), NO])
    house.screen.script = deque([Undeliverable("Our copies of the clips are gone.", gone=True)])
    batch = await order(house, takes=2)
    await house.run()
    assert sorted(await states(house, batch)) == [State.FAILED, State.UNDELIVERED]
    assert [state for _, state, _ in house.screen.told] == [State.FAILED]
    assert [job.due_at for job in await house.store.batches.of(batch[0].id)] == [None] * 2


async def test_what_failed_is_told_alone_while_a_moderator_looks_at_the_rest(
    house, provider, clock, store
):
    provider.polls = deque([Report(stage=Stage.READY, url="https://x.test/1.mp4"), NO])
    house.screen.script = deque([RuntimeError("a bug")] * 7)
    batch = await order(house, takes=2)
    for _ in range(60):
        await house.run_now()
        clock.advance(30)
    assert sorted(await states(house, batch)) == [State.FAILED, State.REVIEW]
    assert State.FAILED in [state for _, state, _ in house.screen.told]


async def test_who_is_told_nowhere_of_a_batch_that_failed_can_be_forgotten(
    house, provider, clock, store
):
    provider.polls = deque([NO] * 3)
    house.screen.script = deque([Undeliverable("There is no channel left to say it in.")] * 99)
    batch = await order(house, takes=3)
    for _ in range(6):
        await house.run_now()
        clock.advance(5)
    tries = [job.tries for job in await store.batches.of(batch[0].id)]
    assert sorted(map(bool, tries)) == [False, False, True], "one tries for all"
    assert (await store.privacy.forget(7)).jobs == 3


@pytest.mark.parametrize("known", [False, True])
async def test_a_stop_between_the_post_and_its_note_posts_no_second(
    house, provider, store, clock, tmp_path, known
):
    """The process ends right after Discord took the sheet, before or after that was noted."""
    batch = await order(house)
    real = house.screen.deliver_batch

    async def dying(jobs, sheet, *, again):
        message = await real(jobs, sheet, again=again)
        if known:
            await store.batches.posted(sheet.batch, message)
        raise asyncio.CancelledError

    house.screen.deliver_batch = dying
    with pytest.raises(asyncio.CancelledError):
        await house.run()
    assert State.DONE not in await states(house, batch)
    after = House(store, {"fake": provider}, Presenter(), clock, tmp_path)
    await after.worker.load()
    await after.run()
    assert await states(after, batch) == [State.DONE] * 4
    if known:
        assert after.screen.batches == []
    else:
        [(_, _, again)] = after.screen.batches
        assert again, "it is looked for first"


@pytest.mark.parametrize("restored", [0, 4])
async def test_the_sheet_of_a_batch_out_of_a_backup_is_looked_for(
    store, provider, clock, tmp_path, restored
):
    house = House(store, {"fake": provider}, Presenter(), clock, tmp_path, restored=restored)
    batch = await order(house)
    await house.run()
    assert await states(house, batch) == [State.DONE] * 4
    [(_, _, again)] = house.screen.batches
    assert again is (restored > 0)
