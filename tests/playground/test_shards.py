"""A bot in many servers runs in shards, several processes hold them, and each hears its own."""

import asyncio
from contextlib import asynccontextmanager

import discord
import pytest

from tests.playground.test_gateway import closed, identify, socket_of
from tests.rig.house import until
from tests.rig.toybot import pointed_at

COUNT = 4


class Part(discord.AutoShardedClient):
    """Some of the shards of a bot; keeps what it hears."""

    def __init__(self, *shards):
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            shard_ids=list(shards),
            shard_count=COUNT,
            guild_ready_timeout=0.05,
            chunk_guilds_at_startup=False,
        )
        self.tree = discord.app_commands.CommandTree(self)
        self.messages, self.asked = [], []

        @self.tree.command(name="where")
        async def where(interaction: discord.Interaction) -> None:
            """Say which shard this is."""
            self.asked.append(interaction.guild_id)
            shard = interaction.guild.shard_id if interaction.guild else 0
            await interaction.response.send_message(f"shard {shard}")

    async def on_message(self, message):
        self.messages.append((message.guild.id if message.guild else None, message.id))


@asynccontextmanager
async def running(playground, *shards):
    """A part of the bot, once it is ready."""
    part = Part(*shards)
    with pointed_at(playground):
        task = asyncio.create_task(part.start(playground.token))
        try:
            await until(part.is_ready)
            yield part
        finally:
            await part.close()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def servers(playground):
    """One server of each shard, with Mira in each, and where she writes in it."""
    playground.gateway.starts.concurrency = COUNT
    mira, world = playground.person("mira"), playground.world
    found = {}
    while len(found) < COUNT:
        playground.clock.advance(0.001)  # the next millisecond is the next shard
        guild = world.add_guild("Studio", people=[mira.id], channels=["clips"])
        [channel] = [each.id for each in world.channels.values() if each.guild_id == guild.id]
        found.setdefault((guild.id >> 22) % COUNT, (guild.id, channel))
    return dict(sorted(found.items()))


async def test_each_part_hears_of_its_own_servers(playground, servers):
    mira = playground.person("mira")
    async with running(playground, 0, 1) as low, running(playground, 2, 3) as high:
        assert playground.gateway.shards == [(each, COUNT) for each in range(COUNT)]
        for part, numbers in ((low, {0, 1}), (high, {2, 3})):
            assert {servers[each][0] for each in numbers} <= {guild.id for guild in part.guilds}
            assert {(guild.id >> 22) % COUNT for guild in part.guilds} == numbers
            assert {guild.shard_id for guild in part.guilds} == numbers
        said = []
        for guild_id, channel in servers.values():
            mira.go(channel)
            said.append((guild_id, (await mira.say("here")).id))
        await until(lambda: len(low.messages) == len(high.messages) == 2)
        assert (low.messages, high.messages) == (said[:2], said[2:])
        # A direct message is of the first shard, and so of one part.
        mira.go_to_dm()
        alone = await mira.say("alone")
        await until(lambda: len(low.messages) == 3)
        assert low.messages[-1] == (None, alone.id)
        assert len(high.messages) == 2


async def test_one_bot_is_asked_where_two_hold_a_shard(playground, servers):
    mira = playground.person("mira")
    async with running(playground, 0, 1, 2, 3) as first:
        with pointed_at(playground):
            await first.tree.sync()
        mira.go(servers[2][1])
        told = await (await mira.type("/where")).answered
        assert told.message.text == "shard 2"
        async with running(playground, 2) as second:
            await (await mira.type("/where")).answered
            mira.go(servers[3][1])
            await (await mira.type("/where")).answered
        mira.go(servers[2][1])
        await (await mira.type("/where")).answered
    guilds = {each: servers[each][0] for each in servers}
    assert first.asked == [guilds[2], guilds[3], guilds[2]]
    assert second.asked == [guilds[2]], "it was the newest there"


async def test_a_shard_is_taken_up_again_with_what_it_missed(playground, servers):
    mira = playground.person("mira")
    async with running(playground, 1, 3) as part:
        await playground.gateway.drop()
        mira.go(servers[3][1])
        missed = await mira.say("meanwhile")
        mira.go(servers[2][1])
        await mira.say("elsewhere")
        await until(lambda: part.messages)
        await until(lambda: playground.gateway.shards == [(1, COUNT), (3, COUNT)])
        assert playground.gateway.resumed == 2
        assert part.messages == [(servers[3][0], missed.id)]


@pytest.mark.parametrize("shard", [[4, 4], [-1, 4], [0], [0, 0], ["0", "4"], [True, 4], "0", {}])
async def test_a_shard_that_there_cannot_be_is_refused(playground, shard):
    async with socket_of(playground) as socket:
        data = {"token": playground.token, "intents": 513, "shard": shard}
        await socket.send_json({"op": 2, "d": data})
        assert await closed(socket) == 4010


async def test_who_is_in_too_many_servers_must_come_in_shards(playground, servers):
    playground.gateway.largest = len(playground.world.guilds) - 1
    async with socket_of(playground) as socket:
        await socket.send_json({"op": 2, "d": {"token": playground.token, "intents": 513}})
        assert await closed(socket) == 4011
    async with socket_of(playground) as socket:
        ready = await identify(playground, socket, shard=[2, COUNT])
        assert ready["shard"] == [2, COUNT]
        assert str(servers[2][0]) in {guild["id"] for guild in ready["guilds"]}
        assert all((int(guild["id"]) >> 22) % COUNT == 2 for guild in ready["guilds"])


async def test_the_shards_of_one_bucket_begin_five_seconds_apart(playground):
    starts = playground.gateway.starts
    starts.concurrency = 2
    assert [starts.take(shard) for shard in (0, 1, 2, 3)] == [True, True, False, False]
    playground.clock.advance(5)
    assert [starts.take(shard) for shard in (2, 3, 0)] == [True, True, False]
    assert starts.left() == 1000 - 4
