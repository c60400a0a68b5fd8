"""What the rows say of shards, on both engines, and what holds where there is nothing to share."""

from pathlib import Path

from storage import Alone, Chore, Turns
from tests.rig.drafts import draft
from tests.rig.engines import open_store

COUNT = 4


def guild_of(shard: int, number: int = 1) -> int:
    return (COUNT * number * 1000 + shard) << 22


async def test_jobs_are_told_apart_by_the_shards_of_their_servers(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        ids = [
            (await store.jobs.add(draft(each, guild_id=guild_of(each % COUNT))))[0].id
            for each in range(8)
        ]
        for shard in range(COUNT):
            found = await store.jobs.of_shards(ids, COUNT, [shard])
            assert found == {ids[shard], ids[shard + 4]}
        assert await store.jobs.of_shards(ids, COUNT, [0, 3]) == {ids[0], ids[3], ids[4], ids[7]}
        assert await store.jobs.of_shards(ids[:1], COUNT, range(COUNT)) == {ids[0]}
        assert await store.jobs.of_shards(ids, COUNT, []) == set()
        assert await store.ours(ids) == ids, "one process has all of them"


async def test_each_shard_has_a_first_time_at_which_nobody_is_greeted(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:

        async def due() -> list[int]:
            return [each.guild_id for each in await store.greetings.due()]

        await store.greetings.see({guild_of(0)}, shards=COUNT)
        await store.greetings.see({guild_of(1), guild_of(1, 2)}, shards=COUNT)
        assert await due() == [], "they were there before"
        await store.greetings.see({guild_of(0), guild_of(0, 2)}, shards=COUNT)
        await store.greetings.see({guild_of(2)}, joined=guild_of(2), shards=COUNT)
        assert sorted(await due()) == sorted([guild_of(0, 2), guild_of(2)])


async def test_who_is_alone_works_for_all_and_does_everything() -> None:
    alone = Alone()
    assert alone.has(0)
    assert alone.has(guild_of(3))
    assert all(alone.does(chore) for chore in Chore)
    assert await alone.claim(1, 0, Turns(provider="ltx", jobs=())), "memory decides"
    assert await alone.begin_session(0, 1) == 0
    assert (await alone.look()).gained == (await alone.look()).surplus == frozenset()
    assert await alone.news() == frozenset()
