"""All four imitated providers at once, and the settings with which a bot becomes their client."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ._server import Render, Server
from .apixo import ApixoServer
from .ltx import LtxServer
from .ltx2api import Ltx2ApiServer
from .mishaps import Mishaps
from .pixazo import PixazoServer

__all__ = ["SERVERS", "Simulated", "simulated"]

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
    environ: Mapping[str, str]
    hosts: frozenset[str]


@asynccontextmanager
async def simulated(render: Render, mishaps: Mishaps | None = None) -> AsyncIterator[Simulated]:
    """Run every provider; *render* makes the clip of a wish, *mishaps* may spoil the next one."""
    async with AsyncExitStack() as stack:
        servers: dict[str, Server] = {}
        environ: dict[str, str] = {}
        for prefix, made in SERVERS.items():
            server = await stack.enter_async_context(made(render))
            servers[prefix] = server
            environ[f"{prefix}_API_KEY"] = server.key
            environ[f"{prefix}_BASE_URL"] = server.url
        if mishaps is not None:
            mishaps.watch(servers.values())
        hosts = frozenset(server.host for server in servers.values())
        yield Simulated(servers=servers, environ=environ, hosts=hosts)
