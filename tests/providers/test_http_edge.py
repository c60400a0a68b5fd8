"""The HTTP edge: what an answer proves, and that neither keys nor bodies get out of hand."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers._http import AT_ONCE, Edge, _parsed, base_url
from bot.providers._pressure import Pressure
from bot.providers._vocabulary import CONTENT, DOWN, Vocabulary, remote_id, text
from bot.settings import BadSetting
from tests.rig.house import until

KEY = "k3y-that-nobody-may-see"
WORDS = Vocabulary(
    "Acme",
    words={"blocked": CONTENT, "broken": DOWN},
    explain=lambda data: (text(data, "error", "type"), text(data, "error", "message")),
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Company:
    """A real server, and the edge that asks it."""

    def __init__(self, host: str, **options: Any) -> None:
        self.host = host
        self.edge = Edge(
            vocabulary=WORDS,
            base_url=base_url(f"http://{host}", setting="ACME_BASE_URL", loopback={host}),
            headers={"Authorization": f"Bearer {KEY}"},
            pressure=Pressure(title="Acme", per_minute=60_000),
            **options,
        )


@asynccontextmanager
async def company(handler: Handler, **options: Any) -> AsyncIterator[Company]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    acme = Company(f"127.0.0.1:{runner.addresses[0][1]}", **options)
    try:
        yield acme
    finally:
        await acme.edge.close()
        await runner.cleanup()


def answering(**options: Any) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(**options)

    return answer


def envelope(word: str, message: str = "Because.") -> bytes:
    return json.dumps({"error": {"type": word, "message": message}}).encode()


async def close_after_reading(request: web.Request) -> web.Response:
    await request.read()
    assert request.transport is not None
    request.transport.close()
    return web.Response()


# An order: proof, or Unclear.


async def test_an_order_is_sent_once_on_its_own_connection_and_unpacked() -> None:
    peers: list[object] = []
    seen: list[Mapping[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        seen.append(request.headers)
        assert await request.json() == {"prompt": "Ünïcode 🦊"}
        return web.json_response({"id": "a"}, status=202)

    async with company(answer) as acme:
        for _ in range(3):
            reply = await acme.edge.order("/x", {"prompt": "Ünïcode 🦊"})
            assert (reply.status, reply.data) == (202, {"id": "a"})
    assert len(set(peers)) == 3
    assert {each["Accept-Encoding"] for each in seen} == {"identity"}
    assert {each["Authorization"] for each in seen} == {f"Bearer {KEY}"}


async def test_a_connection_that_is_refused_proves_that_nothing_was_sent(
    unused_tcp_port: int,
) -> None:
    acme = Company(f"127.0.0.1:{unused_tcp_port}")
    with pytest.raises(Busy) as busy:
        await acme.edge.order("/x", {})
    assert busy.value.failure is Failure.DOWN
    assert (busy.value.retry_after or 0) >= 1


async def test_a_tls_handshake_that_fails_proves_that_nothing_was_sent() -> None:
    async with company(answering(body=b"{}")) as acme:
        edge = Edge(
            vocabulary=WORDS,
            base_url=f"https://{acme.host}",
            headers={"Authorization": f"Bearer {KEY}"},
            pressure=Pressure(title="Acme", per_minute=60_000),
        )
        with pytest.raises(Busy):
            await edge.order("/x", {})


async def test_a_handshake_that_hangs_proves_that_nothing_was_sent() -> None:
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        edge = Edge(
            vocabulary=WORDS,
            base_url=f"https://{host}",
            headers={},
            pressure=Pressure(title="Acme", per_minute=60_000),
        )
        with pytest.raises(Busy):
            await edge.order("/x", {}, deadline=0.4)
        await ended.wait()


async def hanging(request: web.Request) -> web.Response:
    await request.read()
    await asyncio.sleep(30)
    return web.Response()


def patience(handler: Handler) -> float:
    """Seconds for an answer: few for one that never comes, and plenty for a busy machine."""
    return 2.0 if handler is hanging else 60.0


async def half(request: web.Request) -> web.StreamResponse:
    await request.read()
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"id": "a"')
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    "handler",
    [
        close_after_reading,
        hanging,
        half,
        answering(body=b""),
        answering(body=b"null"),
        answering(body=b'"id"'),
        answering(body=b'{"id": "a"}', headers={"Content-Encoding": "gzip"}),
        answering(status=204),
        answering(status=302, headers={"Location": "https://elsewhere.example/"}),
        answering(status=307, headers={"Location": "/y"}),
        answering(status=408),
        answering(status=429),
        answering(status=429, body=b"<html>", content_type="text/html"),
        answering(status=429, body=b'{"detail": "Slow down"}'),
        answering(status=418),
        answering(status=500),
        answering(status=500, body=envelope("nobody knows this word")),
        answering(status=500, body=envelope("blocked")),
        answering(status=500, body=envelope("broken")),
        answering(status=502, body=envelope("broken")),
        answering(status=503),
        answering(status=503, body=b"<html>", content_type="text/html"),
        answering(status=503, body=b'{"detail": "Down"}'),
        answering(status=503, body=envelope("blocked")),
        answering(status=504, body=envelope("broken")),
        answering(status=529, body=envelope("broken")),
    ],
)
async def test_what_proves_nothing_is_unclear(handler: Handler) -> None:
    asked = 0

    async def counting(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await handler(request)

    async with company(counting) as acme:
        with pytest.raises(Unclear) as unclear:
            await acme.edge.order("/x", {}, deadline=patience(handler))
        assert KEY not in unclear.value.raw
    assert asked == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 415, 422])
async def test_a_status_that_refuses_by_contract_is_a_refusal(status: int) -> None:
    async with company(answering(status=status, body=b"<html>")) as acme:
        with pytest.raises(Refusal) as refused:
            await acme.edge.order("/x", {})
        assert refused.value.failure is not None
        assert refused.value.billed is None, "nobody knows whose page that is"
        assert refused.value.raw == "<html>"
    async with company(answering(status=status, body=envelope("nobody knows"))) as acme:
        with pytest.raises(Refusal) as refused:
            await acme.edge.order("/x", {})
        assert refused.value.billed is False


@pytest.mark.parametrize(
    ("status", "word", "kind", "failure"),
    [
        (400, "blocked", Refusal, Failure.CONTENT),
        (429, "blocked", Refusal, Failure.CONTENT),
        (503, "broken", Busy, Failure.DOWN),
        (503, "nobody knows this word", Busy, Failure.DOWN),
        (429, "nobody knows this word", Busy, Failure.RATE),
    ],
)
async def test_a_documented_word_counts_before_its_status(
    status: int, word: str, kind: type[Refusal | Busy], failure: Failure
) -> None:
    async with company(answering(status=status, body=envelope(word))) as acme:
        with pytest.raises(kind) as said:
            await acme.edge.order("/x", {})
        assert said.value.failure is failure
        assert getattr(said.value, "answered", True)


LATER = [(429, "nobody knows this word"), (503, "broken")]


@pytest.mark.parametrize(("status", "word"), LATER)
async def test_what_is_answered_late_may_come_from_who_took_it(status: int, word: str) -> None:
    passed: list[float] = []

    async with company(
        answering(status=status, body=envelope(word)), ticks=lambda: passed.pop(0) if passed else 0
    ) as acme:
        passed[:] = [0.0, 0.0, 10.1]
        with pytest.raises(Unclear):
            await acme.edge.order("/x", {})
        passed[:] = [0.0, 0.0, 9.9]
        acme.edge.pressure._paused_until = 0.0
        with pytest.raises(Busy):
            await acme.edge.order("/x", {})


@pytest.mark.parametrize(("status", "word"), LATER)
async def test_an_operator_may_have_nothing_sent_again(status: int, word: str) -> None:
    async with company(answering(status=status, body=envelope(word)), retry_submit=False) as acme:
        with pytest.raises(Unclear):
            await acme.edge.order("/x", {})


async def test_an_mp4_in_the_answer_goes_to_its_file(tmp_path: Path) -> None:
    clip = b"\x00\x00\x00\x18ftypmp42" + bytes(3_000_000)
    for kind in ("video/mp4", "application/octet-stream", "text/html"):
        async with company(answering(body=clip, content_type=kind)) as acme:
            to = tmp_path / "new folder" / "clip.mp4"
            reply = await acme.edge.order("/x", {}, into=to, max_bytes=4_000_000)
            assert reply.file == to
            assert to.read_bytes() == clip
            with pytest.raises(Unclear):
                await acme.edge.order("/x", {}, into=tmp_path / "b.mp4", max_bytes=2_000_000)
            with pytest.raises(Unclear):
                await acme.edge.order("/x", {})
    assert [each.name for each in tmp_path.iterdir()] == ["new folder"]


async def test_an_order_in_a_pause_is_not_sent() -> None:
    asked = answering(status=429, headers={"Retry-After": "40"}, body=envelope("broken"))
    async with company(asked) as acme:
        for _ in range(2):
            with pytest.raises(Busy) as busy:
                await acme.edge.order("/x", {})
            assert 39 < (busy.value.retry_after or 0) < 50


# A question: answered, lost, or Busy.


@pytest.mark.parametrize(
    ("handler", "failure"),
    [
        (close_after_reading, Failure.DOWN),
        (hanging, Failure.DOWN),
        (half, Failure.DOWN),
        (answering(body=b""), Failure.DOWN),
        (answering(body=b"[1]"), Failure.DOWN),
        (answering(body=b"<html>", content_type="text/html"), Failure.DOWN),
        (answering(status=302, headers={"Location": "/y"}), Failure.DOWN),
        (answering(status=400), Failure.DOWN),
        (answering(status=401), Failure.KEY),
        (answering(status=402), Failure.CREDIT),
        (answering(status=403), Failure.KEY),
        (answering(status=422, body=envelope("blocked")), Failure.DOWN),
        (answering(status=429), Failure.RATE),
        (answering(status=500), Failure.DOWN),
        (answering(status=503), Failure.DOWN),
    ],
)
async def test_a_question_that_gets_no_answer_may_be_asked_again(
    handler: Handler, failure: Failure
) -> None:
    async with company(handler) as acme:
        with pytest.raises(Busy) as busy:
            await acme.edge.ask("GET", "/x", deadline=patience(handler))
        assert busy.value.failure is failure


@pytest.mark.parametrize("status", [404, 410])
async def test_only_an_unknown_job_is_a_refusal_of_a_question(status: int) -> None:
    async with company(answering(status=status)) as acme:
        with pytest.raises(Refusal) as refused:
            await acme.edge.ask("GET", "/x")
        assert (refused.value.failure, refused.value.billed) == (Failure.LOST, None)


async def test_questions_share_their_connections_and_keep_no_cookies() -> None:
    peers: set[object] = set()
    cookies: list[str] = []
    at_once, most, answers = 0, 0, asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await answers.wait()
        at_once -= 1
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        cookies.extend(request.cookies)
        response = web.json_response({})
        response.set_cookie("session", "x")
        return response

    async with company(answer) as acme:
        named = Company(acme.host.replace("127.0.0.1", "localhost"))  # no jar takes a number's
        asked = []
        for _ in range(AT_ONCE + 20):  # apart, for the pace; the first is not answered by then
            asked.append(asyncio.create_task(named.edge.ask("GET", "/x")))
            await asyncio.sleep(0.002)
        await until(lambda: at_once == AT_ONCE)
        answers.set()
        await asyncio.gather(*asked)
        await named.edge.ask("GET", "/x")
        await named.edge.close()
    assert most == AT_ONCE == len(peers)
    assert cookies == []


async def test_a_body_over_a_mebibyte_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 200_000_000:
            await response.write(b" " * 65_536)
            sent += 65_536
        return response

    async with company(endless) as acme:
        with pytest.raises(Busy):
            await acme.edge.ask("GET", "/x")
        with pytest.raises(Unclear) as unclear:
            await acme.edge.order("/x", {})
        assert len(unclear.value.raw) <= 4000
    assert sent < 50_000_000


async def test_a_keyless_question_carries_no_key() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        assert dict(request.query) == {"task_id": "a b&c"}
        return web.json_response({})

    async with company(answer) as acme:
        await acme.edge.ask("GET", "/x", params={"task_id": "a b&c"}, keyless=True)


@pytest.mark.parametrize("path", ["x", "//evil.example/x", "https://evil.example/", "@evil", ""])
async def test_a_path_cannot_lead_the_key_to_another_host(path: str) -> None:
    async with company(answering(body=b"{}")) as acme:
        with pytest.raises(ValueError, match="slash"):
            await acme.edge.ask("GET", path)
        with pytest.raises(ValueError, match="slash"):
            await acme.edge.order(path, {})


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):  # else loopback would need none
        monkeypatch.delenv(name, raising=False)
    async with company(answering(body=b"{}")) as acme:
        await acme.edge.ask("GET", "/x")
        await acme.edge.order("/x", {})


# The key.


async def test_the_key_is_in_nothing_that_may_be_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def echo(request: web.Request) -> web.Response:
        body = f'{{"you sent": "{request.headers["Authorization"]}", "key": "{KEY}"}}'
        return web.Response(status=int(request.query.get("status", 500)), text=body)

    caplog.set_level(logging.DEBUG)
    async with company(echo) as acme:
        shown = [repr(acme.edge), str(acme.edge.pressure)]
        for status in ("200", "400", "404", "429", "500"):
            for call in (
                acme.edge.ask("GET", "/x", params={"status": status}),
                acme.edge.order(f"/x?status={status}", {}),
            ):
                try:
                    reply = await call
                except (Busy, Refusal, Unclear) as error:
                    shown += [str(error), repr(error), error.raw, repr(error.__cause__)]
                    assert error.__cause__ is None
                else:
                    shown.append(reply.raw)
    shown += [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert not [each for each in shown if KEY in each]
    assert not [
        record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))
    ]


# JSON.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"nul",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 1}',
        b'{"b": {"a": 1, "a": 2}}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"a":' * 50_000,
        b"[" * 1_000_000,
        b'{"a": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\x01"}',
        b"{'a': 1}",
        b'{"a": 1,}',
    ],
)
def test_odd_json_counts_as_none(body: bytes) -> None:
    assert _parsed(body) is None


@pytest.mark.parametrize(
    "body", [b"{}", b' {"a": [1, 2.5, null, true, "x"]} ', b'\xef\xbb\xbf{"a": 1}']
)
def test_sane_json_is_read(body: bytes) -> None:
    assert _parsed(body) == json.loads(body.decode("utf-8-sig"))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    found = _parsed(body)
    assert found is None or isinstance(found, dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@pytest.mark.long
def test_looking_for_a_text_never_fails(data: object) -> None:
    for path in ((), ("a",), ("a", "b"), ("a", 0), (0, "a"), (-1,), (5,)):
        found = text(data, *path)
        assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("2f0e-4_A.b", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        (".", False),
        ("..", False),
        ("a/../b", False),
        ("a?b", False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
        ("%2e%2e", False),
        (None, False),
        (7, False),
        (["a"], False),
    ],
)
def test_only_a_plain_id_is_put_into_a_path(value: object, kept: bool) -> None:
    assert remote_id(value) == (value if kept else None)


# The base.


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "http://api.example.com",
        "http://127.0.0.1:8124",
        "http://127.0.0.1:8123@evil.example",
        "https://user:pass@api.example.com",
        "https://api.example.com/?x=1",
        "https://api.example.com/#x",
        "https://api.example.com:port",
        "https://",
        "ftp://api.example.com",
    ],
)
def test_a_key_goes_nowhere_but_over_https(url: str) -> None:
    with pytest.raises(BadSetting, match="ACME_BASE_URL must be an https link"):
        base_url(url, setting="ACME_BASE_URL", loopback=frozenset({"127.0.0.1:8123"}))


@pytest.mark.parametrize(
    "url", ["https://api.example.com", "https://api.example.com:8443/v1/", "http://127.0.0.1:8123/"]
)
def test_a_good_base_is_kept_without_its_last_slash(url: str) -> None:
    kept = base_url(f" {url} ", setting="X", loopback=frozenset({"127.0.0.1:8123"}))
    assert kept == url.rstrip("/")


# Words for a person.


@given(st.text(max_size=2000))
def test_a_providers_words_stay_one_short_line(message: str) -> None:
    refusal = WORDS.failed("blocked", message)
    sentence = str(refusal)
    assert sentence.startswith("Acme refused this because of its content rules")
    assert sentence.endswith(".")
    assert len(sentence) < 400
    assert sentence.isprintable()


def test_an_unknown_word_is_a_plain_refusal_that_may_have_been_billed() -> None:
    refusal = WORDS.failed("nobody knows this word", "Hm", raw="raw")
    assert (refusal.failure, refusal.billed, refusal.raw) == (Failure.REFUSED, None, "raw")
    assert str(refusal) == "Acme didn't take this: Hm."
