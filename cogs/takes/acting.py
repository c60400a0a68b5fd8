"""What every way of acting on a clip has in common: which clip, how it is answered."""

import logging
import re
from collections.abc import Awaitable

import discord

from bot.chat import answering, board
from bot.chat.bot import Dailies, Interaction
from bot.chat.card import details
from bot.chat.mentions import SILENT
from bot.chat.readers import may_all_read
from bot.chat.requester import place_of
from bot.chat.trouble import Denied, translated
from bot.errors import Busy, Refusal
from bot.orders.edits import Verb
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from bot.words.text import elide
from cogs._pressing import standing_at
from cogs.takes.boards import Boards
from storage import Job, Server

log = logging.getLogger(__name__)

_CLIP = re.compile(r"dailies-(\d{1,18})\.(?:mp4|zip)")


async def pressed(interaction: Interaction, job_id: int, verb: Verb) -> tuple[Requester, Job]:
    """Where a button or menu was used, and the clip that it is about.

    Raises `Refusal` for a clip of another server, and for one that lacks what *verb* needs.
    """
    place = place_of(interaction)
    return place, await interaction.client.edits.ready(job_id, verb, place=place)


def carried(message: discord.Message) -> int | None:
    """The number of the clip that a message of ours carries, as its file says: a post is written
    down only after people can see it."""
    names = [_CLIP.fullmatch(each.filename) for each in message.attachments]
    return next((int(each[1]) for each in names if each), None)


async def clip_of(interaction: Interaction, message: discord.Message) -> int:
    """The number of the clip that a message carries or is the card of.

    Raises `Refusal` for any other message, and for those of other servers and of channels that
    this person may not read, which only a changed client can name.
    """
    studio, place = interaction.client.studio, standing_at(interaction)
    post = await studio.store.takes.post(message.id)
    me = interaction.client.user
    if post is not None:
        job = await studio.store.jobs.get(post.job_id, guild_id=place.guild_id)
    else:
        job = await studio.store.jobs.by_message(message.id, guild_id=place.guild_id)
        ours = me is not None and message.author.id == me.id
        if job is None and ours and (number := carried(message)) is not None:
            job = await studio.store.jobs.get(number, guild_id=place.guild_id)
    if job is None or not await studio.may_see(job, place):
        raise Refusal("Use this on a clip that Dailies made.")
    return job.id


async def order(
    interaction: Interaction,
    quoting: Awaitable[Quote],
    place: Requester,
    *,
    seen: int | None = None,
) -> None:
    """Order what *quoting* comes to, and answer with its card; meanwhile with "thinking…".

    *seen*: the price that the person said yes to, in credits.
    """
    bot = interaction.client

    async def ordering() -> tuple[Job, bool]:
        quote = await quoting
        return await bot.edits.order(
            quote,
            request=f"interaction:{interaction.id}",
            place=place,
            confirmed=seen is not None and quote.price <= seen,
        )

    await bot.answer(interaction, ordering())


async def too_dear(bot: Dailies, quote: Quote, place: Requester) -> bool:
    """Whether this server wants such a price confirmed."""
    limit = (await bot.studio.store.policy.server(place.guild_id)).confirm_above
    return limit is not None and quote.price > limit


async def gather(bot: Dailies, job: Job) -> None:
    """Post a favourite in the channel where this server gathers them, once, if that can be done.

    What was made stays where it is unless it is certain that all who read that channel may read
    it here, too. It is a favourite all the same: where the channel is gone, moderators are told
    so once.
    """
    server = await bot.studio.store.policy.server(job.guild_id)
    where, takes = server.favourites, bot.studio.store.takes
    if where is None or any(post.channel_id == where for post in await takes.posts_of(job.id)):
        return
    if bot.get_channel(where) is None:
        await _cannot_gather(bot, server)
        return
    if not await _may_be_read_by_all(bot, job, where):
        return
    place = bot.get_partial_messageable(where, guild_id=job.guild_id)
    try:
        await bot.delivery.show_again(job, place, purpose="favourite")
    except (Refusal, Busy) as error:
        log.info("Favourite %s could not be gathered: %s", job.id, error)
        if _reaches(bot, where):
            return  # it is about this clip, or will pass
        await _cannot_gather(bot, server)
    else:
        await takes.out_of_reach(where, at=None)


async def _cannot_gather(bot: Dailies, server: Server) -> None:
    """Tell moderators, once, that the channel where favourites gather is gone."""
    where = server.favourites or 0
    if not await bot.studio.store.takes.out_of_reach(where, at=bot.clock()):
        return
    if server.moderators is None:
        return
    told = await _tell_moderators(
        bot,
        server.moderators,
        f"Favourites cannot be gathered in <#{where}> any more: it is gone, or I may not "
        "post there. They stay marked; choose another channel with `/studio takes`.",
    )
    if not told:
        await bot.studio.store.takes.out_of_reach(where, at=None)  # the next favourite tells of it


async def _may_be_read_by_all(bot: Dailies, job: Job, where: int) -> bool:
    """Whether all who read the channel *where* may read a clip, by where it was made."""
    made_in: object = bot.get_channel(job.thread_id or job.channel_id)
    if made_in is None:  # a thread that was archived, of which Discord has not told
        thread = await bot.studio.store.takes.thread(job.thread_id or job.channel_id)
        parent_id = thread.parent_id if thread is not None else None
        made_in = bot.get_channel(parent_id or job.channel_id)
    return may_all_read(bot.get_channel(where), made_in)


def _reaches(bot: Dailies, channel_id: int) -> bool:
    """Whether a clip may be posted in a channel."""
    channel = bot.get_channel(channel_id)
    if not isinstance(channel, discord.TextChannel):
        return isinstance(channel, discord.Thread)
    allowed = channel.permissions_for(channel.guild.me)
    return allowed.view_channel and allowed.send_messages and allowed.attach_files


async def _tell_moderators(bot: Dailies, channel_id: int, text: str) -> bool:
    """Whether it could be said."""
    place = bot.get_partial_messageable(channel_id)
    try:
        with translated():
            await place.send(text, allowed_mentions=SILENT)
    except (Denied, Busy) as error:
        log.info("Moderators cannot be told in %s: %s", channel_id, error.raw)
        return False
    return True


async def said_of(job: Job, bot: Dailies) -> str:
    """Everything about a clip."""
    take = await bot.studio.store.takes.get(job.id, guild_id=job.guild_id)
    text = details(
        job,
        title=bot.studio.title(job),
        bill=await bot.studio.store.policy.bill(job.id),
        usd_per_credit=bot.usd_per_credit,
        seconds=take.seconds if take is not None else None,
    )
    if take is not None and take.number is not None and job.thread_id is not None:
        text += f"\n-# Take {take.number} of <#{job.thread_id}>"
    return text


async def lineage_of(job: Job, bot: Dailies) -> str:
    """What a clip was made from and what was made from it, with links."""
    takes = bot.studio.store.takes
    lines = []
    if job.brief.parent is not None:
        parent = await takes.get(job.brief.parent, guild_id=job.guild_id)
        lines.append(board.lineage(job, parent, linked=True))
    lines += [board.descent(child) for child in await takes.children(job.id)]
    if made := board.made_here(job, bot.studio.title(job)):
        lines.append(made)
    return "\n".join(f"-# {each}" for each in lines if each)


async def think(interaction: Interaction) -> None:
    """Answer "thinking…" to its person alone; what follows, an apology too, takes its place."""
    await answering.acknowledge(interaction, private=True)


async def with_files(interaction: Interaction, text: str, files: list[discord.File]) -> None:
    """Follow an answer up, for its person alone, with clips or pictures below the text."""
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(elide(text, 4000)))
    if files:
        gallery: discord.ui.MediaGallery[discord.ui.LayoutView] = discord.ui.MediaGallery()
        for file in files:
            gallery.add_item(media=file, description=file.description)
        view.add_item(gallery)
    view.stop()
    await interaction.followup.send(view=view, files=files, ephemeral=True, allowed_mentions=SILENT)


def refresh_board(bot: Dailies, job: Job) -> None:
    """Bring the board of a clip's thread up to date."""
    boards = bot.get_cog("Boards")
    if isinstance(boards, Boards) and job.thread_id is not None:
        boards.refresh(job.thread_id, guild_id=job.guild_id)
