"""Has the files of a job where another process finds them that may have to go on with it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.errors import Busy
from storage import Job

__all__ = ["Carry", "Carrying"]

#: Brings the files of a job here, and to where other processes find them; whether what was made of
#: it is here. Raises `Busy`.
Carry = Callable[[Job], Awaitable[bool]]


class Carrying:
    """Between the steps of a job and its files. Where *carry* is None, no other process may have to
    go on with it, and nothing is done."""

    def __init__(
        self,
        carry: Carry | None,
        *,
        fetch: Callable[[Job], Awaitable[Job | float]],
        later: Callable[[Job, Busy | None], float],
    ) -> None:
        """*fetch* downloads a result and makes the clip; *later* says when to try again."""
        self._carry = carry
        self._fetch = fetch
        self._later = later

    async def until(self, job: Job) -> float | None:
        """None where *job* can be sent: what nobody has any more is found out then. Else when to
        look again."""
        if self._carry is not None:
            try:
                await self._carry(job)
            except Busy as busy:
                return self._later(job, busy)
        return None

    async def fetch(self, job: Job) -> Job | float:
        """Download it, and make its clip; what is about to be posted is where others find it."""
        if self._carry is None:
            return await self._fetch(job)
        try:
            if not await self._carry(job):
                job = replace(job, file=None)  # whoever had it is gone: it is downloaded again
        except Busy as busy:
            return self._later(job, busy)
        made = await self._fetch(job)
        if isinstance(made, Job) and made.file is not None:
            await self._carry(made)
        return made
