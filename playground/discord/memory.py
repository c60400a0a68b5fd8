"""What the world keeps over a restart, and how it becomes that world again."""

from collections.abc import Iterable, Mapping
from typing import Any

from simcord._clock import Clock as SimcordClock
from simcord.backend import Backend
from simcord.backend.models import Channel, Guild, Interaction, Message, User
from simcord.enums import ChannelType

from playground.discord.clock import Clock
from playground.discord.journal import Entry, Journal, revive

DISCORD_EPOCH = 1420070400  #: seconds; 2015-01-01, where snowflakes begin
TOKEN_LIFE = 900.0  #: seconds an interaction's token works
FORM_LIFE = 24 * 3600.0  #: seconds a form that was shown may stay open
NONCE_KEPT = 3600.0  #: seconds; much longer than a nonce works


def made_at(snowflake: int) -> float:
    """When an id was given out, in seconds since 1970."""
    return (snowflake >> 22) / 1000 + DISCORD_EPOCH


class Memory(Backend):
    """simcord's Backend, with what changes in it written to a journal."""

    def __init__(self, clock: Clock, hands: SimcordClock, journal: Journal) -> None:
        self.time = clock
        #: (author, nonce) -> (channel, message)
        self.nonces: dict[tuple[int, str], tuple[int, int]] = {}
        self.nonce_of: dict[int, str] = {}
        self.boosts: dict[int, int] = {}  #: guild -> boost tier
        self.extras: dict[str, Any] = {}  #: small facts of the playground itself
        self._journal = journal
        self._changed: dict[tuple[str, str], None] = {}
        super().__init__(clock=hands)

    def touch(self, kind: str, *key: object) -> None:
        """Mark a thing as changed; `save` writes it down."""
        self._changed[kind, "/".join(map(str, key))] = None

    def save(self) -> None:
        """Write down what changed since the last call."""
        if not self._changed:
            return
        changed, self._changed = list(self._changed), {}
        self._journal.write([(kind, key, self._look_up(kind, key)) for kind, key in changed])

    def _look_up(self, kind: str, key: str) -> Any:
        match kind:
            case "message":
                channel, message = map(int, key.split("/"))
                return self.messages.get(channel, {}).get(message)
            case "nonce":
                author_id, nonce = key.split("/", 1)
                return self.nonces.get((int(author_id), nonce))
            case "commands":
                scope = None if key == "None" else int(key)
                return list(self.commands.get(scope, {}).values())
            case "extra":
                return self.extras.get(key)
            case "boost":
                return self.boosts.get(int(key))
        found: dict[str, Mapping[int, Any]] = {
            "user": self.users,
            "guild": self.guilds,
            "channel": self.channels,
            "interaction": self.interactions,
        }
        return found[kind].get(int(key))

    def note(self, event: str, wire: Mapping[str, Any]) -> None:
        """Mark what an event says has changed."""
        if event.startswith("MESSAGE_"):
            channel = wire["channel_id"]
            for message in wire.get("ids") or [wire.get("message_id") or wire.get("id")]:
                self.touch("message", channel, message)
            if event == "MESSAGE_CREATE":
                self.touch("channel", channel)
        elif event.startswith(("CHANNEL_", "THREAD_")):
            self.touch("channel", wire.get("channel_id") or wire["id"])
            if "guild_id" in wire:
                self.touch("guild", wire["guild_id"])
        elif event.startswith("GUILD_"):
            self.touch("guild", wire.get("guild_id") or wire["id"])

    def restore(self, entries: Iterable[Entry]) -> None:
        """Become the world that was written down."""
        for kind, key, value in entries:
            match kind:
                case "user":
                    self.users[int(key)] = revive(User, value)
                case "guild":
                    self.guilds[int(key)] = revive(Guild, value)
                case "channel":
                    channel = revive(Channel, value)
                    self.channels[channel.id] = channel
                    self.messages.setdefault(channel.id, {})
                    if channel.type == ChannelType.DM:
                        self.dm_channels[channel.recipient_ids[0]] = channel.id
                case "message":
                    message = revive(Message, value)
                    self.messages.setdefault(message.channel_id, {})[message.id] = message
                case "interaction":
                    record = revive(Interaction, value)
                    self.interactions[record.id] = record
                    self.interaction_tokens[record.token] = record.id
                case "nonce":
                    author_id, nonce = key.split("/", 1)
                    if isinstance(value, list):  # before, a nonce belonged to a channel
                        self.nonces[int(author_id), nonce] = value[0], value[1]
                        self.nonce_of[value[1]] = nonce
                case "commands":
                    scope = None if key == "None" else int(key)
                    self.commands[scope] = {(item["name"], item["type"]): item for item in value}
                case "boost":
                    self.boosts[int(key)] = value
                case "extra":
                    self.extras[key] = value
        self._forget_strangers()
        bot = int(self.extras["bot"])
        self.users.pop(self.bot_user.id, None)
        self.bot_user = self.users[bot]
        self.application_id = bot

    def _forget_strangers(self) -> None:
        """Drop what refers to something that was never written: the line a crash cut off."""
        for guild in self.guilds.values():
            guild.channel_ids = [item for item in guild.channel_ids if item in self.channels]
            guild.thread_ids = [item for item in guild.thread_ids if item in self.channels]
        for channel_id in [item for item in self.messages if item not in self.channels]:
            del self.messages[channel_id]

    def forget_the_old(self) -> None:
        """Drop interactions and nonces that nothing can refer to any more."""
        now = self.time.now()
        for record in list(self.interactions.values()):
            if made_at(record.id) + FORM_LIFE < now:
                del self.interactions[record.id]
                del self.interaction_tokens[record.token]
                self.touch("interaction", record.id)
        for (author_id, nonce), (_, message_id) in list(self.nonces.items()):
            if made_at(message_id) + NONCE_KEPT < now:
                del self.nonces[author_id, nonce]
                self.nonce_of.pop(message_id, None)
                self.touch("nonce", author_id, nonce)
