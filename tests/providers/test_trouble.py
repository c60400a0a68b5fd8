"""Whatever goes wrong at a reseller, nothing is ordered twice and no finished clip is lost."""

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import Stage, apixo, ltx2api, pixazo
from playground.providers._server import Answer
from playground.providers.apixo import ApixoServer
from playground.providers.ltx2api import Ltx2ApiServer
from playground.providers.pixazo import PixazoServer
from storage import Brief, Mode
from tests.rig.provider_rig import CLIP, IMAGE, KEY, line, order, raised

#: Each with its server, the name of its status script, and its words for running and ready.
PROVIDERS = {
    "ltx2api": (ltx2api, Ltx2ApiServer, "status", "IN_PROGRESS", "SUCCESS"),
    "apixo": (apixo, ApixoServer, "status", "processing", "success"),
    "pixazo": (pixazo, PixazoServer, "result-call", "IN_PROGRESS", "COMPLETED"),
}
BRIEF = Brief(mode=Mode.IMAGE, prompt="x", image=IMAGE, resolution="720p", duration=5)


class There:
    """One provider, its loopback server, and one order."""

    def __init__(self, name, provider, server, folder):
        self.name, self.folder = name, folder
        self.provider, self.server = provider, server
        _, _, self.status, self.running, self.ready = PROVIDERS[name]
        self.order = order(provider, BRIEF)

    async def ordered(self):
        receipt = await self.provider.submit(self.order)
        await self.server.rendered()
        return receipt.remote_id

    def poll(self, remote_id):
        return self.provider.poll(self.order, remote_id)

    def fetch(self, remote_id, url, to):
        return self.provider.fetch(self.order, remote_id, url, to)


class Gate(asyncio.Event):
    """One that says when somebody stands before it."""

    def __init__(self):
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self):
        self.reached.set()
        return await super().wait()


@asynccontextmanager
async def at(name, folder, **settings):
    module, server_class, *_ = PROVIDERS[name]
    async with line(module, server_class, folder, name.upper(), **settings) as (provider, server):
        yield There(name, provider, server, folder)


@pytest.fixture(params=PROVIDERS)
async def there(request, tmp_path):
    async with at(request.param, tmp_path) as it:
        yield it


def in_its_form(status, **more):
    """An error of the resellers' documents: each looks at the field that is its own."""
    return {"code": status, "message": "Not now", "data": None, "error": "Not now", **more}


# While ordering.


@pytest.mark.parametrize("status", [429, 503])
async def test_in_the_documents_own_form_it_was_not_taken_and_may_be_sent_again(there, status):
    there.server.script("submit", Answer(status=status, data=in_its_form(status)))
    error = await raised(there.provider.submit(there.order))
    assert (type(error), error.answered) == (Busy, True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b""),
        Answer(body=b"<html>Too many requests</html>", content_type="text/html"),
        Answer(data={"detail": "Slow down"}),
        Answer(data={"code": 200, "message": "success", "data": None, "request_id": "r"}),
        Answer(data=in_its_form(429, request_id="r-1", data={"taskId": "r-1", "task_id": "r-1"})),
    ],
    ids=["nothing", "HTML", "other JSON", "a success", "one that names a task"],
)
async def test_in_any_other_form_nobody_knows_who_says_so(there, status, answer):
    there.server.script("submit", replace(answer, status=status, carried_out=True))
    error = await raised(there.provider.submit(there.order))
    assert type(error) is Unclear
    assert len([seen for seen in there.server.seen if seen.route == "submit"]) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_an_operator_may_forbid_it(there, status):
    async with at(there.name, there.folder, RETRY_SUBMIT="false") as cautious:
        cautious.server.script("submit", Answer(status=status, data=in_its_form(status)))
        assert type(await raised(cautious.provider.submit(cautious.order))) is Unclear


@pytest.mark.parametrize(
    "answer",
    [
        Answer(dropped=True, carried_out=True),
        Answer(status=500, data={"error": "x"}, carried_out=True),
        Answer(status=502, body=b"<html>Bad gateway</html>", content_type="text/html"),
        Answer(status=302, body=b"", headers={"Location": "https://elsewhere.example/"}),
        Answer(body=b"{", carried_out=True),
        Answer(body=b"", carried_out=True),
        Answer(body=b"<html>Welcome</html>", content_type="text/html", carried_out=True),
        Answer(body=b'{"code": 200, "code": 200}', carried_out=True),
        Answer(body=b"[" * 100_000, carried_out=True),
        Answer(body=b'{"x": "' + b"x" * 2_000_000 + b'"}', carried_out=True),
        Answer(data=[], carried_out=True),
        Answer(data=None, body=b"null", carried_out=True),
    ],
    ids=[
        "lost reply",
        "500",
        "502",
        "302",
        "half JSON",
        "nothing",
        "HTML",
        "doubled name",
        "deep JSON",
        "huge JSON",
        "a list",
        "null",
    ],
)
async def test_an_answer_that_does_not_say_whether_it_was_taken_is_unclear(there, answer):
    there.server.script("submit", answer)
    error = await raised(there.provider.submit(there.order))
    assert type(error) is Unclear
    assert len([seen for seen in there.server.seen if seen.route == "submit"]) == 1
    assert KEY not in f"{error!r}{error.raw}"


@pytest.mark.parametrize(
    ("status", "kind", "failure"),
    [(500, Unclear, None), (429, Busy, Failure.RATE), (403, Refusal, Failure.KEY)],
)
async def test_plain_words_never_outweigh_what_the_status_proves(there, status, kind, failure):
    words = "Insufficient safety of the image"
    data = {"code": status, "message": words, "error": words}
    there.server.script("submit", Answer(status=status, data=data))
    error = await raised(there.provider.submit(there.order))
    assert type(error) is kind
    assert getattr(error, "failure", None) is failure


async def test_a_429_is_waited_out_as_long_as_it_says(there):
    answer = Answer(status=429, data=in_its_form(429), headers={"Retry-After": "77"})
    there.server.script("submit", answer)
    error = await raised(there.provider.submit(there.order))
    assert (type(error), error.failure, error.retry_after) == (Busy, Failure.RATE, 77)
    again = await raised(there.provider.submit(there.order))  # not even sent
    assert (type(again), again.failure) == (Busy, Failure.RATE)
    assert len(there.server.seen) == 1
    assert there.server.jobs == {}


async def test_nobody_there_proves_that_nothing_was_ordered(there):
    await there.server.stop()
    error = await raised(there.provider.submit(there.order))
    assert (type(error), error.failure) == (Busy, Failure.DOWN)


async def test_a_slow_answer_is_waited_for(there):
    gate = Gate()
    there.server.script("submit", Answer(gate=gate))
    submit = asyncio.create_task(there.provider.submit(there.order))
    await gate.reached.wait()
    assert not submit.done()
    gate.set()
    assert (await submit).remote_id in there.server.jobs


async def test_an_answer_of_another_type_is_read_by_its_content(there):
    there.server.script("submit", Answer(content_type="text/plain"))
    assert (await there.provider.submit(there.order)).remote_id in there.server.jobs


# While waiting.


@pytest.mark.parametrize(
    "answer",
    [
        Answer(dropped=True),
        Answer(status=500, data={"error": "x"}),
        Answer(status=502, body=b"<html>Bad gateway</html>", content_type="text/html"),
        Answer(body=b"{"),
        Answer(body=b"<html>Welcome</html>", content_type="text/html"),
        Answer(body=b"[" * 100_000),
        Answer(status=429, data={"code": 429}),
        Answer(status=404, data={"code": 404, "error": "not found"}),
    ],
    ids=["lost", "500", "502", "half JSON", "HTML", "deep JSON", "429", "404 after accept"],
)
async def test_a_question_that_goes_wrong_is_asked_again(there, answer):
    remote_id = await there.ordered()
    there.server.script(there.status, answer, answer)  # a GET that is cut off is sent once more
    error = await raised(there.poll(remote_id))
    assert type(error) is Busy
    assert len(there.server.jobs) == 1


async def test_a_job_that_is_known_late_is_not_lost(there):
    remote_id = await there.ordered()
    there.server.script(there.status, *[Answer(status=404, data={"code": 404})] * 3)
    for _ in range(3):
        assert type(await raised(there.poll(remote_id))) is Busy
    assert (await there.poll(remote_id)).stage is Stage.READY
    # Which is forgotten once it is known: the next "unknown" is again the first of some.
    there.server.script(there.status, Answer(status=404, data={"code": 404}))
    assert type(await raised(there.poll(remote_id))) is Busy


async def test_a_status_may_go_backwards_or_be_a_new_word(there, caplog):
    remote_id = await there.ordered()
    there.server.jobs[remote_id].words.extend([there.ready, there.running, "Meditating"])
    with caplog.at_level(logging.WARNING):
        stages = [(await there.poll(remote_id)).stage for _ in range(3)]
    assert stages == [Stage.READY, Stage.RUNNING, Stage.RUNNING]
    assert "meditating" in caplog.text.lower()


# While fetching.


async def test_a_link_that_has_died_is_asked_for_anew(there, tmp_path):
    remote_id = await there.ordered()
    dead = (await there.poll(remote_id)).url
    there.server.script("result", Answer(status=403, body=b"Request has expired"))
    await there.fetch(remote_id, dead, tmp_path / "take.mp4")
    assert (tmp_path / "take.mp4").read_bytes() == CLIP
    assert len(there.server.jobs) == 1


async def test_a_clip_whose_link_was_not_kept_is_fetched_all_the_same(there, tmp_path):
    remote_id = await there.ordered()
    await there.fetch(remote_id, None, tmp_path / "take.mp4")
    assert (tmp_path / "take.mp4").read_bytes() == CLIP


@pytest.mark.parametrize(
    "answer",
    [
        Answer(
            body=b"<!doctype html><title>Sign in</title>" + bytes(100), content_type="text/html"
        ),
        Answer(body=b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n", content_type="video/mp4"),
        Answer(body=b"\0\0", content_type="video/mp4"),
        Answer(data={"error": "try again"}),
        Answer(body=b""),
        Answer(status=400, body=b"x"),
        Answer(status=403, body=b"x"),
        Answer(status=404, body=b"x"),
        Answer(status=204, body=b""),
    ],
    ids=["HTML", "a playlist", "two bytes", "JSON", "nothing", "400", "403", "404", "204"],
)
async def test_what_is_not_a_clip_is_asked_for_by_a_fresh_link_and_later_again(
    there, tmp_path, answer
):
    remote_id = await there.ordered()
    url = (await there.poll(remote_id)).url
    there.server.script("result", answer, answer)
    to = tmp_path / "take.mp4"
    error = await raised(there.fetch(remote_id, url, to))
    assert type(error) is Busy
    assert list(tmp_path.glob("take*")) == []
    assert len([seen for seen in there.server.seen if seen.route == "result"]) == 2

    there.server.script("result", answer)
    await there.fetch(remote_id, url, to)
    assert to.read_bytes() == CLIP


@pytest.mark.parametrize(("said", "wait"), [("40", 40), ("100000", 900), ("0", 1)])
@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_result_host_is_left_alone_as_long_as_it_says(there, tmp_path, status, said, wait):
    remote_id = await there.ordered()
    url = (await there.poll(remote_id)).url
    there.server.script("result", Answer(status=status, body=b"x", headers={"Retry-After": said}))
    before = len(there.server.seen)
    error = await raised(there.fetch(remote_id, url, tmp_path / "take.mp4"))
    assert (type(error), error.retry_after) == (Busy, wait)
    assert len(there.server.seen) == before + 1, "also by another link"


@pytest.mark.parametrize(
    "answer",
    [Answer(dropped=True), Answer(status=503, body=b"x"), Answer(status=429, body=b"x")],
    ids=["broken off", "503", "429"],
)
async def test_a_download_that_breaks_off_is_tried_again_later(there, tmp_path, answer):
    remote_id = await there.ordered()
    url = (await there.poll(remote_id)).url
    there.server.script("result", answer)
    assert type(await raised(there.fetch(remote_id, url, tmp_path / "take.mp4"))) is Busy


async def test_a_clip_is_not_fetched_from_an_address_that_is_not_public(there, tmp_path):
    remote_id = await there.ordered()
    for url in ("https://127.0.0.1/a.mp4", "http://169.254.169.254/a", "file:///etc/passwd"):
        error = await raised(there.fetch(None, url, tmp_path / "take.mp4"))
        assert type(error) is Busy
        await there.fetch(remote_id, url, tmp_path / "take.mp4")  # by the link that it gives next
        assert (tmp_path / "take.mp4").read_bytes() == CLIP


async def test_what_cannot_be_stopped_says_so(there):
    assert there.provider.cancels is False
    error = await raised(there.provider.cancel(there.order, "r-1"))
    assert type(error) is Refusal
