"""What is known of jobs beyond their rows: who waits, how far each is, how long they take."""

from collections.abc import Mapping

from bot.events import Events
from bot.jobs.estimates import Estimates
from bot.jobs.slots import Slots
from bot.progress import Progress
from bot.providers import Provider
from storage import Job, Store


class Tracker:
    """Kept in memory by the worker, and asked by whoever shows a job or chooses a provider."""

    def __init__(self, store: Store, providers: Mapping[str, Provider], events: Events) -> None:
        self._schedule = store.schedule
        self._clock = store.clock.now
        self.estimates = Estimates(store.jobs)
        self.slots = Slots(providers, events.job_changed.emit, call=self.wake)
        self.reported: dict[int, Progress] = {}  #: of jobs that a provider is working on

    def wake(self, job: Job) -> None:
        """Have *job* looked at now, though its row may say later."""
        self._schedule.plan(job.id, self._clock())

    def glimpse(self, job: Job) -> Progress:
        """What is known of *job* right now."""
        return self.slots.glimpse(job) or self.reported.get(job.id, Progress())

    def typical(self, provider: str, model: str) -> float | None:
        """Seconds that a clip of this model typically took here; None before there were some."""
        return self.estimates.typical(provider, model)
