"""kill -9 before and after every commit, every request to Discord and every one to the provider.

One life of a clip is recorded, which numbers the instants: nobody keeps a list of them. Then the
bot is killed at an instant, other processes take up its data and are killed over it, and the
promises are looked at: the clip is made once and posted once, or a moderator is asked; the books
add up; nothing is stuck.
"""

import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiohttp import web

from playground import open_playground
from playground.people.person import PersonCannot
from playground.providers.ltx import LtxServer
from storage import State
from storage.checks import check
from storage.opening import DATABASE, _open, migrations
from tests.rig.house import PACE, until
from tests.rig.losing import Losing
from tests.rig.processes import process
from tests.rig.proving import SEED, parts, scaled
from tests.rig.taking import is_clip

KILLS = scaled(8, 400, fire=20_000)
PARTS = 8 if KILLS >= 400 else 1  #: that are done beside each other
#: Which bots die before the one that may end its work: the first at an instant of a whole life,
#: up to AGAIN more while they take up what was left, at their first effects of a kind.
AGAIN = 4
EARLY = 8
BESIDE = 4  #: clips that are made beside each other, each with bots of its own: most of them wait
#: Seconds between two looks at the bot's file: a bot that died may have left its next one to wait
#: for 10 s or 60 s, and looking must not be what most of the time goes into.
LOOK = 0.15
KEY = "a-key-for-tests"


class Deadly(Losing):
    """A proxy that counts requests, and kills whoever sends the one that it is told of."""

    def __init__(self, behind):
        super().__init__(behind)
        self.count = 0
        self.kill = None  #: such as ("before", 7)
        self.victim = None

    async def serve(self, request):
        self.count += 1
        instant = self.count
        await request.read()
        if self.kill == ("before", instant):
            self.victim.kill()
            request.transport.abort()
            return web.Response()
        answer = await super().serve(request)
        if self.kill == ("after", instant):  # its work is done, and nobody hears of it
            self.victim.kill()
            request.transport.abort()
        return answer


class Place:
    """A Discord, a company, and one bot after another on the same data."""

    def __init__(self, playground, server, discord, company, folder):
        self.playground, self.server = playground, server
        self.discord, self.company, self.folder = discord, company, folder
        self.mira = playground.person("mira")
        self.log = folder / "log"

    @asynccontextmanager
    async def bot(self, kill=None):
        url = self.company.api_url.partition("/api/")[0]
        given = {
            "api": self.discord.api_url,
            "gateway": self.playground.gateway_url,
            "token": self.playground.token,
            "data": str(self.folder / "data"),
            "tally": str(self.folder / "tally"),
            "key": KEY,
            "company": url,
            "loopback": [each.removeprefix("http://") for each in (url, self.server.url)],
            "kill": kill,
        }
        self.playground.gateway.starts.rest()
        arguments = ("-m", "tests.fire.numbered_bot", json.dumps(given))
        async with process(*arguments, log=self.log) as bot:
            self.discord.victim = self.company.victim = bot
            yield bot

    async def ordered(self, bot):
        """Order a clip, unless the bot dies over it."""
        online = self.playground
        await until(lambda: bot.returncode is not None or (online.online and self.mira.commands()))
        if bot.returncode is not None:
            return
        with contextlib.suppress(PersonCannot):
            asked = await self.mira.type("/video text", prompt="a red fox")
            answered = asyncio.ensure_future(asked.answered)
            dead = asyncio.ensure_future(bot.wait())
            await asyncio.wait({answered, dead}, return_when=asyncio.FIRST_COMPLETED)
            for task in (answered, dead):
                task.cancel()
            await asyncio.wait({answered, dead})
            if not answered.cancelled():
                answered.exception()

    def jobs(self):
        """State and due time of each job, as the file has them."""
        path = self.folder / "data" / DATABASE
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            try:
                return db.execute("SELECT state, due_at, result_id FROM job").fetchall()
            except sqlite3.OperationalError:  # not migrated yet
                return []

    def settled(self):
        jobs = self.jobs()
        return bool(jobs) and all(due is None for _, due, _ in jobs)


@asynccontextmanager
async def place_in(folder, media):
    folder.mkdir(parents=True)
    async with (
        open_playground(rate_windows=PACE, patient=True) as playground,
        LtxServer(media.render, key=KEY) as server,
        Deadly(playground).running() as discord,
        Deadly(SimpleNamespace(api_url=f"{server.url}/api/")).running() as company,
    ):
        yield Place(playground, server, discord, company, folder)


async def recorded(folder, media):
    """The instants of a clip's life, from a bot that nobody kills."""
    async with place_in(folder, media) as place, place.bot() as bot:
        await place.ordered(bot)
        await until(place.settled)
        assert [state for state, *_ in place.jobs()] == [State.DONE]
        counts = {
            "commit": (folder / "tally").stat().st_size,
            "discord": place.discord.count,
            "company": place.company.count,
        }
    return [
        (what, side, number)
        for what, count in counts.items()
        for number in range(1, count + 1)
        for side in ("before", "after")
    ]


async def killed(folder, media, instants):
    """A clip whose bots die one after another, each at its instant; how many of them died."""
    died = 0
    async with place_in(folder, media) as place:
        for what, side, number in instants:
            place.discord.count = place.company.count = 0
            if what != "commit":
                getattr(place, what).kill = side, number
            async with place.bot(kill=[side, number] if what == "commit" else None) as bot:
                if not place.jobs():
                    await place.ordered(bot)
                await until(
                    lambda bot=bot: bot.returncode is not None or place.settled(), every=LOOK
                )
                dead = bot.returncode is not None
            place.discord.kill = place.company.kill = None
            if not dead:
                break
            died += 1
        async with place.bot() as bot:
            await until(lambda: place.playground.online)
            if not place.jobs():  # they died before they promised anything
                await place.ordered(bot)
            await until(place.settled, every=LOOK)
        promises_held(place)
    return died


def promises_held(place):
    """Look at what people see, what the company was ordered, and what the books say."""
    [(state, _, result_id)] = place.jobs()
    tasks = len(place.server.jobs)
    clips = [each for each in place.mira.everything() if is_clip(each)]
    assert tasks <= 1, "one click, at most one paid task"
    assert result_id is not None, "its person was told"
    match State(state):
        case State.DONE:
            assert (tasks, len(clips)) == (1, 1)
        case State.UNCLEAR:  # the order may have been on its way: nobody but a person repeats it
            assert clips == []
            assert "may have" in place.mira.message(result_id).text
        case other:
            raise AssertionError(f"{other} is no end of this: {place.log.read_text()[-2000:]}")
    db = _open(place.folder / "data" / DATABASE, migrations(), whole=True)
    try:
        assert check(db) == []
    finally:
        db.close()


async def test_killed_while_its_order_is_answered(tmp_path, media):
    """The company has the order and the bot never hears of it: a person decides, nobody repeats."""
    async with place_in(tmp_path / "one", media) as place:
        place.company.kill = "after", 1
        async with place.bot() as bot:
            await place.ordered(bot)
            await until(lambda: bot.returncode is not None)
        async with place.bot():
            await until(place.settled)
        assert [state for state, *_ in place.jobs()] == [State.UNCLEAR]
        assert len(place.server.jobs) == 1
        promises_held(place)


async def tried_once(folder, media, instants):
    try:
        died = await killed(folder, media, instants)
    except BaseException:
        print(f"killed {instants}, seed {SEED}")  # noqa: T201  # pytest shows it
        raise
    shutil.rmtree(folder)
    return died


@pytest.mark.prove
@parts(PARTS)
async def test_killed_at_instants_that_a_recording_numbered(tmp_path, media, proof, part):
    instants = await recorded(tmp_path / "recorded", media)
    assert {what for what, *_ in instants} == {"commit", "discord", "company"}
    assert len(instants) > 40
    dice = random.Random(SEED + part)
    kills, chosen = -(-KILLS // PARTS), []
    early = [instant for instant in instants if instant[2] <= EARLY]
    died = number = 0
    while died < kills:
        tried = {}
        for _ in range(min(BESIDE, kills - died)):
            if not chosen:  # each instant as often as any other, in any order
                chosen = dice.sample(instants, len(instants))
            number += 1
            tried[number] = [chosen.pop(), *dice.choices(early, k=dice.randint(0, AGAIN))]
        died += sum(
            await asyncio.gather(
                *(tried_once(tmp_path / str(each), media, at) for each, at in tried.items())
            )
        )
    assert died > number / 2, "most of the instants come in each life"
    proof.tried(died, "kills at numbered instants", usual=8, independent=True)
