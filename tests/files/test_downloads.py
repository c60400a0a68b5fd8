"""No download outgrows its caps or leaves half a file; an upload is sent as it was asked for."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from bot.errors import Busy, Refusal
from bot.files.fetch import Fetcher, Gone
from tests.rig.foreign_hosts import HOSTS, MP4, Net

# Answers.


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_link_that_has_died_is_said_to_be_gone(status: int, tmp_path: Path) -> None:
    net = Net(HOSTS, lambda _: httpx.Response(status))
    with pytest.raises(Gone):
        await net.get("https://a.example/", tmp_path / "file")


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 418, 451])
async def test_an_answer_that_is_not_the_file_is_refused(status: int, tmp_path: Path) -> None:
    net = Net(HOSTS, lambda _: httpx.Response(status))
    with pytest.raises(Refusal):
        await net.get("https://a.example/", tmp_path / "file")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_host_in_trouble_may_be_asked_later(status: int, tmp_path: Path) -> None:
    net = Net(HOSTS, lambda _: httpx.Response(status))
    with pytest.raises(Busy):
        await net.get("https://a.example/", tmp_path / "file")


# A real server on loopback, and a real connection to it.


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def here(host: str) -> Fetcher:
    return Fetcher(loopback=frozenset({host}))


async def test_a_named_loopback_host_may_be_plain_http_and_no_other(tmp_path: Path) -> None:
    async def give(request: web.Request) -> web.Response:
        return web.Response(body=MP4)

    async with serving(give) as host, serving(give) as other:
        fetcher = here(host)
        await fetcher.download(f"http://{host}/x", tmp_path / "file", max_bytes=10_000)
        assert (tmp_path / "file").read_bytes() == MP4
        for url in (f"http://{other}/x", f"http://localhost:{host.split(':')[1]}/x"):
            with pytest.raises(Refusal):
                await fetcher.download(url, tmp_path / "no", max_bytes=10_000)
    named = Fetcher(loopback=frozenset({"clips.example:80"}), resolve=Net(HOSTS).resolve)
    with pytest.raises(Refusal):
        await named.download("http://clips.example:80/", tmp_path / "no", max_bytes=10_000)


async def test_an_endless_body_stops_at_its_cap(tmp_path: Path) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 500_000_000:
            await response.write(bytes(65_536))
            sent += 65_536
        return response

    async with serving(endless) as host:
        with pytest.raises(Refusal, match=r"^The file is larger than 1 MB\.$"):
            await here(host).download(f"http://{host}/", tmp_path / "file", max_bytes=1024 * 1024)
    assert sent < 50_000_000
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_says_it_is_too_large_is_not_begun(tmp_path: Path) -> None:
    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10000000000"})
        await response.prepare(request)
        return response

    async with serving(large) as host:
        with pytest.raises(Refusal, match=r"^The file is larger than 20 MB\.$"):
            await here(host).download(f"http://{host}/", tmp_path / "f", max_bytes=20 * 1024 * 1024)


async def test_a_byte_at_a_time_ends_with_the_deadline(tmp_path: Path) -> None:
    sent = 0

    async def slow(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 200:
            await response.write(b"x")
            sent += 1
            await asyncio.sleep(0.05)
        return response

    async with serving(slow) as host:
        with pytest.raises(Busy, match=r"^The download took over 0 s\.$"):
            await here(host).download(
                f"http://{host}/", tmp_path / "file", max_bytes=1000, deadline=0.3
            )
        assert sent < 200, "the rest was not waited for"
    assert list(tmp_path.iterdir()) == []


async def test_headers_that_never_end_end_with_the_deadline(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            ended.set()
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Busy):
            await here(host).download(
                f"http://{host}/", tmp_path / "file", max_bytes=1000, deadline=0.3
            )
        await ended.wait()


async def test_a_packed_body_is_refused(tmp_path: Path) -> None:
    async def packed(request: web.Request) -> web.Response:
        return web.Response(
            body=gzip.compress(bytes(10_000_000)), headers={"Content-Encoding": "gzip"}
        )

    async with serving(packed) as host:
        with pytest.raises(Refusal, match="compressed copy"):
            await here(host).download(f"http://{host}/", tmp_path / "file", max_bytes=10**9)


async def test_a_body_shorter_than_it_says_leaves_nothing(tmp_path: Path) -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "9000"})
        await response.prepare(request)
        await response.write(MP4)
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(short) as host:
        (tmp_path / "file").write_bytes(b"what was there")
        with pytest.raises(Busy, match="broke off"):
            await here(host).download(f"http://{host}/", tmp_path / "file", max_bytes=10_000)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"what was there"


async def test_an_empty_file_is_none(tmp_path: Path) -> None:
    async def empty(request: web.Request) -> web.Response:
        return web.Response(body=b"")

    async with serving(empty) as host:
        with pytest.raises(Refusal, match="empty"):
            await here(host).download(f"http://{host}/", tmp_path / "file", max_bytes=10)


@pytest.mark.parametrize("size", [3, 4096, 5012])
async def test_the_first_bytes_are_looked_at_before_anything_is_kept(
    size: int, tmp_path: Path
) -> None:
    heads: list[bytes] = []

    async def give(request: web.Request) -> web.Response:
        return web.Response(body=MP4[:size])

    def refuse(head: bytes) -> None:
        heads.append(head)
        raise Refusal("Not a PNG, JPEG or WebP image.")

    async with serving(give) as host:
        with pytest.raises(Refusal, match="Not a PNG"):
            await here(host).download(
                f"http://{host}/", tmp_path / "file", max_bytes=10_000, check=refuse
            )
    assert heads == [MP4[: min(size, 4096)]]
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_cannot_be_written_is_not_the_links_fault(tmp_path: Path) -> None:
    async def give(request: web.Request) -> web.Response:
        return web.Response(body=MP4)

    (tmp_path / "file.part").mkdir()  # where the file would be written
    async with serving(give) as host:
        with pytest.raises(Busy, match="disk"):
            await here(host).download(f"http://{host}/", tmp_path / "file", max_bytes=10_000)


# Uploads.


async def test_a_file_is_put_with_the_headers_that_were_asked_for(tmp_path: Path) -> None:
    got: list[tuple[str, str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.method, request.headers["Content-Type"], await request.read()))
        assert request.headers["Content-Length"] == str(len(MP4))
        return web.Response()

    (tmp_path / "clip").write_bytes(MP4)
    async with serving(take) as host:
        await here(host).upload(
            f"http://{host}/x?s=1", tmp_path / "clip", headers={"Content-Type": "video/mp4"}
        )
    assert got == [("PUT", "video/mp4", MP4)]


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Refusal), (307, Refusal), (429, Busy), (500, Busy)]
)
async def test_an_upload_that_is_not_taken_is_said_so(
    status: int, kind: type[Exception], tmp_path: Path
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/"})

    (tmp_path / "clip").write_bytes(MP4)
    async with serving(answer) as host:
        with pytest.raises(kind):
            await here(host).upload(f"http://{host}/", tmp_path / "clip", headers={})


async def test_nothing_is_uploaded_to_an_address_that_is_not_public(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(MP4)
    net = Net(HOSTS)
    for url in ("https://inside.example/", "http://a.example/", "https://127.0.0.1/"):
        with pytest.raises(Refusal):
            await net.fetcher().upload(url, tmp_path / "clip", headers={})
    assert net.requests == []
