"""Brings a deleted clip back within a minute: the Undo button, and what is left of it after."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import discord
from discord import ui
from discord.ext import commands

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.buttons import button
from bot.chat.post import nonce
from bot.chat.recognizing import carried
from bot.chat.requester import requester_of
from bot.chat.trouble import Denied, translated
from bot.errors import Busy, Refusal
from bot.words.links import jump
from cogs._pressing import Waits, number, pressed
from storage import DiskTrouble, Job, Removal

log = logging.getLogger(__name__)

LOOK = 1.0  #: seconds between two looks while a deletion can be undone
AGAIN = 30.0  #: seconds before a clip that could not be posted is tried again


def undo_button(job_id: int) -> ui.View:
    """The button that brings a clip back. It stands on the answer to who deleted it."""
    view = ui.View(timeout=None)
    view.add_item(_button(job_id))
    view.stop()
    return view


def _button(job_id: int) -> ui.Button[Any]:
    return button("Undo", "undo", job_id, emoji="↩️")


async def offer(bot: Dailies, job: Job, channel_id: int) -> None:
    """Say in a channel that a clip was deleted, and offer to undo it for a minute.

    A reaction has no answer that only its person sees. Nothing depends on it.
    """
    removal = await bot.removals.open(job.id)
    if removal is None or removal.undone or removal.message_id is not None:
        return  # it is over, or offered already
    place = bot.get_partial_messageable(channel_id, guild_id=job.guild_id)
    text = f"-# <@{removal.user_id}> deleted #{job.id}."
    name = nonce(job.id, f"undo-{removal.at}")
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.TextDisplay(text))
    view.add_item(ui.ActionRow(_button(job.id)))
    view.stop()
    try:
        sent = await bot.delivery.sender.send(place, view, name, silent=True)
        await bot.removals.offered(removal, channel_id=channel_id, message_id=sent.id)
    except (Denied, Busy) as error:
        log.info("Nobody is offered to undo the deletion of job %s: %s", job.id, error.raw)


@pressed("undo", moderators=False, waits=Waits.FIRST)
async def undo(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Bring a deleted clip back to where it stood."""
    bot, job_id = interaction.client, number(about)
    try:
        removal = await bot.removals.undo(job_id, requester_of(interaction))
    except Refusal:
        if await bot.removals.open(job_id) is None:
            await _tidy(interaction.message)
        raise
    link = await restore(bot, removal)
    said = f"#{job_id} is back: {link}" if link else f"#{job_id} will be back in a moment."
    await answering.tell(interaction, said)


async def restore(bot: Dailies, removal: Removal, *, again: bool = False) -> str:
    """Post a clip wherever it stood, and take the offer to undo away; a link to it, or "".

    What Discord does not take now is tried again by `Undoing`. With *again*, an earlier try may
    have posted it: look first.
    """
    async with bot.removals.turn(removal.job_id):
        job = await bot.studio.job(removal.job_id)
        if job is not None and await bot.removals.open(job.id) is None:
            posts = await bot.studio.posts.of(job.id)  # somebody else was faster
            return jump(job.guild_id, posts[-1].channel_id, posts[-1].message_id) if posts else ""
        if job is None:
            await bot.removals.end(removal)
            return ""
        try:
            links = [await _posted(bot, job, each, removal, again=again) for each in removal.stood]
        except Busy as busy:
            log.info("Job %s is not back everywhere yet: %s", job.id, busy.raw)
            return ""
        await bot.removals.end(removal)
    await _withdraw(bot, removal)
    bot.events.take_changed.emit(job)
    bot.events.job_changed.emit(job, bot.studio.glimpse(job))
    return next(filter(None, links), "")


async def _posted(bot: Dailies, job: Job, channel_id: int, removal: Removal, *, again: bool) -> str:
    """The link to a clip in a channel, where it stands by then; "" where it cannot be posted."""
    for post in await bot.studio.posts.of(job.id):
        if (
            post.channel_id == channel_id and post.batch is None
        ):  # it could not be deleted, or was posted just now
            return jump(job.guild_id, post.channel_id, post.message_id)
    place = bot.get_partial_messageable(channel_id, guild_id=job.guild_id)
    try:
        if again:
            found = await bot.delivery.found(
                place, job, lambda each: carried(each) == job.id, since=removal.at
            )
            if found is not None:
                await bot.delivery.recovered(job, found)
                return found.jump_url
        purpose = f"undo-{removal.at}-{channel_id}"
        return (await bot.delivery.show_again(job, place, purpose=purpose)).jump_url
    except Refusal as no:  # the channel is gone, or we may not post there any more
        log.info("Job %s cannot be posted in %s again: %s", job.id, channel_id, no)
        return ""


async def _withdraw(bot: Dailies, removal: Removal) -> None:
    """Take the message away that offers everybody to undo a deletion."""
    if removal.message_id is not None and removal.channel_id is not None:
        place = bot.get_partial_messageable(removal.channel_id)
        await bot.pacer.wait(urgent=False)
        await _tidy(place.get_partial_message(removal.message_id))


async def _tidy(message: discord.Message | discord.PartialMessage | None) -> None:
    """Delete an offer that everybody reads; one that only its person sees stays."""
    if message is None or (isinstance(message, discord.Message) and message.flags.ephemeral):
        return
    with suppress(Denied, Busy), translated():
        await message.delete()


class Undoing(commands.Cog):
    """Ends each deletion after its minute, and posts what was undone and could not be posted.

    What is to be done stands in the database: a restart loses none of it.
    """

    def __init__(self, bot: Dailies, *, every: float = LOOK) -> None:
        self._bot = bot
        self._every = every
        self._news = asyncio.Event()
        self._tried: dict[int, float] = {}  # when a clip was last tried to be posted
        self._task: asyncio.Task[None] | None = None
        bot.events.take_changed.listen(lambda _job: self._news.set())

    async def cog_load(self) -> None:
        self._news.set()  # what was deleted before the start
        self._task = asyncio.create_task(self._keep(), name="undoing")

    async def cog_unload(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _keep(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while await self._bot.removals.any():
                    for removal in await self._bot.removals.settled():
                        await self._settle(removal)
                    await asyncio.sleep(self._every)
            except DiskTrouble as trouble:
                log.warning("Deletions were not looked at: %s", trouble)
                await asyncio.sleep(AGAIN)
                self._news.set()

    async def _settle(self, removal: Removal) -> None:
        if not removal.undone:
            await self._bot.removals.end(removal)
            await _withdraw(self._bot, removal)
            return
        if self._bot.removals.turn(removal.job_id).locked():
            return  # who pressed the button is at it
        now = self._bot.clock()
        if now - self._tried.get(removal.job_id, -AGAIN) < AGAIN:
            return
        self._tried[removal.job_id] = now
        try:
            await restore(self._bot, removal, again=True)
        except DiskTrouble:
            raise
        except Exception:  # a boundary: the other clips are brought back all the same
            log.exception("Job %s could not be brought back", removal.job_id)
        if await self._bot.removals.open(removal.job_id) is None:
            self._tried.pop(removal.job_id, None)
