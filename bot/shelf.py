"""Keeps the clips on the disk within their time and their room; favourites go last."""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bot.errors import Refusal
from storage import DiskTrouble, Job, Store

log = logging.getLogger(__name__)

EVERY = 3600.0  #: seconds between two looks
FRESH = 3600.0  #: seconds after its end for which a clip is never dropped
DAY = 24 * 3600.0
GIB = 2**30


class Shelf:
    """Where the takes are kept: `data/takes`."""

    def __init__(
        self,
        store: Store,
        *,
        data: Path,
        days: int,
        room: float,
        spare: float,
        clock: Callable[[], float] = time.time,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        """*days* 0 keeps clips for ever; *room* 0 gives them the whole disk.

        *room* is what they may take and *spare* what must stay free, both in GiB.
        """
        self._takes = store.takes
        self._data = data
        self._days = days
        self._room = room * GIB
        self._spare = spare * GIB
        self._clock = clock
        self._free = free

    def check(self) -> None:
        """Refuse new work when the disk is nearly full."""
        if self._free(self._data) < self._spare:
            raise Refusal(
                f"The disk of this Dailies has less than {self._spare / GIB:g} GiB left, so no new "
                "clips are taken; tell whoever runs it."
            )

    async def run(self) -> None:
        """Tidy now and then, for ever."""
        while True:
            try:
                dropped = await self.tidy()
            except (OSError, DiskTrouble):
                log.exception("The takes could not be tidied")
            else:
                if dropped:
                    log.info("%s takes made room for newer ones", dropped)
            await asyncio.sleep(EVERY)

    async def tidy(self) -> int:
        """Drop what is past its time, then as much as there is too little room; how many."""
        now = self._clock()
        dropped = 0
        if self._days:
            for job in await self._takes.droppable(before=now - self._days * DAY):
                if not await self._takes.favoured(job.id):
                    await self._drop(job)
                    dropped += 1
        if not self._room:
            return dropped
        used = await asyncio.to_thread(self._used)
        while used > self._room:
            oldest = await self._takes.droppable(before=now - FRESH, limit=50)
            if not oldest:
                break
            for job in oldest:
                used -= await self._drop(job)
                dropped += 1
                if used <= self._room:
                    break
        return dropped

    async def _drop(self, job: Job) -> int:
        """Forget the files of a take; how many bytes they were."""
        await self._takes.drop(job.id, at=self._clock())
        return await asyncio.to_thread(self._unlink, job.id)

    def _unlink(self, id: int) -> int:
        size = 0
        for path in (self._data / "takes").glob(f"{id}.*"):
            size += path.stat().st_size
            path.unlink(missing_ok=True)
        return size

    def _used(self) -> int:
        folder = self._data / "takes"
        return sum(path.stat().st_size for path in folder.glob("*")) if folder.exists() else 0
