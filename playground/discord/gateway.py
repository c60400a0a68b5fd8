"""The gateway: the websocket on which a bot hears what happens (Discord's events/gateway).

A session outlives its socket: what it missed is replayed when the bot resumes.
"""

import asyncio
import contextlib
import json
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web
from simcord.backend import serializers
from simcord.backend.access import channel_accessible
from simcord.intents import censor_message, prune_guild_create, required_intent

from playground.discord.conduct import (
    AUTHENTICATED,
    BAD_INTENTS,
    BAD_OPCODE,
    BAD_SEQUENCE,
    BAD_SHARD,
    BAD_TOKEN,
    BAD_VERSION,
    DECODE,
    HEARTBEAT,
    NEEDS_SHARDS,
    NO_INTENTS,
    TIMED_OUT,
    UNAUTHENTICATED,
    WORDS,
    Misconduct,
    Pulse,
    Starts,
    parse,
)
from playground.discord.doors import same
from playground.discord.world import World

log = logging.getLogger(__name__)

REMEMBERED = 10_000  #: events kept for a resume; Discord keeps a few minutes' worth
SESSIONS = 64  #: sessions remembered, the oldest is forgotten first
LARGEST = 2500  #: servers of one shard (topics/gateway, "Sharding")

#: The bit of each intent, by discord.py's name for it (events/gateway, "List of Intents").
INTENTS = {
    "guilds": 0,
    "members": 1,
    "moderation": 2,
    "emojis_and_stickers": 3,
    "integrations": 4,
    "webhooks": 5,
    "invites": 6,
    "voice_states": 7,
    "presences": 8,
    "guild_messages": 9,
    "guild_reactions": 10,
    "guild_typing": 11,
    "dm_messages": 12,
    "dm_reactions": 13,
    "dm_typing": 14,
    "message_content": 15,
    "guild_scheduled_events": 16,
    "auto_moderation_configuration": 20,
    "auto_moderation_execution": 21,
    "guild_polls": 24,
    "dm_polls": 25,
}
PRIVILEGED = frozenset({"members", "presences", "message_content"})

#: Events about one channel, which a bot only gets where it has View Channel.
_IN_A_CHANNEL = ("MESSAGE_", "TYPING_", "THREAD_", "CHANNEL_PINS_")


class Session:
    """One identified bot: what it wants to hear, and all it has been told so far.

    *shard* is which part of the servers it hears of, and how many parts there are.
    """

    def __init__(self, intents: int, shard: tuple[int, int]) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.shard = shard
        self.seq = 0
        self.socket: web.WebSocketResponse | None = None
        self.guilds: set[str] = set()  #: the servers it has been told of
        self._told: deque[tuple[int, str]] = deque(maxlen=REMEMBERED)
        self._unsent: deque[str] = deque()
        self._news = asyncio.Event()

    def wants(self, intent: str) -> bool:
        return bool(self.intents >> INTENTS[intent] & 1)

    def holds(self, guild_id: int) -> bool:
        """Whether a server is of its shard; 0, a direct message, is of the first one."""
        return _of(guild_id, self.shard)

    def tell(self, event: str, data: Mapping[str, Any]) -> None:
        """Number an event, remember it, and send it if the bot is there."""
        self.seq += 1
        frame = json.dumps({"op": 0, "t": event, "s": self.seq, "d": data}, separators=(",", ":"))
        self._told.append((self.seq, frame))
        if self.socket is not None:
            self._unsent.append(frame)
            self._news.set()

    def replay(self, after: int) -> bool:
        """Queue everything told after sequence number *after*; False if that is no longer known."""
        known_from = self._told[0][0] if self._told else 1
        if not known_from - 1 <= after <= self.seq:
            return False
        self._unsent = deque(frame for seq, frame in self._told if seq > after)
        self._news.set()
        return True

    async def send_to(self, socket: web.WebSocketResponse) -> None:
        """Send what is queued, for as long as the socket lives."""
        with contextlib.suppress(ConnectionError):
            while not socket.closed:
                await self._news.wait()
                self._news.clear()
                while self._unsent and self.socket is socket:
                    await socket.send_str(self._unsent.popleft())


class Gateway:
    """All sessions of all bots that hold the token."""

    def __init__(
        self, world: World, token: str, url: Callable[[], str], granted: Iterable[str] = ()
    ) -> None:
        """*granted* are the privileged intents switched on in the developer portal."""
        self._world = world
        self._token = token
        self._url = url
        self.granted = frozenset(granted)
        self._sessions: dict[str, Session] = {}
        self.on_online: list[Callable[[bool], None]] = []
        self.identified = 0  #: how often a bot began a new session
        self.resumed = 0  #: how often one took up an old session
        self.refused_starts = 0  #: how often one identified too soon
        self.heartbeat = HEARTBEAT  #: seconds between heartbeats, of connections from now on
        self.acknowledges = True  #: whether heartbeats are answered
        self.largest = LARGEST  #: servers that one shard may have
        self.starts = Starts(world.time.now)
        world.subscribers.append(self._hear)

    @property
    def online(self) -> bool:
        """Whether a bot is connected now."""
        return any(session.socket is not None for session in self._sessions.values())

    # ------------------------------------------------------------------ for tests

    @property
    def shards(self) -> list[tuple[int, int]]:
        """The shards that bots are connected with now, each with their count."""
        return sorted(each.shard for each in self._sessions.values() if each.socket is not None)

    async def drop(self, code: int = 4000) -> None:
        """Cut every bot off. With most codes discord.py resumes, and gets what it missed."""
        for session in list(self._sessions.values()):
            await self._cut(session, code)

    async def _cut(self, session: Session, code: int) -> None:
        """Close a session's socket from our side: the session stays, to be resumed."""
        socket, session.socket = session.socket, None
        if socket is not None:
            self._say_online()
            await socket.close(code=code)

    async def reconnect(self) -> None:
        """Ask every bot to reconnect and resume (opcode 7), as Discord does when it deploys."""
        await self._send_all({"op": 7, "d": None})

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Tell every bot that its session is invalid (opcode 9).

        If not *resumable*, it is gone, and the bot must identify again.
        """
        for session in list(self._sessions.values()):
            if not resumable:
                del self._sessions[session.id]
            if session.socket is not None:
                await session.socket.send_json({"op": 9, "d": resumable})

    async def ask_for_heartbeat(self) -> None:
        """Ask every bot for a heartbeat at once (opcode 1)."""
        await self._send_all({"op": 1, "d": None})

    async def _send_all(self, frame: Mapping[str, Any]) -> None:
        for session in list(self._sessions.values()):
            if session.socket is not None:
                await session.socket.send_json(frame)

    # ------------------------------------------------------------------ the socket

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """GET /gateway: one connection, from HELLO to its close."""
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        line = Line(socket, self.heartbeat)
        try:
            if request.query.get("v", "10") not in ("9", "10"):
                raise Misconduct(BAD_VERSION)
            interval = int(self.heartbeat * 1000)
            await socket.send_json(
                {"op": 10, "d": {"heartbeat_interval": interval}, "s": None, "t": None}
            )
            async for message in socket:
                line.pulse.count()
                if message.type is not WSMsgType.TEXT:
                    raise Misconduct(DECODE)
                await self._take(line, *parse(message.data))
        except Misconduct as no:
            await socket.close(code=no.code, message=str(no).encode())
        finally:
            self._end(line)
        return socket

    async def _take(self, line: "Line", op: int, data: Any) -> None:
        """One payload. Raises Misconduct where it may not be."""
        if op == 1:
            line.pulse.beat()
            if self.acknowledges:
                await line.socket.send_json({"op": 11, "d": None})
        elif op in (2, 6):
            if line.session is not None:
                raise Misconduct(AUTHENTICATED)
            if not isinstance(data, dict):
                raise Misconduct(DECODE)
            if not same(str(data.get("token")), self._token):
                raise Misconduct(BAD_TOKEN)
            line.session = await (self._identify if op == 2 else self._resume)(line.socket, data)
            if line.session is not None:
                line.sender = asyncio.create_task(line.session.send_to(line.socket))
        elif line.session is None:
            raise Misconduct(UNAUTHENTICATED)
        elif op == 8:
            try:
                self._send_members(line.session, data)
            except (ValueError, KeyError, TypeError):
                raise Misconduct(DECODE) from None
        elif op not in (3, 4):
            raise Misconduct(BAD_OPCODE)

    def _end(self, line: "Line") -> None:
        """A connection is over; its session can be resumed, unless the bot or we ended that."""
        line.pulse.stop()
        if line.sender is not None:
            line.sender.cancel()
        session = line.session
        if session is None or session.socket is not line.socket:
            return
        session.socket = None
        # 1000 and 1001 from the bot end the session; after most others it can be resumed.
        gone = line.socket.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY)
        if gone or line.timed_out:
            self._sessions.pop(session.id, None)
        self._say_online()

    async def _identify(self, socket: web.WebSocketResponse, data: Any) -> Session | None:
        if not isinstance(data.get("intents"), int):
            raise Misconduct(DECODE)
        intents = data["intents"]
        if intents < 0 or intents >> (max(INTENTS.values()) + 1):
            raise Misconduct(BAD_INTENTS)
        if any(intents >> INTENTS[name] & 1 for name in PRIVILEGED - self.granted):
            raise Misconduct(NO_INTENTS)
        shard = _shard(data.get("shard"))
        if sum(_of(each, shard) for each in self._world.guilds) > self.largest:
            raise Misconduct(NEEDS_SHARDS)
        if not self.starts.take(shard[0]):
            self.refused_starts += 1
            await socket.send_json({"op": 9, "d": False})
            return None
        session = Session(intents, shard)
        session.socket = socket
        self.identified += 1
        self._sessions[session.id] = session
        while len(self._sessions) > SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._greet(session)
        self._say_online()
        return session

    def _greet(self, session: Session) -> None:
        world = self._world
        guilds = [guild for guild in world.guilds.values() if session.holds(guild.id)]
        session.tell(
            "READY",
            {
                "v": 10,
                "user": serializers.user_payload(world.bot_user),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
                "session_id": session.id,
                "session_type": "normal",
                "resume_gateway_url": self._url(),
                "shard": list(session.shard),
                "application": {"id": str(world.application_id), "flags": 0},
                "private_channels": [],
            },
        )
        session.guilds = {str(guild.id) for guild in guilds}
        for guild in guilds:
            wire = world.dress(serializers.guild_create_payload(world, guild))
            self._offer(session, "GUILD_CREATE", wire)

    async def _resume(self, socket: web.WebSocketResponse, data: Any) -> Session | None:
        session = self._sessions.get(data.get("session_id"))
        seq = data.get("seq")
        if session is not None and not (isinstance(seq, int) and 0 <= seq <= session.seq):
            raise Misconduct(BAD_SEQUENCE)
        if session is not None:
            await self._cut(session, 4000)
        if session is None or not session.replay(seq):
            await socket.send_json({"op": 9, "d": False})
            return None
        session.socket = socket
        self.resumed += 1
        session.tell("RESUMED", {"_trace": []})
        self._say_online()
        return session

    def _say_online(self) -> None:
        for told in self.on_online:
            told(self.online)

    # ------------------------------------------------------------------ what is told

    def _hear(self, event: str, data: Mapping[str, Any]) -> None:
        if event == "COMMANDS":  # for people's clients; a bot knows its own
            return
        guild_id = _guild_of(event, data)
        held = [each for each in self._sessions.values() if each.holds(guild_id)]
        if event == "INTERACTION_CREATE":
            # One bot answers: the newest that is there, or the newest that may come back.
            here = [each for each in held if each.socket is not None]
            held = (here or held)[-1:]
        for session in held:
            self._offer(session, event, dict(data))

    def _offer(self, session: Session, event: str, data: dict[str, Any]) -> None:
        """Tell a session about an event, if its intents and the bot's permissions allow it."""
        intent = required_intent(event, data)
        if intent is not None and not session.wants(intent):
            return
        bot = self._world.bot_user.id
        if event.startswith(_IN_A_CHANNEL) and not self._bot_sees(event, data):
            return
        match event:
            case "GUILD_DELETE" if not data.get("unavailable"):
                session.guilds.discard(data["id"])
            case "GUILD_CREATE":
                if data["id"] not in session.guilds:  # joined, not merely back from an outage
                    session.guilds.add(data["id"])
                    del data["unavailable"]
                prune_guild_create(data, _Wanted(session), bot)  # type: ignore[arg-type] # by name
                data["threads"] = [
                    thread
                    for thread in data["threads"]
                    if not thread["thread_metadata"]["archived"]
                    and channel_accessible(self._world, int(thread["id"]), bot)
                ]
            case "MESSAGE_CREATE" | "MESSAGE_UPDATE":
                data = json.loads(json.dumps(data))
                self._world.personal(data, bot)
                if not session.wants("message_content"):
                    censor_message(data, bot, backend=self._world)
            case "MESSAGE_REACTION_ADD" if "member" in data:
                author = self._world.get_message(int(data["channel_id"]), int(data["message_id"]))
                data["message_author_id"] = str(author.author_id)
        session.tell(event, data)

    def _bot_sees(self, event: str, data: Mapping[str, Any]) -> bool:
        place = data.get("channel_id") or data.get("id")
        if event == "THREAD_DELETE":
            place = data["parent_id"]
        if int(place or 0) not in self._world.channels:
            return event == "THREAD_DELETE"  # it went away with its channel
        return channel_accessible(self._world, int(place or 0), self._world.bot_user.id)

    def _send_members(self, session: Session, data: Any) -> None:
        """REQUEST_GUILD_MEMBERS (opcode 8): by id, or by the beginning of a name."""
        world = self._world
        guilds = data["guild_id"] if isinstance(data["guild_id"], list) else [data["guild_id"]]
        for guild_id in map(int, guilds):
            guild = world.guilds.get(guild_id)
            if guild is None or not session.holds(guild_id):
                continue
            wanted = data.get("user_ids") or []
            wanted = {str(item) for item in (wanted if isinstance(wanted, list) else [wanted])}
            query = (data.get("query") or "").lower()
            members = [
                serializers.member_payload(world, guild, member)
                for member in guild.members.values()
                if (str(member.user_id) in wanted if wanted else True)
                and world.users[member.user_id].name.lower().startswith(query)
            ]
            limit = int(data.get("limit") or 0) or len(members)
            found = {item["user"]["id"] for item in members}
            answer: dict[str, Any] = {
                "guild_id": str(guild_id),
                "members": members[:limit],
                "chunk_index": 0,
                "chunk_count": 1,
                "not_found": sorted(wanted - found),
            }
            if data.get("nonce"):
                answer["nonce"] = data["nonce"]
            session.tell("GUILD_MEMBERS_CHUNK", answer)


class Line:
    """One connection: its socket, its heartbeats, and the session on it once there is one."""

    def __init__(self, socket: web.WebSocketResponse, heartbeat: float) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.sender: asyncio.Task[None] | None = None
        self.pulse = Pulse(heartbeat, self._hang_up)
        self.timed_out = False
        self._closing: asyncio.Task[bool] | None = None

    def _hang_up(self) -> None:
        self.timed_out = True
        words = WORDS[TIMED_OUT].encode()
        self._closing = asyncio.create_task(self.socket.close(code=TIMED_OUT, message=words))


def _shard(shard: Any) -> tuple[int, int]:
    """Number and count of a shard; whoever names none has the only one."""
    if shard is None:
        return 0, 1
    if not (isinstance(shard, list) and [type(each) for each in shard] == [int, int]):
        raise Misconduct(BAD_SHARD)
    number, count = shard
    if not 0 <= number < count:
        raise Misconduct(BAD_SHARD)
    return number, count


def _of(guild_id: int, shard: tuple[int, int]) -> bool:
    return (guild_id >> 22) % shard[1] == shard[0]


def _guild_of(event: str, data: Mapping[str, Any]) -> int:
    """The server that an event is about; 0 for one about a direct message, or about nobody's."""
    about = data.get("guild_id")
    if about is None and event in ("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"):
        about = data["id"]
    return int(about or 0)


class _Wanted:
    """A session's intents, readable by name as simcord reads discord.py's."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> bool:
        return self._session.wants(name)
