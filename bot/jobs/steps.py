"""What is done about a job in each of its states: one action, and the job as it then is."""

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from bot.backoff import backoff
from bot.catalog.bills import understood
from bot.catalog.model import model_named
from bot.errors import Busy, Failure, Refusal, Trouble, Unclear
from bot.events import Events
from bot.jobs.batches import BatchPosts, NotYet
from bot.jobs.cadence import Cadence
from bot.jobs.calls import counted
from bot.jobs.cancelling import still_at_work
from bot.jobs.carrying import Carry, Carrying
from bot.jobs.disk_inputs import input_at
from bot.jobs.failover import Alternative, Failover, Offer, nobody
from bot.jobs.pace import Pace
from bot.jobs.presenter import Presenter, Undeliverable
from bot.jobs.results import Results, added, piece, refused, take
from bot.jobs.tracker import Tracker
from bot.machine_trouble import Troubles, no_room, trouble_of
from bot.progress import Progress
from bot.providers import Announces, Order, Provider, Receipt, Stage
from storage import (
    DOWNLOADS,
    ENDED,
    MOVES,
    PARKED,
    POSTED,
    UNANSWERED,
    DiskTrouble,
    IllegalMove,
    Input,
    Job,
    Stale,
    State,
    Store,
)

log = logging.getLogger(__name__)

QUEUE_LASTS = 24 * 3600.0  #: seconds that a job waits for a provider before it is given up
TRIES = 6  #: tries of a step that fails for a reason nobody knows, before a person must look
PATIENCE = 12  #: tries of a step whose failure may pass, such as a download
OWED_LEAST, OWED_MOST = 300.0, 3600.0  #: seconds between two tries of a post that is owed
REJECTED_AGAIN = 24 * 3600.0  #: the same, where Discord does not take what it says
NOTICE_LASTS = 7 * 24 * 3600.0  #: seconds for which a notice is owed; a clip is while it is kept
CARD_WITHIN = 10.0  #: seconds for its card to stand, before a job goes on without one
REPEATS = 10  #: times that an order is sent again which its provider answered with “not now”
HANGS = 8  #: times in a row that a job waits for a program that hangs, before a person must look
HELD_UP = 300.0  #: seconds, at most, until work that trouble of ours holds up is tried again
NOT_SURE = "Another Dailies may have taken over."
GONE = "{} is no longer set up here. Nothing was ordered."
UNHEARD = 3600.0  #: seconds past its deadline that a provider which does not answer is asked

Save = Callable[[Job], Awaitable[Job]]  #: writes a job down; gives it as the row is then


class Steps:
    """The steps, and what is known of jobs between two of them. Saves nothing but a move."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        presenter: Presenter,
        *,
        tracker: Tracker,
        events: Events,
        data: Path,
        link: Callable[[Job, Input], Awaitable[str]],
        callback: Callable[[Provider, str], str | None] = lambda _provider, _token: None,
        alternative: Alternative = nobody,
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(24),
        make_room: Callable[[], Awaitable[None]] = no_room,
        results: Callable[..., Results] = Results,
        restored: int = 0,
        carry: Carry | None = None,
    ) -> None:
        """*make_room* is asked for when the disk is full; *results* makes what fetches clips;
        *carry* is None where no other process may have to go on with a job."""
        self._store = store
        self._jobs = store.jobs
        self._providers = providers
        self._presenter = presenter
        self._posts = BatchPosts(store, presenter, restored=restored)
        self._tracker = tracker
        self._places = tracker.slots
        self._cadence = Cadence(tracker.estimates.took)
        self._job_changed = events.job_changed
        self.called = events.provider_called
        self._data = data
        self._link = link
        self._callback = callback
        self._failover = Failover(providers, alternative)
        self._clock = store.clock.now
        self._awake = store.clock.awake
        self._new_token = new_token
        self._intended: dict[int, str] = {}  # attempts that this process wrote down and not sent
        self._unposted: set[int] = set()  # jobs of which nobody has tried to post the end
        self._restored = restored  # jobs up to that are out of a backup: their ends may be posted
        self._make_room = make_room
        self.troubles = Troubles()
        self.pace = Pace(self._clock)
        self.results = results(
            store, providers, data=data, order=self.order, pace=self.pace, called=self.called
        )
        self._carrying = Carrying(carry, fetch=self.results.fetch, later=self._later)
        self._unheard: dict[int, float] = {}  # since when overdue jobs' providers do not answer
        self.named: dict[str, str] = {}  #: what callbacks called attempts without a reply
        self.without_card: set[int] = set()  #: jobs whose card could not be posted
        self._stopping = False
        self._posted: dict[int, int] = {}  # messages of clips that were owed, until it is noted
        self.rejected: set[int] = set()  #: owed posts of which Discord does not take what they say

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping = True

    def remembered(self) -> set[int]:
        """The jobs of which something is known that no row says."""
        return {*self._unposted, *self._intended, *self._posted, *self.rejected}

    def forget(self, job_ids: Collection[int]) -> None:
        """Know nothing of jobs any more: another process works for their servers, and may have
        posted what this one has not."""
        self._unposted.difference_update(job_ids)
        for job_id in job_ids:
            self._intended.pop(job_id, None)
            self._posted.pop(job_id, None)
            self.rejected.discard(job_id)

    def saved(self, before: Job, job: Job) -> None:
        """A step was written down: *job* is what became of *before*."""
        if job.state is not before.state and job.due_at is not None and job.state in POSTED:
            self._unposted.add(job.id)
        self.troubles.over(job.id)
        if before.state in DOWNLOADS and job.state is not before.state:
            self.results.forget(job)
        if job.state not in UNANSWERED:
            self.named.pop(before.token or "", None)
        if job.due_at is None:
            self.rejected.discard(job.id)
            self.without_card.discard(job.id)
        if job.state in ENDED:
            self._tracker.reported.pop(job.id, None)
            self.pace.forget(job)
            self._unheard.pop(job.id, None)
            self._failover.forget(job)

    async def advance(self, job: Job, save: Save) -> Job | float | None:
        """Do what *job*'s state calls for: the job as it then is, or when to look again.

        *save* writes down what has to be on the disk before the step can end.
        """
        now = self._clock()
        try:
            match job.state:
                case State.QUEUED:
                    return await self._begin(job, save)
                case State.SUBMITTING:
                    return await self._submit(job)
                case State.RENDERING:
                    return await self._poll(job)
                case State.FETCHING:
                    return await self._carrying.fetch(job)
                case State.DELIVERING | State.UNDELIVERED:
                    return await self._deliver(job)
                case State.DONE:
                    return replace(job, due_at=None)
                case State.EXPIRED:
                    return await self._given_up(job)
                case State.FAILED | State.CANCELLED | State.CLOSED:
                    return await self._tell(job)
                case State.UNCLEAR | State.REVIEW:
                    return await self._tell(job)
                case _:
                    assert_never(job.state)
        except NotYet as wait:
            return wait.at
        except (Stale, IllegalMove):
            raise
        except Exception as error:  # a bug: the log remembers it, the job outlives it
            trouble = trouble_of(error)
            if trouble is not None and job.state is not State.SUBMITTING:
                return await self._held_up(job, trouble)
            log.exception("Job %s could not be advanced", job.id)
            if job.state is State.UNDELIVERED:
                return self._owed(job)
            if job.state in ENDED | PARKED:
                return replace(job, due_at=None) if job.tries >= TRIES else job.again(now + 60)
            if job.state is State.SUBMITTING:
                return self._unclear(job, "Something broke on our side while it was being sent.")
            if job.tries >= TRIES:
                return job.to(
                    State.REVIEW,
                    now=now,
                    due_at=now,
                    error="It keeps failing on our side. A moderator must check it.",
                )
            return job.again(now + 2.0**job.tries)

    # One function a state.

    async def _begin(self, job: Job, save: Save) -> Job | float | None:
        """Have it ordered, once there is room at its provider."""
        provider = self._providers.get(job.provider)
        if provider is None:
            return self._failed(job, GONE.format(job.provider), failure=Failure.DOWN)
        if self._stopping:
            return None
        if job.card_id is None and (wait := self._until_without_card(job)) > 0:
            return self._clock() + wait  # once its card stands, that is committed, and it is due
        if self._awake(job.created_at) > QUEUE_LASTS and await self._waited_enough(job):
            now, sentence = self._clock(), "No provider took it within a day. Nothing was ordered."
            return job.to(
                State.EXPIRED, now=now, due_at=now, error=sentence, failure=Failure.TIMEOUT
            )
        if (offer := self._failover.offer(job)) is not None:
            return await self._move(job, offer)
        if (later := await self._carrying.until(job)) is not None:
            return later
        if not self._places.take(job, provider) or not await self._places.granted(job, provider):
            return None
        job = replace(job, token=self._new_token())
        if isinstance(provider, Announces):
            return await self._send(job, provider, save)
        self._intended[job.id] = job.token or ""
        return self._intention(job)

    def _intention(self, job: Job) -> Job:
        now = self._clock()
        return job.to(State.SUBMITTING, now=now, due_at=now, attempt=job.attempt + 1)

    def _until_without_card(self, job: Job) -> float:
        """Seconds that a job waits for its card, where people see what happens to it."""
        wait = CARD_WITHIN - self._awake(job.created_at)
        if wait > 0 and job.id not in self.without_card:
            return wait
        self._presenter.ensure_card(job)
        return 0.0

    async def _waited_enough(self, job: Job) -> bool:
        """Whether nobody asked for another try lately: an order may have been parked for days."""
        asked = [
            event.at
            for event in await self._jobs.history(job.id)
            if event.after is State.QUEUED and event.before in PARKED
        ]
        return not asked or self._awake(asked[-1]) > QUEUE_LASTS

    async def _move(self, job: Job, offer: Offer) -> float:
        """Give *job* to another provider."""
        now = self._clock()
        self._places.let_go(job)
        saved = await self._jobs.reassign(self._failover.moved(job, offer, now=now))
        log.info("Job %s moves from %s to %s", job.id, job.provider, saved.provider)
        self._job_changed.emit(saved, Progress())
        return now

    async def _submit(self, job: Job) -> Job | float | None:
        intended = self._intended.get(job.id) == job.token
        provider = self._providers.get(job.provider)
        if provider is None:
            if intended:
                return self._failed(job, GONE.format(job.provider), failure=Failure.DOWN)
            return self._unclear(job, f"{job.provider} is no longer set up here.")
        if not intended and not provider.idempotent:
            # Another process wrote this intention: it may have sent it, and it may cost money.
            return self._unclear(job, "Dailies stopped while it was being sent.")
        if not self._store.sure:  # another process may have parked it by now
            return self._clock() + 1.0
        self._intended.pop(job.id, None)
        self._job_changed.emit(job, Progress())
        try:
            order = replace(self.order(job, provider), again=not intended)
            with counted(self.called, job.provider, "submit"):
                receipt = await provider.submit(order)
        except (Busy, Refusal, Unclear) as error:
            return await self._not_taken(job, provider, error)
        return self._taken(job, provider, receipt)

    async def _send(self, job: Job, provider: Provider, save: Save) -> Job | float | None:
        """Order *job*, and write the intention down when its provider says that it leaves now.

        Whatever comes before, such as an upload or a connection, may fail or be cut off and has
        ordered nothing.
        """
        saving: asyncio.Future[Job] | None = None

        async def sending() -> None:
            nonlocal saving
            if self._stopping:
                raise Busy("Dailies is about to stop.")
            if saving is None:
                saving = asyncio.ensure_future(save(self._intention(job)))
            await asyncio.shield(saving)
            if not self._store.sure:
                raise Trouble(NOT_SURE, kind="server", raw=NOT_SURE)

        answer: Receipt | Exception
        try:
            with counted(self.called, job.provider, "submit"):
                answer = await provider.submit(replace(self.order(job, provider), sending=sending))
        except Exception as error:  # noqa: BLE001  # each kind is told apart below
            answer = error
        if saving is not None:
            await asyncio.wait({saving})
            if saving.cancelled() or saving.exception() is not None:
                self._places.let_go(job)  # it was not sent
            job = saving.result()
        elif isinstance(answer, Receipt | Unclear):  # it did not say so, and sent it
            job = await save(self._intention(job))
        match answer:
            case Receipt():
                return self._taken(job, provider, answer)
            case Busy() | Refusal() | Unclear():
                return await self._not_taken(job, provider, answer)
            case _ if job.state is State.SUBMITTING:
                log.error("Job %s may have been sent", job.id, exc_info=answer)
                return self._unclear(job, "Something broke on our side while it was being sent.")
            case _:
                self._places.let_go(job)
                raise answer

    async def _not_taken(
        self, job: Job, provider: Provider, error: Busy | Refusal | Unclear
    ) -> Job:
        """What becomes of *job* after an order that *provider* did not take, as far as is known."""
        match error:
            case Trouble() as trouble:
                pause = await self._pause(job, trouble)
                return replace(self._queued_again(job, self._clock() + pause), tries=job.tries)
            case Busy() as busy:
                log.info("Job %s was not taken: %s %s", job.id, busy, busy.raw)
                if busy.answered:
                    if job.repeats >= REPEATS:
                        sentence = f"{busy} It was asked {job.repeats + 1} times."
                        return self._failed(job, sentence, failure=busy.failure)
                    job = replace(job, repeats=job.repeats + 1)
                elsewhere = self._failover.busy(job, provider, busy)
                return self._queued_again(
                    job, self._clock() if elsewhere else self._later(job, busy)
                )
            case Refusal() as refusal:
                log.warning("Job %s was refused: %s %s", job.id, refusal, refusal.raw)
                if self._failover.refused(job, refusal):
                    return self._queued_again(job, self._clock())
                return refused(job, refusal, now=self._clock())
            case unclear:
                named = self.named.get(job.token or "")
                if named is None and provider.idempotent and not self._overdue(job, provider):
                    # The same attempt makes one clip, however often it is sent.
                    log.info("Job %s is sent again: %s %s", job.id, unclear, unclear.raw)
                    return job.again(self._later(job, None))
                if named is None:
                    log.error("Job %s may have been taken: %s", job.id, unclear.raw)
                    return self._unclear(job, str(unclear))
                log.info("Job %s: the reply was lost, a callback named it", job.id)
                return self._taken(job, provider, Receipt(remote_id=named))

    def _queued_again(self, job: Job, at: float) -> Job:
        """*job*, which was not sent, waiting until *at* for another try."""
        if job.state is State.QUEUED:
            self._places.let_go(job)
            return job.again(at, token=None)
        queued = job.to(State.QUEUED, now=self._clock(), due_at=at)
        return replace(queued, tries=job.tries + 1)

    def _taken(self, job: Job, provider: Provider, receipt: Receipt) -> Job:
        """*job* once its provider took the order."""
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
            due_at=now if called else now + self._cadence.first(job, provider),
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
            wait = await still_at_work(provider, order, job.remote_id, called=self.called)
            if wait is not None and not self._overdue(job, provider):
                return self._clock() + wait
            return job.to(State.CANCELLED, now=self._clock(), due_at=None)
        if (soonest := self.pace.soonest(job, provider)) > now:
            return soonest
        try:
            with counted(self.called, job.provider, "poll"):
                report = await provider.poll(order, job.remote_id)
        except Refusal as refusal:
            log.warning("Job %s failed there: %s %s", job.id, refusal, refusal.raw)
            now = self._clock()
            if refusal.failure is Failure.BAD_RESULT and not refusal.final:
                # It is finished, and the answer did not say where: the next one may.
                return job.to(State.FETCHING, now=now, due_at=now + provider.limits.poll_every)
            return refused(job, refusal, now=self._clock())
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
        if report.remote_id not in (None, job.remote_id):
            log.warning("Job %s is called %s now: %s", job.id, report.remote_id, report.note)
            note = added(job.note, report.note) if report.note else job.note
            at = now + provider.limits.poll_every
            return replace(job, remote_id=report.remote_id, note=note, due_at=at, tries=0)
        if report.stage is Stage.READY:
            cost = understood(report.cost, of=f"job {job.id}")
            cost = cost if cost is not None else job.cost
            return job.to(State.FETCHING, now=now, due_at=now, result_url=report.url, cost=cost)
        if self._overdue(job, provider):
            return self._expired(job, provider)
        self._tracker.look_at(job, report)
        return self._clock() + self._cadence.next(job, provider, report, self._awake(job.since))

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
        """Post the clip. One that cannot be posted is owed, for as long as it is kept."""
        now = self._clock()
        owed = job.state is State.UNDELIVERED
        if not owed and job.card_id is None and self._awake(job.created_at) < 60:
            if job.id in self.without_card:
                self._presenter.ensure_card(job)
            return job.again(now + 1, tries=job.tries)  # the card is on its way; it says where
        message = self._posted.pop(job.id, None)
        if message is None:
            again = self._tried(job) or owed
            try:
                clip = self._data / (job.file or take(job))
                message = await self._posts.deliver(job, clip, again=again)
            except Trouble:
                raise
            except Busy as busy:
                if owed:
                    return self._owed(job)
                if job.tries < PATIENCE:
                    return job.again(self._later(job, busy))
                return self._owed(job.to(State.UNDELIVERED, now=now, error=str(busy)))
            except Undeliverable as error:
                if not owed:
                    job = job.to(State.UNDELIVERED, now=now, error=str(error))
                return replace(job, due_at=None) if error.gone else self._owed(job, error)
        now = self._clock()
        if owed:  # an end is left only the way that people take, too
            self._posted[job.id] = message
            return job.to(State.DELIVERING, now=now, due_at=now, error=None)
        return job.to(State.DONE, now=now, due_at=None, result_id=message)

    async def _tell(self, job: Job) -> Job:
        """Tell its requester how a job ended without a clip, or that it is parked."""
        over = self._awake(job.since) > NOTICE_LASTS
        try:
            message = await self._posts.tell(job, again=self._tried(job))
        except Trouble:
            raise
        except Busy as busy:
            if over:
                return self._untold(job, busy)
            return job.again(self._later(job, busy)) if job.tries < PATIENCE else self._owed(job)
        except Undeliverable as error:
            return self._untold(job, error) if over or error.gone else self._owed(job, error)
        return replace(job, due_at=None, tries=0, result_id=message)

    def _untold(self, job: Job, why: Exception) -> Job:
        log.warning("Nobody could be told how job %s ended: %s", job.id, why)
        return replace(job, due_at=None)

    def _owed(self, job: Job, error: Undeliverable | None = None) -> Job:
        """*job*, whose post failed, to be tried again after a while: at most an hour, unless
        Discord does not take what it says."""
        if error is not None and error.rejected:
            self.rejected.add(job.id)
            return job.again(self._clock() + REJECTED_AGAIN)
        self.rejected.discard(job.id)
        tries = job.tries if job.state is State.UNDELIVERED else max(0, job.tries - PATIENCE)
        pause = backoff(tries, first=OWED_LEAST, most=OWED_MOST)
        return job.again(self._clock() + pause * random.uniform(0.75, 1.0))  # noqa: S311

    # Ends.

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
            error=f"{provider.title} didn't finish it within {minutes} minutes.",
            failure=Failure.TIMEOUT,
            billed="unknown",
        )

    # Trouble of ours.

    async def _held_up(self, job: Job, trouble: Trouble) -> Job | float:
        """Wait with *job* until this machine can; nothing is written, and no try is counted."""
        pause = await self._pause(job, trouble)
        hangs = trouble.kind == "ffmpeg" and self.troubles.times(job.id) >= HANGS
        if hangs and State.REVIEW in MOVES[job.state]:
            now, sentence = self._clock(), f"{trouble} A moderator must check it."
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
        return backoff(times, first=5.0, most=HELD_UP)

    def order(self, job: Job, provider: Provider) -> Order:
        """What a provider is told of *job*, whatever it is asked."""
        token = job.token or ""
        return Order(
            job=job.id,
            attempt=token,
            model=model_named(provider.models, job.model),
            brief=job.brief,
            path=lambda given: input_at(self._data, given),
            link=lambda given: self._link(job, given),
            callback=self._callback(provider, token),
        )

    def _tried(self, job: Job) -> bool:
        """Whether somebody, perhaps a process that died, may have posted the end of *job*."""
        tried = job.id not in self._unposted or job.id <= self._restored
        self._unposted.discard(job.id)
        return tried

    def _later(self, job: Job, busy: Busy | None) -> float:
        """When to try again: when we were told to, else after a growing, random while."""
        if busy is not None and busy.retry_after is not None:
            return self._clock() + busy.retry_after
        pause = backoff(job.tries, most=300.0)
        return self._clock() + pause * random.uniform(0.5, 1.0)  # noqa: S311
