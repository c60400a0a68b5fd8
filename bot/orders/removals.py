"""Undoes the deletion of a clip within a minute, and says which deletions are final."""

import asyncio
from weakref import WeakValueDictionary

from bot.errors import Refusal
from bot.orders.requester import Requester
from bot.orders.takes import Takes
from storage import By, Post, Removal, Store

_NOT_DELETED = "#{} is not deleted."


class Removals:
    """What can still be undone of deletions. What it says no to is a `Refusal`."""

    def __init__(self, store: Store, takes: Takes) -> None:
        self._store = store
        self._removals = store.removals
        self._posts = store.takes
        self._takes = takes
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def turn(self, job_id: int) -> asyncio.Lock:
        """The right to delete, or to bring back, the posts of a clip: one at a time."""
        return self._turns.setdefault(job_id, asyncio.Lock())

    async def open(self, job_id: int) -> Removal | None:
        """The deletion of a clip that can still be undone, or is being undone."""
        return await self._removals.get(job_id)

    async def condemned(self, job_id: int) -> list[Post]:
        """The posts that show a clip and are to be deleted: none once it was brought back."""
        return await self._posts.condemned(job_id)

    async def offered(self, removal: Removal, *, channel_id: int, message_id: int) -> None:
        """Note the message that offers everybody to undo a deletion."""
        await self._removals.offered(removal.job_id, channel_id=channel_id, message_id=message_id)

    async def undo(self, job_id: int, requester: Requester) -> Removal:
        """Show a clip again that was deleted less than a minute ago; it is yet to be posted.

        Whoever deleted it may, and moderators; what a moderator deleted only moderators.
        """
        take = await self._takes.find(job_id, guild_id=requester.guild_id)
        own = take.hidden_by == take.job.user_id == requester.user_id
        if take.hidden_by is None:
            raise Refusal(_NOT_DELETED.format(job_id))
        if not own and not requester.moderator:
            who = "A moderator" if take.hidden_by != take.job.user_id else f"<@{take.hidden_by}>"
            raise Refusal(f"{who} deleted #{job_id}, so you can't bring it back.")
        by = None if own else By(guild_id=requester.guild_id, actor_id=requester.user_id)
        removal = await self._removals.undo(by, job_id)
        if removal is None:
            now = await self._takes.find(job_id, guild_id=requester.guild_id)
            if now.hidden_by is None:  # somebody was faster
                raise Refusal(_NOT_DELETED.format(job_id))
            raise Refusal(
                f"Undo works for a minute, and that is over. `/video show clip:#{job_id} "
                "public:True` brings the clip back while its file is kept."
            )
        return removal

    async def settled(self) -> list[Removal]:
        """The deletions that are final by now, and those that were undone and not posted yet."""
        found = await self._removals.settled()
        ours = await self._store.ours({each.job_id for each in found})
        return [each for each in found if each.job_id in ours]

    async def any(self) -> bool:
        """Whether there is a deletion that can be undone, or is being undone."""
        return await self._removals.count() > 0

    async def end(self, removal: Removal) -> None:
        """Forget a deletion: it is final, or the clip is back."""
        await self._removals.end(removal)
