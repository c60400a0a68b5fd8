"""Asks again about a job that a provider took and then says it does not know."""

from collections.abc import Generator
from contextlib import contextmanager

from bot.errors import Busy, Failure, Refusal

__all__ = ["Patience"]

#: Seconds between the questions: a status call may learn of a job later than the call that
#: took it. Five minutes after the first "unknown" it counts as lost.
PAUSES = (15.0, 60.0, 225.0)


class Patience:
    """How often in a row each job was not known."""

    def __init__(self) -> None:
        self._unknown: dict[str, int] = {}

    @contextmanager
    def with_job(self, remote_id: str) -> Generator[None]:
        """Turn the first few Refusals (LOST) about a job into Busy."""
        try:
            yield
        except Refusal as refusal:
            times = self._unknown.pop(remote_id, 0)
            if refusal.failure is not Failure.LOST or times >= len(PAUSES):
                raise
            self._unknown[remote_id] = times + 1
            raise Busy(str(refusal), retry_after=PAUSES[times], raw=refusal.raw) from refusal
        self._unknown.pop(remote_id, None)
