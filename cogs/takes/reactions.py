"""Reactions on a clip: what each does, once, and what happens when one is taken back."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakValueDictionary

import discord
from discord.ext import commands

from bot.chat import board
from bot.chat.bot import Dailies
from bot.chat.explain import missing_permissions
from bot.chat.favourites import gather
from bot.chat.recognizing import card_of, carried, sheet_of
from bot.chat.requester import needed_in, requester_reacting
from bot.chat.trouble import Denied, translated
from bot.errors import Busy, Refusal
from bot.orders.consent import Consent
from bot.orders.edits import Part
from bot.orders.quote import ConfirmationNeeded
from bot.orders.reactions import Key, Turn
from bot.orders.requester import Requester
from bot.orders.takes import Verb
from cogs.takes import acting, batches, refused, replies, undo
from storage import ENDED, DiskTrouble, Job, Post, State

log = logging.getLogger(__name__)

TRIES = 3  #: tries to read a message that may be about a clip
_ORDERS = frozenset({board.RETAKE, board.EXTEND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A reaction, and who gave it."""

    message_id: int
    channel_id: int
    emoji: str
    requester: Requester
    ours: bool = False  #: whether the message is one of ours

    @property
    def key(self) -> Key:
        return self.message_id, self.requester.user_id, self.emoji


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a reaction is about: a clip, by a message of ours, and what was said to it."""

    job_id: int
    beside: int  #: the message of ours
    words: str | None = None  #: what replaces the prompt
    unsure: str = ""  #: why it is not known whether there are such words
    price: int | None = None  #: the price that stands on the message, in credits
    batch: int | None = None  #: it is about all of this batch


class Reactions(commands.Cog):
    """Acts on reactions once each, whether they come now or were given while we were away."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot
        self._posts = bot.studio.posts
        self._record = bot.reactions
        self._turns: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._lines = refused.Lines(bot)

    async def cog_unload(self) -> None:
        self._lines.close()

    # What Discord tells.

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Somebody reacted."""
        emoji = plain(event.emoji)
        if emoji is None or event.member is None or event.member.bot:
            return
        given = Given(
            message_id=event.message_id,
            channel_id=event.channel_id,
            emoji=emoji,
            requester=requester_reacting(event.member, event.channel_id),
            ours=self._bot.user is not None and event.message_author_id == self._bot.user.id,
        )
        await self.given(given)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Somebody took a reaction back, or had it taken."""
        emoji = plain(event.emoji)
        if emoji is None or event.guild_id is None:
            return
        requester = Requester(
            guild_id=event.guild_id, channel_id=event.channel_id, user_id=event.user_id
        )
        await self.taken_back(
            Given(
                message_id=event.message_id,
                channel_id=event.channel_id,
                emoji=emoji,
                requester=requester,
            )
        )

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        await self._posts.deleted(event.message_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        await self._posts.gone(event.message_ids)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        await self._posts.gone_with(event.thread_id)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel is gone, and with it its threads, of which Discord need not tell."""
        await self._posts.gone_with(channel.id)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """Somebody took all reactions off a message."""
        await self._cleared(event, None)

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        """Somebody took all reactions of one kind off a message."""
        emoji = plain(event.emoji)
        if emoji is not None:
            await self._cleared(event, emoji)

    async def _cleared(
        self,
        event: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent,
        only: str | None,
    ) -> None:
        if event.guild_id is None:
            return
        # What is being acted on right now does not stand in the rows yet.
        acted_on = {
            (user_id, emoji)
            for (message_id, user_id, emoji), turn in self._turns.items()
            if message_id == event.message_id and turn.locked()
        }
        standing = await self._record.standing(event.message_id)
        for user_id, emoji in sorted(standing | acted_on):
            if only in (None, emoji):
                given = Given(
                    message_id=event.message_id,
                    channel_id=event.channel_id,
                    emoji=emoji,
                    requester=Requester(
                        guild_id=event.guild_id, channel_id=event.channel_id, user_id=user_id
                    ),
                )
                await self.taken_back(given)

    # A reaction.

    async def given(self, given: Given) -> None:
        """Act on a reaction, unless that was done."""
        lock = self._turns.setdefault(given.key, asyncio.Lock())
        async with lock:
            try:
                turn = await self._record.begin(given.key)
            except DiskTrouble as trouble:
                if not given.ours:  # nobody may have asked anything of us
                    raise
                await self._refuse(given, trouble, None)
                return
            if turn is None:
                return  # the same once more
            try:
                with translated():
                    if not await self._act(given, turn.request):
                        return
            except Exception as no:  # noqa: BLE001  # a boundary: its person is told right here
                await self._refuse(given, no, turn)
            else:
                await self._record.done(turn)

    async def _act(self, given: Given, request: str) -> bool:
        """Do what the reaction asks for; False where it is none of ours.

        Raises `Refusal`, `Busy`, `DiskTrouble`, or what Discord raises.
        """
        target = await self._target(given)
        if target is None:
            return False
        bot, requester, job_id = self._bot, given.requester, target.job_id
        if target.batch is not None:
            return await self._act_on_all(given, target, target.batch, request)
        take = await bot.takes.find(job_id, guild_id=requester.guild_id)
        match given.emoji:
            case board.RETAKE | board.EXTEND:
                verb = Verb.RETAKE if given.emoji == board.RETAKE else Verb.EXTEND
                job = await bot.takes.ready(job_id, verb, requester=requester)
                await self._order(given, job, target, request)
            case board.FAVOURITE:
                job = await bot.takes.ready(job_id, Verb.FAVOURITE, requester=requester)
                await bot.takes.favourite(job, requester.user_id, on=True)
                await gather(bot, job)
                bot.events.take_changed.emit(job)
            case board.SEND:
                job = await bot.takes.ready(job_id, Verb.SEND, requester=requester)
                await bot.delivery.send_to(job, requester.user_id)
            case board.REMOVE:
                taken = await bot.takes.remove(job_id, requester=requester)
                if taken.post is not None or taken.job.state in ENDED:
                    try:
                        await acting.take_down(bot, taken.job)
                    finally:
                        await undo.offer(bot, taken.job, given.channel_id)
            case _:
                return await self._approve(take.job, requester)
        return True

    async def _act_on_all(self, given: Given, target: Target, batch: int, request: str) -> bool:
        """What a reaction does to a contact sheet, or to the card of a batch."""
        bot, requester = self._bot, given.requester
        job = await bot.takes.ready(target.job_id, Verb.DETAILS, requester=requester)
        if not await batches.reacted(given.emoji, bot, requester):
            return False
        if given.emoji == board.REMOVE:
            await batches.remove(bot, batch, requester, channel_id=given.channel_id)
            return True
        await bot.edits.may_change(job, requester)
        self._look_before(given)
        ordered, created = await batches.retake_all(
            bot,
            job,
            requester,
            request=request,
            consent=Consent.beside(target.price, doubt=target.unsure),
            words=target.words,
        )
        await self._present(given, target, ordered, created=created)
        return True

    async def _present(self, given: Given, target: Target, ordered: Job, *, created: bool) -> None:
        """Give an order its card, beside the message that was reacted to."""
        if created or ordered.card_id is None:
            await self._bot.presenter.present(
                ordered, given.channel_id, beside=target.beside, again=not created
            )

    async def _order(self, given: Given, job: Job, target: Target, request: str) -> None:
        bot, requester = self._bot, given.requester
        await bot.edits.may_change(job, requester)
        self._look_before(given)
        if given.emoji == board.RETAKE:
            quote = await bot.edits.retake(
                job, request=request, requester=requester, part=Part(), prompt=target.words
            )
        else:
            quote = await bot.edits.extend(
                job, request=request, requester=requester, prompt=target.words
            )
        ordered, created = await bot.edits.order(
            quote,
            request=request,
            requester=requester,
            consent=Consent.beside(target.price, doubt=target.unsure),
        )
        await self._present(given, target, ordered, created=created)

    def _look_before(self, given: Given) -> None:
        """Refuse where a card or clip could not be posted, before anything is ordered."""
        channel = self._bot.get_channel(given.channel_id)
        if not isinstance(channel, discord.Thread | discord.TextChannel):
            return
        if isinstance(channel, discord.Thread) and (channel.locked or channel.parent is None):
            raise Refusal("This thread is locked. Use another one.")
        who = given.requester
        threads = self._bot.studio.rules.threads(who.guild_id, given.channel_id, who.user_id)
        wanted = needed_in(channel, threads=threads)
        allowed = channel.permissions_for(channel.guild.me)
        missing = [name for name, on in wanted if on and not getattr(allowed, name)]
        if missing:
            raise Refusal(missing_permissions(missing, channel.mention))

    async def _approve(self, job: Job, requester: Requester) -> bool:
        """Sign a clip off. From anyone but a reviewer, ✅ is just a reaction."""
        with suppress(Refusal):
            await self._bot.takes.sign_off(job, requester, on=True)
            self._bot.events.take_changed.emit(job)
            return True
        return False

    async def _target(self, given: Given) -> Target | None:
        """Which clip is meant, and what of it; None for a message that is not about one."""
        bot, orders = self._bot, given.emoji in _ORDERS
        post = await self._posts.get(given.message_id)
        if post is not None:
            if not orders:
                return Target(job_id=post.job_id, beside=post.message_id, batch=post.batch)
            heard = await replies.listen(bot, post, given.requester.user_id)
            return _target(post, given.emoji, heard)
        job = await self._posts.carded(given.message_id, guild_id=given.requester.guild_id)
        if job is not None:
            return Target(job_id=job.id, beside=given.message_id, batch=job.batch)
        if given.ours:
            return await self._just_posted(given)
        if not orders:
            return None
        reply = await self._read(given)
        if reply is None:
            return None
        about = reply.reference.message_id if reply.reference is not None else None
        post = await self._posts.get(about) if about is not None else None
        if post is None or reply.author.id != given.requester.user_id:
            return None
        heard = replies.Heard(words=replies.words_of(bot, reply))
        return _target(post, given.emoji, heard)

    async def _just_posted(self, given: Given) -> Target | None:
        """The clip of a message of ours that is not written down yet: it says which itself."""
        message = await self._read(given)
        if message is None:
            return None
        card = card_of(message)
        found = card or sheet_of(message) or carried(message)
        if found is None:
            return None
        job = await self._bot.studio.job(found, guild_id=given.requester.guild_id)
        if job is None:
            return None
        if card is not None:
            return Target(job_id=job.id, beside=message.id, batch=job.batch)
        await acting.written_down(self._bot, job.id, given.requester)
        post = await self._posts.get(message.id) or Post(  # it may be written down by now
            message_id=message.id,
            channel_id=given.channel_id,
            job_id=job.id,
            at=message.created_at.timestamp(),
            batch=sheet_of(message),
        )
        heard = replies.Heard()
        if given.emoji in _ORDERS:  # people are as quick with a reply
            heard = await replies.listen(self._bot, post, given.requester.user_id)
        return _target(post, given.emoji, heard)

    async def _read(self, given: Given) -> discord.Message | None:
        """The message that was reacted to, or None where it is not to be read.

        Raises `Busy` about one of ours; of somebody else's nobody knows then whether it is about
        a clip at all, so nothing is said.
        """
        place = self._bot.get_partial_messageable(given.channel_id)
        for tries in range(TRIES):
            try:
                with translated():
                    return await place.fetch_message(given.message_id)
            except Denied:
                return None
            except Busy as busy:
                log.warning("Message %s cannot be read: %s", given.message_id, busy.raw)
                if tries == TRIES - 1 and given.ours:
                    raise
            await asyncio.sleep(2.0**tries)
        return None

    async def _refuse(self, given: Given, no: Exception, turn: Turn | None) -> None:
        """Take the reaction away, and say why, unless that was said before.

        Without a *turn* nothing of it can be written down.
        """
        bot = self._bot
        said = await refused.said_of(bot, no, given.requester)
        refused_id = said.kept.id if said.kept is not None else None
        if turn is not None:
            with suppress(DiskTrouble):  # it is said all the same
                await self._record.refused(
                    turn, line=said.line, answer=said.answer, refused_id=refused_id
                )
        place = bot.get_partial_messageable(given.channel_id)
        # A question is asked each time: the one before may have been answered. So is trouble.
        told = turn and said.line == turn.explained and isinstance(no, Refusal)
        if not told or isinstance(no, ConfirmationNeeded):
            self._lines.tell(
                refused.Line(
                    said=said,
                    message_id=given.message_id,
                    requester=given.requester,
                    emoji=given.emoji,
                )
            )
        await bot.pacer.wait(urgent=False)
        try:
            with translated():
                await place.get_partial_message(given.message_id).remove_reaction(
                    given.emoji, discord.Object(given.requester.user_id)
                )
        except (Denied, Busy) as error:
            log.info("A refused reaction to %s stays: %s", given.message_id, error.raw)

    async def taken_back(self, given: Given) -> None:
        """Undo what can be undone of a reaction that stands no longer."""
        lock = self._turns.setdefault(given.key, asyncio.Lock())
        async with lock:
            known = await self._record.get(given.key)
            if known is None or not known.stands:
                return
            post = await self._posts.get(given.message_id)
            requester = given.requester
            if given.emoji in _ORDERS:
                job = await self._record.ordered(given.key, known)
                for each in [] if job is None else await self._bot.studio.batch(job):
                    if each.state is State.QUEUED:
                        with suppress(Refusal):  # it was sent just now, and will be posted
                            await self._bot.studio.cancel(each.id, requester=requester)
            elif post is not None and given.emoji in {board.FAVOURITE, board.APPROVE}:
                verb = Verb.FAVOURITE if given.emoji == board.FAVOURITE else Verb.APPROVE
                take = await self._bot.takes.unmark(post.job_id, verb, requester=requester)
                if take is not None:
                    self._bot.events.take_changed.emit(take.job)
            await self._record.taken_back(given.key, known)


def _target(post: Post, emoji: str, heard: replies.Heard) -> Target:
    """What a reaction to a post is about, and the price that the post shows for it."""
    prices = {board.RETAKE: post.retake_price, board.EXTEND: post.extend_price}
    return Target(
        job_id=post.job_id,
        beside=post.message_id,
        words=heard.words,
        unsure=heard.unsure,
        price=prices.get(emoji),
        batch=post.batch,
    )


def plain(emoji: object) -> str | None:
    """The emoji as we write it, if it is one that does something here."""
    bare = str(emoji).replace("\ufe0f", "")
    return next((each for each in board.ACTIONS if each.replace("\ufe0f", "") == bare), None)
