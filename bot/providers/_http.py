"""The one HTTP edge: how a provider's API is asked, and what its answers prove.

    words = Vocabulary(
        "LTX",
        words={"insufficient_funds_error": CREDIT, "api_error": DOWN, ...},
        explain=lambda data: (text(data, "error", "type"), text(data, "error", "message")),
    )
    edge = Edge(
        vocabulary=words,
        base_url=base_url(settings.base_url, setting="LTX_BASE_URL", loopback=connection.loopback),
        headers={"Authorization": f"Bearer {key}"},    # secret; sent to this base URL alone
        pressure=Pressure(title="LTX", per_minute=60),
    )
    reply = await edge.order("/v2/text-to-video", {"prompt": "…"})   # may cost money: sent once
    reply = await edge.ask("GET", "/v2/text-to-video/abc")            # free: safe to repeat
    reply.data, reply.raw, reply.status, reply.headers, reply.file
    await edge.close()

`order` returns only for a 2xx with a JSON object, or with an MP4 if *into* says where to put
one. Else it raises by what is proven (the proof is httpcore's own trace: not one byte of the
request had left):

    never sent: address, connection, TLS, our own rate or breaker     Busy
    429 and 503 in the document's own form, promptly                   Busy, answered
    400-405, 410, 413, 415, 422, with any refusing word                 Refusal, with failure
    anything else: lost reply, 3xx, other 5xx, any other form, late     Unclear, raw kept

A Refusal in another form than the document's has billed=None: nobody knows who spoke.

`ask` never raises Unclear, and a Refusal only for 404 and 410 (Failure.LOST): asking again is
free, so whatever else went wrong is Busy, its `failure` saying what (KEY, CREDIT, RATE, DOWN).
Some APIs put errors into a 200: `words.error(reply, word, message)` is the exception for those,
and `words.failed(word, message, raw=…)` the Refusal for a job that failed over there.

Orders go through httpx, whose trace is the proof. Questions go through aiohttp, which answers
several times as many of them a second and lies below discord.py anyway.

Nothing here sleeps or retries; Busy.retry_after is the seconds to wait. Keys appear in no
exception, log, repr or raw: whatever equals a value of *headers* is blanked.
"""

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import httpx
from yarl import URL

from bot.atomic import landing
from bot.errors import Busy, Refusal, Unclear
from bot.files.fetch import tls
from bot.settings import BadSetting

from ._pressure import Pressure, retry_after
from ._vocabulary import Reply, Vocabulary

MAX_REPLY = 1024 * 1024  #: bytes of a JSON reply; a real one has a few hundred
MAX_RAW = 4_000  #: characters of a reply that are kept for the operator
MAX_DEPTH = 32  #: nesting of a JSON reply; a real one has three
CONNECT = 10.0  #: seconds to connect, TLS included
ASK_DEADLINE = 30.0  #: seconds for a whole question
ORDER_DEADLINE = 60.0  #: seconds for a whole order whose answer is an id
AT_ONCE = 64  #: connections for questions, at most; they are opened as answers are awaited

# httpx names every URL at INFO, and httpcore every header at DEBUG: both hold secrets.
for _name in ("httpx", "httpcore", "hpack"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Edge:
    """One provider's API, and the only holder of its key."""

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        base_url: str,
        headers: Mapping[str, str],
        pressure: Pressure,
        retry_submit: bool = True,
        at_once: int = AT_ONCE,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """*base_url* must have passed `base_url`. Without *retry_submit*, no answer to an order is
        taken for a proof that it may be sent again. *at_once* is how many questions may be open.
        *wall* is the Unix time, for Retry-After; *ticks* are seconds that measure how long an
        answer took.
        """
        self.vocabulary = vocabulary
        self.pressure = pressure
        self._base = base_url
        self._headers = dict(headers)
        self._secrets = _secrets(headers)
        self._retry_submit = retry_submit
        self._wall = wall
        self._ticks = ticks
        self._at_once = at_once
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"<Edge {self._base}>"

    @property
    def healthy(self) -> bool:
        """Whether it is worth asking now."""
        return self.pressure.healthy

    @property
    def broken(self) -> bool:
        """Whether it is left alone, as it does not work."""
        return self.pressure.broken

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        deadline: float = ASK_DEADLINE,
        keyless: bool = False,
    ) -> Reply:
        """Ask what costs nothing and may be repeated; returns a 2xx with a JSON object.

        *deadline* is in seconds and holds for everything, waiting for a turn included.
        *keyless* leaves the secret headers out. Raises Busy, or Refusal (LOST).
        """
        self.pressure.admit()
        url = URL(self._url(path, params), encoded=True)
        headers, content = self._sent(json, keyless=keyless)
        try:
            async with self._connections().request(
                method,
                url,
                headers=headers,
                data=content,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=deadline, sock_connect=CONNECT),
            ) as answer:
                chunks = answer.content.iter_any()
                reply = await self._read(answer.status, answer.headers, chunks)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(type(error).__name__) from None
        if 200 <= reply.status < 300:
            if reply.data is None:
                wait = self.pressure.failed()
                raise Busy(
                    f"{self.vocabulary.title} gave an answer that can't be read.",
                    retry_after=wait,
                    raw=reply.raw,
                )
            self.pressure.answered()
            return reply
        raise self.vocabulary.asked(reply, self._weigh(reply))

    async def order(
        self,
        path: str,
        json: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        into: Path | None = None,
        max_bytes: int = 0,
        deadline: float = ORDER_DEADLINE,
        returned: Collection[int] = (),
        sending: Callable[[], Awaitable[None]] | None = None,
    ) -> Reply:
        """Send what may cost money, once, on a connection of its own.

        *sending* is awaited when all that is left is to send it: the rate allows it and the
        connection is open. If it raises, nothing is sent and its exception is raised.

        Answers with a status in *returned* are returned too, instead of raised. An MP4 in the
        answer is written to *into* (whole or not at all) up to *max_bytes*. Otherwise returns
        a 2xx with `data` or `file`. Raises Busy, Refusal or Unclear.
        """
        self.pressure.admit()
        sent_headers, content = self._sent(json)
        sent_headers |= {"Connection": "close", **(headers or {})}
        request = httpx.Request("POST", self._url(path), headers=sent_headers, content=content)
        sent, began = False, self._ticks()

        async def watch(event: str, _: Mapping[str, Any]) -> None:
            nonlocal sent, began
            if not sent and event.endswith("send_request_headers.started"):
                if sending is not None:
                    await sending()
                sent, began = True, self._ticks()

        request.extensions["trace"] = watch
        # Connecting gives up before the deadline does: only its own time-out closes the socket.
        connect = min(CONNECT, deadline / 2)
        request.extensions["timeout"] = httpx.Timeout(deadline, connect=connect).as_dict()
        # httpx's own transport: httpx-aiohttp calls a reset after sending a ConnectTimeout.
        transport = httpx.AsyncHTTPTransport(
            verify=tls(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        reply: Reply | None = None
        try:
            async with asyncio.timeout(deadline), transport:
                response = await transport.handle_async_request(request)
                response.request = request
                try:
                    chunks = response.aiter_raw()
                    reply = await self._read(
                        response.status_code, response.headers, chunks, into, max_bytes
                    )
                    reply = replace(reply, took=self._ticks() - began)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, OSError, ValueError) as error:
            if reply is None:  # a complete answer counts, however its connection ended
                if not sent:
                    raise self._unreachable(type(error).__name__) from None
                self.pressure.failed()
                raise Unclear(
                    f"{self.vocabulary.title} may have taken the order: its answer was lost.",
                    raw=type(error).__name__,
                ) from None
        if 200 <= reply.status < 300:
            self.pressure.answered()
            if reply.data is None and reply.file is None:
                raise Unclear(
                    f"{self.vocabulary.title} took the order, "
                    "but its answer can't be read or isn't complete.",
                    raw=reply.raw,
                )
            return reply
        wait = self._weigh(reply)
        if reply.status in returned:
            return reply
        raise self.judged(reply, wait)

    def judged(self, reply: Reply, wait: float | None = None) -> Busy | Refusal | Unclear:
        """The exception for an answer to an order that did not take it, or does not say so."""
        return self.vocabulary.ordered(reply, wait, again=self._retry_submit)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def clean(self, raw: str) -> str:
        """*raw* without our key, its start only."""
        for secret in self._secrets:
            raw = raw.replace(secret, "…")
        return raw[:MAX_RAW]

    def _url(self, path: str, params: Mapping[str, str] | None = None) -> str:
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError("a path begins with one slash")
        return f"{self._base}{path}?{urlencode(params)}" if params else self._base + path

    def _sent(
        self, json: Mapping[str, Any] | None, *, keyless: bool = False
    ) -> tuple[dict[str, str], bytes | None]:
        """The headers and the body of a request."""
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # what is not packed cannot be a bomb, nor half lost
            "User-Agent": "Dailies",
        }
        if not keyless:
            headers.update(self._headers)
        if json is None:
            return headers, None
        headers["Content-Type"] = "application/json"
        return headers, _dumped(json)

    def _connections(self) -> aiohttp.ClientSession:
        """The connections for questions, made when there is a loop to make them in."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._at_once, ssl=tls()),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def _read(
        self,
        status: int,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes],
        into: Path | None = None,
        max_bytes: int = 0,
    ) -> Reply:
        headers = {name.lower(): value for name, value in headers.items()}
        start = b""
        if headers.get("content-encoding", "identity").lower() != "identity":
            # Nobody asked for it, and unpacking is how a small body becomes a large one.
            return Reply(status=status, headers=headers, raw="(a compressed body, not read)")
        async for chunk in chunks:
            start += chunk
            if into is not None and 200 <= status < 300 and len(start) >= 8:
                if start[4:8] == b"ftyp":
                    file = await _written(start, chunks, into, max_bytes)
                    return Reply(status=status, headers=headers, raw="(an MP4)", file=file)
                into = None
            if len(start) > MAX_REPLY:
                raw = self.clean(start[: MAX_RAW * 2].decode("utf-8", "replace"))
                return Reply(status=status, headers=headers, raw=raw)
        raw = self.clean(start.decode("utf-8", "replace"))
        return Reply(status=status, headers=headers, raw=raw, data=_parsed(start))

    def _weigh(self, reply: Reply) -> float | None:
        """Tell the pressure about an answer that is not 2xx; the seconds it asks for, if any."""
        wait = retry_after(reply.headers.get("retry-after"), now=self._wall())
        if reply.status == 429:
            return self.pressure.pushed_back(wait)
        if reply.status >= 500:
            return self.pressure.failed(wait)
        self.pressure.answered()
        return wait

    def _unreachable(self, why: str) -> Busy:
        """Nothing was sent, or what was sent costs nothing."""
        return Busy(
            f"{self.vocabulary.title} can't be reached.",
            retry_after=self.pressure.failed(),
            raw=why,
        )


def base_url(url: str, *, setting: str, loopback: frozenset[str]) -> str:
    """*url* as a base to put paths behind. Raises `BadSetting` where a key must not go there.

    https only, except to the hosts named in *loopback* ("127.0.0.1:8123").
    """
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        well_formed = bool(parts.hostname) and not (parts.query or parts.fragment or "@" in url)
        _ = parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        well_formed = False
    allowed = well_formed and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.netloc in loopback)
    )
    if not allowed:
        raise BadSetting(f"{setting} must be an https link without a query or user name.")
    return url


def _dumped(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False).encode()


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """What of *headers* must not be shown: each value, and the key behind "Bearer "."""
    values = {part for value in headers.values() for part in (value, value.split()[-1])}
    return sorted((value for value in values if len(value) >= 4), key=len, reverse=True)


class _TooLarge(Exception):
    """A clip in a reply exceeds what was allowed for it."""


class _Odd(ValueError):
    """JSON that parsers disagree about."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Odd
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Odd
    return value


def _refuse(_: str) -> None:
    raise _Odd


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_refuse)


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object that *body* is; None where it is anything else, or odd.

    Odd are duplicate names, NaN and infinities, lone surrogates and deep nesting: parsers
    disagree about them, so they prove nothing.
    """
    try:
        data = _DECODER.decode(body.decode("utf-8-sig"))
        _check(data)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _check(data: object) -> None:
    """Raise `_Odd` for what is nested too deep or cannot be stored as text."""
    waiting = [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _Odd
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, dict):
            waiting += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]


async def _written(
    start: bytes, rest: AsyncIterator[bytes], to: Path, max_bytes: int
) -> Path | None:
    """Write *start* and *rest* to *to*, whole or not at all. None where it is over *max_bytes*."""
    size = len(start)
    with suppress(_TooLarge):
        async with landing(to) as file:
            file.write(start)
            async for chunk in rest:
                size += len(chunk)
                if size > max_bytes:
                    raise _TooLarge
                file.write(chunk)
        return to
    return None
