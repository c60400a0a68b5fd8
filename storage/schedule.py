"""When each job is due: in memory, and fed by every commit that changes a job.

Code that saves a job need not plan it. Triggers note the job, the note is part of the transaction,
and once that is committed the job is planned, even if the caller has stopped waiting by then. New
jobs are those with the highest numbers, which are never given twice.
"""

import asyncio
import heapq
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from .database import Database
from .job import OWED, POSTED, Job, State, sql_list

AT_ONCE = 0.0  #: a moment that has always passed

_WATCH = f"""
    PRAGMA temp_store = MEMORY;
    CREATE TEMP TABLE job_change (job_id INTEGER NOT NULL, rev INTEGER, due_at REAL);
    CREATE TEMP TRIGGER job_is_changed AFTER UPDATE OF rev ON main.job BEGIN
        INSERT INTO job_change VALUES (new.id, new.rev, new.due_at);
    END;
    -- What a job that waits may wait for, and no step writes.
    CREATE TEMP TRIGGER job_is_placed AFTER UPDATE OF lane, card_id ON main.job
    WHEN new.state = '{State.QUEUED}' BEGIN
        INSERT INTO job_change VALUES (new.id, NULL, new.due_at);
    END;
    -- What is kept of a job that is asked about holds all of its row.
    CREATE TEMP TRIGGER job_is_kept AFTER UPDATE ON main.job
    WHEN new.state = '{State.RENDERING}' AND new.rev = old.rev BEGIN
        INSERT INTO job_change VALUES (new.id, NULL, new.due_at);
    END;
    -- Jobs of a batch are posted together: each waits until the others have moved.
    CREATE TEMP TRIGGER job_of_batch_moved AFTER UPDATE OF state ON main.job
    WHEN new.batch IS NOT NULL AND new.state <> old.state BEGIN
        INSERT INTO job_change SELECT id, NULL, NULL FROM job
        WHERE batch = new.batch AND id <> new.id
        AND due_at IS NOT NULL AND state IN {sql_list(POSTED)};
    END;
    CREATE TEMP TRIGGER batch_is_posted AFTER UPDATE OF message_id ON main.sheet BEGIN
        INSERT INTO job_change SELECT id, NULL, NULL FROM job
        WHERE batch = new.batch AND due_at IS NOT NULL AND state IN {sql_list(OWED)};
    END;
"""  # noqa: S608  # a fixed text


class Change(NamedTuple):
    """A job that a transaction changed. *rev* is None for what has no revision."""

    job_id: int
    rev: int | None
    due_at: float | None


class Schedule:
    """The due times of jobs. One worker takes the job that is due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._due: dict[int, float] = {}  # the one entry of the heap that counts for each job
        self._taken: set[int] = set()  # jobs that the worker has
        self._news: dict[int, list[Change]] = {}  # what changed in them meanwhile
        self._kept: dict[int, Job] = {}  # rows that no commit has changed since they were read
        self._wake = asyncio.Event()
        self._newest = 0  # the highest number of a job that is committed

    def __contains__(self, job_id: object) -> bool:
        """Whether a job is planned, or taken."""
        return job_id in self._due or job_id in self._taken

    # What the writer tells.

    def watch(self, db: sqlite3.Connection) -> None:
        """Make *db* note the jobs that change, and those that are new from now on."""
        db.executescript(_WATCH)
        self.begin(db)

    def begin(self, db: Database) -> None:
        """Plan the jobs that are new from now on. PostgreSQL's triggers are part of its schema."""
        [[self._newest]] = db.execute("SELECT coalesce(max(id), 0) FROM job")

    def collect(self, db: Database) -> list[Change]:
        """The jobs that the transaction under way has changed."""
        new = db.execute("SELECT id, rev, due_at FROM job WHERE id > ?", (self._newest,))
        found = [Change(*row) for row in new]
        changed = [Change(*row) for row in db.execute("SELECT job_id, rev, due_at FROM job_change")]
        if changed:
            db.execute("DELETE FROM job_change")
        return found + changed

    def committed(self, changes: Iterable[Change]) -> None:
        """Plan jobs whose change is on the disk."""
        for change in changes:
            self._newest = max(self._newest, change.job_id)
            self._kept.pop(change.job_id, None)
            if change.job_id in self._taken:
                self._news.setdefault(change.job_id, []).append(change)
            else:  # one that is not due any more has ended, and is looked at for that
                self.plan(change.job_id, AT_ONCE if change.due_at is None else change.due_at)

    # What the worker does.

    def plan(self, job_id: int, at: float) -> None:
        """Plan a job for the moment *at*, whatever was planned before."""
        if job_id in self._taken:
            self._news.setdefault(job_id, []).append(Change(job_id, None, at))
            return
        self._due[job_id] = at
        heapq.heappush(self._heap, (at, job_id))
        if self._heap[0][1] == job_id:  # else there is something to wake up for before
            self._wake.set()

    def sooner(self, job_id: int, at: float) -> None:
        """Plan a job for *at*, unless it is planned for an earlier moment."""
        if at < self._due.get(job_id, AT_ONCE):
            self.plan(job_id, at)

    def take(self, now: float) -> int | None:
        """Take the job that has been due longest; None if none is. `put_back` gives it back."""
        while self._heap and self._heap[0][0] <= now:
            at, job_id = heapq.heappop(self._heap)
            if self._due.get(job_id) == at:
                del self._due[job_id]
                self._taken.add(job_id)
                return job_id
        return None

    def reading(self, job_id: int) -> None:
        """Drop the news of a taken job: its row is about to be read, and shows all of them."""
        self._news.pop(job_id, None)

    def seen(self, job_id: int, rev: int) -> None:
        """Drop the news of a taken job up to *rev*."""
        left = [each for each in self._news.pop(job_id, []) if each.rev is None or each.rev > rev]
        if left:
            self._news[job_id] = left

    def keep(self, job: Job) -> None:
        """Keep the row of a taken job, as it was `seen`, until a commit changes it."""
        if job.id not in self._news:
            self._kept[job.id] = job

    def kept(self, job_id: int) -> Job | None:
        """The row of a job as it is; None where it has to be read."""
        return self._kept.get(job_id)

    def forget_kept(self) -> None:
        """Have every row read again: other processes may have changed any of them."""
        self._kept.clear()

    def put_back(self, job_id: int, at: float | None) -> None:
        """Give back a taken job, and plan it for *at*; None plans nothing.

        If news of the job came meanwhile that were not `seen`, it is due at once.
        """
        self._taken.discard(job_id)
        if self._news.pop(job_id, None):
            at = AT_ONCE
        if at is not None:
            self.plan(job_id, at)

    def pause(self, now: float, longest: float) -> float:
        """Seconds until something is due, at most *longest*."""
        return min(longest, max(0.0, self._heap[0][0] - now)) if self._heap else longest

    def behind(self, now: float) -> float:
        """Seconds for which the job that has been due longest is due; 0 where none is."""
        # What is due at once was planned a moment ago, nobody noted when.
        first = min((at for at in self._due.values() if at > AT_ONCE), default=now)
        return max(0.0, now - first)

    def wake(self) -> None:
        """End the wait of `woken`."""
        self._wake.set()

    async def woken(self, within: float) -> None:
        """Wait until something is planned or put back, at most *within* seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._wake.wait()
        self._wake.clear()
