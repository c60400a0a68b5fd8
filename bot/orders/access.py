"""Who may see a clip, build on it, or decide about it."""

from collections.abc import Iterable

from bot.errors import Refusal
from bot.orders.requester import Requester
from bot.words.text import one_line
from storage import By, ChangedBy, Hit, Job, Store


def require_moderator(requester: Requester) -> None:
    """Refuse whoever may not manage the server."""
    if not requester.moderator:
        raise Refusal("Only moderators can do this. They need the Manage Server permission.")


def decided_by(requester: Requester, why: str = "") -> By:
    """Who decides something for a server, and why. Refuses whoever may not manage it."""
    require_moderator(requester)
    return By(guild_id=requester.guild_id, actor_id=requester.user_id, why=one_line(why))


class Access:
    """Who may know of a clip, and who may make something new of it."""

    def __init__(self, store: Store) -> None:
        self._jobs = store.jobs
        self._takes = store.takes
        self._policy = store.policy

    async def show(self, id: int, *, requester: Requester) -> Job:
        """The job with this number, if who asks may know of it: to others it is not there."""
        job = await self._jobs.get(id, guild_id=requester.guild_id)
        if job is None or not await self.may_see(job, requester):
            raise Refusal(f"There is no clip #{id} here.")
        return job

    async def may_see(self, job: Job, requester: Requester) -> bool:
        """Whether who asks may read where *job* was ordered, or where its clip was posted.

        One's own clips, and what is in the thread or channel where one asks, are always seen;
        moderators see all.
        """
        return bool(await self.seen([job], requester))

    async def seen(self, clips: Iterable[Job | Hit], requester: Requester) -> set[int]:
        """The numbers of those among *clips* that who asks may know of: see `may_see`.

        However many they are, each channel is looked at once.
        """
        known: dict[int, bool] = {requester.channel_id: True}
        seen, others = set(), []
        for clip in clips:
            near = {clip.thread_id, clip.card_channel_id, clip.channel_id}
            if (
                requester.moderator
                or clip.user_id == requester.user_id
                or requester.channel_id in near
                or await self._sees(requester, clip.channel_id, known)
            ):
                seen.add(clip.id)
            else:
                others.append(clip.id)
        if others:
            for number, channels in (await self._takes.posted_in(others)).items():
                for channel_id in channels:
                    if await self._sees(requester, channel_id, known):
                        seen.add(number)
                        break
        return seen

    async def _sees(self, requester: Requester, channel_id: int, known: dict[int, bool]) -> bool:
        if channel_id not in known:
            sees = requester.sees(channel_id)
            if sees is None:  # perhaps a thread that was archived before we connected
                parent_id = await self._takes.parent_of(channel_id)
                if parent_id is not None:
                    sees = requester.sees(parent_id)
            known[channel_id] = sees is True
        return known[channel_id]

    async def may_build(self, id: int, requester: Requester) -> Job:
        """The clip with this number, for somebody who may make something new of it.

        Raises `Refusal` for one that they may not know of, that a moderator took down, or that
        this server lets only others build on.
        """
        take = await self._takes.get(id, guild_id=requester.guild_id)
        if take is None or not await self.may_see(take.job, requester):
            raise Refusal(f"There is no clip #{id} here.")
        by_moderator = take.hidden_by is not None and take.hidden_by != take.job.user_id
        if by_moderator and not requester.moderator:
            raise Refusal(f"A moderator deleted #{id}.")
        await self.may_change(take.job, requester)
        return take.job

    async def may_change(self, job: Job, requester: Requester) -> None:
        """Refuse who may not retake or extend other people's clips in this server."""
        if job.user_id == requester.user_id or requester.moderator:
            return
        match (await self._policy.server(requester.guild_id)).changed_by:
            case ChangedBy.REQUESTER:
                raise Refusal(
                    f"In this server, only <@{job.user_id}> and moderators can build on #{job.id}."
                )
            case ChangedBy.MODERATORS:
                raise Refusal("In this server, only moderators can build on other people's clips.")
            case _:
                return
