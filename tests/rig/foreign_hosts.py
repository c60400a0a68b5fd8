"""An internet made up for a test, and what its hosts answer."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from bot.files.fetch import Fetcher

MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(5000)


class Net:
    """An internet made up for a test: names, and what their hosts answer. Remembers connections."""

    def __init__(
        self,
        hosts: dict[str, Sequence[str]],
        answer: Callable[[httpx.Request], httpx.Response] | None = None,
    ) -> None:
        self.hosts = hosts
        self.answer = answer or (lambda _: httpx.Response(200, stream=httpx.ByteStream(MP4)))
        self.requests: list[httpx.Request] = []
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        if host in self.hosts:
            return self.hosts[host]
        loop = asyncio.get_running_loop()  # the system's reading of a number, without its DNS
        found = await loop.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in found]

    def transport(self) -> httpx.AsyncBaseTransport:
        async def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return self.answer(request)

        return httpx.MockTransport(handle)

    def fetcher(self) -> Fetcher:
        return Fetcher(resolve=self.resolve, transport=self.transport)

    async def get(self, url: str, to: Path, *, max_bytes: int = 1_000_000) -> int:
        return await self.fetcher().download(url, to, max_bytes=max_bytes)


HOSTS = {name: ["8.8.8.8"] for name in ("a.example", "b.example", "c.example", "d.example")}
HOSTS |= {"e.example": ["1.1.1.1"], "inside.example": ["10.0.0.1"]}
