"""A way to a server on loopback that is slow, breaks, or is not there, for one request.

The server stays as it is; whoever asks it is given this address instead.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from playground.discord.trouble import hang_up

LATE = 1.0  #: seconds that an answer is late
DRIP = 0.05  #: seconds between two of the bits of an answer that drips
BITS = 20
NARROW = 20_000  #: bytes a second, where the way is narrow
AWAY = 0.7  #: seconds that nobody listens
PIECE = 2_000  #: bytes that are passed on at once

#: What can be the matter with a request on the way; that nobody listens is `Way.leave`.
TOXICS = ("latency", "reset", "half", "drip", "bandwidth", "lost")


@dataclass
class Toxic:
    """What is the matter with the next request like it."""

    name: str
    method: str
    path: re.Pattern[str]
    met: int = 0


@dataclass
class After:
    """What is done with the next answer like it, before anybody can act on that."""

    method: str
    path: re.Pattern[str]
    says: re.Pattern[bytes]
    then: Callable[[object], Awaitable[None]]

    def fits(self, request, content):
        known = self.method == request.method and self.path.search(request.path)
        return known and self.says.search(content)


@dataclass
class Way:
    """A proxy on loopback to the server at *upstream*, such as `http://127.0.0.1:8123`."""

    upstream: str
    toxics: list[Toxic] = field(default_factory=list)
    afters: list[After] = field(default_factory=list)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def poison(self, name, method, path):
        """Have that be the matter with the next request like it."""
        toxic = Toxic(name, method, re.compile(path))
        self.toxics.append(toxic)
        return toxic

    def after(self, method, path, says, then):
        """Do that once there is an answer like it, and before that is heard.

        *then* is given the connection on which it is to be heard, which closes with it.
        """
        self.afters.append(After(method, re.compile(path), re.compile(says), then))

    @asynccontextmanager
    async def open(self):
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{rest:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self.port = self._runner.addresses[0][1]
        self._returning = set()
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as self._session:
                yield self
        finally:
            for task in self._returning:
                task.cancel()
            await self._runner.cleanup()

    async def leave(self, but=None):
        """Listen no more, for a while; open connections are closed, all *but* one."""
        await self._site.stop()
        for line in list(self._runner.server.connections):
            if line is but:
                continue
            line.force_close()
            if line.transport is not None:
                line.transport.abort()
        task = asyncio.create_task(self._return())
        self._returning.add(task)

    async def _return(self):
        await asyncio.sleep(AWAY)
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()

    def _toxic(self, request):
        for toxic in self.toxics:
            if toxic.method == request.method and toxic.path.search(request.path):
                toxic.met += 1
                self.toxics.remove(toxic)
                return toxic
        return None

    async def _serve(self, request):
        toxic = self._toxic(request)
        name = toxic.name if toxic is not None else ""
        body = await self._taken(request, narrow=name == "bandwidth")
        if name == "reset":
            return hang_up(request)
        if name == "latency":
            await asyncio.sleep(LATE)
        async with self._session.request(
            request.method,
            self.upstream + request.raw_path,
            data=body or None,
            headers={k: v for k, v in request.headers.items() if k.lower() not in _HOPS},
            skip_auto_headers=("Content-Type", "Accept", "Accept-Encoding", "User-Agent"),
            allow_redirects=False,
        ) as answer:
            content = await answer.read()
            headers = {k: v for k, v in answer.headers.items() if k.lower() not in _HOPS}
            status = answer.status
        if name == "lost" or (name == "half" and not content):
            return hang_up(request)
        last = [each for each in self.afters if each.fits(request, content)]
        for each in last:
            self.afters.remove(each)
            await each.then(request.protocol)
        if name in ("half", "drip", "bandwidth"):
            return await self._bit_by_bit(request, name, status, headers, content)
        said = web.Response(status=status, body=content, headers=headers)
        if last:
            said.force_close()
        return said

    async def _taken(self, request, *, narrow):
        if not narrow:
            return await request.read()
        taken = b""
        while piece := await request.content.read(PIECE):
            taken += piece
            await asyncio.sleep(len(piece) / NARROW)
        return taken

    async def _bit_by_bit(self, request, name, status, headers, content):
        answer = web.StreamResponse(status=status, headers=headers)
        answer.content_length = len(content)
        await answer.prepare(request)
        if name == "half":
            await answer.write(content[: len(content) // 2])
            return hang_up(request)
        size = PIECE if name == "bandwidth" else max(1, len(content) // BITS)
        for first in range(0, len(content), size):
            await answer.write(content[first : first + size])
            await asyncio.sleep(size / NARROW if name == "bandwidth" else DRIP)
        return answer


#: Headers of a connection, not of what is said on it.
_HOPS = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
)
