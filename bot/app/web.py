"""What this deployment answers over HTTP: whether it is well, and providers that call back."""

import logging
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.errors import Busy
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

    `/healthz` answers 200 when every check passes, 503 with why not. Remarks are for its
    operator: the bot works all the same.

    `/callbacks/<provider>/<token>`, on a port of its own and alone there, takes a provider's
    callback. It answers 200 whatever it is given, so that whoever guesses tokens learns nothing;
    and 503 to one that has to be sent again, which takes a token that is known.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        remarks: Sequence[Check] = (),
        called_back: Callable[[str, bytes], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._checks = checks
        self._remarks = remarks
        self._clock = clock
        self._called_back = called_back
        health = web.Application()
        health.add_routes([web.get("/healthz", self._healthz)])
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

    async def start_callbacks(self, host: str, port: int) -> None:
        """Listen for providers that call back. Raises OSError when the address is taken."""
        self.callback_port = await _listen(self._public, host, port)

    async def close(self) -> None:
        """Stop listening."""
        await self._public.cleanup()
        await self._health.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        found = [each for check in self._checks if (each := await check()) is not None]
        remarks = [each for remark in self._remarks if (each := await remark()) is not None]
        body = {"ok": not found, "trouble": found, "remarks": remarks, "at": self._clock()}
        return web.json_response(body, status=503 if found else 200)

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
