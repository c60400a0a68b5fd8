"""Posts how a job ended: its clip, by the best way that is open, or the sentence why not."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import discord

from bot.chat import board, card
from bot.chat.cards import Pacer
from bot.chat.earlier_posts import Lookback
from bot.chat.ended_buttons import EndedButtons
from bot.chat.ladder import Ladder, Posted, Showing, listed
from bot.chat.pings import Pings
from bot.chat.post import Sender, nonce
from bot.chat.recognizing import is_notice, is_result
from bot.chat.trouble import Denied, Forbidden, Gone, Rejected, translated
from bot.errors import Busy, Refusal
from bot.events import Events
from bot.files.cache import ClipCache
from bot.files.posters import Posters
from bot.jobs.presenter import Undeliverable
from bot.media.probe import MediaError, probe, sniff
from bot.words.endings import ending
from storage import Job, Post, State, Store

log = logging.getLogger(__name__)

EXPLAINED = 3  #: clips of a person, the first ones, that say what the reactions do
LATE = 600.0  #: seconds after which a notice says that it comes late


class Delivery:
    """Puts clips and endings where people see them, once."""

    def __init__(
        self,
        client: discord.Client,
        store: Store,
        sender: Sender,
        ladder: Ladder,
        posters: Posters,
        pacer: Pacer,
        events: Events,
        pings: Pings,
        lookback: Lookback,
        ended: EndedButtons,
        *,
        data: Path,
        cache: ClipCache,
        usd_per_credit: Decimal,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._pings = pings
        self._jobs = store.jobs
        self._takes = store.takes
        self._policy = store.policy
        self.sender = sender
        self.ladder = ladder
        self.posters = posters
        self._pacer = pacer
        self._events = events
        self._ended_buttons = ended
        self._data = data
        self._cache = cache
        self._usd_per_credit = usd_per_credit
        self._clock = clock
        self._lookback = lookback
        self._seeding: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Leave off what is only nice to have."""
        for task in self._seeding:
            task.cancel()
        await self.posters.close()

    # What the worker asks for.

    async def clip(self, job: Job, clip: Path, *, again: bool) -> int:
        """Post *clip* and ping its requester; the message's id. See `Presenter.deliver`."""
        number = await self.numbered(job, clip)
        if again:
            since = await self._first_tried(job)
            async for place in self.places(job):
                found = await self.found(place, job, is_result(job), since=since)
                if found is not None:
                    await self.recovered(job, found)
                    await self._pings.tell(job, found, again=True)
                    return found.id
        above = await self._above(job, number)
        explained = await self._takes.others_of(job, upto=EXPLAINED) < EXPLAINED
        ping = await self._pings.mentioned(job)
        showing = Showing(job=job, clip=clip, above=above, ping=ping, explained=explained)
        refused = None
        async for place in self.places(job):
            try:
                posted = await self.ladder.post(place, showing)
            except Denied as error:
                log.info("The clip of job %s is not taken there: %s", job.id, error.raw)
                refused = error if isinstance(error, Rejected) else refused
                continue
            await self.note(job, posted)
            await self._pings.tell(job, posted.message)
            return posted.message.id
        if refused is not None:
            raise Undeliverable("Discord doesn't take a message with this clip.", rejected=True)
        raise Undeliverable("There is no channel left to post it in.")

    async def numbered(self, job: Job, clip: Path) -> int:
        """The number of the take that *clip* is, which is about to be posted for the first time."""
        await self._client.wait_until_ready()
        try:
            await self._cache.at_hand(str(clip.relative_to(self._data)))
        except Refusal as error:
            raise Undeliverable("Our copy of the clip is gone.", gone=True) from error
        self.posters.begin(job)  # while it is posted, which does not wait for it
        number = await self._takes.number(job, job.thread_id or job.channel_id)
        await self._measure(job, clip)
        return number

    async def notice(self, job: Job, *, again: bool) -> int:
        """Say how *job* ended without a clip; the message's id. See `Presenter.tell`."""
        await self._client.wait_until_ready()
        bill = await self._policy.bill(job.id)
        if again:
            async for place in self.places(job):
                found = await self.found(place, job, is_notice(job), since=job.since)
                if found is not None:
                    await self._pings.tell(job, found, again=True)
                    return found.id
        name = nonce(job.id, f"{job.state}-{job.attempt}")
        ping = await self._pings.mentioned(job)
        async for place in self.places(job):
            # Buttons do not work in direct messages.
            buttons = [] if isinstance(place, discord.DMChannel) else self._ended_buttons.of(job)
            for said in (job, replace(job, error=None)):  # the second has no words but ours
                text = ending(said, bill=bill, usd_per_credit=self._usd_per_credit)
                if self._clock() - job.since > LATE:
                    text += f" (This happened <t:{int(job.since)}:R>.)"
                try:
                    view = card.notice(job, text, buttons=buttons)
                    sent = await self.sender.send(place, view, name, ping=ping, result=True)
                except Rejected as error:
                    log.info("The notice of job %s is not taken so: %s", job.id, error.raw)
                except Denied as error:
                    log.info("The notice of job %s is not taken there: %s", job.id, error.raw)
                    break
                else:
                    await self._pings.tell(job, sent)
                    return sent.id
        raise Undeliverable("There is no channel left to say it in.")

    async def _first_tried(self, job: Job) -> float:
        """When the clip of *job* may have been posted for the first time."""
        history = await self._jobs.history(job.id)
        return min(
            (event.at for event in history if event.after is State.DELIVERING), default=job.since
        )

    # What people ask for.

    async def show_again(
        self, job: Job, place: discord.abc.Messageable, *, purpose: str, original: bool = False
    ) -> discord.Message:
        """Post a take once more, in *place*. With *original*, not compressed, or refuse.

        Raises `Refusal` where that cannot be, `Busy` while Discord is in trouble.
        """
        try:
            return await self._shown_again(job, place, purpose=purpose, original=original)
        except Rejected as error:
            raise Refusal(f"Discord doesn't take a message with #{job.id}.") from error
        except Denied as error:
            raise Refusal("I can't post it there. Ask a moderator.") from error

    async def _shown_again(
        self, job: Job, place: discord.abc.Messageable, *, purpose: str, original: bool = False
    ) -> discord.Message:
        """Post a take once more; raises `Denied` where the channel is to blame."""
        if job.file is None:
            raise Refusal(f"The file of #{job.id} is no longer kept.")
        clip = await self._cache.at_hand(job.file)
        take = await self._takes.get(job.id, guild_id=job.guild_id)
        above = board.title_of(take) if take and take.number else ""
        showing = Showing(job=job, clip=clip, above=above, purpose=purpose, original=original)
        try:
            posted = await self.ladder.post(place, showing)
        except Undeliverable as error:
            raise Refusal(str(error)) from error
        await self.note(job, posted)
        return posted.message

    async def send_to(self, job: Job, user_id: int) -> discord.Message:
        """Send a take to a person's direct messages, and return that message. As `show_again`."""
        try:
            with translated():
                place = await self._client.create_dm(discord.Object(user_id))
            return await self._shown_again(job, place, purpose=f"dm-{user_id}")
        except (Forbidden, Gone) as error:
            raise Refusal(
                "I can't send you direct messages. Allow them from members of this server."
            ) from error

    async def _measure(self, job: Job, clip: Path) -> None:
        """Write down how long a clip is: once, since it never changes."""
        if await self.ladder.seconds(job) is None and sniff(clip) == "video/mp4":
            with suppress(MediaError):
                await self._takes.measured(job.id, (await probe(clip)).seconds)

    async def _above(self, job: Job, number: int) -> str:
        parent = None
        if job.brief.parent is not None:
            parent = await self._takes.get(job.brief.parent, guild_id=job.guild_id)
        return listed(f"take {number}", board.lineage(job, parent, linked=True))

    async def found(
        self,
        place: discord.abc.Messageable,
        job: Job,
        wanted: Callable[[discord.Message], bool],
        *,
        since: float | None = None,
    ) -> discord.Message | None:
        """The message of ours that an earlier try posted there, at *since* or later; without it,
        since *job* was ordered. Raises `Busy` where that cannot be told."""
        since = job.created_at if since is None else since
        return await self._lookback.find(place, job, wanted, since=since)

    async def places(self, job: Job) -> AsyncGenerator[discord.abc.Messageable]:
        """Where the end of *job* may be posted: its thread, the channel above, its person.

        One after the other: a direct message is not even opened unless all else failed.
        """
        known = dict.fromkeys([job.thread_id, job.card_channel_id, job.channel_id])
        if job.thread_id is not None:
            thread = await self._takes.thread(job.thread_id)
            known[thread.parent_id if thread else None] = None
        for channel_id in known:
            if channel_id is not None:
                yield self._client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        try:
            with translated():
                person = await self._client.create_dm(discord.Object(job.user_id))
        except Denied as error:  # they share no server with us, or take no messages
            log.info("The person of job %s cannot be written to: %s", job.id, error.raw)
            return
        yield person

    async def note(self, job: Job, posted: Posted, *, batch: int | None = None) -> Post | None:
        """Remember a post, so that what is done to it is done to the take.

        It is the contact sheet of *batch*, if given, and *job* its first take. None for a direct
        message: nobody acts on those.
        """
        message, retake, extend = posted.message, posted.retake, posted.extend
        post = None
        if not isinstance(message.channel, discord.DMChannel):
            post = Post(
                message_id=message.id,
                channel_id=message.channel.id,
                job_id=job.id,
                at=self._clock(),
                retake_price=retake.price if retake is not None else None,
                extend_price=extend.price if extend is not None else None,
                batch=batch,
            )
            await self._takes.posted(post)
            self.seed(post)
        self._events.clip_posted.emit(job)
        return post

    async def recovered(
        self, job: Job, message: discord.Message, *, batch: int | None = None
    ) -> None:
        """Remember a post that an earlier try made, and that was not written down: people may have
        acted on it since. It may be the contact sheet of a *batch*."""
        post = await self.note(job, Posted(message=message), batch=batch)
        if post is not None:
            self._events.post_recovered.emit(job, post)

    def seed(self, post: Post) -> None:
        """Put the reactions under a clip that people may press; nothing depends on it."""
        task = asyncio.create_task(self._seed(post), name=f"reactions {post.message_id}")
        self._seeding.add(task)
        task.add_done_callback(self._seeding.discard)

    async def _seed(self, post: Post) -> None:
        place = self._client.get_partial_messageable(post.channel_id)
        message = place.get_partial_message(post.message_id)
        for emoji in board.SEEDED if post.batch is None else board.SEEDED_ON_SHEETS:
            await self._pacer.wait(urgent=False)
            try:
                with translated():
                    await message.add_reaction(emoji)
            except (Denied, Busy) as error:
                log.info("Post %s gets no reactions: %s", post.message_id, error.raw)
                return
