"""The only way to a foreign URL: a person's link, or one that a provider named.

Both are hostile until proven otherwise. A link must be https on port 443 and every address of
its host public by the list below; the connection then goes to the address that was checked,
so that a name cannot be one thing when it is looked at and another when it is used. Each
redirect is checked the same way. No key or cookie is ever sent.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import httpx

from bot.atomic import landing
from bot.errors import Busy, Refusal
from bot.files.retry_after import retry_after
from bot.machine_trouble import disk_trouble

__all__ = ["Fetcher", "Gone", "TooLargeFile", "addresses", "public", "tls"]

MAX_URL = 2_500  #: characters; signed links have up to some two thousand
MAX_REDIRECTS = 3
MAX_ADDRESSES = 4  #: of one host that are tried
HEAD = 4_096  #: bytes that are enough to tell what a file is
CONNECT, SILENCE = 10.0, 20.0  #: seconds to connect, and to wait for the next bytes
MIB = 1024 * 1024

#: What is not the public internet, by IANA's special-purpose registries. Our own list, because
#: `ipaddress` calls NAT64 and 6to4 around a private address global, and multicast too.
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host agent, public by number only
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
#: Of IPv6 only 2000::/3 is the internet. That alone refuses loopback, IPv4-mapped and
#: -compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), unique-local, link-local and multicast.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

ONLY_HTTPS = "Links must start with https:// and use port 443."
NOT_PUBLIC = "That link is not public."


class TooLargeFile(Refusal):
    """A file is larger than *max_bytes*."""

    def __init__(self, sentence: str, max_bytes: int) -> None:
        super().__init__(sentence)
        self.max_bytes = max_bytes


class Gone(Refusal):
    """The host answers, and does not give the file: the link has expired or is wrong.

    *retry_after* is how many seconds it asks to be left alone, where it does.
    """

    retry_after: float | None = None


def public(address: str) -> bool:
    """Whether *address* is one of the public internet. What is no address is not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _REFUSED_V4)
    if ip.scope_id is not None or ip not in _PUBLIC_V6:
        return False
    return not any(ip in network for network in _REFUSED_V6)


async def addresses(host: str, port: int) -> Sequence[str]:
    """Every address of *host*, as the system's resolver has them. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def tls() -> ssl.SSLContext:
    """What certificates are checked against. Reading them takes 20 ms, so once a process."""
    return httpx.create_ssl_context(trust_env=False)


def _transport() -> httpx.AsyncBaseTransport:
    # Not httpx-aiohttp: it rewrites escapes in a URL, which breaks some signatures.
    return httpx.AsyncHTTPTransport(
        verify=tls(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
    )


class Fetcher:
    """Downloads from and uploads to links that nobody here vouches for.

    *loopback* names hosts ("127.0.0.1:8123") that may be plain http and must be on this very
    machine: for tests and the playground. *resolve* finds the addresses of a host and
    *transport* makes a connection; both are arguments for tests.
    """

    def __init__(
        self,
        *,
        loopback: frozenset[str] = frozenset(),
        resolve: Resolve = addresses,
        transport: Callable[[], httpx.AsyncBaseTransport] = _transport,
    ) -> None:
        self._loopback = loopback
        self._resolve = resolve
        self._transport = transport

    async def download(
        self,
        url: str,
        to: Path,
        *,
        max_bytes: int,
        check: Callable[[bytes], object] | None = None,
        deadline: float = 60.0,
    ) -> int:
        """Save what *url* leads to as *to*, whole or not at all; returns its bytes.

        *check* sees the first bytes, at most 4 KiB, and raises `Refusal` for what is not
        wanted, before the rest is read. Raises `Gone` where the host does not give the file,
        `Refusal` for a link or a file that is not allowed, `Busy` where it may work later.
        *deadline* is in seconds, for everything together.
        """
        try:
            async with asyncio.timeout(deadline), self._answer(url) as response:
                _judge(response, max_bytes)
                return await _save(response, to, max_bytes, check)
        except TimeoutError:
            raise Busy(f"The download took over {deadline:.0f} s.") from None
        except httpx.HTTPError as error:
            raise Busy("The download broke off.", raw=type(error).__name__) from None
        except OSError as error:
            raise disk_trouble(error) from error

    async def upload(
        self, url: str, file: Path, *, headers: Mapping[str, str], deadline: float = 60.0
    ) -> None:
        """PUT *file* to *url* with *headers*. Raises `Refusal` or `Busy`; redirects are refused."""
        size = file.stat().st_size
        try:
            async with asyncio.timeout(deadline):
                target = self._parse(url)
                fixed = {**headers, "Content-Length": str(size)}
                async with self._send("PUT", target, fixed, _chunks(file)) as response:
                    if response.status_code in (200, 201, 204):
                        return
                    if response.status_code == 429 or response.status_code >= 500:
                        said = response.headers.get("retry-after")
                        raise Busy(
                            "The upload did not go through.",
                            raw=str(response.status_code),
                            retry_after=retry_after(said, now=time.time()),
                        )
                    raise Refusal("The upload was refused.")
        except TimeoutError:
            raise Busy(f"The upload took over {deadline:.0f} s.") from None
        except (httpx.HTTPError, OSError) as error:
            raise Busy("The upload broke off.", raw=type(error).__name__) from None

    @asynccontextmanager
    async def _answer(self, url: str) -> AsyncIterator[httpx.Response]:
        """The answer to a GET that is not a redirect, each hop checked."""
        target = self._parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            async with self._send("GET", target, {}, None) as response:
                if response.status_code not in (301, 302, 303, 307, 308):
                    yield response
                    return
                location = response.headers.get("location", "")
            target = self._parse(location, base=target)
        raise Refusal(f"That link redirects more than {MAX_REDIRECTS} times.")

    def _parse(self, url: str, *, base: httpx.URL | None = None) -> httpx.URL:
        """*url* if it is allowed by its looks; where it leads is checked when connecting."""
        if len(url) > MAX_URL or "\\" in url or any(c.isspace() for c in url):
            raise Refusal(ONLY_HTTPS)
        try:
            parsed = base.join(url) if base is not None else httpx.URL(url)
            host = parsed.raw_host
        except httpx.InvalidURL as error:
            # Numbers in odd clothes, such as 0177.0.0.1: httpx does not even read them.
            odd_host = str(error).startswith(("Invalid IP", "Invalid IDNA"))
            https = url.lower().startswith("https://")
            raise Refusal(NOT_PUBLIC if odd_host and https else ONLY_HTTPS) from None
        except (ValueError, TypeError):
            raise Refusal(ONLY_HTTPS) from None
        if not host or parsed.userinfo:
            raise Refusal(ONLY_HTTPS)
        if _netloc(parsed) in self._loopback and parsed.scheme == "http":
            return parsed
        if parsed.scheme != "https" or parsed.port not in (None, 443):
            raise Refusal(ONLY_HTTPS)
        return parsed

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """The addresses of *url*'s host. Refused unless every one of them is public."""
        host = url.raw_host.decode()
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Busy("The link's site can't be found.", raw=type(error).__name__) from None
        local = _netloc(url) in self._loopback
        if not found or not all(_local(each) if local else public(each) for each in found):
            raise Refusal(NOT_PUBLIC)
        return found[:MAX_ADDRESSES]

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: AsyncIterator[bytes] | None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer of the first address that can be connected to."""
        for last, address in _marked(await self._addresses(url)):
            # The address that was checked, under the name that was asked for.
            request = httpx.Request(
                method,
                url.copy_with(host=address, fragment=None),
                headers={
                    "Host": _netloc(url),
                    "User-Agent": "Dailies",
                    "Accept-Encoding": "identity",
                    "Connection": "close",
                    **headers,
                },
                content=content,
                extensions={
                    "sni_hostname": url.raw_host.decode().rstrip("."),
                    "timeout": httpx.Timeout(SILENCE, connect=CONNECT).as_dict(),
                },
            )
            async with self._transport() as transport:
                try:
                    response = await transport.handle_async_request(request)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if last:
                        raise
                    continue
                response.request = request
                try:
                    yield response
                finally:
                    await response.aclose()
                return


def _judge(response: httpx.Response, max_bytes: int) -> None:
    """Raise unless *response* promises the file itself, within bounds."""
    status = response.status_code
    wait = retry_after(response.headers.get("retry-after"), now=time.time())
    if status == 429 or status >= 500:
        raise Busy("The link's site is busy or down right now.", raw=str(status), retry_after=wait)
    if status in (401, 403, 404, 410):
        gone = Gone("The link doesn't lead to a file. It may have expired.", raw=str(status))
        gone.retry_after = wait
        raise gone
    if status != 200:
        raise Refusal("The link doesn't lead to a file.", raw=str(status))
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal("The link leads to a compressed copy instead of the file.")
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > max_bytes:
        raise _too_large(max_bytes)


async def _save(
    response: httpx.Response,
    to: Path,
    max_bytes: int,
    check: Callable[[bytes], object] | None,
) -> int:
    size, head, checked = 0, b"", check is None
    async with landing(to) as file:
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            if not checked and check is not None:
                head += chunk[: HEAD - len(head)]
                if len(head) == HEAD:
                    check(head)
                    checked = True
            file.write(chunk)
        if size == 0:
            raise Refusal("The link leads to an empty file.")
        if not checked and check is not None:
            check(head)
    return size


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, 256 * 1024):
            yield chunk


def _too_large(max_bytes: int) -> TooLargeFile:
    size = max_bytes // MIB if max_bytes % MIB == 0 else max_bytes / 1_000_000
    return TooLargeFile(f"The file is larger than {size:,.10g} MB.", max_bytes)


def _netloc(url: httpx.URL) -> str:
    return url.netloc.decode()


def _local(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _marked(found: Sequence[str]) -> list[tuple[bool, str]]:
    """Each of *found*, and whether it is the last."""
    return [(index == len(found) - 1, each) for index, each in enumerate(found)]
