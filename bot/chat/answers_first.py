"""Answers go first: what follows one waits while many people wait for theirs.

Discord gives an answer 3 seconds. Where many people order at once, threads for those who were
answered first would make the answers of the others late; where a crowd does, so would the orders.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from bot.errors import Busy

T = TypeVar("T")

FEW = 8  #: people that wait for an answer and are no crowd: Discord takes its time with each
CROWD = 32  #: people that wait for an answer: whoever comes then is told "thinking…" at once
AT_MOST = 3.0  #: seconds that what follows an answer waits for those of others: as Discord does


class AnswersFirst:
    """How many wait for an answer, and who waits until there are *few*."""

    def __init__(self, *, few: int = FEW, crowd: int = CROWD, at_most: float = AT_MOST) -> None:
        """*at_most* is in seconds."""
        self._few = few
        self._crowd = crowd
        self._at_most = at_most
        self._awaited = 0
        self._stopping = False
        self._given = asyncio.Event()
        self._given.set()

    @property
    def crowded(self) -> bool:
        """Whether so many wait that an order of each would come too late."""
        return self._awaited >= self._crowd

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Somebody waits for an answer meanwhile."""
        self._awaited += 1
        if self._awaited > self._few and not self._stopping:
            self._given.clear()
        try:
            yield
        finally:
            self._awaited -= 1
            if self._awaited <= self._few:
                self._given.set()

    async def given(self) -> None:
        """Wait until few wait for an answer, not for long."""
        if self._given.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._at_most):
                await self._given.wait()

    def stop(self) -> None:
        """Begin nothing more of what waits: the bot stops, and says so while there is time."""
        self._stopping = True
        self._given.set()

    async def before(self, work: Coroutine[None, None, T]) -> T:
        """What *work* gives, which begins once few wait for an answer. Raises `Busy` where the bot
        stops before that."""
        try:
            await self.given()
            if self._stopping:
                raise Busy(
                    "Dailies is restarting, so this was not ordered and nothing was charged. "
                    "Please send it again in a minute."
                )
            return await work
        finally:
            work.close()
