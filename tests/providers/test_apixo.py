"""apixo: what its document says is what is sent, and what is understood; and its callbacks."""

import asyncio
import json
import logging
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web

from bot.catalog.complete import complete
from bot.catalog.price import usd
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import CallsBack, Connection, Stage, apixo
from bot.settings import BadSetting
from playground.providers._server import Answer
from playground.providers.apixo import ApixoServer
from storage import Brief, Lora, Mode
from tests.rig.provider_rig import CLIP, IMAGE, KEY, last, line, order, raised, sent

# The document's own examples, word for word: the requests,
TEXT = """{
"request_type": "async",
"input": {
"mode": "text-to-video",
"prompt": "a futuristic city with flying cars at sunset",
"resolution": "1080p",
"duration": 10,
"aspect_ratio": "16:9",
"seed": 54248617
}
}"""
IMAGE_LORA = """{
"request_type": "callback",
"callback_url": "https://your-server.com/callback",
"provider": "official",
"input": {
"mode": "image-to-video-LoRA",
"prompt": "make it cinematic with slow pan and dramatic lighting",
"resolution": "720p",
"duration": 8,
"image_urls": ["https://example.com/ref.jpg"],
"loras": [
{
"path": "https://huggingface.co/username/model.safetensors?download=true",
"scale": 1.2
}
]
}
}"""
TEXT_LORAS = """{
"request_type": "async",
"input": {
"mode": "text-to-video-LoRA",
"prompt": "anime style magical girl transformation sequence",
"resolution": "720p",
"duration": 12,
"aspect_ratio": "9:16",
"loras": [
{"path": "https://huggingface.co/user1/anime_style.safetensors?download=true", "scale": 1.5},
{"path": "https://huggingface.co/user2/magic_effects.safetensors?download=true", "scale": 0.8}
]
}
}"""
# and the replies.
SUBMITTED = """{
"code" : 200 ,
"message" : "success" ,
"data" : {
"taskId" : "task_12345678"
}
}"""
NO_CREDITS = """{
"code" : 400 ,
"message" : "Insufficient credits" ,
"data" : null
}"""
SUCCEEDED = """{
"code" : 200 ,
"message" : "success" ,
"data" : {
"taskId" : "task_12345678" ,
"state" : "success" ,
"resultJson" : "{ \\" resultUrls \\" :[ \\" https://r2.apixo.ai/video.mp4 \\" ]}" ,
"createTime" : 1767965610929 ,
"completeTime" : 1767965652317 ,
"costTime" : 41388
}
}"""
FAILED = """{
"code" : 200 ,
"message" : "success" ,
"data" : {
"taskId" : "task_12345678" ,
"state" : "failed" ,
"failCode" : "CONTENT_VIOLATION" ,
"failMsg" : "Content does not meet safety guidelines"
}
}"""
PROCESSING = """{"code":200,"message":"success","data":
{"taskId":"task_12345678","state":"processing","createTime":1767965610929}}"""

CITY = Brief(
    prompt="a futuristic city with flying cars at sunset",
    resolution="1080p",
    duration=10,
    aspect="16:9",
    seed=54248617,
)
CINEMATIC = Brief(
    mode=Mode.IMAGE,
    prompt="make it cinematic with slow pan and dramatic lighting",
    resolution="720p",
    duration=8,
    image=IMAGE,
    routing="official",
    loras=(
        Lora(path="https://huggingface.co/username/model.safetensors?download=true", scale=1.2),
    ),
)
MAGIC = Brief(
    prompt="anime style magical girl transformation sequence",
    resolution="720p",
    duration=12,
    aspect="9:16",
    loras=(
        Lora(path="https://huggingface.co/user1/anime_style.safetensors?download=true", scale=1.5),
        Lora(
            path="https://huggingface.co/user2/magic_effects.safetensors?download=true", scale=0.8
        ),
    ),
)


@pytest.fixture
async def there(tmp_path):
    async with line(apixo, ApixoServer, tmp_path, "APIXO") as both:
        yield both


def envelope(code, data=None, message="said so"):
    return {"code": code, "message": message, "data": data}


# What is sent.


@pytest.mark.parametrize(
    ("brief", "callback", "example"),
    [
        (CITY, None, TEXT),
        (CINEMATIC, "https://your-server.com/callback", IMAGE_LORA),
        (MAGIC, None, TEXT_LORAS),
    ],
    ids=["text", "image with a LoRA, calling back", "text with two LoRAs"],
)
async def test_each_example_of_the_document_is_what_we_send(tmp_path, brief, callback, example):
    async with line(apixo, ApixoServer, tmp_path, "APIXO") as (provider, server):
        if callback:  # nobody is there to be called
            server.script("submit", Answer(body=SUBMITTED.encode()))
        await provider.submit(order(provider, brief, callback=callback))
        assert sent(server) == json.loads(example)
        seen = last(server)
        assert (seen.method, seen.path) == ("POST", "/api/v1/generateTask/ltx-2-19b")
        assert seen.headers["Authorization"] == f"Bearer {KEY}"
        assert seen.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("image", "loras", "mode"),
    [
        (None, (), "text-to-video"),
        (IMAGE, (), "image-to-video"),
        (None, MAGIC.loras, "text-to-video-LoRA"),
        (IMAGE, MAGIC.loras, "image-to-video-LoRA"),
    ],
)
async def test_all_four_modes_are_ordered_in_the_documents_words(there, image, loras, mode):
    provider, server = there
    brief = Brief(
        mode=Mode.IMAGE if image else Mode.TEXT,
        prompt="x",
        resolution="480p",
        duration=5,
        aspect=None if image else "16:9",
        image=image,
        loras=loras,
    )
    await provider.submit(order(provider, brief))
    assert sent(server)["input"]["mode"] == mode
    assert ("image_urls" in sent(server)["input"]) == bool(image)


async def test_the_status_call_is_the_documents(there):
    provider, server = there
    receipt = await provider.submit(order(provider, CITY))
    await provider.poll(order(provider, CITY), receipt.remote_id)
    seen = last(server, "status")
    assert (seen.method, seen.path) == ("GET", "/api/v1/statusTask/ltx-2-19b")
    assert seen.query == {"taskId": receipt.remote_id}
    assert seen.headers["Authorization"] == f"Bearer {KEY}"


async def test_routing_is_sent_only_where_somebody_chose_it(tmp_path):
    async with line(apixo, ApixoServer, tmp_path, "APIXO", ROUTING="value") as (provider, server):
        await provider.submit(order(provider, CITY))
        assert sent(server)["provider"] == "value"
        await provider.submit(order(provider, CITY.but(routing="official")))
        assert sent(server)["provider"] == "official"
        error = await raised(provider.submit(order(provider, CITY.but(routing="cheapest"))))
        assert type(error) is Refusal
        assert "auto, value or official" in str(error)
        assert len(server.jobs) == 2


@pytest.mark.parametrize("path", ["http://a.example/b", "b.safetensors", "https://u@h/b", ""])
async def test_a_lora_that_is_no_public_link_is_refused_before_it_is_ordered(there, path):
    provider, server = there
    error = await raised(provider.submit(order(provider, CITY.but(loras=(Lora(path=path),)))))
    assert (type(error), error.failure) == (Refusal, Failure.INPUT)
    assert server.seen == []


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

FAIL_CODES = [  # the model's document has the first three, the general list the others
    ("CONTENT_VIOLATION", Failure.CONTENT, False),
    ("INVALID_IMAGE_URL", Failure.INPUT, False),
    ("INVALID_LORA_URL", Failure.INPUT, False),
    ("NSFW_DETECTED", Failure.CONTENT, False),
    ("PROMPT_TOO_LONG", Failure.REFUSED, False),
    ("INVALID_PROMPT", Failure.REFUSED, False),
    ("IMAGE_TOO_LARGE", Failure.INPUT, False),
    ("UNSUPPORTED_FORMAT", Failure.INPUT, False),
    ("IMAGE_DOWNLOAD_FAILED", Failure.INPUT, False),
    ("PROCESSING_TIMEOUT", Failure.TIMEOUT, True),
    ("MODEL_UNAVAILABLE", Failure.DOWN, True),
    ("GENERATION_FAILED", Failure.DOWN, True),
    ("INSUFFICIENT_CREDITS", Failure.CREDIT, False),
]


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


# What it can make, and settings.


def test_a_second_costs_what_the_setting_says_and_an_assumption_until_then(tmp_path):
    def model(**environ):
        environ = {"APIXO_API_KEY": KEY, **environ}
        return apixo.connect(Connection(data=tmp_path, environ=environ)).models[0]

    assert "APIXO_USD_PER_SECOND" in model().note
    priced = model(APIXO_USD_PER_SECOND="0.03")
    assert "APIXO_USD_PER_SECOND" not in priced.note
    assert usd(priced.capability(Mode.TEXT), CITY) == Decimal("0.30")


def test_what_nobody_chose_is_the_documents_default():
    model = apixo.models()[0]
    text = complete(model, Brief(prompt="x"), seed=0)
    assert (text.resolution, text.aspect, text.duration, text.seed) == ("720p", "16:9", 10, 1)
    image = complete(model, Brief(mode=Mode.IMAGE, prompt="x", image=IMAGE), seed=0)
    assert (image.resolution, image.aspect, image.duration) == ("720p", None, 10)


@pytest.mark.parametrize(
    "brief",
    [
        Brief(prompt="x" * 5001),
        Brief(prompt=""),
        Brief(prompt="x", duration=4),
        Brief(prompt="x", duration=21),
        Brief(prompt="x", resolution="1440p"),
        Brief(prompt="x", aspect="1:1"),
        Brief(prompt="x", seed=0),
        Brief(prompt="x", seed=2**31),
        Brief(prompt="x", loras=(Lora(path="https://a.b/c"),) * 4),
        Brief(mode=Mode.IMAGE, prompt="x", image=IMAGE, aspect="16:9"),
    ],
)
def test_what_the_document_does_not_have_is_refused_before_it_is_ordered(brief):
    with pytest.raises(Refusal):
        complete(apixo.models()[0], brief, seed=1)


def test_it_waits_a_minute_and_then_asks_every_five_seconds(tmp_path):
    environ = {"APIXO_API_KEY": KEY}
    limits = apixo.connect(Connection(data=tmp_path, environ=environ)).limits
    assert (limits.first_poll, limits.poll_every) == (60, 5)
    assert limits.keeps_for == 15 * 24 * 3600
    assert limits.concurrency <= 1000
    assert limits.per_minute <= 10_000


def test_without_a_key_it_does_not_exist(tmp_path):
    assert apixo.connect(Connection(data=tmp_path)) is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ROUTING", "cheapest"), ("CONCURRENCY", "1001"), ("PER_MINUTE", "10001"), ("BASE_URL", "x")],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, setting, value):
    environ = {"APIXO_API_KEY": KEY, f"APIXO_{setting}": value}
    with pytest.raises(BadSetting, match=f"APIXO_{setting}"):
        apixo.connect(Connection(data=tmp_path, environ=environ))


# From order to clip, and the server's strictness.


async def test_a_clip_is_ordered_watched_and_fetched(there, tmp_path):
    provider, server = there
    receipt = await provider.submit(order(provider, MAGIC))
    await server.rendered()
    report = await provider.poll(order(provider, MAGIC), receipt.remote_id)
    assert report.stage is Stage.READY
    to = tmp_path / "take.mp4"
    await provider.fetch(order(provider, MAGIC), receipt.remote_id, report.url, to)
    assert to.read_bytes() == CLIP


@pytest.mark.parametrize(("code", "failure", "_"), FAIL_CODES)
async def test_a_job_that_fails_there_is_told_by_its_fail_code(there, code, failure, _):
    provider, server = there
    server.fail_next.append((code, "why"))
    receipt = await provider.submit(order(provider, CITY))
    error = await raised(provider.poll(order(provider, CITY), receipt.remote_id))
    assert (type(error), error.failure) == (Refusal, failure)


def asked(**changes):
    given = {"mode": "text-to-video", "prompt": "x", "resolution": "720p", "duration": 5}
    given.update(changes.pop("input", {}))
    return {"request_type": "async", "input": given, **changes}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (asked(model="ltx"), "no field model"),
        (asked(request_type="sync"), "one of"),
        (asked(request_type="callback"), "callback_url is required"),
        (asked(callback_url="https://a.b/c"), "request_type callback"),
        (asked(request_type="callback", callback_url="ftp://a.b/c"), "https"),
        (asked(provider="cheapest"), "one of"),
        (asked(input={"fps": 24}), "no field fps"),
        (asked(input={"mode": "image-to-video"}), "need it"),
        (asked(input={"image_urls": ["https://a.b/c"]}), "need it"),
        (
            asked(
                input={
                    "mode": "image-to-video",
                    "image_urls": ["https://a.b/c"],
                    "aspect_ratio": "16:9",
                }
            ),
            "text-to-video modes only",
        ),
        (
            asked(input={"mode": "image-to-video", "image_urls": ["https://a.b/c"] * 2}),
            "at most 1",
        ),
        (asked(input={"loras": [{"path": "https://a.b/c", "scale": 1}]}), "LoRA modes only"),
        (
            asked(input={"mode": "text-to-video-LoRA", "loras": [{"path": "https://a.b/c"}]}),
            "needs scale",
        ),
        (asked(input={"seed": -1}), "at least 1"),
        (asked(input={"prompt": ""}), "at least 1"),
        (asked(input={"duration": 10.0}), "duration"),
        ({"request_type": "async"}, "needs input"),
    ],
)
async def test_the_loopback_server_says_what_the_document_says(body, complaint):
    async with ApixoServer(None, key=KEY) as server, aiohttp.ClientSession() as session:
        async with session.post(
            f"{server.url}/api/v1/generateTask/ltx-2-19b",
            json=body,
            headers={"Authorization": f"Bearer {KEY}"},
        ) as response:
            assert response.status == 400
        assert len(server.complaints) == 1
        assert complaint in server.complaints[0]
