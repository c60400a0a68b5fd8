"""When a provider was last heard about a job: it is asked no sooner than its document says."""

from collections.abc import Callable

from bot.providers import Provider
from storage import Job

__all__ = ["Pace"]


class Pace:
    """The last answer about each job, by the application's clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._answered: dict[int, float] = {}

    def soonest(self, job: Job, provider: Provider) -> float:
        """When *provider* may be asked about *job* next."""
        last = self._answered.get(job.id)
        if last is None:
            # Whoever ran before may have asked just now, about a job that was there before us.
            last = self._began if job.since < self._began else float("-inf")
        return last + provider.limits.poll_every

    def answered(self, job: Job) -> None:
        """The provider answered just now, or did not and was asked."""
        self._answered[job.id] = self._clock()

    def forget(self, job: Job) -> None:
        """Nobody will ask about it any more."""
        self._answered.pop(job.id, None)
