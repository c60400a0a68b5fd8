"""Slots of providers where several processes send orders: memory says who is next here, and the
database who is next of all."""

from collections.abc import Callable, Collection, Mapping

from bot.jobs.slots import Slots
from bot.progress import Progress
from bot.providers import Provider
from storage import Due, Job, Sharing, Turns

NEXT = 20  #: jobs, at most, of which the other processes are told that they come next here


class SharedSlots(Slots):
    """As `Slots`; a slot that is free here is asked for among all."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        show: Callable[[Job, Progress], None],
        *,
        call: Callable[[Job], None],
        sharing: Sharing,
    ) -> None:
        super().__init__(providers, show, call=call)
        self._sharing = sharing
        self._asked: dict[
            int, tuple[int, int, int]
        ] = {}  # jobs that were given one, and their turns
        self._unused: dict[str, set[int]] = {}  # jobs that gave theirs back
        self._told: dict[str, Turns] = {}  # what the others know of who is next here

    def take(self, job: Job, provider: Provider) -> bool:
        """Give *job* a place as far as is known here; `granted` asks the others."""
        self._asked[job.id] = self._queue(job.provider).key(job)
        has = super().take(job, provider)
        if not has:
            del self._asked[job.id]
        return has

    async def granted(self, job: Job, provider: Provider) -> bool:
        """Whether *job* has a place among the jobs of all processes, or waits for one."""
        self._unused.get(provider.name, set()).discard(job.id)
        key = self._asked.get(job.id)
        has = False
        try:
            if key is not None:
                turns = self._turns(provider, key)
                limit = provider.limits.concurrency
                has = await self._sharing.claim(job.id, limit, turns)
        finally:
            if not has:
                self._refuse(job)
        return has

    def let_go(self, job: Job) -> None:
        """Give *job*'s place to whoever waits for it, also elsewhere."""
        if self._asked.pop(job.id, None) is not None:
            self._unused.setdefault(job.provider, set()).add(job.id)
        super().let_go(job)

    def waits(self, due: Due) -> bool:
        """Whether the job is in line: only the others know whether there is a place for it."""
        return due.id in self._queue(due.provider)

    def forget(self, job_ids: Collection[int]) -> None:
        """Know nothing of jobs any more: another process works for their servers."""
        for name, taken in self._taken.items():
            queue = self._queue(name)
            for job_id in job_ids:
                taken.discard(job_id)
                queue.finished(job_id)
                queue.leave(job_id)
        for job_id in job_ids:
            self._asked.pop(job_id, None)

    def known(self) -> set[int]:
        """The jobs that have a place, or wait for one."""
        found = {job_id for taken in self._taken.values() for job_id in taken}
        for queue in self._waiting.values():
            found |= {job.id for job in queue.first(len(queue))}
        return found

    async def look(self) -> None:
        """Tell the others who is next here, and call those for whom there may be a place.

        Raises `DiskTrouble`.
        """
        waiting = {name: self._waiting.get(name) for name in self._providers}
        for name, provider in self._providers.items():
            unused, turns = self._unused.pop(name, set()), self._turns(provider)
            known = self._told.get(name, Turns(provider=name, jobs=()))
            if unused or turns != known:
                try:
                    await self._sharing.stand(turns, unused)
                except BaseException:
                    self._unused.setdefault(name, set()).update(unused - self._asked.keys())
                    raise
                self._told[name] = turns
        if not any(waiting.values()):
            return
        busy = await self._sharing.at_work()
        for name, provider in self._providers.items():
            queue = self._queue(name)
            for job in queue.first(provider.limits.concurrency - busy.get(name, 0)):
                self._call(job)

    def _turns(self, provider: Provider, first: tuple[int, int, int] | None = None) -> Turns:
        """Who is next here, after the job whose turn it is."""
        keys = self._queue(provider.name).keys(min(NEXT, provider.limits.concurrency))
        if first is not None:
            keys = sorted({first, *keys})
        return Turns(provider=provider.name, jobs=tuple(keys))

    def _refuse(self, job: Job) -> None:
        """Have *job*, which was given a place here, wait for one."""
        self._asked.pop(job.id, None)
        self._told.pop(job.provider, None)  # it was told just now, and is not what was told last
        self._taken.get(job.provider, set()).discard(job.id)
        queue = self._queue(job.provider)
        queue.finished(job.id)
        if queue.join(job):
            self._show(job.provider)
