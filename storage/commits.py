"""What every commit does once, for all the writes that it holds."""

from dataclasses import dataclass

from .clock import Clock
from .database import Database
from .finding import TOGETHER, index_new, waiting
from .schedule import Change, Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a transaction changed, to be told once it is on the disk."""

    mark: float | None  #: the moment that it wrote down; None: none was seen since the last one
    jobs: list[Change]


class Commits:
    """Keeps the time, indexes the words of new jobs, and plans the jobs that changed.

    Words are indexed many at a time, or when somebody looks for some: for a single order that is as
    much work as everything else.
    """

    def __init__(self, *, clock: Clock, schedule: Schedule) -> None:
        self._clock = clock
        self._schedule = schedule

    def collect(self, db: Database) -> Committed:
        """Do it, as the last step of a transaction."""
        if waiting(db) >= TOGETHER:
            index_new(db)
        return Committed(mark=self._clock.keep(db), jobs=self._schedule.collect(db))

    def committed(self, changes: Committed) -> None:
        """Note that the transaction is on the disk."""
        if changes.mark is not None:
            self._clock.kept(changes.mark)
        self._schedule.committed(changes.jobs)
