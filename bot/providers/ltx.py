"""The official LTX API of Lightricks: text, image, sound, extension, retake and HDR.

Written from "How To Integrate A Video Generation API Into Your Application" (ltx.video), which
is what counts where it speaks; fields, sizes, prices and error words are those of its
reference at docs.ltx.video, read on the dates given below.
"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr

from bot.catalog.model import Model, pixels
from bot.errors import Busy, Failure, Refusal, Trouble, Unclear
from bot.files.fetch import Fetcher
from bot.providers import NOBODYS, Connection, Limits, Order, Receipt, Report, Stage
from storage import Brief, Input, Mode

from ._http import ORDER_DEADLINE, Edge, base_url
from ._ltx_models import REPLACE, models
from ._overrides import overridden
from ._patience import Patience
from ._pressure import Pressure
from ._results import bring_home, is_mp4, is_zip
from ._settings import RETRY_SUBMIT, SETTINGS, read
from ._vocabulary import (
    CONTENT,
    CREDIT,
    DOWN,
    INPUT,
    KEY,
    RATE,
    REFUSED,
    Reply,
    Vocabulary,
    remote_id,
    text,
)
from ._words import Stages

__all__ = ["Ltx", "connect", "models", "request"]

TITLE = "LTX"
GUIDE = "ltx.video, How To Integrate A Video Generation API"
KEY_FROM = "the developer console, https://console.ltx.video"

ENDPOINTS: Mapping[Mode, str] = {
    Mode.TEXT: "text-to-video",
    Mode.IMAGE: "image-to-video",
    Mode.AUDIO: "audio-to-video",
    Mode.EXTEND: "extend",
    Mode.RETAKE: "retake",
    Mode.HDR: "video-to-video-hdr",
}
VOCABULARY = Vocabulary(
    TITLE,
    words={
        "invalid_request_error": REFUSED,
        "authentication_error": KEY,
        "insufficient_funds_error": CREDIT,
        "permission_error": KEY,
        "not_found_error": REFUSED,
        "request_too_large": INPUT,
        "content_filtered_error": CONTENT,
        "rate_limit_error": RATE,
        "concurrency_limit_error": RATE,
        "api_error": DOWN,
        "service_unavailable": DOWN,  # both spellings are documented
        "service_unavailable_error": DOWN,
        "overloaded_error": DOWN,
    },
    explain=lambda data: (text(data, "error", "type"), text(data, "error", "message")),
    # {"type": "error", "error": {"type": …, "message": …}}, and no id of a job that was taken.
    form=lambda _, data: (
        text(data, "type") == "error"
        and text(data, "error", "type") is not None
        and "id" not in data
    ),
)
STAGES = Stages(
    TITLE,
    {"pending": Stage.WAITING, "processing": Stage.RUNNING, "completed": Stage.READY},
)

SYNC_DEADLINE = 1_200.0  #: seconds that an answer may take which is the clip itself
UPLOAD_DEADLINE = 60.0  #: seconds for the upload's link: it has been seen to take over 30
SEND_DEADLINE = 300.0  #: seconds to upload 100 MB
UPLOAD_LIVES = 12 * 3600.0  #: seconds that we rely on an upload; LTX keeps it for 24 hours
MAX_UPLOADS = 200  #: uploads remembered
MAX_CLIP = 1024**3  #: bytes of an MP4; ten seconds of 4K have a tenth of that
MAX_FRAMES_ZIP = 4 * 1024**3  #: bytes of HDR's frames: 181 EXR files of 1080p
#: Bytes that a file may have to be sent inside the request: 7 MB and 15 MB once in base64.
MAX_INLINE: Mapping[str, int] = {"image": 7_000_000 * 3 // 4, "other": 15_000_000 * 3 // 4}

#: Answers to a POST /v1/… after which /v2/… is tried: nothing was taken, and the path is gone.
GONE = frozenset({404, 405, 410, 501})
_RETIRED = re.compile(
    r"(?i)\bv2\b|deprecat|retired|sunset|discontinued|no longer (?:avail|support)"
)


class Settings(BaseModel):
    """What a deployment decides about LTX: `LTX_API_KEY` and so on."""

    model_config = SETTINGS

    api_key: SecretStr = Field(description="The key. Without it, this provider is off.")
    base_url: str = Field("https://api.ltx.video", description="The address of its API.")
    #: The guide orders with POST /v1/… and asks with GET /v2/…, and the guide is what counts. The
    #: reference has ids only from POST /v2/…, and has announced the end of /v1/… for 26 October
    #: 2026. So `v1` is the default, and gives way to /v2/… where LTX says that it is gone.
    submit_version: Literal["v1", "v2"] = Field(
        "v1",
        description="The API version for orders: v1 or v2. If v1 is gone, v2 is used.",
    )
    concurrency: int = Field(  # two at a time is what an account has
        2, ge=1, le=20_000, description="Clips that it makes at once."
    )
    per_minute: float = Field(  # LTX publishes no number
        120, ge=0.1, le=1_000_000, description="Requests a minute, of any kind."
    )
    retry_submit: bool = RETRY_SUBMIT


class Ltx:
    """LTX, over its own API."""

    name = "ltx"
    title = TITLE
    idempotent = False
    cancels = False
    announces: Literal[True] = True

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.models = overridden(models(), connection.toml, provider=self.name)
        self.limits = Limits(
            concurrency=settings.concurrency,
            per_minute=settings.per_minute,
            first_poll=5,
            poll_every=5,
            max_runtime=1_800,
            keeps_for=24 * 3600,
            source=GUIDE,
        )
        self._edge = Edge(
            vocabulary=VOCABULARY,
            base_url=base_url(
                settings.base_url, setting="LTX_BASE_URL", loopback=connection.loopback
            ),
            headers={"Authorization": f"Bearer {settings.api_key.get_secret_value()}"},
            pressure=Pressure.of(connection, title=TITLE, per_minute=settings.per_minute),
            retry_submit=settings.retry_submit,
            at_once=self.limits.asked_at_once,
        )
        self._fetcher = Fetcher(loopback=connection.loopback)
        self._folder = connection.data / self.name
        self._version: str = settings.submit_version
        self._patience = Patience()
        self._clock = connection.clock
        self._uploads: dict[str, tuple[float, str]] = {}

    @property
    def healthy(self) -> bool:
        """Whether it is worth choosing now."""
        return self._edge.healthy

    @property
    def broken(self) -> bool:
        """Whether it is left alone, as it failed several times in a row."""
        return self._edge.broken

    async def submit(self, order: Order) -> Receipt:
        """Upload what the order starts from, then order. Two of the three calls are free."""
        _check(order.brief)
        body = request(order.model, order.brief, await self._uris(order))
        endpoint = ENDPOINTS[order.brief.mode]
        reply = None
        if self._version == "v1" and order.brief.mode is not Mode.HDR:  # HDR has only a v2
            reply = await self._order(order, f"/v1/{endpoint}", body)
        if reply is None:
            reply = await self._order(order, f"/v2/{endpoint}", body)
            assert reply is not None
        if reply.file is not None:
            return Receipt(file=reply.file, raw=reply.raw)
        known_as = remote_id((reply.data or {}).get("id"))
        if known_as is None:
            raise Unclear(f"{TITLE} took the order but gave it no usable id.", raw=reply.raw)
        return Receipt(remote_id=known_as, raw=reply.raw)

    async def check_key(self) -> None:
        """GET /v2/text-to-video/{id} of a clip that nobody ordered."""
        await self._edge.ask("GET", f"/v2/text-to-video/{NOBODYS}")

    async def poll(self, order: Order, remote_id: str) -> Report:
        """GET /v2/{endpoint}/{id}, the endpoint being the one that it was ordered from."""
        endpoint = ENDPOINTS[order.brief.mode]
        with self._patience.with_job(remote_id):
            reply = await self._edge.ask("GET", f"/v2/{endpoint}/{remote_id}")
            return report(reply)

    async def fetch(self, order: Order, remote_id: str | None, url: str | None, to: Path) -> None:
        """Download the clip, or for HDR the ZIP of its EXR frames."""

        async def fresh() -> str | None:
            return (await self.poll(order, remote_id)).url if remote_id is not None else None

        frames = order.brief.mode is Mode.HDR
        await bring_home(
            self._fetcher,
            url,
            to,
            title=TITLE,
            fresh=fresh,
            check=is_zip if frames else is_mp4,
            max_bytes=MAX_FRAMES_ZIP if frames else MAX_CLIP,
        )

    async def cancel(self, order: Order, remote_id: str) -> None:
        """It cannot be stopped."""
        raise Refusal(f"{TITLE} can't stop a clip once it starts.")

    async def close(self) -> None:
        """Let go of connections."""
        await self._edge.close()

    async def _order(self, order: Order, path: str, body: Mapping[str, Any]) -> Reply | None:
        """The answer to the order; None where /v1/… is gone, which proves it was not taken."""
        old = path.startswith("/v1/")
        reply = await self._edge.order(
            path,
            body,
            into=self._folder / f"{order.attempt}.mp4",
            max_bytes=MAX_CLIP,
            deadline=SYNC_DEADLINE if old else ORDER_DEADLINE,
            returned=GONE | {400, 403} if old else (),
            sending=order.sending,
        )
        if 200 <= reply.status < 300:
            return reply
        said = self._edge.judged(reply)
        gone = reply.status in GONE or (isinstance(said, Refusal) and _RETIRED.search(reply.raw))
        if gone and "id" not in (reply.data or {}):
            self._version = "v2"
            return None
        raise said

    async def _uris(self, order: Order) -> dict[str, str]:
        """How each input of the order is named to LTX, by the brief's field name."""
        given = {
            name: getattr(order.brief, name) for name in ("image", "last_image", "audio", "video")
        }
        return {
            name: await self._uri(order, each) for name, each in given.items() if each is not None
        }

    async def _uri(self, order: Order, given: Input) -> str:
        """An upload; where LTX takes none, the bytes themselves or a public link to them."""
        known = self._uploads.get(given.file)
        if known is not None and self._clock() < known[0]:
            return known[1]
        try:
            uri = await self._upload(order.path(given), given.type)
        except Refusal:
            kind = "image" if given.type.startswith("image/") else "other"
            if given.size <= MAX_INLINE[kind]:
                encoded = base64.b64encode(order.path(given).read_bytes()).decode()
                return f"data:{given.type};base64,{encoded}"
            return await order.link(given)
        while len(self._uploads) >= MAX_UPLOADS:
            del self._uploads[next(iter(self._uploads))]
        self._uploads[given.file] = (self._clock() + UPLOAD_LIVES, uri)
        return uri

    async def _upload(self, file: Path, type: str) -> str:
        """Upload *file*: ask where to, then PUT it there, without our key."""
        reply = await self._edge.ask("POST", "/v1/upload", deadline=UPLOAD_DEADLINE)
        to, uri = text(reply.data, "upload_url"), text(reply.data, "storage_uri")
        required = (reply.data or {}).get("required_headers") or {}
        if to is None or uri is None or not uri.startswith("ltx://") or not _plain(required):
            raise Busy(f"{TITLE} gave an answer that can't be read.", raw=reply.raw)
        headers = {"Content-Type": type, **{name.title(): each for name, each in required.items()}}
        try:
            await self._fetcher.upload(to, file, headers=headers, deadline=SEND_DEADLINE)
        except Busy as error:
            if isinstance(error, Trouble):
                raise
            raise Busy(
                f"{TITLE} couldn't receive a file.",
                raw=error.raw,
                retry_after=error.retry_after,
            ) from error
        return uri


def connect(connection: Connection) -> Ltx | None:
    """LTX, if `LTX_API_KEY` is set."""
    settings = read(Settings, "LTX", connection.environ)
    return Ltx(settings, connection) if settings is not None else None


# What is said, and what is heard.


def request(model: Model, brief: Brief, uris: Mapping[str, str]) -> dict[str, Any]:
    """The body of the order; *uris* names the inputs by the brief's field names.

    Nothing is sent that nobody chose, but the frame rate: left out it is 24, which the older
    models do not have.
    """
    size = None
    if brief.resolution is not None and brief.aspect is not None:
        size = "{}x{}".format(*pixels(brief.resolution, brief.aspect))
    fields: dict[str, Any]
    match brief.mode:
        case Mode.TEXT | Mode.IMAGE:
            fields = {
                "prompt": brief.prompt,
                "model": model.name,
                "image_uri": uris.get("image"),
                "last_frame_uri": uris.get("last_image"),
                "duration": brief.duration,
                "resolution": size,
                "fps": brief.fps,
                "generate_audio": brief.sound,
                "camera_motion": brief.camera,
            }
        case Mode.AUDIO:
            fields = {
                "audio_uri": uris.get("audio"),
                "image_uri": uris.get("image"),
                "prompt": brief.prompt or None,
                "resolution": size,
                "model": model.name,
            }
        case Mode.EXTEND:
            fields = {
                "video_uri": uris.get("video"),
                "duration": brief.duration,
                "prompt": brief.prompt or None,
                "mode": brief.direction,
                "model": model.name,
            }
        case Mode.RETAKE:
            fields = {
                "video_uri": uris.get("video"),
                "start_time": brief.start or 0,
                "duration": brief.duration,
                "prompt": brief.prompt or None,
                "mode": REPLACE.get(brief.replace or ""),
                "model": model.name,
            }
        case Mode.HDR:
            fields = {"video_uri": uris.get("video")}
    return {name: value for name, value in fields.items() if value is not None}


def report(reply: Reply) -> Report:
    """What the answer to a question says. Raises Refusal for a job that failed."""
    status = text(reply.data, "status")
    if status == "failed":
        # "On failure, reserved balance is released."
        raise VOCABULARY.failed(
            text(reply.data, "error", "type"),
            text(reply.data, "error", "message"),
            raw=reply.raw,
            billed=False,
        )
    stage = STAGES.of(status)
    url = _link((reply.data or {}).get("result")) if stage is Stage.READY else None
    if stage is Stage.READY and url is None:
        raise Refusal(
            f"{TITLE} says it finished, but gave no clip.",
            failure=Failure.BAD_RESULT,
            raw=reply.raw,
            billed=True,
        )
    return Report(stage=stage, url=url, raw=reply.raw)


def _link(result: object) -> str | None:
    """The link among the labelled ones of a result: the clip's, HDR's frames', or any."""
    if not isinstance(result, Mapping):
        return None
    named = (result.get("video_url"), result.get("exr_frames_url"), *result.values())
    return next((each for each in named if isinstance(each, str) and each.startswith("http")), None)


def _check(brief: Brief) -> None:
    """Refuse, before anything is sent, what LTX would refuse after an upload."""
    if brief.mode is Mode.AUDIO and not brief.prompt and brief.image is None:
        raise Refusal("A clip from a sound also needs a prompt or a first frame.")


def _plain(headers: object) -> bool:
    """Whether *headers* can be sent along without changing what the request is."""
    return isinstance(headers, Mapping) and all(
        isinstance(value, str)
        and value.isprintable()
        and re.fullmatch(r"(?i)content-type|cache-control|x-[a-z0-9-]{1,60}", name)
        for name, value in headers.items()
    )
