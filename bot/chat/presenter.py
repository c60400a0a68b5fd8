"""What people see of a job: the answer to its order, its card, and how it ended."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import discord

from bot.chat import answering, board, sheet_message
from bot.chat import card as card_views
from bot.chat.answers_first import AnswersFirst
from bot.chat.cards import Cards, Pacer
from bot.chat.delivery import Delivery
from bot.chat.ended_buttons import EndedButtons
from bot.chat.explain import apologise_elsewhere
from bot.chat.gaps import Gaps
from bot.chat.ladder import POSTER_WAIT
from bot.chat.mentions import SILENT
from bot.chat.post import has_file, nonce
from bot.chat.recognizing import is_card
from bot.chat.sheets import Sheets
from bot.chat.trouble import AlreadyDone, Denied, Gone, Lost, Rejected, translated
from bot.errors import Busy, Refusal
from bot.events import Events
from bot.orders.orders import Studio
from bot.progress import Progress
from bot.words.clips import alt_text, poster_name, thread_name
from storage import ENDED, DiskTrouble, Input, Job, Sheet, State, Take

log = logging.getLogger(__name__)

ACKNOWLEDGE = 1.0  #: seconds to have the card ready, before "thinking…" is shown; Discord allows 3
TOO_LATE = 5.0  #: seconds after which there is no sense in trying to give a first answer
CARD_AGAIN = 60.0  #: seconds before a card that could not be posted is tried again, then doubled
UNSAVED_AGAIN = 5.0  #: seconds until that where only the database kept it from one
TOKEN_LASTS = 14 * 60.0  #: seconds that an interaction's token is used; Discord ends it at 15 min

_THINKING = discord.InteractionResponseType.deferred_channel_message

_T = TypeVar("_T")


class ChatPresenter:
    """The worker's `Presenter` on Discord."""

    def __init__(
        self,
        client: discord.Client,
        studio: Studio,
        delivery: Delivery,
        sheets: Sheets,
        pacer: Pacer,
        events: Events,
        ended: EndedButtons,
        *,
        data: Path,
        usd_per_credit: Decimal,
        clock: Callable[[], float],
        gaps: Gaps,
    ) -> None:
        self._client = client
        self._studio = studio
        self._delivery = delivery
        self._sheets = sheets
        self._pacer = pacer
        self._events = events
        self._ended_buttons = ended
        self._data = data
        self._usd_per_credit = usd_per_credit
        self._clock = clock
        self._tokens: dict[int, tuple[float, discord.Interaction[Any]]] = {}
        self._late: set[asyncio.Task[None]] = set()  # cards that wait for their posters
        self._answers = AnswersFirst()
        self._answering: set[asyncio.Task[Any]] = set()  # orders, and the cards that they get
        self._giving: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        #: "thinking…" of jobs whose card is elsewhere
        self._waiting: dict[int, discord.Interaction[Any]] = {}
        self._no_card: dict[int, tuple[float, float]] = {}  # when to try again, and the wait then
        self._writing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        #: of batches: what their cards show of each job, and since when
        self._batches: dict[int, tuple[dict[int, tuple[State, int | None]], float]] = {}
        self._gaps = gaps
        self._cards = Cards(
            self._edit, fast=lambda job: self._token(job) is not None, clock=clock, gaps=gaps
        )
        events.job_changed.listen(self._job_changed)

    def stop(self) -> None:
        """Begin no order that was only told "thinking…" so far: its person is told so."""
        self._answers.stop()

    async def close(self) -> None:
        """Write what is known by now. Rows that have no card get it at the next start."""
        for task in (*self._late, *self._answering):
            task.cancel()
        await self._cards.settle()

    # Answering.

    async def answer(
        self,
        interaction: discord.Interaction[Any],
        order: Coroutine[None, None, tuple[Job, bool]],
        *,
        long: asyncio.Event | None = None,
    ) -> None:
        """Take *order* and answer with its card, in a thread of its own where there can be one.

        Discord waits 3 seconds: an order that takes longer than one, that has set *long*, or that
        comes in a crowd, is answered "thinking…" first. Whatever becomes of that answer, of this
        call and of the card, an order that has begun is seen to its end.
        """
        if self._answers.crowded:
            long = asyncio.Event()
            long.set()
            order = self._answers.before(order)
        unanswered = ExitStack()
        unanswered.enter_context(self._answers.awaited())
        ordering = self._kept(order)
        await asyncio.shield(self._kept(self._answer(interaction, ordering, long, unanswered)))

    def _kept(self, work: Coroutine[None, None, _T]) -> asyncio.Task[_T]:
        """*work* as a task that goes on when nobody waits for it any more."""
        task = asyncio.ensure_future(work)
        self._answering.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._answering.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it hears of it; perhaps nobody does any more

    async def _answer(
        self,
        interaction: discord.Interaction[Any],
        ordering: asyncio.Task[tuple[Job, bool]],
        long: asyncio.Event | None,
        unanswered: ExitStack,
    ) -> None:
        with unanswered:
            reachable = await self._acknowledge(interaction, ordering, long)
            if answering.is_answered(interaction):
                unanswered.close()
            try:
                job, _ = await ordering
            except Exception as error:
                if reachable:
                    raise
                await apologise_elsewhere(interaction, error)
                return
            async with self._card_of(job):
                # Somebody else may have seen to it: the same interaction, come twice.
                current = await self._current(job)
                if current.card_id is None:
                    await self._present(interaction, current, answered=unanswered.close)
                elif reachable and interaction.response.type is _THINKING:
                    await self._say_ordered(interaction, job)
                return
            _, shown = self._tokens.get(_head(job), (0.0, None))
            if shown is interaction:  # it stands; only where it stands could not be noted
                return
            if interaction.extras.get(answering.WAITS):
                self._waiting[_head(job)] = interaction  # until the card stands
            if reachable and interaction.response.type in {None, _THINKING}:
                await self._say_ordered(interaction, job)

    async def _say_ordered(self, interaction: discord.Interaction[Any], job: Job) -> None:
        """Tell who ordered, alone, that the card comes later, where Discord takes that in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TOO_LATE):
                await answering.privately(interaction, f"#{job.id} is ordered.")

    async def _acknowledge(
        self,
        interaction: discord.Interaction[Any],
        ordering: asyncio.Task[tuple[Job, bool]],
        long: asyncio.Event | None,
    ) -> bool:
        """Answer "thinking…" if *ordering* takes long. False where Discord did not take that."""
        waiting: set[asyncio.Future[Any]] = {ordering}
        if long is not None:
            waiting.add(asyncio.ensure_future(long.wait()))
        await asyncio.wait(waiting, timeout=ACKNOWLEDGE, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting - {ordering}:
            each.cancel()
        if ordering.done() or answering.is_answered(interaction):
            return True
        try:
            async with asyncio.timeout(TOO_LATE):
                await answering.acknowledge(interaction)
        except (Denied, Busy, TimeoutError) as error:
            log.info("An order goes on though it could not be answered: %s", error)
            return False
        return True

    async def present(self, job: Job, channel_id: int, *, beside: int, again: bool) -> None:
        """Show a job that no interaction asked for, by a message of our own beside another one.

        With *again*, an earlier try may have posted it: look first. Whatever becomes of the
        card, the job goes on.
        """
        async with self._card_of(job):
            current = await self._current(job)
            if current.card_id is None:
                await self._post_card(current, channel_id, beside=beside, again=again)

    def ensure_card(self, job: Job) -> None:
        """Give *job* a card if it has none, soon."""
        again_at, _ = self._no_card.get(_head(job), (0.0, 0.0))
        if job.card_id is None and _head(job) not in self._giving and self._clock() >= again_at:
            self._kept(self._give_card(job))

    async def _give_card(self, job: Job) -> None:
        try:
            async with self._card_of(job):
                current = await self._current(job)
                if current.card_id is not None:
                    self._no_card.pop(current.id, None)
                elif all(each.state in ENDED for each in await self._studio.batch(current)):
                    await self._end_card(current)
                else:
                    log.info("Job %s has no card; it gets one", job.id)
                    await self._post_card(current, job.channel_id, again=True, ping=True)
        except Exception:  # a boundary: nobody waits for this
            log.exception("Job %s could not be given a card", job.id)

    async def _end_card(self, job: Job) -> None:
        """Bring a card that was posted, and never noted, to how *job* ended; post no new one."""
        place = self._client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)
        card = await self._delivery.found(place, job, is_card(job))
        if (waiting := self._waiting.pop(job.id, None)) is not None:
            await answering.clear(waiting, but=card.id if card else None)
        if card is None:
            self._no_card[job.id] = math.inf, 0.0  # its end was posted; nothing is missing
            return
        placed = await self._studio.placed(
            job, card_channel_id=job.channel_id, card_id=card.id, thread_id=None
        )
        self._no_card.pop(job.id, None)
        self._cards.show(placed, self._studio.glimpse(placed))

    @asynccontextmanager
    async def _card_of(self, job: Job) -> AsyncGenerator[None]:
        """The right to give *job* its card: whoever has it looks first whether there is one.

        What goes wrong with it is not the order's: that was taken, and goes on.
        """
        async with self._giving.setdefault(_head(job), asyncio.Lock()):
            try:
                yield
            except (Denied, Busy, DiskTrouble) as error:
                _, wait = self._no_card.get(_head(job), (0.0, CARD_AGAIN / 2))
                wait = UNSAVED_AGAIN / 2 if isinstance(error, DiskTrouble) else wait
                self._no_card[_head(job)] = self._clock() + 2 * wait, min(2 * wait, 1800.0)
                log.warning("No card for job %s: %s", job.id, error)
                self._events.card_failed.emit(job)

    async def _current(self, job: Job) -> Job:
        """*job* as it is now; of a batch, its first one, by which all messages about it go."""
        return await self._studio.store.jobs.get(_head(job)) or job

    async def _post_card(
        self,
        job: Job,
        channel_id: int,
        *,
        again: bool,
        beside: int | None = None,
        ping: bool = False,
    ) -> None:
        """Post the card with the bot's own token; with *ping*, its requester is notified."""
        place = self._client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        card = await self._delivery.found(place, job, is_card(job)) if again else None
        if card is None:
            await self._pacer.wait(urgent=True)
            view = await self._view(job, self._studio.glimpse(job))
            extra: dict[str, Any] = {"silent": True, "allowed_mentions": SILENT}
            if beside is not None:
                extra["reference"] = discord.MessageReference(
                    message_id=beside, channel_id=channel_id, fail_if_not_exists=False
                )
                extra["mention_author"] = False
            if ping:  # it names whom it is for, who may have read of no answer to their order
                extra = {
                    "allowed_mentions": discord.AllowedMentions(
                        everyone=False, roles=False, users=[discord.Object(job.user_id)]
                    )
                }
            try:
                with translated():
                    card = await place.send(view=view, nonce=nonce(job.id, "card"), **extra)
            except Rejected as error:
                log.info("The card of job %s is not taken as it was: %s", job.id, error.raw)
                view = await self._view(job, self._studio.glimpse(job), wordless=True)
                with translated():
                    card = await place.send(view=view, nonce=nonce(job.id, "plain"), **extra)
        with translated():
            channel = self._client.get_channel(channel_id) or await self._client.fetch_channel(
                channel_id
            )
        await self._placed(job, channel, card.id)

    async def _placed(self, job: Job, channel: object, card_id: int) -> None:
        """Note where *job*'s card stands, and the thread that is started from it."""
        channel_id = getattr(channel, "id", job.channel_id)
        thread_id = parent_id = None
        if isinstance(channel, discord.Thread):
            thread_id, parent_id = channel.id, channel.parent_id
        elif not await self._has_thread(job, channel_id):
            thread_id = channel_id  # everything about the clip stands in the channel itself
        elif isinstance(channel, discord.TextChannel):
            thread_id, parent_id = await self._start_thread(channel, card_id, job), channel.id
        if thread_id is not None:
            # Where the thread is deleted later on, its clips go to the channel it was in.
            await self._studio.threads.note(thread_id, guild_id=job.guild_id, parent_id=parent_id)
        placed = await self._studio.placed(
            job, card_channel_id=channel_id, card_id=card_id, thread_id=thread_id
        )
        self._no_card.pop(job.id, None)
        if (waiting := self._waiting.pop(job.id, None)) is not None:
            await answering.clear(waiting, but=card_id)
        self._events.card_placed.emit(placed)
        if placed.batch is not None:
            for each in await self._studio.batch(placed):
                self._cards.show(each, self._studio.glimpse(each))
        elif placed.rev != job.rev:  # it moved while its card was written
            self._cards.show(placed, self._studio.glimpse(placed))

    async def _has_thread(self, job: Job, channel_id: int) -> bool:
        """Whether *job* gets a thread of its own in a channel."""
        threads, _ = await self._studio.choosing.threads(job.guild_id, channel_id, job.user_id)
        return threads

    async def _present(
        self, interaction: discord.Interaction[Any], job: Job, *, answered: Callable[[], None]
    ) -> None:
        """Answer with the card; where that cannot be, post it with the bot's own token. *answered*
        is called when that was tried."""
        try:
            async with asyncio.timeout(TOO_LATE):
                card_id = await self._shown(interaction, job)
        except (Denied, Busy, TimeoutError) as error:
            log.info("An order could not be answered with its card: %s", error)
            if interaction.extras.get(answering.WAITS):
                self._waiting[job.id] = interaction
            answered()
            await self._post_card(job, job.channel_id, again=True, ping=True)
            return
        answered()
        await self._answers.given()
        self._tokens[job.id] = self._clock(), interaction
        await self._placed(job, interaction.channel, card_id)

    async def _shown(self, interaction: discord.Interaction[Any], job: Job) -> int:
        glimpse = self._studio.glimpse(job)
        try:
            return await answering.show(interaction, await self._view(job, glimpse))
        except Rejected as error:
            log.info("The card of job %s is not taken as it was: %s", job.id, error.raw)
            return await answering.show(interaction, await self._view(job, glimpse, wordless=True))

    async def _start_thread(
        self, channel: discord.TextChannel, card_id: int, job: Job
    ) -> int | None:
        """A thread started from the card; a second try is harmless, its id is the card's."""
        card = channel.get_partial_message(card_id)
        for last in (False, True):
            try:
                with translated():
                    await card.create_thread(name=thread_name(job), auto_archive_duration=1440)
            except AlreadyDone:
                break
            except (Denied, Busy) as error:
                if isinstance(error, Lost) and not last:
                    continue  # it may have begun: the second try tells
                log.warning("No thread for job %s: %s", job.id, error.raw)
                return None
            else:
                break
        return card_id

    # The worker's screen.

    def _job_changed(self, job: Job, glimpse: Progress) -> None:
        """Make the card say where the job stands, soon."""
        if job.state in ENDED:
            self._no_card.pop(_head(job), None)
        if job.card_id is not None:
            self._cards.show(job, glimpse)

    async def deliver(self, job: Job, clip: Path, *, again: bool) -> int:
        """Post *clip* where people see it; return the message's id."""
        return await self._delivery.clip(job, clip, again=again)

    async def deliver_batch(self, jobs: Sequence[Job], sheet: Sheet, *, again: bool) -> int:
        """Post what became of a batch where people see it; return the message's id."""
        return await self._sheets.post(jobs, sheet, again=again)

    async def tell(self, job: Job, *, again: bool) -> int:
        """Say how *job* ended without a clip; return the message's id."""
        return await self._delivery.notice(job, again=again)

    async def link(self, job: Job, given: Input) -> str:
        """A public https link to an input, good for a day: it is posted where the job lives.

        There everybody sees what was used, too. Raises `Busy` while Discord is in trouble, and
        `Refusal` where nothing can be posted.
        """
        await self._client.wait_until_ready()
        file = self._data / given.file
        name = f"dailies-{job.id}-input-{file.stem[:12]}{file.suffix}"
        place = self._client.get_partial_messageable(
            job.thread_id or job.channel_id, guild_id=job.guild_id
        )
        try:
            # What was posted before is read again: its link is a fresh one then.
            message = await self._delivery.found(place, job, has_file(name), since=job.created_at)
            if message is None:
                message = await self._delivery.sender.send(
                    place,
                    f"-# What #{job.id} starts from",
                    nonce(job.id, name),
                    files=lambda: [discord.File(file, name)],
                    silent=True,
                )
        except Denied as error:
            raise Refusal("Your file can't be posted there, so no provider can get it.") from error
        return message.attachments[0].url

    async def _edit(self, job: Job, glimpse: Progress) -> None:
        """Write the card; once its clip is posted, with the poster, if that can be had."""
        if job.batch is not None:
            await self._edit_batch(job)
            return
        poster = await self._poster(job, glimpse)
        if poster is not None and await self._written(job, glimpse, poster):
            return
        await self._written(job, glimpse, None)

    async def _edit_batch(self, job: Job) -> None:
        """Write the card of a batch, of which *job* has news; it may have been written just now."""
        head = _head(job)
        # One at a time: what is read last is written last.
        async with self._writing.setdefault(head, asyncio.Lock()):
            jobs = await self._studio.batch(job)
            stages = {each.id: (each.state, each.cancelled_by) for each in jobs}
            before, at = self._batches.get(head, ({}, 0.0))
            if stages == before and self._clock() - at < self._gaps.card:
                return
            await self._written(jobs[0], self._studio.glimpse(jobs[0]), None)
            self._batches[head] = stages, self._clock()
            if all(each.state in ENDED for each in jobs):
                self._batches.pop(head)
                self._tokens.pop(head, None)

    async def _poster(self, job: Job, glimpse: Progress) -> Path | None:
        """The picture of a finished clip that was not taken down.

        One that is not ready yet does not keep the card back: it follows.
        """
        if job.state is not State.DONE or job.file is None:
            return None
        take = await self._studio.store.takes.get(job.id, guild_id=job.guild_id)
        if take is None or take.hidden_by is not None:
            return None
        posters = self._delivery.posters
        making = posters.begin(job)
        poster = await posters.soon(job, within=POSTER_WAIT)
        if not making.done():
            task = asyncio.create_task(self._follow(making, job, glimpse), name=f"late {job.id}")
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        return poster

    async def _follow(self, making: asyncio.Task[Path | None], job: Job, glimpse: Progress) -> None:
        await asyncio.wait({making})
        if not making.cancelled() and making.result() is not None:
            self._cards.show(job, glimpse)

    async def _written(
        self, job: Job, glimpse: Progress, poster: Path | None, *, wordless: bool = False
    ) -> bool:
        """Write the card, through its interaction's token while that lives, else with our own.

        False where it may be written without its *poster*. Raises `Busy`.
        """
        view = await self._view(job, glimpse, poster=poster is not None, wordless=wordless)

        def carried() -> dict[str, Any]:
            """The files that the card has from now on, where that may have changed."""
            if job.state is not State.DONE:
                return {}
            name, alt = poster_name(job), alt_text(job)
            files = [discord.File(poster, name, description=alt)] if poster is not None else []
            return {"attachments": files}

        interaction = self._token(job)
        if interaction is not None:
            try:
                with translated():
                    await interaction.edit_original_response(
                        view=view, allowed_mentions=SILENT, **carried()
                    )
            except (Denied, Busy) as error:
                self._tokens.pop(job.id, None)
                log.info("The token of job %s is of no more use: %s", job.id, error.raw)
            else:
                if job.state in ENDED and job.batch is None:
                    self._tokens.pop(job.id, None)
                return True
        if job.card_channel_id is None or job.card_id is None:
            return True
        await self._pacer.wait(urgent=job.state in ENDED)
        channel = self._client.get_partial_messageable(job.card_channel_id)
        try:
            with translated():
                await channel.get_partial_message(job.card_id).edit(
                    view=view, allowed_mentions=SILENT, **carried()
                )
        except Denied as error:  # deleted, archived, or out of reach
            log.info("The card of job %s cannot be edited: %s", job.id, error.raw)
            if isinstance(error, Rejected) and poster is None and not wordless:
                return await self._written(job, glimpse, None, wordless=True)
            return isinstance(error, Gone)
        return True

    def _token(self, job: Job) -> discord.Interaction[Any] | None:
        at, interaction = self._tokens.get(_head(job), (0.0, None))
        if interaction is not None and self._clock() - at > TOKEN_LASTS:
            self._tokens.pop(_head(job), None)
            return None
        return interaction

    async def _view(
        self, job: Job, glimpse: Progress, *, poster: bool = False, wordless: bool = False
    ) -> discord.ui.LayoutView:
        """The card; *wordless* where Discord does not take what other people wrote."""
        if job.batch is not None:
            return await self._batch_view(job, wordless=wordless)
        if wordless:
            job = card_views.wordless(job)
        provider = self._studio.providers.get(job.provider)
        return card_views.card(
            job,
            glimpse,
            title=provider.title if provider else job.provider,
            bill=await self._studio.store.policy.bill(job.id),
            usd_per_credit=self._usd_per_credit,
            now=self._clock(),
            cancels=provider.cancels if provider else False,
            poster=poster,
            buttons=self._ended_buttons.of(job),
            origin=board.lineage(job, await self._parent(job), linked=True),
        )

    async def _batch_view(self, job: Job, *, wordless: bool) -> discord.ui.LayoutView:
        """The card of a batch. *job* is its first one."""
        jobs = await self._studio.batch(job)
        if wordless:
            jobs = [card_views.wordless(each) for each in jobs]
        provider = self._studio.providers.get(job.provider)
        return sheet_message.card(
            jobs,
            {each.id: self._studio.glimpse(each) for each in jobs},
            {each.id: await self._studio.store.policy.bill(each.id) for each in jobs},
            title=provider.title if provider else job.provider,
            usd_per_credit=self._usd_per_credit,
            now=self._clock(),
            cancels=provider.cancels if provider else False,
            origin=board.lineage(job, await self._parent(job), linked=True),
            ended=self._ended_buttons.of_takes(jobs),
        )

    async def _parent(self, job: Job) -> Take | None:
        if job.brief.parent is None:
            return None
        return await self._studio.store.takes.get(job.brief.parent, guild_id=job.guild_id)


def _head(job: Job) -> int:
    """The number by which the card of *job* goes: of a batch, that of its first job."""
    return job.batch or job.id
