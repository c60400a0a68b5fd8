"""Brings home what a provider finished, however often that has to be tried; also what came late."""

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bot.backoff import backoff
from bot.catalog.bills import understood
from bot.errors import Busy, Failure, Refusal, Trouble, Unclear
from bot.jobs.calls import Tell, counted
from bot.jobs.pace import Pace
from bot.jobs.verify import Decode, differences
from bot.machine_trouble import trouble_of
from bot.media.assemble import PIECE, assemble
from bot.media.probe import MediaError, sniff
from bot.providers import Order, Provider, Report, Stage
from bot.words.numbers import listed
from storage import Job, Plan, State, Store

__all__ = ["Results", "added", "piece", "refused", "take"]

log = logging.getLogger(__name__)

#: Seconds that no pause between two tries is longer than; less for what is not kept that long.
LONGEST = 6 * 3600.0
SHORTEST_LONGEST = 300.0
REFETCHED = 2  #: times that a result is fetched again which is not what was ordered
LATE = 60.0  #: seconds after which a job that was given up is asked about again, at first
#: Refusals of a question about a finished job that are no verdict: its result may still be there.
NO_VERDICT = frozenset({None, Failure.LOST, Failure.BAD_RESULT})


class Assemble(Protocol):
    """Puts a new part into the clip that it was made for."""

    def __call__(self, plan: Plan, piece: Path, to: Path, *, data: Path) -> Awaitable[None]: ...


class Results:
    """The way of a clip from where its provider keeps it to our disk."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        *,
        data: Path,
        order: Callable[[Job, Provider], Order],
        pace: Pace,
        called: Tell,
        assemble: Assemble = assemble,
        decode: Decode | None = None,
    ) -> None:
        """*order* makes what a provider is told of a job; *assemble* puts a piece into its clip.
        With *decode*, what comes is read to its end and compared with what was ordered."""
        self._accounting = store.accounting
        self._clock = store.clock.now
        self._awake = store.clock.awake
        self._providers = providers
        self._data = data
        self._order = order
        self._pace = pace
        self._called = called
        self._assemble = assemble
        self._decode = decode
        self._refetched: dict[int, int] = {}  # how often what came was not what was ordered
        self._judged: set[int] = set()  # jobs whose result was compared with its order
        self._began = self._clock()
        self._asked: dict[int, float] = {}  # when jobs that were given up were last asked about
        self._settled: set[int] = set()  # of them, those that will never come

    # What is finished.

    async def fetch(self, job: Job) -> Job | float:
        """Download the result of *job* and make its clip of it: the job as it then is."""
        now = self._clock()
        provider = self._providers.get(job.provider)
        if provider is None:
            return now + 60  # its key may come back
        kept = self._data / piece(job)
        if job.file is None and (later := await self._download(job, provider, kept)) is not None:
            return later
        if job.id not in self._judged:
            wrong = await self._wrong(job, kept)
            if wrong and job.file is None and (again := self._once_more(job, provider)) is not None:
                log.warning("Job %s is not what was ordered: %s", job.id, "; ".join(wrong))
                return again
            if wrong:
                job = await self._accepted(job, provider, wrong)
            self._judged.add(job.id)
        if job.file is None and job.brief.plan is not None:
            # Written down, so that it is not fetched again for what goes wrong after this.
            return replace(job, file=piece(job), due_at=self._clock(), tries=0)
        file = take(job)
        if job.brief.plan is not None:
            try:
                await self._assemble(job.brief.plan, kept, self._data / file, data=self._data)
            except MediaError as error:
                if (trouble := trouble_of(error)) is not None:
                    raise trouble from error
                # What was paid for is posted all the same, and the message says what it is.
                log.warning("Job %s could not be put together: %s %s", job.id, error, error.stderr)
                file = piece(job)
        elif kept.exists() and sniff(kept) == "application/zip":  # HDR's frames
            file = f"takes/{job.id}.zip"
            kept.replace(self._data / file)
        now = self._clock()
        return job.to(State.DELIVERING, now=now, due_at=now, file=file, billed="yes")

    async def _wrong(self, job: Job, kept: Path) -> list[str]:
        """How what came differs from what was ordered."""
        if self._decode is None or not kept.exists():
            return []
        try:
            return await differences(job.brief, kept, decode=self._decode)
        except MediaError as error:
            raise trouble_of(error) or error from error

    def _once_more(self, job: Job, provider: Provider) -> Job | None:
        """*job*, to be fetched again by a fresh link; None where that was tried enough."""
        times = self._refetched.get(job.id, 0)
        if times >= REFETCHED:
            return None
        self._refetched[job.id] = times + 1
        self._pace.answered(job)
        at = self._clock() + provider.limits.poll_every * 2**times
        # An odd number of tries begins with a fresh link.
        return replace(job, due_at=at, tries=2 * times + 1)

    async def _accepted(self, job: Job, provider: Provider, wrong: list[str]) -> Job:
        """*job* with a sentence that says what its clip is; moderators are told, too."""
        what = listed(wrong, last="and")
        note = (
            f"This is not what was ordered: {what}. {provider.title} sent it like this every time."
        )
        await self._accounting.note(
            job,
            "content",
            f"is not what was ordered: {what}. {provider.title} charges for it anyway. "
            "Its support may refund it."
            if job.price
            else f"is not what was ordered: {what}.",
            at=self._clock(),
        )
        return replace(job, note=added(job.note, note))

    async def _download(self, job: Job, provider: Provider, to: Path) -> Job | float | None:
        """None once the result is at *to*; else when to look again, or how it ended."""
        # The link that is known and a fresh one take turns: either may be the one that works.
        url = job.result_url if job.tries % 2 == 0 else None
        soonest = self._pace.soonest(job, provider)
        may_ask = soonest <= self._clock()
        if url is None and not may_ask and (job.tries or job.result_url):
            return soonest
        asked = job.remote_id if may_ask or url is None else None
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            with counted(self._called, job.provider, "fetch"):
                await provider.fetch(self._order(job, provider), asked, url, to)
        except Trouble:
            raise
        except (Busy, Unclear) as error:
            log.info("Job %s could not be fetched: %s %s", job.id, error, error.raw)
            wait = error.retry_after if isinstance(error, Busy) else None
            return self._not_yet(job, provider, str(error), wait)
        except Refusal as refusal:
            log.warning("Job %s: no usable result: %s %s", job.id, refusal, refusal.raw)
            if refusal.failure in NO_VERDICT and not refusal.final:
                return self._not_yet(job, provider, str(refusal), None)
            return refused(job, refusal, now=self._clock())
        finally:
            if asked is not None:
                self._pace.answered(job)
        return None

    def _not_yet(self, job: Job, provider: Provider, why: str, wait: float | None) -> Job:
        """*job* after a try that failed: to be tried again, or parked once its time is over."""
        now = self._clock()
        left = provider.limits.keeps_for - self._awake(job.since)
        if left < 0:
            return job.to(
                State.REVIEW,
                now=now,
                due_at=now,
                error=f"{provider.title} made it, but it couldn't be downloaded. {why}",
                failure=Failure.BAD_RESULT,
                billed="yes",
            )
        longest = _longest(provider)
        pause = random.uniform(0.5, 1.0) * backoff(job.tries, most=longest)  # noqa: S311
        # A last try is due when the time is just over.
        return job.again(now + (wait if wait is not None else min(pause, left + 1)))

    # What was given up.

    def late_at(self, job: Job) -> float | None:
        """When to ask again about a *job* that was given up; None where it cannot come any more."""
        provider = self._providers.get(job.provider)
        if (
            job.state is not State.EXPIRED
            or provider is None
            or job.remote_id is None
            or job.user_id == 0  # whoever ordered it wants to be forgotten
            or job.id in self._settled
        ):
            return None
        asked = self._asked.get(job.id)
        if asked is None:
            at = max(job.since + LATE, self._began + LATE if job.since < self._began else 0.0)
            ends = max(at, job.since + provider.limits.keeps_for)
            return at if at <= ends else None
        ends = job.since + provider.limits.keeps_for
        if asked >= ends:
            return None
        # As long again as it has been given up for: ever more rarely, and once at the end.
        pause = min(max(LATE, asked - job.since), _longest(provider))
        return max(min(asked + pause, ends), self._pace.soonest(job, provider))

    def hurry(self, job: Job) -> None:
        """Somebody says that *job*, which was given up, has come: it is asked about at once."""
        provider = self._providers.get(job.provider)
        if provider is not None and job.id not in self._settled:
            ahead = max(LATE, self._clock() - job.since) + LATE
            self._asked[job.id] = self._clock() - ahead

    async def late(self, job: Job) -> Job | None:
        """Ask about a *job* that was given up, if it is time to: the job, where it has come."""
        at = self.late_at(job)
        provider = self._providers.get(job.provider)
        if at is None or at > self._clock() or provider is None or job.remote_id is None:
            return None
        try:
            with counted(self._called, job.provider, "poll"):
                report = await provider.poll(self._order(job, provider), job.remote_id)
        except Trouble:
            raise
        except (Busy, Unclear) as error:
            log.info("Job %s could not be asked about: %s %s", job.id, error, error.raw)
            return None
        except Refusal as refusal:
            await self._never(job, refusal)
            return None
        finally:
            self._pace.answered(job)
            self._asked[job.id] = self._clock()
        if report.stage is not Stage.READY:
            return None
        log.warning("Job %s has come late", job.id)
        return self._came(job, provider, report)

    def _came(self, job: Job, provider: Provider, report: Report) -> Job:
        now = self._clock()
        cost = understood(report.cost, of=f"job {job.id}")
        sentence = f"It came late: {provider.title} finished it after its time was up."
        return job.to(
            State.FETCHING,
            now=now,
            due_at=now,
            result_url=report.url,
            cost=cost if cost is not None else job.cost,
            error=None,
            failure=None,
            billed="yes",
            note=added(job.note, sentence),
        )

    async def _never(self, job: Job, refusal: Refusal) -> None:
        """The provider says that nothing will come of *job*, or does not know it any more."""
        log.info("Job %s will not come late: %s %s", job.id, refusal, refusal.raw)
        if refusal.failure is Failure.BAD_RESULT and not refusal.final:
            return
        self._settled.add(job.id)
        if refusal.billed is not None and refusal.failure is not Failure.LOST:
            await self._accounting.clear(job, billed=refusal.billed, at=self._clock())

    def forget(self, job: Job) -> None:
        """It is on its way to its end, or at it."""
        self._asked.pop(job.id, None)
        self._refetched.pop(job.id, None)
        self._judged.discard(job.id)


def refused(job: Job, refusal: Refusal, *, now: float) -> Job:
    """*job*, which its provider says has failed."""
    return job.to(
        State.FAILED,
        now=now,
        due_at=now,
        error=str(refusal),
        failure=refusal.failure or Failure.REFUSED,
        billed={True: "yes", False: "no", None: "unknown"}[refusal.billed],
    )


def take(job: Job) -> str:
    """The name of *job*'s clip."""
    return f"takes/{job.id}.mp4"


def piece(job: Job) -> str:
    """What the provider makes: the take itself, or what becomes a part of it here."""
    return take(job) if job.brief.plan is None else f"takes/{job.id}{PIECE}"


def added(note: str | None, sentence: str) -> str:
    """*note* with one more sentence, once."""
    if note is None or sentence in note:
        return note or sentence
    return f"{note} {sentence}"


def _longest(provider: Provider) -> float:
    """Seconds that a pause may have at most, where results are kept as long as there."""
    return min(LONGEST, max(SHORTEST_LONGEST, provider.limits.keeps_for / 24))
