"""Which clip a person names: `#9` is the server's ninth, and 2 in a thread is that thread's take 2.

A number is never read in two ways at one place, because a retake of the wrong clip costs money.
"""

import re

from bot.errors import Refusal
from bot.orders.requester import Requester
from bot.words.text import typed
from storage import Take, Takes

_NAME = re.compile(r"(?:(?P<hash>#)|take\s+)?(?P<number>\d{1,18})", re.ASCII | re.IGNORECASE)


def looks_like_one(name: str) -> bool:
    """Whether *name* is written as the name of a clip is: '#9', '2' or 'take 2'."""
    return _NAME.fullmatch(name.strip()) is not None


async def clip_named(name: str, *, requester: Requester, takes: Takes) -> int:
    """The number, in its server, of the clip that *name* means at *place*.

    In a thread a plain number is the thread's take, and nothing else; elsewhere it is the
    server's clip. Raises `Refusal` for a take that is not there, and for what is no number.
    """
    found = _NAME.fullmatch(name.strip())
    if found is None:
        raise Refusal(f"{typed(name)} is not a clip. Write its number, such as #42.")
    number = int(found["number"])
    in_thread = requester.parent_id is not None
    if found["hash"] or not (in_thread or name.strip()[:1].casefold() == "t"):
        return number
    take = await takes.numbered(number, place_id=requester.channel_id, guild_id=requester.guild_id)
    if take is None:
        where = "this thread" if in_thread else "this channel"
        raise Refusal(
            f"There is no take {number} in {where}. For a clip from elsewhere, write #{number}."
        )
    return take.job.id


def name_of(take: Take, *, place_id: int) -> str:
    """'take 2 (#9)' in its own thread, '#9' elsewhere."""
    if take.number is None or take.job.thread_id != place_id:
        return f"#{take.job.id}"
    return f"take {take.number} (#{take.job.id})"
