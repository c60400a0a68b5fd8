"""What every commit does once, for all the writes that it holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from .clock import Clock
from .database import Database
from .finding import TOGETHER, index_new, waiting
from .schedule import Change, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a transaction changed, to be told once it is on the disk."""

    mark: float | None  #: the moment that it wrote down; None: none was seen since the last one
    jobs: list[Change]


class News(Protocol):
    """Tells other processes what a transaction changes."""

    def write(self, db: Database, changes: Iterable[Change]) -> None:
        """Do so, within the transaction."""
        ...


class Commits:
    """Keeps the time, indexes the words of new jobs, and plans the jobs that changed.

    Words are indexed many at a time, or when somebody looks for some: for a single order that is as
    much work as everything else.
    """

    def __init__(self, *, clock: Clock, schedule: Schedule, news: News | None = None) -> None:
        """*news* tells other processes of the jobs, where there are any."""
        self._clock = clock
        self._schedule = schedule
        self._news = news

    def collect(self, db: Database) -> Committed:
        """Do it, as the last step of a transaction."""
        if waiting(db) >= TOGETHER:
            index_new(db)
        jobs = self._schedule.collect(db)
        if self._news is not None:
            self._news.write(db, jobs)
        return Committed(mark=self._clock.keep(db), jobs=jobs)

    def committed(self, changes: Committed) -> None:
        """Note that the transaction is on the disk."""
        if changes.mark is not None:
            self._clock.kept(changes.mark)
        self._schedule.committed(changes.jobs)
