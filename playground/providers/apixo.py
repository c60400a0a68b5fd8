"""apixo.ai's ltx-2-19b on loopback, held to its document; it calls back as apixo does.

https://apixo.ai/docs/models/video/ltx-2-19b
"""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from ._server import Job, Render, Rule, Seen, Server, Undocumented, Wish, conform
from ._sizes import pixels

__all__ = ["ApixoServer"]

_MODES = ("text-to-video", "image-to-video", "text-to-video-LoRA", "image-to-video-LoRA")
_ENVELOPE = {
    "request_type": Rule(kind=str, required=True, choices=("async", "callback")),
    "callback_url": Rule(kind=str),
    "provider": Rule(kind=str, choices=("auto", "value", "official")),
    "input": Rule(kind=dict, required=True),
}
_INPUT = {
    "mode": Rule(kind=str, required=True, choices=_MODES),
    "prompt": Rule(kind=str, required=True, least=1, most=5000),
    "resolution": Rule(kind=str, required=True, choices=("480p", "720p", "1080p")),
    "duration": Rule(kind=int, required=True, least=5, most=20),
    "image_urls": Rule(kind=list, least=1, most=1),
    "aspect_ratio": Rule(kind=str, choices=("16:9", "9:16")),
    "seed": Rule(kind=int, least=1, most=2147483647),
    "loras": Rule(kind=list, least=1, most=3),
}
_LORA = {
    "path": Rule(kind=str, required=True, least=1),
    "scale": Rule(kind=float, required=True),
}
_STATES = {
    "waiting": "pending",
    "running": "processing",
    "ready": "success",
    "failed": "failed",
}
_ANSWER_WITHIN = 30.0  #: seconds that a callback's receiver has


class ApixoServer(Server):
    """generateTask (script "submit") and statusTask (script "status").

    *redeliveries* are the seconds between further tries of a callback that is not answered
    with 200. `deliveries` says how often a callback that is answered is sent all the same.
    """

    title = "apixo"
    broken = "GENERATION_FAILED"

    def __init__(
        self,
        render: Render,
        *,
        key: str = "a-key-for-tests",
        wall: Callable[[], float] = time.time,
        redeliveries: Sequence[float] = (30.0, 60.0, 120.0),
        deliveries: int = 1,
    ) -> None:
        super().__init__(render, key=key, wall=wall)
        self.deliveries = deliveries
        self.called: list[tuple[str, int]] = []  #: the job of each callback, and the status it got
        self._redeliveries = redeliveries
        self._numbers = itertools.count(12345678)

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            self.route("POST", "/api/v1/generateTask/ltx-2-19b", "submit", self._submit),
            self.route("GET", "/api/v1/statusTask/ltx-2-19b", "status", self._status),
        ]

    def refused(self, sentence: str) -> web.Response:
        return _error(400, f"Invalid parameters: {sentence}")

    async def _submit(self, seen: Seen) -> web.StreamResponse:
        if (no := self._unauthorized(seen)) is not None:
            return no
        body = seen.object()
        conform("generateTask", body, _ENVELOPE)
        _check_callback(body)
        given = body["input"]
        _check_input(given)
        width, height = pixels(given["resolution"], given.get("aspect_ratio", "16:9"))
        images = given.get("image_urls", [])
        job = self.accept(
            Wish(
                mode="image" if images else "text",
                prompt=given["prompt"],
                width=width,
                height=height,
                seconds=given["duration"],
                seed=given.get("seed"),
                links={"image": images[0]} if images else {},
            ),
            body,
            id=f"task_{next(self._numbers)}",
        )
        if job.failure is not None:
            task = asyncio.create_task(self._tell(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return _success({"taskId": job.id})

    async def _status(self, seen: Seen) -> web.StreamResponse:
        if (no := self._unauthorized(seen)) is not None:
            return no
        if set(seen.query) != {"taskId"}:
            raise Undocumented("statusTask has one query parameter, taskId")
        job = self.jobs.get(seen.query["taskId"])
        if job is None:
            return _error(404, "Task not found")
        job.polls += 1
        return _success(self.told(job))

    def _unauthorized(self, seen: Seen) -> web.Response | None:
        given = seen.headers.get("Authorization", "")
        if not given.startswith("Bearer "):
            raise Undocumented("all requests require Authorization: Bearer YOUR_API_KEY")
        return _error(401, "Invalid API Key") if given != f"Bearer {self.key}" else None

    def told(self, job: Job) -> dict[str, Any]:
        """The data of a status reply, and of a callback, about *job*."""
        state = job.words.popleft() if job.words else _STATES[job.stage]
        data: dict[str, Any] = {
            "taskId": job.id,
            "state": state,
            "createTime": round(job.created * 1000),
        }
        if state == "success":
            data["resultJson"] = json.dumps({"resultUrls": [self.link(job)]})
        if state == "failed" and job.failure is not None:
            data["failCode"], data["failMsg"] = job.failure
        if job.completed is not None:
            data["completeTime"] = round(job.completed * 1000)
            data["costTime"] = data["completeTime"] - data["createTime"]
        return data

    async def call_back(self, url: str, data: Mapping[str, Any]) -> int:
        """POST a callback about *data* to *url*: the status it is answered with, 0 for none.

        What apixo itself sends; and, with other data or to another place, what a forger does.
        """
        body = {"code": 200, "message": "success", "data": data}
        timeout = aiohttp.ClientTimeout(total=_ANSWER_WITHIN)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, json=body) as response,
            ):
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def _make(self, job: Job) -> None:
        await super()._make(job)
        await self._tell(job)

    async def _tell(self, job: Job) -> None:
        """Call back about a job that has ended, again while nobody answers with 200."""
        url = job.body.get("callback_url")
        if url is None:
            return
        for _ in range(self.deliveries):
            for pause in (*self._redeliveries, None):
                status = await self.call_back(url, self.told(job))
                self.called.append((job.id, status))
                if status == 200 or pause is None:
                    break
                await asyncio.sleep(pause)


def _check_callback(body: Mapping[str, Any]) -> None:
    url = body.get("callback_url")
    if body["request_type"] == "callback":
        if url is None:
            raise Undocumented("callback_url is required when request_type is callback")
        if not url.startswith(("https://", "http://127.0.0.1:")):
            raise Undocumented("callback_url is a public https link")
    elif url is not None:
        raise Undocumented("callback_url goes with request_type callback")


def _check_input(given: Mapping[str, Any]) -> None:
    conform("input", given, _INPUT)
    mode = given["mode"]
    if ("image_urls" in given) != mode.startswith("image-to-video"):
        raise Undocumented("image_urls is for the image-to-video modes, which need it")
    if "aspect_ratio" in given and not mode.startswith("text-to-video"):
        raise Undocumented("aspect_ratio is for the text-to-video modes only")
    for url in given.get("image_urls", []):
        if not isinstance(url, str) or not url.startswith(("https://", "http://127.0.0.1:")):
            raise Undocumented("image_urls holds URLs")
    if "loras" in given and not mode.endswith("-LoRA"):
        raise Undocumented("loras is for the LoRA modes only")
    for lora in given.get("loras", []):
        if not isinstance(lora, dict):
            raise Undocumented("loras holds objects of path and scale")
        conform("loras", lora, _LORA)


def _success(data: Mapping[str, Any]) -> web.Response:
    return web.json_response({"code": 200, "message": "success", "data": data})


def _error(code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message, "data": None}, status=code)
