"""The official LTX API on loopback, written from its guide and its reference.

    async with LtxServer(render) as server: ...

What POST /v1/… answers is a matter of which document one asks, and when: `v1="id"` is the guide
(an id, as /v2/… gives), `v1="clip"` the reference (the MP4 itself), `v1="gone"` the day after
its announced end.
"""

import asyncio
import base64
import binascii
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from aiohttp import web

from playground.providers._server import Job, Rule, Seen, Server, Undocumented, Wish, conform

__all__ = ["LtxServer"]

_TEXT = Rule(kind=str, most=5000)
_URI = Rule(kind=str, required=True)
_ANY_MODEL = Rule(
    kind=str, required=True, choices=("ltx-2-fast", "ltx-2-pro", "ltx-2-3-fast", "ltx-2-3-pro")
)
_PRO = Rule(kind=str, choices=("ltx-2-pro", "ltx-2-3-pro"))
_CLIP = {
    "prompt": Rule(kind=str, required=True, most=5000),
    "model": _ANY_MODEL,
    "duration": Rule(kind=int, required=True),
    "resolution": Rule(kind=str, required=True),
    "fps": Rule(kind=int),
    "generate_audio": Rule(kind=bool),
    "camera_motion": Rule(
        kind=str,
        choices=(
            "dolly_in",
            "dolly_out",
            "dolly_left",
            "dolly_right",
            "jib_up",
            "jib_down",
            "static",
            "focus_shift",
        ),
    ),
}
RULES: Mapping[str, Mapping[str, Rule]] = {
    "text-to-video": _CLIP,
    "image-to-video": {**_CLIP, "image_uri": _URI, "last_frame_uri": Rule(kind=str)},
    "audio-to-video": {
        "audio_uri": _URI,
        "image_uri": Rule(kind=str),
        "prompt": _TEXT,
        "resolution": Rule(kind=str, choices=("1920x1080", "1080x1920")),
        "model": _PRO,
    },
    "extend": {
        "video_uri": _URI,
        "duration": Rule(kind=float, required=True, least=2, most=20),
        "prompt": _TEXT,
        "mode": Rule(kind=str, choices=("start", "end")),
        "model": _PRO,
        "context": Rule(kind=float, least=1, most=20),
    },
    "retake": {
        "video_uri": _URI,
        "start_time": Rule(kind=float, required=True, least=0),
        "duration": Rule(kind=float, required=True, least=2),
        "prompt": _TEXT,
        "mode": Rule(
            kind=str, choices=("replace_audio_and_video", "replace_video", "replace_audio")
        ),
        "resolution": Rule(kind=str, choices=("1920x1080", "1080x1920")),
        "model": _PRO,
    },
    "video-to-video-hdr": {"video_uri": _URI},
}
_MODES = {
    "text-to-video": "text",
    "image-to-video": "image",
    "audio-to-video": "audio",
    "extend": "extend",
    "retake": "retake",
    "video-to-video-hdr": "hdr",
}
_WIDE, _TALL = ("1920x1080", "2560x1440", "3840x2160"), ("1080x1920", "1440x2560", "2160x3840")
_SHORT, _LONG = (6, 8, 10), (6, 8, 10, 12, 14, 16, 18, 20)
#: Data URIs: characters in all, by what is in them.
_INLINE = {"image": 7_000_000, "audio": 15_000_000, "video": 15_000_000}
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "insufficient_funds_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "content_filtered_error": 422,
    "rate_limit_error": 429,
    "concurrency_limit_error": 429,
    "api_error": 500,
    "service_unavailable": 503,
    "overloaded_error": 529,
}


class LtxServer(Server):
    """LTX. Scripts name its routes "submit", "status", "upload", "put" and "result"."""

    title: ClassVar[str] = "LTX"
    broken: ClassVar[str] = "api_error"

    def __init__(
        self,
        render: Callable[[Wish], Awaitable[Path]],
        *,
        key: str = "a-key-for-tests",
        wall: Callable[[], float] = time.time,
        v1: Literal["id", "clip", "gone"] = "id",
    ) -> None:
        super().__init__(render, key=key, wall=wall)
        self._v1 = v1
        self._puts: dict[str, str] = {}  # the storage name that each upload link fills
        self._stored: dict[str, tuple[str, bytes]] = {}

    @staticmethod
    def error(word: str, message: str, *, status: int | None = None) -> web.Response:
        """The error envelope of the reference."""
        return web.json_response(
            {"type": "error", "error": {"type": word, "message": message}},
            status=status or _STATUSES[word],
            headers={"x-request-id": secrets.token_hex(8)},
        )

    def refused(self, sentence: str) -> web.Response:
        """400 invalid_request_error."""
        return self.error("invalid_request_error", sentence)

    def suffix(self, job: Job) -> str:
        """HDR's result is a ZIP of EXR frames."""
        return ".zip" if job.wish.mode == "hdr" else ".mp4"

    def routes(self) -> Iterable[web.RouteDef]:
        """The six endpoints, their status calls, and the upload."""
        return [
            self.route("POST", "/v1/upload", "upload", self._upload),
            self.route("PUT", "/storage/{name}", "put", self._put),
            self.route("POST", "/{version:v1|v2}/{endpoint}", "submit", self._submit),
            self.route("GET", "/v2/{endpoint}/{id}", "status", self._status),
        ]

    async def _submit(self, seen: Seen) -> web.StreamResponse:
        version, endpoint = seen.parts["version"], seen.parts["endpoint"]
        if endpoint not in RULES or (endpoint == "video-to-video-hdr" and version == "v1"):
            raise Undocumented(f"there is no POST {seen.path}")
        if version == "v1" and self._v1 == "gone":
            return self.error("not_found_error", "This version is no longer available.")
        if (problem := self._authenticate(seen)) is not None:
            return problem
        body = seen.object()
        conform(endpoint, body, RULES[endpoint])
        if endpoint in ("text-to-video", "image-to-video"):
            _fits(body)
        if endpoint == "audio-to-video" and not (body.get("prompt") or body.get("image_uri")):
            raise Undocumented("audio-to-video needs prompt or image_uri")
        job = self.accept(self._wish(endpoint, body), {**body, "endpoint": endpoint})
        if version == "v1" and self._v1 == "clip":
            return await self._clip(job)
        return web.json_response(
            {"id": job.id, "created_at": _time(job.created)},
            status=202 if version == "v2" else 200,
            headers={"x-request-id": secrets.token_hex(8)},
        )

    async def _clip(self, job: Job) -> web.StreamResponse:
        while job.stage in ("waiting", "running"):
            await asyncio.gather(*self._tasks)
        if job.failure is not None:
            return self.error(job.failure[0] or "api_error", job.failure[1])
        assert job.file is not None
        return web.FileResponse(job.file, headers={"Content-Type": "video/mp4"})

    async def _status(self, seen: Seen) -> web.StreamResponse:
        if (problem := self._authenticate(seen)) is not None:
            return problem
        if seen.body or seen.query:
            raise Undocumented("a status call has neither a body nor a query")
        job = self.jobs.get(seen.parts["id"])
        if job is None or job.body["endpoint"] != seen.parts["endpoint"]:
            return self.error("not_found_error", "Job not found")
        job.polls += 1
        said: dict[str, Any] = {"id": job.id, "created_at": _time(job.created)}
        words = {"waiting": "pending", "running": "processing", "ready": "completed"}
        if job.words:
            return web.json_response({"status": job.words.popleft(), **said})
        if job.stage == "failed" and job.failure is not None:
            word, message = job.failure
            failure = {"type": word or "api_error", "message": message}
            ended = _time(job.completed or 0)
            return web.json_response(
                {"status": "failed", **said, "completed_at": ended, "error": failure}
            )
        if job.stage == "ready":
            label = "exr_frames_url" if job.wish.mode == "hdr" else "video_url"
            said |= {
                "completed_at": _time(job.completed or 0),
                "result": {label: self.link(job)},
            }
        return web.json_response({"status": words[job.stage], **said})

    async def _upload(self, seen: Seen) -> web.StreamResponse:
        if (problem := self._authenticate(seen)) is not None:
            return problem
        if seen.body:
            raise Undocumented("POST /v1/upload has an empty body")
        name = secrets.token_hex(8)
        self._puts[name] = f"ltx://uploads/{secrets.token_hex(8)}"
        return web.json_response(
            {
                "upload_url": f"{self.url}/storage/{name}?signature={secrets.token_urlsafe(16)}",
                "storage_uri": self._puts[name],
                "expires_at": _time(self.wall() + 3600),
                "required_headers": {"x-goog-content-length-range": "0,104857600"},
            }
        )

    async def _put(self, seen: Seen) -> web.StreamResponse:
        if "Authorization" in seen.headers:
            raise Undocumented("an upload is PUT without the key: its link is its own key")
        if seen.headers.get("x-goog-content-length-range") != "0,104857600":
            raise Undocumented("an upload carries every one of required_headers")
        if "Content-Type" not in seen.headers:
            raise Undocumented("an upload carries a Content-Type")
        if seen.parts["name"] not in self._puts or "signature" not in seen.query:
            return web.Response(status=403)
        uri = self._puts.pop(seen.parts["name"])
        self._stored[uri] = (seen.headers["Content-Type"], seen.body)
        return web.Response(status=200)

    def _authenticate(self, seen: Seen) -> web.Response | None:
        given = seen.headers.get("Authorization", "")
        if not given.startswith("Bearer "):
            raise Undocumented("every call carries Authorization: Bearer YOUR_API_KEY")
        if given != f"Bearer {self.key}":
            return self.error("authentication_error", "Invalid API key")
        return None

    def _wish(self, endpoint: str, body: Mapping[str, Any]) -> Wish:
        inputs: dict[str, bytes] = {}
        links: dict[str, str] = {}
        for field in ("image_uri", "last_frame_uri", "audio_uri", "video_uri"):
            if field in body:
                kind = {"image_uri": "image", "last_frame_uri": "image"}.get(
                    field, field.removesuffix("_uri")
                )
                content = self._content(field, kind, body[field])
                if content is None:
                    links[field] = body[field]
                else:
                    inputs[field] = content
        width, height = (int(each) for each in body.get("resolution", "1920x1080").split("x"))
        return Wish(
            mode=_MODES[endpoint],
            prompt=body.get("prompt", ""),
            width=width,
            height=height,
            seconds=body.get("duration"),
            fps=body.get("fps", 24),
            sound=body.get("generate_audio", True),
            inputs=inputs,
            links=links,
        )

    def _content(self, field: str, kind: str, uri: str) -> bytes | None:
        """What *uri* holds; None for a link. Raises `Undocumented` for what LTX does not take."""
        if uri.startswith("ltx://"):
            if uri not in self._stored:
                raise Undocumented(f"{field} names an upload that does not exist")
            kind_given, content = self._stored[uri]
        elif match := re.fullmatch(r"data:([a-z]+/[a-z0-9.+-]+);base64,(.*)", uri, re.DOTALL):
            kind_given = match[1]
            if len(uri) > _INLINE[kind]:
                raise Undocumented(f"a data URI of {kind} has at most {_INLINE[kind]} characters")
            try:
                content = base64.b64decode(match[2], validate=True)
            except binascii.Error:
                raise Undocumented(f"{field} is a data URI in base64") from None
        elif re.fullmatch(r"https://[a-z0-9.-]*[a-z][a-z0-9.-]*/\S*", uri):
            return None
        else:
            raise Undocumented(f"{field} is an https link, a data URI or a storage_uri")
        if kind_given.split("/")[0] != kind:
            raise Undocumented(f"{field} is {kind}, not {kind_given}")
        return content


def _fits(body: Mapping[str, Any]) -> None:
    """The table of resolutions, frame rates and lengths."""
    model, size, seconds = body["model"], body["resolution"], body["duration"]
    newer, fast = model.startswith("ltx-2-3-"), model.endswith("-fast")
    sizes = (*_WIDE, *_TALL) if newer else _WIDE
    if size not in sizes:
        raise Undocumented(f"{model} makes {', '.join(sizes)}, not {size}")
    rates = (24, 25, 48, 50) if newer else (25, 50)
    fps = body.get("fps", 24)
    if fps not in rates:
        raise Undocumented(f"{model} makes {rates} fps, not {fps}")
    hd = size in ("1920x1080", "1080x1920")
    lengths = _LONG if fast and hd and fps in (24, 25) else _SHORT
    if seconds not in lengths:
        raise Undocumented(f"{model} makes {lengths} s at {size} and {fps} fps, not {seconds}")
    if "last_frame_uri" in body and not newer:
        raise Undocumented(f"{model} takes no last_frame_uri")


def _time(unix: float) -> str:
    """2026-01-15T10:00:00.000Z, as the reference writes times."""
    moment = datetime.fromtimestamp(unix, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
