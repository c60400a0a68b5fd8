"""What waits for a moderator: parked jobs, clips that were not posted, attempts of unknown cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.errors import Refusal
from bot.media.assemble import PIECE
from bot.orders.access import decided_by, require_moderator
from bot.orders.orders import Studio
from bot.orders.requester import Requester
from storage import PARKED, By, IllegalMove, Job, Stale, State, Suspense

TRIES = 5  #: tries of a decision while the job is written to for other reasons

MOVED_ON = "#{} just changed. Look again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What waits for a moderator: jobs nobody can move, and attempts of unknown cost."""

    jobs: list[Job]
    count: int  #: of all such jobs; *jobs* are the oldest
    suspense: list[Suspense]


class Parked:
    """Decide what only a person can. What it says no to is a `Refusal`."""

    def __init__(self, studio: Studio, *, clock: Callable[[], float] = time.time) -> None:
        self._studio = studio
        self._jobs = studio.store.jobs
        self._moderation = studio.store.moderation
        self._servers = studio.store.servers
        self._clock = clock
        self.parkings = studio.store.parkings  #: what waits for a moderator, and who was told

    async def undelivered(self, requester: Requester) -> tuple[list[Job], int]:
        """Clips that were made and could not be posted, oldest first, and how many in all."""
        require_moderator(requester)
        states = {State.UNDELIVERED}
        jobs = await self._jobs.of(
            guild_id=requester.guild_id, states=states, limit=20, oldest_first=True
        )
        return jobs, await self._jobs.count(requester.guild_id, states)

    async def post(self, requester: Requester, job_id: int, *, here: bool) -> Job:
        """Post an undelivered clip again: where it was to go, or *here*, where this is asked."""
        by = decided_by(requester)
        job = await self._studio.access.show(job_id, requester=requester)
        if job.state is not State.UNDELIVERED:
            raise Refusal(f"#{job_id} was already posted.")
        now = self._clock()
        change = job.to(State.DELIVERING, now=now, due_at=now)
        return await self._move(
            by, job, change, "post", thread_id=requester.channel_id if here else None
        )

    async def trouble(self, requester: Requester) -> Trouble:
        """What only a moderator can decide."""
        require_moderator(requester)
        return Trouble(
            jobs=await self._jobs.of(
                guild_id=requester.guild_id, states=PARKED, limit=20, oldest_first=True
            ),
            count=await self._jobs.count(requester.guild_id, PARKED),
            suspense=await self._servers.suspense(requester.guild_id),
        )

    async def look_again(self, requester: Requester, job_id: int) -> Job:
        """Ask the provider about a parked job, where it is known by which name to ask."""
        by = decided_by(requester)
        job = await self._parked(requester, job_id)
        now = self._clock()
        if job.file is not None and job.file.endswith(PIECE) and job.state is State.REVIEW:
            change = job.to(State.FETCHING, now=now, due_at=now)  # it has yet to be put together
        elif job.file is not None and job.state is State.REVIEW:
            change = job.to(State.DELIVERING, now=now, due_at=now)
        elif job.remote_id is not None:
            change = job.to(State.RENDERING, now=now, due_at=now, failure=None, billed="no")
        else:
            title = self._studio.quotes.title(job)
            raise Refusal(
                f"{title} gave no number for #{job_id}, so it can't be checked. Look in its list "
                f"for a clip from <t:{int(job.since)}:f>. Retry if there is none. Else close it."
            )
        return await self._move(by, job, change, "check again")

    async def retry(self, requester: Requester, job_id: int, *, why: str = "") -> Job:
        """Order a parked job anew. If the provider did take it before, both are paid."""
        by = decided_by(requester, why)
        job = await self._parked(requester, job_id)
        now = self._clock()
        fresh = job.to(State.QUEUED, now=now, due_at=now, failure=None, billed="no", repeats=0)
        change = replace(fresh, remote_id=None, result_url=None, file=None, cost=None)
        return await self._move(by, job, change, "retry")

    async def close(self, requester: Requester, job_id: int, *, why: str = "") -> Job:
        """Give a parked job up. Its person pays nothing; what it may have cost is in suspense."""
        by = decided_by(requester, why)
        job = await self._parked(requester, job_id)
        now = self._clock()
        change = job.to(State.CLOSED, now=now, due_at=now, billed=job.charged)
        return await self._move(by, job, change, "close")

    async def clear(self, requester: Requester, job_id: int, attempt: int, *, billed: bool) -> None:
        """Say what an attempt in suspense turned out to be, by the provider's own list."""
        if not await self._moderation.clear(decided_by(requester), job_id, attempt, billed=billed):
            raise Refusal(f"The cost of #{job_id} is already settled.")

    async def _parked(self, requester: Requester, job_id: int) -> Job:
        job = await self._studio.access.show(job_id, requester=requester)
        if job.state not in PARKED:
            raise Refusal(f"#{job_id} no longer needs a decision.")
        return job

    async def _move(
        self, by: By, job: Job, change: Job, what: str, *, thread_id: int | None = None
    ) -> Job:
        if change.state is not State.CLOSED:
            change = replace(change, error=None)
        why = f"{what}, by a moderator"
        for _ in range(TRIES):
            try:
                saved = await self._servers.move(by, what, change, why, thread_id=thread_id)
                break
            except Stale:
                # That its person was just told of it is no reason to say no.
                fresh = await self._jobs.get(job.id)
                if fresh is None or fresh.state is not job.state:
                    raise Refusal(MOVED_ON.format(job.id)) from None
                change = replace(change, rev=fresh.rev, result_id=fresh.result_id)
            except IllegalMove:
                raise Refusal(MOVED_ON.format(job.id)) from None
        else:
            raise Refusal(MOVED_ON.format(job.id))
        return saved
