"""The threads where clips are made: which channel each belongs to, and its board."""

from collections.abc import Callable

from storage import Store, Tally, Thread, ThreadOverview

UNWANTED = 0  #: in place of the message of a board that somebody deleted


class Threads:
    """What is known of threads; Discord forgets to tell of those that were archived."""

    def __init__(self, store: Store, *, clock: Callable[[], float]) -> None:
        self._takes = store.takes
        self._jobs = store.jobs
        self._clock = clock

    async def parent_of(self, thread_id: int) -> int | None:
        """The channel that a thread belongs to; None where that is no thread of ours."""
        return await self._takes.parent_of(thread_id)

    async def begun_with(self, thread_id: int) -> int | None:
        """The card that came first in a thread."""
        jobs = await self._jobs.in_thread(thread_id)
        return min((job.card_id for job in jobs if job.card_id), default=None)

    async def overview(self, thread_id: int, *, guild_id: int, limit: int) -> ThreadOverview:
        """What there is of a thread, with its newest *limit* takes."""
        return await self._takes.overview(thread_id, guild_id=guild_id, limit=limit)

    async def tally(self, thread_id: int) -> Tally:
        """How many takes a thread has."""
        return await self._takes.tally(thread_id)

    async def board_of(self, thread_id: int) -> int | None:
        """The message that is a thread's board: None before it is posted, `UNWANTED` where
        somebody deleted it."""
        thread = await self._takes.thread(thread_id)
        return None if thread is None else thread.board_id

    async def note(self, thread_id: int, *, guild_id: int, parent_id: int | None) -> None:
        """Note which channel a thread belongs to, unless that is known."""
        if parent_id is None or await self.parent_of(thread_id) is not None:
            return
        thread = Thread(id=thread_id, guild_id=guild_id, parent_id=parent_id, board_id=None)
        await self._takes.set_thread(thread, at=self._clock())

    async def set_board(
        self, thread_id: int, message_id: int, *, guild_id: int, parent_id: int | None = None
    ) -> None:
        """Note the board of a thread, or that it is `UNWANTED`."""
        thread = Thread(id=thread_id, guild_id=guild_id, parent_id=parent_id, board_id=message_id)
        await self._takes.set_thread(thread, at=self._clock())
