"""Posts what became of a batch, in one message: a contact sheet of its takes, or bad news."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from weakref import WeakValueDictionary

import discord

from bot.chat import sheet_message
from bot.chat.delivery import Delivery
from bot.chat.ended_buttons import EndedButtons
from bot.chat.ladder import Posted, Way
from bot.chat.pings import Pings
from bot.chat.post import nonce
from bot.chat.recognizing import is_sheet
from bot.chat.trouble import Denied, Rejected
from bot.jobs.presenter import Undeliverable
from bot.machine_trouble import trouble_of
from bot.media.probe import MediaError
from bot.media.take_sheet import Cell, take_sheet
from bot.orders.edits import Default
from bot.orders.orders import Studio
from bot.words import batches as words
from bot.words.clips import quoted
from storage import PARKED, Bill, Job, Post, Sheet

log = logging.getLogger(__name__)

AGAIN_WORDS = "order them all again, with new seeds"  #: what 🔁 does under a sheet


class Sheets:
    """Puts batches where people see them, once."""

    def __init__(
        self,
        client: discord.Client,
        studio: Studio,
        delivery: Delivery,
        pings: Pings,
        ended: EndedButtons,
        *,
        data: Path,
        usd_per_credit: Decimal,
        price: Callable[[Job, int], Awaitable[int | None]],
    ) -> None:
        """*price* says what so many new takes of a job cost."""
        self._client = client
        self._takes = studio.store.takes
        self._policy = studio.store.policy
        self._studio = studio
        self._delivery = delivery
        self._pings = pings
        self._ended = ended
        self._data = data
        self._usd_per_credit = usd_per_credit
        self._price = price
        self._making: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._showing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def post(self, jobs: Sequence[Job], sheet: Sheet, *, again: bool) -> int:
        """Post what became of a batch and ping its requester. See `Presenter.deliver_batch`."""
        await self._client.wait_until_ready()
        shown = [job for job in jobs if job.id in sheet.takes]
        bills = {job.id: await self._policy.bill(job.id) for job in jobs}
        if len(shown) == 1:
            return await self._only(shown[0], jobs, bills, again=again)
        if again and (found := await self._found(jobs, sheet)) is not None:
            if shown:
                await self._delivery.recovered(shown[0], found, batch=sheet.batch)
            await self._pings.tell(shown[0] if shown else jobs[0], found, again=True)
            return found.id
        if not shown:
            return await self._bad_news(jobs, bills)
        return await self._sheet(jobs, shown, bills, sheet)

    async def show(self, job: Job) -> str:
        """Post a take of a sheet in full, in its thread; the link to it. Once: where its post
        stands, that one's link."""
        async with self._showing.setdefault(job.id, asyncio.Lock()):
            place_id = job.thread_id or job.channel_id
            known = [post for post in await self._takes.posts_of(job.id) if post.batch is None]
            here = [post for post in known if post.channel_id == place_id]
            if here:
                return _link(job, here[0])
            place = self._client.get_partial_messageable(place_id, guild_id=job.guild_id)
            number = await self._takes.post_count(job.id)
            message = await self._delivery.show_again(job, place, purpose=f"take-{number}")
            return message.jump_url

    async def _only(
        self, job: Job, jobs: Sequence[Job], bills: dict[int, Bill | None], *, again: bool
    ) -> int:
        """Post the only take that was made, as any clip, with what became of the others."""
        note = words.shortfall(jobs, bills, shown=[job.id], usd=self._usd_per_credit)
        job = replace(job, note="\n".join(filter(None, (job.note, note))))
        return await self._delivery.clip(job, self._data / (job.file or ""), again=again)

    async def _found(self, jobs: Sequence[Job], sheet: Sheet) -> discord.Message | None:
        """The message that an earlier try posted."""
        async for place in self._delivery.places(jobs[0]):
            wanted = is_sheet(sheet.batch)
            found = await self._delivery.found(place, jobs[0], wanted, since=sheet.at)
            if found is not None:
                return found
        return None

    async def _bad_news(self, jobs: Sequence[Job], bills: dict[int, Bill | None]) -> int:
        first, told = jobs[0], [*jobs]
        ping = await self._pings.mentioned(first)
        async for place in self._delivery.places(first):
            private = isinstance(place, discord.DMChannel)
            buttons = [] if private else self._ended.of_takes(jobs)
            for said in (told, [replace(job, error=None) for job in told]):
                text = words.bad_news(said, bills, self._usd_per_credit)
                try:
                    sent = await self._delivery.sender.send(
                        place,
                        sheet_message.bad_news(jobs, text, ended=buttons),
                        nonce(first.id, "unmade"),
                        ping=ping,
                        result=True,
                    )
                except Rejected as error:
                    log.info("What became of batch %s is not taken so: %s", first.id, error.raw)
                except Denied as error:
                    log.info("What became of batch %s is not taken there: %s", first.id, error.raw)
                    break
                else:
                    await self._pings.tell(first, sent)
                    return sent.id
        raise Undeliverable("There is no channel left to say it in.")

    async def _sheet(
        self,
        jobs: Sequence[Job],
        shown: Sequence[Job],
        bills: dict[int, Bill | None],
        sheet: Sheet,
    ) -> int:
        file = await self._made(jobs, shown)
        price = await self._price(shown[0], len(jobs))
        refused = None
        async for place in self._delivery.places(jobs[0]):
            try:
                posted = await self._posted(place, jobs, shown, bills, file, price)
            except Denied as error:
                log.info("The sheet of batch %s is not taken there: %s", sheet.batch, error.raw)
                refused = error if isinstance(error, Rejected) else refused
                continue
            await self._delivery.note(shown[0], posted, batch=sheet.batch)
            await self._pings.tell(shown[0], posted.message)
            return posted.message.id
        if refused is not None:
            raise Undeliverable("Discord doesn't take a message with these clips.", rejected=True)
        raise Undeliverable("There is no channel left to post it in.")

    async def _made(self, jobs: Sequence[Job], shown: Sequence[Job]) -> Path:
        """The file of the sheet, made once. It goes with the first of its takes."""
        takes = {job.id for job in shown}
        to = self._data / "takes" / f"{shown[0].id}.sheet.mp4"
        async with self._making.setdefault(shown[0].id, asyncio.Lock()):
            cells, gone = [], 0
            for job in jobs:
                clip, said = None, words.in_cell(job)
                if job.id in takes:
                    clip = self._data / (job.file or "")
                    try:
                        await self._delivery.numbered(job, clip)
                    except Undeliverable:
                        clip, said, gone = None, "file gone", gone + 1
                cells.append(Cell(number=job.batch_place or 0, clip=clip, words=said))
            if gone == len(shown):
                raise Undeliverable("Our copies of the clips are gone.", gone=True)
            if not to.exists():
                try:
                    await take_sheet(cells, to)
                except MediaError as error:
                    if (trouble := trouble_of(error)) is not None:
                        raise trouble from error
                    log.warning("Batch %s has no sheet: %s", jobs[0].id, error.reason)
        return to

    async def _posted(
        self,
        place: discord.abc.Messageable,
        jobs: Sequence[Job],
        shown: Sequence[Job],
        bills: dict[int, Bill | None],
        file: Path,
        price: int | None,
    ) -> Posted:
        """Post the sheet; where Discord does not take what others wrote, without that."""
        first, takes = jobs[0], [job.id for job in shown]
        private = isinstance(place, discord.DMChannel)
        ping = await self._pings.mentioned(first)
        paid = [bills[job.id] for job in jobs if job.state not in PARKED]
        ready = words.ready(jobs, takes, words.cost(paid, self._usd_per_credit, done=True))
        alt, name = sheet_message.alt_text(jobs, takes), f"dailies-{first.id}-sheet.mp4"

        async def send(way: Way) -> Posted:
            lost = words.losses(jobs, bills, shown=takes, usd=self._usd_per_credit)
            title = self._studio.quotes.title(shown[0])
            under = [words.settings(shown[0], title)]
            under += [] if private else [words.legend(len(jobs), price)]
            whole = "\n".join(filter(None, (ready, quoted(first), *lost, way.note)))
            refused: Rejected | None = None
            for said, below, described in ((whole, "\n".join(under), alt), (ready, "", "")):
                view = sheet_message.sheet(
                    jobs,
                    said=said,
                    takes=takes,
                    file=None if way.file is None else name,
                    alt=described,
                    under=below,
                    acts=not private,
                    ended=[] if private else self._ended.of_takes(jobs),
                )
                try:
                    message = await self._delivery.sender.send(
                        place,
                        view,
                        nonce(first.id, "sheet"),
                        ping=ping,
                        files=lambda: [] if way.file is None else [discord.File(way.file, name)],
                        result=True,
                    )
                except Rejected as error:
                    log.info("The sheet of batch %s is not taken so: %s", first.id, error.raw)
                    refused = error
                else:
                    retake = None if private else Default(words=AGAIN_WORDS, price=price)
                    return Posted(message=message, retake=retake)
            assert refused is not None, "it was tried"
            raise refused

        if not file.exists():  # no clip of it can be shown, though each can be fetched
            return await send(Way(note="They can't be shown together.", file=None, name=name))
        return await self._delivery.ladder.post_sheet(place, first, file, name, send)


def _link(job: Job, post: Post) -> str:
    return f"https://discord.com/channels/{job.guild_id}/{post.channel_id}/{post.message_id}"
