"""The tasks that run beside the bot for as long as it runs, and what became of them."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Background:
    """Tasks that never end by themselves. One that did is said: only a restart brings it back."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._ended: list[str] = []

    def begin(self, work: Coroutine[Any, Any, object], *, name: str) -> None:
        """Run *work*, which is called *name*, until `end`."""
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._done)

    async def trouble(self) -> str | None:
        """Which of them are not running any more, for `/livez`."""
        return f"stopped unexpectedly: {', '.join(self._ended)}" if self._ended else None

    async def end(self, *, within: float) -> None:
        """Stop them all, and wait for that at most *within* seconds."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    def _done(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        self._ended.append(task.get_name())
        log.error(
            "The task “%s” ended by itself. Restart Dailies.",
            task.get_name(),
            exc_info=task.exception(),
        )
