"""Moves jobs along, one step at a time. Nothing else changes a job that has started.

Due times live in the store's `Schedule`: every commit feeds it, and the rows are read again now
and then, so that nothing depends on memory alone. A step is one look at the row, one action
(`Steps`), one save; a poll that changes nothing writes nothing, and reads nothing unless the row
was changed since the last one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot.events import Events
from bot.jobs.billing import billed
from bot.jobs.callbacks import Callbacks
from bot.jobs.carrying import Carry
from bot.jobs.failover import Alternative, nobody
from bot.jobs.presenter import Presenter
from bot.jobs.questions import Questions
from bot.jobs.results import Results
from bot.jobs.shared_slots import SharedSlots
from bot.jobs.steps import CARD_WITHIN, Save, Steps
from bot.jobs.tracker import Tracker
from bot.log_context import speak_of, speaking
from bot.machine_trouble import no_room
from bot.progress import Progress
from bot.providers import Provider
from storage import (
    IN_SLOT,
    MOVES,
    OWED,
    UNRENDERED,
    DiskTrouble,
    Due,
    IllegalMove,
    Input,
    Job,
    ServerTrouble,
    Stale,
    State,
    Store,
    shard_of,
)

log = logging.getLogger(__name__)

#: Orders, and rows that are read, at once; each provider bounds its own work besides.
AT_ONCE = 64
AT_A_TIME = 8  #: steps that begin before anything else of the loop has its turn: a millisecond
#: Clips that are downloaded, encoded or posted at once: minutes each, beside all of the others.
LENGTHY = 64
IN_TURN = 60.0  #: seconds, at the latest, until a job is looked at that waits to be asked about
LOOK_AGAIN = 1.0  #: seconds; a machine that slept is up to date within this time
SERVER_AGAIN = 2.0  #: seconds until a job is looked at again that its server kept from being read
SAVES = 5  #: times that a save which the row makes impossible is tried, before a person must look
STOPPING = 25.0  #: seconds that steps under way are given to finish at a stop
REREAD = 60.0  #: seconds after which the rows are asked again what is due
SOON = 60.0  #: seconds within which every job is looked at that a start takes up
FRESH = 600.0  #: seconds since its end within which a job's card is looked after at a start
CARDS_MISSED = 24 * 3600.0  #: seconds since its order that the card of an ended job is looked for
APART = 60.0  #: seconds between two tries of an owed post, though Discord takes others
RECONNECTED = 5.0  #: the same, when we connect anew


class Worker:
    """Takes whichever job is due and advances it."""

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
        usd_per_credit: Decimal = Decimal("0.01"),
        make_room: Callable[[], Awaitable[None]] = no_room,
        results: Callable[..., Results] = Results,
        restored: int = 0,
        carry: Carry | None = None,
    ) -> None:
        self._store = store
        self._jobs = store.jobs
        self._sharing = store.sharing
        self._schedule = store.schedule
        self._providers = providers
        self._presenter = presenter
        self._usd_per_credit = usd_per_credit
        self._clock = store.clock.now
        self._tracker = tracker
        self._estimates = tracker.estimates
        self._places = tracker.slots
        self._job_changed = events.job_changed
        self._steps = Steps(
            store,
            providers,
            presenter,
            tracker=tracker,
            events=events,
            data=data,
            link=link,
            callback=callback,
            alternative=alternative,
            make_room=make_room,
            results=results,
            restored=restored,
            carry=carry,
        )
        self.trouble = self._steps.troubles.remark  #: what holds jobs up here, for /healthz
        self.callbacks = Callbacks(
            store, providers, steps=self._steps, tracker=tracker, events=events
        )
        events.card_failed.listen(self.without_card)
        events.connected.listen(self.post_owed)

        self._unsaved: dict[int, Job] = {}  # what happened, and could not be written down yet
        self._owed: dict[int, float] = {}  # posts that failed, and when they were tried last
        self._unsavable: dict[int, int] = {}  # how often that was refused, and not by the disk
        self._set_aside: set[int] = set()  # jobs that nothing can be written down of
        self._tasks: set[asyncio.Task[None]] = set()
        self._stepped_for: dict[asyncio.Task[None] | None, Job] = {}  # the jobs of steps under way
        self._beside = 0  # of them, those that hold up no other: questions, and made clips
        self._questions = Questions(
            providers, call=lambda job_id: self._schedule.sooner(job_id, self._clock())
        )
        self._turns = asyncio.Semaphore(LENGTHY)
        self._waiting: set[asyncio.Task[None]] = set()  # of those, the ones that wait
        self._reading = asyncio.Lock()
        self._stopping = False
        self._reread_at = 0.0
        self._rereading: asyncio.Task[None] | None = None
        self._turned_at: float | None = None  # by the loop's clock

    # What others may ask.

    def without_card(self, job: Job) -> None:
        """Go on with *job* before it has a card: that cannot be posted just now."""
        self._steps.without_card.add(job.id)
        self._tracker.wake(job)

    def post_owed(self) -> None:
        """Try again what could not be posted: we are connected anew."""
        self._post_owed(RECONNECTED)

    def idle(self) -> float | None:
        """Seconds since its loop last went round; None where it does not run (yet)."""
        if self._turned_at is None or self._stopping:
            return None
        return asyncio.get_running_loop().time() - self._turned_at

    def behind(self) -> float:
        """Seconds for which the job that has been due longest waits to be looked at."""
        return self._schedule.behind(self._clock())

    # Running.

    async def load(self) -> None:
        """Take up every job of ours that the rows say is not finished."""
        for provider in self._providers.values():
            for model in provider.models:
                await self._estimates.learn(provider.name, model.name)
        await self.take_up(self._sharing.mine)

    async def take_up(self, shards: Collection[int]) -> None:
        """Take up the jobs of these shards, as a start does: whoever had them may have died."""
        self._schedule.forget_kept()
        latest = self._clock() + SOON  # a row that a wrong clock wrote may be due in years
        for job in await self._of(shards, await self._jobs.live()):
            if job.state in IN_SLOT:
                self._places.keep(job.provider, job.id)
            if job.state in OWED:
                self._owed[job.id] = self._clock()
            self._schedule.plan(job.id, min(job.due_at, latest))
        for late in await self._of(
            shards, await self._jobs.late(self._clock() - self._kept_longest())
        ):
            if late.id not in self._schedule:  # those whose person was not told are due before
                self._schedule.plan(late.id, latest)
        for ended in await self._jobs.ended(since=self._clock() - FRESH):
            # Whoever ran before may have died between an ending and its card.
            if shard_of(ended.guild_id, self._sharing.count) in shards:
                self._job_changed.emit(ended, Progress())

    async def give_up(self, shards: Collection[int], *, within: float = STOPPING) -> bool:
        """Finish the steps of these shards that are under way, and know nothing of their jobs any
        more; none is begun meanwhile, because they are not ours. What takes more than *within*
        seconds is cut off, as at a stop. False where something could not be written down yet."""
        until = asyncio.get_running_loop().time() + within
        while under_way := self._under_way(shards):
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                for task in under_way:
                    log.warning("%s was cut off: another process goes on", task.get_name())
                    task.cancel()
            await asyncio.wait(under_way, timeout=max(left, 1.0))
        if await self._store.of_shards(self._unsaved, shards):
            return False
        if isinstance(self._places, SharedSlots):
            self._places.forget(await self._store.of_shards(self._places.known(), shards))
        gone = await self._store.of_shards({*self._owed, *self._steps.remembered()}, shards)
        self._steps.forget(gone)
        for job_id in gone:
            self._owed.pop(job_id, None)
        self._schedule.forget_kept()
        return True

    async def _of(self, shards: Collection[int], found: list[Due]) -> list[Due]:
        """Those of *found* that are of servers of these shards."""
        ids = await self._store.of_shards({each.id for each in found}, shards)
        return [each for each in found if each.id in ids]

    def _under_way(self, shards: Collection[int]) -> set[asyncio.Task[None]]:
        return {
            task
            for task, job in self._stepped_for.items()
            if task is not None and shard_of(job.guild_id, self._sharing.count) in shards
        }

    async def run(self) -> None:
        """Work until `stop`. A step that fails unexpectedly hurts only its own job."""
        await self.load()
        self._reread_at = self._clock() + REREAD
        while not self._stopping:
            self._turned_at = asyncio.get_running_loop().time()
            begun = 0
            while not self._stopping and not self._full() and (due := self._next()) is not None:
                task = asyncio.create_task(self._step(due), name=f"job {due}")
                self._tasks.add(task)
                task.add_done_callback(self._finished)
                begun += 1
                if begun % AT_A_TIME == 0:
                    await asyncio.sleep(0)
            self._look_around()
            await self._schedule.woken(self._pause())

    def _look_around(self) -> None:
        if self._clock() >= self._reread_at and self._rereading is None:
            self._rereading = asyncio.create_task(self._reread(), name="read what is due")

    async def _reread(self) -> None:
        try:
            await self.reread()
        except DiskTrouble as trouble:
            log.warning("What is due cannot be read: %s", trouble)
        finally:
            self._rereading = None
            self._reread_at = self._clock() + REREAD

    async def reread(self) -> None:
        """Take up what is due by the rows and not planned, and see that every job has a card."""
        now = self._clock()
        mine = self._sharing.mine
        for due in await self._of(mine, await self._jobs.due(now)):
            known = due.id in self._schedule or due.id in self._set_aside
            if not known and not self._places.waits(due):
                log.warning("Job %s was due and nobody had it", due.id)
                self._schedule.plan(due.id, due.due_at)
        for late in await self._of(mine, await self._jobs.late(now - self._kept_longest())):
            if late.id not in self._schedule and late.id not in self._set_aside:
                self._schedule.plan(late.id, now)
        for job in await self._jobs.without_card(
            after=now - CARDS_MISSED, before=now - CARD_WITHIN
        ):
            if self._sharing.has(job.guild_id):
                self._presenter.ensure_card(job)

    async def stop(self, *, within: float = STOPPING) -> None:
        """Begin nothing more; let what is under way finish, above all a POST that costs money.

        What takes more than *within* seconds is cut off.
        """
        self._stopping = True
        self._steps.stop()
        self._schedule.wake()
        if self._rereading is not None:
            self._rereading.cancel()
        for task in self._waiting:  # it has begun nothing
            task.cancel()
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=within)
        for task in late:
            log.warning("%s was cut off at the stop", task.get_name())
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)  # the storage is closed next

    async def step(self) -> bool:
        """Advance one job that is due; False when none is. For tests, in place of `run`."""
        due = self._next()
        if due is None:
            return False
        await self._step(due)
        return True

    def _full(self) -> bool:
        """Whether as many steps are under way as may be that others wait for."""
        return len(self._tasks) - self._beside >= AT_ONCE

    @contextmanager
    def _beside_others(self) -> Generator[None]:
        """Hold up no other step meanwhile."""
        if self._full():
            self._schedule.wake()  # there is room for another one
        self._beside += 1
        try:
            yield
        finally:
            self._beside -= 1

    def _finished(self, task: asyncio.Task[None]) -> None:
        if self._full():
            self._schedule.wake()
        self._tasks.discard(task)

    def _kept_longest(self) -> float:
        """Seconds that some provider keeps what it made."""
        return max((each.limits.keeps_for for each in self._providers.values()), default=0.0)

    def _next(self) -> int | None:
        """The job that has been due longest, if one is; none while another process may have it."""
        return self._schedule.take(self._clock()) if self._store.sure else None

    def _pause(self) -> float:
        """Seconds until something is due; never so many that a machine's sleep goes unnoticed."""
        if self._full() or not self._store.sure:
            return LOOK_AGAIN
        return self._schedule.pause(self._clock(), LOOK_AGAIN)

    async def _step(self, id: int) -> None:
        with speaking():
            await self._stepped(id)

    async def _stepped(self, id: int) -> None:
        again: float | None = self._clock()  # after a failure of ours, unless told otherwise
        try:
            again = await self._look(id)
        except Stale:
            log.info("Job %s moved while it was being worked on", id)
        except ServerTrouble as trouble:
            log.warning("Job %s waits: %s", id, trouble)
            again = self._clock() + SERVER_AGAIN
        except Exception:  # a boundary: one job's bug must not stop the others
            log.exception("Job %s could not be advanced", id)
            again = self._clock() + 30
        finally:
            self._schedule.put_back(id, again)

    async def _look(self, id: int) -> float | None:
        """One look, one action, one save. When to look again, or None.

        What is lengthy waits for its turn among its like, and holds up nothing else.
        """
        self._set_aside.discard(id)  # it changed, or somebody asked for it
        job = self._schedule.kept(id)
        if job is None:
            job = await self._row(id)
        else:
            self._schedule.reading(id)
            speak_of(job)
        if job is not None and not self._sharing.has(job.guild_id):
            return None  # another process steps it
        task = asyncio.current_task()
        if job is not None:
            self._stepped_for[task] = job
        try:
            return await self._looked_at(id, job)
        finally:
            self._stepped_for.pop(task, None)

    async def _looked_at(self, id: int, job: Job | None) -> float | None:
        """`_look` at what was read."""
        if job is not None and job.state is State.RENDERING:
            return await self._ask(job)
        if job is None or job.state in UNRENDERED:
            return await self._advance(id, job)
        with self._beside_others():
            async with AsyncExitStack() as turn:
                if self._turns.locked():
                    await self._wait_for(turn)
                    job = await self._row(id)
                else:
                    await turn.enter_async_context(self._turns)
                if self._stopping or not self._store.sure:  # whoever goes on does it
                    return self._clock()
                if job is not None and not self._sharing.has(job.guild_id):
                    return None  # it was given up while this waited
                return await self._advance(id, job)

    async def _ask(self, job: Job) -> float | None:
        """Ask about *job*, once its provider is not being asked enough already."""
        if self._questions.full(job):
            return self._clock() + IN_TURN
        with self._beside_others(), self._questions.about(job):
            return await self._advance(job.id, job)

    async def _wait_for(self, turn: AsyncExitStack) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            await turn.enter_async_context(self._turns)
        finally:
            self._waiting.discard(task)

    async def _row(self, id: int) -> Job | None:
        async with self._reading:  # who was due first is first to ask for a slot
            self._schedule.reading(id)
            job = await self._jobs.get(id)
        if job is not None:
            self._seen(job)
            speak_of(job)
        return job

    def _seen(self, job: Job) -> None:
        """*job* is its row as it is now, or was just now."""
        self._schedule.seen(job.id, job.rev)
        if job.state is State.RENDERING:  # it is looked at again and again
            self._schedule.keep(job)

    async def _advance(self, id: int, job: Job | None) -> float | None:
        if job is None or self._steps.next_look(job) is None:
            if job is not None:
                self._places.let_go(job)
                self._job_changed.emit(job, Progress())
            return None
        self._places.seen(job)
        if job.state is not State.QUEUED:
            self._places.leave(job)
        row = job

        async def save(change: Job) -> Job:
            nonlocal row
            before, row = row, await self._jobs.save(change, credits=self._billed(change))
            self._seen(row)
            speak_of(row)
            self._after(before, row)
            return row

        while True:
            # What happened is not lost when the disk is full: it is written down once it can be.
            outcome = self._unsaved.get(id) or await self._steps.advance(row, save)
            if not isinstance(outcome, Job):
                return outcome
            before = row
            self._unsaved[id] = outcome
            try:
                await save(outcome)
            except (Stale, IllegalMove):
                self._forget_unsaved(id)
                raise
            except (DiskTrouble, OSError):
                raise  # it is not the row's fault, and passes
            except Exception:
                if not self._too_often(id):
                    raise
                log.exception("What became of job %s cannot be written down: %r", id, outcome)
                return await self._park(row, outcome, save)
            self._forget_unsaved(id)
            if before.state is State.FETCHING:
                await self._estimates.learn(row.provider, row.model)
            if row.state is not State.SUBMITTING:
                return self._steps.next_look(row)
            # What was just written down is done at once: a stop never comes between the two.

    def _too_often(self, id: int) -> bool:
        """Count a save that the row itself makes impossible; whether there were enough."""
        self._unsavable[id] = self._unsavable.get(id, 0) + 1
        return self._unsavable[id] >= SAVES

    def _forget_unsaved(self, id: int) -> None:
        self._unsaved.pop(id, None)
        self._unsavable.pop(id, None)

    async def _park(self, job: Job, outcome: Job, save: Save) -> float | None:
        """Give *job* to a moderator, with as much of *outcome* as can be written down."""
        if State.REVIEW in MOVES[job.state]:
            now = self._clock()
            parked = job.to(
                State.REVIEW,
                now=now,
                due_at=now,
                error="Its result couldn't be saved. A moderator must check it.",
                billed="unknown" if job.attempt and job.billed == "no" else job.billed,
            )
            fuller = replace(parked, remote_id=outcome.remote_id, file=outcome.file)
            for change in (fuller, parked):
                try:
                    due_at = (await save(change)).due_at
                except (Stale, IllegalMove):
                    self._forget_unsaved(job.id)
                    raise
                except (DiskTrouble, OSError):
                    raise  # it is tried again with all that is known
                except Exception:
                    log.exception("Job %s could not be parked", job.id)
                    continue
                self._forget_unsaved(job.id)
                return due_at
        log.critical("Job %s is left alone until a person or a restart takes it up", job.id)
        self._forget_unsaved(job.id)
        self._set_aside.add(job.id)
        self._places.let_go(job)
        return None

    def _after(self, before: Job, saved: Job) -> None:
        """What follows from a move, all of it in memory."""
        if saved.state is not before.state:
            log.info("Job %s: %s -> %s", saved.id, before.state, saved.state)
            if saved.state not in IN_SLOT:
                self._places.let_go(saved)
        self._steps.saved(before, saved)
        if saved.state in OWED and saved.due_at is not None and saved.tries:
            self._owed[saved.id] = self._clock()
        else:
            self._owed.pop(saved.id, None)
        if saved.result_id != before.result_id:  # Discord takes posts
            self._post_owed(APART)
        self._job_changed.emit(saved, self._tracker.glimpse(saved))

    def _post_owed(self, apart: float) -> None:
        """Look soon at what could not be posted, *apart* seconds after its last try."""
        now = self._clock()
        for owed, tried in self._owed.items():
            if owed not in self._steps.rejected:
                self._schedule.sooner(owed, max(now, tried + apart))

    def _billed(self, job: Job) -> int | None:
        return billed(job, self._providers.get(job.provider), self._usd_per_credit)
