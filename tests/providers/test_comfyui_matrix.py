"""Everything that a ComfyUI can do to a clip, through the bot: one render, one post, one bill."""

import asyncio
import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from bot.media.probe import sniff
from playground.providers._server import Answer
from storage import State
from tests.rig.gpus import own_gpus
from tests.rig.proving import asked_for, one_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODES = {
    "text": ("text", "ltx-text"),
    "text with LoRAs": ("text", "ltx-text"),
    "image": ("image", "ltx-frames"),
    "first and last": ("image", "ltx-frames"),
    "audio": ("audio", "ltx-sound"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(media, tmp_path_factory):
    """One bot for the whole file; its clips cost 2 credits a second."""
    async with own_gpus(
        media,
        tmp_path_factory.mktemp("matrix"),
        environ={"COMFYUI_JOBS_PER_SERVER": "20", "COMFYUI_USD_PER_SECOND": "0.02"},
    ) as place:
        yield place


def options(media, mode, mark):
    command, model = MODES[mode]
    given = {"prompt": mark, "provider": "comfyui", "model": model}
    if command != "audio":
        given["duration"] = 2
    match mode:
        case "image":
            given["image"] = media.picture
        case "first and last":
            given |= {"image": media.picture, "last_image": media.picture}
        case "audio":
            given["sound"] = media.sound
        case "text with LoRAs":
            given["loras"] = "claymation@0.8 styles/noir.safetensors"
    return command, given


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What a server does to one clip, and what its person must be told then."""

    name: str
    submit: tuple[Answer, ...] = ()  #: what the first orders are answered
    job: tuple[Answer, ...] = ()  #: and the first questions about the job
    view: tuple[Answer, ...] = ()  #: and the first downloads
    decide: tuple[str, object] | None = None  #: what is set on the job as it is taken
    state: State = State.DONE
    failure: str | None = None
    says: str = ""
    renders: int = 1


def ends(name, failure, says, **more):
    return Fate(name=name, state=State.FAILED, failure=failure, says=says, **more)


MEMORY = (
    r"This is too long or too large for the memory of gpu\d\. "
    r"(Try a shorter or smaller clip|.* fits)\."
)
LOST = Answer(carried_out=True, dropped=True)
PAGE = Answer(body=b"<html>a proxy</html>", content_type="text/html", status=502)
FATES = [
    Fate(name="it goes well"),
    ends("GPU memory", "refused", MEMORY, decide=("failure", "memory")),
    ends("memory of the machine", "refused", MEMORY, decide=("failure", "ram")),
    ends(
        "a broken model file",
        "refused",
        r"A model file on gpu\d is broken or half copied\. Its operator has to check it\.",
        decide=("failure", "model"),
    ),
    ends(
        "a node that breaks",
        "refused",
        r"The workflow failed on gpu\d in its step SamplerCustomAdvanced\. .* log says why\.",
        decide=("failure", "bug"),
    ),
    ends(
        "stopped by somebody else",
        "refused",
        r"Somebody stopped this clip on gpu\d itself\. Order it again if you want it\.",
        decide=("foreign_stop", True),
    ),
    ends(
        "no file",
        "bad_result",
        r"The workflow ended on gpu\d without a clip\. Its operator has to check it\.",
        decide=("empty", True),
    ),
    ends(
        "the file is deleted",
        "bad_result",
        r"The clip is not on gpu\d any more\.",
        decide=("expired", True),
    ),
    Fate(name="the reply is lost", submit=(LOST,)),
    Fate(name="the order is lost", submit=(Answer(dropped=True, status=500),)),
    Fate(name="half a reply", submit=(Answer(body=b'{"prompt_id', carried_out=True),)),
    Fate(name="500 to the order, which it took", submit=(Answer(status=500, carried_out=True),)),
    Fate(name="a proxy's page to the order, which it took not", submit=(PAGE,)),
    Fate(name="429 to the order", submit=(Answer(status=429, body=b"slow down"),)),
    Fate(name="a proxy's page to questions", job=(PAGE,) * 3),
    Fate(name="questions that are dropped", job=(Answer(dropped=True, status=500),) * 3),
    Fate(
        name="404 to a question, once", job=(Answer(status=404, data={"error": "Job not found"}),)
    ),
    Fate(name="downloads that break off", view=(Answer(dropped=True, status=500),) * 2),
    Fate(name="a download that is cut", view=(Answer(cut=100, carried_out=True, body=b"x" * 900),)),
    Fate(name="503 to downloads", view=(Answer(status=503, body=b""),) * 2),
]
#: The first in every mode, each of the others in one, in turn.
CELLS = {
    (fate.name, mode): fate
    for number, fate in enumerate(FATES)
    for turn, mode in enumerate(MODES)
    if number == 0 or turn == number % len(MODES)
}


class Oracle:
    """Gives every marked clip its fate, whichever server it comes to."""

    def __init__(self, servers):
        self._fates, self._left, self._marks, self._ids = {}, {}, itertools.count(1), {}
        for server in servers:
            server.decide, server.answers = self._decide, self._answers

    def mark(self, fate):
        mark = f"mark-{next(self._marks)}."
        self._fates[mark] = fate
        self._left[mark] = {
            route: list(getattr(fate, route)) for route in ("submit", "job", "view")
        }
        return mark

    def _decide(self, prompt):
        mark = _found(json.dumps(prompt.graph))
        if mark is not None and (decides := self._fates[mark].decide) is not None:
            setattr(prompt, *decides)

    def _answers(self, seen):
        if seen.route == "submit":
            mark = _found(seen.body.decode())
            if mark is not None:
                self._ids[json.loads(seen.body)["prompt_id"]] = mark
        else:
            told = f"{seen.path} {seen.query}"
            mark = next((each for name, each in self._ids.items() if name in told), None)
        left = self._left.get(mark, {}).get(seen.route)
        return left.pop(0) if left else None


def _found(text):
    found = re.search(r"mark-\d+\.", text)
    return found[0] if found else None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(place, media, request):
    """How each clip ended: all are made at once."""
    oracle, wanted = Oracle(place.servers.values()), asked_for(request, "cell")
    marks = {cell: oracle.mark(fate) for cell, fate in CELLS.items() if cell in wanted}

    async def order(cell):
        command, given = options(media, cell[1], marks[cell])
        return (await place.order(command, **given)).id

    numbers = {}
    for some in _sixes(marks):
        numbers |= zip(some, await asyncio.gather(*map(order, some)), strict=True)
    jobs = await place.settled(numbers.values(), timeout=120)
    for server in place.servers.values():
        server.decide, server.answers = (lambda _job: None), (lambda _seen: None)
    return {
        cell: (
            jobs[number],
            sum(len(server.runs_of(marks[cell])) for server in place.servers.values()),
        )
        for cell, number in numbers.items()
    }


def _sixes(cells):
    cells = list(cells)
    return [cells[at : at + 6] for at in range(0, len(cells), 6)]


@pytest.mark.parametrize("cell", one_in(4, [pytest.param(cell) for cell in CELLS]), ids=" - ".join)
async def test_each_clip_is_rendered_once_and_ends_in_its_sentence(place, outcomes, cell):
    fate, (job, renders) = CELLS[cell], outcomes[cell]
    message, notice = await place.notice(job)
    assert (job.state, job.failure) == (fate.state, fate.failure), notice
    assert renders == fate.renders
    if fate.state is State.DONE:
        assert job.billed == "yes"
        assert "is ready" in notice
        assert "not what was ordered" not in notice, notice
        kept = place.deployment.settings.dailies_data / job.file
        assert sniff(kept) == "video/mp4"
    else:
        assert job.billed == "no"
        assert re.fullmatch(fate.says, job.error), job.error
        assert job.error in notice
        assert "You were not charged." in notice
    assert message.mentions == (job.user_id,)


async def test_each_was_posted_once(place, outcomes):
    posts = Counter()
    for message in place.people[2].everything():  # a moderator, who sees them all
        text = message.text.replace("\\", "")
        for number in re.findall(r"\*\*#(\d+)\*\* (?:is ready|failed)", text):
            posts[int(number)] += 1
    assert posts == {job.id: 1 for job, _ in outcomes.values()}


async def test_the_books_add_up_and_nothing_is_held(place, outcomes):
    assert await place.store.check(thorough=True) == []
    for job, _ in outcomes.values():
        bill = await place.store.policy.bill(job.id)
        spent = job.price if job.state is State.DONE else 0
        assert job.price > 0
        assert (bill.spent, bill.held, bill.lost, bill.suspense) == (spent, 0, 0, 0)


async def test_what_is_posted_says_nothing_of_its_graph(place, outcomes):
    job, _ = outcomes["it goes well", "text"]
    original = place.deployment.settings.dailies_data / job.file
    assert b"CheckpointLoaderSimple" in original.read_bytes(), "ComfyUI writes its graph into it"
    message, _ = await place.notice(job)
    [attached] = [each for each in message.attachments if each.filename.endswith(".mp4")]
    async with aiohttp.ClientSession() as web, web.get(attached.url) as answer:
        posted = await answer.read()
    assert b"CheckpointLoaderSimple" not in posted
    assert b"mark-" not in posted


async def test_the_card_says_what_comes_out(place, outcomes):
    job, _ = outcomes["it goes well", "text"]
    assert "448×256" in place.card(job)
    assert "480p" not in place.card(job)


async def test_loras_are_suggested_one_after_another(place):
    async def offered(typed):
        found = await place.people[0].suggestions("/video text", "loras", typed, prompt="x")
        return [each.value for each in found]

    assert await offered("") == ["claymation.safetensors", "styles/noir.safetensors"]
    assert await offered("NOIR") == ["styles/noir.safetensors"]
    assert await offered("claymation.safetensors@0.5 ") == [
        "claymation.safetensors@0.5 claymation.safetensors",
        "claymation.safetensors@0.5 styles/noir.safetensors",
    ]
    assert await offered("claymation.safetensors sty") == [
        "claymation.safetensors styles/noir.safetensors"
    ]
    said = await place.refused("text", prompt="x", provider="comfyui", loras="oil")
    assert said == "ComfyUI has no LoRA “oil”. `loras` suggests the ones it has."


async def test_the_models_are_listed_with_what_they_make(place):
    asked = await place.people[0].type("/video models")
    await asked.answered
    text = asked.message.text.replace("\\", "")
    assert "**ltx-frames** · ComfyUI" in text
    assert "2 credits per second" in text


async def test_a_workflow_is_suggested_refused_and_chosen_like_any_model(place, outcomes):
    offered = await place.people[0].suggestions("/video text", "model", "ltx", prompt="x")
    assert [each.value for each in offered] == ["ltx-text"], "no other makes clips of text"
    said = await place.refused("text", prompt="x", model="ltx-text", duration=30)
    assert said == "ltx-text can't make a 30 s clip. It makes 1 to 4 s."
    job = await place.order("text", prompt="a red fox", duration=2)
    assert (job.provider, job.model, job.brief.size) == ("comfyui", "ltx-text", "448x256")
    await place.settled([job.id])
