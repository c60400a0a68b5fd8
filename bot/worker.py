"""Moves jobs along, one step at a time. Nothing else changes a job that has started.

Due times live in a heap in memory, rebuilt from the rows at start. A step is one look at the
row, one action (`Steps`), one save; a poll that changes nothing writes nothing.
"""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot.billing import billed
from bot.callbacks import Callbacks
from bot.estimates import Estimates
from bot.failover import Alternative, nobody
from bot.places import Places
from bot.providers import Provider
from bot.results import Results
from bot.screen import Glimpse, Screen
from bot.steps import Steps, no_room
from storage import (
    ENDED,
    MOVES,
    DiskTrouble,
    IllegalMove,
    Input,
    Job,
    Stale,
    State,
    Store,
)

log = logging.getLogger(__name__)

AT_ONCE = 64  #: steps under way at once; each provider bounds its own work besides
LOOK_AGAIN = 1.0  #: seconds; a machine that slept is up to date within this time
SAVES = 5  #: times that a save which the row makes impossible is tried, before a person must look
STOPPING = 25.0  #: seconds that steps under way are given to finish at a stop
SOON = 60.0  #: seconds within which every job is looked at that a start takes up
REFRESHED = 50  #: jobs whose cards are looked after at a start, if they ended within …
FRESH = 600.0  #: … these seconds


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
        make_room: Callable[[], Awaitable[None]] = no_room,
        results: Callable[..., Results] = Results,
    ) -> None:
        self._jobs = store.jobs
        self._providers = providers
        self._screen = screen
        self._usd_per_credit = usd_per_credit
        self._clock = store.clock.now
        self._estimates = Estimates(store.jobs)
        self._places = Places(providers, screen, call=lambda job: self._plan(job.id, self._clock()))
        self._steps = Steps(
            store,
            providers,
            screen,
            places=self._places,
            estimates=self._estimates,
            data=data,
            link=link,
            callback=callback,
            alternative=alternative,
            make_room=make_room,
            results=results,
        )
        self.trouble = self._steps.troubles.remark  #: what holds jobs up here, for /healthz
        self.callbacks = Callbacks(
            store, providers, screen, steps=self._steps, places=self._places, wake=self.wake
        )

        self._heap: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}  # the one entry of the heap that counts for each job
        self._stepping: set[int] = set()
        self._woken_while_stepping: set[int] = set()
        self._unsaved: dict[int, Job] = {}  # what happened, and could not be written down yet
        self._unsavable: dict[int, int] = {}  # how often that was refused, and not by the disk
        self._set_aside: set[int] = set()  # jobs that nothing can be written down of
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._wake = asyncio.Event()
        self.lateness = 0.0  #: seconds that the last step began after it was due

    # What others may ask.

    def wake(self, job: Job) -> None:
        """Look at *job* now: it is new, or a person changed it."""
        if job.state is not State.QUEUED:
            self._places.leave(job)
        self._set_aside.discard(job.id)
        self._plan(job.id, self._clock())

    def glimpse(self, job: Job) -> Glimpse:
        """What is known of *job* right now."""
        waiting = self._places.glimpse(job)
        return waiting or self._steps.glimpses.get(job.id, Glimpse())

    def typical(self, provider: str, model: str) -> float | None:
        """See `Crew.typical`."""
        return self._estimates.typical(provider, model)

    # Running.

    async def load(self) -> None:
        """Take up every job that the rows say is not finished."""
        for provider in self._providers.values():
            for model in provider.models:
                await self._estimates.learn(provider.name, model.name)
        latest = self._clock() + SOON  # a row that a wrong clock wrote may be due in years
        for job in await self._jobs.live():
            if job.state in {State.SUBMITTING, State.RENDERING}:
                self._places.keep(job.provider, job.id)
            self._plan(job.id, min(job.due_at, latest))
        for late in await self._jobs.late(self._clock() - self._kept_longest()):
            self._plan(late.id, latest)
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
        self._stopping = self._steps.stopping = True
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

    def _kept_longest(self) -> float:
        """Seconds that some provider keeps what it made."""
        return max((each.limits.keeps_for for each in self._providers.values()), default=0.0)

    def _plan(self, id: int, at: float) -> None:
        if id in self._set_aside:
            return
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
        if job is None or self._steps.next_look(job) is None:
            if job is not None:
                self._places.let_go(job)
                self._screen.show(job, Glimpse())
            return None
        self._places.seen(job)
        while True:
            # What happened is not lost when the disk is full: it is written down once it can be.
            outcome = self._unsaved.get(job.id) or await self._steps.advance(job)
            if not isinstance(outcome, Job):
                return outcome
            self._unsaved[job.id] = outcome
            try:
                before, job = job, await self._jobs.save(outcome, credits=self._billed(outcome))
            except (Stale, IllegalMove):
                del self._unsaved[job.id]
                raise
            except (DiskTrouble, OSError):
                raise  # it is not the row's fault, and passes
            except Exception:
                if not self._too_often(job.id):
                    raise
                log.exception("What became of job %s cannot be written down: %r", id, outcome)
                return await self._park(job, outcome)
            del self._unsaved[job.id]
            self._unsavable.pop(job.id, None)
            self._after(before, job)
            if before.state is State.FETCHING:
                await self._estimates.learn(job.provider, job.model)
            if job.state is not State.SUBMITTING:
                return self._steps.next_look(job)
            # What was just written down is done at once: a stop never comes between the two.

    def _too_often(self, id: int) -> bool:
        """Count a save that the row itself makes impossible; whether there were enough."""
        self._unsavable[id] = self._unsavable.get(id, 0) + 1
        return self._unsavable[id] >= SAVES

    async def _park(self, job: Job, outcome: Job) -> float | None:
        """Give *job* to a moderator, with as much of *outcome* as can be written down."""
        del self._unsaved[job.id], self._unsavable[job.id]
        if State.REVIEW in MOVES[job.state]:
            now = self._clock()
            parked = job.to(
                State.REVIEW,
                now=now,
                due_at=now,
                error="What became of it could not be written down; a moderator must look at it.",
                billed="unknown" if job.attempt and job.billed == "no" else job.billed,
            )
            fuller = replace(parked, remote_id=outcome.remote_id, file=outcome.file)
            for change in (fuller, parked):
                try:
                    saved = await self._jobs.save(change)
                except (Stale, IllegalMove, DiskTrouble, OSError):
                    raise
                except Exception:
                    log.exception("Job %s could not be parked", job.id)
                    continue
                self._after(job, saved)
                return saved.due_at
        log.critical("Job %s is left alone until a person or a restart takes it up", job.id)
        self._set_aside.add(job.id)
        self._places.let_go(job)
        return None

    def _after(self, before: Job, saved: Job) -> None:
        """What follows from a move, all of it in memory."""
        if saved.state is not before.state:
            log.info("Job %s: %s -> %s", saved.id, before.state, saved.state)
            if saved.state not in {State.SUBMITTING, State.RENDERING}:
                self._places.let_go(saved)
        self._steps.saved(before, saved)
        self._screen.show(saved, self.glimpse(saved))

    def _billed(self, job: Job) -> int | None:
        return billed(job, self._providers.get(job.provider), self._usd_per_credit)
