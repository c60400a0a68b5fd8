"""The official LTX API: what we send is its documents' words, and every answer is understood."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.complete import complete
from bot.catalog.model import Unfit
from bot.catalog.price import billed_seconds, usd
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import Connection, Order, Stage
from bot.providers._vocabulary import Reply
from bot.providers.ltx import ENDPOINTS, Ltx, connect, models, report, request
from bot.settings import BadSetting
from playground.providers._server import Answer, Undocumented, Wish, conform
from playground.providers.ltx import RULES, LtxServer
from storage import Brief, Input, Mode

MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(3000)
ZIP = b"PK\x03\x04" + bytes(3000)
MODELS = {model.name: model for model in models()}
PICTURE = Input(file="inputs/a.png", type="image/png", size=2000, width=1920, height=1080)
SOUND = Input(file="inputs/a.ogg", type="audio/ogg", size=2000, seconds=18.0)
VIDEO = Input(
    file="inputs/a.mp4",
    type="video/mp4",
    size=2000,
    width=1920,
    height=1080,
    seconds=7.0,
    fps=24.0,
)
TEXT = Brief(prompt="A fox runs over snow.")
BRIEFS = {
    Mode.TEXT: TEXT,
    Mode.IMAGE: Brief(
        mode=Mode.IMAGE, prompt="It turns.", image=PICTURE, last_image=PICTURE, camera="jib_up"
    ),
    Mode.AUDIO: Brief(mode=Mode.AUDIO, prompt="She sings.", audio=SOUND, image=PICTURE),
    Mode.EXTEND: Brief(mode=Mode.EXTEND, prompt="It goes on.", video=VIDEO, direction="start"),
    Mode.RETAKE: Brief(
        mode=Mode.RETAKE, prompt="Rain.", video=VIDEO, start=1.5, duration=3, replace="picture"
    ),
    Mode.HDR: Brief(mode=Mode.HDR, video=VIDEO),
}


def reply(data: dict[str, Any]) -> Reply:
    return Reply(status=200, headers={}, raw=json.dumps(data), data=data)


class Set:
    """An imitated LTX, a real client of it, and orders to give."""

    def __init__(self, server: LtxServer, ltx: Ltx, folder: Path) -> None:
        self.server, self.ltx, self.folder = server, ltx, folder
        self.linked: list[Input] = []

    def order(self, wish: Brief = TEXT, model: str = "ltx-2-3-pro", attempt: str = "t1") -> Order:
        async def link(given: Input) -> str:
            self.linked.append(given)
            return f"https://clips.example.com/{given.file}"

        return Order(
            job=1,
            attempt=attempt,
            model=MODELS[model],
            brief=complete(MODELS[model], wish, seed=7),
            path=lambda given: self.folder / given.file,
            link=link,
        )

    def sent(self) -> dict[str, Any]:
        """The body of the last order."""
        return next(seen for seen in reversed(self.server.seen) if seen.route == "submit").object()

    def paths(self, route: str = "submit") -> list[str]:
        return [seen.path for seen in self.server.seen if seen.route == route]

    async def made(self, order: Order) -> str:
        """Order, wait for the rendering, and return its id."""
        receipt = await self.ltx.submit(order)
        assert receipt.remote_id is not None
        await self.server.rendered()
        return receipt.remote_id


Opens = Callable[..., Any]


@pytest.fixture
def on(tmp_path: Path) -> Opens:
    """Opens a set; complains at the end about all that the documents do not allow."""

    @asynccontextmanager
    async def opened(
        *,
        render: Callable[[Wish], Awaitable[Path]] | None = None,
        odd: bool = False,
        **options: Any,
    ) -> AsyncIterator[Set]:
        environ = {"LTX_API_KEY": "sekret-key-123", "LTX_PER_MINUTE": "60000"}
        environ |= options.pop("environ", {})
        for given, content in ((PICTURE, b"\x89PNG"), (SOUND, b"OggS"), (VIDEO, MP4)):
            (tmp_path / given.file).parent.mkdir(exist_ok=True)
            (tmp_path / given.file).write_bytes(content + bytes(2000))

        async def plain(wish: Wish) -> Path:
            file = tmp_path / ("frames.zip" if wish.mode == "hdr" else "clip.mp4")
            file.write_bytes(ZIP if wish.mode == "hdr" else MP4)
            return file

        async with LtxServer(render or plain, key="sekret-key-123", **options) as server:
            connection = Connection(
                data=tmp_path,
                environ={"LTX_BASE_URL": server.url, **environ},
                loopback=frozenset({server.host}),
            )
            ltx = connect(connection)
            assert ltx is not None
            try:
                yield Set(server, ltx, tmp_path)
            finally:
                await ltx.close()
        assert odd or server.complaints == []

    return opened


# From order to clip.


@pytest.mark.parametrize("v1", ["id", "gone"])
@pytest.mark.parametrize("mode", list(Mode))
async def test_every_mode_goes_from_order_to_file(
    on: Opens, tmp_path: Path, mode: Mode, v1: str
) -> None:
    async with on(v1=v1) as here:
        order = here.order(BRIEFS[mode])
        remote_id = await here.made(order)
        last = await here.ltx.poll(order, remote_id)
        assert last.stage is Stage.READY
        await here.ltx.fetch(order, remote_id, last.url, tmp_path / "take")
        assert (tmp_path / "take").read_bytes() == (ZIP if mode is Mode.HDR else MP4)
        asked = here.paths("status")
        assert asked == [f"/v2/{ENDPOINTS[mode]}/{remote_id}"]


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.HDR])
async def test_a_clip_in_the_answer_is_taken_as_it_is(on: Opens, mode: Mode) -> None:
    async with on(v1="clip") as here:
        receipt = await here.ltx.submit(here.order(BRIEFS[mode]))
        assert receipt.remote_id is None
        assert receipt.file is not None
        assert receipt.file.read_bytes() == MP4
        assert here.paths() == [f"/v1/{ENDPOINTS[mode]}"]


async def test_the_guide_counts_so_an_order_goes_to_v1_first(on: Opens) -> None:
    async with on() as here:
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v1/text-to-video"]


async def test_once_v1_is_gone_only_v2_is_asked(on: Opens) -> None:
    async with on(v1="gone") as here:
        await here.ltx.submit(here.order())
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v1/text-to-video", "/v2/text-to-video", "/v2/text-to-video"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=410, body=b"Gone"),
        Answer(status=405, body=b""),
        Answer(
            status=400,
            data={
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "v1 is deprecated, use v2."},
            },
        ),
    ],
)
async def test_other_ways_to_say_that_v1_is_gone(on: Opens, answer: Answer) -> None:
    async with on() as here:
        here.server.script("submit", answer)
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v1/text-to-video", "/v2/text-to-video"]


async def test_the_version_is_a_setting(on: Opens) -> None:
    async with on(environ={"LTX_SUBMIT_VERSION": "v2"}) as here:
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v2/text-to-video"]


async def test_hdr_is_ordered_from_v2_only(on: Opens) -> None:
    async with on() as here:
        await here.ltx.submit(here.order(BRIEFS[Mode.HDR]))
        assert here.paths() == ["/v2/video-to-video-hdr"]


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


# What is heard: every reply of the reference.

JOB = {"id": "2f0e", "created_at": "2026-01-15T10:00:00.000Z"}
ENDED = {**JOB, "completed_at": "2026-01-15T10:01:00.000Z"}


@pytest.mark.parametrize(
    ("data", "stage", "url"),
    [
        ({"status": "pending", **JOB}, Stage.WAITING, None),
        ({"status": "processing", **JOB}, Stage.RUNNING, None),
        ({"status": "polishing", **JOB}, Stage.RUNNING, None),
        (JOB, Stage.RUNNING, None),
        ({"status": ["completed"], **JOB}, Stage.RUNNING, None),
        (
            {"status": "completed", **ENDED, "result": {"video_url": "https://s.example/v.mp4"}},
            Stage.READY,
            "https://s.example/v.mp4",
        ),
        (
            {"status": "completed", **ENDED, "result": {"exr_frames_url": "https://s.example/f"}},
            Stage.READY,
            "https://s.example/f",
        ),
        (
            {"status": "completed", "result": {"n": 3, "other": "https://s.example/o"}},
            Stage.READY,
            "https://s.example/o",
        ),
    ],
)
def test_each_status_reply_is_understood(
    data: dict[str, Any], stage: Stage, url: str | None
) -> None:
    said = report(reply(data))
    assert (said.stage, said.url, said.fraction) == (stage, url, None)


@pytest.mark.parametrize("result", [None, {}, [], "https://s.example/v.mp4", {"video_url": None}])
def test_a_finished_job_without_a_link_is_a_bad_result(result: object) -> None:
    with pytest.raises(Refusal) as refused:
        report(reply({"status": "completed", **ENDED, "result": result}))
    assert (refused.value.failure, refused.value.billed) == (Failure.BAD_RESULT, True)


@pytest.mark.parametrize(
    ("word", "failure"),
    [
        ("content_filtered_error", Failure.CONTENT),
        ("invalid_request_error", Failure.REFUSED),
        ("api_error", Failure.DOWN),
        ("something_new", Failure.REFUSED),
        (None, Failure.REFUSED),
    ],
)
def test_a_failed_job_costs_nothing_and_says_why(word: str | None, failure: Failure) -> None:
    error = {"type": word, "message": "Blocked."}
    with pytest.raises(Refusal) as refused:
        report(reply({"status": "failed", **ENDED, "error": error}))
    assert (refused.value.failure, refused.value.billed) == (failure, False)
    assert "Blocked" in refused.value.raw


ERRORS = [
    (400, "invalid_request_error", Refusal, Failure.REFUSED),
    (401, "authentication_error", Refusal, Failure.KEY),
    (402, "insufficient_funds_error", Refusal, Failure.CREDIT),
    (403, "permission_error", Refusal, Failure.KEY),
    (404, "not_found_error", Refusal, Failure.REFUSED),
    (413, "request_too_large", Refusal, Failure.INPUT),
    (422, "content_filtered_error", Refusal, Failure.CONTENT),
    (429, "rate_limit_error", Busy, Failure.RATE),
    (429, "concurrency_limit_error", Busy, Failure.RATE),
    (500, "api_error", Unclear, None),
    (503, "service_unavailable", Busy, Failure.DOWN),
    (503, "service_unavailable_error", Busy, Failure.DOWN),
    (529, "overloaded_error", Unclear, None),
]


@pytest.mark.parametrize(("status", "word", "kind", "failure"), ERRORS)
async def test_each_error_of_the_reference_has_its_failure(
    on: Opens, status: int, word: str, kind: type[Exception], failure: Failure | None
) -> None:
    async with on(environ={"LTX_SUBMIT_VERSION": "v2"}) as here:
        data = {"type": "error", "error": {"type": word, "message": "Something specific."}}
        here.server.script("submit", Answer(status=status, data=data))
        with pytest.raises(kind) as said:
            await here.ltx.submit(here.order())
        assert getattr(said.value, "failure", None) is failure
        assert "Something specific." in said.value.raw
        assert word not in str(said.value)
        assert here.server.jobs == {}


async def test_the_persons_sentence_holds_what_ltx_said(on: Opens) -> None:
    async with on() as here:
        message = "image_uri: the image is\n 12 pixels wide <@&123>."
        data = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
        here.server.script("submit", Answer(status=400, data=data))
        with pytest.raises(Refusal) as refused:
            await here.ltx.submit(here.order())
        assert str(refused.value) == (
            "LTX didn't take this: image_uri: the image is 12 pixels wide <@&123>."
        )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=504, data={"type": "error", "error": {"type": "api_error", "message": ""}}),
        Answer(status=500, body=b"<h1>Internal Server Error</h1>", content_type="text/html"),
        Answer(status=302, body=b"", headers={"Location": "https://elsewhere.example/"}),
        Answer(body=b'{"id": "half'),
        Answer(body=b"[]"),
        Answer(body=b'{"id": 1, "id": 2}'),
        Answer(data={"created_at": "2026-01-15T10:00:00.000Z"}),
        Answer(data={"id": None}),
        Answer(data={"id": "../../v1/upload"}),
        Answer(data={"id": "x" * 129}),
        Answer(body=b"\x00" * 2_000_000, content_type="application/octet-stream"),
        Answer(carried_out=True, dropped=True),
        Answer(dropped=True),
    ],
)
async def test_what_does_not_say_whether_it_was_taken_is_unclear(on: Opens, answer: Answer) -> None:
    async with on() as here:
        here.server.script("submit", answer)
        with pytest.raises(Unclear):
            await here.ltx.submit(here.order())
        assert len(here.paths()) == 1, "an order that may have arrived is never sent twice"


async def test_an_id_counts_whatever_its_content_type(on: Opens) -> None:
    async with on() as here:
        here.server.script("submit", Answer(content_type="text/html"))
        receipt = await here.ltx.submit(here.order())
        assert receipt.remote_id in here.server.jobs
        assert receipt.raw


async def test_a_clip_that_breaks_off_is_unclear_and_leaves_no_file(on: Opens) -> None:
    async with on() as here:
        here.server.script("submit", Answer(body=MP4, content_type="video/mp4", cut=1000))
        with pytest.raises(Unclear):
            await here.ltx.submit(here.order())
        assert list((here.folder / "ltx").iterdir()) == []


async def test_being_asked_to_wait_is_passed_on(on: Opens) -> None:
    async with on() as here:
        data = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
        here.server.script("submit", Answer(status=429, data=data, headers={"Retry-After": "7"}))
        with pytest.raises(Busy) as busy:
            await here.ltx.submit(here.order())
        assert busy.value.retry_after == 7
        with pytest.raises(Busy) as busy:
            await here.ltx.submit(here.order())
        assert 6 < (busy.value.retry_after or 0) < 9
        assert len(here.paths()) == 1, "it was not asked again before its time"


async def test_a_wrong_key_is_said_to_be_one_and_never_shown(on: Opens) -> None:
    async with on(environ={"LTX_API_KEY": "wrong-key-456"}) as here:
        with pytest.raises(Refusal) as refused:
            await here.ltx.submit(here.order())
        assert refused.value.failure is Failure.KEY
        for shown in (str(refused.value), repr(refused.value), refused.value.raw, repr(here.ltx)):
            assert "wrong-key-456" not in shown


# Polling.


async def test_polling_follows_the_job_from_waiting_to_ready(on: Opens, tmp_path: Path) -> None:
    finish = asyncio.Event()

    async def render(_: Wish) -> Path:
        await finish.wait()
        (tmp_path / "clip.mp4").write_bytes(MP4)
        return tmp_path / "clip.mp4"

    async with on(render=render) as here:
        order = here.order()
        receipt = await here.ltx.submit(order)
        stages = [(await here.ltx.poll(order, receipt.remote_id)).stage for _ in range(2)]
        finish.set()
        await here.server.rendered()
        stages.append((await here.ltx.poll(order, receipt.remote_id)).stage)
        assert stages == [Stage.WAITING, Stage.RUNNING, Stage.READY]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Answer(status=500, body=b"oops"), Failure.DOWN),
        (Answer(status=504, body=b""), Failure.DOWN),
        (Answer(status=429, body=b"", headers={"Retry-After": "3"}), Failure.RATE),
        (Answer(status=401, body=b"{}"), Failure.KEY),
        (Answer(status=302, body=b"", headers={"Location": "/elsewhere"}), Failure.DOWN),
        (Answer(body=b"{not json"), Failure.DOWN),
        (Answer(body=b'{"status": NaN}'), Failure.DOWN),
        (Answer(body=b"[" * 100_000), Failure.DOWN),
        (Answer(body=b'{"a": "' + b"x" * 1_100_000 + b'"}'), Failure.DOWN),
        (Answer(dropped=True), Failure.DOWN),
    ],
)
async def test_whatever_goes_wrong_with_a_question_it_is_only_asked_again(
    on: Opens, answer: Answer, failure: Failure
) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        here.server.script("status", answer, answer)  # aiohttp itself may ask twice
        with pytest.raises(Busy) as busy:
            await here.ltx.poll(order, remote_id)
        assert busy.value.failure is failure
        assert busy.value.retry_after is None or 1 <= busy.value.retry_after <= 900


async def test_a_job_it_no_longer_knows_is_lost_only_after_several_answers(on: Opens) -> None:
    async with on() as here:
        order = here.order()
        for _ in range(3):
            with pytest.raises(Busy):
                await here.ltx.poll(order, "gone")
        with pytest.raises(Refusal) as refused:
            await here.ltx.poll(order, "gone")
        assert (refused.value.failure, refused.value.billed) == (Failure.LOST, None)


async def test_a_failed_job_is_told_with_its_reason(on: Opens) -> None:
    async with on() as here:
        here.server.fail_next.append(("content_filtered_error", "The prompt was blocked."))
        order = here.order()
        remote_id = await here.made(order)
        with pytest.raises(Refusal) as refused:
            await here.ltx.poll(order, remote_id)
        assert str(refused.value) == (
            "LTX refused this because of its content rules: The prompt was blocked."
        )


async def test_a_status_that_goes_backwards_or_is_new_breaks_nothing(on: Opens) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        here.server.jobs[remote_id].words.extend(["processing", "pending", "polishing"])
        stages = [(await here.ltx.poll(order, remote_id)).stage for _ in range(4)]
        assert stages == [Stage.RUNNING, Stage.WAITING, Stage.RUNNING, Stage.READY]


# Results.


async def test_a_dead_link_is_asked_for_anew(on: Opens, tmp_path: Path) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        url = (await here.ltx.poll(order, remote_id)).url
        here.server.script("result", Answer(status=403, body=b"expired"))
        await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == MP4
        assert len(here.paths("status")) == 2


async def test_a_link_that_stays_dead_is_tried_later(on: Opens, tmp_path: Path) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        here.server.jobs[remote_id].expired = True
        url = (await here.ltx.poll(order, remote_id)).url
        with pytest.raises(Busy):
            await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"<!doctype html><title>Sign in</title>", content_type="text/html"),
        Answer(body=b"#EXTM3U\n", content_type="video/mp4"),
        Answer(body=b"", content_type="video/mp4"),
    ],
)
async def test_a_result_that_is_no_clip_is_asked_for_once_more_and_then_later(
    on: Opens, tmp_path: Path, answer: Answer
) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        url = (await here.ltx.poll(order, remote_id)).url
        here.server.script("result", answer, answer)
        with pytest.raises(Busy):
            await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")
        assert not (tmp_path / "take.mp4").exists()
        here.server.script("result", answer)
        await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").exists(), "the fresh link gave it"


async def test_a_result_that_is_not_in_public_is_never_fetched(on: Opens, tmp_path: Path) -> None:
    async with on() as here:
        with pytest.raises(Busy):
            await here.ltx.fetch(
                here.order(), None, "https://169.254.169.254/latest", tmp_path / "t"
            )


# Inputs.


async def test_inputs_are_uploaded_without_the_key_and_only_once(on: Opens) -> None:
    async with on() as here:
        order = here.order(BRIEFS[Mode.IMAGE])
        await here.ltx.submit(order)
        await here.ltx.submit(order)
        assert len(here.paths("put")) == 1, "first and last frame are the same file"
        put = next(seen for seen in here.server.seen if seen.route == "put")
        assert put.body == b"\x89PNG" + bytes(2000)
        assert put.headers["Content-Type"] == "image/png"
        assert "Authorization" not in put.headers
        assert here.sent()["image_uri"].startswith("ltx://")


@pytest.mark.parametrize("broken", ["upload", "put"])
async def test_where_uploads_are_refused_a_small_input_goes_into_the_order(
    on: Opens, broken: str
) -> None:
    async with on() as here:
        here.server.script(broken, Answer(status=404, body=b""))
        await here.ltx.submit(here.order(BRIEFS[Mode.AUDIO].but(image=None)))
        assert here.sent()["audio_uri"].startswith("data:audio/ogg;base64,")


async def test_where_uploads_are_refused_a_large_input_is_linked_to(on: Opens) -> None:
    async with on() as here:
        here.server.script("upload", Answer(status=404, body=b""))
        large = replace(VIDEO, size=30_000_000)
        await here.ltx.submit(here.order(Brief(mode=Mode.HDR, video=large)))
        assert here.sent()["video_uri"] == "https://clips.example.com/inputs/a.mp4"
        assert here.linked == [large]


async def test_nothing_is_ordered_while_uploads_are_out_of_order(on: Opens) -> None:
    async with on() as here:
        here.server.script("upload", Answer(status=503, body=b""))
        with pytest.raises(Busy):
            await here.ltx.submit(here.order(BRIEFS[Mode.IMAGE]))
        assert here.paths() == []


@pytest.mark.parametrize(
    "odd",
    [
        {"storage_uri": None},
        {"storage_uri": "file:///etc/passwd"},
        {"upload_url": None},
        {"required_headers": {"Host": "10.0.0.1"}},
        {"required_headers": {"x-a": "1\r\nHost: 10.0.0.1"}},
        {"required_headers": {"x-a": 1}},
        {"required_headers": ["x-a"]},
    ],
)
async def test_nothing_is_sent_where_the_uploads_answer_is_odd(
    on: Opens, odd: dict[str, Any]
) -> None:
    async with on() as here:
        sane = {"upload_url": f"{here.server.url}/storage/x?signature=1", "storage_uri": "ltx://x"}
        here.server.script("upload", Answer(data=sane | odd))
        here.server.script("put", Answer(status=200, body=b""))
        with pytest.raises(Busy):
            await here.ltx.submit(here.order(BRIEFS[Mode.IMAGE]))
        assert (here.paths("put"), here.paths()) == ([], [])


async def test_what_ltx_would_refuse_after_an_upload_is_refused_before(on: Opens) -> None:
    async with on() as here:
        with pytest.raises(Refusal, match="needs a prompt or a first frame"):
            await here.ltx.submit(here.order(Brief(mode=Mode.AUDIO, audio=SOUND)))
        assert here.server.seen == []


# Settings.


def test_without_a_key_there_is_no_ltx(tmp_path: Path) -> None:
    assert connect(Connection(data=tmp_path)) is None
    assert connect(Connection(data=tmp_path, environ={"LTX_API_KEY": " "})) is None


def test_each_setting_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    (tmp_path / "many").write_text("9\n")
    ltx = connect(
        Connection(
            data=tmp_path,
            environ={
                "LTX_API_KEY_FILE": str(tmp_path / "key"),
                "LTX_CONCURRENCY_FILE": str(tmp_path / "many"),
            },
        )
    )
    assert ltx is not None
    assert ltx.limits.concurrency == 9


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "LTX_SUBMIT_VERSION",
            "v3",
            "LTX_SUBMIT_VERSION can't be used: write one of v1 or v2.",
        ),
        (
            "LTX_CONCURRENCY",
            "0",
            "LTX_CONCURRENCY can't be used: write 1 or more.",
        ),
        (
            "LTX_BASE_URL",
            "http://api.ltx.video",
            "LTX_BASE_URL must be an https link without a query or user name.",
        ),
        (
            "LTX_BASE_URL",
            "https://key@api.ltx.video",
            "LTX_BASE_URL must be an https link without a query or user name.",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    environ = {"LTX_API_KEY": "sekret-key-123", name: value}
    with pytest.raises(BadSetting) as bad:
        connect(Connection(data=tmp_path, environ=environ))
    assert str(bad.value) == sentence
