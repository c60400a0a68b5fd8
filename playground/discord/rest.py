"""REST: a request's way in (token, rate limit, body) and its answer's way out."""

import io
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import BodyPartReader, web
from simcord.backend.errors import BackendError
from simcord.http import router
from simcord.http.router import RequestContext

from playground.discord import routes
from playground.discord.buckets import INVALID, Buckets
from playground.discord.cdn import Cdn
from playground.discord.conduct import STARTS, Starts
from playground.discord.doors import same
from playground.discord.limits import Refused, bad_form, request_limit, too_large
from playground.discord.trouble import EDGE_429, Troubles, hang_up, said, slowly
from playground.discord.world import MIB, World

log = logging.getLogger(__name__)

PREFIX = "/api/v10"
GUILDS_A_SHARD = 1000  #: what Discord's advice on how many shards to take comes to
CALLS = 20_000  #: requests remembered, the newest


class Call(NamedTuple):
    """One REST request that the bot made: the path without `/api/v10` and without query."""

    method: str
    path: str
    status: int


@dataclass(slots=True)
class Upload:
    """A file of a multipart request, as simcord reads one."""

    fp: io.BytesIO
    filename: str
    size: int
    description: str | None = None


class Unreadable(Exception):
    """The body is no JSON."""


@dataclass(slots=True)
class Body:
    json: Any = None
    files: list[Upload] = field(default_factory=list)


class Rest:
    """Everything under `/api/v10`."""

    def __init__(
        self,
        world: World,
        cdn: Cdn,
        buckets: Buckets,
        token: str,
        *,
        reads_content: bool,
        gateway_url: Callable[[], str],
        starts: Starts,
    ) -> None:
        """*reads_content*: whether the portal grants MESSAGE_CONTENT; else much text is blank."""
        self._world = world
        self._cdn = cdn
        self._buckets = buckets
        self._token = token
        self._reads_content = reads_content
        self._gateway_url = gateway_url
        self._starts = starts
        self.calls: list[Call] = []
        self.troubles = Troubles()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Any method on `/api/v10/…`."""
        path = request.rel_url.raw_path.removeprefix(PREFIX)
        way = self.troubles.meet(
            request.method, path, lambda: routes.place(self._world, request.method, path)
        )
        if way is None and self._banned():
            way = EDGE_429
        if way is None:
            return await self._serve(request, path)
        if way.carried_out:
            answer = way.answer(await self._serve(request, path))
        else:
            await request.read()
            answer = way.answer(web.Response())
            self._note(request.method, path, answer.status if answer is not None else 0)
        if answer is None:
            return hang_up(request)
        return await slowly(request, answer, way) if way.lasts or way.until else answer

    async def _serve(self, request: web.Request, path: str) -> web.Response:
        headers: dict[str, str] = {}
        try:
            status, answer = await self._answer(request, path, headers)
        except Refused as no:
            status, answer = no.status, no.to_json()
            headers |= no.headers
        except BackendError as no:
            status, answer = no.status, no.to_json()
            if isinstance(no, router.RouteNotImplemented | router.UnsupportedField):
                log.warning("The playground does not know this request: %s", no.message)
                status, answer = 404, {"message": f"404: {no.message}", "code": 0}
        except Unreadable:
            status, answer = (
                400,
                {
                    "code": 50109,
                    "message": "The request body contains invalid JSON.",
                },
            )
        self._note(request.method, path, status, headers.get("X-RateLimit-Scope", ""))
        self._world.save()
        if answer is None:
            return web.Response(status=204, headers=headers)
        return said(status, answer, headers)

    def _note(self, method: str, path: str, status: int, scope: str = "") -> None:
        self.calls.append(Call(method, path, status))
        del self.calls[:-CALLS]
        if status in (401, 403) or (status == 429 and scope != "shared"):
            self._buckets.spend(*INVALID)

    def _banned(self) -> bool:
        """Whether this address sent so many bad requests that Discord's edge keeps it out."""
        return self._buckets.spent(*INVALID)

    async def _answer(
        self, request: web.Request, path: str, headers: dict[str, str]
    ) -> tuple[int, Any]:
        method = request.method
        template, args = routes.find(method, path)
        # Interaction and webhook routes carry their own token, and stand outside the global limit.
        own_token = "token" in args
        shown = request.headers.get("Authorization", "")
        if not own_token and not same(shown, f"Bot {self._token}"):
            raise Refused(401, 0, "401: Unauthorized")
        verdict = self._buckets.take(
            method, template, routes.major(args), counts_globally=not own_token
        )
        headers |= verdict.headers
        if not verdict.allowed:
            more = {"retry_after": verdict.retry_after, "global": verdict.shared_globally}
            raise Refused(429, 0, "You are being rate limited.", more=more)
        if (method, template) == ("GET", "/gateway/bot"):
            limit = {
                "total": STARTS,
                "remaining": self._starts.left(),
                "reset_after": int(1000 * self._starts.again_in()),
                "max_concurrency": self._starts.concurrency,
            }
            shards = max(1, math.ceil(len(self._world.guilds) / GUILDS_A_SHARD))
            return 200, {"url": self._gateway_url(), "shards": shards, "session_start_limit": limit}
        if (method, template) == ("GET", "/gateway"):
            return 200, {"url": self._gateway_url()}
        body = await self._read(request, routes.upload_limit(self._world, args))
        context = RequestContext(
            self._world,
            args,
            json=body.json,
            params=dict(request.query),
            files=list(body.files),
            reason=request.headers.get("X-Audit-Log-Reason"),
            method=method,
            path=path,
            message_content_access=self._reads_content,
        )
        try:
            status, result = routes.run(context, template, self._buckets)
        except (ValueError, KeyError, TypeError, AttributeError):
            # A value of the wrong shape, deep in a body or in the query; or a fault of ours.
            log.exception("The playground could not read %s %s", method, path)
            raise bad_form("body", "BASE_TYPE_BAD_TYPE", "A value has the wrong type.") from None
        # The world keeps no diary of every request; simcord would, for ever.
        self._world.http_requests.clear()
        self._world.transcript.clear()
        return status, None if result is None else self._world.dress(result)

    async def _read(self, request: web.Request, upload_limit: int) -> Body:
        """The JSON and the files of a request, never more than Discord takes."""
        most = request_limit(upload_limit)
        if (request.content_length or 0) > most + MIB:
            raise too_large()
        if not request.content_type.startswith("multipart/"):
            return Body(json=self._parse(await request.read()) if request.can_read_body else None)
        body = Body()
        fields: dict[str, Any] = {}
        left = most + MIB
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise Unreadable
            data = bytearray()
            while chunk := await part.read_chunk(MIB):
                data += chunk
                left -= len(chunk)
                if left < 0:
                    raise too_large()
            if part.name == "payload_json":
                body.json = self._parse(bytes(data))
            elif part.filename is not None:
                body.files.append(Upload(io.BytesIO(bytes(data)), part.filename, len(data)))
            else:
                fields[part.name or ""] = data.decode()
        if body.json is None and fields:
            body.json = fields
        self._describe(body)
        return body

    def _parse(self, data: bytes) -> Any:
        if not data:
            return None
        try:
            return json.loads(self._cdn.unsign(data.decode()))
        except ValueError:
            raise Unreadable from None

    @staticmethod
    def _describe(body: Body) -> None:
        """Give each file the description that `attachments` holds for its index."""
        holder = body.json if isinstance(body.json, dict) else {}
        if isinstance(holder.get("data"), dict):  # an interaction's answer nests its message
            holder = holder["data"]
        elif isinstance(holder.get("message"), dict):  # so does a forum post
            holder = holder["message"]
        for item in holder.get("attachments") or []:
            index = str(item.get("id", ""))
            if index.isdigit() and int(index) < len(body.files):
                body.files[int(index)].description = item.get("description")
