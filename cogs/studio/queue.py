"""/studio queue: what is under way, kept current while Discord lets us, with what moderators do."""

import asyncio
import logging
from collections.abc import Sequence

from discord import ui

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.buttons import button
from bot.chat.mentions import SILENT
from bot.chat.presenter import TOKEN_LASTS
from bot.chat.requester import moderator_of
from bot.chat.trouble import translated
from bot.errors import Busy, Refusal
from bot.moderation import tables
from bot.words.endings import headline
from cogs._pressing import Waits, number, pressed
from cogs.studio.views import Part, page
from storage import CANCELLABLE, Job, State

log = logging.getLogger(__name__)

SHOWN = 9  #: jobs on a page: each takes four of a message's forty components


class Live:
    """The open queues, by server. Each is written through its own interaction's token."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot
        self._open: dict[int, list[tuple[float, Interaction]]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def open(self, interaction: Interaction) -> None:
        """Answer with the queue, and keep it current."""
        await answering.tell(interaction, view=await queue_page(interaction))
        opened = self._open.setdefault(interaction.guild_id or 0, [])
        opened.append((self._bot.clock(), interaction))

    def touch(self, job: Job) -> None:
        """Something happened to *job*: its server's queues are looked at soon."""
        if self._open.get(job.guild_id) and job.guild_id not in self._tasks:
            task = asyncio.create_task(self._renew(job.guild_id), name="queue")
            self._tasks[job.guild_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(job.guild_id, None))

    def close(self) -> None:
        """Keep none current any more."""
        for task in self._tasks.values():
            task.cancel()

    async def _renew(self, guild_id: int) -> None:
        # What happens meanwhile is shown by the same look.
        await asyncio.sleep(self._bot.gaps.queue)
        now = self._bot.clock()
        alive = []
        for at, interaction in self._open.get(guild_id, []):
            if now - at > TOKEN_LASTS:
                continue
            try:
                view = await queue_page(interaction)
                with translated():
                    await interaction.edit_original_response(view=view, allowed_mentions=SILENT)
            except Busy as busy:  # the next look shows it
                log.info("An open queue is not current: %s", busy.raw)
            except Refusal:
                continue  # dismissed, or no moderator's any more
            alive.append((at, interaction))
        self._open[guild_id] = alive


async def queue_page(interaction: Interaction) -> ui.LayoutView:
    """The queue: how many there are, and the oldest of them."""
    bot = interaction.client
    jobs, count = await bot.server_queue.jobs(moderator_of(interaction))
    if not jobs:
        return page([("Nothing is in progress.", ())])
    parts: list[Part] = [(f"### {count:,} in progress", ())]
    for job in jobs[:SHOWN]:
        glimpse = bot.studio.glimpse(job)
        buttons = []
        if job.state in CANCELLABLE and job.cancelled_by is None:
            buttons.append(button("Cancel", "drop", job.id, emoji="✖️"))
        if job.state is State.QUEUED and (glimpse.position or 0) > 1:
            buttons.append(button("To the front", "front", job.id, emoji="⏫"))
        words = tables.waiting_line(job, headline(job, glimpse))
        parts.append((words, buttons))
    return page(parts, beyond=count - len(parts) + 1)


@pressed("drop", moderators=True, waits=Waits.CHANGE)
async def _drop(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await interaction.client.server_queue.cancel(moderator_of(interaction), number(about))
    await _again(interaction)


@pressed("front", moderators=True, waits=Waits.CHANGE)
async def _front(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await interaction.client.server_queue.front(moderator_of(interaction), number(about))
    await _again(interaction)


async def _again(interaction: Interaction) -> None:
    await answering.change(interaction, await queue_page(interaction))
