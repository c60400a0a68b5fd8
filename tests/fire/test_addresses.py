"""Whatever a link says, wherever it redirects, whatever a resolver answers: no connection to an
address that is not of the public internet."""

import asyncio
import ipaddress
import socket
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Busy, Refusal
from bot.files.fetch import Fetcher
from tests.fire.hostile_urls import HOSTS, LOOKS, NAMES, REBINDING
from tests.rig.proving import scaled

GOOD = "https://clips.example/fox.mp4"
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(64)
CASES = scaled(200, 10_000)


class Internet:
    """A resolver with answers of its own, and connections of which each is written down."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        known = {**NAMES, **REBINDING, "clips.example": [["34.117.59.81"]]}
        self._answers = {name: iter(each) for name, each in known.items()}
        self._last: dict[str, Sequence[str]] = {}
        self._answer = answer or (lambda _: httpx.Response(200, stream=httpx.ByteStream(MP4)))
        self.connected: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        if host in self._answers:
            self._last[host] = next(self._answers[host], self._last.get(host, []))
            return self._last[host]
        loop = asyncio.get_running_loop()  # as the system reads a number; no DNS is asked
        found = await loop.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in found]

    def transport(self) -> httpx.AsyncBaseTransport:
        async def connect(request: httpx.Request) -> httpx.Response:
            host = request.url.host
            if not _numeric(host):  # whoever connects by name asks the resolver once more
                host = (await self.resolve(request.url.raw_host.decode(), 443))[0]
            self.connected.append(host)
            return self._answer(request)

        return httpx.MockTransport(connect)

    async def get(self, url: str) -> bool:
        """Whether something came back from there."""
        fetcher = Fetcher(resolve=self.resolve, transport=self.transport)
        with tempfile.TemporaryDirectory() as folder:
            try:
                await fetcher.download(url, Path(folder) / "file", max_bytes=1_000)
            except (Refusal, Busy):
                return False
        return True

    async def put(self, url: str) -> bool:
        """Whether something was taken there."""
        fetcher = Fetcher(resolve=self.resolve, transport=self.transport)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "file"
            file.write_bytes(MP4)
            try:
                await fetcher.upload(url, file, headers={})
            except (Refusal, Busy):
                return False
        return True


def _numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def outside(address: str) -> bool:
    """Whether *address* is of the public internet: by Python, and by what is wrapped in it."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        packed = int(ip).to_bytes(16)
        wrapped = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if packed.startswith(bytes.fromhex("0064ff9b")) or packed[:12] == bytes(12):
            wrapped.append(ipaddress.IPv4Address(packed[12:]))
        if any(each is not None and not outside(str(each)) for each in wrapped):
            return False
        if ip.scope_id is not None or not 0x2000 <= int.from_bytes(packed[:2]) < 0x4000:
            return False
    return ip.is_global and not ip.is_multicast and address != "168.63.129.16"


def redirecting(to: str) -> Callable[[httpx.Request], httpx.Response]:
    """Answers of a site that sends whoever asks for its fox to *to*."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["host"] == "clips.example":
            return httpx.Response(302, headers=[(b"Location", _header(to))])
        return httpx.Response(200, stream=httpx.ByteStream(MP4))

    return answer


LINKS = (
    *(f"https://{host}/latest/meta-data" for host in (*HOSTS, *NAMES)),
    *LOOKS,
)


async def test_an_ordinary_link_is_followed_so_that_the_refusals_mean_something() -> None:
    net = Internet()
    assert await net.get(GOOD)
    assert await net.put(GOOD)
    assert net.connected == ["34.117.59.81"] * 2


async def test_of_hundreds_of_hostile_links_none_is_connected_to() -> None:
    assert len(set(LINKS)) >= 300
    for url in LINKS:
        net = Internet()
        assert not await net.get(url), url
        assert not await net.put(url), url
        assert net.connected == [], url


async def test_nor_behind_a_redirect() -> None:
    for url in LINKS:
        if url.startswith("https:/") and not url.startswith("https://"):
            continue  # stays on its host, as browsers read it
        net = Internet(redirecting(url))
        await net.get(GOOD)
        assert set(net.connected) == {"34.117.59.81"}, url


async def test_nor_at_the_end_of_a_chain() -> None:
    for depth in (1, 2, 3):
        for end in ("https://169.254.169.254/", "https://inside-0.example/", "http://[::1]/"):
            hops = [f"https://clips.example/{hop}" for hop in range(depth)]
            after = dict(zip(hops, [*hops[1:], end], strict=True))

            def answer(request: httpx.Request, after: dict[str, str] = after) -> httpx.Response:
                url = f"https://clips.example{request.url.path}"
                return httpx.Response(307, headers={"Location": after[url]})

            net = Internet(answer)
            assert not await net.get(hops[0])
            assert net.connected == ["34.117.59.81"] * depth


@pytest.mark.parametrize("way", ["get", "put"])
async def test_a_name_that_changes_between_the_look_and_the_connection_gains_nothing(
    way: str,
) -> None:
    for name in REBINDING:
        net = Internet()
        await getattr(net, way)(f"https://{name}/")
        assert net.connected == ["8.8.8.8"], name
        # And the second time, when it answers with what it wants to reach:
        assert not await getattr(net, way)(f"https://{name}/")
        assert net.connected == ["8.8.8.8"], name


def _header(url: str) -> bytes:
    """*url* as a header can carry it."""
    return url.encode("utf-8", "replace").replace(b"\r", b"%0d").replace(b"\n", b"%0a")


hosts = st.one_of(
    st.sampled_from([*HOSTS, *NAMES, *REBINDING]),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"),
    st.integers(0, 2**33).map(str),
    st.integers(0, 2**32).map(hex),
    st.text(max_size=20),
)
links = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["https://"] * 6 + ["http://", "https:", "//", "https://x@", "HTTPS://"]),
        hosts,
        st.sampled_from(["", "", "", ":443", ":80", ".", "%00", "#", "?", "\\", "@8.8.8.8"]),
        st.sampled_from(["/", "", "/x", "/../", "/@127.0.0.1"]),
    ),
)


@pytest.mark.prove
def test_nor_any_link_that_is_put_together_by_chance(proof) -> None:
    tried = 0

    @settings(max_examples=CASES)
    @given(url=links, redirected=st.booleans())
    def connects_only_outside(url: str, *, redirected: bool) -> None:
        nonlocal tried
        tried += 1
        net = Internet(redirecting(url) if redirected else None)
        loop.run(net.get(GOOD if redirected else url))
        assert all(outside(each) for each in net.connected)

    with asyncio.Runner() as loop:
        connects_only_outside()
    proof.tried(tried, "links and redirects", usual=200, independent=True)
