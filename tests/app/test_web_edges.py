"""Whatever is sent to the web listener, the answer is a status and the log has a line at most."""

import asyncio
import gzip
import logging

import pytest

from bot.app.web import Web

TOKEN = "a" * 32
PATH = f"/callbacks/apixo/{TOKEN}"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def web():
    heard = []

    async def called_back(token, body):
        heard.append((token, body))

    listener = Web([], called_back=called_back)
    await listener.start_callbacks("127.0.0.1", 0)
    listener.heard = heard
    yield listener
    await listener.close()


async def sent(web, data: bytes, *, leaves: bool = False) -> bytes:
    """What comes back, up to its end; "" for who *leaves* before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.callback_port)
    writer.write(data)
    try:
        await writer.drain()
        if leaves:
            return b""
        return await asyncio.wait_for(reader.read(), 120)
    finally:
        writer.close()


def posted(body: bytes, **headers: str) -> bytes:
    more = {"content-length": str(len(body)), "connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())
    return f"{HEAD}{lines}\r\n".encode() + body


BROKEN = {
    "no gzip at all": posted(b"this is no gzip", content_encoding="gzip"),
    "gzip cut short": posted(gzip.compress(b"{}" * 5000)[:30], content_encoding="gzip"),
    "gzip with a wrong sum": posted(
        gzip.compress(b"{}")[:-8] + b"12345678", content_encoding="gzip"
    ),
    "a bomb": posted(gzip.compress(bytes(50_000_000), 1), content_encoding="gzip"),
    "no kind that is known": posted(b"{}", content_encoding="zstd"),
    "no deflate": posted(b"\xff\xff\xff", content_encoding="deflate"),
    "a length that lies": posted(b"{}", **{"content-length": "100"}),
    "a length that is none": posted(b"{}", **{"content-length": "many"}),
    "two lengths": HEAD.encode() + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "no chunks": HEAD.encode() + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "no header": HEAD.encode() + b"this is no header\r\n\r\n",
    "a header of nothing": HEAD.encode() + b": x\r\n\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "a long line": b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_broken_gets_a_400_and_one_line(web, caplog, what):
    caplog.set_level(logging.INFO)
    answer = await sent(web, BROKEN[what], leaves="lies" in what)
    await asyncio.sleep(0.05)
    assert not answer or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")), answer[:100]
    said = [each for each in caplog.records if each.levelno >= logging.INFO]
    assert len(said) <= 1, [each.getMessage() for each in said]
    for record in said:
        assert record.exc_info is None, record.getMessage()
        assert "\n" not in record.getMessage()
    assert web.heard == []
    assert (await sent(web, posted(b"{}"))).startswith(b"HTTP/1.1 200")
    assert web.heard == [(TOKEN, b"{}")]
