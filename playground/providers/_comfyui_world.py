"""What an imitated ComfyUI holds in its memory: the queue, the history, who listens; and its work.

Everything here is gone when its process is killed; files are not.
"""

import asyncio
import heapq
import json
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from ._comfyui_nodes import SHOWING, before

__all__ = ["FAILURES", "Prompt", "Vices", "World"]

STEPS = 8  #: of a sampler
SAMPLERS = ("SamplerCustomAdvanced", "ProbeSteps")
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
#: What breaks in the middle of a clip: the exception's type and message, as ComfyUI tells them, and
#: the class of node it happens in (None: the sampler).
FAILURES: Mapping[str, tuple[str, str, str | None]] = {
    "memory": (
        "torch.OutOfMemoryError",
        (
            "Allocation on device 0 would exceed allowed memory. (out of memory)\n"
            "This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked "
            "before you might have accidentally set the batch_size to a large number."
        ),
        None,
    ),
    "ram": (
        "RuntimeError",
        (
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate "
            "memory: you tried to allocate 4294967296000 bytes. Error code 12 "
            "(Cannot allocate memory)\n"
        ),
        None,
    ),
    "disk": ("OSError", "[Errno 28] No space left on device\n", "SaveVideo"),
    "model": (
        "safetensors_rust.SafetensorError",
        "Error while deserializing header: header too small\n",
        "CheckpointLoaderSimple",
    ),
    "input": (
        "PIL.UnidentifiedImageError",
        "cannot identify image file '/srv/comfyui/base/input/dailies/bad.png'\n",
        "LoadImage",
    ),
    "bug": ("KeyError", "'secret prompt of mira in /home/mira/ComfyUI'\n", None),
}


@dataclass(slots=True, kw_only=True)
class Vices:
    """What a server does that a client must bear. Each is a switch."""

    atomic_cancel: bool = True  #: it has the newer route that cancels; else 405
    strict_ids: bool = True  #: it takes only UUIDs for names of jobs
    node_errors: bool = False  #: a 200 drops an output that does not validate
    late_history: float = 0.0  #: seconds from "success" on the socket to the history
    deaf: bool = False  #: sockets hear nothing of jobs
    late_interrupt: float = 0.0  #: seconds until a node notices that it is to stop
    dead_worker: bool = False  #: HTTP lives, and nothing moves
    truncated: bool = False  #: files are cut off
    shows_inputs: bool = False  #: nodes that load a clip put it among the outputs
    upload_limit: int = 100 * 1024 * 1024
    password: str | None = None  #: what Authorization must be


@dataclass(slots=True, kw_only=True)
class Prompt:
    """One job, as the server calls it."""

    id: str
    number: float
    graph: Mapping[str, Any]
    outputs_to_execute: list[str]
    client_id: str | None
    created: int
    status: str = "pending"
    began: int | None = None
    ended: int | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    failure: tuple[str, str] | str | None = (
        None  #: a key of `FAILURES`: it breaks; set from outside
    )
    foreign_stop: bool = False  #: somebody stops it in the server's own page
    stalled: bool = False  #: it is never finished
    expired: bool = False  #: its file is deleted as soon as it is made
    empty: bool = False  #: it ends well and saves nothing
    interrupted: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)

    def __lt__(self, other: "Prompt") -> bool:
        return self.number < other.number

    def told(self, *, whole: bool) -> dict[str, Any]:
        """What `/api/jobs` says of it."""
        said: dict[str, Any] = {
            "id": self.id,
            "status": self.status,
            "priority": self.number,
            "create_time": self.created,
        }
        if self.ended is None:
            return {**said, "outputs_count": 0}
        said |= {"execution_start_time": self.began, "execution_end_time": self.ended}
        if self.error is not None:
            said["execution_error"] = self.error
        files = [
            {**file, "nodeId": node, "mediaType": "images"}
            for node, shown in self.outputs.items()
            for file in shown.get("images", ())
        ]
        said["outputs_count"] = len(files)
        if files:
            said["preview_output"] = files[0]
        if whole:
            said["outputs"] = self.outputs
            said["execution_status"] = self.status_told()
            said["workflow"] = {"prompt": self.graph, "extra_data": {"client_id": self.client_id}}
        return said

    def status_told(self) -> dict[str, Any]:
        """The status within an entry of the history."""
        good = self.status == "completed"
        return {
            "status_str": "success" if good else "error",
            "completed": good,
            "messages": [[kind, data] for kind, data in self.messages],
        }

    def entry(self) -> dict[str, Any]:
        """Its entry in the history."""
        return {
            "prompt": self.queued(),
            "outputs": self.outputs,
            "status": self.status_told(),
            "meta": {
                node: {
                    "node_id": node,
                    "display_node": node,
                    "parent_node": None,
                    "real_node_id": node,
                }
                for node in self.outputs
            },
        }

    def queued(self) -> list[Any]:
        """Its item in the queue."""
        extra = {"client_id": self.client_id, "create_time": self.created}
        return [self.number, self.id, self.graph, extra, self.outputs_to_execute]


class _Stopped(Exception):
    """The job was interrupted."""


class World:
    """One process of ComfyUI. *make* makes the clip that a graph asks for."""

    def __init__(
        self,
        folder: Path,
        vices: Vices,
        *,
        make: Callable[[Prompt, Path], Awaitable[None]],
        pace: float,
        wall: Callable[[], float],
    ) -> None:
        self.folder = folder
        self.vices = vices
        self.queue: list[Prompt] = []
        self.running: Prompt | None = None
        self.history: dict[str, Prompt] = {}
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.executed: list[Prompt] = []  #: every run, for whoever counts them
        self.at_node: str | None = None
        self.number = 0
        self.pace = pace
        self._make = make
        self._wall = wall
        self._cache: dict[str, dict[str, Any]] = {}
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._work(), name="an imitated ComfyUI")

    async def die(self) -> None:
        """End, as after SIGKILL: nothing is put in order."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for socket in list(self.sockets.values()):
            await socket.close()

    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self._wall() * 1000)

    @property
    def remaining(self) -> int:
        """Jobs that wait or run."""
        return len(self.queue) + (self.running is not None)

    async def put(self, prompt: Prompt) -> None:
        """One more for the queue."""
        heapq.heappush(self.queue, prompt)
        self._more.set()
        await self.tell_status()

    def foreign(self, seconds: float, *, id: str) -> Prompt:
        """A job that somebody ordered on the server's own page."""
        graph = {
            "1": {
                "class_type": "ProbeSteps",
                "inputs": {"steps": max(1, round(seconds * 10)), "seconds": 0.1},
            }
        }
        prompt = Prompt(
            id=id,
            number=self.number,
            graph=graph,
            outputs_to_execute=[],
            client_id=None,
            created=self.now(),
        )
        self.number += 1
        heapq.heappush(self.queue, prompt)
        self._more.set()
        return prompt

    def find(self, id: str) -> Prompt | None:
        """The job of that name: what has ended counts first, as it does there."""
        if id in self.history:
            return self.history[id]
        if self.running is not None and self.running.id == id:
            return self.running
        return next((each for each in self.queue if each.id == id), None)

    def delete(self, ids: list[str]) -> bool:
        """Take waiting jobs out of the queue."""
        left = [each for each in self.queue if each.id not in ids]
        gone = len(left) < len(self.queue)
        self.queue = left
        heapq.heapify(self.queue)
        return gone

    def interrupt(self, id: str | None) -> bool:
        """Stop the running job, if it is that one (None: whichever)."""
        if self.running is None or id not in (None, self.running.id):
            return False
        self.running.interrupted = True
        return True

    # Telling.

    async def tell_status(self) -> None:
        """Tell everybody how much there is to do."""
        said = {"status": {"exec_info": {"queue_remaining": self.remaining}}}
        for socket in list(self.sockets.values()):
            await _send(socket, "status", said)

    async def _tell(self, prompt: Prompt, type: str, data: dict[str, Any]) -> None:
        if self.vices.deaf:
            return
        if prompt.client_id is None:
            if type in ("progress", "progress_state"):
                for socket in list(self.sockets.values()):
                    await _send(socket, type, data)
            return
        own = self.sockets.get(prompt.client_id)
        if own is not None:
            await _send(own, type, data)

    async def _preview(self, prompt: Prompt, node: str) -> None:
        socket = self.sockets.get(prompt.client_id or "")
        if socket is not None and not self.vices.deaf and not socket.closed:
            meta = json.dumps({"node_id": node, "prompt_id": prompt.id}).encode()
            size = len(meta).to_bytes(4, "big")
            # A real server, too, renders on when whoever looks has gone.
            with suppress(ConnectionError, RuntimeError):
                await socket.send_bytes(b"\x00\x00\x00\x04" + size + meta + _JPEG)

    # Working.

    async def _work(self) -> None:
        while True:
            if not self.queue or self.vices.dead_worker:
                self._more.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.2 if self.queue else None):
                        await self._more.wait()
                continue
            prompt = self.running = heapq.heappop(self.queue)
            prompt.status, prompt.began = "in_progress", self.now()
            await self.tell_status()
            await self._run(prompt)
            self.running = self.at_node = None
            await self.tell_status()
            await self._tell(prompt, "executing", {"node": None, "prompt_id": prompt.id})

    async def _run(self, prompt: Prompt) -> None:
        self.executed.append(prompt)
        status = "completed"
        try:
            await self._say(prompt, "execution_start", {})
            await self._nodes(prompt)
            await self._say(prompt, "execution_success", {})
        except _Stopped:
            status = "cancelled"
            node = self.at_node or ""
            await self._say(
                prompt,
                "execution_interrupted",
                {"node_id": node, "node_type": _type(prompt.graph, node), "executed": []},
            )
        except Exception as error:  # noqa: BLE001  # a node's: whatever it is
            status = "failed"
            kind, _, message = str(error).partition("\0")
            node = self.at_node or ""
            prompt.error = {
                "prompt_id": prompt.id,
                "node_id": node,
                "node_type": _type(prompt.graph, node),
                "executed": [],
                "exception_message": message or repr(error),
                "exception_type": kind if message else type(error).__name__,
                "traceback": ['  File "/srv/comfyui/src/execution.py", line 527, in execute\n'],
                "current_inputs": {},
                "current_outputs": [],
                "timestamp": self.now(),
            }
            prompt.messages.append(("execution_error", prompt.error))
            await self._tell(prompt, "execution_error", prompt.error)
        if self.vices.late_history:
            await asyncio.sleep(self.vices.late_history)
        prompt.ended = self.now()
        prompt.status = status
        self.history[prompt.id] = prompt

    async def _say(self, prompt: Prompt, type: str, more: dict[str, Any]) -> None:
        data = {"prompt_id": prompt.id, **more, "timestamp": self.now()}
        prompt.messages.append((type, data))
        await self._tell(prompt, type, data)

    async def _nodes(self, prompt: Prompt) -> None:
        seen: dict[str, dict[str, Any]] = {}
        order: dict[str, None] = {}
        for output in prompt.outputs_to_execute:
            order |= dict.fromkeys(before(prompt.graph, output))
        if not order:  # a foreign job
            await self._steps(prompt, seen, "1")
            return
        cached = [node for node in order if self._key(prompt, node) in self._cache]
        if prompt.failure is not None:  # what is to break is not taken from the cache
            cached = []
        await self._say(prompt, "execution_cached", {"nodes": cached})
        for node in order:
            self.at_node = node
            if node in cached:
                if (shown := self._cache[self._key(prompt, node)]) != {}:
                    await self._show(prompt, node, shown)
                    await self._state(prompt, seen, node, 1.0, 1.0, "finished")
                continue
            await self._state(prompt, seen, node, 0.0, 1.0, "running")
            await self._tell(
                prompt,
                "executing",
                {"node": node, "display_node": node, "prompt_id": prompt.id},
            )
            await self._node(prompt, seen, node)
            await self._stop_if_told(prompt)
            steps = seen[node]["max"]
            await self._state(prompt, seen, node, steps, steps, "finished")

    async def _node(self, prompt: Prompt, seen: dict[str, dict[str, Any]], node: str) -> None:
        works = _type(prompt.graph, node)
        if isinstance(prompt.failure, str):
            kind, message, where = FAILURES[prompt.failure]
            if works == where or (where is None and works in SAMPLERS):
                raise RuntimeError(f"{kind}\0{message}")
        shown: dict[str, Any] = {}
        if works in SAMPLERS:
            await self._steps(prompt, seen, node)
        elif works == "SaveVideo":
            shown = await self._save(prompt, node)
        elif works == "PreviewImage":
            file = {"filename": "ComfyUI_temp_00001_.png", "subfolder": "", "type": "temp"}
            shown = {"images": [file]}
        elif works in SHOWING and self.vices.shows_inputs:
            name = prompt.graph[node]["inputs"]["file"]
            folder, _, last = name.rpartition("/")
            file = {"filename": last, "subfolder": folder, "type": "input"}
            shown = {"images": [file], "animated": [True]}
        if shown:
            await self._show(prompt, node, shown)
        self._cache[self._key(prompt, node)] = shown

    async def _steps(self, prompt: Prompt, seen: dict[str, dict[str, Any]], node: str) -> None:
        given = prompt.graph[node]["inputs"]
        steps = int(given.get("steps", STEPS))
        each = float(given["seconds"]) if "seconds" in given else self.pace / steps
        for step in range(1, steps + 1):
            while prompt.stalled and not prompt.interrupted:  # noqa: ASYNC110  # as a sampler looks
                await asyncio.sleep(0.05)
            await asyncio.sleep(each)
            if prompt.foreign_stop:
                prompt.interrupted = True
            await self._stop_if_told(prompt)
            await self._state(prompt, seen, node, step, steps, "running")
            if step % 4 == 1:
                await self._preview(prompt, node)
            data = {"value": step, "max": steps, "prompt_id": prompt.id, "node": node}
            await self._tell(prompt, "progress", data)

    async def _stop_if_told(self, prompt: Prompt) -> None:
        if prompt.interrupted:
            await asyncio.sleep(self.vices.late_interrupt)
            raise _Stopped

    async def _save(self, prompt: Prompt, node: str) -> dict[str, Any]:
        prefix = prompt.graph[node]["inputs"]["filename_prefix"]
        folder, _, name = prefix.rpartition("/")
        to = self.folder / "output" / folder
        to.mkdir(parents=True, exist_ok=True)
        number = len(list(to.glob(f"{name}_*"))) + 1
        file = to / f"{name}_{number:05}_.mp4"
        if prompt.empty:
            return {}
        part = file.with_suffix(".part")
        await self._make(prompt, part)
        if self.vices.truncated:
            content = part.read_bytes()
            part.write_bytes(content[: len(content) * 2 // 3])
        shutil.move(part, file)
        if prompt.expired:
            file.unlink()
        return {
            "images": [{"filename": file.name, "subfolder": folder, "type": "output"}],
            "animated": [True],
        }

    async def _show(self, prompt: Prompt, node: str, shown: dict[str, Any]) -> None:
        prompt.outputs[node] = shown
        await self._tell(
            prompt,
            "executed",
            {"node": node, "display_node": node, "output": shown, "prompt_id": prompt.id},
        )

    async def _state(
        self,
        prompt: Prompt,
        seen: dict[str, dict[str, Any]],
        node: str,
        value: float,
        most: float,
        state: str,
    ) -> None:
        seen[node] = {
            "value": value,
            "max": most,
            "state": state,
            "node_id": node,
            "prompt_id": prompt.id,
            "display_node_id": node,
            "parent_node_id": None,
            "real_node_id": node,
        }
        data = {"prompt_id": prompt.id, "nodes": {name: dict(each) for name, each in seen.items()}}
        await self._tell(prompt, "progress_state", data)

    def _key(self, prompt: Prompt, node: str) -> str:
        """What makes a node's work the same: itself, and all that it needs."""
        return json.dumps(
            [[each, dict(prompt.graph[each], _meta=None)] for each in before(prompt.graph, node)],
            sort_keys=True,
        )


def _type(graph: Mapping[str, Any], node: str) -> str:
    return str(graph.get(node, {}).get("class_type", ""))


async def _send(socket: web.WebSocketResponse, type: str, data: dict[str, Any]) -> None:
    if not socket.closed:
        try:
            await socket.send_json({"type": type, "data": data})
        except (ConnectionError, RuntimeError):
            return
