"""What the imitated providers have in common: strict reading, scripted trouble, real clips.

    class LtxServer(Server):
        title = "LTX"
        secret_headers = ("Authorization",)

        def routes(self):
            return [self.route("POST", "/v2/{endpoint}", "submit", self._submit), ...]

        async def _submit(self, seen: Seen) -> web.StreamResponse:
            conform("text-to-video", seen.object(), FIELDS)       # raises Undocumented
            job = self.accept(wish, body)                         # renders in the background
            return web.json_response({"id": job.id}, status=202)

        def refused(self, sentence):                              # the document's own 400
            return web.json_response({...}, status=400)

    async with LtxServer(render) as server:      # server.url, server.host
        server.script("submit", Answer(status=429, headers={"Retry-After": "7"}))
        ...
    assert server.complaints == []

A request that is not what the document says is refused as the document refuses, and noted in
`complaints`, so that a test fails with what the document says. Nothing here is a provider's.
"""

import asyncio
import json
import logging
import secrets
import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from aiohttp import web

__all__ = ["Answer", "Job", "Rule", "Seen", "Server", "Undocumented", "Wish", "conform"]

log = logging.getLogger(__name__)


class Undocumented(Exception):
    """A request is not what the document says. The message says what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a provider was asked to make, in no provider's words. None: the request did not say."""

    mode: str  #: text, image, audio, extend, retake or hdr
    prompt: str = ""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    fps: int | None = None
    seed: int | None = None
    sound: bool = True
    inputs: Mapping[str, bytes] = field(default_factory=dict)  #: what was uploaded, by field
    links: Mapping[str, str] = field(default_factory=dict)  #: what was linked to, by field


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one scripted request gets. What is None or empty stays as it would have been."""

    status: int | None = None
    body: bytes | None = None
    data: object = None  #: a body, as JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    carried_out: bool = False  #: the request has its effect first; always so without a new body
    gate: asyncio.Event | None = None  #: the answer waits for it
    dropped: bool = False  #: the connection is closed instead of answering
    cut: int | None = None  #: the connection is closed after so many bytes of the body


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it arrived."""

    route: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    parts: Mapping[str, str]  #: the variable parts of its path

    def object(self) -> dict[str, Any]:
        """The JSON object that the body must be."""
        if self.headers.get("Content-Type", "").split(";")[0] != "application/json":
            raise Undocumented("the body is JSON, with Content-Type: application/json")
        try:
            data = json.loads(self.body)
        except ValueError:
            raise Undocumented("the body is JSON") from None
        if not isinstance(data, dict):
            raise Undocumented("the body is a JSON object")
        return data


@dataclass(slots=True, kw_only=True)
class Job:
    """One clip ordered here."""

    id: str
    wish: Wish
    body: Mapping[str, Any]  #: the request as it came
    created: float  #: Unix time
    completed: float | None = None
    file: Path | None = None
    failure: tuple[str, str] | None = None  #: the provider's word, and its message
    polls: int = 0
    words: deque[str] = field(default_factory=deque)  #: status words to answer with, in turn
    expired: bool = False  #: its result's link has died
    stalled: bool = False  #: it is never made

    @property
    def stage(self) -> str:
        """waiting, running, ready or failed."""
        if self.failure is not None:
            return "failed"
        if self.file is not None:
            return "ready"
        return "waiting" if self.polls <= 1 else "running"


Render = Callable[[Wish], Awaitable[Path]]
Handler = Callable[[Seen], Awaitable[web.StreamResponse]]


class Server(ABC):
    """One provider's API on 127.0.0.1, serving what it makes under `/results/`."""

    title: ClassVar[str] = ""
    secret_headers: ClassVar[tuple[str, ...]] = ("Authorization",)
    broken: ClassVar[str] = ""  #: its word for a job that broke down

    def __init__(
        self,
        render: Render,
        *,
        key: str = "a-key-for-tests",
        wall: Callable[[], float] = time.time,
    ) -> None:
        """*render* makes the clip of a wish; if it raises, the job fails. *wall* is Unix time."""
        self.key = key
        self.wall = wall
        self.jobs: dict[str, Job] = {}
        self.seen: list[Seen] = []
        self.complaints: list[str] = []
        self.fail_next: deque[tuple[str, str]] = deque()  #: failures of the jobs that come
        self.decide: Callable[[Job], None] = lambda _job: None  #: may change a job as it is taken
        self.answers: Callable[[Seen], Answer | None] = lambda _seen: None  #: where no script does
        self._render = render
        self._scripts: dict[str, deque[Answer]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: dict[str, str] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    # What a provider's server says of itself.

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """Its paths, each made by `route`."""

    @abstractmethod
    def refused(self, sentence: str) -> web.Response:
        """What the document says a malformed request gets."""

    # What tests and the playground do with it.

    @property
    def host(self) -> str:
        """Its name as a loopback host: `127.0.0.1:8123`."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://{self.host}"

    def script(self, route: str, *answers: Answer) -> None:
        """Give the next requests of *route* these answers, one each."""
        self._scripts[route] += answers

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1, on *port* or on a free one."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.add_routes(self.routes())
        app.add_routes([self.route("GET", "/results/{file}", "result", self._result)])
        app.router.add_route("*", "/{rest:.*}", self._unknown)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and rendering."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def rendered(self) -> None:
        """Wait until nothing is being rendered."""
        await asyncio.gather(*self._tasks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # What a provider's handlers use.

    def route(self, method: str, path: str, name: str, handler: Handler) -> web.RouteDef:
        """A path of the document. *name* is what scripts call it."""

        async def answer(request: web.Request) -> web.StreamResponse:
            seen = Seen(
                route=name,
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers=request.headers.copy(),
                body=await request.read(),
                parts=dict(request.match_info),
            )
            self.seen.append(seen)
            script = self._scripts[name].popleft() if self._scripts[name] else self.answers(seen)
            return await self._scripted(request, seen, handler, script)

        return web.RouteDef(method, path, answer, {})

    def accept(self, wish: Wish, body: Mapping[str, Any], *, id: str | None = None) -> Job:
        """Take a job and begin to render it."""
        job = Job(id=id or secrets.token_hex(16), wish=wish, body=body, created=self.wall())
        self.jobs[job.id] = job
        if self.fail_next:
            job.failure = self.fail_next.popleft()
        self.decide(job)
        if job.failure is not None:
            job.completed = self.wall()
        elif not job.stalled:
            task = asyncio.create_task(self._make(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return job

    def link(self, job: Job) -> str:
        """A link to the result, as unguessable as a signed one; each call makes a new one."""
        token = secrets.token_urlsafe(16)
        self._links[token] = job.id
        return f"{self.url}/results/{job.id}{self.suffix(job)}?signature={token}"

    async def _make(self, job: Job) -> None:
        try:
            job.file = await self._render(job.wish)
        except Exception as error:  # to whoever asks, it is a job that failed
            log.exception("%s: a clip could not be rendered", self.title)
            job.failure = ("", f"rendering failed: {error}")
        job.completed = self.wall()

    async def _scripted(
        self, request: web.Request, seen: Seen, handler: Handler, script: Answer | None
    ) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        replaced = script is not None and (script.body is not None or script.data is not None)
        if script is None or script.carried_out or not (replaced or script.status):
            try:
                response = await handler(seen)
            except Undocumented as error:
                self.complaints.append(f"{self.title}: {seen.method} {seen.path}: {error}")
                response = self.refused(str(error))
        if script is None:
            assert response is not None
            return response
        if script.gate is not None:
            await script.gate.wait()
        if script.dropped:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        body = script.body
        if body is None and script.data is not None:
            body = json.dumps(script.data).encode()
        if body is None and isinstance(response, web.Response):
            body = response.body if isinstance(response.body, bytes) else None
        if body is None and response is not None:
            return response
        status = script.status or (response.status if response is not None else 200)
        if script.cut is not None:
            half = web.StreamResponse(status=status, headers=dict(script.headers))
            half.content_type = script.content_type or "application/json"
            half.content_length = len(body or b"")
            await half.prepare(request)
            await half.write((body or b"")[: script.cut])
            assert request.transport is not None
            request.transport.close()
            return half
        return web.Response(
            status=status,
            body=body or b"",
            headers=dict(script.headers),
            content_type=script.content_type or "application/json",
        )

    async def _result(self, seen: Seen) -> web.StreamResponse:
        for name in self.secret_headers:
            if name in seen.headers:
                raise Undocumented(f"a result is fetched without {name}: the link is its own key")
        job = self.jobs.get(self._links.get(seen.query.get("signature", ""), ""))
        if job is None or job.file is None or job.expired:
            return web.Response(status=403, text="Request has expired")
        return web.FileResponse(job.file, headers={"Content-Type": _TYPES[self.suffix(job)]})

    def suffix(self, job: Job) -> str:
        """What the name of *job*'s result ends with: .mp4 or .zip."""
        return ".mp4"

    async def _unknown(self, request: web.Request) -> web.Response:
        self.complaints.append(f"{self.title}: the document has no {request.method} {request.path}")
        return web.json_response({"error": "not found"}, status=404)


_TYPES = {".mp4": "video/mp4", ".zip": "application/zip"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a field of a request must be, by the document."""

    kind: type | tuple[type, ...]  #: str, int, float (any number), bool or list
    required: bool = False
    choices: tuple[object, ...] | None = None
    least: float | None = None  #: of a number; of a text or list, its length
    most: float | None = None


def conform(where: str, body: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    """Raise `Undocumented` unless *body* has what *rules* say, and nothing else."""
    for name, rule in rules.items():
        if rule.required and name not in body:
            raise Undocumented(f"{where} needs {name}")
    for name, value in body.items():
        if name not in rules:
            raise Undocumented(f"{where} has no field {name}")
        rule = rules[name]
        kinds = rule.kind if isinstance(rule.kind, tuple) else (rule.kind,)
        if float in kinds:
            kinds = (*kinds, int)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            words = " or ".join(kind.__name__ for kind in kinds)
            raise Undocumented(f"{name} of {where} is {words}, not {value!r}")
        if rule.choices is not None and value not in rule.choices:
            raise Undocumented(f"{name} of {where} is one of {rule.choices}, not {value!r}")
        if not isinstance(value, str | list | int | float):
            continue
        size = len(value) if isinstance(value, str | list) else value
        if rule.least is not None and size < rule.least:
            raise Undocumented(f"{name} of {where} is at least {rule.least}, not {size}")
        if rule.most is not None and size > rule.most:
            raise Undocumented(f"{name} of {where} is at most {rule.most}, not {size}")
