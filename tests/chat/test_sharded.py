"""One process with every shard: a session for each, however they end."""

import asyncio
from contextlib import asynccontextmanager

import discord
import pytest
from discord.shard import EventItem, EventType
from pydantic import SecretStr

from bot.chat.heartbeat import heartbeat
from bot.chat.sharded import _EVENTS
from storage import ENDED
from tests.e2e.test_kill import SMALL
from tests.rig.house import until, working
from tests.rig.s3 import s3

COUNT = 4
ALL = [(each, COUNT) for each in range(COUNT)]


@asynccontextmanager
async def sharded(playground, tmp_path, databases):
    playground.gateway.starts.concurrency = COUNT
    try:
        async with (
            s3() as bucket,
            working(
                playground,
                tmp_path,
                environ={"LOCAL_SECONDS": "1"},
                dailies_store=SecretStr(databases.of(tmp_path)),
                dailies_shards=COUNT,
                **bucket.settings(),
            ) as house,
        ):
            await until(lambda: playground.gateway.shards == ALL)
            yield house
    finally:
        databases.empty()


async def orders(playground, mira, house):
    """Mira orders in a new server of each shard, and each clip comes once."""
    world, found = playground.world, {}
    while len(found) < COUNT:
        playground.clock.advance(0.001)
        guild = world.add_guild("Studio", people=[mira.id], channels=["clips"])
        [channel] = [each.id for each in world.channels.values() if each.guild_id == guild.id]
        found.setdefault((guild.id >> 22) % COUNT, channel)
    before = len(await house.store.jobs.newest())
    for channel in found.values():
        mira.go(channel)
        await until(mira.commands)
        await (await mira.type("/video text", prompt="a fox", **SMALL)).answered

    async def over():
        jobs = await house.store.jobs.newest()
        return len(jobs) == before + COUNT and all(job.state in ENDED for job in jobs)

    await until(over)
    assert await house.store.check(thorough=True) == []


@pytest.mark.long
async def test_each_shard_has_one_session_and_each_server_is_answered(
    playground, mira, tmp_path, databases
):
    async with sharded(playground, tmp_path, databases) as house:
        await orders(playground, mira, house)
        assert heartbeat(house.bot) is not None
        assert house.bot.lost() == []
        assert {guild.shard_id for guild in house.bot.guilds} == set(range(COUNT))


@pytest.mark.parametrize(
    "how",
    [
        *("ended", "invalid"),
        *(pytest.param(e, marks=pytest.mark.long) for e in ("dropped", "given up")),
    ],
)
async def test_sessions_that_end_begin_again_once_each(playground, tmp_path, databases, how):
    async with sharded(playground, tmp_path, databases) as house:
        playground.gateway.starts.rest()
        begun = playground.gateway.identified, playground.gateway.resumed
        match how:
            case "dropped":
                await playground.gateway.drop()
            case "invalid":
                await playground.gateway.invalidate()
            case "ended":
                await house.bot.hang_up()
            case _:
                await house.bot.end_shards(frozenset({3}))
                assert 3 not in {guild.shard_id for guild in house.bot.guilds}
        playground.clock.advance(600)
        await until(lambda: house.store.sure)  # it left Discord until the leases were renewed
        await until(lambda: (playground.gateway.identified, playground.gateway.resumed) != begun)
        await until(lambda: playground.gateway.shards == ALL and house.store.sure)
        await asyncio.sleep(1.5)  # the next look finds nothing to do
        assert playground.gateway.shards == ALL


async def test_what_discord_py_would_begin_too_is_begun_once(playground, tmp_path, databases):
    """It means to connect a shard that we left meanwhile, and begin again ourselves."""
    async with sharded(playground, tmp_path, databases) as house:
        begun, events = playground.gateway.identified, getattr(house.bot, _EVENTS)
        shard = house.bot.get_shard(3)._parent
        await house.bot._sharing.begin_session(3, COUNT)  # so that both would wait for a turn
        await house.bot.end_shards(frozenset({3}))
        events.put_nowait(EventItem(EventType.reconnect, shard, None))
        await until(lambda: playground.gateway.identified > begun)
        await until(lambda: playground.gateway.shards == ALL)
        playground.gateway.starts.rest()  # one more would not be sent back to wait
        await asyncio.sleep(8)  # the turn after it is five seconds later
        assert (playground.gateway.identified, playground.gateway.shards) == (begun + 1, ALL)


async def test_a_shard_that_is_not_ours_begins_no_session(playground, tmp_path, databases):
    async with sharded(playground, tmp_path, databases) as house:
        begun = playground.gateway.identified
        with pytest.raises(asyncio.CancelledError):
            await house.bot.before_identify_hook(COUNT + 1)
        assert playground.gateway.identified == begun
        assert isinstance(house.bot, discord.AutoShardedClient)
