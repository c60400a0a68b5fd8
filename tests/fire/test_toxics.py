"""The way to a company, and to Discord, is slow, breaks, or is not there, for one request: each
cell of the table below ends as it says, and the books add up.

What fails in Discord's own words, or once its work is done, is in `tests/e2e/test_each_route.py`;
what a company answers is in `tests/providers/test_provider_matrix.py`. Here it is the way alone.
The company is LTX, whose orders take every kind of request; all companies have one HTTP edge.
"""

import asyncio
import contextlib
import functools
import itertools
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from playground import open_playground
from playground.people.person import PersonCannot
from playground.providers.ltx import LtxServer
from storage import State
from storage.jobs import requested
from tests.rig.footage import Media
from tests.rig.house import PACE, until, working
from tests.rig.imitated import UNLIMITED, Stage
from tests.rig.proving import PROVING
from tests.rig.taking import is_clip
from tests.rig.toxics import TOXICS, Way

KEY = "a-key-for-tests"
#: Each request of an order from a picture, in order.
LTX = {
    "upload": ("POST", r"^/v1/upload$"),
    "put": ("PUT", r"^/storage/"),
    "submit": ("POST", r"^/v2/image-to-video$"),
    "status": ("GET", r"^/v2/image-to-video/"),
    "result": ("GET", r"^/results/"),
}
DISCORD = {
    "card": ("POST", r"/callback$"),
    "thread": ("POST", r"/messages/\d+/threads$"),
    "clip": ("POST", r"/channels/\d+/messages$"),
    "reaction": ("PUT", r"/reactions/"),
}
NOBODY = 20.0  #: seconds after which an order that nobody could answer is none
DOWN = "down"  #: nobody listens when the request comes, and for a while
#: Where the proof that nothing was sent ends: only the order itself may cost money twice.
MAY_HAVE_GONE = {
    ("submit", "reset"): (State.UNCLEAR, 0),  # it had left, so nobody but a person repeats it
    ("submit", "half"): (State.UNCLEAR, 1),
}
#: How each cell ends: the state of its job, and the tasks that the company was paid for.
ENDS = {
    ("ltx", route, toxic): MAY_HAVE_GONE.get((route, toxic), (State.DONE, 1))
    for route, toxic in itertools.product(LTX, (*TOXICS, DOWN))
    if (route, toxic) != ("submit", "lost")  # the provider matrix has it
} | {
    **{("discord", route, DOWN): (State.DONE, 1) for route in DISCORD},
    ("discord", "clip", "bandwidth"): (State.DONE, 1),  # of all requests, the large one
}
#: What leaves money in doubt, and each route in one or two ways; `make prove` tries all of them.
FEW = tuple(
    cell
    for number, cell in enumerate(ENDS)
    if number % 5 == number // 7 % 5 or cell[1:] in MAY_HAVE_GONE
)


class Behind(LtxServer):
    """LTX, which names no address but that of the way to it."""

    way = None

    @property
    def url(self):
        return self.way.url if self.way is not None else super().url


class Through:
    """A playground whose Discord is reached by a way."""

    def __init__(self, playground, way):
        self._playground = playground
        self.api_url = f"{way.url}/api/{playground.api_url.partition('/api/')[2]}"

    def __getattr__(self, name):
        return getattr(self._playground, name)


class Place(Stage):
    """The whole bot between two ways, and what one order after another comes to."""

    def __init__(self, playground, deployment, server, media, *, ltx, discord):
        super().__init__(playground, deployment, {"ltx": server}, media)
        self.ltx, self.discord = ltx, discord
        self.number = 0

    async def ended(self, side, route, toxic):
        """Order a clip over the way that *toxic* befalls at *route*; state, tasks, and clips."""
        self.number += 1
        way = self.ltx if side == "ltx" else self.discord
        befallen = await self._befall(side, way, route, toxic)
        paid, before = len(self.servers["ltx"].jobs), self._clips()
        picture = self.media.picture.with_name(f"{self.number}.png")
        Image.new("RGB", (192, 108), (self.number, 0, 0)).save(picture)  # uploads are remembered
        job = await self._ordered(picture)
        if job is None:
            return None, len(self.servers["ltx"].jobs) - paid, self._clips() - before
        job = (await self.settled([job.id]))[job.id]
        await until(lambda: befallen() or job.state is not State.DONE)
        bill = await self.store.policy.bill(job.id)
        assert bill.spent == (job.price if job.state is State.DONE else 0)
        assert bill.held == (job.price if job.state is State.UNCLEAR else 0)
        return job.state, len(self.servers["ltx"].jobs) - paid, self._clips() - before

    async def _ordered(self, picture):
        """The job, with a card or without; None where nobody could be asked or answered."""
        prompt = f"a fox {self.number}"
        asked = await self.people[0].type("/video image", prompt=prompt, image=picture)
        with contextlib.suppress(PersonCannot):
            await asked.answered
        request = f"interaction:{asked.id}"
        with contextlib.suppress(TimeoutError):
            return await until(
                lambda: self.store.writer.read(lambda db: requested(db, request)), NOBODY
            )
        return None

    def _clips(self):
        return sum(is_clip(each) for each in self.people[0].everything())

    async def _befall(self, side, way, route, toxic):
        """Arrange it; a function that says whether it has happened."""
        method, path = (LTX if side == "ltx" else DISCORD)[route]
        if toxic != DOWN:
            poison = way.poison(toxic, method, path)
            return lambda: poison.met
        left = asyncio.Event()

        async def leave(heard_on=None):
            await way.leave(but=heard_on)
            left.set()

        earlier = {  # the answer after which it is not there
            "put": (self.ltx, *LTX["upload"], b""),
            "submit": (self.ltx, *LTX["put"], b""),
            "status": (self.ltx, *LTX["submit"], b""),
            "result": (self.ltx, *LTX["status"], b'"completed"'),
            "thread": (self.discord, *DISCORD["card"], b""),
            "clip": (self.ltx, *LTX["result"], b""),
            "reaction": (self.discord, *DISCORD["clip"], b""),
        }
        if route in earlier:
            there, *what = earlier[route]
            there.after(*what, leave)
        else:
            await leave()
        return left.is_set


@contextlib.asynccontextmanager
async def placed():
    with tempfile.TemporaryDirectory(prefix="toxics-") as folder:
        media = Media(Path(folder))
        async with (
            open_playground(rate_windows=PACE) as playground,
            Behind(media.render, key=KEY) as server,
            Way(server.url).open() as ltx,
            Way(playground.api_url.partition("/api/")[0]).open() as discord,
        ):
            server.way = ltx
            hosts = {each.url.removeprefix("http://") for each in (ltx, discord)}
            through = Through(playground, discord)
            environ = {"LTX_API_KEY": KEY, "LTX_BASE_URL": ltx.url, "LTX_SUBMIT_VERSION": "v2"}
            limits = {"LTX_PER_MINUTE": "10000", "LTX_CONCURRENCY": "1000"}
            async with working(
                through,
                Path(folder) / "data",
                environ=environ | limits,
                loopback=frozenset(hosts | {playground.api_url.split("/")[2]}),
                **UNLIMITED,
            ) as house:
                place = Place(playground, house, server, media, ltx=ltx, discord=discord)
                place.people = place.people[:1]
                place._turns = itertools.cycle(place.people)
                yield place
                assert server.complaints == []
                assert await place.store.check(thorough=True) == []


@functools.cache
def results(cells):
    """What each of *cells* came to, one after the other over one bot."""

    async def run():
        async with placed() as place:
            return {cell: await place.ended(*cell) for cell in cells}

    return asyncio.run(run())


def wrong(cells):
    """The cells that did not end as the table says."""
    return {
        cell: (state, paid, clips)
        for cell, (state, paid, clips) in results(tuple(cells)).items()
        if (state, paid) != ENDS[cell] or clips != (state is State.DONE)
    }


def test_a_request_on_a_bad_way_ends_as_the_table_says():
    assert wrong(FEW) == {}


@pytest.mark.prove
def test_each_request_on_each_bad_way_ends_as_the_table_says(proof):
    cells = tuple(ENDS if PROVING else FEW)
    assert wrong(cells) == {}
    proof.tried(len(cells), "requests on a bad way", usual=len(FEW))


def test_the_table_has_each_route_that_an_order_takes():
    """So that a new request of LTX's is tried here, too."""

    async def run():
        async with placed() as place:
            assert await place.ended("ltx", "status", "latency") == (State.DONE, 1, 1)
            return {each.route for each in place.servers["ltx"].seen}

    assert asyncio.run(run()) == {*LTX}
