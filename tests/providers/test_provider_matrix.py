"""Every mode of every company, and everything its document says can go wrong, through the bot."""

import asyncio
import itertools
import re
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from bot.media.probe import sniff
from playground import File
from playground.providers._server import Answer
from storage import State
from tests.rig.house import HANGS
from tests.rig.imitated import imitated
from tests.rig.proving import PROVING, asked_for, one_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIPS = ("text", "image")
MODES = {
    "ltx": ("text", "image", "audio", "extend", "retake", "hdr"),
    "ltx2api": CLIPS,
    "apixo": (*CLIPS, "text with LoRAs", "image with LoRAs"),
    "pixazo": ("image",),
}
LORAS = "https://loras.example/a.safetensors@0.8 https://loras.example/b.safetensors?download=true"
AT_ONCE = 6  #: commands that are typed together


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(media, tmp_path_factory):
    """One bot for the whole file. LTX is asked by the version of its reference, which has ids."""
    async with imitated(
        media, tmp_path_factory.mktemp("matrix"), environ={"LTX_SUBMIT_VERSION": "v2"}
    ) as place:
        yield place


# What becomes of one order over there.


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What a company does to one order, and what its person must be told then."""

    name: str
    submit: tuple[Answer, ...] = ()  #: what the first orders are answered
    status: tuple[Answer, ...] = ()  #: and the first questions
    result: tuple[Answer, ...] = ()  #: and the first downloads
    decide: Callable = lambda _server, _job: None  #: changes the job as it is taken
    state: State = State.FAILED
    failure: str | None = None
    billed: str = "no"
    says: str = ""  #: a pattern of the whole sentence
    orders: int = 1  #: POSTs that may cost money
    documented: bool = True  #: what no document names is tried in one mode, in turn


def done(name, *, orders=1, **changes):
    return Fate(name=name, state=State.DONE, billed="yes", orders=orders, **changes)


def unclear(name, says, *answers):
    return Fate(
        name=name,
        submit=answers,
        state=State.UNCLEAR,
        failure="unclear",
        billed="unknown",
        says=says,
    )


def failed(code, message):
    """The job fails over there, with this word and these words."""

    def decide(_, job):
        job.failure = code, message

    return decide


def endless(*words):
    def decide(_, job):
        job.words = deque(words[:-1])
        job.words.extend(words[-1:] * 10_000)

    return decide


def forgotten(server, job):
    del server.jobs[job.id]


HTML = Answer(body=b"<html>Sign in</html>", content_type="text/html")


def everywhere(title, *, minutes):
    """What can happen whatever a document says."""
    lost = f"{title} may have taken the order: its answer was lost\\."
    unread = f"{title} took the order, but its answer can't be read or isn't complete\\."
    fates = [
        *(
            unclear(f"{status} with {name}", odd(title), replace(answer, status=status))
            for status in (429, 500, 502, 503, 504)
            for name, answer in (
                ("a page", HTML),
                ("nothing", Answer(body=b"")),
                ("other JSON", Answer(data={"detail": "no"})),
            )
        ),
        unclear("the reply is lost", lost, Answer(dropped=True, carried_out=True)),
        unclear("half a reply", unread, Answer(body=b'{"id": "x', carried_out=True)),
        unclear("a page for a reply", unread, Answer(body=HTML.body, carried_out=True)),
        done("429 to a question", status=(Answer(status=429, headers={"Retry-After": "9"}),)),
        done("500 to a question", status=(Answer(status=500),)),
        done("a page for an answer", status=(HTML, HTML)),
        Fate(
            name="the job is forgotten",
            decide=forgotten,
            failure="lost",
            billed="unknown",
            says=f"{title} no longer knows this job\\.",
        ),
        done("the link is dead for a while", result=(Answer(status=403, body=b"expired"),) * 5),
        done("the result is a page", result=(HTML,) * 4),
        done("the result is JSON", result=(Answer(data={"error": "later"}),) * 3),
        done("the result is empty", result=(Answer(body=b"", content_type="video/mp4"),) * 3),
        done("the store is broken", result=(Answer(status=500, body=b"x"),) * 3),
        done("the store does not like it", result=(Answer(status=400, body=b"x"),) * 3),
        Fate(
            name="it never finishes",
            decide=endless("running", "IN_PROGRESS"),
            state=State.EXPIRED,
            failure="timeout",
            billed="unknown",
            says=f"{title} didn't finish it within {minutes} minutes\\.",
        ),
    ]
    return [replace(fate, documented=False) for fate in fates]


def refused(title, name, answer, failure, detail=""):
    sentences = {
        "refused": f"{title} didn't take this",
        "input": f"{title} (couldn't use a file you gave|says a file is too large)",
        "content": f"{title} refused this because of its content rules",
        "key": f"{title} doesn't accept this bot's key. Its operator has to check it",
        "credit": f"This bot's account at {title} is out of money. Its operator has to top it up",
    }
    more = f": {re.escape(detail)}" if detail and failure not in ("key", "credit") else ""
    return Fate(name=name, submit=(answer,), failure=failure, says=f"{sentences[failure]}{more}\\.")


def odd(title):
    return f"{title} didn't say whether it took the order\\."


def ltx_error(status, word, message, **headers):
    data = {"type": "error", "error": {"type": word, "message": message}}
    return Answer(status=status, data=data, headers=headers)


def ltx_fates():
    def no(status, word, failure, message="Its own words"):
        return refused(
            "LTX", f"{status} {word}", ltx_error(status, word, message), failure, message
        )

    def later(status, word, **headers):
        return done(f"{status} {word}", orders=2, submit=(ltx_error(status, word, "x", **headers),))

    return [
        no(400, "invalid_request_error", "refused"),
        no(401, "authentication_error", "key"),
        no(402, "insufficient_funds_error", "credit", "Insufficient funds. Required: 36 cents"),
        no(403, "permission_error", "key"),
        no(404, "not_found_error", "refused"),
        no(413, "request_too_large", "input"),
        no(422, "content_filtered_error", "content"),
        later(429, "rate_limit_error", **{"Retry-After": "7"}),
        later(429, "concurrency_limit_error", **{"Retry-After": "30"}),
        later(503, "service_unavailable"),
        later(503, "service_unavailable_error"),
        unclear("500 api_error", odd("LTX"), ltx_error(500, "api_error", "x")),
        unclear("529 overloaded_error", odd("LTX"), ltx_error(529, "overloaded_error", "x")),
        unclear("504", odd("LTX"), Answer(status=504, body=b"")),
        unclear(
            "no id",
            "LTX took the order but gave it no usable id\\.",
            Answer(data={"created_at": "2026-01-15T10:00:00.000Z"}, carried_out=True),
        ),
        Fate(
            name="failed: content_filtered_error",
            decide=failed("content_filtered_error", "Not this"),
            failure="content",
            says="LTX refused this because of its content rules: Not this\\.",
        ),
        Fate(
            name="failed: api_error",
            decide=failed("api_error", "Internal"),
            failure="down",
            says="LTX is down right now\\.",
        ),
        Fate(
            name="failed: a word nobody documented",
            decide=failed("strange_error", "Odd"),
            failure="refused",
            says="LTX didn't take this: Odd\\.",
        ),
        done(
            "finished without a clip, at first",
            status=(Answer(data={"status": "completed", "id": "x", "result": {}}),),
        ),
        done("goes backwards", decide=endless_until("processing", "pending", "thinking")),
        *everywhere("LTX", minutes=30),
    ]


def endless_until(*words):
    """These words first; then what is true."""

    def decide(_, job):
        job.words = deque(words)

    return decide


def reseller_errors(title, error):
    """The statuses that a reseller's document lists, *error* making its reply."""

    def no(name, status, message, failure, detail=None):
        return refused(
            title, name, error(status, message), failure, message if detail is None else detail
        )

    return [
        no("400", 400, "Bad Request - the frame is odd", "refused"),
        no("400 about the image", 400, "The image cannot be read", "input"),
        no("400 about the content", 400, "Blocked by our content policy", "content"),
        no("401", 401, "Unauthorized - Missing or invalid API key", "key"),
        no("402", 402, "Insufficient Balance", "credit"),
        no("403", 403, "Forbidden", "key"),
        no("404", 404, "Not Found", "refused"),
        done("429", orders=2, submit=(error(429, "Too many", **{"Retry-After": "7"}),)),
        done("429 without a time", orders=2, submit=(error(429, "Too many"),)),
        unclear("500", odd(title), error(500, "Internal Server Error")),
        done("503", orders=2, submit=(error(503, "Unavailable"),)),
    ]


def envelope(status, message, **headers):
    data = {"code": status, "message": message, "data": None}
    return Answer(status=status, data=data, headers=headers)


def in_a_200(status, message):
    return Answer(data={"code": status, "message": message, "data": None})


def ltx2api_fates():
    title = "ltx-2api.com"
    return [
        *reseller_errors(title, envelope),
        refused(title, "401 in a 200", in_a_200(401, "Unauthorized"), "key"),
        unclear("500 in a 200", odd(title), in_a_200(500, "Internal Server Error")),
        Fate(
            name="FAILED",
            decide=failed("", "The model gave up"),
            failure="refused",
            says="ltx-2api\\.com didn't take this: The model gave up\\.",
        ),
        Fate(
            name="FAILED by the content",
            decide=failed("", "Prompt violates our guidelines"),
            failure="content",
            says="ltx-2api\\.com refused this because of its content rules: .*guidelines\\.",
        ),
        done("goes backwards", decide=endless_until("IN_PROGRESS", "PENDING", "HMM")),
        *everywhere(title, minutes=30),
    ]


#: Every fail code of apixo's documents: our word for it, and how its sentence begins.
APIXO_CODES = {
    "CONTENT_VIOLATION": ("content", "apixo refused this because of its content rules"),
    "NSFW_DETECTED": ("content", "apixo refused this because of its content rules"),
    "INVALID_IMAGE_URL": ("input", "apixo couldn't use a file you gave"),
    "IMAGE_TOO_LARGE": ("input", "apixo couldn't use a file you gave"),
    "UNSUPPORTED_FORMAT": ("input", "apixo couldn't use a file you gave"),
    "IMAGE_DOWNLOAD_FAILED": ("input", "apixo couldn't use a file you gave"),
    "INVALID_LORA_URL": ("input", "apixo couldn't download a LoRA"),
    "PROMPT_TOO_LONG": ("refused", "apixo doesn't take this prompt"),
    "INVALID_PROMPT": ("refused", "apixo doesn't take this prompt"),
    "PROCESSING_TIMEOUT": ("timeout", "apixo didn't finish in time"),
    "MODEL_UNAVAILABLE": ("down", "apixo couldn't make it"),
    "GENERATION_FAILED": ("down", "apixo couldn't make it"),
    "SensitiveContentDetected": ("refused", "apixo didn't take this"),  # undocumented
}


def apixo_fates():
    return [
        *reseller_errors("apixo", envelope),
        refused("apixo", "no credits", envelope(400, "Insufficient credits"), "credit"),
        refused("apixo", "no credits in a 200", in_a_200(400, "Insufficient credits"), "credit"),
        *(
            Fate(
                name=f"failed: {code}",
                decide=failed(code, "Its own words"),
                failure=failure,
                billed="unknown",
                says=f"{says}: Its own words\\.",
            )
            for code, (failure, says) in APIXO_CODES.items()
        ),
        Fate(
            name="failed: INSUFFICIENT_CREDITS",
            decide=failed("INSUFFICIENT_CREDITS", "x"),
            failure="credit",
            says="This bot's account at apixo is out of money. Its operator has to top it up\\.",
        ),
        done("goes backwards", decide=endless_until("processing", "pending", "paused")),
        *everywhere("apixo", minutes=30),
    ]


def pixazo_fates():
    def error(status, message, **headers):
        return Answer(status=status, data={"error": message}, headers=headers)

    def as_error(_, job):
        job.failure = "", "It broke"
        job.words = deque(["ERROR"] * 3)

    return [
        *reseller_errors("Pixazo", error),
        Fate(
            name="FAILED",
            decide=failed("", "It broke"),
            failure="refused",
            billed="unknown",
            says="Pixazo didn't take this: It broke\\.",
        ),
        Fate(
            name="ERROR, which is not charged",
            decide=as_error,
            failure="refused",
            says="Pixazo didn't take this: It broke\\.",
        ),
        done(
            "finished without a clip, at first",
            status=(Answer(data={"status": "COMPLETED", "request_id": "x"}),),
        ),
        done("goes backwards", decide=endless_until("IN_PROGRESS", "IN_QUEUE", "DREAMING")),
        *everywhere("Pixazo", minutes=20),
    ]


FATES = {
    "ltx": ltx_fates(),
    "ltx2api": ltx2api_fates(),
    "apixo": apixo_fates(),
    "pixazo": pixazo_fates(),
}


# Which order is which: each carries a mark in its prompt, or where there is none in its clip.


class Oracle:
    """Gives every marked order its fate, whichever way it comes to the server."""

    def __init__(self, server):
        self._server = server
        self._marks = itertools.count(1)
        self._fates = {}
        self._left = defaultdict(dict)
        self._jobs = {}
        self.orders = defaultdict(int)  #: POSTs seen, by mark
        server.decide, server.answers = self._decide, self._answers

    def mark(self, fate):
        mark = f"mark-{next(self._marks)}."
        self._fates[mark] = fate
        for route in ("submit", "status", "result"):
            self._left[mark][route] = deque(getattr(fate, route))
        return mark

    def _decide(self, job):
        mark = self._found(str(job.body).encode())
        if mark is not None:
            self._jobs[job.id] = mark
            self._fates[mark].decide(self._server, job)

    def _answers(self, seen):
        if seen.route == "submit":
            mark = self._found(seen.body)
            self.orders[mark] += 1
        else:
            told = f"{seen.path} {seen.query} {seen.body!r}"
            mark = next((mark for job, mark in self._jobs.items() if job in told), None)
        route = "status" if seen.route == "result-call" else seen.route
        left = self._left[mark].get(route) if mark is not None else None
        return left.popleft() if left else None

    def _found(self, body):
        for uri in re.findall(rb"ltx://uploads/\w+", body):
            body += self._server._stored[uri.decode()][1][-40:]
        found = re.search(rb"mark-\d+\.", body)
        return found[0].decode() if found else None


def options(media, mode, mark):
    """The command of *mode*, and what is typed behind it."""
    command, _, more = mode.partition(" with ")
    given = {"prompt": mark}
    match command:
        case "image":
            given["image"] = media.picture
        case "audio":
            given["sound"] = media.sound
        case "extend":
            given |= {"video": media.clip, "duration": 2}
        case "retake":
            given |= {"video": media.clip, "start": 0.0, "end": 2.0}
        case "hdr":  # takes no prompt: an empty box at the end of the clip carries the mark
            box = mark.encode().rjust(32)
            size = (len(box) + 8).to_bytes(4, "big")
            clip = media.clip.read_bytes() + size + b"free" + box
            given = {"video": File("clip.mp4", clip)}
    if more:
        given["loras"] = LORAS
    return command, given


COSTS = {
    "no": "You were not charged.",
    "yes": "You were not charged.",
    "unknown": "You were not charged.",
}
#: Each fate in one mode, in turn.
MATRIX = {
    (provider, fate.name, MODES[provider][number % len(MODES[provider])]): fate
    for provider, fates in FATES.items()
    for number, fate in enumerate(fates)
}
#: What documents name, in the other modes: the same code of ours reads it, so that
#: `make test` tries one in twenty.
OTHER_MODES = {
    (provider, fate.name, mode): fate
    for provider, fates in FATES.items()
    for fate in fates
    for mode in MODES[provider]
    if fate.documented and (provider, fate.name, mode) not in MATRIX
}


async def ended(place, media, matrix):
    """How each order of *matrix* ended: all are made at once, for most of it is waiting."""
    oracles = {provider: Oracle(place.servers[provider]) for provider in MODES}
    marks = {cell: oracles[cell[0]].mark(fate) for cell, fate in matrix.items()}

    async def order(cell):
        provider, _, mode = cell
        command, given = options(media, mode, marks[cell])
        return (await place.order(command, provider=provider, **given)).id

    numbers = {}
    for start in range(0, len(matrix), AT_ONCE):
        cells = list(matrix)[start : start + AT_ONCE]
        numbers |= zip(cells, await asyncio.gather(*map(order, cells)), strict=True)
    jobs = await place.settled(numbers.values(), timeout=HANGS * 10)
    for server in place.servers.values():
        server.decide, server.answers = (lambda _job: None), (lambda _seen: None)
    return {
        cell: (jobs[number], oracles[cell[0]].orders[marks[cell]])
        for cell, number in numbers.items()
    }


async def is_as_it_must_be(place, fate, job, orders):
    """Whether *job* ended as its *fate* says, after so many *orders* that may cost money."""
    _, notice = await place.notice(job)
    assert (job.state, job.failure, job.billed) == (fate.state, fate.failure, fate.billed), notice
    assert orders == fate.orders
    if fate.state is State.DONE:
        assert f"#{job.id}** is ready" in notice
    else:
        assert re.fullmatch(fate.says, job.error), job.error
        assert job.error in notice
        parked = fate.state is State.UNCLEAR
        assert ("on hold until then." if parked else COSTS[fate.billed]) in notice


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ends(place, media, request):
    wanted = asked_for(request, "cell")
    return await ended(place, media, {cell: MATRIX[cell] for cell in MATRIX if cell in wanted})


# Five divides no number of modes, so that each mode is among the few.
@pytest.mark.parametrize("cell", one_in(5, [pytest.param(cell) for cell in MATRIX]), ids=" - ".join)
async def test_what_can_go_wrong_ends_in_its_sentence_and_in_no_second_order(place, ends, cell):
    await is_as_it_must_be(place, MATRIX[cell], *ends[cell])


@pytest.mark.prove
async def test_what_can_go_wrong_ends_alike_in_every_other_mode(place, media, proof):
    few = list(OTHER_MODES)[::20]
    cells = list(OTHER_MODES) if PROVING else few
    ends = await ended(place, media, {cell: OTHER_MODES[cell] for cell in cells})
    for cell in cells:
        await is_as_it_must_be(place, OTHER_MODES[cell], *ends[cell])
    proof.tried(len(cells), "answers of a company to an order of a mode", usual=len(few))


@pytest.mark.long
async def test_every_mode_is_made_from_an_attachment_a_link_or_an_earlier_take(place, media):
    first = await place.order("text", prompt="a fox", provider="ltx")
    await place.settled([first.id])
    posted = await place.people[0].say(files=[media.picture, media.sound, media.clip])
    links = [each.url for each in posted.attachments]
    by_kind = {
        "image": (("image", media.picture), ("link", links[0]), ("link", f"#{first.id}")),
        "audio": (("sound", media.sound), ("link", links[1]), ("link", f"#{first.id}")),
        "video": (("video", media.clip), ("clip", links[2]), ("clip", f"#{first.id}")),
    }
    ordered = {}
    for provider, modes in MODES.items():
        for mode in modes:
            command, plain = options(media, mode, "a red fox")
            kind = {"image": "image", "audio": "audio", "text": None}.get(command, "video")
            taken = {name: each for name, each in plain.items() if name not in ("image", "video")}
            taken.pop("sound", None)
            ways = by_kind[kind] if kind is not None else ((None, None),)
            jobs = await asyncio.gather(
                *(
                    place.order(
                        command, provider=provider, **({name: value} if name else {}), **taken
                    )
                    for name, value in ways
                )
            )
            ordered |= {job.id: (provider, mode, kind) for job in jobs}
    settled = await place.settled(ordered)

    for number, (provider, mode, kind) in ordered.items():
        job, where = settled[number], f"{provider} {mode} #{number}"
        assert (job.state, job.billed, job.failure) == (State.DONE, "yes", None), f"{where} {job}"
        wish = place.servers[provider].jobs[job.remote_id].wish
        assert wish.mode == mode.partition(" ")[0], where
        assert len([*wish.inputs, *wish.links]) == (kind is not None), where
        message, _ = await place.notice(job)
        kept = place.deployment.settings.dailies_data / job.file
        suffix = ".zip" if mode == "hdr" else ".mp4"
        assert kept.suffix == suffix, where
        assert sniff(kept) == ("application/zip" if mode == "hdr" else "video/mp4"), where
        assert message.mentions == (job.user_id,), where
