"""Tells moderators at once, and once, when a job waits for them, and there what became of it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import discord
from discord import ui
from discord.ext import commands

from bot.chat.bot import Dailies
from bot.chat.buttons import button, marked
from bot.chat.mentions import SILENT
from bot.chat.post import nonce
from bot.chat.trouble import Denied, translated
from bot.errors import Busy
from bot.moderation import tables
from bot.words.text import elide
from cogs import _moderators
from storage import FOR_MODERATORS, DiskTrouble, Job, Parking, State

log = logging.getLogger(__name__)

EVERY = 3600.0  #: seconds between two looks at what could not be told, at most
SOON = 60.0  #: seconds in which nobody but this process can have told of something
AFTER = 3  #: failures in a row after which Discord is left alone for a while


class Alerts(commands.Cog):
    """Keeps the moderators' messages true. What was told is a fact in the database."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot
        self._parkings = bot.parked.parkings
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._open: set[int] = set()  # jobs of which something is left to be told
        self._tried: set[tuple[int, int]] = set()  # those that this process may have told of
        self._unheard: dict[tuple[int, int, int | None], float] = {}  # nobody was there; and when
        bot.events.job_changed.listen(lambda job, _progress: self.moved(job))

    async def cog_load(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="alerts")

    async def cog_unload(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def moved(self, job: Job) -> None:
        """A job moved: perhaps there is something to tell."""
        if job.state in FOR_MODERATORS or job.id in self._open:
            self._news.set()

    def look_soon(self) -> None:
        """Somebody decided: the message about it is not true any more."""
        self._news.set()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self._unheard.clear()
        self._news.set()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        self._news.set()

    async def _keep(self) -> None:
        tries, pause = 0, EVERY
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
            self._news.clear()
            await self._bot.wait_until_ready()
            try:
                well = await self.look()
            except DiskTrouble as trouble:
                log.warning("Moderators were told of nothing: %s", trouble)
                well = False
            tries = 0 if well else tries + 1
            pause = EVERY if well else min(EVERY, 2.0**tries)

    async def look(self) -> bool:
        """Tell whatever is left to be told; False where Discord was in trouble."""
        parkings, failed = await self._parkings.open(), 0
        self._open = {each.job_id for each in parkings}
        well = True
        for parking in parkings:
            job = await self._bot.studio.job(parking.job_id)
            if job is None or not self._bot.works_for(job.guild_id):
                continue
            try:
                await self._bring_up_to_date(parking, job)
            except Busy as busy:
                log.info("Moderators cannot be told of job %s yet: %s", job.id, busy.raw)
                well, failed = False, failed + 1
                if failed >= AFTER:
                    break
            else:
                failed = 0
        return well

    async def _bring_up_to_date(self, parking: Parking, job: Job) -> None:
        if parking.stands:
            if parking.message_id is None:
                await self._tell(parking, job)
            return
        if parking.by is None and job.state is State.DELIVERING:
            return  # it is being posted just now; what becomes of it is told then
        if parking.message_id is not None:
            await self._edit(parking, job)
        elif parking.state is State.UNDELIVERED and job.state is State.DONE:
            view = _said(tables.decided(job, parking))
            name = nonce(job.id, f"late-{parking.rev}")
            await _moderators.tell(self._bot, job.guild_id, lambda _buttons: view, name)
        await self._parkings.over(parking)

    async def _tell(self, parking: Parking, job: Job) -> None:
        key = (parking.job_id, parking.rev)
        server = await self._bot.studio.rules.of(job.guild_id)
        unheard = (*key, server.moderators)
        now = self._bot.clock()
        if now - self._unheard.get(unheard, -EVERY) < EVERY:
            return
        message = None
        if key in self._tried or now - parking.at > SOON:
            message = await self._told_before(parking, job)
        if message is None:
            self._tried.add(key)
            name = nonce(job.id, f"waits-{parking.rev}")
            make = self._maker(parking, job)
            message = await _moderators.tell(self._bot, job.guild_id, make, name)
        if message is None:
            self._unheard[unheard] = now
            log.warning("Nobody could be told that job %s waits for a moderator", job.id)
            return
        await self._parkings.told(parking, channel_id=message.channel.id, message_id=message.id)
        self._tried.discard(key)

    async def _told_before(self, parking: Parking, job: Job) -> discord.Message | None:
        """The message that an earlier try posted and did not write down."""
        wanted = _with_button(marked(*_verb(parking)))
        async for place, buttons in _moderators.places(self._bot, job.guild_id):
            if buttons:
                found = await self._bot.delivery.found(place, job, wanted, since=parking.at)
                if found is not None:
                    return found
        return None

    def _maker(self, parking: Parking, job: Job) -> Callable[[bool], ui.LayoutView]:
        def make(buttons: bool) -> ui.LayoutView:
            return _said(tables.waiting(job), parking if buttons else None)

        return make

    async def _edit(self, parking: Parking, job: Job) -> None:
        """Say in the message what became of it, and take its buttons away."""
        place = self._bot.get_partial_messageable(parking.channel_id or 0)
        await self._bot.pacer.wait(urgent=False)
        try:
            with translated():
                await place.get_partial_message(parking.message_id or 0).edit(
                    view=_said(tables.decided(job, parking)),
                    allowed_mentions=SILENT,
                )
        except Denied as error:
            log.info("The message about job %s stays as it is: %s", job.id, error.raw)


def _verb(parking: Parking) -> tuple[str, str]:
    """The first button of a message, by which it is known: its verb, and what it is about."""
    if parking.state is State.UNDELIVERED:
        return "post", f"{parking.job_id}:there:{parking.rev}"
    return "check", f"{parking.job_id}:{parking.rev}"


def _said(words: str, parking: Parking | None = None) -> ui.LayoutView:
    """A message to moderators; with *parking*, the buttons that decide what becomes of it."""
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=0xD08B2C)
    box.add_item(ui.TextDisplay(elide(words, 3900)))
    if parking is not None:
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        about, danger = f"{parking.job_id}:{parking.rev}", discord.ButtonStyle.danger
        if parking.state is State.UNDELIVERED:
            row.add_item(button("Try again", *_verb(parking)))
            row.add_item(button("Post it here", "post", f"{parking.job_id}:here:{parking.rev}"))
        else:
            row.add_item(button("Check again", *_verb(parking)))
            row.add_item(button("Retry (could pay twice)", "retry", about, style=danger))
            row.add_item(button("Close", "close", about))
        box.add_item(row)
    view.add_item(box)
    view.stop()  # `cogs.studio.parked` answers by the custom ids
    return view


def _with_button(custom_id: str) -> Callable[[discord.Message], bool]:
    def wanted(message: discord.Message) -> bool:
        boxes = [each for each in message.components if isinstance(each, discord.Container)]
        rows = [row for box in boxes for row in box.children if isinstance(row, discord.ActionRow)]
        return any(
            isinstance(each, discord.Button) and each.custom_id == custom_id
            for row in rows
            for each in row.children
        )

    return wanted
