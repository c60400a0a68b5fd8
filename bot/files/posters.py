"""Keeps the pictures that stand for takes: each made once, beside its clip, in the background."""

import asyncio
import logging
from pathlib import Path

from bot.errors import Busy
from bot.media.probe import MediaError, portrait
from storage import Job

__all__ = ["Posters"]

log = logging.getLogger(__name__)


class Posters:
    """Makes posters in the background. A clip without one is shown without one."""

    def __init__(self, *, data: Path) -> None:
        self._data = data
        self._tasks: dict[int, asyncio.Task[Path | None]] = {}

    def begin(self, job: Job) -> asyncio.Task[Path | None]:
        """See that the poster of a finished clip is made; whoever waits for it may stop waiting.

        It gives None where there is no clip here, or none with a picture in it. It never raises.
        """
        task = self._tasks.get(job.id)
        if task is None:
            task = asyncio.create_task(self._make(job), name=f"poster {job.id}")
            self._tasks[job.id] = task
            task.add_done_callback(lambda _done: self._tasks.pop(job.id, None))
        return task

    def place(self, job: Job) -> Path | None:
        """Where the poster of a clip is, if it was made and is kept; None for a job without one."""
        return None if job.file is None else (self._data / job.file).with_suffix(".jpg")

    async def soon(self, job: Job, *, within: float) -> Path | None:
        """The poster of a clip, if it is there within so many seconds; else it is made all the
        same."""
        task = self.begin(job)
        await asyncio.wait({task}, timeout=within)
        return task.result() if task.done() and not task.cancelled() else None

    async def close(self) -> None:
        """Leave off what is being made; whoever asks next has it made."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, job: Job) -> Path | None:
        to = self.place(job)
        if job.file is None or to is None:
            return None
        clip = self._data / job.file
        if to.exists():
            return to
        if clip.suffix == ".zip":  # HDR's frames: what stands for them is their preview
            clip = clip.with_suffix(".preview.mp4")
        try:
            await portrait(clip, to)
        except (MediaError, Busy, OSError) as error:  # whoever asks next has it made
            log.info("Job %s has no poster: %s", job.id, error)
            return None
        return to
