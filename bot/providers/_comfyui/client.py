"""Asks one ComfyUI server over HTTP, and tells what surely never reached it.

The routes and their answers are those of ComfyUI's `server.py` (0.12 and newer; it has no version
of its own for them). A server is where its operator says it is: no redirect is followed, no proxy
of the environment used, and its headers go nowhere else.
"""

import asyncio
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from bot.atomic import landing
from bot.errors import Busy, Failure, Refusal
from bot.machine_trouble import disk_trouble

from .addresses import Address
from .trust import Distrust, distrusted

__all__ = ["UNREACHED", "Client", "Reply", "Unreachable", "Untrusted", "route"]

log = logging.getLogger(__name__)

CONNECT = 10.0  #: seconds to connect
DEADLINE = 20.0  #: seconds for one question
ORDER_DEADLINE = 60.0  #: seconds for an order; validating a large graph takes some
UPLOAD_DEADLINE = 600.0
DOWNLOAD_DEADLINE = 900.0
MAX_REPLY = 32 * 1024 * 1024  #: bytes; the schemas of all nodes have about one
MAX_CLIP = 4 * 1024**3
MAX_RAW = 4_000  #: characters of an answer that the operator's log keeps
HEARTBEAT = 20.0
UNREACHED = "it can't be reached"


class Unreachable(Busy):
    """The server gave no answer that can be read. *sent* is False if it surely never heard us."""

    def __init__(self, server: str, why: str, *, sent: bool) -> None:
        super().__init__(f"{server} can't be reached.", failure=Failure.DOWN, raw=why)
        self.sent = sent
        self.because = UNREACHED  #: why its server is left alone now


class Untrusted(Unreachable):
    """No https connection came about, for the sake of the server's certificate."""

    def __init__(self, server: str, said: Distrust) -> None:
        super().__init__(server, said.why, sent=False)
        self.args = (f"{server} can't be reached: {said.why}.",)
        self.because = f"{UNREACHED}: {said.why}"
        self.mend = said.mend


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    data: Any = None  #: its JSON; None where it has none
    raw: str = ""  #: the start of its body, for the operator


def route(*parts: str) -> str:
    """A path of the API whose last parts may hold anything."""
    first, *more = parts
    return first + "".join(f"/{quote(each, safe='')}" for each in more)


class Client:
    """The connections to one server."""

    def __init__(self, address: Address, trust: ssl.SSLContext) -> None:
        self.name = address.name
        self._trust = trust
        self._base = address.base
        self._headers = {
            "User-Agent": "Dailies",
            "Accept-Encoding": "identity",  # what is not packed cannot be a bomb
            **address.headers,
        }
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"<Client {self.name}>"

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        deadline: float = DEADLINE,
    ) -> Reply:
        """The server's answer, if it is one of a ComfyUI. Raises `Unreachable` or `Busy` (KEY)."""
        data = None if json is None else _dumped(json)
        headers = {} if data is None else {"Content-Type": "application/json"}
        async with self._request(
            method, path, params=params, data=data, headers=headers, deadline=deadline
        ) as response:
            return await self._read(response)

    async def upload(
        self, file: Path, *, name: str, type: str, subfolder: str, overwrite: bool = False
    ) -> Reply:
        """Put *file* among the server's inputs; a picture, a sound and a clip all go this way."""
        form = aiohttp.FormData()
        form.add_field("subfolder", subfolder)
        form.add_field("type", "input")
        if overwrite:
            form.add_field("overwrite", "true")
        with await asyncio.to_thread(file.open, "rb") as content:
            form.add_field("image", content, filename=name, content_type=type)
            async with self._request(
                "POST", "/upload/image", data=form, deadline=UPLOAD_DEADLINE
            ) as response:
                return await self._read(response)

    async def download(self, params: Mapping[str, str], to: Path) -> bool:
        """Save the output that *params* name as *to*, whole or not at all; False: it is not there.

        Raises `Unreachable`, or `Refusal` for a file that is absurdly large.
        """
        async with self._request(
            "GET", "/view", params=params, deadline=DOWNLOAD_DEADLINE
        ) as response:
            if response.status == 404:
                return False
            if response.status != 200:
                raise Unreachable(self.name, f"/view answers {response.status}", sent=True)
            size = 0
            try:
                async with landing(to) as file:
                    async for chunk in response.content.iter_chunked(256 * 1024):
                        size += len(chunk)
                        if size > MAX_CLIP:
                            raise Refusal(
                                f"{self.name} made a file too large to be a clip.",
                                failure=Failure.BAD_RESULT,
                            )
                        file.write(chunk)
            except aiohttp.ClientError as error:
                raise Unreachable(self.name, _why(error), sent=True) from None
            except OSError as error:
                raise disk_trouble(error) from error
            return True

    async def exists(self, params: Mapping[str, str]) -> bool:
        """Whether there is an output that *params* name. Raises `Unreachable`."""
        async with self._request("GET", "/view", params=params, deadline=DEADLINE) as response:
            if response.status not in (200, 404):
                raise Unreachable(self.name, f"/view answers {response.status}", sent=True)
            response.close()  # nothing of it is read here
            return response.status == 200

    def listen(self, client_id: str) -> Any:
        """A context with the server's websocket, where it tells what happens to our jobs."""
        return self._opened().ws_connect(
            URL(f"{self._base}/ws", encoded=True).with_query(clientId=client_id),
            headers=self._headers,
            heartbeat=HEARTBEAT,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=5.0),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                trace_configs=[_no_redirects()],
                connector=aiohttp.TCPConnector(limit=8, ssl=self._trust),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: bytes | aiohttp.FormData | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The head of the answer, judged as far as it is not the route's own business."""
        url = URL(self._base + path, encoded=True)
        if params:
            url = url.with_query(dict(params))
        try:
            async with self._opened().request(
                method,
                url,
                data=data,
                headers={**self._headers, **(headers or {})},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=deadline, connect=CONNECT),
            ) as response:
                self._judge(response)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            if (said := distrusted(error)) is not None:
                raise Untrusted(self.name, said) from None
            raise Unreachable(self.name, _why(error), sent=False) from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(self.name, _why(error), sent=True) from None
        except ConnectionError as error:
            raise Unreachable(self.name, _why(error), sent=True) from None

    def _judge(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status in (401, 403) and response.url.path.rpartition("/")[2] != "view":
            raise Busy(
                f"{self.name} doesn't let Dailies in. Its operator has to check the "
                "password or token.",
                failure=Failure.KEY,
                retry_after=60,
                raw=f"status {status}",
            )
        if 300 <= status < 400:
            raise Unreachable(self.name, f"it redirects ({status})", sent=True)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unreachable(self.name, "a compressed answer, not read", sent=True)

    async def _read(self, response: aiohttp.ClientResponse) -> Reply:
        body = b""
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > MAX_REPLY:
                raise Unreachable(self.name, "an answer without end", sent=True)
        raw = body[: MAX_RAW * 4].decode("utf-8", "replace")[:MAX_RAW]
        return Reply(status=response.status, data=_parsed(body), raw=raw)


def _no_redirects() -> aiohttp.TraceConfig:
    """Refuses every redirect, also of the socket's handshake: a secret would go along."""

    async def refuse(*_: object) -> None:
        raise aiohttp.ClientError("it redirects")

    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(refuse)
    return config


def _dumped(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False).encode()


def _parsed(body: bytes) -> Any:
    """What *body* is as JSON; None where it is none, or a bomb of brackets."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _why(error: Exception) -> str:
    """What kept a server's answer from us, for its operator."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "there is no host of that name"
        case TimeoutError():
            return "it took too long"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))) if number > 0:
            return os.strerror(number).lower()
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            return "it closed the connection"
        case _:
            return "its answer is no HTTP"
