"""Slots of a provider that two processes ask for: never one too many, and one queue of both."""

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from bot.jobs.shared_slots import SharedSlots
from storage import DiskTrouble, Lane, State
from storage.postgresql.opening import open_server
from tests.rig.drafts import draft
from tests.rig.makers import PLAIN, Maker

COUNT, ROOM = 2, 3


def guild_of(shard):
    return (COUNT * 1000 + shard) << 22


class Side:
    """One process: its store, its slots, and the jobs that it was called for."""

    def __init__(self, store, provider):
        self.store, self.provider = store, provider
        self.called = []
        self.slots = SharedSlots(
            {"plain": provider},
            lambda _job, _progress: None,
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
            assert await side.store.sharing.at_work() == {"plain": ROOM}


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
        assert await two.ask(early)
        assert one.slots.glimpse(late).position == 1


async def test_one_that_went_first_by_a_moderator_goes_first_everywhere(tmp_path, databases):
    async with sides(tmp_path, databases) as (one, two):
        taken = [await one.ordered(number, user=number) for number in range(1, ROOM + 1)]
        for each in taken:
            assert await one.ask(each)
        plain, front = await one.ordered(11, user=11), await two.ordered(12, lane=Lane.FRONT)
        assert not await one.ask(plain)
        assert not await two.ask(front)
        one.slots.let_go(taken[0])  # its upload failed: it was not sent
        assert await one.store.sharing.at_work() == {"plain": ROOM}
        await one.slots.look()
        assert await one.store.sharing.at_work() == {"plain": ROOM - 1}
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
        assert await one.store.sharing.at_work() == {"plain": 1}
        one.slots.let_go(job)
        await one.slots.look()
        assert await one.store.sharing.at_work() == {}


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


def test_what_waits_is_told_in_order():
    told = defaultdict(list)

    class Listening:
        async def stand(self, turns, released):
            told[turns.provider].append((list(turns.jobs), set(released)))

        async def at_work(self):
            return {"plain": ROOM}

    provider = Maker("plain", PLAIN)
    provider.limits = replace(provider.limits, concurrency=ROOM)
    slots = SharedSlots(
        {"plain": provider}, lambda *_: None, call=lambda _: None, sharing=Listening()
    )
    for number in range(1, ROOM + 4):
        slots.take(replace(draft(number, user_id=number), id=number, provider="plain"), provider)
    asyncio.run(slots.look())
    assert told["plain"] == [([(2, 0, each) for each in (4, 5, 6)], set())]
    asyncio.run(slots.look())
    assert len(told["plain"]) == 1, "nothing changed"
