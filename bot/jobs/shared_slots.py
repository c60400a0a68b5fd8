"""Slots of providers where several processes send orders: memory says who is next here, and the
database who is next of all."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence

from bot.jobs.slots import Slots
from bot.progress import Progress
from bot.providers import Provider
from storage import Due, Job, Key, Line, Sharing, Turns

WHOLE = 60.0  #: seconds after which the others are told of everybody who waits here once more


class SharedSlots(Slots):
    """As `Slots`; a slot that is free here is asked for among all.

    Each process tells the others who waits here, as far as that changed, and reads once a look who
    waits with them: from both, memory knows the place of each job in the line of all.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        show: Callable[[Job, Progress], None],
        *,
        call: Callable[[Job], None],
        sharing: Sharing,
        whole: float = WHOLE,
    ) -> None:
        super().__init__(providers, show, call=call)
        self._sharing = sharing
        self._whole, self._whole_at = whole, 0.0
        self._asked: dict[int, Key] = {}  # jobs that were given one, and their turns
        self._unused: dict[str, set[int]] = {}  # jobs that gave theirs back
        # What the others were told of who waits here; None: nobody knows what they heard.
        self._told: dict[str, dict[int, Key] | None] = {}
        self._changed: set[str] = set()  # whereof they were told something since they were of all
        self._others: dict[str, Sequence[Key]] = {}  # who waits with them, once that was read

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
                has = await self._claimed(job, key, provider)
        finally:
            if not has:
                self._refuse(job)
        return has

    async def _claimed(self, job: Job, key: Key, provider: Provider) -> bool:
        turns = self._turns(provider.name, key)
        try:
            has = await self._sharing.claim(job.id, provider.limits.concurrency, turns)
        except BaseException:
            self._told[provider.name] = None
            raise
        told = self._told[provider.name]
        if not has and told is not None:
            told[job.id] = key  # it stands there, with the others
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
        """Tell the others who waits here, read who waits with them, and call those for whom there
        may be a place.

        Raises `DiskTrouble`.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._whole_at:  # a row that nobody knows of would hold up everybody
            self._whole_at = now + self._whole
            self._told.update(dict.fromkeys(self._changed))
            self._changed.clear()
        for name in self._providers:
            unused, turns = self._unused.pop(name, set()), self._turns(name)
            if unused or turns.whole or turns.jobs or turns.gone:
                try:
                    await self._sharing.stand(turns, unused)
                except BaseException:
                    self._told[name] = None
                    self._unused.setdefault(name, set()).update(unused - self._asked.keys())
                    raise
        if not any(self._waiting.values()):
            self._others.clear()
            return
        lines = await self._sharing.lines()
        for name, provider in self._providers.items():
            line = lines.get(name, Line())
            if line.others != self._others.get(name):
                self._others[name] = line.others
                self._show(name)
            for job in self._queue(name).first(provider.limits.concurrency - line.busy):
                self._call(job)

    def _turns(self, provider: str, first: Key | None = None) -> Turns:
        """What changed of who waits here since the others were told, which they are about to be;
        and *first*, of the job whose turn it is."""
        told, now = self._told.get(provider, {}), self._queue(provider).keys()
        self._told[provider] = now
        known = told or {}
        came = [key for job_id, key in now.items() if known.get(job_id) != key]
        if first is not None:
            came.append(first)  # it waits no more here, and asks there
        gone = [job_id for job_id in known if job_id not in now]
        if told is not None and (came or gone):
            self._changed.add(provider)
        return Turns(provider=provider, jobs=came, gone=gone, whole=told is None)

    def _in_queue(self, job: Job) -> Progress:
        """Where *job* stands among all: not known before the first look since somebody waits."""
        queue, others = self._queue(job.provider), self._others.get(job.provider)
        if others is None:
            return Progress(why_waiting=queue.reason(job))
        return Progress(
            position=queue.position(job) + bisect_left(others, queue.key(job)),
            waiting=len(queue) + len(others),
            why_waiting=queue.reason(job, elsewhere=bool(others)),
        )

    def _refuse(self, job: Job) -> None:
        """Have *job*, which was given a place here, wait for one."""
        self._asked.pop(job.id, None)
        self._taken.get(job.provider, set()).discard(job.id)
        queue = self._queue(job.provider)
        queue.finished(job.id)
        if queue.join(job):
            self._show(job.provider)
