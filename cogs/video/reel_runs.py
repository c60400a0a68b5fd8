"""Makes the reels that people wait for, one at a time in each server, and posts them once."""

import asyncio
import io
import logging
from contextlib import suppress
from functools import partial

import discord
from discord.ext import commands

from bot.chat import reel_message
from bot.chat.bot import Dailies
from bot.chat.earlier_posts import id_at, ours
from bot.chat.ladder import Posted, Way
from bot.chat.mentions import SILENT
from bot.chat.post import nonce
from bot.chat.recognizing import is_reel
from bot.chat.trouble import Denied, translated
from bot.errors import Busy, Refusal
from bot.jobs.presenter import Undeliverable
from bot.orders.reels import Made
from bot.words.shots import bar
from storage import DiskTrouble, Reel, ReelState

log = logging.getLogger(__name__)

EVERY = 30.0  #: seconds between two looks at what waits
CLOSING = 2.0  #: seconds that what is cut off is given to note where it was
AT_ONCE = 2  #: reels that are made at the same time, of different servers
EDITS = 5.0  #: seconds between two edits of a card
AGAIN = 60.0  #: seconds before a reel is tried again that met trouble of ours or of Discord's
PATIENCE = 24 * 3600.0  #: seconds after which it is not tried again
TRIES = 3  #: times that a reel is begun: what ends the process each time is not begun a fourth time

INTERRUPTED = "This reel was interrupted three times, so it is no longer made. Use `/video reel`."
TOO_LATE = "This reel could not be made for a day, so it is no longer made. Use `/video reel`."
WAITS = "Waiting for its turn."


class _Changed(Exception):
    """A reel is not to be posted as it was made."""


class ReelRuns(commands.Cog):
    """What makes reels in the background. How far each is stands in the database."""

    def __init__(self, bot: Dailies, *, every: float = EVERY) -> None:
        self._bot = bot
        self._every = every
        self._news = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by server
        self._running: set[int] = set()  # reels
        self._later: dict[int, float] = {}  # reels that wait after trouble, and until when

    async def cog_load(self) -> None:
        self._keeping = asyncio.create_task(self._keep(), name="reels")

    async def cog_unload(self) -> None:
        running = [*self._tasks.values()]
        if self._keeping is not None:
            running.append(self._keeping)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=CLOSING)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self._later.clear()
        self._news.set()

    def look_soon(self) -> None:
        """A reel was asked for, or is over."""
        self._news.set()

    async def _keep(self) -> None:
        await self._bot.wait_until_ready()
        cleared = False
        while True:
            self._news.clear()
            cleared = cleared or await self._cleared()
            try:
                await self._look()
            except (DiskTrouble, OSError) as trouble:
                log.warning("No reel was begun: %s", trouble)
            with suppress(TimeoutError):
                # Not `wait_for`: it may lose a cancellation that comes with the news.
                async with asyncio.timeout(self._every):
                    await self._news.wait()

    async def _cleared(self) -> bool:
        """Delete what an earlier process left; whether that is done."""
        try:
            await self._bot.reels.clear()
        except (DiskTrouble, OSError) as trouble:
            log.warning("What is left of old reels could not be deleted: %s", trouble)
            return False
        return True

    async def _look(self) -> None:
        """Begin what can be begun; what has to wait gets its card, which says so."""
        turns = set(self._tasks)
        for reel in await self._bot.reels.begun():
            if reel.id in self._running:
                continue
            later = self._later.get(reel.id, 0.0) > self._bot.clock()
            if reel.guild_id in turns or later or len(self._tasks) >= AT_ONCE:
                turns.add(reel.guild_id)
                if reel.card_id is None:
                    await self._show(reel, WAITS)
                continue
            turns.add(reel.guild_id)
            self._running.add(reel.id)
            task = asyncio.create_task(self._run(reel.id), name=f"reel {reel.id}")
            self._tasks[reel.guild_id] = task
            task.add_done_callback(partial(self._ended, reel))

    def _ended(self, reel: Reel, task: asyncio.Task[None]) -> None:
        self._tasks.pop(reel.guild_id, None)
        self._running.discard(reel.id)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Reel %s stopped; it is begun again", reel.id, exc_info=error)
        self._news.set()

    async def _run(self, reel_id: int) -> None:
        """Make and post a reel; say so where it cannot be."""
        reel = await self._bot.reels.take_up(reel_id)
        if reel is None:
            return
        if reel.tries > TRIES:
            await self._give_up(reel, INTERRUPTED)
            return
        after = reel.card_id or id_at(reel.at)
        reel = await self._show(reel, bar(0.0))
        try:
            await self._made_and_posted(reel, after=after)
        except asyncio.CancelledError:
            with suppress(DiskTrouble):
                await self._bot.reels.again(reel.id)  # Dailies stops; the next start goes on
            raise
        except (Busy, DiskTrouble) as busy:
            log.warning("Reel %s waits: %s %s", reel.id, busy, getattr(busy, "raw", ""))
            if self._bot.clock() - reel.at > PATIENCE:
                await self._give_up(reel, TOO_LATE)
                return
            self._later[reel.id] = self._bot.clock() + AGAIN
            with suppress(DiskTrouble):
                await self._bot.reels.again(reel.id)
                await self._show(reel, f"{busy} It is tried again soon.")
        except (Refusal, Undeliverable) as error:
            await self._give_up(reel, str(error))

    async def _made_and_posted(self, reel: Reel, *, after: int) -> None:
        """Make a reel and post it; one that may stand there already is looked for first, among
        what was posted after the message *after*."""
        place = self._bot.get_partial_messageable(reel.channel_id, guild_id=reel.guild_id)
        if reel.state is ReelState.POSTING and (stands := await self._standing(place, reel, after)):
            await self._over(reel, stands)
            return
        made = await self._making(reel)
        try:
            message = await self._post(place, reel, made)
        except _Changed:  # it is made again without what is gone, unless it was dropped itself
            await self._bot.reels.clear(reel.id)
            await self._bot.reels.again(reel.id)
            return
        await self._over(reel, message)

    async def _making(self, reel: Reel) -> Made:
        """Make a reel, and say meanwhile how far it is."""
        share = 0.0

        def progress(now: float) -> None:
            nonlocal share
            share = max(share, now)

        async def say() -> None:
            said = 0.0
            while True:
                await asyncio.sleep(EDITS)
                if share > said:
                    said = share
                    await self._show(reel, bar(said))

        saying = asyncio.create_task(say(), name=f"progress of reel {reel.id}")
        try:
            return await self._bot.reels.make(reel, progress=progress)
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)

    async def _post(
        self, place: discord.PartialMessageable, reel: Reel, made: Made
    ) -> discord.Message:
        """Post a reel with its lists: whole, smaller, as a link, or the lists alone.

        Raises `_Changed` where a clip of it was deleted meanwhile, or the reel was dropped.
        """
        film = f"dailies-reel-{reel.id}.mp4"
        lists = {f"dailies-reel-{reel.id}.edl": made.edl, f"dailies-reel-{reel.id}.csv": made.csv}

        async def send(way: Way) -> Posted:
            note = way.note
            if way.file is None and (link := await self._bot.reels.link(reel)) is not None:
                note = f"{note} · {self._bot.delivery.ladder.link_words(*link)}"

            def files() -> list[discord.File]:
                carried = [discord.File(io.BytesIO(data), name) for name, data in lists.items()]
                if way.file is not None:
                    alt = reel_message.alt_text(reel)
                    carried.insert(0, discord.File(way.file, film, description=alt))
                return carried

            view = reel_message.result(
                reel,
                made,
                note=note,
                film=film if way.file is not None else None,
                files=[*lists],
            )
            if not await self._bot.reels.about_to_post(reel.id, made):
                raise _Changed
            message = await self._bot.delivery.sender.send(
                place,
                view,
                nonce(reel.id, "reel"),
                ping=await self._bot.pings.mentions(reel.guild_id, reel.user_id, told=False),
                files=files,
            )
            return Posted(message=message)

        try:
            posted = await self._bot.delivery.ladder.post_sheet(
                place, made.first, made.film, film, send
            )
        except Denied as error:
            raise Refusal("Discord doesn't take the reel here.") from error
        return posted.message

    async def _standing(
        self, place: discord.PartialMessageable, reel: Reel, after: int
    ) -> discord.Message | None:
        """The message that an earlier try posted. Raises `Busy` where that cannot be told."""
        try:
            return await ours(self._bot, place, is_reel(reel.id), after=after)
        except Denied as error:
            log.info("Messages near reel %s cannot be read: %s", reel.id, error.raw)
        return None

    async def _over(self, reel: Reel, message: discord.Message) -> None:
        await self._bot.reels.over(reel.id)
        await self._show(reel, f"✅ [Ready]({message.jump_url})", colour=reel_message.DONE)

    async def _give_up(self, reel: Reel, why: str) -> None:
        with suppress(DiskTrouble):
            await self._bot.reels.over(reel.id)
        await self._show(reel, why, colour=reel_message.LOST)

    async def _show(self, reel: Reel, said: str, *, colour: int = reel_message.UNDER_WAY) -> Reel:
        """Write the card of a reel, and post it where there is none; nothing depends on it."""
        bot = self._bot
        place = bot.get_partial_messageable(reel.channel_id, guild_id=reel.guild_id)
        view = reel_message.card(reel, said, colour=colour)
        await bot.pacer.wait(urgent=False)
        try:
            with translated():
                if reel.card_id is not None:
                    card = place.get_partial_message(reel.card_id)
                    await card.edit(view=view, allowed_mentions=SILENT)
                    return reel
                sent = await place.send(
                    view=view,
                    nonce=nonce(reel.id, "reel-card"),
                    allowed_mentions=SILENT,
                    silent=True,
                )
        except (Denied, Busy) as error:
            log.info("The card of reel %s cannot be written: %s", reel.id, error.raw)
            return reel
        return await bot.reels.carded(reel, sent.id)


def look(bot: Dailies) -> None:
    """Have the cog above look soon."""
    cog = bot.get_cog("ReelRuns")
    assert isinstance(cog, ReelRuns)
    cog.look_soon()
