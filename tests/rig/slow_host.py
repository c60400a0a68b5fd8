"""A host on loopback that gives a file when it is told to, and counts who asks."""

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web


class SlowHost:
    """Serves one file under any path; while `held`, the answer begins and does not end."""

    def __init__(self, file):
        self.content = file.read_bytes()
        self.held = asyncio.Event()
        self.held.set()
        self.asked = 0
        self.at_once = self.most = 0
        self.on_asked = None  #: awaited for each request, before anything is answered

    def hold(self):
        self.held.clear()

    def release(self):
        self.held.set()

    async def _serve(self, request):
        self.asked += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            if self.on_asked is not None:
                await self.on_asked()
            answer = web.StreamResponse()
            answer.content_length = len(self.content)
            await answer.prepare(request)
            await answer.write(self.content[:100])
            await self.held.wait()
            await answer.write(self.content[100:])
            return answer
        finally:
            self.at_once -= 1

    @asynccontextmanager
    async def running(self):
        app = web.Application()
        app.router.add_get("/{name}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{runner.addresses[0][1]}"
        self.url = f"http://{self.host}/picture.png"
        try:
            yield self
        finally:
            self.held.set()
            await runner.cleanup()


@asynccontextmanager
async def slow_host(file):
    async with SlowHost(file).running() as host:
        yield host
