"""What goes wrong on the way: a request turned away before its work, an answer lost after it.

playground.trouble("POST", r"/messages$", LOST_502)                # once, anywhere
playground.trouble("POST", r"/callback$", RESET, place=channel.id) # only what leads there
playground.trouble("*", r"", limited(2.5, "global"), times=3)
playground.lose(0.2, seed=7)                                       # every fifth answer
"""

import asyncio
import json
import math
import random
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

#: What Discord's edge says instead of Discord: a page for people, and no JSON.
PAGE = (
    b"<!DOCTYPE html><html><head><title>discord.com | %d: %s</title></head>"
    b"<body><h1>%s</h1><p>Ray ID: 8f3a1c5e9d2b</p><p>Cloudflare</p></body></html>"
)
EDGE = {"Server": "cloudflare", "CF-RAY": "8f3a1c5e9d2b-FRA"}
DRIPS = 20  #: bits in which an answer drips
VIA = {"Via": "1.1 google"}  #: what Discord itself answers comes through this


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to fail. *answer* gets what would have been said; None closes the connection."""

    name: str
    carried_out: bool  #: the work is done first, so that only its answer is lost
    answer: Callable[[web.Response], web.StreamResponse | None]
    lasts: float = 0.0  #: seconds until the answer is there
    drips: bool = False  #: it comes bit by bit all that time, and not at once at its end
    until: asyncio.Event | None = None  #: it is not there before this is set


def page(status: int, words: str, **headers: str) -> web.Response:
    """An answer of Discord's edge."""
    body = PAGE % (status, words.encode(), words.encode())
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, body=body, content_type="text/html", headers=EDGE | more)


def said(status: int, body: object, headers: dict[str, str]) -> web.Response:
    """An answer of Discord's own; discord.py reads JSON only from a type without a charset."""
    headers = {"Content-Type": "application/json", **headers}
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers)


def refused(status: int, code: int = 0, message: str = "Refused by a test") -> Way:
    """Discord says no, with its own code, and does nothing."""
    return Way(
        name=f"{status}/{code}" if code else str(status),
        carried_out=False,
        answer=lambda _: said(status, {"code": code, "message": message}, VIA),
    )


def limited(seconds: float, scope: str = "user") -> Way:
    """429 for *seconds*; *scope* is "user", "shared" (the place's, not the bot's) or "global"."""
    everywhere = scope == "global"
    body = {
        "message": "You are being rate limited.",
        "retry_after": seconds,
        "global": everywhere,
    }
    return Way(
        name=f"429 {scope}",
        carried_out=False,
        answer=lambda _: said(429, body, limit_headers(seconds, scope)),
    )


def limit_headers(seconds: float, scope: str) -> dict[str, str]:
    """What a 429 says in its head: whole seconds, rounded up (topics/rate-limits)."""
    headers = {"Retry-After": str(math.ceil(seconds)), "X-RateLimit-Scope": scope, **VIA}
    return headers | ({"X-RateLimit-Global": "true"} if scope == "global" else {})


def _cut(told: web.Response) -> web.StreamResponse | None:
    """Half of the answer, then nothing."""
    body = told.body if isinstance(told.body, bytes) else b""
    if not body:
        return None
    half = web.Response(status=told.status, body=body[: len(body) // 2])
    half.content_type = "application/json"
    half.headers["Content-Length"] = str(len(body))
    half.force_close()
    return half


#: The work is done, and then …
RESET = Way(name="reset", carried_out=True, answer=lambda _: None)
LOST_502 = Way(name="lost 502", carried_out=True, answer=lambda _: page(502, "Bad gateway"))
EMPTY = Way(name="empty 502", carried_out=True, answer=lambda _: web.Response(status=502))
CUT = Way(name="cut", carried_out=True, answer=_cut)
LATE = Way(name="late", carried_out=True, answer=lambda told: told, lasts=1.0)
DRIPPING = Way(name="dripping", carried_out=True, answer=lambda told: told, lasts=1.0, drips=True)
#: The work is not done.
UNREACHED = Way(name="unreached", carried_out=False, answer=lambda _: None)
EDGE_503 = Way(name="edge 503", carried_out=False, answer=lambda _: page(503, "Unavailable"))
EDGE_403 = Way(name="edge 403", carried_out=False, answer=lambda _: page(403, "You are blocked"))
EDGE_429 = Way(
    name="edge 429",
    carried_out=False,
    answer=lambda _: page(429, "error code: 1015", Retry_After="1"),
)


@dataclass(slots=True)
class Trouble:
    """A failure that was asked for: of the next *times* requests that match, after *later* ones."""

    method: str
    path: re.Pattern[str]
    way: Way
    times: int = 1
    later: int = 0
    place: int | None = None  #: only what leads to this channel or to a thread of it
    met: int = 0


class Troubles:
    """All that was asked for."""

    def __init__(self) -> None:
        self._asked: list[Trouble] = []
        self._share = 0.0
        self._random = random.Random(0)  # noqa: S311  # it only spreads the failures

    def ask(self, trouble: Trouble) -> Trouble:
        self._asked.append(trouble)
        return trouble

    def lose(self, share: float, seed: int) -> None:
        """Lose this share of all answers, each after its work was done."""
        self._share, self._random = share, random.Random(seed)  # noqa: S311  # as above

    def meet(self, method: str, path: str, place: Callable[[], int | None]) -> Way | None:
        """How a request fails; None lets it through."""
        for trouble in self._asked:
            if trouble.method not in (method, "*") or not trouble.path.search(path):
                continue
            if trouble.place is not None and trouble.place != place():
                continue
            if trouble.later > 0:
                trouble.later -= 1
                continue
            trouble.met += 1
            if trouble.met >= trouble.times:
                self._asked.remove(trouble)
            return trouble.way
        if self._share and self._random.random() < self._share:
            return self._random.choice((RESET, LOST_502, EMPTY, CUT))
        return None


async def slowly(request: web.Request, answer: web.StreamResponse, way: Way) -> web.StreamResponse:
    """Give *answer* in as long as *way* lasts."""
    if way.until is not None:
        await way.until.wait()
    body = answer.body if isinstance(answer, web.Response) else None
    if not way.drips or not isinstance(body, bytes) or not body:
        await asyncio.sleep(way.lasts)
        return answer
    bits = web.StreamResponse(status=answer.status, headers=answer.headers)
    bits.content_length = len(body)
    await bits.prepare(request)
    size = max(1, len(body) // DRIPS)
    for first in range(0, len(body), size):
        await bits.write(body[first : first + size])
        await asyncio.sleep(way.lasts * size / len(body))
    return bits


def hang_up(request: web.Request) -> web.Response:
    """Reset the connection of a request. What is returned reaches nobody."""
    transport = request.transport
    if transport is not None:
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()
