"""All imitated providers at once, and the settings with which a bot becomes their client."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ._comfyui_nodes import Asked
from ._server import Render, Server, Wish
from .apixo import ApixoServer
from .comfyui import ComfyUIServer, exactly
from .ltx import LtxServer
from .ltx2api import Ltx2ApiServer
from .mishaps import Mishaps
from .pixazo import PixazoServer

__all__ = ["GPUS", "SERVERS", "WORKFLOWS", "Simulated", "simulated"]

#: What the bot calls them.
TITLES = {"LTX": "LTX", "LTX2API": "ltx-2api.com", "APIXO": "apixo", "PIXAZO": "Pixazo"}

#: What a ComfyUI of a team would do: their own graphs, in a folder that comes with the playground.
WORKFLOWS = Path(__file__).parent / "workflows"
GPUS = ("gpu1", "gpu2")  #: the team's servers
PACE = 6.0  #: seconds that a sampler takes there, so that people see it move
#: More than any company asks, so that a company is chosen where nobody names ComfyUI.
USD_PER_SECOND = "0.25"

#: By the word their settings begin with.
SERVERS: Mapping[str, type[Server]] = {
    "LTX": LtxServer,
    "LTX2API": Ltx2ApiServer,
    "APIXO": ApixoServer,
    "PIXAZO": PixazoServer,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Running servers. *environ* are settings; *hosts* may be reached over plain http."""

    servers: Mapping[str, Server]
    gpus: Mapping[str, ComfyUIServer]
    environ: Mapping[str, str]
    hosts: frozenset[str]


@asynccontextmanager
async def simulated(
    render: Render, mishaps: Mishaps | None = None, *, pace: float = PACE
) -> AsyncIterator[Simulated]:
    """Run every provider; *render* makes the clip of a wish, *mishaps* may spoil the next one.

    *pace* is how many seconds the team's own servers sample.
    """
    async with AsyncExitStack() as stack:
        servers: dict[str, Server] = {}
        environ: dict[str, str] = {}
        for prefix, made in SERVERS.items():
            server = await stack.enter_async_context(made(render))
            servers[prefix] = server
            environ[f"{prefix}_API_KEY"] = server.key
            environ[f"{prefix}_BASE_URL"] = server.url
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="dailies-gpus-")))
        gpus = {}
        for name in GPUS:
            make = _Exact(render, folder / f"{name}-made")
            gpu = ComfyUIServer(make, folder=folder / name, pace=pace)
            gpus[name] = await stack.enter_async_context(gpu)
        environ["COMFYUI_URLS"] = ",".join(f"{name}={gpu.url}" for name, gpu in gpus.items())
        environ["COMFYUI_WORKFLOWS"] = str(WORKFLOWS)
        environ["COMFYUI_USD_PER_SECOND"] = USD_PER_SECOND
        if mishaps is not None:
            mishaps.watch({TITLES[prefix]: each for prefix, each in servers.items()} | gpus)
        hosts = frozenset(server.host for server in servers.values())
        yield Simulated(servers=servers, gpus=gpus, environ=environ, hosts=hosts)


class _Exact:
    """Makes clips of just the size, rate and frames that a graph asks for."""

    def __init__(self, render: Render, folder: Path) -> None:
        self._render = render
        self._folder = folder
        self._made = 0

    async def __call__(self, said: Asked, wish: Wish) -> Path:
        self._made += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        clip = await self._render(wish)
        return await exactly(said, clip, self._folder / f"{self._made}.mp4")
