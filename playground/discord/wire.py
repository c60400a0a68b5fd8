"""The HTTP server that puts REST, gateway, attachments and page on one port."""

from collections.abc import Callable

from aiohttp import web

from playground.discord import answers  # noqa: F401  # importing it registers its routes
from playground.discord.cdn import Cdn
from playground.discord.doors import Doors
from playground.discord.gateway import Gateway
from playground.discord.rest import PREFIX, Rest

#: Connections that may wait to be taken, where thousands of people do something at once.
BACKLOG = 4096


class Wire:
    """The server. It listens between `start` and `stop`."""

    def __init__(self, rest: Rest, gateway: Gateway, cdn: Cdn, doors: Doors) -> None:
        self.port = 0
        self._doors = doors
        self.app = web.Application(middlewares=[doors.check])
        self.app.router.add_route("*", PREFIX + "/{tail:.*}", rest.serve)
        self.app.router.add_get("/gateway", gateway.serve)
        self.app.router.add_get("/gateway/", gateway.serve)
        self.app.router.add_get("/attachments/{channel}/{attachment}/{name}", cdn.serve)
        self._runner: web.AppRunner | None = None

    async def start(self, port: int, more: Callable[[web.Application], None]) -> None:
        """Listen on *port* (0: any free one). *more* adds the page's own routes."""
        more(self.app)
        # A bot's gateway and the page's socket would otherwise hold up the end for a minute.
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self.port = port
        for address in self._doors.addresses:
            site = web.TCPSite(self._runner, address, self.port, backlog=BACKLOG)
            await site.start()
            self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
