"""What this deployment answers over HTTP: whether it is well."""

import time
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

Check = Callable[[], Awaitable[str | None]]
"""Looks at one part; returns what is wrong with it in a few words, or None."""


class Web:
    """A small HTTP server. `/healthz` answers 200 when every check passes, 503 with why not."""

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        routes: Sequence[web.RouteDef] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._checks = checks
        self._clock = clock
        app = web.Application(client_max_size=256 * 1024)
        app.add_routes([web.get("/healthz", self._healthz), *routes])
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
        body = {"ok": not found, "trouble": found, "at": self._clock()}
        return web.json_response(body, status=503 if found else 200)
