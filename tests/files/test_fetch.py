"""Foreign links: only public addresses are ever connected to, wherever a redirect leads."""

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Busy, Refusal
from bot.files.fetch import NOT_PUBLIC, ONLY_HTTPS, Fetcher, public
from tests.rig.foreign_hosts import HOSTS, MP4, Net

# fmt: off
NOT_THE_INTERNET = [
    "0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255",
    "100.64.0.0", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.0", "127.0.0.1",
    "127.1.2.3", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254",
    "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.16.0.1", "172.31.255.255",
    "192.0.0.0", "192.0.0.1", "192.0.0.170", "192.0.0.192", "192.0.2.0", "192.0.2.1",
    "192.0.2.255", "192.31.196.1", "192.52.193.1", "192.88.99.0", "192.88.99.1", "192.168.0.0",
    "192.168.0.1", "192.168.1.254", "192.168.255.255", "192.175.48.1", "198.18.0.0",
    "198.18.0.1", "198.19.255.255", "198.51.100.0", "198.51.100.7", "203.0.113.0",
    "203.0.113.9", "224.0.0.0", "224.0.0.1", "224.0.0.251", "233.252.0.1", "239.255.255.250",
    "239.255.255.255", "240.0.0.0", "240.0.0.1", "247.1.2.3", "255.0.0.1", "255.255.255.254",
    "255.255.255.255", "::", "::1", "::2", "::127.0.0.1", "::7f00:1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::8.8.8.8", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "64:ff9b:1:ffff::7f00:1", "100::", "100::1", "100:0:0:1::1", "2001::",
    "2001::1", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:1::1",
    "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1",
    "2001:db8::", "2001:db8::1", "2001:db8:ffff::1", "2002::", "2002:7f00:1::", "2002:a00:1::",
    "2002:a9fe:a9fe::", "2002:808:808::1", "2620:4f:8000::1", "3fff::", "3fff::1",
    "3fff:fff:ffff::1", "4000::1", "5f00::1", "8000::1", "a000::1", "c000::1", "e000::1",
    "f000::1", "fc00::", "fc00::1", "fcff::1", "fd00::1", "fd00:ec2::254", "fd12:3456:789a::1",
    "fdff:ffff::1", "fe00::1", "fe80::", "fe80::1", "fe80::1%eth0", "fe80::1%1", "febf::1",
    "fec0::1", "feff::1", "ff00::1", "ff01::1", "ff02::1", "ff02::fb", "ff05::2", "ff0e::1",
    "ff0e::101", "ffff::1", "2600::1%eth0", "localhost", "127.1", "2130706433", "0x7f000001",
    "1.2.3", "1.2.3.4.5", "256.1.1.1", "-1", "nothing", "",
]
THE_INTERNET = [
    "1.1.1.1", "8.8.8.8", "9.9.9.9", "11.0.0.1", "34.117.59.81", "99.255.255.255",
    "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1", "168.63.129.15",
    "168.63.129.17", "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1",
    "192.0.1.1", "192.0.3.1", "192.167.255.255", "192.169.0.1", "198.17.255.255", "198.20.0.1",
    "203.0.112.1", "223.255.255.254", "2000::1", "2001:200::1", "2001:4860:4860::8888",
    "2003::1", "2400::1", "2606:4700::1111", "2620:4f:7fff::1", "2a00:1450:4001::1", "3ffe::1",
]
# fmt: on


@pytest.mark.parametrize("address", NOT_THE_INTERNET)
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", THE_INTERNET)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert public(address)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_python_calls_private_is_never_public_here(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if public(str(ip)):
        assert ip.is_global
        assert not ip.is_multicast
        assert not ip.is_reserved


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "x",
        "//example.com/x",
        "example.com/x.mp4",
        "http://example.com/x.mp4",
        "HTTP://example.com/x.mp4",
        "ftp://example.com/x",
        "file:///etc/passwd",
        "data:text/plain,x",
        "gopher://example.com/",
        "javascript:alert(1)",
        "ws://example.com",
        "https:///x",
        "https://",
        "https:example.com",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://example.com@10.0.0.1/",
        "https://example.com:22/",
        "https://example.com:80/",
        "https://example.com:8443/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com\\.evil.example/",
        "https://exa mple.com/",
        "https://example.com/a b",
        "https://example.com/\r\nHost: x",
        "https://example.com/\x00",
        "https://example.com\t/",
        "https://[::1/",
        "https://ex\u0000ample.com/",
        "https://example.com/" + "a" * 3000,
        "http://127.0.0.1/",
        "http://localhost:8123/",
    ],
)
async def test_only_https_links_on_port_443_are_followed(url: str, tmp_path: Path) -> None:
    net = Net({"example.com": ["8.8.8.8"]})
    with pytest.raises(Refusal) as refused:
        await net.get(url, tmp_path / "file")
    assert str(refused.value) == ONLY_HTTPS
    assert net.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "10.1",
        "192.168.257",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[nonsense]",
        "-\u202eexample.com",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "１２７.0.0.1",
        "metadata.google.internal",
        "localhost",
        "localhost.",
        "private.example",
        "half.example",
        "empty.example",
    ],
)
async def test_a_host_that_is_not_in_public_is_never_connected_to(
    host: str, tmp_path: Path
) -> None:
    net = Net(
        {
            "metadata.google.internal": ["169.254.169.254"],
            "localhost": ["127.0.0.1", "::1"],
            "localhost.": ["127.0.0.1"],
            "private.example": ["10.0.0.1"],
            "half.example": ["8.8.8.8", "10.0.0.1"],
            "empty.example": [],
        }
    )
    with pytest.raises(Refusal) as refused:
        await net.get(f"https://{host}/x.mp4", tmp_path / "file")
    assert str(refused.value) == NOT_PUBLIC
    assert net.requests == []


@given(st.text(max_size=60))
async def test_no_text_leads_to_an_address_that_is_not_public(text: str) -> None:
    net = Net({}, lambda _: httpx.Response(404))
    for url in (text, f"https://{text}", f"https://{text}/x"):
        with pytest.raises((Refusal, Busy)):
            await net.get(url, Path("/nonexistent/never-written"))
    assert all(public(request.url.host) for request in net.requests)


async def test_the_address_that_was_checked_is_the_one_connected_to(tmp_path: Path) -> None:
    net = Net({"clips.example": ["34.117.59.81"]})
    size = await net.get("https://clips.example/a%2Fb.mp4?sig=x%2By#t=1", tmp_path / "file")
    assert size == len(MP4)
    assert (tmp_path / "file").read_bytes() == MP4
    request = net.requests[0]
    assert str(request.url) == "https://34.117.59.81/a%2Fb.mp4?sig=x%2By"
    assert request.headers["Host"] == "clips.example"
    assert request.extensions["sni_hostname"] == "clips.example"
    assert request.headers["Accept-Encoding"] == "identity"
    assert not {"authorization", "cookie"} & set(request.headers)


async def test_an_ipv6_address_is_pinned_too(tmp_path: Path) -> None:
    net = Net({"clips.example": ["2606:4700::1111"]})
    await net.get("https://clips.example/x", tmp_path / "file")
    assert net.requests[0].url.host == "2606:4700::1111"


async def test_a_name_that_changes_its_address_is_asked_once(tmp_path: Path) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]])
    asked = 0

    async def rebinding(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return next(answers)

    net = Net({})
    fetcher = Fetcher(resolve=rebinding, transport=net.transport)
    await fetcher.download("https://rebind.example/x", tmp_path / "file", max_bytes=10_000)
    assert asked == 1
    assert net.requests[0].url.host == "8.8.8.8"
    with pytest.raises(Refusal, match="not public"):
        await fetcher.download("https://rebind.example/x", tmp_path / "file", max_bytes=10_000)


async def test_the_next_address_is_tried_where_one_cannot_be_connected_to(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "8.8.8.8":
            raise httpx.ConnectError("refused")
        return httpx.Response(200, stream=httpx.ByteStream(MP4))

    net = Net({"two.example": ["8.8.8.8", "8.8.4.4"]}, answer)
    await net.get("https://two.example/", tmp_path / "file")
    assert [request.url.host for request in net.requests] == ["8.8.8.8", "8.8.4.4"]


async def test_a_host_that_cannot_be_found_may_be_found_later(tmp_path: Path) -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    with pytest.raises(Busy, match="can't be found"):
        await Fetcher(resolve=broken).download("https://x.example/", tmp_path / "f", max_bytes=1)


# Redirects.


def redirects(chain: dict[str, str]) -> Callable[[httpx.Request], httpx.Response]:
    """Hosts that send one on; a host that is not in *chain* gives the file."""

    def answer(request: httpx.Request) -> httpx.Response:
        to = chain.get(request.headers["Host"])
        if to is None:
            return httpx.Response(200, stream=httpx.ByteStream(MP4))
        return httpx.Response(302, headers={"Location": to})

    return answer


async def test_three_redirects_are_followed_and_a_fourth_is_not(tmp_path: Path) -> None:
    chain = {
        "a.example": "https://b.example/",
        "b.example": "https://c.example/",
        "c.example": "https://d.example/",
    }
    net = Net(HOSTS, redirects(chain))
    assert await net.get("https://a.example/", tmp_path / "file") == len(MP4)
    net = Net(HOSTS, redirects(chain | {"d.example": "https://e.example/"}))
    with pytest.raises(Refusal, match="redirects more than 3 times"):
        await net.get("https://a.example/", tmp_path / "other")
    assert len(net.requests) == 4


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("http://b.example/", ONLY_HTTPS),
        ("//b.example:8080/", ONLY_HTTPS),
        ("file:///etc/passwd", ONLY_HTTPS),
        ("https://u:p@b.example/", ONLY_HTTPS),
        ("https://127.0.0.1/", NOT_PUBLIC),
        ("https://inside.example/", NOT_PUBLIC),
        ("https://[::ffff:169.254.169.254]/latest/meta-data", NOT_PUBLIC),
        ("", "That link redirects more than 3 times."),
    ],
)
async def test_each_redirect_is_checked_like_the_first_link(
    location: str, sentence: str, tmp_path: Path
) -> None:
    net = Net(HOSTS, redirects({"a.example": location}))
    with pytest.raises(Refusal) as refused:
        await net.get("https://a.example/", tmp_path / "file")
    assert str(refused.value) == sentence
    assert all(request.url.host == "8.8.8.8" for request in net.requests)


async def test_a_relative_redirect_stays_on_its_host(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/old":
            return httpx.Response(301, headers={"Location": "new?x=1"})
        return httpx.Response(200, stream=httpx.ByteStream(MP4))

    net = Net(HOSTS, answer)
    await net.get("https://a.example/old", tmp_path / "file")
    assert str(net.requests[1].url) == "https://8.8.8.8/new?x=1"
    assert net.requests[1].headers["Host"] == "a.example"
