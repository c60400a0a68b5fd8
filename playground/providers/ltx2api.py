"""ltx-2api.com on loopback, held to its document: https://ltx-2api.com/docs."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ._server import Job, Rule, Seen, Server, Undocumented, Wish, conform
from ._sizes import pixels

__all__ = ["Ltx2ApiServer", "credits_for"]

_FIELDS = {
    "prompt": Rule(kind=str, required=True, least=1, most=2000),
    "image": Rule(kind=str),
    "resolution": Rule(kind=str, choices=("480p", "720p", "1080p")),
    "aspect_ratio": Rule(kind=str, choices=("16:9", "9:16")),
    "duration": Rule(kind=int, least=5, most=20),
    "seed": Rule(kind=int, least=-1),
}
_STATUSES = {
    "waiting": "PENDING",
    "running": "IN_PROGRESS",
    "ready": "SUCCESS",
    "failed": "FAILED",
}


class Ltx2ApiServer(Server):
    """POST /api/generate (script "submit") and GET /api/status (script "status")."""

    title = "ltx-2api.com"

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            self.route("POST", "/api/generate", "submit", self._submit),
            self.route("GET", "/api/status", "status", self._status),
        ]

    def refused(self, sentence: str) -> web.Response:
        return _error(400, f"Bad Request - {sentence}")

    async def _submit(self, seen: Seen) -> web.StreamResponse:
        given = seen.headers.get("Authorization", "")
        if not given.startswith("Bearer "):
            raise Undocumented("requests carry Authorization: Bearer YOUR_API_KEY")
        if given != f"Bearer {self.key}":
            return _error(401, "Unauthorized - Missing or invalid API key")
        body = seen.object()
        conform("generate", body, _FIELDS)
        if "image" in body and "aspect_ratio" in body:
            raise Undocumented("aspect_ratio is only for text-to-video; an image has its own")
        if "image" in body and not body["image"].startswith(("https://", "http://127.0.0.1:")):
            raise Undocumented("image is a URL")
        resolution, duration = body.get("resolution", "720p"), body.get("duration", 5)
        width, height = pixels(resolution, body.get("aspect_ratio", "16:9"))
        seed = body.get("seed", -1)
        job = self.accept(
            Wish(
                mode="image" if "image" in body else "text",
                prompt=body["prompt"],
                width=width,
                height=height,
                seconds=duration,
                seed=seed if seed != -1 else None,
                links={"image": body["image"]} if "image" in body else {},
            ),
            body,
        )
        return _success(
            {
                "task_id": job.id,
                "status": "IN_PROGRESS",
                "consumed_credits": credits_for(resolution, duration),
            }
        )

    async def _status(self, seen: Seen) -> web.StreamResponse:
        if "Authorization" in seen.headers:
            raise Undocumented("status does not require authentication: the key stays at home")
        if set(seen.query) != {"task_id"}:
            raise Undocumented("status has one query parameter, task_id")
        job = self.jobs.get(seen.query["task_id"])
        if job is None:
            return _error(404, "Not Found - Task ID not found")
        job.polls += 1
        return _success(self.told(job))

    def told(self, job: Job) -> dict[str, Any]:
        """The data of a status reply about *job*."""
        status = job.words.popleft() if job.words else _STATUSES[job.stage]
        data: dict[str, Any] = {
            "task_id": job.id,
            "status": status,
            "consumed_credits": credits_for(
                job.body.get("resolution", "720p"), job.body.get("duration", 5)
            ),
            "error_message": job.failure[1] if job.failure is not None else None,
            "created_at": datetime.fromtimestamp(job.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "request": dict(job.body),
        }
        if status == "SUCCESS":
            data["response"] = [self.link(job)]
        return data


def credits_for(resolution: str, duration: int) -> int:
    """What a clip takes; the document leaves open how it rounds between its table's lengths."""
    tenths = 200 + (duration - 5) * 32 + {"480p": 0, "720p": 40, "1080p": 80}[resolution]
    return math.ceil(tenths / 10)


def _success(data: dict[str, Any]) -> web.Response:
    return web.json_response({"code": 200, "message": "success", "data": data})


def _error(code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message, "data": None}, status=code)
