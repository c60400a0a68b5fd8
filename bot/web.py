"""What this deployment answers over HTTP: whether it is well, and providers that call back."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from bot.errors import Busy

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  #: bytes of a callback

Check = Callable[[], Awaitable[str | None]]
"""Looks at one part; returns what is wrong with it in a few words, or None."""


class Web:
    """A small HTTP server. `/healthz` answers 200 when every check passes, 503 with why not.
    Remarks are for its operator: the bot works all the same.

    `/callbacks/<provider>/<token>` takes a provider's callback. It answers 200 whatever it is
    given, so that whoever guesses tokens learns nothing; and 503 to one that has to be sent
    again, which takes a token that is known.
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
        app = web.Application(client_max_size=LARGEST)
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.post("/callbacks/{provider}/{token}", self._callback),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError when the address is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        found = [each for check in self._checks if (each := await check()) is not None]
        remarks = [each for remark in self._remarks if (each := await remark()) is not None]
        body = {"ok": not found, "trouble": found, "remarks": remarks, "at": self._clock()}
        return web.json_response(body, status=503 if found else 200)

    async def _callback(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
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
