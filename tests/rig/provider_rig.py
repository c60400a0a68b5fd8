"""What the tests of the providers share: an order, a clip, and a line to a loopback server."""

import json
from contextlib import asynccontextmanager
from pathlib import Path

from bot.errors import Busy, Refusal, Unclear
from bot.providers import Connection, Order
from storage import Input

CLIP = b"\0\0\0\x18ftypmp42" + bytes(200)  #: what begins like an MP4 is taken for one
IMAGE = Input(file="inputs/1.jpg", type="image/jpeg", size=1000)
KEY = "key-0123456789abcdef"


def connection(server, data, prefix, **settings):
    """What `connect` is given in a deployment whose provider is *server*."""
    environ = {"API_KEY": KEY, "BASE_URL": server.url, "PER_MINUTE": "10000", **settings}
    return Connection(
        data=data,
        environ={f"{prefix}_{name}": value for name, value in environ.items()},
        loopback=frozenset({server.host}),
    )


def order(provider, brief, *, link="https://example.com/ref.jpg", callback=None):
    """An order of *brief*; each of its inputs can be had at *link*."""

    async def to(_):
        return link

    return Order(
        job=1,
        attempt="an-attempt",
        model=provider.models[0],
        brief=brief,
        path=lambda given: Path(given.file),
        link=to,
        callback=callback,
    )


@asynccontextmanager
async def line(module, server_class, data, prefix, **settings):
    """A provider connected to its loopback server. At the end nobody may have complained."""

    async def render(_):
        clip = data / "clip.mp4"
        clip.write_bytes(CLIP)
        return clip

    async with server_class(render, key=KEY) as server:
        provider = module.connect(connection(server, data, prefix, **settings))
        try:
            yield provider, server
        finally:
            await provider.close()
    assert server.complaints == []


def sent(server, route="submit"):
    """The JSON of the last request of *route*."""
    return json.loads(last(server, route).body)


def last(server, route="submit"):
    return [seen for seen in server.seen if seen.route == route][-1]


async def raised(awaitable):
    """The one of our three exceptions that *awaitable* ends in."""
    try:
        await awaitable
    except (Refusal, Busy, Unclear) as error:
        return error
    raise AssertionError("it should not have worked")
