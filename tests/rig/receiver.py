"""A webhook's receiver on loopback, with the vices that receivers have."""

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import web


class Receiver:
    """Notes what it is sent. Its next answers are *vices*, in order; then it takes everything.

    A number is that status; "lose" takes an event and hangs up; "redirect" names another path;
    "hang" answers nothing.
    """

    def __init__(self):
        self.vices = []
        self.always = None  #: what it does when there are no more vices
        self.sent = []  #: the header and the body of each request, as it came
        self.elsewhere = 0  #: requests that followed a redirect
        self.now = self.most = 0  #: requests at once

    @property
    def events(self):
        return [json.loads(body) for _header, body in self.sent]

    @property
    def ids(self):
        return [each["id"] for each in self.events]

    async def _take(self, request):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            body = await request.read()
            self.sent.append((request.headers["Dailies-Signature"], body))
            vice = self.vices.pop(0) if self.vices else self.always
            await asyncio.sleep(0.01)  # so that those which are sent at once meet
            if vice == "lose":
                request.transport.abort()
            if vice == "hang":
                await asyncio.Event().wait()
            if vice == "redirect":
                return web.Response(status=307, headers={"Location": "/elsewhere"})
            return web.Response(status=vice if isinstance(vice, int) else 204)
        finally:
            self.now -= 1

    async def _elsewhere(self, _request):
        self.elsewhere += 1
        return web.Response()

    @asynccontextmanager
    async def running(self):
        app = web.Application()
        app.router.add_post("/hook", self._take)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{runner.addresses[0][1]}"
        self.url = f"http://{self.host}/hook?key=path-secret"
        try:
            yield self
        finally:
            await runner.cleanup()


@asynccontextmanager
async def receiver():
    async with Receiver().running() as running:
        yield running
