"""Has each batch posted once: one of its jobs does, and the others take its message as theirs."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from bot.jobs.presenter import Presenter
from storage import PARKED, UNMADE, Job, Sheet, State, Store, Undecided, teller

__all__ = ["BatchPosts", "NotYet"]

LOOK_AGAIN = 60.0  #: seconds; whatever a job waits for wakes it, and this is for what nobody tells


class NotYet(Exception):
    """The message about a batch is not to be posted by this job now. *at*: when to look again."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = at


class BatchPosts:
    """Between the steps of jobs and their presenter: what is ordered alone passes through."""

    def __init__(self, store: Store, presenter: Presenter, *, restored: int = 0) -> None:
        """Batches up to *restored* came out of a backup: their messages may have been posted."""
        self._restored = restored
        self._batches = store.batches
        self._clock = store.clock.now
        self._presenter = presenter
        self._deciding: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._posting: set[int] = set()

    async def deliver(self, job: Job, clip: Path, *, again: bool) -> int:
        """As `Presenter.deliver`; raises `NotYet`, too."""
        message = await self._together(job)
        if message is not None:
            return message
        return await self._presenter.deliver(job, clip, again=again)

    async def tell(self, job: Job, *, again: bool) -> int:
        """As `Presenter.tell`; raises `NotYet`, too. Of a parked job people hear at once."""
        message = None if job.state in PARKED else await self._together(job)
        if message is not None:
            return message
        return await self._presenter.tell(job, again=again)

    async def _together(self, job: Job) -> int | None:
        """The message about the batch of *job*; None where that job is told of on its own."""
        if job.batch is None:
            return None
        if job.batch in self._posting:  # that takes a while, and this job is woken after it
            raise NotYet(self._clock() + LOOK_AGAIN)
        async with self._deciding.setdefault(job.batch, asyncio.Lock()):
            sheet = await self._batches.decide(job.batch)
            if isinstance(sheet, Undecided):
                later = self._clock() + LOOK_AGAIN
                raise NotYet(later if sheet.until is None else min(sheet.until, later))
            if not _is_in(job, sheet):
                return None
            if sheet.message_id is not None:
                return sheet.message_id
            members = await self._batches.of(job.batch)
            if job.state in UNMADE and sheet.takes and not _is_coming(sheet, members):
                return None
            if teller(sheet, members) != job.id:
                raise NotYet(self._clock() + LOOK_AGAIN)
            self._posting.add(job.batch)
            try:
                return await self._post(sheet, members)
            finally:
                self._posting.discard(job.batch)

    async def _post(self, sheet: Sheet, members: Sequence[Job]) -> int:
        """Post the message about a batch: that it may stand is written before, and that it does
        right after."""
        again = sheet.tried or sheet.batch <= self._restored
        if not sheet.tried:
            await self._batches.posted(sheet.batch, None)
        message = await self._presenter.deliver_batch(members, sheet, again=again)
        await self._batches.posted(sheet.batch, message)
        return message


def _is_in(job: Job, sheet: Sheet) -> bool:
    """Whether the message about a batch says what became of *job*; it may have come later."""
    if job.state in UNMADE:
        return job.since <= sheet.at
    return job.id in sheet.takes


def _is_coming(sheet: Sheet, members: Sequence[Job]) -> bool:
    """Whether one of the clips that *sheet* shows is about to be posted with it. Where each of them
    is owed, gone or on hold, that may take for ever."""
    return any(job.state is State.DELIVERING for job in members if job.id in sheet.takes)
