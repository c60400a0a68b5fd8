"""One ComfyUI server: what it has, what it does for us, and whether it may be asked now."""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from bot.errors import Busy, Failure, Refusal
from bot.providers._comfyui.graph import Graph
from storage import Input

from .addresses import Address
from .client import UNREACHED, Client, Reply, Unreachable, route
from .failures import told
from .fill import FOLDER
from .socket import Socket

__all__ = ["DEAD", "LONG_REST", "Server", "Stats"]

log = logging.getLogger(__name__)

FRESH = 300.0  #: seconds for which what a server has is believed
REST = 60.0  #: seconds that a server is left alone after it could not be reached
DEAD = 300.0  #: seconds that one is waited for which does not answer about a clip it has
LONG_REST = 300.0  #: the same, where it needs somebody's hand
MAX_UPLOAD = 100 * 1024 * 1024  #: bytes, where a server does not say
ENDED = frozenset({"completed", "failed", "cancelled"})
_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a server says of itself."""

    version: str = ""
    device: str = ""
    vram_gb: float | None = None


class Server:
    """Asks one server, and remembers what it has for a while. Raises `Busy` where it cannot say."""

    def __init__(
        self,
        address: Address,
        client_id: Callable[[], str],
        *,
        trust: ssl.SSLContext,
        clock: Callable[[], float],
    ) -> None:
        """*client_id* is by which name we listen to it; nothing is kept before it is needed."""
        self.name = address.name
        self.client = Client(address, trust)
        self._client_id = client_id
        self.socket = Socket(self.client, client_id, clock=clock)
        self.ours: set[str] = set()  #: jobs of ours that it may be at work on, or about to get
        self.memory_failures = 0  #: in a row
        self.queue: int | None = None  #: jobs that it had when it was last asked
        self.abandoned: set[str] = set()  #: jobs that are made elsewhere, or by nobody, by now
        self._clock = clock
        self._rests_until = 0.0
        self._why = ""
        self._told = ""  # why it rests, as far as the log has it
        self._known: dict[str, tuple[float, Any]] = {}
        self._uploaded: dict[str, str] = {}

    # Rest.

    @property
    def rests(self) -> str:
        """Why it is left alone for now; "" where it may be asked."""
        return self._why if self._clock() < self._rests_until else ""

    @property
    def trouble(self) -> str:
        """What is the matter with it, until it answers again; "" where nothing is known."""
        return self._told

    def rest(self, seconds: float, why: str) -> None:
        """Leave it alone for a while, because of *why*."""
        if why != self._told:
            log.warning("ComfyUI %s is left alone for now: %s", self.name, why)
            self._told = why
        self._rests_until = max(self._rests_until, self._clock() + seconds)
        self._why = why

    def answered(self) -> None:
        """It can be reached."""
        if self._why.startswith(UNREACHED):
            self._rests_until = 0.0
        if self._told and not self.rests:
            log.info("ComfyUI %s answers again", self.name)
            self._told = ""

    # Jobs.

    async def job(self, prompt_id: str) -> Mapping[str, Any] | None:
        """What it knows of a job; None where it says that it knows none of that name."""
        reply = await self._asked("GET", route("/api/jobs", prompt_id))
        if reply.status == 200 and isinstance(reply.data, Mapping):
            return reply.data
        if reply.status == 404 and isinstance(reply.data, Mapping) and "error" in reply.data:
            return None
        raise Unreachable(
            self.name, f"/api/jobs answers {reply.status}: {reply.raw[:200]}", sent=True
        )

    async def load(self) -> int:
        """How many jobs it has, waiting and running, whoever's they are."""
        reply = await self._asked("GET", "/prompt")
        info = reply.data.get("exec_info") if isinstance(reply.data, Mapping) else None
        remaining = info.get("queue_remaining") if isinstance(info, Mapping) else None
        if not isinstance(remaining, int) or reply.status != 200:
            raise Unreachable(self.name, f"/prompt answers {reply.raw[:200]}", sent=True)
        self.queue = max(remaining, 0)
        return self.queue

    async def ahead_of(self, job: Mapping[str, Any]) -> int | None:
        """How many jobs come before a waiting *job*, others' too; None where it does not say."""
        params = {"status": "pending,in_progress", "sort_order": "asc"}
        reply = await self._asked("GET", "/api/jobs", params=params)
        jobs = reply.data.get("jobs") if isinstance(reply.data, Mapping) else None
        mine = job.get("priority")
        if not isinstance(jobs, list) or not isinstance(mine, int | float):
            return None
        ahead = 0
        for each in jobs:
            if not isinstance(each, Mapping) or each.get("id") == job.get("id"):
                continue
            priority = each.get("priority")
            before = isinstance(priority, int | float) and priority < mine
            ahead += each.get("status") == "in_progress" or before
        return ahead

    async def order(self, graph: Mapping[str, Any], prompt_id: str) -> Reply:
        """Post the graph, once. `Unreachable.sent` tells whether that may have arrived."""
        return await self.client.ask(
            "POST",
            "/prompt",
            json={"prompt": graph, "prompt_id": prompt_id, "client_id": self._client_id()},
            deadline=60.0,
        )

    async def stop(self, prompt_id: str) -> bool:
        """Have a job stopped, by its name alone; whether it is sure that it does nothing more.

        The one atomic route is newer than many servers: on others it is taken out of the queue
        first and interrupted then, so that one that begins in between is caught.
        """
        reply = await self._asked("POST", route("/api/jobs", prompt_id, "cancel"))
        if reply.status != 200 or not isinstance(reply.data, Mapping):
            await self._asked("POST", "/queue", json={"delete": [prompt_id]})
            await self._asked("POST", "/interrupt", json={"prompt_id": prompt_id})
        job = await self.job(prompt_id)
        return job is None or job.get("status") in ENDED

    # What it has.

    async def lacks(self, graph: Graph, *, but: Iterable[str] = ()) -> list[str]:
        """What *graph* needs that this server has not: "the node X", "the file y". Inputs in *but*
        ("node.input") are filled with what is uploaded."""
        filled = set(but)
        found: dict[str, None] = {}
        for kind in sorted({node["class_type"] for node in graph.nodes.values()}):
            schema = await self._schema(kind)
            if schema is None:
                found[f"the node {kind}"] = None
                continue
            for node in graph.of_type(kind):
                for name, value in graph.inputs_of(node).items():
                    if f"{node}.{name}" in filled or not isinstance(value, str):
                        continue
                    spec = _spec(schema, name)
                    choices = _choices(spec)
                    if choices is None or value in choices or _elsewhere(spec, value):
                        continue
                    found[_thing(value, name)] = None
        return list(found)

    async def loras(self) -> frozenset[str]:
        """The names of its LoRA files."""

        async def ask() -> frozenset[str]:
            reply = await self._asked("GET", "/models/loras")
            names = reply.data if isinstance(reply.data, list) else []
            return frozenset(each for each in names if isinstance(each, str))

        found: frozenset[str] = await self._remembered("loras", ask)
        return found

    @property
    def loras_known(self) -> frozenset[str]:
        """The same, as far as it was asked."""
        known = self._known.get("loras")
        return known[1] if known is not None else frozenset()

    async def stats(self) -> Stats:
        """Its version, and its first device."""

        async def ask() -> Stats:
            reply = await self._asked("GET", "/system_stats")
            said = reply.data if isinstance(reply.data, Mapping) else {}
            system, devices = said.get("system"), said.get("devices")
            version = system.get("comfyui_version") if isinstance(system, Mapping) else None
            first = devices[0] if isinstance(devices, list) and devices else None
            device = first if isinstance(first, Mapping) else {}
            total = device.get("vram_total")
            return Stats(
                version=str(version or ""),
                device=str(device.get("name") or ""),
                vram_gb=total / _GIB if isinstance(total, int | float) else None,
            )

        found: Stats = await self._remembered("stats", ask)
        return found

    async def upload_limit(self) -> int:
        """Bytes that a request to it may have."""

        async def ask() -> int:
            reply = await self._asked("GET", "/features")
            said = reply.data.get("max_upload_size") if isinstance(reply.data, Mapping) else None
            return said if isinstance(said, int) and said > 0 else MAX_UPLOAD

        found: int = await self._remembered("features", ask)
        return found

    def forget(self) -> None:
        """Ask anew what it has."""
        self._known.clear()
        self._uploaded.clear()

    # Inputs.

    async def uploaded(self, file: Path, given: Input, *, what: str) -> str:
        """The name under which nodes load *file*; it is uploaded once. Raises `Refusal`."""
        limit = await self.upload_limit()
        size = file.stat().st_size
        if size > limit - 4096:  # the form around it
            raise Refusal(
                f"Your {what} is {size / 1e6:,.1f} MB. {self.name} takes up to "
                f"{limit / 1e6:,.0f} MB.",
                failure=Failure.INPUT,
            )
        digest = await asyncio.to_thread(_digest, file)
        if digest in self._uploaded:
            return self._uploaded[digest]
        name = f"{digest}{file.suffix or '.bin'}"
        reply = await self.client.upload(file, name=name, type=given.type, subfolder=FOLDER)
        if reply.status == 413:
            raise Refusal(
                f"The {what} has {size / 1e6:,.1f} MB, which is more than {self.name} takes.",
                failure=Failure.INPUT,
                raw=reply.raw,
            )
        said = reply.data if isinstance(reply.data, Mapping) else {}
        kept, folder = said.get("name"), said.get("subfolder")
        if reply.status != 200 or not _kept(kept, folder):
            raise Busy(
                f"{self.name} did not take the {what}.",
                raw=f"{reply.status} {told(reply.data) or reply.raw[:500]}",
            )
        self._uploaded[digest] = f"{FOLDER}/{kept}"
        return self._uploaded[digest]

    async def close(self) -> None:
        """Let go of its connections."""
        await self.socket.close()
        await self.client.close()

    async def _schema(self, type: str) -> Mapping[str, Any] | None:
        """The inputs of a class of nodes; None where the server has no such class."""

        async def ask() -> Mapping[str, Any] | None:
            reply = await self._asked("GET", route("/object_info", type))
            said = reply.data.get(type) if isinstance(reply.data, Mapping) else None
            return said if isinstance(said, Mapping) else None

        found: Mapping[str, Any] | None = await self._remembered(f"class {type}", ask)
        return found

    async def _remembered(self, what: str, ask: Callable[[], Any]) -> Any:
        known = self._known.get(what)
        if known is not None and self._clock() - known[0] < FRESH:
            return known[1]
        found = await ask()
        self._known[what] = self._clock(), found
        return found

    async def _asked(self, method: str, path: str, **more: Any) -> Reply:
        try:
            reply = await self.client.ask(method, path, **more)
        except Unreachable as error:
            self.rest(REST, error.because)
            raise
        except Busy as busy:
            self.rest(REST, str(busy))
            raise
        if reply.status >= 500:
            raise Unreachable(self.name, f"{path} answers {reply.status}", sent=True)
        self.answered()
        return reply


def _kept(name: object, folder: object) -> bool:
    """Whether what a server calls an upload is a file in our folder of its inputs."""
    if not isinstance(name, str) or not isinstance(folder, str):
        return False
    plain = re.fullmatch(r"[^/\\\0-\x1f\x7f]{1,255}", name) is not None
    return plain and folder.replace("\\", "/").strip("/") == FOLDER


def _digest(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as content:
        while chunk := content.read(1024 * 1024):
            digest.update(chunk)
    return digest.hexdigest()


def _spec(schema: Mapping[str, Any], name: str) -> list[Any]:
    """What a class says of one of its inputs; empty where it says nothing."""
    inputs = schema.get("input")
    for kind in ("required", "optional"):
        group = inputs.get(kind) if isinstance(inputs, Mapping) else None
        spec = group.get(name) if isinstance(group, Mapping) else None
        if isinstance(spec, list) and spec:
            return spec
    return []


def _more(spec: list[Any]) -> Mapping[str, Any]:
    return spec[1] if len(spec) > 1 and isinstance(spec[1], Mapping) else {}


def _choices(spec: list[Any]) -> list[Any] | None:
    """What may be chosen for an input; None where that is no choice, or not from a list.

    Older nodes have the list itself, newer ones "COMBO" with its options.
    """
    kind = spec[0] if spec else None
    options = kind if isinstance(kind, list) else _more(spec).get("options")
    return options if isinstance(options, list) and kind in (options, "COMBO") else None


def _elsewhere(spec: list[Any], value: str) -> bool:
    """Whether *value* is a file in a folder of the inputs, or an output: those are not listed."""
    loads = any(_more(spec).get(f"{kind}_upload") for kind in ("image", "video", "audio"))
    return loads and re.search(r"[/\\]|\]$", value) is not None


def _thing(value: str, name: str) -> str:
    last = value.replace("\\", "/").rpartition("/")[2]
    return f"the file {last}" if "." in last else f"the choice {last} of {name}"
