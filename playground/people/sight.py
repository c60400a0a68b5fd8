"""What a person can see: places, messages, commands."""

import asyncio
from collections.abc import Callable
from typing import Any

from simcord.backend import serializers
from simcord.backend.access import channel_accessible
from simcord.backend.models import Channel
from simcord.enums import AppCommandType

from playground.discord.commands import PersonCannot
from playground.discord.world import World, bits
from playground.people.feed import Feeds
from playground.people.views import Message, view

What = str | Callable[[Message], bool]  #: a text in the message, or a predicate


class Sight:
    """A human's eyes. `at` is the channel, thread or DM they look at."""

    def __init__(self, world: World, feeds: Feeds, user_id: int) -> None:
        self.id = user_id
        self._world = world
        self._feeds = feeds
        self.at = min((int(item["id"]) for item in self.channels()), default=0)

    @property
    def name(self) -> str:
        return self._world.users[self.id].name

    @property
    def moderator(self) -> bool:
        """Whether they have Manage Server in the first server they are in."""
        guild = next(item for item in self._world.guilds.values() if self.id in item.members)
        return bool(self._world.compute_permissions(guild.id, self.id) & bits("manage_guild"))

    def go(self, place: int | str) -> int:
        """Look at a channel, thread or DM (by id, or by a channel's name). Returns its id."""
        self.at = self._place(place).id
        return self.at

    def go_to_dm(self) -> int:
        """Look at the direct messages with the bot."""
        self.at = self._world.open_dm(self.id).id
        return self.at

    def channels(self) -> list[dict[str, Any]]:
        """Every channel, thread and DM that this person can see, as Discord's JSON."""
        seen = [
            item
            for item in self._world.channels.values()
            if channel_accessible(self._world, item.id, self.id)
        ]
        return [
            dict(self._world.dress(serializers.channel_payload(self._world, item))) for item in seen
        ]

    def threads(self, channel: int | str | None = None) -> list[int]:
        """Ids of the threads of a channel that this person can see, oldest first."""
        parent = self._place(self.at if channel is None else channel).id
        return sorted(
            int(item["id"]) for item in self.channels() if item.get("parent_id") == str(parent)
        )

    def messages(self, place: int | str | None = None) -> list[Message]:
        """The messages of a place as this person sees them, oldest first."""
        channel = self._place(self.at if place is None else place)
        if not channel_accessible(self._world, channel.id, self.id, history=True):
            return []
        stored = self._world.messages[channel.id].values()
        seen = (item for item in stored if item.visible_to(self.id))
        return [self._view(item.id, channel.id) for item in sorted(seen, key=lambda item: item.id)]

    def message(self, message_id: int, channel_id: int | None = None) -> Message | None:
        """One message as this person sees it; None if they cannot, or it is gone."""
        places = [channel_id] if channel_id is not None else list(self._world.messages)
        for place in places:
            stored = self._world.messages.get(place, {}).get(message_id)
            if (
                stored is not None
                and stored.visible_to(self.id)
                and channel_accessible(self._world, place, self.id)
            ):
                return self._view(message_id, place)
        return None

    def commands(self, kind: AppCommandType = AppCommandType.CHAT_INPUT) -> list[dict[str, Any]]:
        """The commands Discord's client would offer this person where they look."""
        return self._world.visible_commands(user_id=self.id, channel_id=self.at, type=kind)

    async def wait_for(self, what: What, timeout: float = 120) -> Message:
        """The newest message this person can see that fits: a text in it, or a predicate.

        Looks at old ones, new ones and edits, everywhere. Raises TimeoutError with what was there.
        """
        fits = what if callable(what) else (lambda message: what in message.text)
        with self._feeds.open(self.id) as feed:
            found = [item for item in self.everything() if fits(item)]
            if found:
                return found[-1]
            try:
                async with asyncio.timeout(timeout):
                    while True:
                        event, data = await feed.get()
                        if event.startswith("MESSAGE_") and "ids" not in data:
                            changed = int(data.get("message_id") or data["id"])
                            message = self.message(changed, int(data["channel_id"]))
                            if message is not None and fits(message):
                                return message
            except TimeoutError:
                seen = [f"{item.author}: {item.text!r}" for item in self.everything()][-6:]
                wanted = what if isinstance(what, str) else "a message that fits"
                raise TimeoutError(
                    f"{self.name} waited {timeout} s for {wanted!r}. The last messages: {seen}"
                ) from None

    def everything(self) -> list[Message]:
        """Every message this person can see, wherever, oldest first."""
        found = [item for place in list(self._world.channels) for item in self._glance(place)]
        return sorted(found, key=lambda item: item.id)

    def _glance(self, place: int) -> list[Message]:
        return self.messages(place) if channel_accessible(self._world, place, self.id) else []

    def _view(self, message_id: int, channel_id: int) -> Message:
        stored = self._world.messages[channel_id][message_id]
        payload = serializers.message_payload(self._world, stored, for_user=self.id)
        return view(self._world.dress(payload), size_of=self._world.cdn.size_of)

    def _place(self, place: int | str) -> Channel:
        """A place by id or name; a name is looked for in the server they look at first."""
        here = self._world.channels.get(self.at)
        for guild_id in (here.guild_id if here is not None else None, None):
            try:
                return self._world.find_channel(place, guild_id)
            except LookupError:
                continue
        raise PersonCannot(f"There is no channel called {place}.")

    def _here(self) -> Channel:
        channel = self._world.channels.get(self.at)
        if channel is None or not channel_accessible(self._world, channel.id, self.id):
            raise PersonCannot("You can't see that channel.")
        return channel

    def _visible(self, message: Message | int) -> Message:
        current = self.message(message if isinstance(message, int) else message.id)
        if current is None:
            raise PersonCannot("That message is gone, or you can't see it.")
        return current
