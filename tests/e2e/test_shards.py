"""Several unmodified bots that share the servers of one: each order is answered once."""

import asyncio
import random
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from bot.app import alerting
from playground import open_playground
from storage import ENDED, look_into
from tests.e2e.test_kill import SMALL, run
from tests.rig.house import HANGS, PACE, until
from tests.rig.proving import PROVING, SEED, scaled
from tests.rig.s3 import s3
from tests.rig.taking import is_clip

COUNT = 4
NAMES = "abc"
USUAL = 10
KILLS = scaled(USUAL, 100)
IN_A_ROW = 5  #: after more, a bot is careful with new sessions: it has begun a dozen within minutes
TAKEN_OVER = 30.0  #: seconds from a kill until somebody has each shard again


class Cluster:
    """A Discord with a server in each shard, a database, a bucket, and the bots on them."""

    def __init__(self, playground, folder, url, bucket, stack):
        self.playground, self.folder, self.url, self.bucket = playground, folder, url, bucket
        self.mira = playground.person("mira")
        self.bots = {}
        self._stack = stack
        self.channels = self._servers()

    def _servers(self):
        """Where Mira writes in the server of each shard."""
        self.playground.gateway.starts.concurrency = COUNT
        world, found = self.playground.world, {}
        while len(found) < COUNT:
            self.playground.clock.advance(0.001)  # the next millisecond is the next shard
            guild = world.add_guild("Studio", people=[self.mira.id], channels=["clips"])
            [channel] = [each.id for each in world.channels.values() if each.guild_id == guild.id]
            found.setdefault((guild.id >> 22) % COUNT, channel)
        return [found[each] for each in range(COUNT)]

    def log(self, name):
        return (self.folder / f"log-{name}").read_text()

    def holder(self, name):
        """What the leases call a bot."""
        return (self.folder / name / "dailies.holder").read_text().strip()

    async def start(self, name, **more):
        given = {each.upper(): str(value) for each, value in self.bucket.settings().items()}
        given |= {"DAILIES_STORE": self.url, "DAILIES_SHARDS": str(COUNT), "LOCAL_SECONDS": "1"}
        bot = run(self.playground, self.folder / name, self.folder / f"log-{name}", **given | more)
        self.bots[name] = await self._stack.enter_async_context(bot)

    async def held(self):
        """The shards of each bot, as the leases say."""
        import psycopg

        db = await psycopg.AsyncConnection.connect(self.url)
        async with db:
            rows = await db.execute(
                "SELECT holder, part FROM dailies.lease"
                " WHERE part >= 0 AND until > clock_timestamp() ORDER BY part"
            )
            found: dict[str, list[int]] = {}
            for holder, part in await rows.fetchall():
                found.setdefault(holder, []).append(part)
            return found

    async def shared(self, *shares):
        """Wait until the bots have so many shards each, and all are connected."""

        async def are():
            held = sorted(len(each) for each in (await self.held()).values())
            connected = self.playground.gateway.shards
            return held == sorted(shares) and connected == [(each, COUNT) for each in range(COUNT)]

        await until(are)

    async def bot_of(self, shard):
        """The name of the bot that has a shard."""
        for holder, shards in (await self.held()).items():
            if shard in shards:
                for name in self.bots:
                    if self.holder(name) == holder:
                        return name
        return None

    async def order(self, shard, prompt):
        """Order a clip in the server of a shard; what was typed."""
        self.mira.go(self.channels[shard])
        await until(self.mira.commands)
        asked = await self.mira.type("/video text", prompt=prompt, **SMALL)
        await asked.answered
        return asked

    def clips(self, prompt):
        return [each for each in self.mira.everything() if is_clip(each) and prompt in each.text]

    async def jobs(self):
        async with look_into(self.folder, server=self.url, beside=True) as store:
            return await store.jobs.newest(limit=1000)

    async def over(self):
        return all(job.state in ENDED and job.due_at is None for job in await self.jobs())

    async def promises_held(self):
        """Each order is one job that ended once, with one post at most, and the books add up."""
        async with look_into(self.folder, server=self.url, beside=True) as store:
            jobs = await store.jobs.newest(limit=1000)
            for job in jobs:
                ends = [each for each in await store.jobs.history(job.id) if each.after in ENDED]
                assert len(ends) == 1, job
                assert len(self.clips(job.brief.prompt)) == (1 if job.state == "done" else 0), job
            assert await store.check(thorough=True) == []
        return jobs

    async def pass_the_time_of(self, name):
        """Let what a dead bot had end now instead of in 20 seconds."""
        import psycopg

        db = await psycopg.AsyncConnection.connect(self.url)
        async with db:
            for table in ("lease", "process"):
                await db.execute(
                    f"UPDATE dailies.{table} SET until = clock_timestamp() WHERE holder = %s",
                    (self.holder(name),),
                )

    async def lose_one(self, dice, *, at_once):
        """Kill the bot of some shard, and wait until the others have what it had."""
        victim = await self.bot_of(dice.randrange(COUNT))
        self.bots[victim].kill()
        await self.bots.pop(victim).wait()
        killed = time.monotonic()
        if at_once:
            await self.pass_the_time_of(victim)
        await self.shared(2, 2)
        if PROVING:  # a busy machine is late with everything
            assert time.monotonic() - killed < TAKEN_OVER

    async def takeovers(self):
        """What the operator was told of processes that others took over from."""
        import psycopg

        db = await psycopg.AsyncConnection.connect(self.url)
        async with db:
            rows = await db.execute("SELECT text FROM dailies.alert WHERE kind = 'takeover'")
            return [text for (text,) in await rows.fetchall()]

    async def at_work(self, prompt):
        """Three bots that share the servers, and an order in one of each shard."""
        for name in NAMES:
            if name not in self.bots:
                await self.start(name, LOCAL_SECONDS="2")
        await self.shared(1, 1, 2)
        for shard in range(COUNT):
            await self.order(shard, f"{prompt} in {shard}")


@asynccontextmanager
async def cluster(tmp_path, url):
    async with (
        open_playground(rate_windows=PACE, patient=True) as playground,
        s3() as bucket,
        AsyncExitStack() as stack,
    ):
        yield Cluster(playground, tmp_path, url, bucket, stack)


@pytest.mark.long
async def test_each_server_is_answered_by_one_of_three_bots(tmp_path, databases):
    url = databases.of(tmp_path)
    try:
        async with cluster(tmp_path, url) as place:
            await place.start("a")
            await place.shared(4)
            for name in "bc":
                await place.start(name)
            await place.shared(1, 1, 2)
            for shard in range(COUNT):
                await place.order(shard, f"fox {shard}")
            await until(place.over)
            jobs = await place.promises_held()
            assert [job.state for job in jobs] == ["done"] * COUNT
            await place.start("d")
            await place.shared(1, 1, 1, 1)
            await place.start("e")
            await until(lambda: "Standing by" in place.log("e"))
            first = await place.bot_of(0)
            place.bots[first].send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(place.bots[first].wait(), HANGS) == 0
            await place.shared(1, 1, 1, 1)
            assert await place.bot_of(0) is not None
            await place.order(0, "once more")
            await until(place.over)
            assert len(await place.promises_held()) == COUNT + 1
            assert all("Traceback" not in place.log(each) for each in place.bots)
    finally:
        databases.empty()


@pytest.mark.long
async def test_one_that_was_frozen_ends_and_what_it_had_goes_on_with_the_others(
    tmp_path, databases
):
    url = databases.of(tmp_path)
    try:
        async with cluster(tmp_path, url) as place:
            await place.at_work("fox")
            victim = place.bots[await place.bot_of(0)]
            victim.send_signal(signal.SIGSTOP)

            async def replaced():
                return sorted(len(each) for each in (await place.held()).values()) == [2, 2]

            await until(replaced)
            victim.send_signal(signal.SIGCONT)
            assert await asyncio.wait_for(victim.wait(), HANGS) == 1, "it ends, to be started anew"
            await until(place.over)
            await asyncio.sleep(1)
            await place.promises_held()
            await place.shared(2, 2)
    finally:
        databases.empty()


@pytest.mark.long
async def test_the_operator_hears_once_of_a_killed_one_and_never_of_those_that_join_or_leave(
    tmp_path, databases
):
    url = databases.of(tmp_path)
    try:
        async with cluster(tmp_path, url) as place:
            await place.start("a")
            await place.shared(4)
            for name in "bc":
                await place.start(name)
            await place.shared(1, 1, 2)
            shards = len((await place.held())[place.holder("a")])
            place.bots["a"].kill()
            await place.bots.pop("a").wait()
            await place.pass_the_time_of("a")
            await place.shared(2, 2)
            [text] = await until(place.takeovers)
            assert text.startswith(f"{place.holder('a')} froze, died or lost the database server,")
            assert f"its servers ({shards} of {COUNT} shards). " in text
            place.bots["b"].send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(place.bots["b"].wait(), HANGS) == 0
            await place.shared(4)
            await asyncio.sleep(alerting.EVERY + 5)  # the others had looked by then
            assert await place.takeovers() == [text]
    finally:
        databases.empty()


@pytest.mark.long
@pytest.mark.prove
async def test_what_a_killed_one_had_ends_once_with_the_others(tmp_path, databases, proof):
    """The first one's leases run out by themselves; the others' time is made to have passed."""
    dice = random.Random(SEED)
    for begun in range(0, KILLS, IN_A_ROW):
        folder = tmp_path / str(begun)
        folder.mkdir()
        url = databases.of(folder)
        try:
            async with cluster(folder, url) as place:
                for number in range(IN_A_ROW):
                    await place.at_work(f"fox {number}")
                    await asyncio.sleep(dice.uniform(0.0, 3.0))
                    await place.lose_one(dice, at_once=begun + number > 0)
                    await until(place.over)
                    await asyncio.sleep(0.5)
                    assert len(await place.promises_held()) == COUNT * (number + 1)
        finally:
            databases.empty()
    tried = -(-KILLS // IN_A_ROW) * IN_A_ROW
    proof.tried(tried, "kills of one of three bots with four shards", usual=USUAL, independent=True)
