"""What this deployment answers over HTTP: whether it is well, and providers that call back."""

import hmac
import ipaddress
import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.errors import Busy
from bot.exits import FAILED, Exit
from bot.words.text import one_line

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  #: bytes of a callback

Check = Callable[[], Awaitable[str | None]]
"""Looks at one part; returns what is wrong with it in a few words, or None."""


#: What somebody sent is not whole, or not what its headers say; or they left in the middle.
_BROKEN = (
    *(web.HTTPException, web.RequestPayloadError, HttpProcessingError, ClientError),
    *(ConnectionError, ValueError, zlib.error),
)


class Web:
    """Two small HTTP servers: one for the operator, one that the internet may reach.

    `/readyz` answers 200 when every check passes, those of *ready* among them, and 503 with why
    not. `/healthz` says the same but for these, and more: remarks, which are for its operator, as
    the bot works all the same, and figures. `/livez` fails only for what a restart would mend.
    `/metrics` is for Prometheus: whoever knows the token may read it, or without one, whoever is
    on this machine.

    `/callbacks/<provider>/<token>`, on a port of its own and alone there, takes a provider's
    callback. It answers 200 whatever it is given, so that whoever guesses tokens learns nothing;
    and 503 to one that has to be sent again, which takes a token that is known.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        ready: Sequence[Check] = (),
        alive: Sequence[Check] = (),
        remarks: Sequence[Check] = (),
        figures: Callable[[], Mapping[str, float | None]] = dict,
        metrics: Callable[[str], Awaitable[tuple[bytes, str]]] | None = None,
        metrics_token: str | None = None,
        called_back: Callable[[str, bytes], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._checks = checks
        self._ready = ready
        self._alive = alive
        self._remarks = remarks
        self._figures = figures
        self._metrics, self._metrics_token = metrics, metrics_token
        self._here_alone = False  # only this machine can ask
        self._clock = clock
        self._called_back = called_back
        health = web.Application()
        health.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/livez", self._livez),
                web.get("/metrics", self._export),
            ]
        )
        public = web.Application(client_max_size=LARGEST)
        public.add_routes([web.post("/callbacks/{provider}/{token}", self._callback)])
        self._health = web.AppRunner(health, access_log=None, shutdown_timeout=1.0)
        # What is packed is unpacked here: whole or not at all, and never more than `LARGEST`.
        self._public = web.AppRunner(
            public,
            access_log=None,
            shutdown_timeout=1.0,
            auto_decompress=False,
            logger=_logger_of_edges(),
        )
        self.port = self.callback_port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen for whoever asks how it is. Raises OSError when the address is taken."""
        self.port = await _listen(self._health, host, port)
        self._here_alone = _is_of_this_machine(host)

    async def start_callbacks(self, host: str, port: int) -> None:
        """Listen for providers that call back. Raises OSError when the address is taken."""
        self.callback_port = await _listen(self._public, host, port)

    async def close(self) -> None:
        """Stop listening."""
        await self._public.cleanup()
        await self._health.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        remarks = await _found(self._remarks)
        return await self._answer(self._checks, remarks=remarks, figures=dict(self._figures()))

    async def _readyz(self, _: web.Request) -> web.Response:
        return await self._answer([*self._checks, *self._ready])

    async def _livez(self, _: web.Request) -> web.Response:
        return await self._answer(self._alive)

    async def _answer(self, checks: Sequence[Check], **more: object) -> web.Response:
        found = await _found(checks)
        body = {"ok": not found, "trouble": found, **more, "at": self._clock()}
        return web.json_response(body, status=503 if found else 200)

    async def _export(self, request: web.Request) -> web.Response:
        if self._metrics is None:
            raise web.HTTPNotFound
        if (no := self._refusal(request.headers.get("Authorization", ""))) is not None:
            return no
        text, kind = await self._metrics(request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": kind})

    def _refusal(self, given: str) -> web.Response | None:
        """Why somebody who sends the header *given* may not read the metrics; None if they may."""
        if self._metrics_token is None:
            if self._here_alone:
                return None
            return web.Response(
                status=403,
                text="Set DAILIES_METRICS_TOKEN, or DAILIES_WEB_HOST to 127.0.0.1.\n",
            )
        wanted = f"Bearer {self._metrics_token}".encode()
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted):
            return None
        return web.Response(
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
            text="Send DAILIES_METRICS_TOKEN as a bearer token.\n",
        )

    async def _callback(self, request: web.Request) -> web.Response:
        try:
            body = _unpacked(
                await request.read(), request.headers.get("content-encoding", "identity")
            )
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        except _BROKEN as error:
            log.info("A callback could not be read: %s", _why(error))
            return web.Response(status=400)
        token = request.match_info["token"]
        if 16 <= len(token) <= 128:
            try:
                await self._called_back(token, body)
            except Busy as busy:
                log.info("A callback has to be sent again: %s", busy)
                return web.Response(status=503)
            except Exception:  # a boundary: whoever calls back is told nothing
                log.exception("A callback of %s could not be taken", request.match_info["provider"])
        return web.Response(status=200)


async def open_port(
    start: Callable[[str, int], Awaitable[None]], name: str, host: str, port: int
) -> None:
    """Open a port that the setting *name* names. Raises `Exit` where it is taken."""
    try:
        await start(host, port)
    except OSError as error:
        raise Exit(
            f"{name} {port} can't be used at {host} "
            f"({error.strerror or 'there is no such address'}). Choose another one.",
            FAILED,
        ) from error


def _is_of_this_machine(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _found(checks: Sequence[Check]) -> list[str]:
    return [each for check in checks if (each := await check()) is not None]


async def _listen(runner: web.AppRunner, host: str, port: int) -> int:
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    listening: int = runner.addresses[0][1]
    return listening


def _unpacked(body: bytes, encoding: str) -> bytes:
    """*body* without its content encoding.

    Raises ValueError or `zlib.error` for what is cut short, too large or of an unknown kind.
    """
    kind = encoding.strip().lower()
    if kind in {"identity", ""}:
        return body
    if kind not in {"gzip", "deflate"}:
        raise ValueError("it is packed in a way that is not known here")
    stream = zlib.decompressobj(wbits=31 if kind == "gzip" else 15)
    whole = stream.decompress(body, LARGEST + 1)
    if len(whole) > LARGEST or not stream.eof:
        raise ValueError("it is cut short or too large")
    return whole


def _why(error: BaseException) -> str:
    return one_line(str(error))[:200] or type(error).__name__


class _Edges(logging.Filter):
    """Makes one line of what aiohttp tells with a traceback: that a request made no sense."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _BROKEN):
            record.msg, record.args = "A request could not be read: %s", (_why(error),)
            record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
            return not isinstance(error, ConnectionError)
        return True


def _logger_of_edges() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.requests")
    if not logger.filters:
        logger.addFilter(_Edges())
    return logger
