"""A company that answers each question alike, in a process of its own: `answering(delay)`.

It does nothing else, so that whoever asks it is what a benchmark measures.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

BODY = b'{"id":"a1b2c3","status":"processing","created_at":"2026-11-28T12:00:00.000Z"}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: 0f1e2d3c\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


class Answering(asyncio.Protocol):
    """One connection. A question ends with an empty line; none has a body."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole question, after the delay."""
        *questions, self._heard = (self._heard + data).split(b"\r\n\r\n")
        for _ in questions:
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve(delay: float) -> None:
    """Say the port on a line, and answer until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(delay), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def answering(delay: float = 0.0) -> AsyncIterator[str]:
    """Where such a company answers, *delay* seconds after it was asked: "127.0.0.1:4711"."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(delay), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
