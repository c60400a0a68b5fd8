"""What may stand between the bot and Discord: it answers in Discord's place when it is told to."""

import contextlib
import re
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

PAGE = "<html><body><h1>Sign in to this network</h1></body></html>"


@dataclass
class Said:
    """An answer that is given in Discord's place."""

    path: str  #: of the API, without `/api/v10`; a regular expression
    status: int
    body: str = PAGE
    type: str = "text/html"
    times: int = 1_000_000
    given: int = 0


@dataclass
class Front:
    """Passes on to a playground what it is not told to answer itself."""

    api_url: str  #: where the bot is pointed at
    behind: str  #: the playground's
    answers: list[Said] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def say(self, path, status, **how):
        self.answers.append(Said(path, status, **how))
        return self.answers[-1]

    async def serve(self, request):
        path = request.rel_url.raw_path.removeprefix("/api/v10")
        self.asked.append((request.method, path))
        for said in self.answers:
            if said.given < said.times and re.fullmatch(said.path, path):
                said.given += 1
                headers = {"Content-Type": said.type}  # Discord names no charset
                return web.Response(status=said.status, body=said.body, headers=headers)
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                self.behind + request.rel_url.raw_path_qs.removeprefix("/api/v10"),
                data=await request.read(),
                headers={
                    name: value
                    for name, value in request.headers.items()
                    if name in {"Authorization", "Content-Type", "User-Agent"}
                },
            ) as answer,
        ):
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name.startswith("X-RateLimit") or name in {"Retry-After", "Content-Type"}
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)


@contextlib.asynccontextmanager
async def front(playground):
    """Such a front before *playground*."""
    made = Front(api_url="", behind=playground.api_url)
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{rest:.*}", made.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.api_url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    try:
        yield made
    finally:
        await runner.cleanup()
