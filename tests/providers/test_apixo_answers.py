"""Every answer and callback of apixo is understood, and believed no further than it goes."""

import asyncio
import json
import logging

import pytest
from aiohttp import web

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import CallsBack, Connection, Stage, apixo
from playground.providers._server import Answer
from playground.providers.apixo import ApixoServer
from tests.rig.apixo import (
    CITY,
    FAIL_CODES,
    FAILED,
    NO_CREDITS,
    PROCESSING,
    SUBMITTED,
    SUCCEEDED,
    envelope,
    there,
)
from tests.rig.provider_rig import CLIP, KEY, line, order, raised

__all__ = ["there"]


# What is understood.


async def test_the_examples_of_replies_are_understood(there):
    provider, server = there
    replies = (PROCESSING, SUCCEEDED, FAILED)
    server.script("submit", Answer(body=SUBMITTED.encode()))
    server.script("status", *[Answer(body=reply.encode()) for reply in replies])
    receipt = await provider.submit(order(provider, CITY))
    assert receipt.remote_id == "task_12345678"
    running, ready = [await provider.poll(order(provider, CITY), "task_12345678") for _ in range(2)]
    assert running.stage is Stage.RUNNING
    assert (ready.stage, ready.url) == (Stage.READY, "https://r2.apixo.ai/video.mp4")
    failed = await raised(provider.poll(order(provider, CITY), "task_12345678"))
    assert (type(failed), failed.failure, failed.billed) == (Refusal, Failure.CONTENT, None)
    assert "Content does not meet safety guidelines" in str(failed)


@pytest.mark.parametrize("status", [200, 400])
async def test_a_400_without_credits_is_told_by_its_message(there, status):
    provider, server = there
    server.script("submit", Answer(status=status, body=NO_CREDITS.encode()))
    error = await raised(provider.submit(order(provider, CITY)))
    assert (type(error), error.failure) == (Refusal, Failure.CREDIT)
    assert error.billed is False


@pytest.mark.parametrize(
    ("state", "stage"), [("pending", Stage.WAITING), ("processing", Stage.RUNNING)]
)
def test_the_states_of_the_document_are_understood(state, stage):
    assert apixo.report({"taskId": "t", "state": state}).stage is stage


@pytest.mark.parametrize(
    "packed",
    ['{"resultUrls":["https://a.b/c"]}', '{"resultUrls": [" https://a.b/c ", "https://d.e/f"]}'],
)
def test_the_result_is_json_inside_a_string(packed):
    assert apixo.report({"state": "success", "resultJson": packed}).url == "https://a.b/c"


@pytest.mark.parametrize(
    "packed",
    [None, "", "{", "[]", "null", '{"resultUrls": []}', '{"resultUrls": [7]}', "[" * 100_000, {}],
)
def test_success_without_a_clip_is_a_bad_result(packed):
    with pytest.raises(Refusal) as caught:
        apixo.report({"state": "success", "resultJson": packed}, raw="the reply")
    assert caught.value.failure is Failure.BAD_RESULT
    assert caught.value.raw == "the reply"


def test_an_unknown_state_is_still_running_and_logged_once(caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert apixo.report({"state": "musing"}).stage is Stage.RUNNING
    assert caplog.text.count("musing") == 1


# What its errors mean.


@pytest.mark.parametrize(("code", "failure", "retryable"), FAIL_CODES)
def test_every_fail_code_of_the_document_has_its_meaning(code, failure, retryable):
    with pytest.raises(Refusal) as caught:
        apixo.report({"state": "failed", "failCode": code, "failMsg": "why"})
    assert caught.value.failure is failure
    assert code not in str(caught.value)
    assert apixo.VOCABULARY.meaning(code).retryable is retryable


@pytest.mark.parametrize("code", ["SensitiveContentDetected", "", None, 7])
def test_an_unknown_fail_code_is_a_refusal_of_which_nobody_knows_whether_it_was_charged(code):
    with pytest.raises(Refusal) as caught:
        apixo.report({"state": "failed", "failCode": code, "failMsg": None})
    assert (caught.value.failure, caught.value.billed) == (Failure.REFUSED, None)


@pytest.mark.parametrize("rides_on_200", [False, True])
@pytest.mark.parametrize(
    ("code", "kind", "failure"),
    [
        (400, Refusal, Failure.REFUSED),
        (401, Refusal, Failure.KEY),
        (429, Busy, Failure.RATE),
        # Of its general list:
        (403, Refusal, Failure.KEY),
        (404, Refusal, Failure.REFUSED),
        (500, Unclear, None),  # it may have taken the order
        (503, Busy, Failure.DOWN),
        # In no list:
        (402, Refusal, Failure.CREDIT),
        (418, Unclear, None),
    ],
)
async def test_what_each_code_means_for_an_order(there, code, kind, failure, rides_on_200):
    provider, server = there
    status = 200 if rides_on_200 else code
    server.script("submit", Answer(status=status, data=envelope(code)))
    error = await raised(provider.submit(order(provider, CITY)))
    assert type(error) is kind
    assert getattr(error, "failure", None) is failure
    assert "said so" in error.raw


@pytest.mark.parametrize("rides_on_200", [False, True])
@pytest.mark.parametrize(
    ("code", "failure"),
    [(400, Failure.DOWN), (401, Failure.KEY), (429, Failure.RATE), (500, Failure.DOWN)],
)
async def test_a_question_that_is_not_answered_is_asked_again(there, code, failure, rides_on_200):
    provider, server = there
    status = 200 if rides_on_200 else code
    server.script("status", Answer(status=status, data=envelope(code)))
    error = await raised(provider.poll(order(provider, CITY), "task_1"))
    assert (type(error), error.failure) == (Busy, failure)


async def test_a_job_that_is_not_known_is_asked_about_again_before_it_is_lost(there):
    provider, server = there
    server.script("status", *[Answer(status=404, data=envelope(404))] * 4)
    for _ in range(3):
        assert type(await raised(provider.poll(order(provider, CITY), "task_1"))) is Busy
    error = await raised(provider.poll(order(provider, CITY), "task_1"))
    assert (type(error), error.failure) == (Refusal, Failure.LOST)


@pytest.mark.parametrize(
    "data", [{}, envelope(200), envelope(200, {"taskId": None}), envelope(200, {"taskId": "a/b"})]
)
async def test_an_acceptance_without_a_usable_id_is_unclear(there, data):
    provider, server = there
    server.script("submit", Answer(data=data))
    assert type(await raised(provider.submit(order(provider, CITY)))) is Unclear


# Callbacks.


class Receiver:
    """Whoever the callback link leads to: keeps what comes, and answers with *statuses*."""

    def __init__(self, *statuses):
        self.bodies = []
        self.came = asyncio.Event()
        self._statuses = list(statuses)
        self._runner = None

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/callbacks/apixo/{token}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/callbacks/apixo/an-attempt"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _take(self, request):
        self.bodies.append(await request.read())
        self.came.set()
        return web.Response(status=self._statuses.pop(0) if self._statuses else 200)


@pytest.mark.parametrize(
    ("example", "hint"),
    [
        (SUCCEEDED, ("task_12345678", "success")),
        (FAILED, ("task_12345678", "failed")),
        (PROCESSING, ("task_12345678", "processing")),
        (SUBMITTED, ("task_12345678", "")),
        (NO_CREDITS, None),
    ],
)
def test_a_callback_is_read_as_a_hint_about_a_job(example, hint):
    assert apixo.parse_callback(example.encode()) == hint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"null",
        b'{"data": 7}',
        b'{"data": {"taskId": "../x"}}',
        b'{"data": {"taskId": ["task_1"]}}',
        b"[" * 100_000,
        b'{"data": {"taskId": "task_1"}, "x": "' + b"x" * 300_000 + b'"}',
    ],
)
def test_what_is_no_callback_is_no_hint(body):
    assert apixo.parse_callback(body) is None


async def test_a_callback_settles_an_order_whose_reply_was_lost(tmp_path):
    async with (
        Receiver() as receiver,
        line(apixo, ApixoServer, tmp_path, "APIXO") as (provider, server),
    ):
        server.script("submit", Answer(carried_out=True, dropped=True))
        lost = order(provider, CITY, callback=receiver.url)
        assert type(await raised(provider.submit(lost))) is Unclear
        await asyncio.wait_for(receiver.came.wait(), 120)
        assert isinstance(provider, CallsBack)
        remote_id = provider.callback(receiver.bodies[0])
        assert remote_id == next(iter(server.jobs))
        report = await provider.poll(lost, remote_id)  # and only this is believed
        assert report.stage is Stage.READY


async def test_a_forged_callback_is_believed_no_further_than_the_status_call(tmp_path):
    async with (
        Receiver() as receiver,
        line(apixo, ApixoServer, tmp_path, "APIXO") as (provider, server),
    ):
        forged = {
            "taskId": "task_of_a_stranger",
            "state": "success",
            "resultJson": '{"resultUrls": ["https://evil.example/clip.mp4"]}',
        }
        assert await server.call_back(receiver.url, forged) == 200
        remote_id = provider.callback(receiver.bodies[0])
        assert remote_id == "task_of_a_stranger"
        error = await raised(provider.poll(order(provider, CITY), remote_id))
        assert type(error) is Busy  # apixo knows no such task


async def test_the_loopback_server_calls_back_again_until_it_is_answered(tmp_path):
    async def render(_):
        clip = tmp_path / "clip.mp4"
        clip.write_bytes(CLIP)
        return clip

    async with (
        Receiver(500, 503) as receiver,
        ApixoServer(render, key=KEY, redeliveries=(0, 0, 0), deliveries=2) as server,
    ):
        environ = {"APIXO_API_KEY": KEY, "APIXO_BASE_URL": server.url}
        provider = apixo.connect(
            Connection(data=tmp_path, environ=environ, loopback=frozenset({server.host}))
        )
        await provider.submit(order(provider, CITY, callback=receiver.url))
        await server.rendered()
        assert [status for _, status in server.called] == [500, 503, 200, 200]  # twice at last
        assert {provider.callback(body) for body in receiver.bodies} == set(server.jobs)
        body = json.loads(receiver.bodies[-1])
        assert (body["code"], body["data"]["state"]) == (200, "success")
        await provider.close()
