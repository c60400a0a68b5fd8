"""Which messages carry or show a clip, and which of them are gone."""

from collections.abc import Iterable

from storage import Job, Post, Store


class Posts:
    """The messages of clips: a post carries one, a card shows what becomes of one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._takes = store.takes
        self._jobs = store.jobs

    async def get(self, message_id: int) -> Post | None:
        """The post that a message is."""
        return await self._takes.post(message_id)

    async def carded(self, message_id: int, *, guild_id: int) -> Job | None:
        """The job of a server whose card, or one of whose messages, that is."""
        return await self._jobs.by_message(message_id, guild_id=guild_id)

    async def clip(self, message_id: int, *, guild_id: int) -> Job | None:
        """The job of a server whose clip a message carries or shows."""
        post = await self.get(message_id)
        if post is None:
            return await self.carded(message_id, guild_id=guild_id)
        return await self._jobs.get(post.job_id, guild_id=guild_id)

    async def batch(self, message_id: int, *, guild_id: int) -> int | None:
        """The batch of a server whose sheet or card a message is."""
        post = await self.get(message_id)
        if post is not None:
            return post.batch
        job = await self.carded(message_id, guild_id=guild_id)
        return job.batch if job is not None else None

    async def of(self, job_id: int) -> list[Post]:
        """Where a clip stands, newest first."""
        return await self._takes.posts_of(job_id)

    async def to_remove(self) -> list[Post]:
        """The posts that stand although their clip was taken down, newest first."""
        return await self._of_ours(await self._takes.to_remove())

    async def recent(self, *, since: float) -> list[Post]:
        """All posts that stand in servers of ours, newest first."""
        return await self._of_ours(await self._takes.recent_posts(since=since))

    async def cards(self) -> list[Job]:
        """The jobs under way that have a card."""
        ours = await self._store.ours({due.id for due in await self._jobs.live()})
        found = [await self._jobs.get(number) for number in ours]
        return [job for job in found if job and job.card_id and job.card_channel_id]

    async def _of_ours(self, posts: list[Post]) -> list[Post]:
        ours = await self._store.ours({each.job_id for each in posts})
        return [each for each in posts if each.job_id in ours]

    async def gone(self, message_ids: Iterable[int]) -> None:
        """Note messages that were deleted on Discord."""
        await self._takes.gone(message_ids)

    async def deleted(self, message_id: int) -> None:
        """Note that one message was deleted; nothing is written unless it is a post of ours."""
        if await self.get(message_id) is not None:
            await self.gone([message_id])

    async def gone_with(self, channel_id: int) -> None:
        """Note that a channel or thread was deleted, with every post in it and its threads."""
        await self._takes.gone_with(channel_id)
