"""Keeps every card current within Discord's limits: latest state wins, finals come first."""

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bot.chat.gaps import Gaps
from bot.errors import Busy
from bot.progress import Progress
from storage import ENDED, DiskTrouble, Job, State

log = logging.getLogger(__name__)

RECENT = 60.0  #: seconds after an edit for which a card counts as one of those
TRIES = 12  #: tries of an edit while Discord is in trouble; most of them five minutes apart
LONGEST = 300.0
EDITS_LAST = 55 * 60.0  #: Discord limits edits of messages older than an hour (error 30046)
PER_SECOND = 45  #: requests with the bot's token; Discord allows 50 over all routes


class Pacer:
    """Lets at most *per_second* requests begin each second.

    Results go first, whatever else waits; then what is urgent; then all the rest.
    """

    def __init__(self, *, per_second: float = PER_SECOND) -> None:
        self._gap = 1 / per_second
        self._next = 0.0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._task: asyncio.Task[None] | None = None
        self.waits = 0  #: requests that had to wait, since the start
        self.waited = 0.0  #: seconds that they waited together

    async def wait(self, *, urgent: bool, result: bool = False) -> None:
        """Come back when it is our turn. *result*: it is for how a job ended."""
        turn, began = asyncio.get_running_loop().create_future(), time.monotonic()
        lane = 0 if result else 1 if urgent else 2
        heapq.heappush(self._waiting, (lane, next(self._order), turn))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._admit())
        await turn
        if (waited := time.monotonic() - began) > self._gap:
            self.waits += 1
            self.waited += waited

    async def _admit(self) -> None:
        while self._waiting:
            now = time.monotonic()
            if now < self._next:
                await asyncio.sleep(self._next - now)
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._next = time.monotonic() + self._gap
                turn.set_result(None)


class Cards:
    """What each card should show, and one task a card that brings it there."""

    def __init__(
        self,
        edit: Callable[[Job, Progress], Awaitable[None]],
        *,
        fast: Callable[[Job], bool],
        clock: Callable[[], float],
        gaps: Gaps,
    ) -> None:
        """*edit* writes a card; *fast* says whether that costs nothing of the bot's own limit."""
        self._edit = edit
        self._fast = fast
        self._clock = clock
        self._gaps = gaps
        self._wanted: dict[int, tuple[Job, Progress]] = {}
        self._shown: dict[int, tuple[Job, float]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._news: dict[int, asyncio.Event] = {}
        self._ticks: set[int] = set()  #: cards of which nothing is new but the time
        self._settling = False

    def show(self, job: Job, glimpse: Progress) -> None:
        """Bring *job*'s card to this state, unless a newer one is on its way already."""
        wanted = self._wanted.get(job.id)
        if wanted is not None and wanted[0].rev > job.rev:
            return
        self._wanted[job.id] = job, glimpse
        self._ticks.discard(job.id)
        self._news.setdefault(job.id, asyncio.Event()).set()
        if job.id not in self._tasks:
            self._tasks[job.id] = asyncio.create_task(self._keep(job.id), name=f"card {job.id}")

    async def settle(self, *, within: float = 5.0) -> None:
        """Write what is still to be written, for a stop."""
        self._settling = True
        for news in self._news.values():
            news.set()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=within)
        for task in list(self._tasks.values()):
            task.cancel()

    async def _keep(self, id: int) -> None:
        tries = 0
        try:
            while id in self._wanted:
                await self._until_allowed(id)
                job, glimpse = self._wanted.pop(id)
                if id in self._ticks and self._settling:
                    break
                self._ticks.discard(id)
                try:
                    await self._edit(job, glimpse)
                except (Busy, DiskTrouble) as busy:
                    if tries < TRIES and not self._settling:
                        tries += 1
                        log.info("The card of job %s cannot be edited yet: %s", id, busy)
                        self._wanted.setdefault(id, (job, glimpse))
                        told = busy.retry_after if isinstance(busy, Busy) else None
                        await self._pause(id, told or min(LONGEST, 2.0**tries))
                        continue
                    log.warning("The card of job %s was not edited: %s", id, busy)
                except (
                    Exception
                ):  # a boundary: a card that cannot be edited must not hold up the job
                    log.exception("The card of job %s could not be edited", id)
                tries = 0
                self._shown[id] = job, self._clock()
                if id not in self._wanted:
                    if job.state in ENDED:
                        self._shown.pop(id, None)
                    elif self._moves_on(job, glimpse):
                        self._wanted[id] = job, glimpse  # what it says then is further on
                        self._ticks.add(id)
        finally:
            self._tasks.pop(id, None)
            self._news.pop(id, None)
            self._ticks.discard(id)

    async def _until_allowed(self, id: int) -> None:
        """A change of stage is shown at once; the same stage again only after a while."""
        while True:
            job, _ = self._wanted[id]
            before, at = self._shown.get(id, (None, 0.0))
            if before is None or job.state is not before.state or self._settling:
                return
            left = at + self._gap(job) - self._clock()
            if left <= 0:
                return
            await self._pause(id, min(left, 1.0))

    def _gap(self, job: Job) -> float:
        """Seconds between two edits of the card of *job*, while its stage is the same."""
        if self._clock() - job.created_at > EDITS_LAST:
            return float("inf")
        if self._fast(job):
            return self._gaps.card
        now = self._clock()
        beside = sum(
            other.card_channel_id == job.card_channel_id
            and now - at < RECENT
            and not self._fast(other)
            for other, at in self._shown.values()
        )
        return max(self._gaps.card, beside * self._gaps.cards)

    def _moves_on(self, job: Job, glimpse: Progress) -> bool:
        """Whether the same would say something new in a while."""
        now = self._clock()
        lasts = now - job.created_at < EDITS_LAST and not self._settling
        return lasts and job.state is State.RENDERING and glimpse.moves(now)

    async def _pause(self, id: int, seconds: float) -> None:
        """Wait for so long, or until there is something new to show."""
        news = self._news[id]
        news.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), seconds)
