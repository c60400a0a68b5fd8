"""Pixazo: what its document says is what is sent; whatever shape it answers in is understood."""

import json
import logging
from decimal import Decimal

import aiohttp
import pytest

from bot.catalog.complete import complete
from bot.catalog.price import usd
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import Connection, Stage, pixazo
from bot.settings import BadSetting
from playground.providers._server import Answer
from playground.providers.pixazo import PixazoServer
from storage import Brief, Mode
from tests.rig.provider_rig import CLIP, IMAGE, KEY, connection, last, line, order, raised, sent

# The document's own examples, word for word.
EXAMPLE = """{
  "image_url": "https://storage.googleapis.com/falserverless/example_inputs/ltxv-2-i2v-input.jpg",
  "prompt": "A woman stands still amid a busy neon-lit street at night. The camera slowly dollies \
in toward her face as people blur past, their motion emphasizing her calm presence. City lights \
flicker and reflections shift across her denim jacket.",
  "duration": 6,
  "resolution": "1080p",
  "aspect_ratio": "16:9",
  "fps": 25,
  "generate_audio": true
}"""
SUBMITTED = """{
  "status": "IN_QUEUE",
  "request_id": "ltx2-v-7a3b4c5d-6e8f-9012-3456-7890abcdef",
  "message": "Video generation request queued successfully."
}"""
ASKED = '{ "request_id": "ltx2-v-7a3b4c5d-6e8f-9012-3456-7890abcdef" }'
REQUEST_ID = "ltx2-v-7a3b4c5d-6e8f-9012-3456-7890abcdef"
# What the gateway's other models and its newer queue answer: not in the document itself.
SIBLING = {
    "video": {
        "url": "https://cdn.example/a.mp4",
        "content_type": "video/mp4",
        "file_name": "a.mp4",
        "file_size": 12345,
    }
}
NEWER_SUBMITTED = {
    "request_id": "r-1",
    "status": "QUEUED",
    "polling_url": "https://gateway.pixazo.ai/v2/requests/status/r-1",
}
NEWER_READY = {
    "request_id": "r-1",
    "status": "COMPLETED",
    "model_id": "ltx",
    "error": None,
    "output": {"media_url": ["https://cdn.example/a.mp4"], "media_type": "video/mp4"},
    "created_at": "2026-04-15T10:00:00Z",
    "updated_at": "2026-04-15T10:01:00Z",
    "completed_at": "2026-04-15T10:01:00Z",
}
LINK = "https://cdn.example/a.mp4"

WOMAN = Brief(
    mode=Mode.IMAGE,
    prompt=json.loads(EXAMPLE)["prompt"],
    image=IMAGE,
    duration=6,
    resolution="1080p",
    aspect="16:9",
    fps=25,
    sound=True,
)
ROUTE = "/ltx-2-video-api-581/v1/ltx-2-video-api-request"
HEADERS = {"Ocp-Apim-Subscription-Key": KEY, "Cache-Control": "no-cache"}


@pytest.fixture
async def there(tmp_path):
    async with line(pixazo, PixazoServer, tmp_path, "PIXAZO") as both:
        yield both


# What is sent.


async def test_the_example_of_the_document_is_what_we_send(there):
    provider, server = there
    example = json.loads(EXAMPLE)
    await provider.submit(order(provider, WOMAN, link=example["image_url"]))
    assert sent(server) == example
    seen = last(server)
    assert (seen.method, seen.path) == ("POST", ROUTE)
    assert seen.headers["Ocp-Apim-Subscription-Key"] == KEY
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["Cache-Control"] == "no-cache"
    assert "Authorization" not in seen.headers


async def test_what_is_largest_here_is_2160p_there(there):
    provider, server = there
    await provider.submit(order(provider, WOMAN.but(resolution="4K", sound=False)))
    assert sent(server)["resolution"] == "2160p"
    assert sent(server)["generate_audio"] is False


async def test_the_result_call_is_the_documents(there):
    provider, server = there
    server.script("result-call", Answer(data=SIBLING))
    await provider.poll(order(provider, WOMAN), REQUEST_ID)
    seen = last(server, "result-call")
    assert (seen.method, seen.path) == ("POST", f"{ROUTE}-result")
    assert json.loads(seen.body) == json.loads(ASKED)
    assert seen.headers["Ocp-Apim-Subscription-Key"] == KEY
    assert seen.headers["Cache-Control"] == "no-cache"
    assert seen.headers["Content-Type"] == "application/json"


async def test_without_an_image_nothing_is_sent(there):
    provider, server = there
    error = await raised(provider.submit(order(provider, Brief(prompt="x"))))
    assert type(error) is Refusal
    assert server.seen == []


# What is understood.


async def test_the_example_reply_is_understood(there):
    provider, server = there
    server.script("submit", Answer(body=SUBMITTED.encode()))
    receipt = await provider.submit(order(provider, WOMAN))
    assert receipt.remote_id == REQUEST_ID


@pytest.mark.parametrize(
    "reply",
    [
        SIBLING,
        NEWER_READY,
        {"status": "COMPLETED", "output": {"media_url": LINK}},
        {"output": {"video": {"url": LINK}}},
        {"output": {"video_url": LINK}},
        {"output": [LINK]},
        {"video_url": LINK},
        {"output_url": LINK},
        {"url": LINK},
        {"output": LINK},
        {"status": "succeeded", "output": LINK},
        {"success": True, "status": "IN_PROGRESS", "video": {"url": LINK}},  # a link says more
    ],
)
def test_a_clip_is_found_wherever_its_link_stands(reply):
    said = pixazo.report(reply)
    assert (said.stage, said.url) == (Stage.READY, LINK)


@pytest.mark.parametrize(
    ("word", "stage"),
    [
        ("IN_QUEUE", Stage.WAITING),
        ("QUEUED", Stage.WAITING),
        ("pending", Stage.WAITING),
        ("starting", Stage.WAITING),
        ("IN_PROGRESS", Stage.RUNNING),
        ("PROCESSING", Stage.RUNNING),
        ("running", Stage.RUNNING),
    ],
)
@pytest.mark.parametrize("name", ["status", "task_status"])
def test_the_status_words_are_understood(word, stage, name):
    reply = {"request_id": "r-1", name: word, "error": None, "output": None}
    assert pixazo.report(reply).stage is stage


@pytest.mark.parametrize(
    ("reply", "failure", "billed"),
    [
        ({"status": "FAILED", "error": "it broke"}, Failure.REFUSED, None),
        ({"status": "ERROR", "error": "it broke"}, Failure.REFUSED, False),  # "not charged"
        ({"status": "failed", "message": "NSFW content"}, Failure.CONTENT, None),
        ({"status": "FAILED", "error": "Could not fetch image_url"}, Failure.INPUT, None),
        ({"status": "FAILED", "error": "Could not fetch the image"}, Failure.INPUT, None),
        ({"status": "cancelled"}, Failure.REFUSED, None),
        ({"status": "FAILED", "error": {"message": "safety"}}, Failure.CONTENT, None),
        ({"error": "Invalid parameters"}, Failure.REFUSED, None),  # the document's example
        ({"status": "COMPLETED", "output": None}, Failure.BAD_RESULT, None),
        ({"status": "done", "url": "not a link"}, Failure.BAD_RESULT, None),
    ],
)
def test_a_clip_that_failed_is_told_with_its_reason(reply, failure, billed):
    with pytest.raises(Refusal) as caught:
        pixazo.report(reply, raw="the reply")
    assert (caught.value.failure, caught.value.billed) == (failure, billed)
    assert caught.value.raw == "the reply"


@pytest.mark.parametrize("reply", [{}, {"success": True}, {"status": "pondering"}, {"status": 7}])
def test_what_says_nothing_is_still_running(reply):
    assert pixazo.report(reply).stage is Stage.RUNNING


def test_an_unknown_status_is_logged_once(caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            pixazo.report({"status": "brooding"})
    assert caplog.text.count("brooding") == 1


# The newer queue.


async def test_the_newer_queue_is_asked_where_it_says(tmp_path):
    async def render(_):
        clip = tmp_path / "clip.mp4"
        clip.write_bytes(CLIP)
        return clip

    async with PixazoServer(render, key=KEY, newer=True) as server:
        provider = pixazo.connect(connection(server, tmp_path, "PIXAZO"))
        receipt = await provider.submit(order(provider, WOMAN))
        await server.rendered()
        report = await provider.poll(order(provider, WOMAN), receipt.remote_id)
        assert report.stage is Stage.READY
        assert [seen.route for seen in server.seen] == ["submit", "newer"]
        await provider.close()

        # Another process, after a restart, knows where it was told to ask.
        again = pixazo.connect(connection(server, tmp_path, "PIXAZO"))
        report = await again.poll(order(again, WOMAN), receipt.remote_id)
        assert report.stage is Stage.READY
        assert [seen.route for seen in server.seen[2:]] == ["newer"]
        await again.close()
        assert server.complaints == []


async def test_what_it_does_not_know_is_asked_by_the_documented_call_alone(there):
    provider, server = there
    assert isinstance(await raised(provider.poll(order(provider, WOMAN), "r-404")), Busy)
    assert [seen.route for seen in server.seen] == ["result-call"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://gateway.pixazo.ai.evil.example/v2/requests/status/r-1",
        "https://gateway.pixazo.ai:444/v2/requests/status/r-1",
        "https://gateway.pixazo.ai@evil.example/v2/requests/status/r-1",
        "http://gateway.pixazo.ai/v2/requests/status/r-1",
        "https://evil.example/v2/requests/status/r-1",
        "//evil.example/v2/requests/status/r-1",
        "https://gateway.pixazo.ai//evil.example/x",
        "https://gateway.pixazo.ai/v2/../../x",
        "https://gateway.pixazo.ai/v2/requests/status/r-1?next=https://evil.example",
        "https://gateway.pixazo.ai",
        "https://[broken/v2",
        "x" * 501,
        None,
    ],
)
def test_a_polling_link_is_followed_on_its_own_host_only(elsewhere):
    assert pixazo.own_path(elsewhere, "https://gateway.pixazo.ai") is None
    assert (
        pixazo.own_path(NEWER_SUBMITTED["polling_url"], "https://gateway.pixazo.ai")
        == "/v2/requests/status/r-1"
    )


async def test_a_polling_link_to_elsewhere_is_not_followed(there):
    provider, server = there
    reply = {**NEWER_SUBMITTED, "polling_url": "https://evil.example/v2/requests/status/r-1"}
    server.script("submit", Answer(status=202, data=reply))
    server.script("result-call", Answer(data=SIBLING))
    receipt = await provider.submit(order(provider, WOMAN))
    report = await provider.poll(order(provider, WOMAN), receipt.remote_id)
    assert report.stage is Stage.READY


# What its errors mean. The bodies are the document's, but for 402, 418 and 503.


@pytest.mark.parametrize(
    ("status", "text", "kind", "failure"),
    [
        (400, "Invalid request parameters", Refusal, Failure.REFUSED),
        (401, "Invalid or missing authentication", Refusal, Failure.KEY),
        (402, "Insufficient Balance", Refusal, Failure.CREDIT),
        (403, "Access denied for this operation", Refusal, Failure.KEY),
        (404, "Endpoint not found", Refusal, Failure.REFUSED),
        (429, "Rate limit exceeded, please retry later", Busy, Failure.RATE),
        (500, "An unexpected error occurred, please try again later", Unclear, None),
        (503, "out to lunch", Busy, Failure.DOWN),
        (418, "a teapot", Unclear, None),
    ],
)
async def test_what_each_status_means_for_an_order(there, status, text, kind, failure):
    provider, server = there
    server.script("submit", Answer(status=status, data={"error": text}))
    error = await raised(provider.submit(order(provider, WOMAN)))
    assert type(error) is kind
    assert getattr(error, "failure", None) is failure
    assert text in error.raw


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.DOWN),  # "not ready" on some of the gateway's routes
        (401, Failure.KEY),
        (402, Failure.CREDIT),
        (429, Failure.RATE),
        (500, Failure.DOWN),
    ],
)
async def test_a_question_that_is_not_answered_is_asked_again(there, status, failure):
    provider, server = there
    server.script("result-call", Answer(status=status, data={"error": "said so"}))
    error = await raised(provider.poll(order(provider, WOMAN), REQUEST_ID))
    assert (type(error), error.failure) == (Busy, failure)


async def test_a_job_that_is_not_known_is_asked_about_again_before_it_is_lost(there):
    provider, _ = there
    for _ in range(3):
        assert type(await raised(provider.poll(order(provider, WOMAN), "never-heard"))) is Busy
    error = await raised(provider.poll(order(provider, WOMAN), "never-heard"))
    assert (type(error), error.failure) == (Refusal, Failure.LOST)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"status": "IN_QUEUE"},
        {"request_id": 7},
        {"request_id": "../../x"},
        {"error": "Invalid parameters"},  # with status 200, which proves nothing
    ],
)
async def test_an_acceptance_without_a_usable_id_is_unclear(there, data):
    provider, server = there
    server.script("submit", Answer(data=data))
    assert type(await raised(provider.submit(order(provider, WOMAN)))) is Unclear


# What it can make, what it costs, and settings.


def test_every_clip_costs_sixty_cents():
    capability = pixazo.models()[0].capability(Mode.IMAGE)
    for resolution in ("720p", "1080p", "4K"):
        for seconds in range(2, 11):
            brief = WOMAN.but(resolution=resolution, duration=seconds)
            assert usd(capability, brief) == Decimal("0.60")


def test_what_nobody_chose_is_the_documents_example():
    wish = Brief(mode=Mode.IMAGE, prompt=WOMAN.prompt, image=IMAGE)
    assert complete(pixazo.models()[0], wish, seed=3) == WOMAN


@pytest.mark.parametrize(
    "change",
    [
        {"duration": 1},
        {"duration": 11},
        {"resolution": "480p"},
        {"resolution": "1440p"},
        {"fps": 50},
        {"seed": 1},
        {"mode": Mode.TEXT, "image": None},
        {"prompt": ""},
    ],
)
def test_what_the_document_does_not_have_is_refused_before_it_is_ordered(change):
    with pytest.raises(Refusal):
        complete(pixazo.models()[0], WOMAN.but(**change), seed=1)


def test_without_a_key_it_does_not_exist(tmp_path):
    assert pixazo.connect(Connection(data=tmp_path)) is None


def test_a_price_is_a_setting(tmp_path):
    environ = {"PIXAZO_API_KEY": KEY, "PIXAZO_USD_PER_CLIP": "0.75"}
    provider = pixazo.connect(Connection(data=tmp_path, environ=environ))
    assert usd(provider.models[0].capability(Mode.IMAGE), WOMAN) == Decimal("0.75")


@pytest.mark.parametrize(
    ("setting", "value"), [("BASE_URL", "http://gateway.pixazo.ai"), ("USD_PER_CLIP", "free")]
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, setting, value):
    environ = {"PIXAZO_API_KEY": KEY, f"PIXAZO_{setting}": value}
    with pytest.raises(BadSetting, match=f"PIXAZO_{setting}"):
        pixazo.connect(Connection(data=tmp_path, environ=environ))


# From order to clip, and the server's strictness.


async def test_a_clip_is_ordered_watched_and_fetched(there, tmp_path):
    provider, server = there
    receipt = await provider.submit(order(provider, WOMAN))
    await server.rendered()
    report = await provider.poll(order(provider, WOMAN), receipt.remote_id)
    assert report.stage is Stage.READY
    to = tmp_path / "take.mp4"
    await provider.fetch(order(provider, WOMAN), receipt.remote_id, report.url, to)
    assert to.read_bytes() == CLIP


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"body": {"prompt": "x"}}, "needs image_url"),
        ({"body": {"image_url": "https://a.b/c"}}, "needs prompt"),
        ({"more": {"seed": 1}}, "no field seed"),
        ({"more": {"duration": 11}}, "at most 10"),
        ({"more": {"duration": 6.0}}, "duration"),
        ({"more": {"resolution": "4K"}}, "one of"),
        ({"more": {"aspect_ratio": "4:3"}}, "one of"),
        ({"more": {"fps": 50}}, "one of"),
        ({"more": {"generate_audio": "true"}}, "generate_audio"),
        ({"more": {"image_url": "data:image/png;base64,"}}, "URL"),
        ({"headers": {"Ocp-Apim-Subscription-Key": KEY}}, "no-cache"),
        ({"headers": {"Cache-Control": "no-cache"}}, "Subscription-Key"),
        ({"headers": {**HEADERS, "Authorization": f"Bearer {KEY}"}}, "nowhere else"),
        ({"path": "/v1/ltx-2-video-api-request"}, "no POST"),
        ({"path": f"{ROUTE}-result", "body": {"id": "r-1"}}, "needs request_id"),
    ],
)
async def test_the_loopback_server_says_what_the_document_says(change, complaint):
    body = change.get("body", {"image_url": "https://a.b/c", "prompt": "x"})
    async with PixazoServer(None, key=KEY) as server, aiohttp.ClientSession() as session:
        async with session.post(
            server.url + change.get("path", ROUTE),
            json={**body, **change.get("more", {})},
            headers=change.get("headers", HEADERS),
        ) as response:
            assert response.status in (400, 404)
        assert len(server.complaints) == 1
        assert complaint in server.complaints[0]
