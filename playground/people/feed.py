"""What one person's client is told: only what they may see, ephemerals only their own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from simcord.backend import serializers
from simcord.backend.access import channel_accessible

from playground.discord.world import World

Event = tuple[str, Any]  #: name, JSON


class Feed:
    """An endless queue of events for one person. Use it in a `with`, or `close` it."""

    def __init__(self, feeds: "Feeds", user_id: int) -> None:
        self._feeds = feeds
        self.user_id = user_id
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._feeds.remove(self)

    def put(self, event: str, data: Any) -> None:
        self._queue.put_nowait((event, data))

    async def get(self) -> Event:
        """The next event, once there is one."""
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            yield await self._queue.get()


class Feeds:
    """Hears everything in the world and passes each person their share."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._feeds: list[Feed] = []
        world.subscribers.append(self._hear)
        world.whispers.append(self._whisper)

    def open(self, user_id: int) -> Feed:
        feed = Feed(self, user_id)
        self._feeds.append(feed)
        return feed

    def remove(self, feed: Feed) -> None:
        if feed in self._feeds:
            self._feeds.remove(feed)

    def tell_all(self, event: str, data: Any) -> None:
        for feed in self._feeds:
            feed.put(event, data)

    def _whisper(self, user_id: int, event: str, data: dict[str, Any]) -> None:
        for feed in self._feeds:
            if feed.user_id == user_id:
                feed.put(event, data)

    def _hear(self, event: str, data: Mapping[str, Any]) -> None:
        if event == "INTERACTION_CREATE" or not self._feeds:
            return
        for feed in list(self._feeds):
            if event == "COMMANDS":
                feed.put(event, all_commands(self._world))
            elif self._sees(feed.user_id, event, data):
                feed.put(event, self._for(feed.user_id, event, data))

    def _sees(self, user_id: int, event: str, data: Mapping[str, Any]) -> bool:
        if event in ("CHANNEL_DELETE", "THREAD_DELETE"):
            return False  # the world whispers these to those who saw the place
        if event.startswith("GUILD_"):
            guild = self._world.guilds.get(int(data.get("guild_id") or data["id"]))
            return guild is not None and user_id in guild.members
        place = data.get("channel_id")
        if event.startswith(("CHANNEL_", "THREAD_")) and place is None:
            place = data["id"]
        return place is not None and channel_accessible(self._world, int(place), user_id)

    def _for(self, user_id: int, event: str, data: Mapping[str, Any]) -> Any:
        if event in ("MESSAGE_CREATE", "MESSAGE_UPDATE") and data.get("reactions"):
            message = self._world.messages.get(int(data["channel_id"]), {}).get(int(data["id"]))
            if message is not None:
                return self._world.dress(
                    serializers.message_payload(self._world, message, for_user=user_id)
                )
        return data


def all_commands(world: World) -> list[dict[str, Any]]:
    """Every command the bot registered, global ones first."""
    scopes = sorted(world.commands, key=lambda scope: scope or 0)
    return [dict(item) for scope in scopes for item in world.commands[scope].values()]
