"""What is done about a job in each of its states: one action, and the job as it then is."""

import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from bot.billing import understood
from bot.errors import Busy, Failure, Refusal, Trouble, Unclear
from bot.estimates import Estimates
from bot.failover import Alternative, Failover, Offer, nobody
from bot.models import Model
from bot.pace import Pace
from bot.places import Places
from bot.providers import Order, Provider, Receipt, Report, Stage
from bot.results import Results, piece, refused, take
from bot.screen import Glimpse, Screen, Undeliverable
from bot.trouble import Troubles, trouble_of
from storage import ENDED, MOVES, DiskTrouble, IllegalMove, Input, Job, Stale, State, Store

log = logging.getLogger(__name__)

QUEUE_LASTS = 24 * 3600.0  #: seconds that a job waits for a provider before it is given up
TRIES = 6  #: tries of a step that fails for a reason nobody knows, before a person must look
PATIENCE = 12  #: tries of a step whose failure may pass, such as a download
REPEATS = 10  #: times that an order is sent again which its provider answered with “not now”
HANGS = 8  #: times in a row that a job waits for a program that hangs, before a person must look
HELD_UP = 300.0  #: seconds, at most, until work that trouble of ours holds up is tried again
UNHEARD = 3600.0  #: seconds past its deadline that a provider which does not answer is asked

#: States whose step posts a message.
POSTED = frozenset(
    {
        State.DELIVERING,
        State.FAILED,
        State.CANCELLED,
        State.EXPIRED,
        State.CLOSED,
        State.UNCLEAR,
        State.REVIEW,
    }
)


async def no_room() -> None:
    """The room of a deployment whose files nobody keeps."""


class Steps:
    """The steps, and what is known of jobs between two of them. Saves nothing but a move."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        screen: Screen,
        *,
        places: Places,
        estimates: Estimates,
        data: Path,
        link: Callable[[Job, Input], Awaitable[str]],
        callback: Callable[[Provider, str], str | None] = lambda _provider, _token: None,
        alternative: Alternative = nobody,
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(24),
        make_room: Callable[[], Awaitable[None]] = no_room,
        results: Callable[..., Results] = Results,
    ) -> None:
        """*make_room* is asked for when the disk is full; *results* makes what fetches clips."""
        self._jobs = store.jobs
        self._providers = providers
        self._screen = screen
        self._places = places
        self._estimates = estimates
        self._data = data
        self._link = link
        self._callback = callback
        self._failover = Failover(providers, alternative)
        self._clock = store.clock.now
        self._awake = store.clock.awake
        self._on_the_wall = store.clock.on_the_wall
        self._new_token = new_token
        self._intended: dict[int, str] = {}  # attempts that this process wrote down and not sent
        self._unposted: set[int] = set()  # jobs of which nobody has tried to post the end
        self._make_room = make_room
        self.troubles = Troubles()
        self.pace = Pace(self._clock)
        self.results = results(store, providers, data=data, order=self.order, pace=self.pace)
        self._unheard: dict[int, float] = {}  # since when overdue jobs' providers do not answer
        self.glimpses: dict[int, Glimpse] = {}  #: of jobs that a provider is working on
        self.named: dict[str, str] = {}  #: what a callback called an attempt that is being sent
        self.stopping = False  #: nothing new is begun

    def saved(self, before: Job, job: Job) -> None:
        """A step was written down: *job* is what became of *before*."""
        if job.state is not before.state and job.due_at is not None and job.state in POSTED:
            self._unposted.add(job.id)
        self.troubles.over(job.id)
        if before.state in {State.EXPIRED, State.FETCHING} and job.state is not before.state:
            self.results.forget(job)
        if before.state is State.SUBMITTING:
            self.named.pop(before.token or "", None)
        if job.state in ENDED:
            self.glimpses.pop(job.id, None)
            self.pace.forget(job)
            self._unheard.pop(job.id, None)
            self._failover.forget(job)

    async def advance(self, job: Job) -> Job | float | None:
        """Do what *job*'s state calls for: the job as it then is, or when to look again."""
        now = self._clock()
        try:
            match job.state:
                case State.QUEUED:
                    return await self._begin(job)
                case State.SUBMITTING:
                    return await self._submit(job)
                case State.RENDERING:
                    return await self._poll(job)
                case State.FETCHING:
                    return await self.results.fetch(job)
                case State.DELIVERING:
                    return await self._deliver(job)
                case State.DONE | State.UNDELIVERED:
                    return replace(job, due_at=None)
                case State.EXPIRED:
                    return await self._given_up(job)
                case State.FAILED | State.CANCELLED | State.CLOSED:
                    return await self._tell(job)
                case State.UNCLEAR | State.REVIEW:
                    return await self._tell(job)
                case _:
                    assert_never(job.state)
        except (Stale, IllegalMove):
            raise
        except Exception as error:  # a bug: the log remembers it, the job outlives it
            trouble = trouble_of(error)
            if trouble is not None and job.state is not State.SUBMITTING:
                return await self._held_up(job, trouble)
            log.exception("Job %s could not be advanced", job.id)
            if job.state in ENDED or job.state in {State.UNCLEAR, State.REVIEW}:
                return replace(job, due_at=None) if job.tries >= TRIES else job.again(now + 60)
            if job.state is State.SUBMITTING:
                return self._unclear(job, "We failed while it was being sent.")
            if job.tries >= TRIES:
                return job.to(
                    State.REVIEW,
                    now=now,
                    due_at=now,
                    error="It kept going wrong on our side; a moderator must look at it.",
                )
            return job.again(now + 2.0**job.tries)

    # One function a state.

    async def _begin(self, job: Job) -> Job | float | None:
        """Write down that a provider is about to hear of it, once there is room there."""
        provider = self._providers.get(job.provider)
        if provider is None:
            return self._failed(job, _gone(job), failure=Failure.DOWN)
        if self.stopping:
            return None
        if self._awake(job.created_at) > QUEUE_LASTS and await self._waited_enough(job):
            now, sentence = self._clock(), "No provider took it within a day; nothing was ordered."
            return job.to(
                State.EXPIRED, now=now, due_at=now, error=sentence, failure=Failure.TIMEOUT
            )
        if (offer := self._failover.offer(job)) is not None:
            return await self._move(job, offer)
        if not self._places.take(job, provider):
            return None
        now, token = self._clock(), self._new_token()
        self._intended[job.id] = token
        return job.to(State.SUBMITTING, now=now, due_at=now, attempt=job.attempt + 1, token=token)

    async def _waited_enough(self, job: Job) -> bool:
        """Whether nobody asked for another try lately: an order may have been parked for days."""
        asked = [
            event.at
            for event in await self._jobs.history(job.id)
            if event.after is State.QUEUED and event.before in {State.UNCLEAR, State.REVIEW}
        ]
        return not asked or self._awake(asked[-1]) > QUEUE_LASTS

    async def _move(self, job: Job, offer: Offer) -> float:
        """Give *job* to another provider."""
        now = self._clock()
        self._places.let_go(job)
        saved = await self._jobs.reassign(self._failover.moved(job, offer, now=now))
        log.info("Job %s moves from %s to %s", job.id, job.provider, saved.provider)
        self._screen.show(saved, Glimpse())
        return now

    async def _submit(self, job: Job) -> Job | float | None:
        intended = self._intended.get(job.id) == job.token
        provider = self._providers.get(job.provider)
        if provider is None:
            if intended:
                return self._failed(job, _gone(job), failure=Failure.DOWN)
            return self._unclear(job, f"{job.provider} is no longer set up here.")
        if not intended and not provider.idempotent:
            # Another process wrote this intention: it may have sent it, and it may cost money.
            return self._unclear(job, "We were stopped just as it was being sent.")
        self._intended.pop(job.id, None)
        self._screen.show(job, Glimpse())
        now = self._clock()
        try:
            receipt = await provider.submit(self.order(job, provider))
        except Trouble as trouble:
            pause, now = await self._pause(job, trouble), self._clock()
            return replace(job.to(State.QUEUED, now=now, due_at=now + pause), tries=job.tries)
        except Busy as busy:
            log.info("Job %s was not taken: %s %s", job.id, busy, busy.raw)
            if busy.answered:
                if job.repeats >= REPEATS:
                    sentence = f"{busy} It was asked {job.repeats + 1} times."
                    return self._failed(job, sentence, failure=busy.failure)
                job = replace(job, repeats=job.repeats + 1)
            elsewhere = self._failover.busy(job, provider, busy)
            now = self._clock()
            again = now if elsewhere else self._later(job, busy)
            return replace(job.to(State.QUEUED, now=now, due_at=again), tries=job.tries + 1)
        except Refusal as refusal:
            log.warning("Job %s was refused: %s %s", job.id, refusal, refusal.raw)
            if self._failover.refused(job, refusal):
                now = self._clock()
                return replace(job.to(State.QUEUED, now=now, due_at=now), tries=job.tries + 1)
            return self._refused(job, refusal)
        except Unclear as unclear:
            named = self.named.get(job.token or "")
            if named is None:
                log.exception("Job %s may have been taken: %s", job.id, unclear.raw)
                return self._unclear(job, str(unclear))
            log.info("Job %s: the reply was lost, a callback named it", job.id)
            receipt = Receipt(remote_id=named)
        now = self._clock()
        # Where it called back already, there is no need to wait before asking.
        called = self.named.get(job.token or "") == receipt.remote_id
        if receipt.file is not None:
            kept = self._data / piece(job)
            kept.parent.mkdir(parents=True, exist_ok=True)
            receipt.file.replace(kept)
            cost = understood(receipt.cost, of=f"job {job.id}")
            return job.to(State.FETCHING, now=now, due_at=now, cost=cost, file=piece(job))
        return job.to(
            State.RENDERING,
            now=now,
            due_at=now if called else now + provider.limits.first_poll,
            remote_id=receipt.remote_id,
            cost=understood(receipt.cost, of=f"job {job.id}"),
        )

    async def _poll(self, job: Job) -> Job | float:
        now = self._clock()
        provider = self._providers.get(job.provider)
        if provider is None or job.remote_id is None:
            return now + 60  # its key may come back; what it renders is not lost until it expires
        order = self.order(job, provider)
        if job.cancelled_by is not None and provider.cancels:
            await provider.cancel(order, job.remote_id)
            return job.to(State.CANCELLED, now=now, due_at=None)
        if (soonest := self.pace.soonest(job, provider)) > now:
            return soonest
        try:
            report = await provider.poll(order, job.remote_id)
        except Refusal as refusal:
            log.warning("Job %s failed there: %s %s", job.id, refusal, refusal.raw)
            now = self._clock()
            if refusal.failure is Failure.BAD_RESULT:
                # It is finished, and the answer did not say where: the next one may.
                return job.to(State.FETCHING, now=now, due_at=now + provider.limits.poll_every)
            return self._refused(job, refusal)
        except Trouble:
            raise
        except (Busy, Unclear) as error:
            # The provider did not say. It is asked again, and nothing is ordered anew.
            log.info("Job %s could not be asked about: %s %s", job.id, error, error.raw)
            # It may well be done: one that cannot be reached at the deadline is asked on.
            late = self._overdue(job, provider)
            if late and now - self._unheard.setdefault(job.id, now) > UNHEARD:
                return self._expired(job, provider)
            wait = error.retry_after if isinstance(error, Busy) else None
            return self._clock() + max(wait or 0.0, provider.limits.poll_every)
        finally:
            self.pace.answered(job)
        now = self._clock()
        self._unheard.pop(job.id, None)
        if report.stage is Stage.READY:
            cost = understood(report.cost, of=f"job {job.id}")
            cost = cost if cost is not None else job.cost
            return job.to(State.FETCHING, now=now, due_at=now, result_url=report.url, cost=cost)
        if self._overdue(job, provider):
            return self._expired(job, provider)
        await self._look_at_progress(job, report)
        # Spread the questions, so that jobs that began together are not asked about together; and
        # never sooner than the document says, counted from the answer.
        return self._clock() + provider.limits.poll_every * random.uniform(1.0, 1.2)  # noqa: S311

    async def _given_up(self, job: Job) -> Job | float | None:
        """Ask whether a job that was given up has come after all; else tell that it was."""
        if (came := await self.results.late(job)) is not None:
            return came
        if job.due_at is not None and job.due_at <= self._clock():
            return await self._tell(job)
        return self.next_look(job)

    def next_look(self, job: Job) -> float | None:
        """When to look at *job* next, as it is now."""
        times = [at for at in (job.due_at, self.results.late_at(job)) if at is not None]
        return min(times, default=None)

    async def _deliver(self, job: Job) -> Job:
        now = self._clock()
        if job.card_id is None and self._awake(job.created_at) < 60:
            return job.again(now + 1, tries=job.tries)  # the card is on its way; it says where
        again = self._tried(job)
        try:
            clip = self._data / (job.file or take(job))
            message = await self._screen.deliver(job, clip, again=again)
        except Trouble:
            raise
        except Busy as busy:
            if job.tries >= PATIENCE:
                return job.to(State.UNDELIVERED, now=now, due_at=None, error=str(busy))
            return job.again(self._later(job, busy))
        except Undeliverable as error:
            return job.to(State.UNDELIVERED, now=now, due_at=None, error=str(error))
        return job.to(State.DONE, now=self._clock(), due_at=None, result_id=message)

    async def _tell(self, job: Job) -> Job:
        """Tell its requester how a job ended without a clip, or that it is parked."""
        again = self._tried(job)
        try:
            message = await self._screen.tell(job, again=again)
        except Trouble:
            raise
        except Busy as busy:
            if job.tries >= PATIENCE:
                return replace(job, due_at=None)
            return job.again(self._later(job, busy))
        except Undeliverable:
            return replace(job, due_at=None)
        return replace(job, due_at=None, tries=0, result_id=message)

    # Ends.

    def _refused(self, job: Job, refusal: Refusal) -> Job:
        return refused(job, refusal, now=self._clock())

    def _failed(self, job: Job, sentence: str, *, failure: Failure, billed: str = "no") -> Job:
        now = self._clock()
        return job.to(
            State.FAILED, now=now, due_at=now, error=sentence, failure=failure, billed=billed
        )

    def _unclear(self, job: Job, why: str) -> Job:
        now = self._clock()
        self._intended.pop(job.id, None)
        return job.to(
            State.UNCLEAR, now=now, due_at=now, error=why, failure=Failure.UNCLEAR, billed="unknown"
        )

    def _overdue(self, job: Job, provider: Provider) -> bool:
        return self._awake(job.since) > provider.limits.max_runtime

    def _expired(self, job: Job, provider: Provider) -> Job:
        now = self._clock()
        minutes = round(provider.limits.max_runtime / 60)
        return job.to(
            State.EXPIRED,
            now=now,
            due_at=now,
            error=f"{provider.title} did not finish it within {minutes} minutes.",
            failure=Failure.TIMEOUT,
            billed="unknown",
        )

    # Trouble of ours.

    async def _held_up(self, job: Job, trouble: Trouble) -> Job | float:
        """Wait with *job* until this machine can; nothing is written, and no try is counted."""
        pause = await self._pause(job, trouble)
        hangs = trouble.kind == "ffmpeg" and self.troubles.times(job.id) >= HANGS
        if hangs and State.REVIEW in MOVES[job.state]:
            now, sentence = self._clock(), f"{trouble} A moderator must look at it."
            return job.to(State.REVIEW, now=now, due_at=now, error=sentence)
        return self._clock() + pause

    async def _pause(self, job: Job, trouble: Trouble) -> float:
        """Note *trouble*, ask for room where that is it; seconds until *job* is tried again."""
        times = self.troubles.met(job.id, trouble)
        if trouble.kind == "room":
            try:
                await self._make_room()
            except (Busy, OSError, DiskTrouble) as error:
                log.info("No room could be made: %s", error)
        return min(HELD_UP, 5.0 * 2.0 ** min(times, 10))

    # Small things.

    def order(self, job: Job, provider: Provider) -> Order:
        """What a provider is told of *job*, whatever it is asked."""
        token = job.token or ""
        return Order(
            job=job.id,
            attempt=token,
            model=_model(provider, job.model),
            brief=job.brief,
            path=lambda given: self._data / given.file,
            link=lambda given: self._link(job, given),
            callback=self._callback(provider, token),
        )

    def _tried(self, job: Job) -> bool:
        """Whether somebody, perhaps a process that died, may have posted the end of *job*."""
        if job.id in self._unposted:
            self._unposted.discard(job.id)
            return False
        return True

    def _later(self, job: Job, busy: Busy | None) -> float:
        """When to try again: when we were told to, else after a growing, random while."""
        if busy is not None and busy.retry_after is not None:
            return self._clock() + busy.retry_after
        return self._clock() + random.uniform(0.5, 1.0) * min(300.0, 2.0**job.tries)  # noqa: S311

    async def _look_at_progress(self, job: Job, report: Report) -> None:
        """Keep what the provider says, and what our own history makes likely."""
        now = self._clock()
        begun = replace(job, since=now - self._awake(job.since))
        ready_at, slow = self._estimates.of(begun, report.fraction, now=now)
        ready_at = None if ready_at is None else self._on_the_wall(ready_at)
        waits = report.stage is Stage.WAITING
        glimpse = Glimpse(waits_there=waits, fraction=report.fraction, ready_at=ready_at, slow=slow)
        if glimpse != self.glimpses.get(job.id):
            self.glimpses[job.id] = glimpse
            self._screen.show(job, glimpse)


def _model(provider: Provider, name: str) -> Model:
    """The model of a job; one that is no longer offered still has a name to ask about."""
    found = next((model for model in provider.models if model.name == name), None)
    return found or Model(name=name, title=name, capabilities=())


def _gone(job: Job) -> str:
    return f"{job.provider} is not set up here any more; nothing was ordered."
