"""What exists: servers, channels, people, messages. simcord's Backend, corrected, and kept.

simcord 3.2.1 answers for the rules of Discord's data (permissions, mentions, components). What
it leaves out or gets wrong, compared with Discord's documents, is put right here and in rest.py:

* a thread started from a fresh message: a starter message (type 21) in the thread, the flag
  HAS_THREAD on the message, no system message (type 18) in the channel
* a loading or ephemeral message reaches the person it is for, and nobody else
* what is sent out is a copy, so nobody can change the world by changing what it was told
* the bot has the permissions that its invite asks for, not all of them
"""

import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from simcord._clock import Clock as SimcordClock
from simcord.backend import permissions, serializers
from simcord.backend.access import channel_accessible
from simcord.backend.models import (
    Channel,
    Guild,
    Interaction,
    Member,
    Message,
    Overwrite,
    Role,
    User,
)
from simcord.enums import ChannelType, MessageType, OverwriteType

from playground.discord import shown_files
from playground.discord.cdn import Cdn
from playground.discord.clock import Clock
from playground.discord.journal import Journal
from playground.discord.memory import Memory, made_at

MIB = 1024 * 1024
UPLOAD_LIMIT = {0: 10 * MIB, 1: 10 * MIB, 2: 50 * MIB, 3: 100 * MIB}  #: bytes a file, by boost tier

ACK_WITHIN = 3.0  #: seconds from an interaction to its first answer
MOST_PINS = 250  #: of one channel
MOST_THREADS = 1000  #: of one server that are not archived
HAS_THREAD = 1 << 5  #: a message flag

#: What the invite link of this bot asks for; a role of this name carries exactly these.
INVITE = (
    "view_channel",
    "send_messages",
    "send_messages_in_threads",
    "create_public_threads",
    "attach_files",
    "embed_links",
    "read_message_history",
    "add_reactions",
    "manage_messages",
    "pin_messages",
)
MODERATOR = ("manage_guild", "manage_messages", "manage_threads", "manage_channels")

Whisper = Callable[[int, str, dict[str, Any]], None]


class HasId(Protocol):
    """A role, a user, a person."""

    @property
    def id(self) -> int: ...


def bits(*names: str) -> int:
    """The permission number of these names, spelled as discord.py spells them."""
    value = 0
    for name in names:
        value |= permissions.flag(name)
    return value


def _with_files(
    embeds: list[dict[str, Any]], attachments: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Put links where an embed says `attachment://name`; simcord does so in components only."""
    text = json.dumps(embeds)
    if "attachment://" in text:
        for item in attachments:
            text = text.replace(f'"attachment://{item["filename"]}"', json.dumps(item["url"]))
    changed: list[dict[str, Any]] = json.loads(text)
    return changed


class _Hands(SimcordClock):
    """Our clock, as simcord reads it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)


class World(Memory):
    """Everything the playground holds. Changes go to `subscribers` (all) and `whispers` (one)."""

    def __init__(self, clock: Clock, cdn: Cdn, journal: Journal, *, patient: bool = False) -> None:
        self._patient = patient  #: with a machine that keeps the bot waiting
        self.whispers: list[Whisper] = []  #: called with (user id, event, data) for one person
        self.outcomes: dict[int, Callable[[str], None]] = {}  #: by interaction: who waits for it
        self.blocked_words: set[str] = set()  #: AutoMod refuses a message of the bot with one
        self.most_pins = MOST_PINS
        self.most_threads = MOST_THREADS
        self._nonce: str | None = None
        super().__init__(clock, _Hands(clock), journal)
        self.cdn: Cdn = cdn
        # An application and its bot share one id since 2016; simcord gives them two.
        self.application_id = self.bot_user.id

    # ------------------------------------------------------------------ telling

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        """Tell everybody. The payload is copied and completed first."""
        wire = self.dress(payload)
        self.note(event, wire)
        for listener in self.subscribers:
            listener(event, wire)

    def whisper(self, user_id: int, event: str, payload: Mapping[str, Any]) -> None:
        """Tell one person."""
        wire = self.dress(payload)
        for listener in self.whispers:
            listener(user_id, event, wire)

    def dress(self, payload: Any) -> Any:
        """A copy of *payload* as it goes over the wire: links signed, simcord's gaps filled."""
        wire = json.loads(self.cdn.sign(json.dumps(payload)))
        self._complete(wire)
        return wire

    def _complete(self, value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                self._complete(item)
        elif isinstance(value, dict):
            if "edited_timestamp" in value and "author" in value:
                self._complete_message(value)
            elif "premium_tier" in value:
                value["premium_tier"] = self.boosts.get(int(value["id"]), 0)
            elif "thread_metadata" in value:
                self._complete_thread(value)
            for item in value.values():
                if isinstance(item, dict | list):
                    self._complete(item)

    def _complete_message(self, wire: dict[str, Any]) -> None:
        wire.pop("nonce", None)
        message_id = int(wire["id"])
        if message_id in self.nonce_of:
            wire["nonce"] = self.nonce_of[message_id]
        message = self.messages.get(int(wire["channel_id"]), {}).get(message_id)
        if message is not None:
            # Who is pinged, not who is named: `allowed_mentions` keeps the others out of this list.
            pinged = [self.users[user] for user in message.ping_user_ids if user in self.users]
            wire["mentions"] = [dict(serializers.user_payload(user)) for user in pinged]
            wire["mention_roles"] = [str(role) for role in message.ping_role_ids]
            if message.system_metadata is not None and message.type == MessageType.THREAD_CREATED:
                thread_id = str(message.system_metadata.channel_id)
                wire["message_reference"] = {
                    "guild_id": wire.get("guild_id"),
                    "channel_id": thread_id,
                }
        shown_files.complete(wire)
        # A file that an embed shows is not listed a second time.
        shown = json.dumps(wire.get("embeds") or [])
        if "/attachments/" in shown:
            wire["attachments"] = [
                item for item in wire["attachments"] if f"/{item['id']}/" not in shown
            ]
        if wire["flags"] & HAS_THREAD and message_id in self.channels:
            thread = serializers.channel_payload(self, self.channels[message_id])
            wire["thread"] = json.loads(json.dumps(thread))

    def _complete_thread(self, wire: dict[str, Any]) -> None:
        thread = self.channels.get(int(wire["id"]))
        if thread is not None and self.bot_user.id in thread.thread_members:
            wire["member"] = serializers.thread_member_payload(thread, self.bot_user.id)

    def personal(self, wire: dict[str, Any], viewer: int) -> dict[str, Any]:
        """Fill in which of a message's reactions are the viewer's own. Changes *wire*."""
        message = self.messages.get(int(wire["channel_id"]), {}).get(int(wire["id"]))
        for reaction in wire.get("reactions") or []:
            emoji = reaction["emoji"]
            name = f"{emoji['name']}:{emoji['id']}" if emoji["id"] else emoji["name"]
            found = message.reaction_for(name) if message is not None else None
            reaction["me"] = found is not None and viewer in found.user_ids
        return wire

    # ------------------------------------------------------------------ corrections

    def make_user(self, name: str, **fields: Any) -> User:
        user = super().make_user(name, **fields)
        self.touch("user", user.id)
        return user

    def get_dm_channel(self, user_id: int) -> Channel:
        is_new = user_id not in self.dm_channels
        channel = super().get_dm_channel(user_id)
        self.touch("channel", channel.id)
        if is_new:  # until now it had no recipient, so its creation was told to nobody
            self.whisper(user_id, "CHANNEL_CREATE", serializers.channel_payload(self, channel))
        return channel

    def commit_message(self, message: Message, *, broadcast: bool = True) -> Message:
        """Install a message. Posting in an archived thread opens it again (topics/threads)."""
        channel = self.get_channel(message.channel_id)
        message.embeds = _with_files(message.embeds, message.attachments)
        meta = channel.thread_metadata
        if meta is not None and meta.archived:
            self.archive_thread(channel.id, archived=False)
        if self._nonce is not None:
            self.nonces[message.author_id, self._nonce] = channel.id, message.id
            self.nonce_of[message.id] = self._nonce
            self.touch("nonce", message.author_id, self._nonce)
        committed = super().commit_message(message, broadcast=broadcast)
        if message.is_ephemeral:
            self._whisper_message("MESSAGE_CREATE", message)
        return committed

    def edit_message(self, channel_id: int, message_id: int, fields: dict[str, Any]) -> Message:
        if fields.get("embeds"):
            files = fields.get("attachments")
            if files is None:
                files = self.get_message(channel_id, message_id).attachments
            fields = {**fields, "embeds": _with_files(fields["embeds"], files)}
        message = super().edit_message(channel_id, message_id, fields)
        if message.is_ephemeral:
            self._whisper_message("MESSAGE_UPDATE", message)
        return message

    def delete_message(self, channel_id: int, message_id: int) -> None:
        message = self.get_message(channel_id, message_id)
        super().delete_message(channel_id, message_id)
        if message.is_ephemeral:
            self._whisper_message("MESSAGE_DELETE", message)

    def _whisper_message(self, event: str, message: Message) -> None:
        self.touch("message", message.channel_id, message.id)
        owner = int((message.interaction_metadata or {})["user"]["id"])
        if event == "MESSAGE_DELETE":
            gone = {"id": str(message.id), "channel_id": str(message.channel_id)}
            self.whisper(owner, event, gone)
        else:
            self.whisper(owner, event, serializers.message_payload(self, message))

    def set_pinned(
        self, channel_id: int, message_id: int, pinned: bool, *, actor_id: int | None = None
    ) -> None:
        super().set_pinned(channel_id, message_id, pinned, actor_id=actor_id)
        self.touch("message", channel_id, message_id)

    def create_thread(
        self,
        parent_id: int,
        name: str,
        owner_id: int,
        *,
        type: int = ChannelType.PUBLIC_THREAD,
        auto_archive_duration: int = 1440,
        message_id: int | None = None,
        applied_tags: Iterable[int] = (),
        broadcast: bool = True,
    ) -> Channel:
        """Start a thread. From a message, its id is the message's (topics/threads).

        Discord posts THREAD_CREATED (18) in the channel only for a thread without a message or
        from an old one; simcord posts it always. How old is old is not documented: an hour here.
        """
        thread = super().create_thread(
            parent_id,
            name,
            owner_id,
            type=type,
            auto_archive_duration=auto_archive_duration,
            message_id=message_id,
            applied_tags=applied_tags,
            broadcast=broadcast and message_id is None,
        )
        if message_id is None or not broadcast:
            return thread
        source = self.get_message(parent_id, message_id)
        source.flags |= HAS_THREAD
        self.announce_thread_create(thread)
        self.emit("MESSAGE_UPDATE", serializers.message_payload(self, source))
        starter = Message(
            id=self.snowflake(),
            channel_id=thread.id,
            author_id=source.author_id,
            timestamp=self.now_iso(),
            type=int(MessageType.THREAD_STARTER_MESSAGE),
            reference={
                "type": 0,
                "guild_id": str(thread.guild_id),
                "channel_id": str(parent_id),
                "message_id": str(message_id),
            },
        )
        self.commit_message(starter)
        thread.message_count = 0  # "not including the initial message" (resources/channel)
        if made_at(message_id) + 3600 < self.time.now():
            self.create_system_message(
                parent_id,
                MessageType.THREAD_CREATED,
                owner_id,
                target_channel_id=thread.id,
                referenced_message_id=message_id,
            )
        return thread

    @contextmanager
    def sending(self, nonce: object) -> Iterator[None]:
        """Whatever message is made inside carries this nonce, for its author to know it by."""
        self._nonce = None if nonce is None else str(nonce)
        try:
            yield
        finally:
            self._nonce = None

    def announce_commands(self) -> None:
        """Tell the people's clients that the bot has (other) commands."""
        for listener in self.subscribers:
            listener("COMMANDS", {})

    # ------------------------------------------------------------------ interactions

    def new_interaction(
        self, type: int, channel_id: int, user_id: int, guild_id: int | None
    ) -> Interaction:
        """Begin an interaction: 3 s to acknowledge it, 15 minutes to use its token."""
        record = super().new_interaction(type, channel_id, user_id, guild_id)
        del self.interaction_tokens[record.token]
        random = secrets.token_urlsafe(48)
        record.token = b64encode(f"interaction:{record.id}:{random}".encode()).decode().rstrip("=")
        record.initial_response_deadline = self.iso_after(3600 if self._patient else ACK_WITHIN)
        self.interaction_tokens[record.token] = record.id
        self.touch("interaction", record.id)
        if self._patient:
            self.time.count_down(
                ACK_WITHIN, lambda: self._too_late(record), unless=lambda: record.responded
            )
        else:
            self.time.call_at(self.time.now() + ACK_WITHIN, lambda: self._too_late(record))
        return record

    def _too_late(self, record: Interaction) -> None:
        if not record.responded:
            record.initial_response_deadline = self.now_iso()
            self.settle(record, "failed")

    def settle(self, record: Interaction, outcome: str) -> None:
        """Say what became of an interaction: "answered", "modal" or "failed"."""
        self.touch("interaction", record.id)
        told = self.outcomes.pop(record.id, None)
        if told is not None:
            told(outcome)

    # ------------------------------------------------------------------ looking

    def may(self, user_id: int, channel_id: int, *names: str) -> bool:
        """Whether somebody has all these permissions in a channel, a thread or a DM."""
        channel = self.get_channel(channel_id)
        if not channel_accessible(self, channel_id, user_id):
            return False
        if channel.guild_id is None:
            return True
        held = self.compute_permissions(channel.guild_id, user_id, channel_id)
        return held & bits(*names) == bits(*names)

    def upload_limit(self, guild_id: int | None) -> int:
        """Bytes one file may have there."""
        return UPLOAD_LIMIT[self.boosts.get(guild_id, 0) if guild_id is not None else 0]

    def viewers(self, channel_id: int) -> set[int]:
        """Who can see a channel or thread."""
        return {user for user in self.users if channel_accessible(self, channel_id, user)}

    def find_channel(self, place: int | str, guild_id: int | None = None) -> Channel:
        """A channel by id, or by name (with or without `#`)."""
        text = str(place).removeprefix("#")
        if text.isdigit() and int(text) in self.channels:
            return self.channels[int(text)]
        for channel in self.channels.values():
            if channel.name == text and guild_id in (None, channel.guild_id):
                return channel
        raise LookupError(f"There is no channel called {text}.")

    # ------------------------------------------------------------------ changing, for tests

    def add_guild(
        self, name: str, *, people: Iterable[int] = (), channels: Iterable[str] = ()
    ) -> Guild:
        """A new server with the bot in it, owned by an account that nobody plays."""
        owner = self.make_user(f"{name} owner")
        guild = super().create_guild(name, owner_id=owner.id)
        for role in guild.roles.values():
            if role.managed:
                role.permissions = bits(*INVITE)
        for person in people:
            self.add_member(guild.id, person, announce=True)
        for channel in channels:
            self.create_channel(guild.id, channel)
        self.touch("guild", guild.id)
        return guild

    def add_channel(
        self, name: str, *, guild: int | None = None, only: Iterable[int] | None = None
    ) -> Channel:
        """A new text channel; *only* are the roles and members that may see it, the bot aside."""
        guild_id = guild or next(iter(self.guilds))
        hidden = []
        if only is not None:
            everyone = Overwrite(guild_id, OverwriteType.ROLE, deny=bits("view_channel"))
            hidden = [everyone] + [
                Overwrite(target, self._kind(guild_id, target), allow=bits("view_channel"))
                for target in (*only, self.bot_role(guild_id).id)
            ]
        return self.create_channel(guild_id, name, overwrites=hidden)

    def bot_role(self, guild_id: int) -> Role:
        """The role that Discord makes for the bot when it is invited."""
        return next(role for role in self.guilds[guild_id].roles.values() if role.managed)

    def set_permissions(
        self,
        channel: int | str,
        target: "int | Member | HasId",
        *,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
    ) -> None:
        """Overwrite what a role or a member may do in a channel; no names at all takes it back."""
        place = self.find_channel(channel)
        assert place.guild_id is not None, "a DM has no permissions to set"
        if isinstance(target, Member):
            key = target.user_id
        else:
            key = target if isinstance(target, int) else target.id
        before = self.viewers(place.id)
        allowed, denied = bits(*allow), bits(*deny)
        if allowed or denied:
            kind = self._kind(place.guild_id, key)
            self.set_overwrite(place.id, Overwrite(key, kind, allow=allowed, deny=denied))
        else:
            self.delete_overwrite(place.id, key)
        after = self.viewers(place.id)
        # To a client, a channel it may no longer see went away, and one it may now see is new.
        for user in before - after:
            self.whisper(user, "CHANNEL_DELETE", serializers.channel_payload(self, place))
        for user in after - before:
            self.whisper(user, "CHANNEL_CREATE", serializers.channel_payload(self, place))

    def _kind(self, guild_id: int, target: int) -> OverwriteType:
        in_roles = target in self.guilds[guild_id].roles
        return OverwriteType.ROLE if in_roles else OverwriteType.MEMBER

    def lock_thread(self, thread_id: int, *, locked: bool = True) -> None:
        self.edit_channel(thread_id, {}, thread_metadata={"locked": locked})

    def archive_thread(self, thread_id: int, *, archived: bool = True) -> None:
        self.edit_channel(
            thread_id,
            {},
            thread_metadata={"archived": archived, "archive_timestamp": self.now_iso()},
        )

    def archive_the_quiet(self) -> None:
        """Archive every thread in which nothing was said for its `auto_archive_duration`."""
        now = self.time.now()
        for thread in list(self.channels.values()):
            meta = thread.thread_metadata
            if meta is None or meta.archived:
                continue
            opened = datetime.fromisoformat(meta.archive_timestamp).timestamp()
            last = max(made_at(thread.last_message_id or thread.id), opened)
            if last + timedelta(minutes=meta.auto_archive_duration).total_seconds() <= now:
                self.archive_thread(thread.id)

    def delete_channel(self, channel_id: int | str) -> None:
        """Delete a channel with its threads, or a thread."""
        channel = self.find_channel(channel_id)
        threads = [item.id for item in self.channels.values() if item.parent_id == channel.id]
        for place in (*threads, channel.id):
            viewers = self.viewers(place)
            gone = serializers.channel_payload(self, self.channels[place])
            event = "THREAD_DELETE" if self.channels[place].is_thread else "CHANNEL_DELETE"
            for message in self.messages.get(place, {}):
                self.touch("message", place, message)
            super().delete_channel(place)
            for user in viewers:
                self.whisper(user, event, gone)

    def outage(self, guild_id: int) -> None:
        """Make a server unavailable, as when Discord is in trouble: the bot is still in it."""
        self.emit("GUILD_DELETE", {"id": str(guild_id), "unavailable": True})

    def recover(self, guild_id: int) -> None:
        """End an outage."""
        self.emit("GUILD_CREATE", serializers.guild_create_payload(self, self.guilds[guild_id]))

    def open_dm(self, user_id: int) -> Channel:
        return self.get_dm_channel(user_id)

    def set_boost(self, tier: int, *, guild: int | None = None) -> None:
        """Boost a server: tiers 0 and 1 take files of 10 MiB, tier 2 of 50, tier 3 of 100."""
        guild_id = guild or next(iter(self.guilds))
        self.boosts[guild_id] = tier
        self.touch("boost", guild_id)
        self.emit("GUILD_UPDATE", serializers.guild_create_payload(self, self.guilds[guild_id]))
