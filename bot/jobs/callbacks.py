"""What a provider, or somebody who says so, tells us about an attempt by itself."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.events import Events
from bot.jobs.calls import counted
from bot.jobs.steps import Steps
from bot.jobs.tracker import Tracker
from bot.progress import Progress
from bot.providers import CallsBack, Provider
from storage import AWAITED, Job, Stale, State, Store

log = logging.getLogger(__name__)


class Callbacks:
    """Believes what a callback names once the provider itself knows it."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        *,
        steps: Steps,
        tracker: Tracker,
        events: Events,
    ) -> None:
        self._jobs = store.jobs
        self._sharing = store.sharing
        self._clock = store.clock.now
        self._providers = providers
        self._steps = steps
        self._places = tracker.slots
        self._wake = tracker.wake
        self._job_changed = events.job_changed

    async def hear(self, token: str, body: bytes) -> None:
        """A provider, or somebody who says so, told us about an attempt.

        Anybody can send one, so it is a hint: what it names is believed once the provider
        itself knows it. It can settle an order whose reply was lost. Raises `Busy` where what
        it says could not be kept, so that it has to be sent again.
        """
        job = await self._jobs.by_token(token)
        provider = self._providers.get(job.provider) if job is not None else None
        if job is None or not isinstance(provider, CallsBack):
            return
        named = provider.callback(body)
        if named is None:
            return
        if job.state in AWAITED:
            await self._called(job, named)
            return
        if self._steps.named.get(token) != named and not await self._known(job, provider, named):
            return
        # Asking took a while; and what was found out is kept, though the job moves just now.
        while not await self._kept(token, named):
            pass

    async def _known(self, job: Job, provider: Provider, named: str) -> bool:
        """Whether *provider* knows *named*, and no other job is called that.

        Raises `Busy` where that cannot be found out now.
        """
        if self._steps.pace.soonest(job, provider) > self._clock():
            raise Busy("It was just checked.")
        known = await self._jobs.by_remote(job.provider, named)
        if known is not None and known.id != job.id:
            return False  # that clip is another job's
        try:
            with counted(self._steps.called, job.provider, "poll"):
                await provider.poll(self._steps.order(job, provider), named)
        except Refusal as refusal:
            return refusal.failure is not Failure.LOST  # else the callback was forged
        except Unclear as error:
            raise Busy(str(error)) from error
        finally:
            self._steps.pace.answered(job)
        return True

    async def _kept(self, token: str, named: str) -> bool:
        """Use what the provider said of an attempt; False where its job moved meanwhile."""
        job = await self._jobs.by_token(token)
        if job is None:
            return True
        match job.state:
            case State.SUBMITTING:
                self._steps.named[token] = named  # in case the reply is, or has just been, lost
                raise Busy("It is being sent right now.")
            case State.UNCLEAR:
                return await self._adopt(job, named)
            case _:
                await self._called(job, named)
        return True

    async def _called(self, job: Job, named: str) -> None:
        """Ask about *job* now, if that is what its provider calls it."""
        if job.remote_id == named and not self._sharing.has(job.guild_id):
            await self._sharing.nudge(job.id)  # whoever works for its server asks
        elif job.remote_id == named:
            if job.state is State.EXPIRED:
                self._steps.results.hurry(job)
            self._wake(job)

    async def _adopt(self, job: Job, named: str) -> bool:
        """Go on with an unclear *job*, now that its provider knows it as *named*.

        False where it moved just now, such as when its requester has been told.
        """
        now = self._clock()
        adopted = job.to(State.RENDERING, now=now, due_at=now, remote_id=named, error=None)
        try:
            saved = await self._jobs.save(
                replace(adopted, failure=None, billed="no"), "called back"
            )
        except Stale:
            return False
        self._steps.named.pop(job.token or "", None)
        log.info("Job %s was found by a callback", job.id)
        if not self._sharing.has(job.guild_id):
            return True  # it was committed, and the one that works for its server hears of that
        self._places.keep(job.provider, job.id)
        self._places.seen(job)
        self._job_changed.emit(saved, Progress())
        self._wake(saved)
        return True
