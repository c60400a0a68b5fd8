"""The playground's time: the machine's own, and a test can turn it forward."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

STEP = 0.1  #: seconds between two looks of a countdown


@dataclass(slots=True)
class Alarm:
    """Something that will be done at a time of the playground's clock, unless cancelled."""

    do: Callable[[], None] | None

    def cancel(self) -> None:
        self.do = None


class Clock:
    """Seconds since 1970. It never goes backwards, whatever the machine's own clock does."""

    def __init__(self, *, not_before: float = 0.0) -> None:
        """*not_before* keeps ids in order after a restart of a world whose clock was turned."""
        self._ticks: Callable[[], float] = time.monotonic
        self._start = max(time.time(), not_before) - self._ticks()
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        return self._start + self._ticks()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let no time pass but what `advance` turns, however slow the machine is."""
        before, at = self._ticks, self._ticks()
        self._ticks = lambda: at
        try:
            yield
        finally:
            self._start += at - before()
            self._ticks = before
            self._arm()

    def advance(self, seconds: float) -> None:
        """Turn the clock forward. What was due in between is done before this returns."""
        self._start += seconds
        self._ring()

    def call_at(self, when: float, do: Callable[[], None]) -> Alarm:
        """Do something once the clock shows *when*, by waiting or by being turned."""
        alarm = Alarm(do)
        heapq.heappush(self._alarms, (when, next(self._order), alarm))
        self._arm()
        return alarm

    def count_down(
        self, seconds: float, do: Callable[[], None], *, unless: Callable[[], bool]
    ) -> None:
        """Do something in *seconds*, *unless* that is no longer wanted.

        What the machine kept the event loop waiting does not count: a time that was turned does.
        """
        loop = asyncio.get_running_loop()

        def wait(due: float, left: float) -> None:
            expected = loop.time() + max(0.0, due - self.now())
            self.call_at(due, lambda: look(due, left, loop.time() - expected))

        def look(due: float, left: float, late: float) -> None:
            if unless():
                return
            if left <= 0:
                do()
            else:
                step = min(STEP, left)
                wait(due + max(0.0, late) + step, left - step)

        wait(self.now(), seconds)

    def stop(self) -> None:
        """Forget every alarm."""
        self._alarms.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._alarms and self._alarms[0][2].do is None:
            heapq.heappop(self._alarms)
        if self._alarms:
            delay = max(0.0, self._alarms[0][0] - self.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        while self._alarms and self._alarms[0][0] <= self.now():
            _, _, alarm = heapq.heappop(self._alarms)
            if alarm.do is not None:
                alarm.do()
        self._arm()
