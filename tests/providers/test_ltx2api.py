"""ltx-2api.com: what its document says is what is sent, and what is understood."""

import json
import logging
from decimal import Decimal

import aiohttp
import pytest

from bot.catalog.complete import complete
from bot.catalog.price import billed_seconds, usd
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import Connection, Stage, ltx2api
from bot.settings import BadSetting
from playground.providers._server import Answer
from playground.providers.ltx2api import Ltx2ApiServer, credits_for
from storage import Brief, Mode
from tests.rig.provider_rig import CLIP, IMAGE, KEY, last, line, order, raised, sent

# The document's own examples, word for word.
EXAMPLE = """{
"prompt": "A golden retriever running through a sunlit meadow",
"resolution": "1080p",
"aspect_ratio": "16:9",
"duration": 10
}"""
SUBMITTED = """{
"code": 200,
"message": "success",
"data": {
"task_id": "n50abc123ltx2",
"status": "IN_PROGRESS",
"consumed_credits": 44
}
}"""
SUCCEEDED = """{
"code": 200,
"message": "success",
"data": {
"task_id": "n50abc123ltx2",
"status": "SUCCESS",
"consumed_credits": 44,
"error_message": null,
"created_at": "2024-01-01T12:00:00Z",
"request": {
"prompt": "A golden retriever running through a sunlit meadow",
"resolution": "1080p",
"aspect_ratio": "16:9",
"duration": 10
},
"response": [
"https://cdn.example.com/videos/abc123.mp4"
]
}
}"""
NODE = {"prompt": "A sunset", "duration": 10, "resolution": "720p", "aspect_ratio": "16:9"}
PYTHON = {"prompt": "A sunset over the ocean", "duration": 10, "resolution": "720p"}
CREDITS = {  # the whole table
    5: (20, 24, 28),
    10: (36, 40, 44),
    15: (52, 56, 60),
    20: (68, 72, 76),
}
RETRIEVER = Brief(
    prompt="A golden retriever running through a sunlit meadow",
    resolution="1080p",
    aspect="16:9",
    duration=10,
)


@pytest.fixture
async def there(tmp_path):
    async with line(ltx2api, Ltx2ApiServer, tmp_path, "LTX2API") as both:
        yield both


def envelope(code, data=None, message="said so"):
    return {"code": code, "message": message, "data": data}


# What is sent.


@pytest.mark.parametrize(
    ("brief", "example"),
    [
        (RETRIEVER, json.loads(EXAMPLE)),
        (Brief(prompt="A sunset", resolution="720p", aspect="16:9", duration=10), NODE),
        (Brief(prompt="A sunset over the ocean", resolution="720p", duration=10), PYTHON),
        (Brief(prompt="x"), {"prompt": "x"}),  # "Only prompt is required"
    ],
    ids=["curl", "node", "python", "least"],
)
async def test_each_example_of_the_document_is_what_we_send(there, brief, example):
    provider, server = there
    await provider.submit(order(provider, brief))
    assert sent(server) == example
    seen = last(server)
    assert (seen.method, seen.path) == ("POST", "/api/generate")
    assert seen.headers["Authorization"] == f"Bearer {KEY}"
    assert seen.headers["Content-Type"] == "application/json"


async def test_an_image_goes_as_a_link_and_brings_its_own_aspect(there):
    provider, server = there
    brief = Brief(mode=Mode.IMAGE, prompt="it wakes", image=IMAGE, resolution="480p", duration=5)
    await provider.submit(order(provider, brief.but(aspect="9:16"), link="https://our.example/i"))
    assert sent(server) == {
        "prompt": "it wakes",
        "image": "https://our.example/i",
        "resolution": "480p",
        "duration": 5,
    }


async def test_a_seed_is_sent_when_there_is_one_and_random_is_left_to_the_document(there):
    provider, server = there
    await provider.submit(order(provider, RETRIEVER.but(seed=0)))
    assert sent(server)["seed"] == 0
    await provider.submit(order(provider, RETRIEVER))
    assert "seed" not in sent(server)


async def test_the_key_is_not_sent_where_the_document_does_not_ask_for_it(there):
    provider, server = there
    receipt = await provider.submit(order(provider, RETRIEVER))
    await provider.poll(order(provider, RETRIEVER), receipt.remote_id)
    seen = last(server, "status")
    assert (seen.method, seen.path, seen.query) == (
        "GET",
        "/api/status",
        {"task_id": receipt.remote_id},
    )
    assert KEY not in str(seen.headers)


# What is understood.


async def test_the_examples_of_replies_are_understood(there):
    provider, server = there
    server.script("submit", Answer(body=SUBMITTED.encode()))
    server.script("status", Answer(body=SUCCEEDED.encode()))
    receipt = await provider.submit(order(provider, RETRIEVER))
    assert (receipt.remote_id, receipt.cost) == ("n50abc123ltx2", 44)
    assert "n50abc123ltx2" in receipt.raw
    report = await provider.poll(order(provider, RETRIEVER), "n50abc123ltx2")
    assert report.stage is Stage.READY
    assert report.url == "https://cdn.example.com/videos/abc123.mp4"
    assert report.cost == 44


@pytest.mark.parametrize(
    ("status", "stage"), [("PENDING", Stage.WAITING), ("IN_PROGRESS", Stage.RUNNING)]
)
def test_the_status_values_of_the_document_are_understood(status, stage):
    said = ltx2api.report({"task_id": "t", "status": status, "consumed_credits": 20})
    assert (said.stage, said.url, said.cost) == (stage, None, 20)


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        ("Prompt violates our content policy", Failure.CONTENT),
        ("Could not download the image", Failure.INPUT),
        ("Something else", Failure.REFUSED),
        (None, Failure.REFUSED),
    ],
)
def test_a_failed_clip_costs_nothing_because_credits_are_refunded(message, failure):
    with pytest.raises(Refusal) as caught:
        ltx2api.report({"status": "FAILED", "error_message": message}, raw="the reply")
    assert caught.value.failure is failure
    assert caught.value.billed is False
    assert caught.value.raw == "the reply"


def test_an_unknown_status_is_still_running_and_logged_once(caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert ltx2api.report({"status": "DREAMING"}).stage is Stage.RUNNING
    assert caplog.text.count("DREAMING") == 1


@pytest.mark.parametrize("response", [None, [], [7], [""], "https://x/y.mp4", {}])
def test_success_without_a_clip_is_a_bad_result(response):
    with pytest.raises(Refusal) as caught:
        ltx2api.report({"status": "SUCCESS", "response": response})
    assert caught.value.failure is Failure.BAD_RESULT


@pytest.mark.parametrize("credits", [None, "44", True, -1, [44]])
def test_a_cost_that_is_no_number_is_not_recorded(credits):
    assert ltx2api.report({"status": "PENDING", "consumed_credits": credits}).cost is None


# What its errors mean. Each comes as an HTTP status, or as a code that rides on HTTP 200.


@pytest.mark.parametrize("rides_on_200", [False, True])
@pytest.mark.parametrize(
    ("code", "kind", "failure"),
    [
        (400, Refusal, Failure.REFUSED),
        (401, Refusal, Failure.KEY),
        (404, Refusal, Failure.REFUSED),
        (500, Unclear, None),  # it may have taken the order
        # Not in the document:
        (402, Refusal, Failure.CREDIT),
        (403, Refusal, Failure.KEY),
        (429, Busy, Failure.RATE),
        (418, Unclear, None),
        (503, Busy, Failure.DOWN),
    ],
)
async def test_what_each_code_means_for_an_order(there, code, kind, failure, rides_on_200):
    provider, server = there
    status = 200 if rides_on_200 else code
    server.script("submit", Answer(status=status, data=envelope(code)))
    error = await raised(provider.submit(order(provider, RETRIEVER)))
    assert type(error) is kind
    assert getattr(error, "failure", None) is failure
    assert "said so" in error.raw
    assert KEY not in f"{error!r} {error.raw}"


@pytest.mark.parametrize("rides_on_200", [False, True])
@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (400, Failure.DOWN),
        (401, Failure.KEY),
        (429, Failure.RATE),
        (500, Failure.DOWN),
        (418, Failure.DOWN),
    ],
)
async def test_a_question_that_is_not_answered_is_asked_again(there, code, failure, rides_on_200):
    provider, server = there
    status = 200 if rides_on_200 else code
    server.script("status", Answer(status=status, data=envelope(code)))
    error = await raised(provider.poll(order(provider, RETRIEVER), "t1"))
    assert type(error) is Busy
    assert error.failure is failure


@pytest.mark.parametrize("rides_on_200", [False, True])
async def test_a_job_that_is_not_known_is_asked_about_for_five_minutes(there, rides_on_200):
    provider, server = there
    answer = Answer(status=200 if rides_on_200 else 404, data=envelope(404))
    server.script("status", *[answer] * 4)
    waits = []
    for _ in range(3):
        error = await raised(provider.poll(order(provider, RETRIEVER), "t1"))
        assert type(error) is Busy
        waits.append(error.retry_after)
    assert sum(waits) == 300
    error = await raised(provider.poll(order(provider, RETRIEVER), "t1"))
    assert type(error) is Refusal
    assert (error.failure, error.billed) == (Failure.LOST, None)


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        ("Insufficient credits", Failure.CREDIT),
        ("Bad Request - duration out of range", Failure.REFUSED),
        ("The image cannot be accessed", Failure.INPUT),
        ("This prompt was flagged by our safety system", Failure.CONTENT),
    ],
)
async def test_a_400_is_told_apart_by_its_message(there, message, failure):
    provider, server = there
    server.script("submit", Answer(status=400, data=envelope(400, message=message)))
    error = await raised(provider.submit(order(provider, RETRIEVER)))
    assert (type(error), error.failure) == (Refusal, failure)


@pytest.mark.parametrize(
    "data",
    [
        {"data": {"task_id": "t1"}},  # no code
        {"code": "200", "data": {"task_id": "t1"}},
        {"code": True, "data": {"task_id": "t1"}},
        envelope(200, None),
        envelope(200, []),
        envelope(200, {}),
        envelope(200, {"task_id": 7}),
        envelope(200, {"task_id": "../../etc"}),
        envelope(200, {"task_id": ""}),
    ],
)
async def test_an_acceptance_without_a_usable_id_is_unclear(there, data):
    provider, server = there
    server.script("submit", Answer(data=data))
    error = await raised(provider.submit(order(provider, RETRIEVER)))
    assert type(error) is Unclear
    assert error.raw


# What it costs, and what it can make.


@pytest.mark.parametrize("seconds", CREDITS)
@pytest.mark.parametrize("resolution", ["480p", "720p", "1080p"])
def test_the_credits_of_the_whole_table(seconds, resolution):
    model = ltx2api.models(Decimal("0.02"))[0]
    expected = CREDITS[seconds][["480p", "720p", "1080p"].index(resolution)]
    for mode in (Mode.TEXT, Mode.IMAGE):
        capability = model.capability(mode)
        brief = Brief(mode=mode, prompt="x", resolution=resolution, duration=seconds)
        assert capability.price.units(brief, billed_seconds(capability, brief)) == expected
        assert usd(capability, brief) == expected * Decimal("0.02")
    assert credits_for(resolution, seconds) == expected


def test_credits_between_the_tables_lengths_are_whole_and_never_too_few():
    capability = ltx2api.models()[0].capability(Mode.TEXT)
    for seconds in range(5, 21):
        brief = Brief(prompt="x", resolution="480p", duration=seconds)
        units = capability.price.units(brief, seconds)
        assert units == int(units)
        assert 0 <= units - (20 + (seconds - 5) * Decimal("3.2")) < 1


def test_what_nobody_chose_is_the_documents_default():
    model = ltx2api.models()[0]
    text = complete(model, Brief(prompt="x"), seed=7)
    assert (text.resolution, text.aspect, text.duration) == ("720p", "16:9", 5)
    assert text.seed == 7
    image = complete(model, Brief(mode=Mode.IMAGE, prompt="x", image=IMAGE), seed=7)
    assert (image.resolution, image.aspect, image.duration) == ("720p", None, 5)


@pytest.mark.parametrize(
    "brief",
    [
        Brief(prompt="x" * 2001),
        Brief(prompt=""),
        Brief(prompt="x", duration=4),
        Brief(prompt="x", duration=21),
        Brief(prompt="x", resolution="4K"),
        Brief(prompt="x", aspect="1:1"),
        Brief(prompt="x", fps=24),
        Brief(prompt="x", seed=-1),
        Brief(prompt="x", sound=True),
        Brief(mode=Mode.IMAGE, prompt="x", image=IMAGE, aspect="16:9"),
    ],
)
def test_what_the_document_does_not_have_is_refused_before_it_is_ordered(brief):
    with pytest.raises(Refusal):
        complete(ltx2api.models()[0], brief, seed=1)


def test_the_price_of_a_credit_is_a_setting_and_an_assumption_until_it_is_set(tmp_path):
    def model(**environ):
        environ = {"LTX2API_API_KEY": KEY, **environ}
        return ltx2api.connect(Connection(data=tmp_path, environ=environ)).models[0]

    assert "LTX2API_USD_PER_CREDIT" in model().note
    priced = model(LTX2API_USD_PER_CREDIT="0.05")
    assert priced.note == ""
    brief = Brief(prompt="x", resolution="720p", duration=10)
    assert usd(priced.capability(Mode.TEXT), brief) == Decimal("2.00")


# Settings.


def test_without_a_key_it_does_not_exist(tmp_path):
    assert ltx2api.connect(Connection(data=tmp_path)) is None


def test_its_key_may_be_a_file(tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n")
    environ = {"LTX2API_API_KEY_FILE": str(tmp_path / "key"), "LTX2API_CONCURRENCY": "7"}
    provider = ltx2api.connect(Connection(data=tmp_path, environ=environ))
    assert provider.limits.concurrency == 7


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("BASE_URL", "http://ltx-2api.com"),
        ("BASE_URL", "https://user@ltx-2api.com"),
        ("CONCURRENCY", "none"),
        ("PER_MINUTE", "0"),
        ("USD_PER_CREDIT", "-1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, setting, value):
    environ = {"LTX2API_API_KEY": KEY, f"LTX2API_{setting}": value}
    with pytest.raises(BadSetting, match=f"LTX2API_{setting}"):
        ltx2api.connect(Connection(data=tmp_path, environ=environ))


# From order to clip, and the server's strictness.


async def test_a_clip_is_ordered_watched_and_fetched(there, tmp_path):
    provider, server = there
    receipt = await provider.submit(order(provider, RETRIEVER))
    assert receipt.cost == 44
    await server.rendered()
    report = await provider.poll(order(provider, RETRIEVER), receipt.remote_id)
    assert report.stage is Stage.READY
    to = tmp_path / "take.mp4"
    await provider.fetch(order(provider, RETRIEVER), receipt.remote_id, report.url, to)
    assert to.read_bytes() == CLIP


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"body": {"prompt": "x", "fps": 24}}, "no field fps"),
        ({"body": {"resolution": "720p"}}, "needs prompt"),
        ({"body": {"prompt": "x" * 2001}}, "at most 2000"),
        ({"body": {"prompt": "x", "duration": "10"}}, "duration"),
        ({"body": {"prompt": "x", "duration": True}}, "duration"),
        ({"body": {"prompt": "x", "duration": 21}}, "at most 20"),
        ({"body": {"prompt": "x", "resolution": "4K"}}, "one of"),
        ({"body": {"prompt": "x", "image": "https://a.b/c", "aspect_ratio": "16:9"}}, "only for"),
        ({"headers": {}}, "Bearer"),
        ({"method": "PUT"}, "no PUT"),
        ({"path": "/api/generate/"}, "no POST /api/generate/"),
        ({"method": "GET", "path": "/api/status?id=t1", "body": None, "headers": {}}, "task_id"),
        ({"method": "GET", "path": "/api/status?task_id=t1", "body": None}, "authentication"),
    ],
)
async def test_the_loopback_server_says_what_the_document_says(tmp_path, change, complaint):
    asked = {
        "method": "POST",
        "path": "/api/generate",
        "body": {"prompt": "x"},
        "headers": {"Authorization": f"Bearer {KEY}"},
        **change,
    }
    async with Ltx2ApiServer(None, key=KEY) as server, aiohttp.ClientSession() as session:
        async with session.request(
            asked["method"],
            server.url + asked["path"],
            json=asked["body"],
            headers=asked["headers"],
        ) as response:
            assert response.status in (400, 404)
        assert len(server.complaints) == 1
        assert complaint in server.complaints[0]


async def test_a_wrong_key_gets_the_documents_401(tmp_path):
    async with line(ltx2api, Ltx2ApiServer, tmp_path, "LTX2API", API_KEY="another") as there:
        provider, server = there
        error = await raised(provider.submit(order(provider, RETRIEVER)))
        assert (type(error), error.failure) == (Refusal, Failure.KEY)
        assert server.jobs == {}
