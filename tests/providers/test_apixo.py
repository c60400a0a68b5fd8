"""What apixo's document says is what is sent, and its imitation takes nothing else."""

import json
from decimal import Decimal

import aiohttp
import pytest

from bot.catalog.complete import complete
from bot.catalog.price import usd
from bot.errors import Failure, Refusal
from bot.providers import Connection, Stage, apixo
from bot.settings import BadSetting
from playground.providers._server import Answer
from playground.providers.apixo import ApixoServer
from storage import Brief, Lora, Mode
from tests.rig.apixo import (
    CINEMATIC,
    CITY,
    FAIL_CODES,
    IMAGE_LORA,
    MAGIC,
    SUBMITTED,
    TEXT,
    TEXT_LORAS,
    there,
)
from tests.rig.provider_rig import CLIP, IMAGE, KEY, last, line, order, raised, sent

__all__ = ["there"]


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
