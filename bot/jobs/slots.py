"""Who is at work at each provider, and who waits for a place there."""

from collections.abc import Callable, Mapping

from bot.jobs.fair_queue import FairQueue
from bot.progress import Progress
from bot.providers import Provider
from storage import Due, Job

SHOWN_WAITING = 20  #: cards of waiting jobs that are kept current; the rest follow as they move up


class Slots:
    """Concurrency slots of each provider.

    *show* is told where each waiting job stands, and *call* which of them may take a free slot.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        show: Callable[[Job, Progress], None],
        *,
        call: Callable[[Job], None],
    ) -> None:
        self._providers = providers
        self._tell = show
        self._call = call
        self._taken: dict[str, set[int]] = {}  # jobs that a provider is, or may be, working on
        self._waiting: dict[str, FairQueue] = {}

    def keep(self, provider: str, job_id: int) -> None:
        """The job has a place there already."""
        self._taken.setdefault(provider, set()).add(job_id)

    def seen(self, job: Job) -> None:
        """Whose turn comes next depends on who has *job* there, if it is there."""
        if job.id in self._taken.get(job.provider, ()):
            self._queue(job.provider).at_work(job)

    def take(self, job: Job, provider: Provider) -> bool:
        """Give *job* a place, or let it wait for one: whether it has one."""
        taken = self._taken.setdefault(job.provider, set())
        room = provider.limits.concurrency - len(taken)
        if job.id not in taken and self._queue(job.provider).position(job) > room:
            if self._queue(job.provider).join(job):
                self._show(job.provider)
            return False
        taken.add(job.id)
        self._queue(job.provider).at_work(job)
        self.leave(job)
        return True

    async def granted(self, job: Job, provider: Provider) -> bool:
        """Whether *job*, which was given a place, may use it: others may have taken it."""
        del job, provider
        return True

    async def look(self) -> None:
        """Hear of places that others have freed: memory knows of all of them."""

    def leave(self, job: Job) -> None:
        """It waits no more."""
        if self._queue(job.provider).leave(job.id):
            self._show(job.provider)

    def let_go(self, job: Job) -> None:
        """Give *job*'s place to whoever waits for it."""
        taken, queue = self._taken.get(job.provider, set()), self._queue(job.provider)
        taken.discard(job.id)
        queue.finished(job.id)
        self.leave(job)
        provider = self._providers.get(job.provider)
        for waiting in queue.first(provider.limits.concurrency - len(taken) if provider else 1):
            self._call(waiting)

    def waits(self, due: Due) -> bool:
        """Whether the job is in line, and there is no place that it could have."""
        queue = self._queue(due.provider)
        if due.id not in queue:
            return False
        provider, taken = self._providers.get(due.provider), self._taken.get(due.provider, set())
        room = provider.limits.concurrency - len(taken) if provider is not None else 1
        return all(each.id != due.id for each in queue.first(room))

    def counts(self, provider: str) -> tuple[int, int]:
        """How many jobs have a place at *provider*, and how many wait for one."""
        return len(self._taken.get(provider, ())), len(self._waiting.get(provider, ()))

    def glimpse(self, job: Job) -> Progress | None:
        """Where *job* stands in the queue; None where it does not wait."""
        if job.id not in self._queue(job.provider):
            return None
        return self._in_queue(job)

    def _show(self, provider: str) -> None:
        for job in self._queue(provider).first(SHOWN_WAITING):
            self._tell(job, self._in_queue(job))

    def _in_queue(self, job: Job) -> Progress:
        queue = self._queue(job.provider)
        return Progress(
            position=queue.position(job), waiting=len(queue), why_waiting=queue.reason(job)
        )

    def _queue(self, provider: str) -> FairQueue:
        queue = self._waiting.get(provider)
        if queue is None:
            queue = self._waiting[provider] = FairQueue()
        return queue
