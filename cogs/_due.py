"""Posts messages that the database says are due: soon after news, each minute, when connected."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

from bot.chat.bot import Dailies
from bot.chat.trouble import Denied
from bot.errors import Busy
from storage import DiskTrouble

log = logging.getLogger(__name__)

EVERY = 60.0  #: seconds between two looks at what is due
AGAIN = 3600.0  #: seconds before a channel that takes no message is tried again
SOON = 60.0  #: seconds in which Discord knows our name for a message

Item = TypeVar("Item")
Result = TypeVar("Result")


class DuePosts(Generic[Item, Result]):
    """Posts what *due* lists, each with *post* into the channel that *channel_of* says, and notes
    with *over* that it was. What Discord does not take now is due the next time.

    *post* raises `Denied` or `Busy`. *name* is what the messages are called in the log.
    """

    def __init__(
        self,
        bot: Dailies,
        *,
        name: str,
        due: Callable[[], Awaitable[Iterable[Item]]],
        channel_of: Callable[[Item], int],
        post: Callable[[Item], Awaitable[Result]],
        over: Callable[[Item, Result], Awaitable[object]],
        every: float = EVERY,
    ) -> None:
        self._bot = bot
        self._name = name
        self._due, self._channel_of = due, channel_of
        self._post, self._over = post, over
        self._every = every
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused: dict[int, float] = {}  # channels that took no message, and when

    def begin(self) -> None:
        """Look from now on."""
        self._task = asyncio.create_task(self._keep(), name=self._name)

    def end(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    def look_soon(self) -> None:
        """Something changed that may make a message due."""
        self._news.set()

    def connected(self) -> None:
        """Try again what was refused: we may be allowed to now."""
        self._refused.clear()
        self._news.set()

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._every)
            self._news.clear()
            await self._bot.wait_until_ready()
            try:
                await self._look()
            except DiskTrouble as trouble:
                log.warning("None of the %s was posted: %s", self._name, trouble)

    async def _look(self) -> None:
        now = self._bot.clock
        for each in await self._due():
            where = self._channel_of(each)
            if now() - self._refused.get(where, -AGAIN) < AGAIN:
                continue
            try:
                result = await self._post(each)
            except Denied as error:
                self._refused[where] = now()
                log.warning("Channel %s takes no %s: %s", where, self._name, error.raw)
            except Busy as busy:
                log.info("Channel %s gets no %s yet: %s", where, self._name, busy.raw)
            else:
                await self._over(each, result)
