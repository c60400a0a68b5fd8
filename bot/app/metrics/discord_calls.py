"""Counts the requests to Discord's REST API, and how long its rate limits make them wait.

discord.py sleeps after the request that a bucket's last token went to, and after a 429, for as long
as the answer says; so the answers tell how long that was.
"""

import math
import time
from types import SimpleNamespace

import aiohttp

from bot.app.metrics.families import Families

#: What a request is about, by a part of its path; the last one that is found counts.
GROUPS = (
    *("applications", "guilds", "users", "channels", "messages", "threads", "pins"),
    *("reactions", "members", "roles", "webhooks", "interactions", "gateway"),
)
OTHER = "other"
LONGEST = 3600.0  #: seconds; more than that is not believed


def group_of(path: str) -> str:
    """What a request to *path* is about: a word of `GROUPS`, or "other"."""
    parts = path.split("/")
    found = [each for each in parts if each in GROUPS]
    if "webhooks" in found:  # an interaction's token: its messages are not a channel's
        return "webhooks"
    return found[-1] if found else OTHER


def watch(trace: aiohttp.TraceConfig, families: Families, *, api_url: str) -> None:
    """Count what a session that has *trace* asks of the API at *api_url*."""
    base = f"{api_url.rstrip('/')}/"

    async def begins(
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        _: aiohttp.TraceRequestStartParams,
    ) -> None:
        context.began = time.monotonic()

    async def ends(
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        ended: aiohttp.TraceRequestEndParams,
    ) -> None:
        if not str(ended.url).startswith(base):
            return
        group = group_of(str(ended.url)[len(base) :].partition("?")[0])
        families.rest.labels(ended.method, group).observe(time.monotonic() - context.began)
        families.rest_status.labels(ended.method, group, str(ended.response.status)).inc()
        _count_wait(families, ended.response)

    async def fails(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        failed: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        if str(failed.url).startswith(base):
            group = group_of(str(failed.url)[len(base) :].partition("?")[0])
            families.rest_status.labels(failed.method, group, "0").inc()

    trace.on_request_start.append(begins)
    trace.on_request_end.insert(0, ends)  # before what may raise
    trace.on_request_exception.append(fails)


def _count_wait(families: Families, answer: aiohttp.ClientResponse) -> None:
    if answer.status == 429:
        why, seconds = "429", answer.headers.get("Retry-After")
    elif answer.headers.get("X-RateLimit-Remaining") == "0":
        why, seconds = "bucket", answer.headers.get("X-RateLimit-Reset-After")
    else:
        return
    try:
        waited = float(seconds or "")
    except ValueError:
        return
    if math.isfinite(waited):
        families.waits.labels(why).inc()
        families.waited.labels(why).inc(min(max(waited, 0.0), LONGEST))
