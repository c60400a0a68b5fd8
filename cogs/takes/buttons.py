"""The buttons under a clip. What one does and to which clip is written on it, so that it works
for as long as the message stands, and who presses it is authorised anew each time."""

from collections.abc import Sequence

import discord

from bot.chat import answering, board, clip_message
from bot.chat.bot import Interaction
from bot.chat.favourites import gather
from bot.errors import Refusal
from bot.orders.requester import Requester
from bot.orders.takes import Verb
from bot.words.text import shown
from cogs._pressing import Waits, number, pressed
from cogs.takes import acting, comparing, forms, undo
from storage import Job


@pressed("take-retake", moderators=False)
async def retake(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Open the form that asks which part, and with which words."""
    requester, job = await _changed(interaction, about, Verb.RETAKE)
    await forms.retake(interaction, job, requester)


@pressed("take-extend", moderators=False)
async def extend(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Open the form that asks for how long, and at which end."""
    requester, job = await _changed(interaction, about, Verb.EXTEND)
    await forms.extend(interaction, job, requester)


@pressed("take-variation", moderators=False)
async def variation(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order the same with another seed."""
    requester, job = await _changed(interaction, about, Verb.VARIATION)
    edits, request = interaction.client.edits, f"interaction:{interaction.id}"
    await acting.order(interaction, edits.variation(job, request=request), requester)


@pressed("take-hdr", moderators=False)
async def hdr(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order a wider dynamic range."""
    requester, job = await _changed(interaction, about, Verb.HDR)
    edits, request = interaction.client.edits, f"interaction:{interaction.id}"
    await acting.order(interaction, edits.hdr(job, request=request, requester=requester), requester)


@pressed("take-more", moderators=False, waits=Waits.PRIVATE)
async def more(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Show what else can be done with a clip, to whoever pressed."""
    _place, job = await acting.pressed(interaction, number(about), Verb.DETAILS)
    take = await interaction.client.takes.find(job.id, guild_id=job.guild_id)
    name = f" · {board.title_of(take)}" if take.number is not None else ""
    await answering.tell(interaction, view=clip_message.more(job, f"**#{job.id}**{name}"))


@pressed("take-help", moderators=False, waits=Waits.PRIVATE)
async def explain(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Say what can be done with a clip, and for how much, to whoever pressed."""
    _place, job = await acting.pressed(interaction, number(about), Verb.DETAILS)
    retake, extend = await interaction.client.edits.defaults(job)
    await answering.tell(interaction, clip_message.guide(retake, extend))


@pressed("take-favourite", moderators=False, waits=Waits.FIRST)
async def favourite(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Mark a clip, or no longer."""
    _place, job = await acting.pressed(interaction, number(about), Verb.FAVOURITE)
    await _favourite(interaction, job)


@pressed("take-send", moderators=False, waits=Waits.FIRST)
async def send(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Send a clip to the direct messages of whoever pressed."""
    _place, job = await acting.pressed(interaction, number(about), Verb.SEND)
    sent = await interaction.client.delivery.send_to(job, interaction.user.id)
    await answering.tell(interaction, f"[#{job.id} is in your direct messages]({sent.jump_url}).")


@pressed("take-compare", moderators=False)
async def compare(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Show a clip beside the one it came from."""

    async def pair() -> tuple[Job, Job]:
        """With what it was made from, else with the take before it."""
        requester, job = await acting.pressed(interaction, number(about), Verb.COMPARE)
        takes = interaction.client.takes
        other = await takes.to_compare(job)
        return await takes.ready(other, Verb.COMPARE, requester=requester), job

    await comparing.compare(interaction, about, pair)


@pressed("take-details", moderators=False, waits=Waits.PRIVATE)
async def tell(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Say everything about a clip."""
    _place, job = await acting.pressed(interaction, number(about), Verb.DETAILS)
    await details(interaction, job)


@pressed("take-remove", moderators=False, waits=Waits.FIRST)
async def remove(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Take a clip down."""
    requester, job = await acting.pressed(interaction, number(about), Verb.REMOVE)
    await _remove(interaction, job, requester)


async def _changed(interaction: Interaction, about: str, verb: Verb) -> tuple[Requester, Job]:
    """The clip that somebody wants to build on, who may."""
    requester, job = await acting.pressed(interaction, number(about), verb)
    await interaction.client.edits.may_change(job, requester)
    return requester, job


async def details(interaction: Interaction, job: Job) -> None:
    """Everything about a clip, for one person."""
    text = await acting.said_of(job, interaction.client)
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay(shown(text)))
    view.stop()
    await answering.tell(interaction, view=view)


async def _favourite(interaction: Interaction, job: Job) -> None:
    bot = interaction.client
    on = await bot.takes.toggle_favourite(job, interaction.user.id)
    if on:
        await gather(bot, job)
    bot.events.take_changed.emit(job)
    said = "is now one of your favorites" if on else "is no longer one of your favorites"
    await answering.tell(interaction, f"{board.FAVOURITE} #{job.id} {said}.")


async def _remove(interaction: Interaction, job: Job, requester: Requester) -> None:
    bot = interaction.client
    before = await bot.takes.remove(job.id, requester=requester)
    await acting.take_down(bot, job)
    if before.hidden_by not in (None, job.user_id) and not requester.moderator:
        raise Refusal(f"A moderator deleted #{job.id}.")
    text = (
        f"#{job.id} is deleted. `/video show clip:#{job.id} public:True` brings it back while its "
        "file is kept."
    )
    if await bot.removals.open(job.id) is None:
        await answering.tell(interaction, text)
    else:
        await answering.tell(interaction, text, view=undo.undo_button(job.id))
