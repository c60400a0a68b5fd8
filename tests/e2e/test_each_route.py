"""Each request of a clip's way through Discord fails in each way, and the clip arrives anyway.

An order, its card, its thread, its board, its clip and its reactions: for each request that this
takes, and for each way to fail, one order is made of which exactly that request fails once. What
must be there at the end is in `wrong`.
"""

import asyncio
import functools
import itertools
import re
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from bot.chat.board import SEEDED
from playground import open_playground
from playground.discord import trouble
from playground.discord.trouble import Trouble
from playground.people.person import Person, PersonCannot
from storage import ENDED, PARKED, State
from tests.rig.footage import Media
from tests.rig.house import PACE, until, working
from tests.rig.imitated import UNLIMITED
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.proving import PROVING, asked_for
from tests.rig.taking import is_clip

CALLBACK = "POST /interactions/N/T/callback"
SEND = "POST /channels/N/messages"
#: Each request of the way: the order that it belongs to, the route, how many like it come first.
STEPS = {
    "card": ("text", CALLBACK, 0),
    "thread": ("text", "POST /channels/N/messages/N/threads", 0),
    "clip": ("text", SEND, 0),
    "edit": ("text", "PATCH /webhooks/N/T/messages/@original", 1),
    "reaction": ("text", "PUT /channels/N/messages/N/reactions/E/@me", 0),
    "thinking": ("image", CALLBACK, 0),
    "card after thinking": ("image", "PATCH /webhooks/N/T/messages/@original", 0),
    "card beside": ("again", SEND, 0),
    "board": ("again", SEND, 1),
    "pin": ("again", "PUT /channels/N/messages/pins/N", 0),
    "board again": ("again", "PATCH /channels/N/messages/N", 0),
}
WAYS = {
    "lost 502": trouble.LOST_502,
    "reset": trouble.RESET,
    "unreached": trouble.UNREACHED,
    "half": trouble.CUT,
    "late": trouble.LATE,
    "dripping": trouble.DRIPPING,
    "edge page": trouble.EDGE_503,
    "429": trouble.limited(1.2),
    "403": trouble.refused(403, 50013, "Missing Permissions"),
    "404": trouble.refused(404, 10008, "Unknown Message"),
}
PRICE = 200  #: credits of two seconds at the maker's price
BROKE = "broke on our side"
QUIET = 10.0  #: seconds after which what still waits is waiting for time to pass
GIVEN_UP = 240.0  #: seconds after which an order does not end any more


@dataclass
class Cell:
    """One order, in a channel of its own, by a person of their own."""

    step: str
    way: str
    person: Person
    channel: int
    trouble: Trouble | None = None
    ordered: bool = False


def pattern(route):
    """A route of `STEPS` as (method, regular expression)."""
    method, _, path = route.partition(" ")
    parts = {"N": r"\d+", "T": r"[^/]+", "E": r"[^/]+"}
    found = "/".join(parts.get(part, re.escape(part)) for part in path.split("/"))
    return method, f"^{found}$"


def named(call):
    """The route of a request that was made, as `STEPS` names it."""
    for route in {route for _, route, _ in STEPS.values()}:
        method, path = pattern(route)
        if call.method == method and re.search(path, call.path):
            return route
    return f"{call.method} {re.sub(r'[0-9]{10,}', 'N', call.path)}"


@asynccontextmanager
async def pictures(content):
    """A host whose picture comes once its gate is open: an order with it takes that long."""
    gates: dict[str, asyncio.Event] = {}

    async def serve(request):
        await gates[request.match_info["name"]].wait()
        return web.Response(body=content, content_type="image/png")

    app = web.Application()
    app.router.add_get("/{name}.png", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"127.0.0.1:{runner.addresses[0][1]}", gates
    finally:
        await runner.cleanup()


@asynccontextmanager
async def staged():
    """A playground, the whole bot in it, and what an order needs."""
    with tempfile.TemporaryDirectory(prefix="each-route-") as folder:
        media = Media(Path(folder))
        maker = Maker("paid", PLAIN, price=DEAR, concurrency=100)
        maker.made = media.clip
        async with (
            open_playground(rate_windows=PACE, patient=True) as playground,
            pictures(media.picture.read_bytes()) as (host, gates),
            working(
                playground,
                Path(folder) / "data",
                providers={"paid": maker},
                loopback=frozenset({host}),
                **UNLIMITED,
            ) as house,
        ):
            yield playground, house, maker, host, gates


async def order(stage, cell):
    """Order as *cell* says, up to the job, or to the sentence that there is none."""
    playground, _, _, host, gates = stage
    kind, route, later = STEPS[cell.step]
    prompt = f"cell {cell.channel}"
    if kind == "again":
        await cell.person.type("/video text", prompt="the first")
        first = await cell.person.wait_for(_clip)
        await until(lambda: len(cell.person.message(first.id).reactions) == len(SEEDED))
    method, path = pattern(route)
    cell.trouble = playground.trouble(method, path, WAYS[cell.way], later=later, place=cell.channel)
    if kind == "again":
        await cell.person.react(first, "🔁")
    elif kind == "image":
        gates[str(cell.channel)] = gate = asyncio.Event()
        link = f"http://{host}/{cell.channel}.png"
        with playground.clock.stopped():  # Discord's three seconds are not of this machine
            asked = await cell.person.type("/video image", link=link, prompt=prompt)
            await until(lambda: cell.trouble.met or asked.state != "waiting")
        gate.set()
    else:
        with playground.clock.stopped():
            asked = await cell.person.type("/video text", prompt=prompt)
            await until(lambda: cell.trouble.met or asked.state != "waiting")


def _clip(message):
    return is_clip(message)


async def jobs_of(house, cell):
    jobs = await house.store.jobs.of(guild_id=house.bot.guilds[0].id, user_id=cell.person.id)
    return sorted(jobs, key=lambda job: job.id)


async def wrong(stage, cell, turn):
    """What is not as it must be, in sentences."""
    _, house, maker, *_ = stage
    async with turn:  # side by side, a busy machine would be "thinking…" over each of them
        await order(stage, cell)
        cell.ordered = True
    person = cell.person
    wanted = 2 if STEPS[cell.step][0] == "again" else 1

    def told():
        return [each.text for each in person.everything() if each.ephemeral and not each.loading]

    async def over():
        await asyncio.sleep(0.2)
        jobs = await jobs_of(house, cell)
        ended = len(jobs) >= wanted and all(job.state in ENDED | PARKED for job in jobs)
        return cell.trouble.met and (ended or (not jobs and bool(told())))

    try:
        await until(over, GIVEN_UP)
    except TimeoutError:
        states = [str(job.state) for job in await jobs_of(house, cell)]
        return [f"it does not end: {states}, {told()}, met {cell.trouble.met}"]
    await asyncio.sleep(2)  # an order may be told that it failed, and go on
    jobs = await jobs_of(house, cell)
    if not jobs:
        return [] if not any(BROKE in text for text in told()) else [told()[0]]
    found = []
    for job in jobs:
        if job.state is not State.DONE:
            found.append(f"it ended {job.state}: {job.error}")
            continue
        if (
            (bill := await house.store.policy.bill(job.id)) is None
            or bill.spent != PRICE
            or bill.held
        ):
            found.append(f"the bill is {bill}")
        clips = [each for each in person.everything() if _clip(each) and _names(each, job)]
        if len(clips) != 1:
            found.append(f"{len(clips)} clips were posted")
    orders = [each for each in maker.orders if each.seed in {job.brief.seed for job in jobs}]
    if len(orders) != len(jobs):
        found.append(f"{len(orders)} tasks were paid for {len(jobs)} jobs")
    try:
        await until(lambda: not _loose(person))
    except TimeoutError:
        found += _loose(person)
    return found + [f"told that it failed: {text}" for text in told()]


def _names(message, job):
    return any(each.filename.startswith(f"dailies-{job.id}.") for each in message.attachments)


def _loose(person):
    """Messages that wait for ever: "thinking…", or a card that still offers to cancel."""
    shown = [each for each in person.everything() if each.author_id != person.id]
    return [
        f"it stays: {each.text[:40] or 'thinking…'}"
        for each in shown
        if each.loading or any("Cancel" in button.label for button in each.buttons)
    ]


CELLS = list(itertools.product(STEPS, WAYS))
#: Each step in two of the ways, each way in a fifth of the steps; `make prove` tries all of them.
FEW = tuple(cell for number, cell in enumerate(CELLS) if number % 5 == number // len(WAYS) % 5)
#: Those in `make test`: each step in one of the ways, and each way.
USUAL = tuple(zip(STEPS, itertools.cycle(WAYS), strict=False))


@functools.cache
def results(cells):
    """What is wrong in each of *cells*, and in the books: all of their orders are made at once."""

    async def run():
        async with staged() as stage:
            playground, house, *_ = stage
            made, turn = [], asyncio.Lock()
            for number, (step, way) in enumerate(cells):
                person = playground.add_person(f"person{number}")
                place = playground.world.add_channel(f"cell-{number}", only=[person.id])
                channel = place.id
                person.go(channel)
                made.append(Cell(step, way, person, channel))

            async def one(cell):
                try:
                    found = await wrong(stage, cell, turn)
                except (AssertionError, TimeoutError, PersonCannot) as error:  # it is said of it
                    cell.ordered = True
                    found = [f"{type(error).__name__}: {error}"]
                return (cell.step, cell.way), found

            tasks = [asyncio.create_task(one(cell)) for cell in made]
            # A clip without a card waits a minute for it: time passes once all else is over.
            while (await asyncio.wait(tasks, timeout=QUIET))[1]:
                if all(cell.ordered for cell in made):
                    playground.clock.advance(61)
            return dict(task.result() for task in tasks), await house.store.check(thorough=True)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, marks=[] if cell in USUAL else pytest.mark.long) for cell in FEW],
    ids="-".join,
)
def test_a_request_that_fails_once_costs_neither_clip_nor_credits(request, cell):
    wanted = asked_for(request, "cell")
    found, books = results(tuple(each for each in FEW if each in wanted))
    assert found[cell] == []
    assert books == []


@pytest.mark.prove
def test_any_request_may_fail_once_in_any_way(proof):
    cells = tuple(CELLS) if PROVING else USUAL
    found, books = results(cells)
    assert {cell: sentences for cell, sentences in found.items() if sentences} == {}
    assert books == []
    proof.tried(len(cells), "requests that failed once in one way", usual=len(USUAL))


def test_the_steps_are_those_that_the_way_has():
    """So that a new request of the bot's is tried here, too."""

    async def run():
        async with staged() as (playground, _, _, host, gates):
            mira = playground.person("mira")
            playground.requests.clear()
            await (await mira.type("/video text", prompt="a fox")).answered
            clip = await mira.wait_for(_clip)
            await until(lambda: len(mira.message(clip.id).reactions) == len(SEEDED))
            gates["slow"] = gate = asyncio.Event()
            asked = await mira.type("/video image", link=f"http://{host}/slow.png", prompt="x")
            await asked.answered
            gate.set()
            await mira.wait_for(lambda each: _clip(each) and each.id > clip.id)
            await mira.react(clip, "🔁")
            await mira.wait_for(lambda each: "#3" in each.text and _clip(each))
            await until(
                lambda: (
                    len([1 for call in playground.requests if "reactions" in call.path])
                    >= 3 * len(SEEDED)
                ),
                60,
            )
            await until(lambda: any("pins" in call.path for call in playground.requests))
            return {named(call) for call in playground.requests if call.method != "GET"}

    assert asyncio.run(run()) == {route for _, route, _ in STEPS.values()}
