"""The way to an address that the operator set: a webhook, an endpoint that helps with prompts.

Nothing else is ever asked: no redirect is followed, and no proxy of the environment is used. What
comes back is read up to a limit. Neither an address nor a header is in any exception or log.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from bot.errors import Busy
from bot.files.fetch import tls

CONNECT = 10.0  #: seconds to connect, TLS included


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. *body* is None where it was longer than was asked for, or packed."""

    status: int
    body: bytes | None

    @property
    def taken(self) -> bool:
        """Whether it says that all went well."""
        return 200 <= self.status < 300


def shown(url: str) -> str:
    """*url* as it may be named: its host, as all the rest of it may be a key."""
    parts = urlsplit(url)
    host = parts.hostname or "?"
    return f"{host}:{parts.port}" if parts.port else host


async def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    deadline: float,
    most: int = 0,
) -> Answer:
    """Send *body* to *url*, and read up to *most* bytes of the answer within *deadline* seconds.

    Raises `Busy` where there was no answer: what was sent may have arrived all the same.
    """
    # Unpacking is how a small answer becomes a large one.
    given = {"Accept-Encoding": "identity", "User-Agent": "Dailies", **headers}
    try:
        async with (
            asyncio.timeout(deadline),
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=tls(), force_close=True),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT, deadline)),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.post(url, data=body, headers=given, allow_redirects=False) as answer,
        ):
            return Answer(status=answer.status, body=await _read(answer, most))
    except TimeoutError:
        raise Busy(f"{shown(url)} doesn't answer.", raw="it took too long") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Busy(f"{shown(url)} can't be reached.", raw=type(error).__name__) from None


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        return None
    body = b""
    while most and (piece := await answer.content.read(65_536)):
        body += piece
        if len(body) > most:
            return None
    return body
