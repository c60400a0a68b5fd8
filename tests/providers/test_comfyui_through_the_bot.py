"""The bot and its GPUs when one of them is killed, cut off, shared or told to stop."""

import re
from dataclasses import dataclass, field, fields

import aiohttp
import pytest
import pytest_asyncio

from playground.providers.comfyui import MODELS, Vices
from storage import State
from tests.app.test_metrics import scraped
from tests.rig.gpus import own_gpus
from tests.rig.house import until
from tests.rig.proving import one_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = {"provider": "comfyui", "model": "ltx-text", "duration": 2}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(media, tmp_path_factory):
    """One bot for the whole file, and two servers that sample for a second."""
    async with own_gpus(
        media,
        tmp_path_factory.mktemp("gpus"),
        pace=0.8,
        environ={"COMFYUI_USD_PER_SECOND": "0.02"},
    ) as place:
        yield place


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def both_are_well(place):
    """Before each test both servers are up, and nobody rests."""
    yield
    for server in place.servers.values():
        server.decide, server.answers = (lambda _job: None), (lambda _seen: None)
        for vice in fields(Vices):
            setattr(server.vices, vice.name, vice.default)
        server.models["checkpoints"] = list(MODELS["checkpoints"])
        if not server.up:
            await server.revive()
    place.playground.clock.advance(400)


def at(place, job):
    """The server that has *job*, and what it knows of it."""
    for server in place.servers.values():
        for prompt in [*server.world.queue, server.world.running, *server.world.history.values()]:
            if prompt is not None and f"fox-{job}." in str(prompt.graph):
                return server, prompt
    return None, None


async def ordered(place, number):
    return await place.order("text", prompt=f"fox-{number}.", **TEXT)


def renders(place, number):
    """Runs of a clip: all, and those that were finished."""
    runs = [
        prompt for server in place.servers.values() for prompt in server.runs_of(f"fox-{number}.")
    ]
    return len(runs), len([prompt for prompt in runs if prompt.status == "completed"])


async def posted_once(place, job):
    text = [
        message.text.replace("\\", "")
        for message in place.people[2].everything()
        if re.search(rf"\*\*#{job.id}\*\* is ready", message.text.replace("\\", ""))
    ]
    assert len(text) == 1
    bill = await place.store.policy.bill(job.id)
    assert (bill.spent, bill.held, bill.lost, bill.suspense) == (job.price, 0, 0, 0)
    assert await place.store.check(thorough=True) == []
    return text[0]


def hold(place, number):
    """Let the first run of a clip sample until it is stopped: whoever looks for it finds it."""
    held = []

    def decide(prompt):
        if f"fox-{number}." in str(prompt.graph) and not held:
            held.append(prompt)
            prompt.stalled = True

    for server in place.servers.values():
        server.decide = decide


STEPS = {
    "while it waits": lambda prompt: prompt.status == "pending",
    "while it samples": lambda prompt: prompt.status == "in_progress",
    "once it is finished": lambda prompt: prompt.status == "completed",
}


@pytest.mark.parametrize("back", one_in(2, [True, False]), ids=["comes back", "stays away"])
@pytest.mark.parametrize("step", one_in(3, STEPS))
async def test_a_server_that_is_killed(place, step, back, request):
    number = request.node.name
    if step == "while it waits":
        for server in place.servers.values():
            server.world.foreign(30, id=f"foreign-{number}")
    if step == "while it samples":
        hold(place, number)
    job = await ordered(place, number)
    await until(lambda: at(place, number)[0] is not None)
    server, prompt = at(place, number)
    await until(lambda: STEPS[step](prompt))
    await server.kill()
    other = next(each for each in place.servers.values() if each is not server)
    for foreign in [*other.world.queue, other.world.running]:
        if foreign is not None and foreign.id.startswith("foreign"):
            other.world.delete([foreign.id])
            other.world.interrupt(foreign.id)
    if back:
        await server.revive()
    place.playground.clock.advance(30)
    done = (await place.settled([job.id], timeout=60))[job.id]
    assert done.state is State.DONE, done
    text = await posted_once(place, done)
    all_of_them, finished = renders(place, number)
    if step == "once it is finished" and back:
        assert (all_of_them, finished) == (1, 1), "its file was there"
    else:
        assert finished <= 2
        assert all_of_them <= 2, "never round all servers"
        if step != "once it is finished":
            assert "so it was started again on gpu" in text


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What is the matter with both servers, and how a clip ends then."""

    vices: dict = field(default_factory=dict)
    failure: str | None = None  #: what breaks in the middle, as the loopback server calls it
    models: tuple | None = None  #: what they have for checkpoints
    with_image: bool = False
    ends: State = State.FAILED
    as_: str | None = None
    says: str = ""
    finished: int = 0  #: runs that came to their end


TROUBLES = {
    "a 200 that drops an output": Trouble(
        vices={"node_errors": True},
        as_="refused",
        says=r"gpu\d lacks the choice avi that this workflow needs \(SaveVideo\)\..*",
    ),
    "a history that comes late": Trouble(vices={"late_history": 0.5}, ends=State.DONE, finished=1),
    "an older server": Trouble(
        vices={"strict_ids": False, "atomic_cancel": False}, ends=State.DONE, finished=1
    ),
    "files that are cut off": Trouble(
        vices={"truncated": True},
        as_="bad_result",
        says=r"What the workflow saved on gpu\d is not a clip\. Its operator has to check it\.",
        finished=1,
    ),
    "a small limit for uploads": Trouble(
        vices={"upload_limit": 4100},
        with_image=True,
        as_="input",
        says=r"Your image is .* MB\. gpu\d takes up to .* MB\.",
    ),
    "an input that cannot be read": Trouble(
        failure="input",
        with_image=True,
        as_="input",
        says=r"gpu\d couldn't read one of the files\. Try another format\.",
    ),
    "a full disk": Trouble(
        failure="disk",
        as_="down",
        says=r"The disk of gpu\d is full\. Its operator has to make room there\.",
    ),
    "no model file anywhere": Trouble(
        models=(),
        as_="refused",
        says=r"gpu\d lacks the file ltx-imitated\.safetensors that this workflow needs\..*",
    ),
}


@pytest.mark.parametrize("name", one_in(3, TROUBLES))
async def test_a_clip_and_what_is_the_matter_with_its_servers(place, media, name):
    trouble, number = TROUBLES[name], f"trouble-{list(TROUBLES).index(name)}"
    for server in place.servers.values():
        for vice, value in trouble.vices.items():
            setattr(server.vices, vice, value)
        server.decide = lambda prompt: setattr(prompt, "failure", trouble.failure)
        if trouble.models is not None:
            server.models["checkpoints"] = list(trouble.models)
    place.playground.clock.advance(400)  # what a server has is believed for a while
    if trouble.with_image:
        given = {"prompt": f"fox-{number}.", "model": "ltx-frames", "image": media.picture}
        job = await place.order("image", provider="comfyui", duration=2, **given)
    else:
        job = await ordered(place, number)
    done = (await place.settled([job.id]))[job.id]
    assert (done.state, done.failure) == (trouble.ends, trouble.as_), done.error
    assert renders(place, number)[1] == trouble.finished
    if trouble.ends is State.DONE:
        await posted_once(place, done)
        return
    assert re.fullmatch(trouble.says, done.error), done.error
    bill = await place.store.policy.bill(job.id)
    assert (bill.spent, bill.held, bill.lost, bill.suspense) == (0, 0, 0, 0)


async def test_a_deaf_socket_delays_nothing(place):
    for server in place.servers.values():
        server.vices.deaf = True
    job = await ordered(place, "deaf")
    done = (await place.settled([job.id]))[job.id]
    await posted_once(place, done)
    assert renders(place, "deaf") == (1, 1)


async def test_other_peoples_jobs_are_counted_and_left_alone(place):
    foreign = [
        server.world.foreign(60, id=f"theirs-{name}") for name, server in place.servers.items()
    ]
    job = await ordered(place, "shared")

    def told():
        place.playground.clock.advance(0.5)  # until its provider is asked
        return re.search(r"gpu\d: 1 before it in the queue", place.card(job))

    await until(told, 30)
    assert all(prompt.status == "in_progress" for prompt in foreign)
    for prompt in foreign:  # their people have seen enough
        prompt.interrupted = True
    done = (await place.settled([job.id]))[job.id]
    await posted_once(place, done)


@pytest.mark.parametrize("atomic", [True, False], ids=["newer", "older"])
async def test_cancel_stops_the_clip_and_gives_back_what_it_held(place, atomic):
    for server in place.servers.values():
        server.vices.atomic_cancel = atomic
        server.vices.late_interrupt = 0.2
    number = f"cancel-{atomic}"
    hold(place, number)
    job = await ordered(place, number)
    await until(lambda: at(place, number)[1] is not None)
    _, prompt = at(place, number)
    await until(lambda: prompt.status == "in_progress")
    person = next(each for each in place.people if each.id == job.user_id)

    async def rendering():
        return (await place.job(job.id)).state is State.RENDERING

    await until(rendering)
    asked = await person.type("/video cancel", clip=f"#{job.id}")
    await asked.answered
    done = (await place.settled([job.id]))[job.id]
    assert done.state is State.CANCELLED
    assert prompt.status == "cancelled", "it is sure to be stopped"
    bill = await place.store.policy.bill(job.id)
    assert (bill.spent, bill.held) == (0, 0)


async def test_healthz_names_the_server_that_is_left_alone_until_it_answers(place):
    async def remarks():
        url = f"http://127.0.0.1:{place.deployment.web.port}/healthz"
        async with aiohttp.ClientSession() as web, web.get(url) as answer:
            assert answer.status == 200, "the other makes clips"
            return [each for each in (await answer.json())["remarks"] if "ComfyUI" in each]

    async def up():
        found = await scraped(place.deployment.web.port)
        return [found["dailies_comfyui_up", ("server", name)] for name in ("gpu1", "gpu2")]

    assert await remarks() == []
    assert await up() == [1, 1]
    server = place.servers["gpu1"]
    await server.kill()
    await place.settled([(await ordered(place, "alone")).id])
    said = "1 of 2 ComfyUI servers left alone (gpu1: it can't be reached)"
    assert await remarks() == [said]
    assert await up() == [0, 1]
    await server.revive()
    place.playground.clock.advance(400)
    await place.settled([(await ordered(place, "back")).id])
    assert await remarks() == []


async def test_the_steps_of_the_server_move_on_the_card(place):
    await place.settled([(await ordered(place, "first")).id])
    for server in place.servers.values():
        server.world.pace = 8.0  # long enough for several edits of the card
    job = await ordered(place, "moves")
    seen, percents = set(), []

    def look():
        if found := re.search(r"(\d+)% · gpu\d: sampling (\d) of \d", place.card(job)):
            seen.add(found[2])
            percents.append(int(found[1]))
        return len(seen) >= 2

    await until(look)
    _, prompt = at(place, "moves")
    prompt.interrupted = True  # it has shown enough
    for server in place.servers.values():
        server.world.pace = 0.8
    # On a machine that is busy enough it is done before it is interrupted.
    assert (await place.settled([job.id]))[job.id].state in {State.FAILED, State.DONE}
    assert percents == sorted(percents)
    assert all(0 <= each <= 100 for each in percents)


@pytest.mark.long
async def test_an_extension_that_no_workflow_makes_is_done_here(place):
    job = await ordered(place, "base")
    await place.settled([job.id])
    longer = await place.order(
        "extend", clip=f"#{job.id}", duration=2, prompt="it runs on", provider="comfyui"
    )
    done = (await place.settled([longer.id]))[longer.id]
    assert (done.state, done.model, done.brief.plan.place) == (State.DONE, "ltx-frames", "end")
    await posted_once(place, done)


@pytest.mark.long
async def test_a_part_that_no_workflow_retakes_is_done_here(place):
    job = await ordered(place, "whole")
    await place.settled([job.id])
    again = await place.order(
        "retake", clip=f"#{job.id}", start=0, end=1, prompt="it sits", provider="comfyui"
    )
    done = (await place.settled([again.id]))[again.id]
    assert (done.state, done.model, done.brief.plan.place) == (State.DONE, "ltx-frames", "part")
    await posted_once(place, done)
