"""The page: its files, and the websocket on which it plays one person."""

import asyncio
import importlib.util
import json
import logging
import re
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web
from simcord.backend import serializers
from simcord.enums import AppCommandType, ChannelType

from playground.people.feed import Feed
from playground.people.person import Interaction, Person, PersonCannot
from playground.providers.mishaps import Mishap

if TYPE_CHECKING:
    from playground import Playground

log = logging.getLogger(__name__)

PAGE = Path(__file__).resolve().parent
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
}
HISTORY = 100  #: messages of one page of history at most, as on Discord
REPLY = "REPLY"  #: in a feed: an answer to the page, in its place among the events
TICK = 10.0  #: seconds between two words to the page: the time, and that the line is alive
FRAME = 1024 * 1024  #: bytes of one request of the page; files go another way
UPLOADS = 50  #: files that one page may have sent and not used yet
_HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")


def add_routes(app: web.Application, playground: "Playground") -> None:
    """Serve the page on `/`, its files below `/page/`, its socket and its uploads."""
    browser = Browser(playground)
    app.router.add_get("/", browser.index)
    app.router.add_get("/favicon.ico", _no_icon)  # browsers ask on behalf of bare documents
    app.router.add_get("/page/socket", browser.socket)
    app.router.add_post("/page/upload", browser.upload)
    app.router.add_get("/page/{name:.+}", browser.file)
    app.on_shutdown.append(browser.close)
    app[OPEN] = browser


class Uploads:
    """Files that a page has sent and will name in its next request."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="playground-uploads-")
        self._paths: dict[str, Path] = {}

    async def keep(self, name: str, request: web.Request, limit: int) -> tuple[str, int]:
        """Write the body down. Returns its id and size; raises PersonCannot above *limit* bytes."""
        upload = secrets.token_urlsafe(12)
        path = Path(self._folder.name) / upload / (Path(name).name or "file")
        path.parent.mkdir()
        size = 0
        with path.open("wb") as file:
            async for chunk in request.content.iter_chunked(1 << 16):
                size += len(chunk)
                if size > limit:
                    break
                file.write(chunk)
        self._paths[upload] = path
        if size > limit:
            self.forget(upload)
            raise PersonCannot(f"{path.name} is too big: the limit here is {limit >> 20} MB.")
        while len(self._paths) > UPLOADS:
            self.forget(next(iter(self._paths)))
        return upload, size

    def path(self, upload: Any) -> Path:
        """Where a file is. Raises PersonCannot for one that was used or never came."""
        found = self._paths.get(str(upload))
        if found is None:
            raise PersonCannot("That file is no longer here. Attach it again.")
        return found

    def forget(self, upload: str) -> None:
        path = self._paths.pop(upload)
        path.unlink()
        path.parent.rmdir()

    def close(self) -> None:
        self._folder.cleanup()


class Browser:
    """Everything the page asks for over HTTP."""

    def __init__(self, playground: "Playground") -> None:
        self._playground = playground
        self._uploads = Uploads()
        self._seats: set[Seat] = set()

    async def index(self, request: web.Request) -> web.StreamResponse:
        return self._serve(request, "index.html")

    async def file(self, request: web.Request) -> web.StreamResponse:
        return self._serve(request, request.match_info["name"])

    def _serve(self, request: web.Request, name: str) -> web.StreamResponse:
        path = _fonts().get(name) or (PAGE / name).resolve()
        kind = KINDS.get(path.suffix)
        ours = path.is_relative_to(PAGE) or path in _fonts().values()
        if kind is None or not ours or not path.is_file():
            raise web.HTTPNotFound(text="There is no such file.")
        return web.FileResponse(path, headers={"Content-Type": kind, **_safety(request)})

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """POST /page/upload?person=mira&name=FILE, the file as the body."""
        person = self._person(request)
        limit = self._limit(person)
        try:
            upload, size = await self._uploads.keep(request.query.get("name", ""), request, limit)
        except PersonCannot as no:
            return web.json_response({"error": str(no)}, status=413)
        return web.json_response({"upload": upload, "size": size})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """GET /page/socket?person=mira: one person's events and deeds."""
        person = self._person(request)
        line = web.WebSocketResponse(max_msg_size=FRAME)
        await line.prepare(request)
        seat = Seat(self._playground, self._uploads, person, line)
        self._seats.add(seat)
        try:
            await seat.serve(self._limit(person))
        finally:
            self._seats.discard(seat)
        return line

    async def close(self, _: web.Application) -> None:
        """The playground ends: hang up, and forget what was not used."""
        await self.hang_up()
        self._uploads.close()

    async def hang_up(self) -> None:
        """Cut the line to every page. While the playground runs, they come back by themselves."""
        for seat in list(self._seats):
            await seat.hang_up()

    def _person(self, request: web.Request) -> Person:
        """Somebody new on this chair, so that two pages may look at two places."""
        people = self._playground.people
        name = request.query.get("person") or people[0]
        chosen = self._playground.person(name if name in people else people[0])
        return Person(self._playground.world, self._playground.feeds, chosen.id)

    def _limit(self, person: Person) -> int:
        world = self._playground.world
        place = world.channels.get(person.at)
        return world.upload_limit(place.guild_id if place is not None else None)


#: Where the application keeps its Browser.
OPEN = web.AppKey("browser", Browser)


class Seat:
    """One open page: a person, and the line to their browser."""

    def __init__(
        self,
        playground: "Playground",
        uploads: Uploads,
        person: Person,
        line: web.WebSocketResponse,
    ) -> None:
        self._playground = playground
        self._uploads = uploads
        self._person = person
        self._line = line
        self._busy: set[asyncio.Task[None]] = set()
        self._verbs: dict[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "history": self._history,
            "command": self._command,
            "autocomplete": self._autocomplete,
            "click": self._click,
            "choose": self._choose,
            "menu": self._menu,
            "submit": self._submit,
            "react": self._react,
            "unreact": self._unreact,
            "say": self._say,
            "delete": self._delete,
            "typing": self._typing,
            "mishap": self._mishap,
            "read": self._read,
        }

    async def serve(self, limit: int) -> None:
        """Talk until the page goes away."""
        with self._playground.feeds.open(self._person.id) as feed:
            # What happens from here on waits in the feed, so HELLO and the events leave no hole.
            await self._tell("HELLO", self._hello(limit))
            self._begin(self._pass_on(feed))
            self._begin(self._tick())
            async for frame in self._line:
                if frame.type == WSMsgType.TEXT:
                    self._begin(self._answer(frame.data, feed))
        for task in self._busy:
            task.cancel()

    async def hang_up(self) -> None:
        await self._line.close(code=WSCloseCode.GOING_AWAY)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    # ------------------------------------------------------------------ telling

    async def _send(self, frame: Mapping[str, Any]) -> None:
        with suppress(ConnectionError):  # the page is gone; its socket ends by itself
            await self._line.send_str(json.dumps(frame))

    async def _tell(self, event: str, data: Any) -> None:
        await self._send({"event": event, "data": data})

    async def _pass_on(self, feed: Feed) -> None:
        async for event, data in feed:
            if event == REPLY:
                await self._send(data)
                continue
            # The feed names every command there is; a person is shown those they may use.
            await self._tell(event, self._commands() if event == "COMMANDS" else data)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._tell("CLOCK", {"now": self._playground.clock.now()})

    def _hello(self, limit: int) -> dict[str, Any]:
        playground = self._playground
        world = playground.world
        guild = playground.guild
        return {
            "you": world.dress(serializers.user_payload(world.users[self._person.id])),
            "people": [self._portrait(name) for name in playground.people],
            "guild": {
                "id": str(guild.id),
                "name": guild.name,
                "roles": [dict(serializers.role_payload(role)) for role in guild.roles.values()],
            },
            "channels": self._person.channels(),
            "unread": playground.reading.unread(self._person.id),
            "commands": self._commands(),
            "bot": {
                "user": dict(serializers.user_payload(world.bot_user)),
                "online": playground.online,
            },
            "mishaps": self._mishaps(),
            "limit": limit,
            "now": playground.clock.now(),
            "origin": playground.cdn.base_url,
        }

    def _mishaps(self) -> dict[str, Any] | None:
        """What may go wrong, and what does; None where no companies are imitated."""
        mishaps = self._playground.mishaps
        return None if mishaps is None else {"choices": [*Mishap], **mishaps.state()}

    def _portrait(self, name: str) -> dict[str, Any]:
        person = self._playground.person(name)
        user = self._playground.world.users[person.id]
        return {
            "name": name,
            "id": str(person.id),
            "display": user.global_name or user.name,
            "moderator": person.moderator,
        }

    def _commands(self) -> list[dict[str, Any]]:
        """What this person may use in the server: slash commands, then message commands."""
        kinds = (AppCommandType.CHAT_INPUT, AppCommandType.MESSAGE)
        here = self._person.at
        place = next(
            (
                int(item["id"])
                for item in self._person.channels()
                if item["type"] == ChannelType.TEXT
            ),
            here,
        )
        self._person.at = place
        found = [dict(item) for kind in kinds for item in self._person.commands(kind)]
        self._person.at = here
        return found

    # ------------------------------------------------------------------ doing

    async def _answer(self, text: str, feed: Feed) -> None:
        number: Any = None
        try:
            asked = json.loads(text)
            number = asked["n"]
            verb = self._verbs[asked["do"]]
            if "channel" in asked:
                self._person.go(int(asked["channel"]))
            data = await verb(asked)
            frame = {"reply": number, "ok": True, "data": data}
        except PersonCannot as no:
            frame = {"reply": number, "ok": False, "error": str(no)}
        except (ValueError, KeyError, TypeError):
            log.exception("The page asked for something that makes no sense")
            sentence = "The playground didn't understand the page. Reload it."
            frame = {"reply": number, "ok": False, "error": sentence}
        except Exception:
            log.exception("The playground failed while it did what the page asked")
            sentence = "The playground failed at that. Its log says why."
            frame = {"reply": number, "ok": False, "error": sentence}
        # Behind the events that came before it: a page of history must not overtake what it holds.
        feed.put(REPLY, frame)

    async def _history(self, asked: Mapping[str, Any]) -> Any:
        """A page of messages before an id (None: the newest), oldest first."""
        place = self._person.at
        before = int(asked["before"]) if asked.get("before") else None
        limit = max(1, min(int(asked.get("limit") or 50), HISTORY))
        ids = sorted(
            (
                message.id
                for message in self._playground.world.messages.get(place, {}).values()
                if message.visible_to(self._person.id) and (before is None or message.id < before)
            ),
            reverse=True,
        )[:limit]
        found = [self._person.message(message, place) for message in reversed(ids)]
        return {"messages": [dict(message.raw) for message in found if message is not None]}

    async def _command(self, asked: Mapping[str, Any]) -> Any:
        options = self._files_in(asked.get("options") or {})
        return _started(await self._person.run(asked["name"], options, nonce=asked.get("nonce")))

    async def _autocomplete(self, asked: Mapping[str, Any]) -> Any:
        options = dict(asked.get("options") or {})
        choices = await self._person.autocomplete(
            asked["name"], asked["option"], asked["value"], options
        )
        return {"choices": [{"name": item.name, "value": item.value} for item in choices]}

    async def _click(self, asked: Mapping[str, Any]) -> Any:
        message, custom_id = int(asked["message"]), asked["custom_id"]
        return _started(await self._person.click(message, custom_id, nonce=asked.get("nonce")))

    async def _choose(self, asked: Mapping[str, Any]) -> Any:
        chosen = await self._person.choose(
            int(asked["message"]), asked["custom_id"], asked["values"], nonce=asked.get("nonce")
        )
        return _started(chosen)

    async def _menu(self, asked: Mapping[str, Any]) -> Any:
        message = self._person.message(int(asked["message"]), self._person.at)
        if message is None:
            raise PersonCannot("That message is gone, or you can't see it.")
        return _started(await self._person.menu(message, asked["name"], nonce=asked.get("nonce")))

    async def _submit(self, asked: Mapping[str, Any]) -> Any:
        record = self._playground.world.interactions.get(int(asked["interaction"]))
        if record is None:
            raise PersonCannot("There is no form to fill in.")
        form = Interaction(self._person, record)
        fields = self._files_in(asked.get("fields") or {})
        return _started(await self._person.submit(form, fields, nonce=asked.get("nonce")))

    async def _react(self, asked: Mapping[str, Any]) -> Any:
        await self._person.react(int(asked["message"]), asked["emoji"])

    async def _unreact(self, asked: Mapping[str, Any]) -> Any:
        await self._person.unreact(int(asked["message"]), asked["emoji"])

    async def _say(self, asked: Mapping[str, Any]) -> Any:
        reply = int(asked["reply_to"]) if asked.get("reply_to") else None
        files = [self._uploads.path(upload) for upload in asked.get("uploads") or []]
        message = await self._person.say(asked["content"], reply_to=reply, files=files)
        return {"id": str(message.id)}

    async def _delete(self, asked: Mapping[str, Any]) -> Any:
        await self._person.delete(int(asked["message"]))

    async def _mishap(self, asked: Mapping[str, Any]) -> Any:
        mishaps = self._playground.mishaps
        if mishaps is None:
            raise PersonCannot("No providers are simulated here. Start with --providers simulated.")
        if asked.get("recover"):
            mishaps.recover()
            return
        kind = Mishap(asked["kind"]) if asked.get("kind") else None
        company = asked.get("company")
        if company is None:
            mishaps.ask(kind)
        elif company in mishaps.companies:
            mishaps.fail(company, kind)
        else:
            raise PersonCannot("There is no such provider here.")

    async def _read(self, _: Mapping[str, Any]) -> None:
        self._playground.reading.read(self._person.id, self._person.at)

    async def _typing(self, _: Mapping[str, Any]) -> Any:
        self._person.type_on()

    def _files_in(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with every {"upload": id} replaced by the path of that file."""
        return {name: self._file_in(value) for name, value in values.items()}

    def _file_in(self, value: Any) -> Any:
        if isinstance(value, dict) and "upload" in value:
            return self._uploads.path(value["upload"])
        if isinstance(value, list):
            return [self._file_in(item) for item in value]
        return value


def _started(interaction: Interaction) -> dict[str, str]:
    return {"interaction": str(interaction.id)}


def _safety(request: web.Request) -> dict[str, str]:
    """Headers that let the page load its own files and nothing else."""
    # Not every browser takes 'self' to mean the websocket of the same host, so that is named too.
    lines = f" ws://{request.host} wss://{request.host}" if _HOST.fullmatch(request.host) else ""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "media-src": "'self' blob:",
        "font-src": "'self'",
        "connect-src": f"'self'{lines}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


@cache
def _fonts() -> dict[str, Path]:
    """A font of letters, for a machine without one: Noto Sans in all weights, which is installed
    for the words of previews."""
    found = importlib.util.find_spec("manimgx_fonts")
    if found is None or not found.submodule_search_locations:
        return {}
    return {"text.ttf": Path(found.submodule_search_locations[0]) / "NotoSans[wght].ttf"}


async def _no_icon(_: web.Request) -> web.Response:
    return web.Response(status=204)
