"""A reaction that is refused: who is told what, and what can be done about it.

A reaction has no answer that only its person sees. So a thread reads no more than a line without
figures, and a button under it gives its person the rest, privately.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.buttons import button
from bot.chat.explain import explain
from bot.chat.mentions import SILENT
from bot.chat.next_steps import next_steps
from bot.chat.post import nonce
from bot.chat.trouble import Denied, Gone, translated
from bot.errors import Busy, Private, Refusal
from bot.orders.quote import Instead, Limited, QuotedRefusal, Unmakeable
from bot.orders.requester import Requester
from bot.words.links import jump
from bot.words.text import elide
from cogs._pressing import Waits, number, pressed
from storage import DiskTrouble, Limit, RefusedOrder

log = logging.getLogger(__name__)

MINUTE = 60.0  #: seconds for which one message holds all refusals of a place
REASONS = 5  #: different ones that it lists
NAMED = 5  #: people who are named for each
BUTTONS = 5
TRIES = 8  #: while Discord is in trouble
#: What a thread reads of limits that are somebody's own affair.
_LIMITS = {
    Limit.QUOTA: "not enough credits right now.",
    Limit.BUDGET: "this server doesn't have enough credits left right now.",
    Limit.JOBS: "too many clips are already in progress.",
    Limit.PACE: "that was too fast. Try again in a minute.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of a refused reaction."""

    line: str  #: for everybody, or with *private* for its person
    answer: str  #: for its person alone
    private: bool = False
    kept: RefusedOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is said of one reaction to one message."""

    said: Said
    message_id: int
    requester: Requester
    emoji: str

    @property
    def asks(self) -> tuple[int, int, str]:
        """Whose reaction it is about."""
        return self.message_id, self.requester.user_id, self.emoji

    @property
    def mark(self) -> str:
        """What tells it from every other one."""
        kept = self.said.kept.id if self.said.kept is not None else 0
        return f"{self.requester.user_id}-{self.emoji}-{self.said.line}-{kept}"


@dataclass(slots=True)
class _Message:
    """The refusals of one minute in one place."""

    lines: list[Line] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)


async def said_of(bot: Dailies, no: Exception, requester: Requester) -> Said:
    """How a reaction is refused; an order that may still be made is kept."""
    sentence = explain(no)
    if not isinstance(no, QuotedRefusal | Unmakeable | Instead):
        return Said(line=sentence, answer=sentence, private=isinstance(no, Private))
    if isinstance(no, Limited) and no.refused.limit not in _LIMITS:
        blocked = no.refused.limit is Limit.BLOCKED
        return Said(line=sentence, answer=sentence, private=blocked)
    kept = None
    with suppress(DiskTrouble):  # the sentence is left
        kept = await bot.refusals.keep(no, requester)
    line = _LIMITS[no.refused.limit] if isinstance(no, Limited) else sentence
    return Said(line=line, answer=sentence, kept=kept)


class Lines:
    """Says in threads why reactions were refused: one message a thread and minute, at most.

    What is refused in that minute is added to it, and summed up where it is much. Without a ping
    or a notification; what is private goes by direct message.
    """

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot
        self._open: dict[int, _Message] = {}  # by channel
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Say no more."""
        for task in self._tasks:
            task.cancel()

    def tell(self, line: Line) -> None:
        """Say it soon: results go first."""
        if line.said.private:
            self._begin(self._tell_privately(line))
            return
        message = self._open.get(line.requester.channel_id)
        if message is None:
            message = self._open[line.requester.channel_id] = _Message()
            self._begin(self._keep(line.requester.channel_id, message))
        message.lines = [each for each in message.lines if each.asks != line.asks]
        message.lines.append(line)  # who reacts again is told what holds now
        message.news.set()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="refused reactions")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, channel_id: int, message: _Message) -> None:
        """Write the message of this minute, and anew when there is more to say."""
        ends = time.monotonic() + MINUTE
        sent: discord.Message | None = None
        try:
            while (left := ends - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(message.news.wait(), left)
                if not message.news.is_set():
                    break
                message.news.clear()
                sent = await self._written(channel_id, message, sent)
                await asyncio.sleep(self._bot.gaps.refusal)
        finally:
            del self._open[channel_id]
        if message.news.is_set():
            await self._written(channel_id, message, sent)

    async def _written(
        self, channel_id: int, message: _Message, sent: discord.Message | None
    ) -> discord.Message | None:
        first, lines = message.lines[0], list(message.lines)
        for tries in range(TRIES):
            await self._bot.pacer.wait(urgent=False)
            view = _buttons(lines)
            try:
                with translated():
                    if sent is not None:
                        return await sent.edit(
                            content=text(lines), view=view, allowed_mentions=SILENT
                        )
                    extra: dict[str, Any] = {} if view is None else {"view": view}
                    return await self._bot.get_partial_messageable(
                        channel_id, guild_id=first.requester.guild_id
                    ).send(
                        text(lines),
                        nonce=nonce(first.message_id, f"no-{first.mark}"),
                        reference=discord.MessageReference(
                            message_id=first.message_id,
                            channel_id=channel_id,
                            fail_if_not_exists=False,
                        ),
                        mention_author=False,
                        silent=True,
                        allowed_mentions=SILENT,
                        **extra,
                    )
            except Denied as error:
                if isinstance(error, Gone) and sent is not None:
                    sent = None  # somebody deleted it; what is new is said all the same
                    continue
                log.info("Refusals cannot be said in %s: %s", channel_id, error.raw)
                return sent
            except Busy as busy:
                log.info("Refusals cannot be said in %s yet: %s", channel_id, busy.raw)
                await asyncio.sleep(busy.retry_after or 2.0**tries)
        return sent

    async def _tell_privately(self, line: Line) -> None:
        requester = line.requester
        clip = jump(requester.guild_id, requester.channel_id, line.message_id)
        for tries in range(TRIES):
            await self._bot.pacer.wait(urgent=False)
            try:
                with translated():
                    there = await self._bot.create_dm(discord.Object(requester.user_id))
                    await there.send(
                        elide(f"{line.emoji} {clip}: {line.said.line}", 2000),
                        nonce=nonce(line.message_id, f"no-{line.mark}"),
                        allowed_mentions=SILENT,
                    )
            except Denied as error:
                log.info("%s cannot be told privately: %s", requester.user_id, error.raw)
                return
            except Busy as busy:
                log.info("%s cannot be told privately yet: %s", requester.user_id, busy.raw)
                await asyncio.sleep(busy.retry_after or 2.0**tries)
            else:
                return


def text(lines: Sequence[Line]) -> str:
    """What the message of a minute says: the same reasons together, and how many more."""
    groups: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        people = groups.setdefault((line.emoji, line.said.line), [])
        if line.requester.user_id not in people:
            people.append(line.requester.user_id)
    shown = []
    for (emoji, why), people in [*groups.items()][:REASONS]:
        named = ", ".join(f"<@{each}>" for each in people[:NAMED])
        more = f" and {len(people) - NAMED:,} more" if len(people) > NAMED else ""
        shown.append(f"-# {emoji} {named}{more}: {elide(why, 1200 // REASONS)}")
    if len(groups) == 1:
        [(emoji, why)] = groups
        named = shown[0].partition(": ")[0]
        shown = [f"{named}: {elide(why, 1500)}"]
    rest = sum(len(people) for people in [*groups.values()][REASONS:])
    if rest:
        shown.append(f"-# {rest:,} more reactions were refused.")
    return "\n".join(shown)


def _buttons(lines: Sequence[Line]) -> discord.ui.View | None:
    """What can be done about it: of one refusal all that can be, of more a button that asks why."""
    view = discord.ui.View(timeout=None)
    if len(lines) == 1 and lines[0].said.kept is not None and lines[0].said.kept.why == "confirm":
        view = next_steps(lines[0].said.kept)
    else:
        asked = {
            (line.message_id, line.emoji)
            for line in lines
            if line.said.answer != line.said.line or line.said.kept is not None
        }
        for message_id, emoji in sorted(asked)[:BUTTONS]:
            mark = emoji if len(asked) > 1 else None
            about = f"{message_id}:{emoji}"
            view.add_item(button("Why, and what fits", "take-why", about, emoji=mark))
    view.stop()
    return view if view.children else None


@pressed("take-why", moderators=False, waits=Waits.PRIVATE)
async def why(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Tell the person whose reaction was refused why, and offer what can be done about it."""
    bot = interaction.client
    message_id, _colon, emoji = about.partition(":")
    known = await bot.reactions.get((number(message_id), interaction.user.id, emoji))
    if known is None or known.explained is None:
        raise Refusal("This is about somebody else's reaction.")
    if known.answer is None:
        raise Refusal("That is settled. React again for another clip.")
    kept = None
    if known.refused_id is not None and interaction.guild_id is not None:
        kept = await bot.refusals.get(known.refused_id, guild_id=interaction.guild_id)
    view = None if kept is None else interaction.client.next_steps.of(kept)
    extra: dict[str, Any] = {} if view is None else {"view": view}
    await answering.tell(interaction, known.answer, **extra)
