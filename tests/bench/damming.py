"""Holds back what a gateway says and lets it go at once, in a process of its own: `damming(url)`.

So thousands of events are with the bot at one moment, however fast whoever made them can send.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

from tests.bench.starting import PLAIN
from tests.rig.processes import ROOT

CHUNK = 2**20  #: bytes that are read at once


class Dam:
    """Such a process, and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process, self.url = process, url

    async def hold(self) -> None:
        """Let nothing more through."""
        self._process.send_signal(signal.SIGUSR1)
        await self._said()

    async def release(self) -> float:
        """Let go what came since; when that was, by `time.monotonic`."""
        self._process.send_signal(signal.SIGUSR2)
        return await self._said()

    async def _said(self) -> float:
        assert self._process.stdout is not None
        return float(await self._process.stdout.readline())


@asynccontextmanager
async def damming(url: str) -> AsyncIterator[Dam]:
    """A dam before the gateway at *url*."""
    parts = urlsplit(url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(parts.port)),
        cwd=ROOT,
        env=PLAIN,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield Dam(process, urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}")))
    finally:
        process.kill()
        await process.wait()


async def serve(port: int) -> None:
    """Pass on what comes from 127.0.0.1:*port*, or hold it, until killed."""
    loop, flows = asyncio.get_running_loop(), asyncio.Event()
    flows.set()

    def said(number: float) -> None:
        print(number, flush=True)

    def hold() -> None:
        flows.clear()
        said(time.monotonic())

    def release() -> None:
        said(time.monotonic())
        flows.set()

    loop.add_signal_handler(signal.SIGUSR1, hold)
    loop.add_signal_handler(signal.SIGUSR2, release)

    async def up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            writer.write(data)
        writer.close()

    async def down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came: asyncio.Queue[bytes] = asyncio.Queue()

        async def read() -> None:
            while data := await reader.read(CHUNK):
                came.put_nowait(data)
            came.put_nowait(b"")

        reading = asyncio.create_task(read())
        while data := await came.get():
            await flows.wait()
            writer.write(data)
        await reading
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port, limit=2 * CHUNK)
        try:
            with suppress(ConnectionError):  # also where a bot was ended with something unread
                await asyncio.gather(up(reader, back), down(there, writer))
        finally:
            back.close()
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    said(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
