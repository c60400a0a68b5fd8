"""A way to the database server that breaks at a word, so that what follows it is never heard, or
that stands still: no connection ends, and nothing gets through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Way:
    """Passes bytes on. Once armed, it breaks at the first message that holds the word."""

    def __init__(self) -> None:
        self.url = ""
        self.broken = 0
        self._word: bytes | None = None
        self._delivered = True
        self._then: Callable[[], Awaitable[object]] | None = None
        self._moves = asyncio.Event()
        self._moves.set()

    def freeze(self) -> None:
        """Pass nothing on any more, in either direction."""
        self._moves.clear()

    def thaw(self) -> None:
        """Pass on what has gathered, and what comes."""
        self._moves.set()

    def break_at(
        self,
        word: bytes,
        *,
        delivered: bool,
        then: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Break at *word*, which the server still gets if *delivered*; its answer nobody does.
        *then* is awaited before anybody notices."""
        self._word, self._delivered, self._then = word, delivered, then

    async def pass_on(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass on one connection until an end closes it, or it breaks."""
        await self._moves.wait()
        try:
            there, away = await asyncio.open_connection(host, port)
        except ConnectionError:
            writer.close()
            return
        back = asyncio.ensure_future(self._copied(there, writer))
        try:
            while data := await reader.read(65536):
                breaks = self._word is not None and self._word in data
                if breaks:
                    self._word = None
                    self.broken += 1
                    back.cancel()
                    await asyncio.wait({back})
                await self._moves.wait()
                if not breaks or self._delivered:
                    away.write(data)
                    await away.drain()
                if breaks:
                    if self._delivered:
                        await there.read(1)  # it has been done
                    if self._then is not None:
                        await self._then()
                    return
        except ConnectionError:
            return
        finally:
            back.cancel()
            for each in (away, writer):
                each.close()

    async def _copied(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._moves.wait()
                writer.write(data)
                await writer.drain()
            writer.close()


@asynccontextmanager
async def severed(url: str) -> AsyncIterator[Way]:
    """A way to the server of *url*; its own address is `Way.url`."""
    way = Way()
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    host, port = parts.hostname, parts.port
    passing: set[asyncio.Task[None]] = set()

    def begun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing.add(asyncio.ensure_future(way.pass_on(host, port, reader, writer)))

    server = await asyncio.start_server(begun, "127.0.0.1", 0)
    here = server.sockets[0].getsockname()[1]
    user = f"{parts.username}@" if parts.username else ""
    way.url = urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{here}"))
    try:
        yield way
    finally:
        server.close()
        await asyncio.wait(passing, timeout=5.0)
