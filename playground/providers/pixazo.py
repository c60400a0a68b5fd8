"""Pixazo's LTX-2 image-to-video on loopback, held to its document; or its newer queue.

https://www.pixazo.ai/models/image-to-video/ltx-2-video-api. The document does not show what the
result call answers: this is the shape of the gateway's other models.
"""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ._server import Job, Render, Rule, Seen, Server, Undocumented, Wish, conform
from ._sizes import pixels

__all__ = ["PixazoServer"]

_PATH = "/ltx-2-video-api-581/v1/ltx-2-video-api-request"
_KEY = "Ocp-Apim-Subscription-Key"
_FIELDS = {
    "image_url": Rule(kind=str, required=True),
    "prompt": Rule(kind=str, required=True),
    "duration": Rule(kind=int, least=2, most=10),
    "resolution": Rule(kind=str, choices=("720p", "1080p", "2160p")),
    "aspect_ratio": Rule(kind=str, choices=("16:9", "9:16", "1:1")),
    "fps": Rule(kind=int, choices=(24, 25, 30)),
    "generate_audio": Rule(kind=bool),
}
_RESULT_FIELDS = {"request_id": Rule(kind=str, required=True)}
_STATUSES = {
    "waiting": "IN_QUEUE",
    "running": "IN_PROGRESS",
    "ready": "COMPLETED",
    "failed": "FAILED",
}
_NEWER_STATUSES = {**_STATUSES, "waiting": "QUEUED", "running": "PROCESSING"}


class PixazoServer(Server):
    """The request call (script "submit"), the result call ("result"), the newer one ("newer").

    With *newer*, jobs are taken and told about as by the gateway's newer queue.
    """

    title = "Pixazo"
    secret_headers = (_KEY,)

    def __init__(
        self,
        render: Render,
        *,
        key: str = "a-key-for-tests",
        wall: Callable[[], float] = time.time,
        newer: bool = False,
    ) -> None:
        super().__init__(render, key=key, wall=wall)
        self._newer = newer

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            self.route("POST", _PATH, "submit", self._submit),
            self.route("POST", f"{_PATH}-result", "result-call", self._ask),
            self.route("GET", "/v2/requests/status/{id}", "newer", self._ask_newer),
        ]

    def refused(self, sentence: str) -> web.Response:
        return _error(400, f"Invalid request parameters: {sentence}")

    async def _submit(self, seen: Seen) -> web.StreamResponse:
        if (no := self._denied(seen)) is not None:
            return no
        body = seen.object()
        conform("the request", body, _FIELDS)
        if not body["image_url"].startswith(("https://", "http://127.0.0.1:")):
            raise Undocumented("image_url is a publicly accessible URL")
        width, height = pixels(body.get("resolution", "1080p"), body.get("aspect_ratio", "16:9"))
        job = self.accept(
            Wish(
                mode="image",
                prompt=body["prompt"],
                width=width,
                height=height,
                seconds=body.get("duration", 6),
                fps=body.get("fps", 25),
                sound=body.get("generate_audio", True),
                links={"image": body["image_url"]},
            ),
            body,
        )
        if self._newer:
            polling_url = f"{self.url}/v2/requests/status/{job.id}"
            return web.json_response(
                {"request_id": job.id, "status": "QUEUED", "polling_url": polling_url}, status=202
            )
        return web.json_response(
            {
                "status": "IN_QUEUE",
                "request_id": job.id,
                "message": "Video generation request queued successfully.",
            }
        )

    async def _ask(self, seen: Seen) -> web.StreamResponse:
        if (no := self._denied(seen)) is not None:
            return no
        body = seen.object()
        conform("the result call", body, _RESULT_FIELDS)
        job = self.jobs.get(body["request_id"])
        if job is None or self._newer:
            return _error(404, "Request not found")
        job.polls += 1
        return web.json_response(self.told(job))

    async def _ask_newer(self, seen: Seen) -> web.StreamResponse:
        if (no := self._denied(seen)) is not None:
            return no
        job = self.jobs.get(seen.parts["id"])
        if job is None or not self._newer:
            return _error(404, "Request not found")
        job.polls += 1
        status = job.words.popleft() if job.words else _NEWER_STATUSES[job.stage]
        ready = status == "COMPLETED"
        return web.json_response(
            {
                "request_id": job.id,
                "status": status,
                "model_id": "ltx-2-video-api",
                "error": job.failure[1] if job.failure is not None else None,
                "output": {"media_url": [self.link(job)], "media_type": "video/mp4"}
                if ready
                else None,
                "created_at": _time(job.created),
                "updated_at": _time(job.completed or job.created),
                "completed_at": _time(job.completed) if job.completed is not None else None,
            }
        )

    def told(self, job: Job) -> dict[str, Any]:
        """What the result call answers about *job*."""
        status = job.words.popleft() if job.words else _STATUSES[job.stage]
        if status == "COMPLETED":
            size = job.file.stat().st_size if job.file is not None else 0
            return {
                "video": {
                    "url": self.link(job),
                    "content_type": "video/mp4",
                    "file_name": f"{job.id}.mp4",
                    "file_size": size,
                }
            }
        if job.failure is not None and status in ("FAILED", "ERROR"):
            return {"status": status, "request_id": job.id, "error": job.failure[1]}
        return {"status": status, "request_id": job.id}

    def _denied(self, seen: Seen) -> web.Response | None:
        if "Authorization" in seen.headers:
            raise Undocumented(f"the key goes into {_KEY} and nowhere else")
        if seen.method == "POST" and seen.headers.get("Cache-Control") != "no-cache":
            raise Undocumented("requests carry Cache-Control: no-cache")
        if _KEY not in seen.headers:
            raise Undocumented(f"requests carry {_KEY}")
        if seen.headers[_KEY] != self.key:
            return _error(401, "Invalid or missing authentication")
        return None


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
