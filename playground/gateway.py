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

from playground.doors import same
from playground.world import World

log = logging.getLogger(__name__)

HEARTBEAT = 41.25  #: seconds between heartbeats, what Discord asks for
REMEMBERED = 10_000  #: events kept for a resume; Discord keeps a few minutes' worth
SESSIONS = 8  #: sessions remembered, the oldest is forgotten first

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
    """One identified bot: what it wants to hear, and all it has been told so far."""

    def __init__(self, intents: int) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.seq = 0
        self.socket: web.WebSocketResponse | None = None
        self.guilds: set[str] = set()  #: the servers it has been told of
        self._told: deque[tuple[int, str]] = deque(maxlen=REMEMBERED)
        self._unsent: deque[str] = deque()
        self._news = asyncio.Event()

    def wants(self, intent: str) -> bool:
        return bool(self.intents >> INTENTS[intent] & 1)

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
        world.subscribers.append(self._hear)

    @property
    def online(self) -> bool:
        """Whether a bot is connected now."""
        return any(session.socket is not None for session in self._sessions.values())

    # ------------------------------------------------------------------ for tests

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

    async def invalidate(self) -> None:
        """Tell every bot that its session is gone (opcode 9): it must identify again."""
        for session in list(self._sessions.values()):
            del self._sessions[session.id]
            if session.socket is not None:
                await session.socket.send_json({"op": 9, "d": False})

    async def _send_all(self, frame: Mapping[str, Any]) -> None:
        for session in list(self._sessions.values()):
            if session.socket is not None:
                await session.socket.send_json(frame)

    # ------------------------------------------------------------------ the socket

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """GET /gateway: one connection, from HELLO to its close."""
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        await socket.send_json(
            {"op": 10, "d": {"heartbeat_interval": int(HEARTBEAT * 1000)}, "s": None, "t": None}
        )
        session: Session | None = None
        sender: asyncio.Task[None] | None = None
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    await socket.close(code=4002, message=b"Error while decoding payload.")
                    break
                try:
                    frame = json.loads(message.data)
                    op, data = int(frame["op"]), frame.get("d")
                except (ValueError, KeyError, TypeError):
                    await socket.close(code=4002, message=b"Error while decoding payload.")
                    break
                if op == 1:
                    await socket.send_json({"op": 11, "d": None})
                elif op in (2, 6):
                    if session is not None:
                        await socket.close(code=4005, message=b"Already authenticated.")
                        break
                    session = await (self._identify if op == 2 else self._resume)(socket, data)
                    if session is not None:
                        sender = asyncio.create_task(session.send_to(socket))
                elif session is None:
                    await socket.close(code=4003, message=b"Not authenticated.")
                    break
                elif op == 8:
                    self._send_members(session, data)
                elif op not in (3, 4):
                    await socket.close(code=4001, message=b"Unknown opcode.")
                    break
        finally:
            if sender is not None:
                sender.cancel()
            if session is not None and session.socket is socket:
                session.socket = None
                # 1000 and 1001 from the bot end the session; after any other it can be resumed.
                if socket.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY):
                    self._sessions.pop(session.id, None)
                self._say_online()
        return socket

    async def _identify(self, socket: web.WebSocketResponse, data: Any) -> Session | None:
        if not same(str(data.get("token")), self._token):
            await socket.close(code=4004, message=b"Authentication failed.")
            return None
        intents = int(data.get("intents", 0))
        if intents >> (max(INTENTS.values()) + 1):
            await socket.close(code=4013, message=b"Invalid intent(s).")
            return None
        if any(intents >> INTENTS[name] & 1 for name in PRIVILEGED - self.granted):
            await socket.close(code=4014, message=b"Disallowed intent(s).")
            return None
        session = Session(intents)
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
        session.tell(
            "READY",
            {
                "v": 10,
                "user": serializers.user_payload(world.bot_user),
                "guilds": [{"id": str(guild), "unavailable": True} for guild in world.guilds],
                "session_id": session.id,
                "session_type": "normal",
                "resume_gateway_url": self._url(),
                "shard": [0, 1],
                "application": {"id": str(world.application_id), "flags": 0},
                "private_channels": [],
            },
        )
        session.guilds = {str(guild) for guild in world.guilds}
        for guild in world.guilds.values():
            wire = world.dress(serializers.guild_create_payload(world, guild))
            self._offer(session, "GUILD_CREATE", wire)

    async def _resume(self, socket: web.WebSocketResponse, data: Any) -> Session | None:
        if not same(str(data.get("token")), self._token):
            await socket.close(code=4004, message=b"Authentication failed.")
            return None
        session = self._sessions.get(data.get("session_id"))
        if session is not None:
            await self._cut(session, 4000)
        if session is None or not session.replay(int(data.get("seq") or 0)):
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
        for session in self._sessions.values():
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
            if guild is None:
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


class _Wanted:
    """A session's intents, readable by name as simcord reads discord.py's."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> bool:
        return self._session.wants(name)
