"""An event loop whose clock is virtual: where nothing is ready, it is at once as late as the next
timer says. Nothing real is waited for, so that a run takes no time and is the same each time.

What needs something real is refused: sockets are, and what is given to a thread is done at once
instead. A loop that nobody would ever wake says so.
"""

import asyncio
import selectors
from contextlib import suppress


class Stuck(Exception):
    """Everybody waits, and no timer is left: nothing would ever happen again."""


class _Jumping(selectors.BaseSelector):
    """Waits for nothing but the time, which is as late as it is asked for."""

    def __init__(self):
        self.now = 0.0
        self._own = {}

    def register(self, fileobj, events, data=None):
        # The loop's own, by which threads wake it. There are none.
        if self._own:
            raise RuntimeError("Nothing real can be waited for on virtual time.")
        key = self._own[fileobj] = selectors.SelectorKey(fileobj, -1, events, data)
        return key

    def unregister(self, fileobj):
        return self._own.pop(fileobj)

    def get_key(self, fileobj):
        return self._own[fileobj]

    def get_map(self):
        return self._own

    def select(self, timeout=None):
        if timeout is None:
            raise Stuck
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that begins at the second 0."""

    def __init__(self):
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        # A timer is never early: the time is set to the very moment that it is for.
        self._clock_resolution = 1e-6

    def time(self):
        return self._jumping.now

    def run_in_executor(self, executor, func, *args):
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # its caller gets it
            done.set_exception(error)
        return done


def run(main):
    """What the coroutine *main* returns, on a loop of its own that lives in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            with suppress(Stuck):
                loop.run_until_complete(asyncio.wait(left, timeout=1))
        loop.close()
