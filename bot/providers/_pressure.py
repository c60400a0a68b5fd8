"""How hard a provider may be pressed: a request rate, pauses it asks for, a breaker with a probe.

Nothing here sleeps. What may not be asked now is refused with `Busy` and the seconds after
which it may, so that waiting stays in the worker, where it costs neither a task nor a
connection. That is also why no library does this: aiolimiter and stamina wait inside the
call, and neither purgatory nor pybreaker lets one name the clock or admits one probe at a time.

How many *jobs* may be under way at once is `Limits.concurrency`: only the worker can count it.
"""

import random
import time
from collections.abc import Callable
from typing import Self

from bot.backoff import backoff
from bot.errors import Busy, Failure
from bot.files.retry_after import SHORTEST, retry_after
from bot.providers import Connection

__all__ = ["Pressure", "retry_after"]

BACKOFF = 300.0  #: seconds that our own backoff never exceeds
STREAK = 5  #: troubles in a row that open the breaker
PROBE_EVERY = 30.0  #: seconds between probes while it is open
BURST = 10  #: requests that may come at once after a quiet time; or those of a second


class Pressure:
    """The state of one provider as seen from here. Times are seconds of *clock*."""

    def __init__(
        self,
        *,
        title: str,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        holders: Callable[[], int] = lambda: 1,
    ) -> None:
        """*holders*: how many processes share the rate, each of which keeps to its part of it."""
        self._title = title
        self._holders = holders
        self._every = 60.0 / per_minute
        self._slack = self._every * (max(1.0, min(BURST, per_minute / 6), per_minute / 60) - 1)
        self._clock = clock
        self._uniform = uniform
        self._full_at = 0.0  # GCRA: when all that was admitted has been worked off
        self._paused_until = 0.0
        self._streak = 0
        self._probe_at: float | None = None  # set while the breaker is open

    @classmethod
    def of(cls, connection: Connection, *, title: str, per_minute: float) -> Self:
        """That of a provider which is connected so."""
        return cls(
            title=title,
            per_minute=per_minute,
            clock=connection.clock,
            holders=connection.holders,
        )

    @property
    def healthy(self) -> bool:
        """Whether it is worth choosing: not out of order, nor resting as it asked us to."""
        return self._probe_at is None and self._clock() >= self._paused_until

    @property
    def broken(self) -> bool:
        """Whether the breaker is open: it failed several times in a row."""
        return self._probe_at is not None

    def admit(self) -> None:
        """Count one request in; raises `Busy` where it must not be made now."""
        now = self._clock()
        if now < self._paused_until:
            raise self._later(self._paused_until - now, Failure.RATE, "asked us to wait")
        if self._probe_at is not None:
            if now < self._probe_at:
                raise self._later(self._probe_at - now, Failure.DOWN, "is down")
            self._probe_at = now + PROBE_EVERY
        ahead = max(self._full_at - now, 0.0)
        if ahead > self._slack:
            raise self._later(ahead - self._slack, Failure.RATE, "has reached its request limit")
        self._full_at = now + ahead + self._every * self._holders()

    def answered(self) -> None:
        """It gave an orderly answer, be it a yes or a no: it works."""
        self._streak = 0
        self._probe_at = None

    def pushed_back(self, seconds: float | None) -> float:
        """It asked for a pause, of *seconds* where it said. Returns how long it will be."""
        self._streak += 1
        self._probe_at = None  # it works, it only has too much to do
        pause = seconds if seconds is not None else self._backoff()
        self._paused_until = max(self._paused_until, self._clock() + pause)
        return pause

    def failed(self, seconds: float | None = None) -> float:
        """It could not be reached or made no sense. Returns the seconds to the next try."""
        self._streak += 1
        if self._streak >= STREAK:
            self._probe_at = self._clock() + PROBE_EVERY
        return seconds if seconds is not None else self._backoff()

    def _backoff(self) -> float:
        """Exponential with full jitter, so that what failed together does not return together."""
        most = backoff(self._streak, most=BACKOFF)
        return max(SHORTEST, self._uniform(0.0, most))

    def _later(self, seconds: float, failure: Failure, why: str) -> Busy:
        # Whoever waits for the same moment is spread over the time that follows it.
        spread = seconds + self._uniform(0.0, max(self._every, 0.1 * seconds))
        return Busy(f"{self._title} {why}.", retry_after=spread, failure=failure)
