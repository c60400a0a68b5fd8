"""Makes backups of the database: on demand, and by the hour while the bot runs."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bot.app.buckets import bucket_at
from bot.backoff import backoff
from bot.errors import Busy
from bot.files.backup_places import (
    Backup,
    BackupPlace,
    BucketPlace,
    DirectoryPlace,
    name_at,
)
from bot.settings import S3, Settings
from storage import CannotOpen, Copied, DiskTrouble, copy_database

log = logging.getLogger(__name__)

HOUR, DAY = 3600.0, 86_400.0
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0  #: seconds until a backup that failed is tried again
LOOK = 60.0  #: seconds between two looks at the clock


def place_of(target: str, settings: Settings) -> BackupPlace:
    """Where backups go that are to go to *target*, as `backup_target` gives it."""
    if not target.startswith(S3):
        return DirectoryPlace(Path(target))
    name, _, prefix = target.removeprefix(S3).partition("/")
    return BucketPlace(bucket_at(settings, name, prefix))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that was made, and the older ones that were deleted."""

    backup: Backup
    deleted: list[str]
    seconds: float


class Backups:
    """The backups of one data directory, in one place.

    Whatever else uses the directory meanwhile, a backup holds the database as it was at one
    moment. It is looked over before it counts, and older ones are only deleted after that.
    """

    def __init__(
        self,
        data: Path,
        place: BackupPlace,
        *,
        hours: float,
        keep_days: int,
        wall: Callable[[], float] = time.time,
        tried: Callable[[str | None], object] = lambda _: None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        copy: Callable[..., Copied] = copy_database,
    ) -> None:
        """*hours* lie between two backups of `run`; each is kept for *keep_days*. *tried* is
        told why no backup could be made, once, and None each time that one was."""
        self._data = data
        self._place = place
        self._every = hours * HOUR
        self._keep = keep_days * DAY
        self._wall = wall
        self._tried = tried
        self._sleep = sleep
        self._copied = copy
        self.trouble: str | None = None  #: why there is no new backup, for the operator
        self.last: float | None = None  #: when the newest backup was made, if that is known

    async def make(self) -> Made:
        """Make a backup, and delete those that are older than they are to be kept.

        Raises `Busy`, `CannotOpen` or `DiskTrouble`, with a sentence for the operator.
        """
        began, at = time.monotonic(), self._wall()
        name = name_at(at)
        folder = self._place.workplace(self._data)
        for left in folder.glob("dailies-*.db.part*"):  # of a process that was killed
            left.unlink(missing_ok=True)
        file = folder / f"{name}.part"
        try:
            copied = await self._copy(file, at)
            await self._place.put(name, file)
        finally:
            file.unlink(missing_ok=True)
        backup = Backup(name=name, size=copied.size, at=at)
        deleted = await self._prune(at)
        self.last = at
        return Made(backup=backup, deleted=deleted, seconds=time.monotonic() - began)

    async def _copy(self, file: Path, at: float) -> Copied:
        """Copy the database, and give that up where nobody waits for it any more."""
        unwanted = threading.Event()
        copying = asyncio.ensure_future(
            asyncio.to_thread(self._copied, self._data, file, at=at, stopped=unwanted.is_set)
        )
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            unwanted.set()
            await asyncio.wait({copying})
            copying.exception()
            raise

    async def _prune(self, now: float) -> list[str]:
        """Delete the backups that are too old; never the newest two."""
        old = [each for each in (await self._place.backups())[:-2] if each.at < now - self._keep]
        for each in old:
            await self._place.delete(each.name)
        return [each.name for each in old]

    async def run(self) -> None:
        """Make one whenever the newest is older than it may be, until cancelled."""
        tries = 0
        while True:
            try:
                pause = await self.look()
                tries = 0
            except (Busy, CannotOpen, DiskTrouble) as error:
                pause = backoff(tries, first=FIRST_PAUSE, most=LONGEST_PAUSE)
                tries += 1
                self._tell(str(error))
            await self._sleep(pause)

    async def look(self) -> float:
        """Make a backup if it is time; seconds until the next look. Raises as `make` does."""
        if self.last is None:
            there = await self._place.backups()
            self.last = there[-1].at if there else 0.0
        if self._wall() - self.last >= self._every or self.last > self._wall() + DAY:
            made = await self.make()
            log.info(
                "Backup %s in %s: %.1f MB, %.1f s",
                *(made.backup.name, self._place.name, made.backup.size / 1e6, made.seconds),
            )
            self._tell(None)
        return LOOK

    def _tell(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self.trouble:
            log.error("No backup could be made: %s", trouble)
        if trouble is None or trouble != self.trouble:
            self.trouble = trouble
            self._tried(trouble)

    async def remark(self) -> str | None:
        """What `/healthz` says of it."""
        return None if self.trouble is None else f"no backup can be made: {self.trouble}"
