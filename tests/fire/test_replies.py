"""Whatever a provider answers, or somebody who says so: one of our four outcomes, and no surprise.

The adapters are asked over real HTTP; their servers answer what chance puts together out of the
words of all four documents, out of JSON that is wrong, and out of bytes that are none.
"""

import asyncio
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.complete import complete
from bot.errors import Busy, Refusal, Unclear
from bot.providers import Receipt, Report, apixo, ltx, ltx2api, pixazo
from bot.providers.apixo import parse_callback
from playground.providers._server import Answer
from playground.providers.apixo import ApixoServer
from playground.providers.ltx import LtxServer
from playground.providers.ltx2api import Ltx2ApiServer
from playground.providers.pixazo import PixazoServer
from storage import Brief, Mode
from tests.fire.hostile_texts import HOSTILE
from tests.rig.provider_rig import IMAGE, KEY, connection, order
from tests.rig.proving import scaled

COMPANIES = {
    "ltx": (ltx, LtxServer, "status"),
    "ltx2api": (ltx2api, Ltx2ApiServer, "status"),
    "apixo": (apixo, ApixoServer, "status"),
    "pixazo": (pixazo, PixazoServer, "result-call"),
}
CASES = scaled(60, 2_500)  #: for each company
SAFE = re.compile(r"[A-Za-z0-9._-]{1,128}")
LONGEST = 1_000  #: characters of a sentence, far below what Discord takes

NAMES = (
    *("id", "status", "state", "data", "code", "message", "error", "type", "taskId", "task_id"),
    *(
        "request_id",
        "requestId",
        "output",
        "result",
        "url",
        "video_url",
        "resultUrls",
        "resultJson",
    ),
    *("failMsg", "failCode", "progress", "cost", "credits", "media_url", "detail", "errors", "msg"),
)
WORDS = (
    *("success", "SUCCESS", "completed", "COMPLETED", "processing", "IN_PROGRESS", "pending"),
    *("failed", "FAILED", "QUEUED", "error", "r-1", "../../etc/passwd", "a/b", "..", "", KEY),
    *(
        "https://example.com/a.mp4",
        "http://127.0.0.1/a.mp4",
        "insufficient_funds_error",
        "api_error",
    ),
    *("0", "1e400", "NaN", "content_filtered_error", "x" * 200, "rate_limit_error"),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.sampled_from(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)


def _whole(name, state, more):
    """A reply that says *name* and *state* wherever any of the documents has them."""
    inner = {
        **dict.fromkeys(("id", "request_id", "requestId", "taskId", "task_id"), name),
        **dict.fromkeys(("status", "state"), state),
        **more,
    }
    return {**inner, "code": 200, "message": "success", "data": inner}


wholes = st.builds(
    _whole,
    st.sampled_from(WORDS) | values,
    st.sampled_from(WORDS) | values,
    st.dictionaries(st.sampled_from(NAMES), values, max_size=2),
)
ODD = (
    *(b"", b"null", b"[]", b"{", b'{"id": "r-1"', b"<html>bad gateway</html>", b"\xff\xfe{}"),
    *(b'{"id":"a","id":"b"}', b'{"status":NaN}', b'{"a":' * 200 + b"1" + b"}" * 200),
    *(b'{"id":"\\ud800"}', b'{"n":' + b"9" * 5000 + b"}", b"[" * 50_000),
    b"\x00\x00\x00\x18ftypmp42",
)
bodies = (
    (objects | wholes | wholes).map(lambda data: json.dumps(data).encode())
    | st.sampled_from(ODD)
    | st.binary(max_size=60)
)
statuses = st.sampled_from([200] * 6 + [201, 202, 204, 301, 302, 400, 401, 402, 403, 404, 409, 410]
                           + [413, 418, 422, 429, 451, 500, 502, 503, 504, 520, 599])  # fmt: skip
headers = st.sampled_from(
    [
        {},
        {"Retry-After": "-1"},
        {"Retry-After": "1000000000000"},
        {"Retry-After": "soon"},
        {"Location": "http://127.0.0.1:1/"},
        {"Content-Encoding": "gzip"},
        {"X-Request-Id": "x" * 1000},
    ]
)


class Hourly:
    """A clock that is an hour later each time, so that no breaker and no pause ever holds."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 3600
        return self.now


class Line:
    """A provider and its server on loopback, on a loop of their own."""

    def __init__(self, name, loop, folder):
        module, server_class, self.status = COMPANIES[name]
        self.loop, self.module = loop, module

        async def render(_):
            raise AssertionError("nothing is made here")

        self.server = server_class(render, key=KEY)
        loop.run(self.server.__aenter__())
        given = connection(self.server, folder, name.upper())
        self.provider = module.connect(replace(given, clock=Hourly()))
        mode = Mode.TEXT if name == "ltx" else Mode.IMAGE
        brief = Brief(mode=mode, prompt="x", image=None if name == "ltx" else IMAGE)
        asked = order(self.provider, brief)
        self.order = replace(asked, brief=complete(asked.model, brief, seed=7))

    async def asked(self, what):
        """What comes of asking, or the exception."""
        try:
            if what == "submit":
                return await self.provider.submit(self.order)
            return await self.provider.poll(self.order, "r-1")
        except (Busy, Refusal, Unclear) as error:
            return error

    def answers(self, route, **answer):
        self.server._scripts[route].clear()
        # Several, for an adapter that asks at another version's address, too.
        self.server.script(route, *[Answer(**answer)] * 3)

    def close(self):
        self.loop.run(self.provider.close())
        self.loop.run(self.server.__aexit__(None, None, None))


def judged(what, answer, status):
    """Nothing that came of an answer may surprise who called."""
    match answer:
        case Receipt(remote_id=None):
            assert answer.file is not None
        case Receipt():
            assert SAFE.fullmatch(answer.remote_id) and answer.remote_id.strip(".")
            assert 200 <= status < 300
        case Report():
            assert answer.fraction is None or 0 <= answer.fraction <= 1
            assert answer.remote_id is None or SAFE.fullmatch(answer.remote_id)
            assert answer.url is None or isinstance(answer.url, str)
        case Busy() | Refusal() | Unclear():
            sentence = str(answer)
            assert sentence and len(sentence) <= LONGEST
            assert sentence.isprintable(), "one line, and nothing hidden"
            assert KEY not in sentence + str(answer.raw)
            if what == "submit" and isinstance(answer, Busy):
                assert status == 429 or status == 503 or 200 <= status < 300, "else nobody knows"
            if isinstance(answer, Busy) and answer.retry_after is not None:
                assert 0 <= answer.retry_after <= 3600


@pytest.mark.prove
@pytest.mark.parametrize("name", COMPANIES)
def test_no_answer_is_a_surprise(name, proof):
    tried = 0
    with asyncio.Runner() as loop, tempfile.TemporaryDirectory() as folder:
        line = Line(name, loop, Path(folder))

        @settings(max_examples=CASES)
        @given(what=st.sampled_from(["submit", "poll"]), status=statuses, body=bodies, more=headers)
        def one_of_four(what, status, body, more):
            nonlocal tried
            tried += 1
            route = "submit" if what == "submit" else line.status
            line.answers(route, status=status, body=body, headers=more)
            judged(what, loop.run(line.asked(what)), status)

        try:
            one_of_four()
        finally:
            line.close()
    proof.tried(tried, "answers of a provider", usual=60, independent=True)


@pytest.mark.prove
def test_no_callback_names_what_cannot_be_a_task(proof):
    tried = 0

    @settings(max_examples=scaled(200, 10_000))
    @given(bodies)
    def a_task_or_nothing(body):
        nonlocal tried
        tried += 1
        hint = parse_callback(body)
        assert hint is None or SAFE.fullmatch(hint[0])

    a_task_or_nothing()
    assert parse_callback(b'{"data": {"taskId": "r-1", "state": "success"}}') == ("r-1", "success")
    proof.tried(tried, "bodies of callbacks", usual=200, independent=True)
