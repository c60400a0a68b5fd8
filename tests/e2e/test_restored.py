"""A backup is older than the world: after it was restored nothing is ordered or posted twice."""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from bot.app.backup_commands import backup, restore
from playground.providers.simulated import simulated
from storage import State
from tests.rig.house import settings_for, until, working
from tests.rig.imitated import UNLIMITED
from tests.rig.taking import FAVOURITE, RETAKE, SEND, clip_of, is_clip


class World:
    """A company that has one place, a Discord, and the directories of an operator."""

    def __init__(self, playground, paid, folder):
        self.playground = playground
        self.apixo = paid.servers["APIXO"]
        self.loopback = paid.hosts | {urlsplit(playground.api_url).netloc}
        self.environ = {
            **{name: each for name, each in paid.environ.items() if name.startswith("APIXO_")},
            "APIXO_CONCURRENCY": "1",
            "APIXO_PER_MINUTE": "10000",
        }
        self.data, self.backups = folder / "data", folder / "backups"
        self.settings = settings_for(playground, self.data)
        self.door = asyncio.Event()

    def running(self):
        return working(
            self.playground,
            self.data,
            environ=self.environ,
            loopback=self.loopback,
            **UNLIMITED,
        )

    @property
    def paid(self):
        return len([seen for seen in self.apixo.seen if seen.route == "submit"])


@pytest.fixture
async def world(playground, media, tmp_path):
    door = asyncio.Event()

    async def render(wish):
        await door.wait()
        return await media.render(wish)

    async with simulated(render) as paid:
        world = World(playground, paid, tmp_path)
        world.door = door
        yield world
        assert world.apixo.complaints == []


async def order(person, words):
    await (await person.type("/video text", prompt=words)).answered


@asynccontextmanager
async def time_flies(playground):
    async def turn():
        while True:
            playground.clock.advance(20)
            await asyncio.sleep(0.2)

    turning = asyncio.create_task(turn())
    try:
        yield
    finally:
        turning.cancel()


async def in_state(house, number, state):
    async def looked():
        job = await house.store.jobs.get(number)
        return job if job is not None and job.state is state else None

    return await until(looked)


async def test_what_was_under_way_is_looked_up_or_parked_and_never_sent_twice(world, mira, capsys):
    async with world.running() as house:
        await order(mira, "made at the time of the backup")
        await in_state(house, 1, State.RENDERING)
        await order(mira, "waiting at the time of the backup")
        await in_state(house, 2, State.QUEUED)
        assert await backup(world.settings, str(world.backups), verify=True, list_them=False) == 0

        # The world goes on: all of this is in no backup.
        world.door.set()
        async with time_flies(world.playground):
            first, second = await clip_of(mira, 1), await clip_of(mira, 2)
            await mira.react(first, RETAKE)
            await clip_of(mira, 3)
        await order(mira, "after the backup")
        async with time_flies(world.playground):
            await clip_of(mira, 4)
        await mira.react(first, FAVOURITE)
        await in_state(house, 4, State.DONE)
    paid, clips = world.paid, [each.id for each in mira.everything() if is_clip(each)]
    assert (paid, len(clips)) == (4, 4)
    said = capsys.readouterr().out
    assert "2 clips, and the accounts add up." in said

    assert await restore(world.settings, str(world.backups), over=True) == 0
    said = capsys.readouterr().out
    assert "2 clips, up to #2." in said
    assert "dailies.db.before-restore-1" in said

    async with world.running() as house:
        parked = await in_state(house, 2, State.UNCLEAR)
        assert "restored from a backup of" in parked.error
        assert parked.charged == "unknown"
        await until(lambda: read_back(house))
        async with time_flies(world.playground):
            found = await in_state(house, 1, State.DONE)
            assert found.result_id == first.id, "it stands there already"
            await until(lambda: stands(house, first, mira, FAVOURITE))
            await until(lambda: stands(house, first, mira, RETAKE))
            await mira.wait_for("restored from a backup of")
            assert world.paid == paid
            assert [each.id for each in mira.everything() if is_clip(each)] == clips

        await order(mira, "and on it goes")
        async with time_flies(world.playground):
            newest = await until(lambda: beyond(house, 4))
            assert newest.id > 1000, "#3 and #4 are other clips"
            await in_state(house, newest.id, State.DONE)
        assert world.paid == paid + 1
        assert await house.store.check(thorough=True) == []
        assert second.id in [each.id for each in mira.everything()]


async def read_back(house):
    return (await house.store.restorations.latest()).read_back


async def stands(house, message, person, emoji):
    return (person.id, emoji) in await house.store.takes.standing(message.id)


async def beyond(house, number):
    for due in await house.store.jobs.live():
        if due.id > number:
            return await house.store.jobs.get(due.id)
    return None


@pytest.mark.long
async def test_a_reaction_of_after_the_backup_orders_nothing_and_a_new_one_does(world, mira):
    world.door.set()
    async with world.running() as house:
        await order(mira, "a red fox")
        async with time_flies(world.playground):
            first = await clip_of(mira, 1)
            await in_state(house, 1, State.DONE)
        await backup(world.settings, str(world.backups), verify=False, list_them=False)
        async with time_flies(world.playground):
            await mira.react(first, RETAKE)
            second = await clip_of(mira, 2)
        await mira.react(first, SEND)
        private = mira.go_to_dm()
        await mira.wait_for(lambda each: each.channel_id == private and bool(each.attachments))
        await in_state(house, 2, State.DONE)
    paid, seen = world.paid, len(mira.everything())
    await restore(world.settings, str(world.backups), over=True)

    async with world.running() as house, time_flies(world.playground):
        await until(lambda: read_back(house))
        assert await stands(house, first, mira, RETAKE)
        assert await stands(house, first, mira, SEND)
        assert await house.store.jobs.get(2) is None
        assert (world.paid, len(mira.everything())) == (paid, seen)
        # What they do from now on counts again.
        await mira.unreact(first, RETAKE)
        await until(lambda: gone(house, first, mira))
        await mira.react(first, RETAKE)
        job = await until(lambda: beyond(house, 2))
        await in_state(house, job.id, State.DONE)
        assert world.paid == paid + 1
    # A second start finds nothing to go on from.
    async with world.running() as house:
        assert (await house.store.restorations.latest()).last_job == 1
        assert (await house.store.jobs.get(job.id)).state is State.DONE
    assert second.id in [each.id for each in mira.everything()]


async def gone(house, message, person):
    return not await stands(house, message, person, RETAKE)
