"""Copies every original to the bucket in the background, and deletes there what is over.

The database says what lies there. An intention is written before anything is sent, so a process
that dies leaves nothing there that nobody knows of; and a key holds the hash of its bytes, so
sending the same again changes nothing.
"""

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bot.atomic import landing
from bot.errors import Busy
from storage import FINISHED, Copy, DiskTrouble, Job, Store

if TYPE_CHECKING:
    from bot.files.bucket import Bucket

log = logging.getLogger(__name__)

EVERY = 3600.0  #: seconds between two looks at everything
FIRST_WAIT, LONGEST_WAIT = 5.0, 600.0  #: seconds before a bucket that failed is tried again
GIVEN_UP = 3  #: files in a row that could not be sent, before the bucket is left alone
DAY = 24 * 3600.0
_READ = 2**20


class Lost(Exception):
    """The bucket does not have, or did not give back, what it was given."""


class BucketSync:
    """The copies in the bucket. One file is sent at a time."""

    def __init__(
        self,
        store: Store,
        bucket: "Bucket",
        *,
        data: Path,
        days: int,
        link_days: float,
        clock: Callable[[], float] = time.time,
        first_wait: float = FIRST_WAIT,
    ) -> None:
        """*days* is how long a take stays there, 0 for good; favourites always do.

        *link_days* is how long a link lives; 0 gives none.
        """
        self._files = store.files
        self._bucket = bucket
        self._data = data
        self._days = days
        self._clock = clock
        self._first_wait = first_wait
        self._link_seconds = link_days * DAY if bucket.links else 0.0
        self._ended: deque[int] = deque()  # jobs whose files are to be looked at first
        self._wake = asyncio.Event()
        self.name = bucket.name
        self.trouble: str | None = None  #: why the bucket cannot be used now, for the operator

    @property
    def links(self) -> bool:
        """Whether links to what is there can be given."""
        return self._link_seconds > 0

    @property
    def since(self) -> float | None:
        """When a take must have ended for the bucket to have it; None for ever ago."""
        return self._clock() - self._days * DAY if self._days else None

    def moved(self, job: Job) -> None:
        """Look at *job*'s files soon if it has posted its clip: never before."""
        if job.state in FINISHED and job.file is not None:
            self.hurry(job)

    def hurry(self, job: Job) -> None:
        """Copy the files of *job* next."""
        if job.id not in self._ended:
            self._ended.append(job.id)
            self._wake.set()

    def wake(self) -> None:
        """See to deletions now: somebody waits for them."""
        self._wake.set()

    async def run(self) -> None:
        """Copy and delete, for ever. What fails is tried again, ever less often."""
        wait, whole = self._first_wait, True
        while True:
            self._wake.clear()
            try:
                await self.work(whole=whole)
            except Busy as busy:
                if self.trouble is None:
                    log.warning("%s What is new stays on the disk. %s", busy, busy.raw)
                self.trouble, whole = str(busy), True
            except (OSError, DiskTrouble):
                log.exception("The originals could not be copied")
                whole = True
            else:
                if self.trouble is not None:
                    log.info("The bucket can be used again")
                self.trouble, wait = None, self._first_wait
                # Without news, everything is looked at again in an hour.
                try:
                    async with asyncio.timeout(EVERY):
                        await self._wake.wait()
                    whole = False
                except TimeoutError:
                    whole = True
                continue
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def work(self, *, whole: bool = True) -> int:
        """Copy what is missing, newest first, and delete what is over; how many were copied.

        Unless *whole*, only what is new. Raises `Busy` while the bucket cannot be used.
        """
        if whole:
            last: str | None = ""
            while last is not None:
                _, last = await self._files.expire(
                    since=self.since, after=last, lent=self._clock() - self._link_seconds
                )
        unable = await self._delete()  # keys that may only write are no reason not to write
        sent, failed = await self._copy_new()
        if whole:
            more, trouble = await self._copy_missing()
            sent, failed = sent + more, trouble or failed
        failed = failed or unable or await self._delete()
        if failed is not None:
            raise failed
        return sent

    async def _copy_missing(self) -> tuple[int, Busy | None]:
        """Copy everything that is missing; as `_copy_new`, of which there may be more meanwhile."""
        sent, in_a_row = 0, 0
        failed: Busy | None = None
        below: int | None = None
        while True:
            page, below = await self._files.missing(self.name, since=self.since, below=below)
            for file in page:
                try:
                    sent += await self._copy(file)
                    in_a_row = 0
                except Busy as busy:
                    failed, in_a_row = busy, in_a_row + 1
                    if in_a_row >= GIVEN_UP:
                        return sent, failed
                more, trouble = await self._copy_new()
                sent, failed = sent + more, trouble or failed
            if below is None:
                return sent, failed

    async def fetch(self, copy: Copy, to: Path) -> None:
        """Write what was copied to *to*, whole or not at all.

        Raises `Lost` where the bucket does not have it, `Busy` while it cannot be asked.
        """
        digest = hashlib.sha256()
        try:
            async with landing(to) as file:
                async for piece in self._bucket.get(copy.key):
                    await asyncio.to_thread(digest.update, piece)
                    await asyncio.to_thread(file.write, piece)
                if digest.hexdigest() != copy.sha256:
                    raise Lost
        except (LookupError, Lost) as error:
            log.error("The bucket has lost %s, or changed it", copy.key)  # noqa: TRY400  # no bug
            raise Lost from error

    async def has(self, file: str) -> bool:
        """Whether a copy of *file* lies there now, asked of the bucket itself.

        What it lost is copied again. Raises `Busy` while it cannot be asked.
        """
        copy = await self._files.copy_of(file)
        if copy is None or copy.bucket != self.name:
            return False
        if await self._bucket.size(copy.key) == copy.size:
            return True
        log.error("The bucket has lost %s; it is sent again", copy.key)
        await self._files.lost(copy)
        return False

    async def link(self, file: str) -> tuple[str, float] | None:
        """A link to the copy of *file*, and when it dies; None where there is no copy."""
        copy = await self._files.copy_of(file) if self.links else None
        if copy is None or copy.bucket != self.name:
            return None
        try:
            url = await self._bucket.link(copy.key, self._link_seconds)
        except Busy as busy:
            log.info("No link to %s: %s %s", copy.key, busy, busy.raw)
            return None
        return url, self._clock() + self._link_seconds

    async def lend(self, file: str) -> tuple[str, float] | None:
        """Copy a file that no job needs, and give a link to it; both last equally long.

        None where no links are given, or while the bucket cannot be used.
        """
        if not self.links:
            return None
        try:
            await self._copy(file)
        except Busy as busy:
            log.info("%s is not lent: %s %s", file, busy, busy.raw)
            return None
        return await self.link(file)

    async def keep(self, file: str) -> None:
        """Copy a file that a job under way needs, unless it is there. Raises `Busy`."""
        copy = await self._files.copy_of(file)
        if copy is None or copy.bucket != self.name:
            await self._copy(file)

    # One at a time.

    async def _delete(self) -> Busy | None:
        """Delete what is not wanted any more; what went wrong."""
        while keys := await self._files.unwanted(self.name):
            for key in keys:
                try:
                    await self._bucket.delete(key)
                except Busy as busy:
                    return busy
                await self._files.deleted(self.name, key)
                log.info("%s was deleted in the bucket", key)
        return None

    async def _copy_new(self) -> tuple[int, Busy | None]:
        """Copy the files of jobs that have just ended; how many, and what went wrong."""
        sent, failed = 0, None
        while self._ended:
            job_id = self._ended.popleft()
            for file in await self._files.missing_of(job_id, self.name, since=self.since):
                try:
                    sent += await self._copy(file)
                except Busy as busy:  # the next look at everything finds it again
                    failed = busy
        return sent, failed

    async def _copy(self, file: str) -> bool:
        """Whether *file*, if we have it, is there now."""
        path = self._data / file
        try:
            size = path.stat().st_size
            digest = await asyncio.to_thread(_digest, path)
        except FileNotFoundError:
            return False  # it was dropped before there was a bucket, or just deleted
        name = PurePosixPath(file)
        key = str(name.with_name(f"{name.name.partition('.')[0]}-{digest[:16]}{name.suffix}"))
        copy = Copy(file=file, bucket=self.name, key=key, size=size, sha256=digest)
        await self._files.begin(copy)
        if await self._bucket.size(key) != size:
            try:
                await self._bucket.put(key, path)
            except (Busy, FileNotFoundError):
                if not path.exists():
                    return False
                raise
        # Not, if somebody had it deleted while it was on its way: that was noted, and follows.
        return await self._files.finish(copy, at=self._clock())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
