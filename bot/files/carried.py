"""Keeps the files of jobs under way in the bucket, where several processes may go on with a job."""

import logging
from collections.abc import Iterator
from pathlib import Path

from bot.errors import Busy, Refusal
from bot.files.bucket_sync import BucketSync
from bot.files.cache import ClipCache
from storage import Job

log = logging.getLogger(__name__)

REMEMBERED = 10_000  #: files of which it is known that both have them


class Carried:
    """Whoever begins a step of a job sees to it that its files are here, and there."""

    def __init__(self, cache: ClipCache, bucket_sync: BucketSync, *, data: Path) -> None:
        self._cache = cache
        self._bucket_sync = bucket_sync
        self._data = data
        self._known: dict[str, None] = {}

    async def __call__(self, job: Job) -> bool:
        """Have the files here that *job* needs; whether what was made of it is. What nobody has any
        more its step finds out. Raises `Busy` while the bucket cannot be asked."""
        for file in dict.fromkeys(_named(job.brief.to_json())):
            await self._carry(file)
        return job.file is None or await self._carry(job.file)

    async def _carry(self, file: str) -> bool:
        if not (self._data / file).exists():
            try:
                await self._cache.at_hand(file)
            except Refusal:  # nobody has it any more
                return False
        elif file not in self._known:
            try:
                await self._bucket_sync.keep(file)
            except Busy as busy:  # one that dies now takes it along; whoever lives can go on
                log.warning("%s is on this disk alone: %s %s", file, busy, busy.raw)
                return True
        self._known[file] = None
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return True


def _named(brief: object) -> Iterator[str]:
    """The files that a brief names, also those of which the clip becomes a part."""
    match brief:
        case dict():
            if isinstance(file := brief.get("file"), str):
                yield file
            for each in brief.values():
                yield from _named(each)
        case list() | tuple():
            for each in brief:
                yield from _named(each)
