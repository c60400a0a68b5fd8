"""Slots of a provider that two processes ask for: never one too many, and one queue of both."""

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from bot.jobs.shared_slots import SharedSlots
from bot.jobs.slots import SHOWN_WAITING
from storage import DiskTrouble, Lane, Line, State
from storage.postgresql.opening import open_server
from tests.rig.drafts import draft
from tests.rig.makers import PLAIN, Maker

COUNT, ROOM = 2, 3
LANES = [Lane.FAIR, Lane.FAIR, Lane.PRIORITY, Lane.SLOW]


def guild_of(shard):
    return (COUNT * 1000 + shard) << 22


class Side:
    """One process: its store, its slots, and the jobs that it was called for."""

    def __init__(self, store, provider):
        self.store, self.provider = store, provider
        self.called = []
        self.shown = {}
        self.slots = SharedSlots(
            {"plain": provider},
            lambda job, progress: self.shown.update({job.id: progress}),
            call=lambda job: self.called.append(job.id),
            sharing=store.sharing,
        )

    async def ask(self, job):
        return self.slots.take(job, self.provider) and await self.slots.granted(job, self.provider)

    async def ordered(self, number, *, user=30, lane=Lane.FAIR):
        [shard] = self.store.sharing.mine
        job = draft(number, guild_id=guild_of(shard), user_id=user, provider="plain", lane=lane)
        return (await self.store.jobs.add(job))[0]

    async def submitted(self, job):
        sent = replace(job, token=f"t{job.id}").to(State.SUBMITTING, now=1.0, due_at=1.0, attempt=1)
        return await self.store.jobs.save(sent)

    def place(self, job):
        """What its card says."""
        found = self.slots.glimpse(job)
        return found.position, found.waiting

    async def at_work(self):
        return {
            name: line.busy
            for name, line in (await self.store.sharing.lines()).items()
            if line.busy
        }


@asynccontextmanager
async def sides(tmp_path, databases):
    url = databases.of(tmp_path)
    provider = Maker("plain", PLAIN)
    provider.limits = replace(provider.limits, concurrency=ROOM)

    async def wait(_other):
        await asyncio.sleep(0.02)

    def opened(name):
        return open_server(tmp_path / name, url, readers=2, shards=COUNT, standing_by=wait)

    try:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(opened("a"))
            entering = asyncio.create_task(stack.enter_async_context(opened("b")))
            while not entering.done():
                await first.sharing.give_up((await first.sharing.look()).surplus)
                await asyncio.sleep(0.02)
            yield Side(first, provider), Side(await entering, provider)
    finally:
        databases.empty()


async def test_both_together_have_no_more_slots_than_there_are(tmp_path, databases):
    async with sides(tmp_path, databases) as both:
        jobs = [
            (each, await each.ordered(number, user=number))
            for number in range(1, 11)
            for each in both[number % 2 :][:1]
        ]
        given = await asyncio.gather(*(side.ask(job) for side, job in jobs))
        assert sum(given) <= ROOM
        for side in both:
            await side.slots.look()
        while sum(given) < ROOM:  # who came too early asks again, as it is called
            for place, (side, job) in enumerate(jobs):
                given[place] = given[place] or (job.id in side.called and await side.ask(job))
            for side in both:
                await side.slots.look()
        for side in both:
            for _, job in jobs:
                if (side, job) in jobs:
                    await side.ask(job)
            assert await side.at_work() == {"plain": ROOM}


async def test_who_waits_longer_elsewhere_is_first(tmp_path, databases):
    async with sides(tmp_path, databases) as (one, two):
        taken = [await one.ordered(number, user=number) for number in range(1, ROOM + 1)]
        assert [await one.ask(each) for each in taken] == [True] * ROOM
        sent = [await one.submitted(each) for each in taken]
        early = await two.ordered(20, user=20)
        late = await one.ordered(21, user=21)
        assert not await two.ask(early)
        assert not await one.ask(late)
        for each in (one, two):
            await each.slots.look()
        assert one.called == two.called == [], "all are taken"
        done = await one.store.jobs.save(
            sent[0].to(State.RENDERING, now=2.0, due_at=2.0, remote_id="r1")
        )
        done = await one.store.jobs.save(done.to(State.FETCHING, now=3.0, due_at=3.0))
        one.slots.let_go(done)
        assert one.called == [late.id], "memory calls it, and the database says who is first"
        assert not await one.ask(late)
        await two.slots.look()
        assert two.called == [early.id]
        assert one.place(late) == (2, 2)
        assert await two.ask(early)
        await one.slots.look()
        assert one.place(late) == (1, 1)
        assert one.shown[late.id].position == 1, "its card is told"


async def test_one_that_went_first_by_a_moderator_goes_first_everywhere(tmp_path, databases):
    async with sides(tmp_path, databases) as (one, two):
        taken = [await one.ordered(number, user=number) for number in range(1, ROOM + 1)]
        for each in taken:
            assert await one.ask(each)
        plain, front = await one.ordered(11, user=11), await two.ordered(12, lane=Lane.FRONT)
        assert not await one.ask(plain)
        assert not await two.ask(front)
        one.slots.let_go(taken[0])  # its upload failed: it was not sent
        assert await one.at_work() == {"plain": ROOM}
        await one.slots.look()
        assert await one.at_work() == {"plain": ROOM - 1}
        assert not await one.ask(plain)
        assert await two.ask(front)


async def test_who_has_had_a_turn_comes_after_who_has_had_none(tmp_path, databases):
    async with sides(tmp_path, databases) as (one, two):
        mine = [await one.ordered(number, user=30) for number in range(1, ROOM + 2)]
        for each in mine[:ROOM]:
            assert await one.ask(each)
        assert not await one.ask(mine[ROOM])
        other = await two.ordered(20, user=40)
        assert not await two.ask(other)
        one.slots.let_go(mine[0])
        await one.slots.look()
        assert not await one.ask(mine[ROOM]), "its person has two at work, and the other none"
        assert await two.ask(other)


async def test_a_place_that_was_given_back_and_taken_again_is_held(tmp_path, databases):
    async with sides(tmp_path, databases) as (one, _):
        job = await one.ordered(1)
        assert await one.ask(job)
        one.slots.let_go(job)  # its provider was busy
        assert await one.ask(job)
        await one.slots.look()
        assert await one.at_work() == {"plain": 1}
        one.slots.let_go(job)
        await one.slots.look()
        assert await one.at_work() == {}


async def test_nothing_is_known_any_more_of_what_was_given_up(tmp_path, databases):
    async with sides(tmp_path, databases) as (one, _):
        jobs = [await one.ordered(number) for number in range(1, ROOM + 3)]
        for each in jobs:
            await one.ask(each)
        assert one.slots.known() == {each.id for each in jobs}
        one.slots.forget(one.slots.known())
        assert one.slots.known() == set()
        assert one.slots.counts("plain") == (0, 0)
        assert all(one.slots.glimpse(each) is None for each in jobs)


async def test_a_job_waits_where_the_database_is_away(tmp_path, databases):
    async with sides(tmp_path, databases) as (one, _):
        job = await one.ordered(1)
        assert one.slots.take(job, one.provider)
        await one.store.writer.close()
        with pytest.raises(DiskTrouble, match="shutting down"):
            await one.slots.granted(job, one.provider)
        assert one.slots.counts("plain") == (0, 1), "it has no place, and waits for one"


class Listening:
    """What the others are told, and are; each question is counted."""

    def __init__(self):
        self.told, self.asked, self.others, self.away = [], 0, [], False

    async def stand(self, turns, released):
        if self.away:
            raise DiskTrouble("The database server can't be reached.")
        self.told.append((sorted(turns.jobs), list(turns.gone), turns.whole, set(released)))

    async def claim(self, _job_id, _limit, turns):
        await self.stand(turns, ())
        return False

    async def lines(self):
        self.asked += 1
        return {"plain": Line(busy=ROOM, others=list(self.others))}


@pytest.fixture
def full():
    """The slots of a full provider, for which jobs 4 and higher wait, and what is told of it."""
    provider, listening, shown = Maker("plain", PLAIN), Listening(), []
    provider.limits = replace(provider.limits, concurrency=ROOM)
    slots = SharedSlots(
        {"plain": provider},
        lambda job, progress: shown.append((job.id, progress.position, progress.waiting)),
        call=lambda _: None,
        sharing=listening,
    )

    def come(*numbers):
        for number in numbers:
            job = replace(draft(number, user_id=number), id=number, provider="plain")
            slots.take(job, provider)
        return job

    come(*range(1, ROOM + 4))
    return slots, listening, come, shown


async def test_the_others_are_told_what_changed_and_nothing_else(full):
    slots, listening, come, _ = full
    await slots.look()
    assert listening.told.pop() == ([(2, 0, each) for each in (4, 5, 6)], [], False, set())
    await slots.look()
    assert listening.told == [], "nothing changed"
    last = come(7, 8)
    await slots.look()
    assert listening.told.pop() == ([(2, 0, 7), (2, 0, 8)], [], False, set())
    slots.leave(last)
    await slots.look()
    assert listening.told.pop() == ([], [8], False, set())
    come(9)
    listening.away = True
    with pytest.raises(DiskTrouble):
        await slots.look()
    listening.away = False
    await slots.look()
    everybody = [(2, 0, each) for each in (4, 5, 6, 7, 9)]
    assert listening.told.pop() == (everybody, [], True, set()), "nobody knows what they heard"


async def test_who_asked_and_was_refused_stands_in_line_and_whoever_asked_in_vain_does_again(full):
    slots, listening, *_ = full
    provider = slots._providers["plain"]
    await slots.look()
    listening.told.clear()
    first = replace(draft(1, user_id=1), id=1, provider="plain")
    assert not await slots.granted(first, provider)
    assert listening.told.pop() == ([(2, 0, 1)], [], False, set())
    await slots.look()
    assert listening.told == [], "it stands there already"
    listening.away = True
    second = replace(draft(2, user_id=2), id=2, provider="plain")
    with pytest.raises(DiskTrouble):
        await slots.granted(second, provider)
    listening.away = False
    await slots.look()
    everybody = [(2, 0, each) for each in (1, 2, 4, 5, 6)]
    assert listening.told.pop() == (everybody, [], True, set())


async def test_the_others_are_told_of_everybody_again_after_a_while(full):
    slots, listening, come, _ = full
    slots._whole = 0.0
    await slots.look()
    last = come(7)
    await slots.look()
    assert listening.told[-1][2:] == (True, set())
    slots.leave(last)
    for _ in range(3):
        await slots.look()
    everybody = [(2, 0, each) for each in (4, 5, 6)]
    assert listening.told[-1] == (everybody, [], True, set())
    assert len(listening.told) == 4, "and not where nothing was said since"


async def test_a_place_is_that_among_all_and_read_once_a_look_however_many_wait(full):
    slots, listening, come, shown = full
    last = come(*range(10, 400))
    assert slots.glimpse(last).position is None, "nobody knows yet who waits elsewhere"
    assert "taking turns" in slots.glimpse(last).why_waiting
    listening.others = [(0, 0, 900), (2, 0, 5), (2, 1, 901)]
    listening.asked = 0
    await slots.look()
    del shown[:]
    waiting = 3 + 390 + 3
    assert slots.glimpse(last).position == waiting - 1, "one comes after it"
    assert slots.glimpse(last).waiting == waiting
    assert slots.glimpse(last).why_waiting == "people in several servers are taking turns"
    await slots.look()
    assert shown == [], "nothing changed elsewhere"
    listening.others.pop(0)
    await slots.look()
    assert shown[:2] == [(4, 1, waiting - 1), (5, 2, waiting - 1)]
    assert len(shown) == SHOWN_WAITING
    assert listening.asked == 3, "once a look"
    for job in slots._queue("plain").first(1000):
        slots.leave(job)
    await slots.look()
    assert listening.asked == 3, "nobody waits here"
    assert slots.glimpse(come(500)).position is None, "who waited elsewhere is long ago"


async def test_one_line_is_known_to_both_whatever_happens(tmp_path, databases):
    """What the database has is what memory has, and a place is that among all."""
    dice = random.Random(20)
    async with sides(tmp_path, databases) as both:
        waiting, taken = [], []
        for number in range(1, 81):
            side = dice.choice(both)
            match dice.choice(["come", "come", "come", "leave", "free", "look"]):
                case "come":
                    job = await side.ordered(
                        number, user=dice.randrange(4), lane=dice.choice(LANES)
                    )
                    (taken if await side.ask(job) else waiting).append((side, job))
                case "leave" if waiting:
                    one, job = waiting.pop(dice.randrange(len(waiting)))
                    one.slots.leave(job)
                case "free" if taken:
                    one, job = taken.pop()
                    one.slots.let_go(job)
                    if dice.random() < 0.5:  # its provider was busy, and it comes again
                        (taken if await one.ask(job) else waiting).append((one, job))
                case _:
                    await side.slots.look()
            if number % 8:
                continue
            for each in (*both, *both):
                await each.slots.look()
            keys = {job.id: one.slots._queue("plain").key(job) for one, job in waiting}
            with databases.raw(tmp_path) as db:
                rows = db.execute("SELECT job_id, lane, place FROM dailies.turn").fetchall()
            assert {row[0]: (row[1], row[2], row[0]) for row in rows} == keys
            order = sorted(keys, key=keys.get)
            for one, job in waiting:
                assert one.place(job) == (order.index(job.id) + 1, len(order))
        assert len(waiting) > 9, "there was a line"
