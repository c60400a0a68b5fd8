"""A server's queue as moderators see and steer it."""

from bot.errors import Refusal
from bot.orders.access import decided_by, require_moderator
from bot.orders.orders import Studio
from bot.orders.requester import Requester
from storage import LIVE, Job, Lane, Server


class ServerQueue:
    """Pause, resume, move forward and cancel. What it says no to is a `Refusal`."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._jobs = studio.store.jobs
        self._moderation = studio.store.moderation
        self._servers = studio.store.servers

    async def pause(self, requester: Requester, why: str) -> None:
        """Take no orders; those under way go on."""
        await self._moderation.pause(decided_by(requester, why))

    async def resume(self, requester: Requester, *, past_budget: bool = False) -> Server:
        """Take orders again, past a used-up budget if there is one, or in any case."""
        return await self._moderation.resume(decided_by(requester), past_budget=past_budget)

    async def jobs(self, requester: Requester) -> tuple[list[Job], int]:
        """What is under way here, the oldest first, and how many there are in all."""
        require_moderator(requester)
        jobs = await self._studio.queue(requester=requester)
        return jobs, await self._jobs.count(requester.guild_id, LIVE)

    async def front(self, requester: Requester, job_id: int) -> Job:
        """Let a waiting job go before all others of its provider."""
        by = decided_by(requester)
        await self._studio.access.show(job_id, requester=requester)
        job = await self._servers.set_lane(by, job_id, Lane.FRONT)
        if job is None:
            raise Refusal(f"#{job_id} is no longer waiting.")
        return job

    async def cancel(self, requester: Requester, job_id: int) -> Job:
        """Stop somebody's job."""
        require_moderator(requester)
        return await self._studio.cancel(job_id, requester=requester)
