"""An OpenAI-compatible endpoint on loopback, with the vices that endpoints have."""

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import web

REWRITTEN = (
    "A red fox trots across a snowy field at dawn. It pauses and lifts its head. "
    "The camera follows it slowly. Snow crunches under its paws."
)


class Completions:
    """Notes what it is asked, and answers *text*, or with its *vice*: see `_answer`."""

    def __init__(self):
        self.text = REWRITTEN
        self.vice = None
        self.asked = []  #: the headers and the body of each request
        self.elsewhere = 0  #: requests that followed a redirect

    async def _answer(self, request):
        self.asked.append((dict(request.headers), await request.json()))
        match self.vice:
            case int() as status:
                return web.Response(status=status, text="no")
            case "slow":
                await asyncio.Event().wait()
            case "garbage":
                return web.Response(text="<html>{not json", content_type="application/json")
            case "nested":
                return web.Response(body=b"[" * 60_000)
            case "huge":
                return web.json_response(self._said("A long word. " * 100_000))
            case "packed":
                return web.Response(body=b"x" * 100, headers={"Content-Encoding": "gzip"})
            case "shapeless":
                return web.json_response({"choices": [{"message": {"content": [1]}}]})
            case "empty":
                return web.json_response(self._said(" \u200b\n"))
            case "refusal":
                said = self._said("")
                said["choices"][0]["message"]["refusal"] = "no"
                return web.json_response(said)
            case "sorry":
                return web.json_response(self._said("I'm sorry, but I can't help with that."))
            case "redirect":
                return web.Response(status=307, headers={"Location": "/elsewhere"})
            case "hang up":
                request.transport.abort()
        return web.json_response(self._said(self.text))

    def _said(self, text):
        message = {"role": "assistant", "content": text}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    async def _elsewhere(self, _request):
        self.elsewhere += 1
        return web.json_response(self._said(self.text))

    @property
    def prompts(self):
        return [body["messages"][-1]["content"] for _headers, body in self.asked]

    def everything(self):
        """All that it was ever sent, as one text."""
        return json.dumps(self.asked)

    @asynccontextmanager
    async def running(self):
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{runner.addresses[0][1]}"
        self.url = f"http://{self.host}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()


@asynccontextmanager
async def completions():
    async with Completions().running() as running:
        yield running
