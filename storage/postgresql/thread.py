"""A session on a thread of its own, as aiosqlite has its connections."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .session import Session

T = TypeVar("T")


class SessionThread:
    """Runs whole functions of ours with one session, one after the other."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="postgresql")
        self._began: float | None = None  # when what runs now began

    async def run(self, fn: Callable[[Session], T]) -> T:
        """What *fn* returns or raises, called with the session on its thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, fn)

    async def run_within(self, seconds: float, fn: Callable[[Session], T]) -> T:
        """As `run`; each time that so many *seconds* have passed, the connection is cut, which *fn*
        sees as lost."""
        running = asyncio.ensure_future(self.run(fn))
        running.add_done_callback(_retrieved)  # the caller may have stopped waiting
        while not (await asyncio.wait({running}, timeout=seconds))[0]:
            self._session.cut()
        return running.result()

    def cut_if_it_hangs(self, seconds: float) -> None:
        """Cut the connection if what runs now has done so for *seconds*."""
        began = self._began
        if began is not None and time.monotonic() - began >= seconds:
            self._session.cut()

    async def close(self) -> None:
        """Close the session once nothing waits for it, and end the thread."""
        await self.run(Session.close)
        self._thread.shutdown(wait=False)

    def _run(self, fn: Callable[[Session], T]) -> T:
        self._began = time.monotonic()
        try:
            return fn(self._session)
        finally:
            self._began = None


def _retrieved(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
