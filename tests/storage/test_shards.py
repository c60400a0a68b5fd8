"""Several processes that share the servers of one bot: who holds what, and what they tell."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from storage import By, CannotOpen, ServerTrouble, State, Store
from storage.postgresql.kept import SET_BACK
from storage.postgresql.leases import VALID
from storage.postgresql.opening import open_server
from storage.postgresql.shard_leases import PROVEN_WITHIN
from storage.postgresql.shards import IDENTIFY_EVERY
from storage.sharing import Chore, TakenOver, Turns, fair_share, shard_of
from tests.rig import engines
from tests.rig.drafts import draft
from tests.rig.house import until

pytestmark = pytest.mark.postgresql

COUNT = 4


def databases():
    found = engines.current[0]
    assert found is not None
    return found


class Waits:
    """How a process stands by: it says so, and looks again soon."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def __call__(self, other: str) -> None:
        self.said.append(other)
        assert len(self.said) < 1000, "it stands by for ever"
        await asyncio.sleep(0.05)


def opened(tmp_path: Path, name: str, *, shards: int = COUNT, standing_by=None):
    url = databases().of(tmp_path)
    return open_server(
        tmp_path / name, url, readers=2, shards=shards, standing_by=standing_by or Waits()
    )


def guild_of(shard: int) -> int:
    return (COUNT * 1000 + shard) << 22


@pytest.mark.parametrize(
    ("held", "shares"),
    [
        ({"a": 0}, [4]),
        ({"a": 4, "b": 0}, [2, 2]),
        ({"a": 2, "b": 2, "c": 0}, [2, 1, 1]),
        ({"a": 0, "b": 2, "c": 2}, [1, 2, 1]),
        ({"a": 1, "b": 1, "c": 1, "d": 1, "e": 0}, [1, 1, 1, 1, 0]),
        ({"a": 2, "b": 1}, [2, 2]),
    ],
)
def test_shares_are_as_equal_as_can_be_and_few_change_hands(held, shares) -> None:
    assert [fair_share(each, COUNT, held) for each in held] == shares
    assert sum(shares) == COUNT


def test_a_shard_is_what_discord_says_it_is() -> None:
    assert [shard_of(guild_of(each), COUNT) for each in range(COUNT)] == [0, 1, 2, 3]
    assert shard_of(0, COUNT) == 0, "direct messages are of the first"


async def test_one_takes_all_and_gives_up_what_is_anothers_share(tmp_path: Path) -> None:
    async with opened(tmp_path, "a") as first:
        assert first.sharing.mine == frozenset(range(COUNT))
        assert all(first.sharing.has(guild_of(each)) for each in range(COUNT))
        assert all(first.sharing.does(chore) for chore in Chore)
        stands = Waits()
        opening = opened(tmp_path, "b", standing_by=stands)
        entering = asyncio.create_task(opening.__aenter__())
        await until(lambda: stands.said)
        found = await first.sharing.look()
        assert found.surplus == {2, 3}
        assert first.sharing.mine == {0, 1}, "nothing more of the others is begun"
        assert not entering.done(), "and nobody has them before they are given up"
        await first.sharing.give_up(found.surplus)
        second = await entering
        try:
            assert second.sharing.mine == {2, 3}
            found = await second.sharing.look()
            assert (found.gained, found.surplus) == (frozenset(), frozenset())
            assert found.taken_over == [], "they were given up"
            assert second.sharing.living == 2
            assert all(first.sharing.does(chore) for chore in Chore)
            assert not any(second.sharing.does(chore) for chore in Chore), "one does them for all"
            await first.jobs.add(draft(1, guild_id=guild_of(0)))
            await second.jobs.add(draft(2, guild_id=guild_of(2)))
        finally:
            await opening.__aexit__(None, None, None)
        found = await first.sharing.look()
        assert found.gained == {2, 3}, "it was stopped, so they are free at once"
        assert found.taken_over == [], "nobody has to look at it"
        assert first.sharing.mine == frozenset(range(COUNT))
        assert await first.check(thorough=True) == []


async def test_another_number_of_shards_is_refused_while_one_works(tmp_path: Path) -> None:
    async with opened(tmp_path, "a"):
        for other in (1, 3):
            with pytest.raises(CannotOpen, match=f"DAILIES_SHARDS=4, and here it is {other}"):
                async with opened(tmp_path, "b", shards=other):
                    pytest.fail("it opened")
    async with opened(tmp_path, "b", shards=1) as store:
        assert store.sharing.count == 1
        with pytest.raises(CannotOpen, match="DAILIES_SHARDS=1, and here it is 4"):
            async with opened(tmp_path, "a"):
                pytest.fail("it opened")
    async with opened(tmp_path, "a") as store:
        assert store.sharing.mine == frozenset(range(COUNT)), "with nobody there it is changed"


async def test_nothing_is_kept_of_who_lost_a_shard(tmp_path: Path) -> None:
    async with opened(tmp_path, "a") as store:
        await store.jobs.add(draft(1, guild_id=guild_of(1)))
        with databases().raw(tmp_path) as db:
            db.execute("UPDATE dailies.lease SET epoch = epoch + 1, holder = 'x' WHERE part = 3")
        with pytest.raises(ServerTrouble, match="Another Dailies has taken over"):
            await store.jobs.add(draft(2, guild_id=guild_of(1)))  # also of a shard that it has
        await until(store.lease.gone.is_set)
        assert not store.lease.sure
        assert len(await store.jobs.newest()) == 1


async def test_a_killed_ones_shards_are_anothers_once_their_time_is_over(tmp_path: Path) -> None:
    async with opened(tmp_path, "a") as store:
        await store.sharing.look()
        with databases().raw(tmp_path) as db:
            # One that took its share and was killed: nobody renews what it held.
            db.execute("UPDATE dailies.lease SET holder = 'dead' WHERE part IN (2, 3)")
            db.execute("INSERT INTO dailies.process SELECT 'dead', until FROM dailies.process")
        store.lease._epochs.pop(2), store.lease._epochs.pop(3)
        assert (await store.sharing.look()).gained == frozenset()
        with databases().raw(tmp_path) as db:
            for table in ("lease", "process"):
                db.execute(
                    f"UPDATE dailies.{table} SET until = until - interval '{VALID} seconds'"
                    " WHERE holder = 'dead'"
                )
        found = await store.sharing.look()
        assert found.gained == {2, 3}
        me = store.lease.holder
        assert found.taken_over == [TakenOver(lost_by="dead", by=me, shards=2, taken=2)]
        assert (await store.sharing.look()).taken_over == [], "it is told once"
        assert store.sharing.living == 1
        await store.jobs.add(draft(1, guild_id=guild_of(3)))


async def test_a_dead_ones_shards_are_of_an_earlier_time_until_all_say_that_nothing_is_lost(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, "a") as store:
        await store.sharing.look()
        with databases().raw(tmp_path) as db:
            # As after a promotion: what the dead one had said last may not be there.
            db.execute("UPDATE dailies.origin SET tables = 'an old primary'")
            db.execute(
                "UPDATE dailies.lease SET holder = 'dead', until = clock_timestamp()"
                " WHERE part IN (2, 3)"
            )
        store.lease._epochs.pop(2), store.lease._epochs.pop(3)
        assert (await store.sharing.look()).gained == frozenset(), "it may say so yet"
        assert not store.lease.gone.is_set()
        store.lease._unproven_since -= PROVEN_WITHIN
        assert (await store.sharing.look()).gained == frozenset()
        assert store.lease.gone.is_set()
        assert store.lease.why == SET_BACK
        restored = await store.restorations.latest()
        assert restored is not None
        assert restored.began_at is None, "the next start acts on it"


async def test_ends_that_another_servers_clock_has_set_are_no_further_away_than_ours(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, "a") as store:
        await store.sharing.look()
        assert await store.sharing.begin_session(0, 1) == 0
        with databases().raw(tmp_path) as db:
            db.execute(
                "UPDATE dailies.lease SET holder = 'dead', epoch = 7,"
                " until = clock_timestamp() + interval '1 hour' WHERE part IN (2, 3)"
            )
            db.execute(
                "INSERT INTO dailies.process VALUES ('dead', clock_timestamp() + interval '1 hour')"
            )
            db.execute("UPDATE dailies.session_turn SET at = at + interval '1 hour'")
            store.lease._epochs.pop(2), store.lease._epochs.pop(3)

            def bounded() -> bool:
                [[furthest]] = db.execute(
                    "SELECT extract(epoch FROM max(until) - clock_timestamp()) FROM ("
                    "SELECT until FROM dailies.lease UNION SELECT until FROM dailies.process) AS u"
                ).fetchall()
                return furthest <= VALID

            await until(bounded)
        assert await store.sharing.begin_session(0, 1) <= IDENTIFY_EVERY * COUNT


async def both(tmp_path: Path, stack: AsyncExitStack):
    first = await stack.enter_async_context(opened(tmp_path, "a"))
    entering = asyncio.create_task(stack.enter_async_context(opened(tmp_path, "b")))
    while not entering.done():
        found = await first.sharing.look()
        await first.sharing.give_up(found.surplus)
        await asyncio.sleep(0.02)
    return first, await entering


async def test_of_two_that_take_a_dead_ones_shards_the_first_tells(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first, second = await both(tmp_path, stack)
        for each in (first, second):
            await each.sharing.look()
            each.lease._epochs.pop(max(each.sharing.mine))  # as if it had never had it
        with databases().raw(tmp_path) as db:
            db.execute(
                "UPDATE dailies.lease SET holder = 'dead', until = clock_timestamp()"
                " WHERE part IN (1, 3)"
            )
        found = [await each.sharing.look() for each in (first, second)]
        assert [each.gained for each in found] == [{1}, {3}]
        dead = TakenOver(lost_by="dead", by=first.lease.holder, shards=2, taken=1)
        assert [each.taken_over for each in found] == [[dead], []]


async def test_whoever_stood_by_for_a_dead_one_tells_of_it_and_of_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path, "a"):
        pass
    async with opened(tmp_path, "b") as store:
        assert (await store.sharing.look()).taken_over == [], "it was stopped"
    with databases().raw(tmp_path) as db:
        db.execute("UPDATE dailies.lease SET until = clock_timestamp(), holder = 'dead'")
    async with opened(tmp_path, "c") as store:
        [dead] = (await store.sharing.look()).taken_over
        assert (dead.lost_by, dead.shards, dead.taken) == ("dead", COUNT, COUNT)


async def test_what_one_changes_the_other_hears_of(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first, second = await both(tmp_path, stack)
        await second.sharing.news()
        job, _ = await first.jobs.add(draft(1, guild_id=guild_of(3), due_at=5.0))
        await first.jobs.add(draft(2, guild_id=guild_of(0), due_at=5.0))
        assert second.schedule.take(1e12) is None
        await second.sharing.news()
        assert second.schedule.take(1e12) == job.id, "it is of its shard"
        assert second.schedule.take(1e12) is None, "the other is not"
        second.schedule.keep(job)
        second.schedule.put_back(job.id, None)
        assert second.schedule.kept(job.id) is not None
        await first.jobs.save(job.to(State.CANCELLED, now=6.0, due_at=None))
        await second.sharing.news()
        assert second.schedule.kept(job.id) is None, "its row is read again"
        await second.sharing.news()
        second.schedule.take(1e12)
        await first.sharing.nudge(job.id)
        await second.sharing.news()
        second.schedule.put_back(job.id, None)
        assert second.schedule.take(1e12) == job.id


async def test_a_setting_that_one_changes_is_read_again_by_the_other(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first, second = await both(tmp_path, stack)
        await second.sharing.news()
        assert await second.sharing.news() == frozenset()
        by = By(guild_id=guild_of(0), actor_id=5)
        await first.moderation.set_server(by, providers_off=frozenset({"ltx"}))
        assert await second.sharing.news() == {"rules"}
        assert await second.sharing.news() == frozenset()
        assert await second.policy.providers_off() == {guild_of(0): frozenset({"ltx"})}


def turns(*jobs: tuple[int, int, int], provider: str = "ltx") -> Turns:
    return Turns(provider=provider, jobs=jobs)


async def ordered(store: Store, number: int) -> int:
    """A queued job in one of the shards."""
    job, _ = await store.jobs.add(draft(number, guild_id=guild_of(number % COUNT), provider="ltx"))
    return job.id


async def at_work(store: Store) -> dict[str, int]:
    """How many jobs have a slot at each provider."""
    lines = await store.sharing.lines()
    return {name: line.busy for name, line in lines.items() if line.busy}


async def test_a_slot_is_given_once_whoever_asks(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first, second = await both(tmp_path, stack)
        stores = [first, second]
        jobs = [
            (await first.jobs.add(draft(each, guild_id=guild_of(each % COUNT), provider="ltx")))[
                0
            ].id
            for each in range(1, 21)
        ]
        given = await asyncio.gather(
            *(
                stores[each % 2].sharing.claim(job, 3, turns((2, 0, job)))
                for each, job in enumerate(jobs)
            )
        )
        assert sum(given) <= 3
        for _ in range(3):
            for job in jobs:
                await first.sharing.claim(job, 3, turns((2, 0, job)))
        assert await at_work(second) == {"ltx": 3}
        holds = [job for job in jobs if await first.sharing.claim(job, 0, turns((2, 0, job)))]
        assert len(holds) == 3, "whoever has one keeps it"
        sent = await first.jobs.get(holds[0])
        assert sent is not None
        sent = await first.jobs.save(
            replace(sent, token="t").to(State.SUBMITTING, now=1.0, due_at=1.0, attempt=1)
        )
        assert await at_work(second) == {"ltx": 3}, "its state holds it now"
        assert not await second.sharing.claim(jobs[-1], 3, turns((0, 0, jobs[-1])))
        await first.jobs.save(sent.to(State.RENDERING, now=2.0, due_at=2.0, remote_id="r"))
        assert await at_work(second) == {"ltx": 3}
        rendered = await first.jobs.get(sent.id)
        assert rendered is not None
        await first.jobs.save(rendered.to(State.FETCHING, now=3.0, due_at=3.0))
        assert await second.sharing.claim(jobs[-1], 3, turns((0, 0, jobs[-1])))
        await first.sharing.stand(turns(), released=holds[1:])
        assert await at_work(second) == {"ltx": 1}


async def test_the_queues_of_all_are_one(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first, second = await both(tmp_path, stack)
        jobs = [
            (await first.jobs.add(draft(each, guild_id=guild_of(each % COUNT), provider="ltx")))[
                0
            ].id
            for each in range(1, 6)
        ]
        later, sooner, soonest, *_ = jobs
        await second.sharing.stand(turns((0, 0, soonest), (2, 0, sooner)), released=())
        mine = turns((2, 1, later))
        assert not await first.sharing.claim(later, 2, mine), "both of the others' come first"
        assert await second.sharing.claim(soonest, 2, turns((0, 0, soonest), (2, 0, sooner)))
        assert not await first.sharing.claim(later, 2, mine)
        assert await first.sharing.claim(later, 3, mine), "there is room for both"
        assert not await first.sharing.claim(jobs[3], 3, turns((2, 5, jobs[3])))
        await second.sharing.stand(turns(), released=())
        assert await first.sharing.claim(jobs[3], 3, turns((2, 5, jobs[3])))
        other = turns((3, 9, jobs[4]), provider="apixo")
        assert await first.sharing.claim(jobs[4], 1, other), "another provider has its own"


async def test_what_a_dead_one_was_given_and_did_not_send_is_free_with_its_shard(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, "a") as store:
        job, _ = await store.jobs.add(draft(1, guild_id=guild_of(3), provider="ltx"))
        assert await store.sharing.claim(job.id, 1, turns((2, 0, job.id)))
        await store.sharing.look()
        await store.sharing.give_up({3})
        assert await at_work(store) == {"ltx": 1}
        assert (await store.sharing.look()).gained == {3}
        assert await at_work(store) == {}


async def test_sessions_begin_one_after_the_other(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first, second = await both(tmp_path, stack)
        waits = [await each.sharing.begin_session(0, 1) for each in (first, second, first)]
        assert waits[0] == 0
        assert 4 < waits[1] <= 5
        assert 9 < waits[2] <= 10
        assert await second.sharing.begin_session(5, 4) == 0, "it is of another bucket"
