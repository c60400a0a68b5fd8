"""Where people see what becomes of a job: what the worker asks of whoever shows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from storage import Job, Sheet


class Undeliverable(Exception):
    """There is nowhere to post this now. The message is a sentence for the person.

    *gone*: there is nothing left to post. *rejected*: Discord does not take what it says or
    carries, so that it is of little use to try the same again soon.
    """

    def __init__(self, sentence: str, *, gone: bool = False, rejected: bool = False) -> None:
        super().__init__(sentence)
        self.gone = gone
        self.rejected = rejected


class Presenter(Protocol):
    """Where people see what becomes of a job."""

    def ensure_card(self, job: Job) -> None:
        """Give *job* a card if it has none, soon. Never raises, never waits."""
        ...

    async def deliver(self, job: Job, clip: Path, *, again: bool) -> int:
        """Post the clip and ping its requester; return the message's id.

        With *again*, an earlier try may have posted it: look first. Raises `Busy` to be
        asked again, `Undeliverable` when there is nowhere left.
        """
        ...

    async def deliver_batch(self, jobs: Sequence[Job], sheet: Sheet, *, again: bool) -> int:
        """Post what became of the *jobs* of a batch, in one message: the clips that *sheet* shows,
        or that there are none. As `deliver`.
        """
        ...

    async def tell(self, job: Job, *, again: bool) -> int:
        """Say in the thread how the job ended without a clip. As `deliver`."""
        ...
