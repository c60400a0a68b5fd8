"""A ComfyUI server on loopback, with a world of its own: queue, history, files, models, nodes.

    async with ComfyUIServer(make, folder=…) as server:   # server.url, server.world
        server.vices.deaf = True
        await server.kill(); await server.revive()        # all but its files is forgotten

What it answers is what a real one (0.12.1) was recorded to answer, and what newer ones do by their
source where a switch says so. *make* gets what a graph asks for and gives a clip.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from aiohttp import WSMsgType, web

from ._comfyui_nodes import Asked, asked, object_info, validated
from ._comfyui_world import Prompt, Vices, World
from ._server import Seen, Server, Wish

__all__ = ["ComfyUIServer", "exactly"]

#: What it has on its disk.
MODELS: Mapping[str, list[str]] = {
    "checkpoints": ["ltx-imitated.safetensors"],
    "loras": ["claymation.safetensors", "styles/noir.safetensors"],
    "vae": [],
    "text_encoders": [],
}
_VIEW_TYPES = ("input", "output", "temp")
_OLD, _NEW = "0.12.1", "0.38.1"

Make = Callable[[Asked, Wish], Awaitable[Path]]


class ComfyUIServer(Server):
    """`POST /prompt` is what scripts call "submit"; the others are called as their paths."""

    title = "ComfyUI"
    secret_headers = ()

    def __init__(
        self,
        make: Make,
        *,
        folder: Path,
        pace: float = 0.0,
        vices: Vices | None = None,
        models: Mapping[str, list[str]] = MODELS,
        vram_gb: float = 24.0,
        **more: Any,
    ) -> None:
        """*pace* is how many seconds a sampler takes; *folder* holds its inputs and outputs."""
        super().__init__(self._never, **more)
        self.folder = folder
        self.vices = vices or Vices()
        self.pace = pace
        self.models = {name: list(files) for name, files in models.items()}
        self.vram_gb = vram_gb
        self.runs: list[Prompt] = []  #: every run, over all its lives
        self._clip = make
        self._listen_at = 0

    @staticmethod
    async def _never(_wish: Wish) -> Path:
        raise AssertionError("a graph is run, not a wish")

    async def start(self, port: int = 0) -> None:
        """Begin a life with empty memory, on *port* or on a free one."""
        for name in ("input", "output", "temp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.world = World(self.folder, self.vices, make=self._made, pace=self.pace, wall=self.wall)
        self.world.executed = self.runs
        await super().start(port)
        self._listen_at = self._port

    async def stop(self) -> None:
        """End."""
        await self.world.die()
        await super().stop()

    async def kill(self) -> None:
        """End without any order, as by SIGKILL."""
        await self.stop()

    async def revive(self) -> None:
        """Begin again where it was: files are there, and nothing else."""
        await self.start(self._listen_at)

    @property
    def up(self) -> bool:
        """Whether it lives."""
        return self._runner is not None and bool(self._runner.addresses)

    def runs_of(self, mark: str) -> list[Prompt]:
        """The runs whose graph has *mark* in it: how often a clip was rendered."""
        return [prompt for prompt in self.runs if mark in json.dumps(prompt.graph)]

    # What a server's document says, if it had one.

    def refused(self, sentence: str) -> web.Response:
        error = {"type": "invalid_prompt", "message": sentence, "details": "", "extra_info": {}}
        return web.json_response({"error": error, "node_errors": {}}, status=400)

    def routes(self) -> Iterable[web.RouteDef]:
        both = [
            ("GET", "/prompt", "load", self._load),
            ("POST", "/prompt", "submit", self._prompt),
            ("GET", "/queue", "queue", self._queue),
            ("POST", "/queue", "delete", self._delete),
            ("POST", "/interrupt", "interrupt", self._interrupt),
            ("GET", "/history/{id}", "history", self._history),
            ("GET", "/history", "history", self._history),
            ("GET", "/object_info/{name}", "object_info", self._object_info),
            ("GET", "/models/{folder}", "models", self._models),
            ("GET", "/models", "models", self._models),
            ("GET", "/system_stats", "system_stats", self._stats),
            ("GET", "/features", "features", self._features),
            ("POST", "/upload/image", "upload", self._upload),
            ("GET", "/view", "view", self._view),
        ]
        yield web.get("/ws", self._socket)
        for method, path, name, handler in both:
            yield self.route(method, path, name, self._guarded(handler))
            yield self.route(method, f"/api{path}", name, self._guarded(handler))
        yield self.route("GET", "/api/jobs", "jobs", self._guarded(self._jobs))
        yield self.route("GET", "/api/jobs/{id}", "job", self._guarded(self._job))
        yield self.route("POST", "/api/jobs/{id}/cancel", "cancel", self._guarded(self._cancel))

    def _guarded(
        self, handler: Callable[[Seen], Awaitable[web.StreamResponse]]
    ) -> Callable[[Seen], Awaitable[web.StreamResponse]]:
        async def answer(seen: Seen) -> web.StreamResponse:
            if self._locked(seen.headers):
                return web.Response(status=401, text="Unauthorized")
            origin = seen.headers.get("Origin")
            if origin is not None and origin != self.url:
                return web.Response(status=403)
            return await handler(seen)

        return answer

    def _locked(self, headers: Mapping[str, str]) -> bool:
        password = self.vices.password
        return password is not None and headers.get("Authorization") != password

    # Orders.

    async def _prompt(self, seen: Seen) -> web.StreamResponse:
        try:
            body = json.loads(seen.body)
        except ValueError:
            return _trouble()
        graph = body.get("prompt")
        if not isinstance(graph, dict):
            error = {
                "type": "no_prompt",
                "message": "No prompt provided",
                "details": "No prompt provided",
                "extra_info": {},
            }
            return web.json_response({"error": error, "node_errors": {}}, status=400)
        name = str(body.get("prompt_id") or uuid.uuid4())
        if self.vices.strict_ids and not _canonical(name):
            error = {
                "type": "invalid_prompt_id",
                "message": "prompt_id must be a UUID",
                "details": "",
                "extra_info": {},
            }
            return web.json_response({"error": error, "node_errors": {}}, status=400)
        outputs, wrong, fatal = validated(graph, files=self.models, inputs=self._uploaded())
        if fatal is not None:
            return web.json_response({"error": fatal, "node_errors": wrong}, status=400)
        if self.vices.node_errors:
            wrong = {
                "8": {
                    "errors": [
                        {
                            "type": "value_not_in_list",
                            "message": "Value not in list",
                            "details": "format: 'avi' not in ['auto', 'mp4']",
                            "extra_info": {"input_name": "format", "received_value": "avi"},
                        }
                    ],
                    "dependent_outputs": ["8"],
                    "class_type": "SaveVideo",
                }
            }
        prompt = Prompt(
            id=name,
            number=self.world.number,
            graph=graph,
            outputs_to_execute=outputs,
            client_id=body.get("client_id"),
            created=self.world.now(),
            body=body,
        )
        self.world.number += 1
        self.decide(prompt)  # type: ignore[arg-type]  # has what mishaps set on a job
        if prompt.failure is not None and prompt.failure not in ("memory", "ram"):
            prompt.failure = prompt.failure if isinstance(prompt.failure, str) else "bug"
        await self.world.put(prompt)
        return web.json_response({"prompt_id": name, "number": prompt.number, "node_errors": wrong})

    async def _load(self, _seen: Seen) -> web.StreamResponse:
        return web.json_response({"exec_info": {"queue_remaining": self.world.remaining}})

    async def _queue(self, _seen: Seen) -> web.StreamResponse:
        running = self.world.running
        return web.json_response(
            {
                "queue_running": [running.queued()] if running is not None else [],
                "queue_pending": [each.queued() for each in self.world.queue],
            }
        )

    async def _delete(self, seen: Seen) -> web.StreamResponse:
        body = json.loads(seen.body)
        if body.get("clear"):
            self.complaints.append("ComfyUI: everybody's queue was cleared")
        if self.world.delete(list(body.get("delete", ()))):
            await self.world.tell_status()
        return web.Response()

    async def _interrupt(self, seen: Seen) -> web.StreamResponse:
        name = json.loads(seen.body).get("prompt_id") if seen.body else None
        if name is None:
            self.complaints.append("ComfyUI: somebody's job was interrupted, whoever's it was")
        self.world.interrupt(name)
        return web.Response()

    async def _cancel(self, seen: Seen) -> web.StreamResponse:
        if not self.vices.atomic_cancel:
            return web.Response(status=405, text="405: Method Not Allowed")
        name = seen.parts["id"]
        done = self.world.delete([name]) or self.world.interrupt(name)
        return web.json_response({"cancelled": done})

    # Questions.

    async def _jobs(self, seen: Seen) -> web.StreamResponse:
        known = ("pending", "in_progress", "completed", "failed", "cancelled")
        wanted = [each for each in seen.query.get("status", "").split(",") if each]
        odd = [each for each in wanted if each not in known]
        if odd:
            sentence = (
                f"Invalid status value(s): {', '.join(odd)}. Valid values: {', '.join(known)}"
            )
            return web.json_response({"error": sentence}, status=400)
        world = self.world
        jobs = [*world.queue, *([world.running] if world.running else []), *world.history.values()]
        jobs = [each for each in jobs if not wanted or each.status in wanted]
        jobs.sort(key=lambda each: each.created, reverse=seen.query.get("sort_order") != "asc")
        limit = int(seen.query["limit"]) if "limit" in seen.query else None
        return web.json_response(
            {
                "jobs": [each.told(whole=False) for each in jobs[:limit]],
                "pagination": {
                    "offset": 0,
                    "limit": limit,
                    "total": len(jobs),
                    "has_more": limit is not None and len(jobs) > limit,
                },
            }
        )

    async def _job(self, seen: Seen) -> web.StreamResponse:
        prompt = self.world.find(seen.parts["id"])
        if prompt is None:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(prompt.told(whole=True))

    async def _history(self, seen: Seen) -> web.StreamResponse:
        found = self.world.history
        if "id" in seen.parts:
            found = {name: each for name, each in found.items() if name == seen.parts["id"]}
        return web.json_response({name: each.entry() for name, each in found.items()})

    async def _object_info(self, seen: Seen) -> web.StreamResponse:
        name = seen.parts["name"]
        inputs = [each.name for each in (self.folder / "input").iterdir() if each.is_file()]
        schema = object_info(name, self.models, inputs)
        return web.json_response({} if schema is None else {name: schema})

    async def _models(self, seen: Seen) -> web.StreamResponse:
        folder = seen.parts.get("folder")
        if folder is None:
            return web.json_response(list(self.models))
        if folder not in self.models:
            return web.Response(status=404)
        return web.json_response(self.models[folder])

    async def _stats(self, _seen: Seen) -> web.StreamResponse:
        total = int(self.vram_gb * 2**30)
        device = {
            "name": "cuda:0 NVIDIA GeForce RTX 4090 : native",
            "type": "cuda",
            "index": 0,
            "vram_total": total,
            "vram_free": total,
            "torch_vram_total": 0,
            "torch_vram_free": 0,
        }
        version = _NEW if self.vices.atomic_cancel else _OLD
        return web.json_response(
            {"system": {"os": "linux", "comfyui_version": version}, "devices": [device]}
        )

    async def _features(self, _seen: Seen) -> web.StreamResponse:
        return web.json_response(
            {"supports_preview_metadata": True, "max_upload_size": self.vices.upload_limit}
        )

    # Files.

    async def _upload(self, seen: Seen) -> web.StreamResponse:
        if len(seen.body) > self.vices.upload_limit:
            sentence = f"Maximum request body size {self.vices.upload_limit} exceeded."
            return web.Response(status=413, text=sentence)
        parts = _form(seen)
        image = parts.get("image")
        if image is None:
            return web.Response(status=400)
        fields = {name: content.decode() for name, (_, content) in parts.items() if name != "image"}
        where, subfolder = fields.get("type", "input"), fields.get("subfolder", "")
        if where not in _VIEW_TYPES:
            return _trouble()
        if ".." in subfolder.split("/"):
            return web.Response(status=400)
        name, content = image
        folder = self.folder / where / subfolder
        folder.mkdir(parents=True, exist_ok=True)
        name = name.replace("/", "%2F")
        stem, _, suffix = name.rpartition(".")
        number = 0
        while fields.get("overwrite") != "true" and (folder / name).exists():
            if (folder / name).read_bytes() == content:
                break
            number += 1
            name = f"{stem} ({number}).{suffix}"
        (folder / name).write_bytes(content)
        return web.json_response({"name": name, "subfolder": subfolder, "type": where})

    async def _view(self, seen: Seen) -> web.StreamResponse:
        if "filename" not in seen.query:
            return web.Response(status=404)
        name, where = seen.query["filename"], seen.query.get("type", "output")
        for kind in _VIEW_TYPES:
            if name.endswith(f" [{kind}]"):
                name, where = name.removesuffix(f" [{kind}]"), kind
        if not name or name.startswith("/") or ".." in name or where not in _VIEW_TYPES:
            return web.Response(status=400)
        if ".." in seen.query.get("subfolder", "").split("/"):
            return web.Response(status=403)
        file = self.folder / where / seen.query.get("subfolder", "") / name
        if not file.is_file():
            return web.Response(status=404)
        kind = "video/mp4" if file.suffix == ".mp4" else "application/octet-stream"
        if file.suffix == ".png":
            kind = "image/png"
        return web.FileResponse(file, headers={"Content-Type": kind})

    def _uploaded(self) -> set[str]:
        """What nodes may load, by the name that they use."""
        found = set()
        for kind in ("input", "output"):
            root = self.folder / kind
            found |= {path.relative_to(root).as_posix() for path in root.rglob("*")}
        return found

    # The socket.

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self._locked(request.headers):
            return web.Response(status=401)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        sid = request.query.get("clientId") or uuid.uuid4().hex
        world = self.world
        world.sockets[sid] = socket
        said = {"status": {"exec_info": {"queue_remaining": world.remaining}}, "sid": sid}
        with suppress(ConnectionError):
            await socket.send_json({"type": "status", "data": said})
            if world.at_node is not None:
                await socket.send_json({"type": "executing", "data": {"node": world.at_node}})
            async for message in socket:
                if message.type is WSMsgType.TEXT and "feature_flags" in message.data:
                    flags = {
                        "supports_preview_metadata": True,
                        "max_upload_size": self.vices.upload_limit,
                    }
                    await socket.send_json({"type": "feature_flags", "data": flags})
        # Whoever closes takes the entry along, also where a newer socket had replaced it.
        world.sockets.pop(sid, None)
        return socket

    # Making.

    async def _made(self, prompt: Prompt, to: Path) -> None:
        """Write the clip that the graph asks for to *to*, with the graph in it, as SaveVideo."""
        output = next(
            node
            for node in prompt.outputs_to_execute
            if prompt.graph[node]["class_type"] == "SaveVideo"
        )
        said = asked(prompt.graph, output)
        mode = "audio" if "audio" in said.files else "image" if "image" in said.files else "text"
        inputs = {
            name: (self.folder / "input" / file).read_bytes()
            for name, file in said.files.items()
            if name != "video"
        }
        wish = Wish(
            mode=mode,
            prompt=said.prompt,
            width=said.width,
            height=said.height,
            seconds=said.frames / said.fps,
            fps=round(said.fps),
            seed=said.seed,
            inputs=inputs,
        )
        clip = await self._clip(said, wish)
        await _ffmpeg(
            *("-i", str(clip), "-c", "copy", "-movflags", "use_metadata_tags"),
            *("-metadata", f"prompt={json.dumps(prompt.graph)}", "-f", "mp4", str(to)),
        )


async def exactly(said: Asked, clip: Path, to: Path) -> Path:
    """*clip* with just the size, rate and frames that a graph asks for, written to *to*."""
    size = f"scale={said.width}:{said.height},setsar=1,fps={said.fps:g}"
    await _ffmpeg(
        *("-stream_loop", "3", "-i", str(clip), "-vf", size, "-frames:v", str(said.frames)),
        *("-t", f"{said.frames / said.fps:.6f}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-f", "mp4", str(to)),
    )
    return to


async def _ffmpeg(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(),
        *("-hide_banner", "-loglevel", "error", "-y"),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:  # the server was killed
            process.kill()
            await process.communicate()
    if process.returncode:
        raise RuntimeError(said.decode(errors="replace"))


def _form(seen: Seen) -> dict[str, tuple[str, bytes]]:
    """The parts of a multipart body: the file name and the bytes, by the field's name."""
    head = f"Content-Type: {seen.headers.get('Content-Type', '')}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + seen.body)
    found: dict[str, tuple[str, bytes]] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if name is not None and isinstance(content, bytes):
            found[str(name)] = (part.get_filename() or "", content)
    return found


def _canonical(id: str) -> bool:
    try:
        return str(uuid.UUID(id)) == id
    except ValueError:
        return False


def _trouble() -> web.Response:
    sentence = "500 Internal Server Error\n\nServer got itself in trouble"
    return web.Response(status=500, text=sentence)
