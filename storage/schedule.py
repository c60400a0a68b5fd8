"""When each job is looked at next: in memory, and fed by every commit that changes a job.

Whoever writes a job down need not tell anybody. Triggers note the job, the note is part of the
transaction, and once that is committed the job is planned. If the caller has stopped waiting by
then, it is planned all the same.
"""

import asyncio
import heapq
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from .job import State

AT_ONCE = 0.0  #: a moment that has always passed

_WATCH = f"""
    PRAGMA temp_store = MEMORY;
    CREATE TEMP TABLE job_change (job_id INTEGER NOT NULL, rev INTEGER, due_at REAL);
    CREATE TEMP TRIGGER job_is_new AFTER INSERT ON main.job BEGIN
        INSERT INTO job_change VALUES (new.id, new.rev, new.due_at);
    END;
    CREATE TEMP TRIGGER job_is_changed AFTER UPDATE OF rev ON main.job BEGIN
        INSERT INTO job_change VALUES (new.id, new.rev, new.due_at);
    END;
    -- What a job that waits may wait for, and no step writes.
    CREATE TEMP TRIGGER job_is_placed AFTER UPDATE OF lane, card_id ON main.job
    WHEN new.state = '{State.QUEUED}' BEGIN
        INSERT INTO job_change VALUES (new.id, NULL, new.due_at);
    END;
"""  # noqa: S608  # a fixed text


class Change(NamedTuple):
    """A job that a transaction changed. *rev* is None for what has no revision."""

    job_id: int
    rev: int | None
    due_at: float | None


class Schedule:
    """Due times of jobs. One place plans them all; one worker takes whichever is due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}  # the one entry of the heap that counts for each job
        self._taken: set[int] = set()  # jobs that are being looked at
        self._news: dict[int, list[Change]] = {}  # what became of them meanwhile
        self._wake = asyncio.Event()

    def __contains__(self, job_id: object) -> bool:
        """Whether a job is planned, or being looked at."""
        return job_id in self._due or job_id in self._taken

    # What the writer tells.

    @staticmethod
    def watch(db: sqlite3.Connection) -> None:
        """Have *db* note the jobs that change."""
        db.executescript(_WATCH)

    @staticmethod
    def collect(db: sqlite3.Connection) -> list[Change]:
        """The jobs that the transaction under way has changed."""
        found = [Change(*row) for row in db.execute("SELECT job_id, rev, due_at FROM job_change")]
        if found:
            db.execute("DELETE FROM job_change")
        return found

    def committed(self, changes: Iterable[Change]) -> None:
        """Plan jobs whose change is on the disk."""
        for change in changes:
            if change.job_id in self._taken:
                self._news.setdefault(change.job_id, []).append(change)
            else:  # one that is not due any more has ended, and is looked at for that
                self.plan(change.job_id, AT_ONCE if change.due_at is None else change.due_at)

    # What the worker does.

    def plan(self, job_id: int, at: float) -> None:
        """Have a job looked at *at* a moment, whatever was planned before."""
        if job_id in self._taken:
            self._news.setdefault(job_id, []).append(Change(job_id, None, at))
            return
        self._due[job_id] = at
        heapq.heappush(self._heap, (at, job_id))
        self._wake.set()

    def sooner(self, job_id: int, at: float) -> None:
        """Have a planned job looked at *at* a moment, unless it is planned for before that."""
        if at < self._due.get(job_id, AT_ONCE):
            self.plan(job_id, at)

    def take(self, now: float) -> int | None:
        """The job that has been due longest, if one is; it is not given again until `put_back`."""
        while self._heap and self._heap[0][0] <= now:
            at, job_id = heapq.heappop(self._heap)
            if self._due.get(job_id) == at:
                del self._due[job_id]
                self._taken.add(job_id)
                return job_id
        return None

    def seen(self, job_id: int, rev: int, *, all_of_it: bool = False) -> None:
        """Whoever looks at a job knows it up to *rev*; with *all_of_it*, has just read it."""
        news = self._news.pop(job_id, [])
        left = [
            each for each in news if (each.rev is None and not all_of_it) or (each.rev or 0) > rev
        ]
        if left:
            self._news[job_id] = left

    def put_back(self, job_id: int, at: float | None) -> None:
        """It was looked at, and is to be looked at again *at* a moment; None: not by itself.

        What became of it meanwhile, and was not `seen`, is looked at now.
        """
        self._taken.discard(job_id)
        if self._news.pop(job_id, None):
            at = AT_ONCE
        if at is not None:
            self.plan(job_id, at)
        self._wake.set()

    def pause(self, now: float, longest: float) -> float:
        """Seconds until something is due, at most *longest*."""
        return min(longest, max(0.0, self._heap[0][0] - now)) if self._heap else longest

    def wake(self) -> None:
        """End the wait of `woken`."""
        self._wake.set()

    async def woken(self, within: float) -> None:
        """Come back once something was planned or put back since, or after *within* seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), within)
        self._wake.clear()
