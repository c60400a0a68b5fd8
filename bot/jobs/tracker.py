"""What is known of jobs beyond their rows: who waits, how far each is, how long they take."""

from collections.abc import Mapping

from bot.events import Events
from bot.jobs.estimates import Estimates
from bot.jobs.shared_slots import SharedSlots
from bot.jobs.slots import Slots
from bot.progress import Progress
from bot.providers import Provider, Report, Stage
from storage import Job, Store


class Tracker:
    """Kept in memory by the worker, and asked by whoever shows a job or chooses a provider."""

    def __init__(self, store: Store, providers: Mapping[str, Provider], events: Events) -> None:
        self._schedule = store.schedule
        self._clock = store.clock.now
        self._awake = store.clock.awake
        self._on_the_wall = store.clock.on_the_wall
        self._job_changed = events.job_changed
        self.estimates = Estimates(store.jobs)
        show = events.job_changed.emit
        self.slots: Slots = (
            Slots(providers, show, call=self.wake)
            if store.sharing.count == 1
            else SharedSlots(providers, show, call=self.wake, sharing=store.sharing)
        )
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

    def look_at(self, job: Job, report: Report) -> None:
        """Keep what the provider says, and what our own history makes likely."""
        now = self._clock()
        began = now - self._awake(job.since)
        ready_at, slow = self.estimates.of(job, report.fraction, began=began, now=now)
        if report.left is not None:
            ready_at, slow = now + report.left, False
        ready_at = None if ready_at is None else self._on_the_wall(ready_at)
        glimpse = Progress(
            waits_there=report.stage is Stage.WAITING,
            says=report.says,
            fraction=report.fraction,
            began_at=round(self._on_the_wall(began)),
            ready_at=ready_at,
            slow=slow,
        )
        if glimpse != self.reported.get(job.id):
            self.reported[job.id] = glimpse
            self._job_changed.emit(job, glimpse)
