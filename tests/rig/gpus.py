"""A team's ComfyUI servers on loopback, their workflows made small, and a bot that uses them."""

import asyncio
import contextlib
import itertools
import re
import ssl
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bot.jobs.results import Results
from bot.media.decode import decode
from bot.providers import Connection, Order
from bot.providers.comfyui import connect
from playground import open_playground
from playground.providers.comfyui import ComfyUIServer, Vices, exactly
from playground.providers.simulated import WORKFLOWS
from storage import Brief, Input, Mode
from tests.rig.house import working
from tests.rig.imitated import UNLIMITED, Stage

SMALL = 'sizes = ["448x256", "256x448"]'
#: A graph without any model: what a server that has no weights can make.
WEIGHTLESS = """{
 "1": {"class_type": "EmptyImage",
       "inputs": {"width": 448, "height": 256, "batch_size": 48, "color": 3368601}},
 "3": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 24.0}},
 "4": {"class_type": "SaveVideo", "_meta": {"title": "Clip"},
       "inputs": {"video": ["3", 0], "filename_prefix": "x", "format": "mp4", "codec": "h264"}},
 "5": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "read by nobody"}}
}"""
WEIGHTLESS_MANIFEST = f"""
title = "Nothing but color"
mode = "text"
output = "4"
{SMALL}
fps = [24]
seconds = [1, 4]
[inputs]
prompt = "5.value"
seed = "1.color"
width = "1.width"
height = "1.height"
frames = "1.batch_size"
"""


def small_workflows(folder, *, also=None):
    """The playground's workflows, in sizes that cost nothing. *also*: more files, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in WORKFLOWS.iterdir():
        text = path.read_text()
        text = re.sub(r"(?m)^sizes = .*$", SMALL, text)
        text = re.sub(r"(?m)^seconds = .*$", "seconds = [1, 4]\ndefault_seconds = 2", text)
        (folder / path.name).write_text(text)
    for name, text in (also or {}).items():
        (folder / name).write_text(text)
    return folder


class Clips:
    """Makes clips of just what a graph asks for; each kind once."""

    def __init__(self, media, folder):
        self._media = media
        self._folder = folder
        self._made = {}
        self._one = asyncio.Lock()
        self.asked = []

    async def __call__(self, said, wish):
        self.asked.append((said, wish))
        kind = said.width, said.height, said.frames, said.fps
        async with self._one:
            if kind not in self._made:
                self._folder.mkdir(parents=True, exist_ok=True)
                to = self._folder / f"{len(self._made)}.mp4"
                self._made[kind] = await exactly(said, self._media.clip, to)
        return self._made[kind]


@contextlib.asynccontextmanager
async def gpus(media, folder, *, names=("gpu1", "gpu2"), pace=0.0, **more):
    """The servers, by name."""
    clips = Clips(media, folder / "made")
    async with contextlib.AsyncExitStack() as stack:
        found = {}
        for name in names:
            server = ComfyUIServer(clips, folder=folder / name, pace=pace, vices=Vices(), **more)
            found[name] = await stack.enter_async_context(server)
        yield found
    for server in found.values():
        assert server.complaints == []


def environ_of(servers, folder, **more):
    """The settings of a bot that uses them."""
    return {
        "COMFYUI_URLS": ",".join(f"{name}={server.url}" for name, server in servers.items()),
        "COMFYUI_WORKFLOWS": str(folder),
        **more,
    }


class Fleet:
    """The provider alone, with its servers, and a clock that a test turns."""

    def __init__(self, servers, data, workflows, **environ):
        self.servers = servers
        self.data = data
        self.ahead = 0.0
        self._environ = environ_of(servers, workflows, **environ)
        self._attempts = itertools.count(1)
        self.provider = self.connected()

    def connected(self):
        """The provider as a new process has it."""
        loop = asyncio.get_running_loop()
        return connect(
            Connection(
                data=self.data, environ=self._environ, clock=lambda: loop.time() + self.ahead
            )
        )

    async def restart(self):
        """Go on as a new process does, which knows only what is on the disk."""
        await self.provider.close()
        self.provider = self.connected()

    def order(self, model="ltx-text", *, attempt=None, again=False, **brief):
        """An order of a brief that is complete."""
        given = {
            "mode": Mode.TEXT,
            "prompt": "a red fox",
            "resolution": "480p",
            "aspect": "16:9",
            "size": "448x256",
            "duration": 2,
            "fps": 24,
            "seed": 7,
            **brief,
        }
        found = next(each for each in self.provider.models if each.name == model)

        async def link(_):
            raise AssertionError("a server of our own needs no link")

        return Order(
            job=1,
            attempt=attempt or f"attempt-{next(self._attempts)}",
            model=found,
            brief=Brief(**given),
            path=lambda each: self.data / each.file,
            link=link,
            again=again,
        )

    def picture(self, media, name="picture.png"):
        """An input that is a picture."""
        (self.data / "inputs").mkdir(parents=True, exist_ok=True)
        content = Path(media.picture).read_bytes()
        (self.data / "inputs" / name).write_bytes(content)
        return Input(
            file=f"inputs/{name}", type="image/png", size=len(content), width=192, height=108
        )

    async def followed(self, order, remote_id, *, stages=None):
        """The report with which it is ready."""
        from bot.providers import Stage

        async with asyncio.timeout(60):
            while True:
                report = await self.provider.poll(order, remote_id)
                remote_id = report.remote_id or remote_id
                if stages is not None:
                    stages.append(report)
                if report.stage is Stage.READY:
                    return remote_id
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def fleet(
    media, folder, *, names=("gpu1", "gpu2"), pace=0.0, also=None, environ=None, **more
):
    """The provider alone, with its servers."""
    workflows = small_workflows(folder / "workflows", also=also)
    async with gpus(media, folder / "gpus", names=names, pace=pace, **more) as servers:
        found = Fleet(servers, folder / "data", workflows, **(environ or {}))
        try:
            yield found
        finally:
            await found.provider.close()


class Workplace(Stage):
    """A stage whose servers work in real time: a clip is not given up because they are slow."""

    def _turn(self, jobs, stride):
        if not any(working_at(server.world) for server in self.servers.values() if server.up):
            return super()._turn(jobs, stride)
        self.playground.clock.advance(3.0)  # until the provider is asked again
        return stride


def working_at(world):
    """Whether a server gets on with anything by itself."""
    running = world.running
    return not running.stalled if running is not None else bool(world.queue)


@contextlib.asynccontextmanager
async def own_gpus(
    media, folder, *, names=("gpu1", "gpu2"), pace=0.0, also=None, environ=None, **settings
):
    """A playground, the bot in it, and the servers it uses. Clips are compared with their orders,
    as in production."""
    workflows = small_workflows(folder / "workflows", also=also)
    async with contextlib.AsyncExitStack() as stack:
        servers = await stack.enter_async_context(
            gpus(media, folder / "gpus", names=names, pace=pace)
        )
        playground = await stack.enter_async_context(
            open_playground(rate_limits=False, patient=True)
        )
        deployment = await stack.enter_async_context(
            working(
                playground,
                folder / "data",
                environ=environ_of(servers, workflows, **(environ or {})),
                results=partial(Results, decode=decode),
                loopback=frozenset({urlsplit(playground.api_url).netloc}),
                **{**UNLIMITED, **settings},
            )
        )
        yield Workplace(playground, deployment, servers, media)


@contextlib.asynccontextmanager
async def over_https(server, certificate):
    """An https address that leads to *server*, as a proxy before it has; *certificate* is a PEM
    file with its key."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    connections, writers = set(), set()

    async def passed_on(reader, writer):
        with contextlib.suppress(OSError):
            while content := await reader.read(65536):
                writer.write(content)
                await writer.drain()
        writer.close()

    async def connected(reader, writer):
        connections.add(asyncio.current_task())
        host, _, port = server.host.partition(":")
        onward, there = await asyncio.open_connection(host, int(port))
        writers.update({there, writer})
        await asyncio.gather(passed_on(reader, there), passed_on(onward, writer))

    front = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{front.sockets[0].getsockname()[1]}"
    finally:
        front.close()
        for writer in writers:
            with contextlib.suppress(AttributeError):  # Python 3.11.2: of a connection that is over
                writer.transport.abort()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)  # what was cut off is let go
