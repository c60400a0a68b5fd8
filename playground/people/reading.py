"""What each person has not read yet, kept for all their pages together and over a restart."""

from typing import Any

from simcord.backend import serializers
from simcord.backend.access import channel_accessible
from simcord.backend.models import Message
from simcord.enums import ChannelType

from playground.discord.world import World

STARTER = 21  #: the type of a thread's first message, which stands in its channel already
KEY = "read"  #: where the world keeps it: {"since": id, "marks": {"person/place": id}}


class Reading:
    """The read marks: in each place, the last message that a person has seen."""

    def __init__(self, world: World) -> None:
        """What is in *world* already counts as read, where nothing says otherwise."""
        self._world = world
        if KEY not in world.extras:
            newest = max((max(each, default=0) for each in world.messages.values()), default=0)
            world.extras[KEY] = {"since": newest, "marks": {}}
            world.touch("extra", KEY)

    def unread(self, person: int) -> dict[str, int]:
        """Places with something new for *person*, and how much of it is addressed to them."""
        found = {}
        for place, messages in self._world.messages.items():
            mark = self._mark(person, place)
            new = [
                message
                for number, message in messages.items()
                if number > mark
                and message.author_id != person
                and message.type != STARTER
                and message.visible_to(person)
            ]
            if new and channel_accessible(self._world, place, person, history=True):
                found[str(place)] = sum(self._is_for(person, message) for message in new)
        return found

    def read(self, person: int, place: int) -> None:
        """*person* has seen all that is in *place*; their other pages are told."""
        newest = max(self._world.messages.get(place, {}), default=0)
        if newest <= self._mark(person, place):
            return
        self._world.extras[KEY]["marks"][f"{person}/{place}"] = newest
        self._world.touch("extra", KEY)
        self._world.save()
        self._world.whisper(person, "READ", {"channel_id": str(place)})

    def _mark(self, person: int, place: int) -> int:
        kept: dict[str, Any] = self._world.extras[KEY]
        return int(kept["marks"].get(f"{person}/{place}", kept["since"]))

    def _is_for(self, person: int, message: Message) -> bool:
        """Whether a message is counted, as all direct messages and mentions are on Discord."""
        if self._world.channels[message.channel_id].type == ChannelType.DM:
            return True
        wire: Any = serializers.message_payload(self._world, message)
        return any(int(user["id"]) == person for user in wire["mentions"])
