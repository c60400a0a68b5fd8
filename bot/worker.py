"""Moves jobs along, one step at a time. Nothing else changes a job that has started.

Due times live in a heap in memory, rebuilt from the rows at start. A step is one look at the
row, one action, one save; a poll that changes nothing writes nothing.
"""

import asyncio
import heapq
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Protocol, assert_never

from bot.assembly import PIECE, assemble
from bot.billing import billed
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.estimates import Estimates
from bot.failover import Alternative, Failover, Offer, nobody
from bot.lanes import Queue
from bot.media import MediaError, sniff
from bot.models import Model
from bot.providers import CallsBack, Order, Provider, Receipt, Report, Stage
from storage import ENDED, IllegalMove, Input, Job, Stale, State, Store

log = logging.getLogger(__name__)

AT_ONCE = 64  #: steps under way at once; each provider bounds its own work besides
LOOK_AGAIN = 1.0  #: seconds; a machine that slept is up to date within this time
QUEUE_LASTS = 24 * 3600.0  #: seconds that a job waits for a provider before it is given up
TRIES = 6  #: tries of a step that fails for a reason nobody knows, before a person must look
PATIENCE = 12  #: tries of a step whose failure may pass, such as a download
STOPPING = 25.0  #: seconds that steps under way are given to finish at a stop
UNHEARD = 3600.0  #: seconds past its deadline that a provider which does not answer is asked
SOON = 60.0  #: seconds within which every job is looked at that a start takes up
REFRESHED = 50  #: jobs whose cards are looked after at a start, if they ended within …
FRESH = 600.0  #: … these seconds
SHOWN_WAITING = 20  #: cards of waiting jobs that are kept current; the rest follow as they move up


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


class Undeliverable(Exception):
    """There is nowhere to post this any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What is known of a live job and not worth writing down."""

    position: int | None = None  #: 1 is next
    waiting: int | None = None  #: how many wait for the same provider
    why_waiting: str = ""  #: why it stands there, where that needs words
    waits_there: bool = False  #: the provider has it, and has not begun
    fraction: float | None = None  #: 0 to 1, as the provider says
    ready_at: float | None = None  #: an estimate from this deployment's own history, to print
    slow: bool = False  #: it takes longer than nine of ten did


class Screen(Protocol):
    """Where people see what becomes of a job."""

    def show(self, job: Job, glimpse: Glimpse) -> None:
        """Make the card say where the job stands, soon. Never raises, never waits."""
        ...

    async def deliver(self, job: Job, clip: Path, *, again: bool) -> int:
        """Post the clip and ping its requester; return the message's id.

        With *again*, an earlier try may have posted it: look first. Raises `Busy` to be
        asked again, `Undeliverable` when there is nowhere left.
        """
        ...

    async def tell(self, job: Job, *, again: bool) -> int:
        """Say in the thread how the job ended without a clip. As `deliver`."""
        ...


class Worker:
    """Takes whichever job is due and advances it."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        screen: Screen,
        *,
        data: Path,
        link: Callable[[Job, Input], Awaitable[str]],
        callback: Callable[[Provider, str], str | None] = lambda _provider, _token: None,
        alternative: Alternative = nobody,
        usd_per_credit: Decimal = Decimal("0.01"),
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(24),
    ) -> None:
        self._jobs = store.jobs
        self._providers = providers
        self._screen = screen
        self._data = data
        self._link = link
        self._callback = callback
        self._failover = Failover(providers, alternative)
        self._estimates = Estimates(store.jobs)
        self._named: dict[str, str] = {}  # what a callback called an attempt that is being sent
        self._usd_per_credit = usd_per_credit
        self._clock = store.clock.now
        self._awake = store.clock.awake
        self._on_the_wall = store.clock.on_the_wall
        self._new_token = new_token

        self._heap: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}  # the one entry of the heap that counts for each job
        self._stepping: set[int] = set()
        self._woken_while_stepping: set[int] = set()
        self._intended: dict[int, str] = {}  # attempts that this process wrote down and not sent
        self._unposted: set[int] = set()  # jobs of which nobody has tried to post the end
        self._slots: dict[str, set[int]] = {}  # jobs that a provider is, or may be, working on
        self._waiting: dict[str, Queue] = {}  # who waits for a provider
        self._glimpses: dict[int, Glimpse] = {}
        self._unheard: dict[int, float] = {}  # since when overdue jobs' providers do not answer
        self._unsaved: dict[int, Job] = {}  # what happened, and could not be written down yet
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._wake = asyncio.Event()
        self.lateness = 0.0  #: seconds that the last step began after it was due

    # What others may ask.

    def wake(self, job: Job) -> None:
        """Look at *job* now: it is new, or a person changed it."""
        if job.state is not State.QUEUED:
            self._leave_queue(job)
        self._plan(job.id, self._clock())

    def glimpse(self, job: Job) -> Glimpse:
        """What is known of *job* right now."""
        if job.id in self._queue(job.provider):
            return self._in_queue(job)
        return self._glimpses.get(job.id, Glimpse())

    def typical(self, provider: str, model: str) -> float | None:
        """See `Crew.typical`."""
        return self._estimates.typical(provider, model)

    async def called_back(self, token: str, body: bytes) -> None:
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
        if job.state is State.RENDERING:
            self._called(job, named)
            return
        known = await self._jobs.by_remote(job.provider, named)
        if known is not None and known.id != job.id:
            return  # that clip is another job's
        try:
            await provider.poll(self._order(job, provider), named)
        except Refusal as refusal:
            if refusal.failure is Failure.LOST:
                return  # it does not know that id: the callback was forged
        except Unclear as error:
            raise Busy(str(error)) from error
        job = await self._jobs.by_token(token)  # asking took a while
        if job is None:
            return
        match job.state:
            case State.SUBMITTING:
                self._named[token] = named  # in case the reply is lost
                raise Busy("It is just being sent.")
            case State.UNCLEAR:
                await self._adopt(job, named)
            case _:
                self._called(job, named)

    def _called(self, job: Job, named: str) -> None:
        """Ask about *job* now, if that is what its provider calls it."""
        if job.remote_id == named:
            self.wake(job)

    async def _adopt(self, job: Job, named: str) -> None:
        """Go on with an unclear *job*, now that its provider knows it as *named*."""
        now = self._clock()
        adopted = job.to(State.RENDERING, now=now, due_at=now, remote_id=named, error=None)
        try:
            saved = await self._jobs.save(
                replace(adopted, failure=None, billed="no"), "called back"
            )
        except Stale as stale:
            raise Busy("It moved just now.") from stale
        log.info("Job %s was found by a callback", job.id)
        self._slots.setdefault(job.provider, set()).add(job.id)
        self._queue(job.provider).at_work(job)
        self._screen.show(saved, Glimpse())
        self.wake(saved)

    # Running.

    async def load(self) -> None:
        """Take up every job that the rows say is not finished."""
        for provider in self._providers.values():
            for model in provider.models:
                await self._estimates.learn(provider.name, model.name)
        latest = self._clock() + SOON  # a row that a wrong clock wrote may be due in years
        for job in await self._jobs.live():
            if job.state in {State.SUBMITTING, State.RENDERING}:
                self._slots.setdefault(job.provider, set()).add(job.id)
            self._plan(job.id, min(job.due_at, latest))
        for ended in await self._jobs.newest(limit=REFRESHED):
            # Whoever ran before may have died between an ending and its card.
            if ended.state in ENDED and self._clock() - ended.since < FRESH:
                self._screen.show(ended, Glimpse())

    async def run(self) -> None:
        """Work until `stop`. A step that fails unexpectedly hurts only its own job."""
        await self.load()
        while not self._stopping:
            self._wake.clear()
            while len(self._tasks) < AT_ONCE and (due := self._next()) is not None:
                task = asyncio.create_task(self._step(due), name=f"job {due}")
                self._tasks.add(task)
                task.add_done_callback(self._finished)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause())

    async def stop(self) -> None:
        """Begin nothing more; let what is under way finish, above all a POST that costs money."""
        self._stopping = True
        self._wake.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=STOPPING)
        for task in late:
            log.warning("%s was cut off at the stop", task.get_name())
            task.cancel()

    async def step(self) -> bool:
        """Advance one job that is due; False when none is. For tests, in place of `run`."""
        due = self._next()
        if due is None:
            return False
        await self._step(due)
        return True

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()

    def _plan(self, id: int, at: float) -> None:
        if id in self._stepping:
            self._woken_while_stepping.add(id)
            return
        self._due[id] = at
        heapq.heappush(self._heap, (at, id))
        self._wake.set()

    def _next(self) -> int | None:
        """The job that has been due longest, if one is."""
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            at, job = heapq.heappop(self._heap)
            if self._due.get(job) == at:
                del self._due[job]
                self._stepping.add(job)
                self.lateness = now - at
                return job
        return None

    def _pause(self) -> float:
        """Seconds until something is due; never so many that a machine's sleep goes unnoticed."""
        if len(self._tasks) >= AT_ONCE or not self._heap:
            return LOOK_AGAIN
        return min(LOOK_AGAIN, max(0.0, self._heap[0][0] - self._clock()))

    async def _step(self, id: int) -> None:
        again: float | None = self._clock()  # after a failure of ours, unless told otherwise
        try:
            again = await self._look(id)
        except Stale:
            log.info("Job %s moved while it was being worked on", id)
        except Exception:  # a boundary: one job's bug must not stop the others
            log.exception("Job %s could not be advanced", id)
            again = self._clock() + 30
        finally:
            self._stepping.discard(id)
            if id in self._woken_while_stepping:
                self._woken_while_stepping.discard(id)
                again = self._clock()
            if again is not None:
                self._plan(id, again)

    async def _look(self, id: int) -> float | None:
        """One look, one action, one save. When to look again, or None."""
        job = await self._jobs.get(id)
        if job is None or job.due_at is None:
            if job is not None:
                self._let_go(job)
                self._screen.show(job, Glimpse())
            return None
        if job.id in self._slots.get(job.provider, ()):
            self._queue(job.provider).at_work(job)
        while True:
            # What happened is not lost when the disk is full: it is written down once it can be.
            outcome = self._unsaved.get(job.id) or await self._advance(job)
            if not isinstance(outcome, Job):
                return outcome
            self._unsaved[job.id] = outcome
            try:
                before, job = job, await self._jobs.save(outcome, credits=self._billed(outcome))
            except (Stale, IllegalMove):
                del self._unsaved[job.id]
                raise
            del self._unsaved[job.id]
            self._after(before, job)
            if before.state is State.FETCHING:
                await self._estimates.learn(job.provider, job.model)
            if job.state is not State.SUBMITTING:
                return job.due_at
            # What was just written down is done at once: a stop never comes between the two.

    def _after(self, before: Job, saved: Job) -> None:
        """What follows from a move, all of it in memory."""
        if saved.state is not before.state:
            log.info("Job %s: %s -> %s", saved.id, before.state, saved.state)
            if saved.state not in {State.SUBMITTING, State.RENDERING}:
                self._let_go(saved)
            if saved.due_at is not None and saved.state in POSTED:
                self._unposted.add(saved.id)
        if before.state is State.SUBMITTING:
            self._named.pop(before.token or "", None)
        if saved.state in ENDED:
            self._glimpses.pop(saved.id, None)
            self._unheard.pop(saved.id, None)
            self._failover.forget(saved)
        self._screen.show(saved, self.glimpse(saved))

    async def _advance(self, job: Job) -> Job | float | None:
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
                    return await self._fetch(job)
                case State.DELIVERING:
                    return await self._deliver(job)
                case State.DONE | State.UNDELIVERED:
                    return replace(job, due_at=None)
                case State.FAILED | State.CANCELLED | State.EXPIRED | State.CLOSED:
                    return await self._tell(job)
                case State.UNCLEAR | State.REVIEW:
                    return await self._tell(job)
                case _:
                    assert_never(job.state)
        except (Stale, IllegalMove):
            raise
        except Exception:  # a bug: the log remembers it, the job outlives it
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
        slots = self._slots.setdefault(job.provider, set())
        if self._stopping:
            return None
        if self._awake(job.created_at) > QUEUE_LASTS:
            now, sentence = self._clock(), "No provider took it within a day; nothing was ordered."
            return job.to(
                State.EXPIRED, now=now, due_at=now, error=sentence, failure=Failure.TIMEOUT
            )
        if (offer := self._failover.offer(job)) is not None:
            return await self._move(job, offer)
        room = provider.limits.concurrency - len(slots)
        if job.id not in slots and self._queue(job.provider).position(job) > room:
            self._join_queue(job)
            return None
        slots.add(job.id)
        self._queue(job.provider).at_work(job)
        self._leave_queue(job)
        now, token = self._clock(), self._new_token()
        self._intended[job.id] = token
        return job.to(State.SUBMITTING, now=now, due_at=now, attempt=job.attempt + 1, token=token)

    async def _move(self, job: Job, offer: Offer) -> float:
        """Give *job* to another provider."""
        now = self._clock()
        self._let_go(job)
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
            receipt = await provider.submit(self._order(job, provider))
        except Busy as busy:
            log.info("Job %s was not taken: %s %s", job.id, busy, busy.raw)
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
            named = self._named.get(job.token or "")
            if named is None:
                log.exception("Job %s may have been taken: %s", job.id, unclear.raw)
                return self._unclear(job, str(unclear))
            log.info("Job %s: the reply was lost, a callback named it", job.id)
            receipt = Receipt(remote_id=named)
        now = self._clock()
        # Where it called back already, there is no need to wait before asking.
        called = self._named.get(job.token or "") == receipt.remote_id
        if receipt.file is not None:
            kept = self._data / self._piece(job)
            kept.parent.mkdir(parents=True, exist_ok=True)
            receipt.file.replace(kept)
            return job.to(
                State.FETCHING, now=now, due_at=now, cost=receipt.cost, file=self._piece(job)
            )
        return job.to(
            State.RENDERING,
            now=now,
            due_at=now if called else now + provider.limits.first_poll,
            remote_id=receipt.remote_id,
            cost=receipt.cost,
        )

    async def _poll(self, job: Job) -> Job | float:
        now = self._clock()
        provider = self._providers.get(job.provider)
        if provider is None or job.remote_id is None:
            return now + 60  # its key may come back; what it renders is not lost until it expires
        order = self._order(job, provider)
        if job.cancelled_by is not None and provider.cancels:
            await provider.cancel(order, job.remote_id)
            return job.to(State.CANCELLED, now=now, due_at=None)
        try:
            report = await provider.poll(order, job.remote_id)
        except Refusal as refusal:
            log.warning("Job %s failed there: %s %s", job.id, refusal, refusal.raw)
            return self._refused(job, refusal)
        except (Busy, Unclear) as error:
            # The provider did not say. It is asked again, and nothing is ordered anew.
            log.info("Job %s could not be asked about: %s %s", job.id, error, error.raw)
            # It may well be done: one that cannot be reached at the deadline is asked on.
            late = self._overdue(job, provider)
            if late and now - self._unheard.setdefault(job.id, now) > UNHEARD:
                return self._expired(job, provider)
            wait = error.retry_after if isinstance(error, Busy) else None
            return now + (wait or provider.limits.poll_every)
        self._unheard.pop(job.id, None)
        if report.stage is Stage.READY:
            cost = report.cost if report.cost is not None else job.cost
            return job.to(State.FETCHING, now=now, due_at=now, result_url=report.url, cost=cost)
        if self._overdue(job, provider):
            return self._expired(job, provider)
        await self._look_at_progress(job, report)
        # Spread the questions, so that jobs that began together are not asked about together.
        return now + provider.limits.poll_every * random.uniform(0.9, 1.1)  # noqa: S311

    async def _fetch(self, job: Job) -> Job:
        now = self._clock()
        provider = self._providers.get(job.provider)
        if provider is None:
            return job.again(now + 60, tries=job.tries)
        kept = self._data / self._piece(job)
        if job.file is None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            try:
                order = self._order(job, provider)
                await provider.fetch(order, job.remote_id, job.result_url, kept)
            except (Busy, Unclear) as error:
                log.info("Job %s could not be fetched: %s %s", job.id, error, error.raw)
                if job.tries >= PATIENCE:
                    return self._failed(
                        job,
                        f"{provider.title} made it, and it could not be downloaded: {error}",
                        failure=Failure.BAD_RESULT,
                        billed="yes",
                    )
                return job.again(self._later(job, error if isinstance(error, Busy) else None))
            except Refusal as refusal:
                log.warning("Job %s: no usable result: %s %s", job.id, refusal, refusal.raw)
                return self._failed(
                    job, str(refusal), failure=refusal.failure or Failure.BAD_RESULT, billed="yes"
                )
        file = self._take(job)
        if job.brief.plan is not None:
            try:
                await assemble(job.brief.plan, kept, self._data / file, data=self._data)
            except MediaError as error:
                # What was paid for is posted all the same, and the message says what it is.
                log.warning("Job %s could not be put together: %s %s", job.id, error, error.stderr)
                file = self._piece(job)
        elif kept.exists() and sniff(kept) == "application/zip":  # HDR's frames
            file = f"takes/{job.id}.zip"
            kept.replace(self._data / file)
        now = self._clock()
        return job.to(State.DELIVERING, now=now, due_at=now, file=file, billed="yes")

    async def _deliver(self, job: Job) -> Job:
        now = self._clock()
        if job.card_id is None and self._awake(job.created_at) < 60:
            return job.again(now + 1, tries=job.tries)  # the card is on its way; it says where
        again = self._tried(job)
        try:
            clip = self._data / (job.file or self._take(job))
            message = await self._screen.deliver(job, clip, again=again)
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
        except Busy as busy:
            if job.tries >= PATIENCE:
                return replace(job, due_at=None)
            return job.again(self._later(job, busy))
        except Undeliverable:
            return replace(job, due_at=None)
        return replace(job, due_at=None, tries=0, result_id=message)

    # Ends.

    def _refused(self, job: Job, refusal: Refusal) -> Job:
        billed = {True: "yes", False: "no", None: "unknown"}[refusal.billed]
        return self._failed(
            job, str(refusal), failure=refusal.failure or Failure.REFUSED, billed=billed
        )

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

    # Small things.

    def _order(self, job: Job, provider: Provider) -> Order:
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

    def _billed(self, job: Job) -> int | None:
        return billed(job, self._providers.get(job.provider), self._usd_per_credit)

    def _take(self, job: Job) -> str:
        return f"takes/{job.id}.mp4"

    def _piece(self, job: Job) -> str:
        """What the provider makes: the take itself, or what becomes a part of it here."""
        return self._take(job) if job.brief.plan is None else f"takes/{job.id}{PIECE}"

    def _later(self, job: Job, busy: Busy | None) -> float:
        """When to try again: when we were told to, else after a growing, random while."""
        if busy is not None and busy.retry_after is not None:
            return self._clock() + busy.retry_after
        return self._clock() + random.uniform(0.5, 1.0) * min(300.0, 2.0**job.tries)  # noqa: S311

    def _join_queue(self, job: Job) -> None:
        if self._queue(job.provider).join(job):
            self._show_queue(job.provider)

    def _leave_queue(self, job: Job) -> None:
        if self._queue(job.provider).leave(job.id):
            self._show_queue(job.provider)

    def _show_queue(self, provider: str) -> None:
        for job in self._queue(provider).first(SHOWN_WAITING):
            self._screen.show(job, self._in_queue(job))

    def _in_queue(self, job: Job) -> Glimpse:
        queue = self._queue(job.provider)
        return Glimpse(
            position=queue.position(job), waiting=len(queue), why_waiting=queue.reason(job)
        )

    def _queue(self, provider: str) -> Queue:
        return self._waiting.setdefault(provider, Queue())

    def _let_go(self, job: Job) -> None:
        """Give *job*'s slot to whoever waits for it."""
        slots, queue = self._slots.get(job.provider, set()), self._queue(job.provider)
        slots.discard(job.id)
        queue.finished(job.id)
        self._leave_queue(job)
        provider = self._providers.get(job.provider)
        for waiting in queue.first(provider.limits.concurrency - len(slots) if provider else 1):
            self._plan(waiting.id, self._clock())

    async def _look_at_progress(self, job: Job, report: Report) -> None:
        """Keep what the provider says, and what our own history makes likely."""
        now = self._clock()
        begun = replace(job, since=now - self._awake(job.since))
        ready_at, slow = self._estimates.of(begun, report.fraction, now=now)
        ready_at = None if ready_at is None else self._on_the_wall(ready_at)
        waits = report.stage is Stage.WAITING
        glimpse = Glimpse(waits_there=waits, fraction=report.fraction, ready_at=ready_at, slow=slow)
        if glimpse != self._glimpses.get(job.id):
            self._glimpses[job.id] = glimpse
            self._screen.show(job, glimpse)


def _model(provider: Provider, name: str) -> Model:
    """The model of a job; one that is no longer offered still has a name to ask about."""
    found = next((model for model in provider.models if model.name == name), None)
    return found or Model(name=name, title=name, capabilities=())


def _gone(job: Job) -> str:
    return f"{job.provider} is not set up here any more; nothing was ordered."
