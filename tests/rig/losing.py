"""A way to Discord that loses things: a request before it arrives, or the answer to it."""

import re
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web


class Losing:
    """A playground as the bot sees it, behind a proxy on loopback that drops what it is told to."""

    def __init__(self, playground):
        self._playground = playground
        self._rules = []
        self.api_url = ""
        self.lost = []  #: method and path of what was dropped

    def __getattr__(self, name):
        return getattr(self._playground, name)

    def drop(self, method, path, *, done, times=1):
        """Drop the connection of the next requests like that; with *done*, after their work."""
        self._rules.append([method, re.compile(path), done, times])

    def _rule(self, request):
        for rule in self._rules:
            if rule[3] and rule[0] == request.method and rule[1].search(request.path):
                rule[3] -= 1
                self.lost.append((request.method, request.path))
                return rule
        return None

    async def serve(self, request):
        rule = self._rule(request)
        body = await request.read()
        if rule is not None and not rule[2]:
            request.transport.abort()
            return web.Response()
        async with self._session.request(
            request.method,
            self._upstream + request.raw_path,
            data=body or None,
            headers={k: v for k, v in request.headers.items() if k.lower() != "host"},
        ) as answer:
            content = await answer.read()
            if rule is not None:
                request.transport.abort()
                return web.Response()
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name.lower().startswith(("x-", "retry-after", "content-type", "via"))
            }
            return web.Response(status=answer.status, body=content, headers=kept)

    @asynccontextmanager
    async def running(self):
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{rest:.*}", self.serve)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        upstream, _, path = self._playground.api_url.partition("/api/")
        self._upstream = upstream
        self.api_url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/{path}"
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as self._session:
                yield self
        finally:
            await runner.cleanup()
