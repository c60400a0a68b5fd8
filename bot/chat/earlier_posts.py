"""Finds the message of ours that an earlier try posted and nobody had written down."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

import discord

from bot.chat.cards import Pacer
from bot.chat.trouble import Denied, translated
from storage import Job

log = logging.getLogger(__name__)

PAGE = 100  #: messages that Discord gives at once
KNOWN = 1000  #: searches of which it is remembered how far they came
APART = 15 * 60.0  #: seconds that our clock and Discord's may differ


class Lookback:
    """Reads what was posted in a place from a moment on, all of it."""

    def __init__(self, client: discord.Client, pacer: Pacer) -> None:
        self._client = client
        self._pacer = pacer
        self._read: OrderedDict[tuple[int, int, str], int] = OrderedDict()

    async def find(
        self,
        place: discord.abc.Messageable,
        job: Job,
        wanted: Callable[[discord.Message], bool],
        *,
        since: float,
    ) -> discord.Message | None:
        """The first message of ours there, posted at *since* or later, that is *wanted*.

        None once all of them were read, however many there are, or where none can be read.
        Raises `Busy` where only some could be: nobody knows then.
        """
        me = self._client.user
        after = begin(job, since)
        if (read := (job.id, getattr(place, "id", 0), wanted.__qualname__)) in self._read:
            after = self._read[read]
        while True:
            await self._pacer.wait(urgent=True)
            try:
                with translated():
                    page = [
                        message
                        async for message in place.history(
                            limit=PAGE, after=discord.Object(after), oldest_first=True
                        )
                    ]
            except Denied as error:
                log.info("Messages near job %s cannot be read: %s", job.id, error.raw)
                return None
            if not page:
                self._remember(read, after)
                return None
            for message in page:
                if me is not None and message.author.id == me.id and wanted(message):
                    return message
            after = max(message.id for message in page)

    def _remember(self, read: tuple[int, int, str], after: int) -> None:
        """What was posted up to *after* need not be read again: nothing is posted into the past."""
        self._read[read] = after
        self._read.move_to_end(read)
        if len(self._read) > KNOWN:
            self._read.popitem(last=False)


async def ours(
    client: discord.Client,
    place: discord.abc.Messageable,
    wanted: Callable[[discord.Message], bool],
    *,
    after: int,
    limit: int | None = None,
) -> discord.Message | None:
    """The first message of ours in a place, behind the id *after*, that is *wanted*.

    At most *limit* messages are read. Raises `Denied` or `Busy`.
    """
    with translated():
        async for message in place.history(
            limit=limit, after=discord.Object(after), oldest_first=True
        ):
            if message.author == client.user and wanted(message):
                return message
    return None


def beginning(words: str) -> Callable[[discord.Message], bool]:
    """Whether a text in a message's container begins with *words*."""

    def begins(message: discord.Message) -> bool:
        boxes = [each for each in message.components if isinstance(each, discord.Container)]
        return any(
            isinstance(part, discord.TextDisplay) and part.content.startswith(words)
            for box in boxes
            for part in box.children
        )

    return begins


def id_at(at: float) -> int:
    """The id behind which everything stands that was posted at *at*, by our clock, or later."""
    moment = datetime.fromtimestamp(max(0.0, at - APART), UTC)
    return max(discord.utils.time_snowflake(moment), 0)


def begin(job: Job, since: float) -> int:
    """The id from which on a message about *job*, posted at *since* or later, must be.

    Ids are times, by Discord's clock: nothing was posted before the card, or before the command
    that asked for it. Ours is only asked where neither is known.
    """
    if job.card_id:
        return job.card_id
    kind, _, asked = job.request.partition(":")
    if kind == "interaction" and asked.isdigit():
        return int(asked)
    return id_at(since)
