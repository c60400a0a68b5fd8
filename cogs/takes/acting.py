"""What every way of acting on a clip has in common: which clip, how it is answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import discord

from bot.chat import answering, board
from bot.chat.bot import Dailies, Interaction
from bot.chat.card import details
from bot.chat.recognizing import carried
from bot.chat.requester import requester_here, requester_of
from bot.errors import Busy, Refusal
from bot.orders.consent import TYPED, Consent
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from bot.orders.takes import Verb
from bot.words.text import shown
from cogs.takes import removing
from storage import MADE, Job, State

log = logging.getLogger(__name__)

WRITTEN = 1.5  #: seconds for which a clip that is being posted is waited for

#: What is said where one take is needed, of a message about several.
PICK = "This is about several takes. Press a number on the sheet to post one in full, and use that."


async def pressed(interaction: Interaction, job_id: int, verb: Verb) -> tuple[Requester, Job]:
    """Where a button or menu was used, and the clip that it is about.

    Raises `Refusal` for a clip of another server, and for one that lacks what *verb* needs.
    """
    bot, requester = interaction.client, requester_here(interaction)
    await written_down(bot, job_id, requester)
    return requester, await bot.takes.ready(job_id, verb, requester=requester)


async def written_down(bot: Dailies, job_id: int, requester: Requester) -> None:
    """Wait a moment for a clip that is being posted: people are quicker than a slow disk."""
    until = asyncio.get_running_loop().time() + WRITTEN
    while asyncio.get_running_loop().time() < until:
        job = await bot.studio.job(job_id, guild_id=requester.guild_id)
        if job is None or job.state is not State.DELIVERING:
            return
        await asyncio.sleep(0.05)


async def clip_of(interaction: Interaction, message: discord.Message) -> int:
    """The number of the clip that a message carries or is the card of.

    Raises `Refusal` for any other message, and for those of other servers and of channels that
    this person may not read, which only a changed client can name.
    """
    studio, requester = interaction.client.studio, requester_of(interaction)
    me = interaction.client.user
    if await studio.posts.batch(message.id, guild_id=requester.guild_id) is not None:
        raise Refusal(PICK)
    job = await studio.posts.clip(message.id, guild_id=requester.guild_id)
    ours = me is not None and message.author.id == me.id
    if job is None and ours and (number := carried(message)) is not None:
        job = await studio.job(number, guild_id=requester.guild_id)
    if job is None or not await studio.access.may_see(job, requester):
        raise Refusal("Use this on a clip that Dailies made.")
    return job.id


async def order(
    interaction: Interaction,
    quoting: Awaitable[Quote],
    requester: Requester,
    *,
    consent: Consent = TYPED,
    takes: int = 1,
) -> None:
    """Order what *quoting* comes to, and answer with its card; meanwhile with "thinking…".

    *consent*: what the person said yes to. Several *takes* of it are one order.
    """
    bot = interaction.client

    async def ordering() -> tuple[Job, bool]:
        quote = await quoting
        return await bot.edits.order(
            quote,
            request=f"interaction:{interaction.id}",
            requester=requester,
            consent=consent,
            takes=takes,
        )

    await bot.presenter.answer(interaction, ordering())


async def said_of(job: Job, bot: Dailies) -> str:
    """Everything about a clip, what it was made from and what was made from it."""
    take = await bot.takes.find(job.id, guild_id=job.guild_id)
    text = details(
        job,
        title=bot.studio.quotes.title(job),
        bill=await bot.takes.bill(job),
        usd_per_credit=bot.usd_per_credit,
        seconds=take.seconds,
    )
    if take.number is not None and job.thread_id is not None:
        text += f"\n-# Take {take.number} of <#{job.thread_id}>"
    parent, children = await bot.takes.kin(job)
    lines = [] if job.brief.parent is None else [board.lineage(job, parent, linked=True)]
    lines += [*map(board.descent, children), board.made_here(job, bot.studio.quotes.title(job))]
    return "\n".join([text, *(f"-# {each}" for each in lines if each)])


async def show(
    interaction: Interaction, job: Job, requester: Requester, *, original: bool = False
) -> None:
    """Tell one person everything about a clip, and show it, as it fits or as the *original*."""
    bot = interaction.client
    text = await said_of(job, bot)
    if job.state not in MADE:
        await with_files(interaction, text, list)
        return
    try:
        await bot.takes.finished(job.id, requester=requester)
        note, files = await bot.delivery.ladder.carried(job, original=original)
    except (Refusal, Busy) as no:
        if original:
            raise
        note, files = str(no), list
    await with_files(interaction, f"{text}\n{note}".strip(), files)


async def take_down(bot: Dailies, job: Job) -> None:
    """Delete the posts of a clip that was taken down. Raises `Refusal` where some stay."""
    async with bot.removals.turn(job.id):
        stays = await removing.take_down(bot, await bot.removals.condemned(job.id))
    bot.events.take_changed.emit(job)
    if stays:
        raise Refusal(removing.words(job.id, stays))


async def think(interaction: Interaction) -> None:
    """Answer "thinking…" to its person alone; what follows, an apology too, takes its place."""
    await answering.acknowledge(interaction, private=True)


async def with_files(
    interaction: Interaction, text: str, files: Callable[[], list[discord.File]]
) -> None:
    """Follow an answer up, for its person alone, with clips or pictures below the text. *files*
    opens them, once for each try."""
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(shown(text)))
    if opened := files():
        gallery: discord.ui.MediaGallery[discord.ui.LayoutView] = discord.ui.MediaGallery()
        for file in opened:
            gallery.add_item(media=file, description=file.description)
            file.close()  # each try opens it anew
        view.add_item(gallery)
    view.stop()
    await answering.tell(interaction, view=view, files=files)
