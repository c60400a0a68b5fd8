"""What we order from LTX is its documents' words, and what we offer is in its price list."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.catalog.complete import complete
from bot.catalog.model import Unfit
from bot.catalog.price import billed_seconds, usd
from bot.providers.ltx import ENDPOINTS, models, request
from playground.providers._server import Undocumented, conform
from playground.providers.ltx import RULES
from storage import Brief, Input, Mode
from tests.rig.ltx import BRIEFS, MODELS, PICTURE, TEXT, VIDEO, Opens, Set, on

__all__ = ["on"]


# What is sent.


@pytest.mark.parametrize(
    ("brief", "model", "body"),
    [
        (
            TEXT,
            "ltx-2-3-pro",
            {
                "prompt": "A fox runs over snow.",
                "model": "ltx-2-3-pro",
                "duration": 6,
                "resolution": "1920x1080",
                "fps": 24,
                "generate_audio": True,
            },
        ),
        (
            TEXT.but(duration=20, sound=False, camera="dolly_in"),
            "ltx-2-fast",
            {
                "prompt": "A fox runs over snow.",
                "model": "ltx-2-fast",
                "duration": 20,
                "resolution": "1920x1080",
                "fps": 25,
                "generate_audio": False,
                "camera_motion": "dolly_in",
            },
        ),
        (
            BRIEFS[Mode.IMAGE].but(resolution="4K", aspect="9:16", fps=50, duration=10),
            "ltx-2-3-fast",
            {
                "prompt": "It turns.",
                "model": "ltx-2-3-fast",
                "image_uri": "ltx://image",
                "last_frame_uri": "ltx://last_image",
                "duration": 10,
                "resolution": "2160x3840",
                "fps": 50,
                "generate_audio": True,
                "camera_motion": "jib_up",
            },
        ),
        (
            BRIEFS[Mode.AUDIO],
            "ltx-2-3-pro",
            {
                "audio_uri": "ltx://audio",
                "image_uri": "ltx://image",
                "prompt": "She sings.",
                "resolution": "1920x1080",
                "model": "ltx-2-3-pro",
            },
        ),
        (
            BRIEFS[Mode.EXTEND].but(duration=8),
            "ltx-2-pro",
            {
                "video_uri": "ltx://video",
                "duration": 8,
                "prompt": "It goes on.",
                "mode": "start",
                "model": "ltx-2-pro",
            },
        ),
        (
            BRIEFS[Mode.RETAKE],
            "ltx-2-3-pro",
            {
                "video_uri": "ltx://video",
                "start_time": 1.5,
                "duration": 3,
                "prompt": "Rain.",
                "mode": "replace_video",
                "model": "ltx-2-3-pro",
            },
        ),
        (BRIEFS[Mode.HDR], "ltx-2-3-pro", {"video_uri": "ltx://video"}),
    ],
    ids=lambda value: value.mode.value if isinstance(value, Brief) else None,
)
def test_an_order_is_exactly_what_the_reference_says(
    brief: Brief, model: str, body: dict[str, Any]
) -> None:
    uris = {name: f"ltx://{name}" for name in ("image", "last_image", "audio", "video")}
    brief = complete(MODELS[model], brief, seed=7)
    uris = {name: uri for name, uri in uris.items() if getattr(brief, name) is not None}
    sent = request(MODELS[model], brief, uris)
    assert sent == body
    conform(ENDPOINTS[brief.mode], sent, RULES[ENDPOINTS[brief.mode]])


def every_shape() -> list[tuple[str, Brief]]:
    """Each model's every size, shape, rate and length, for text and image."""
    return [
        (model.name, Brief(mode=capability.mode, prompt="x", resolution=resolution, aspect=aspect,
                           fps=fps, duration=duration,
                           image=PICTURE if capability.mode is Mode.IMAGE else None))
        for model in models()
        for capability in model.capabilities
        if capability.mode in (Mode.TEXT, Mode.IMAGE)
        for shape in capability.shapes
        for resolution in shape.resolutions
        for aspect in shape.aspects
        for fps in shape.fps
        for duration in shape.durations
    ]  # fmt: skip


def test_all_that_is_offered_is_in_the_references_table() -> None:
    from playground.providers.ltx import _fits

    shapes = every_shape()
    assert len(shapes) == 2 * ((8 + 3 + 12) + 18 + (32 + 12 + 48) + 72)
    for model, brief in shapes:
        body = request(MODELS[model], complete(MODELS[model], brief, seed=1), {"image": "ltx://x"})
        _fits(body)


@pytest.mark.parametrize(
    ("model", "wish", "sentence"),
    [
        (
            "ltx-2-3-pro",
            TEXT.but(duration=12),
            "ltx-2-3-pro can't make a 12 s clip. It makes 6, 8 or 10 s.",
        ),
        (
            "ltx-2-3-fast",
            TEXT.but(duration=20, resolution="4K"),
            "ltx-2-3-fast can't make a 20 s clip in 4K. In 4K it makes 6, 8 or 10 s.",
        ),
        (
            "ltx-2-pro",
            TEXT.but(aspect="9:16"),
            "ltx-2-pro can't make a clip in 9:16. It makes 16:9.",
        ),
        (
            "ltx-2-fast",
            TEXT.but(fps=24),
            "ltx-2-fast can't make a clip at 24 fps. It makes 25 or 50 fps.",
        ),
        ("ltx-2-3-pro", TEXT.but(seed=5), "ltx-2-3-pro has no seed option. Leave out `seed`."),
        (
            "ltx-2-3-fast",
            BRIEFS[Mode.RETAKE],
            "ltx-2-3-fast can't make retakes. It makes clips from text and clips from an image.",
        ),
        (
            "ltx-2-3-pro",
            TEXT.but(prompt="x" * 5001),
            "Your prompt has 5,001 characters. ltx-2-3-pro takes up to 5,000 characters.",
        ),
    ],
)
def test_what_it_does_not_make_is_refused_in_words(model: str, wish: Brief, sentence: str) -> None:
    with pytest.raises(Unfit) as refused:
        complete(MODELS[model], wish, seed=1)
    assert str(refused.value) == sentence


async def test_the_imitation_refuses_what_the_documents_do_not_say(on: Opens) -> None:
    body = {"prompt": "x", "model": "ltx-2-pro", "duration": 6, "resolution": "1920x1080"}
    for wrong in (
        {"seed": 1},
        {"duration": "6"},
        {"duration": 6.5},
        {"duration": True},
        {"model": "ltx-3"},
        {"camera_motion": "none"},
        {"prompt": "x" * 5001},
    ):
        with pytest.raises(Undocumented):
            conform("text-to-video", {**body, **wrong}, RULES["text-to-video"])
    async with on(odd=True) as here:
        await _raw(here, "GET", "/v1/text-to-video")
        await _raw(here, "POST", "/v1/video-to-video-hdr")
        await _raw(here, "GET", "/v2/jobs/1")
    assert len(here.server.complaints) == 3


async def _raw(here: Set, method: str, path: str) -> None:
    from aiohttp import ClientSession

    async with ClientSession() as session, session.request(method, here.server.url + path):
        pass


# Prices.


@pytest.mark.parametrize(
    ("model", "wish", "dollars"),
    [
        ("ltx-2-3-fast", TEXT.but(duration=8), "0.48"),
        ("ltx-2-3-pro", TEXT.but(duration=10, resolution="4K"), "3.20"),
        ("ltx-2-pro", TEXT, "0.36"),
        ("ltx-2-fast", TEXT.but(duration=20), "0.80"),
        ("ltx-2-3-pro", BRIEFS[Mode.AUDIO], "1.80"),
        ("ltx-2-3-pro", BRIEFS[Mode.HDR], "1.40"),
        (
            "ltx-2-3-pro",
            BRIEFS[Mode.RETAKE].but(
                video=Input(
                    file="a",
                    type="video/mp4",
                    size=1,
                    width=1920,
                    height=1080,
                    seconds=60,
                    fps=24,
                )
            ),
            "6.00",
        ),
    ],
)
def test_prices_are_those_of_the_price_list(model: str, wish: Brief, dollars: str) -> None:
    brief = complete(MODELS[model], wish, seed=1)
    capability = MODELS[model].capability(brief.mode)
    assert capability is not None
    assert usd(capability, brief) == Decimal(dollars)


def test_an_extension_is_never_billed_beyond_505_frames() -> None:
    long = replace(VIDEO, seconds=60.0, frames=1440)
    brief = complete(
        MODELS["ltx-2-3-pro"], Brief(mode=Mode.EXTEND, video=long, duration=20), seed=1
    )
    capability = MODELS["ltx-2-3-pro"].capability(Mode.EXTEND)
    assert capability is not None
    assert billed_seconds(capability, brief) == pytest.approx(505 / 24)
    assert usd(capability, brief).quantize(Decimal("0.01")) == Decimal("2.10")
