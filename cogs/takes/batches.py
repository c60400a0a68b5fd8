"""Several takes of one order: four at once, the buttons of card and sheet, reactions to both."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from bot.chat import answering, board
from bot.chat.bot import Dailies, Interaction
from bot.chat.requester import requester_here
from bot.errors import Refusal
from bot.orders.consent import Consent
from bot.orders.requester import Requester
from bot.orders.takes import RemovedBatch, Verb
from cogs._pressing import Waits, number, pressed
from cogs.takes import acting, removing, undo
from cogs.takes.removing import Stays
from storage import Job

ASKS = Consent(needed=True)  #: of a button that does not carry its price


@pressed("take-four", moderators=False)
async def four(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order four more takes with other seeds, once the sum was said yes to."""
    await _vary(interaction, about, takes=4)


@pressed("batch-more", moderators=False)
async def more(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order a variation of one take of a sheet, once its price was said yes to."""
    await _vary(interaction, about, takes=1)


async def _vary(interaction: Interaction, about: str, *, takes: int) -> None:
    requester, job = await acting.pressed(interaction, number(about), Verb.VARIATION)
    edits, request = interaction.client.edits, f"interaction:{interaction.id}"
    await edits.may_change(job, requester)
    quoting = edits.variation(job, request=request)
    await acting.order(interaction, quoting, requester, consent=ASKS, takes=takes)


@pressed("batch-show", moderators=False, waits=Waits.FIRST)
async def show(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Post a take of a sheet in full, or say where it stands."""
    requester = requester_here(interaction)
    job = await interaction.client.takes.revive(number(about), requester=requester)
    link = await interaction.client.sheets.show(job)
    await answering.tell(interaction, f"[Number {job.batch_place} (#{job.id}) is here]({link}).")


@pressed("batch-cancel", moderators=False, waits=Waits.CHANGE)
async def cancel(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Stop what is left of a batch; its card shows it."""
    requester = requester_here(interaction)
    studio = interaction.client.studio
    await studio.access.show(number(about), requester=requester)
    await studio.cancel_batch(number(about), requester=requester)


async def retake_all(
    bot: Dailies,
    job: Job,
    requester: Requester,
    *,
    request: str,
    consent: Consent,
    words: str | None,
) -> tuple[Job, bool]:
    """Order all of a batch again with new seeds; *job* is one of it, *words* a new prompt."""
    jobs = await bot.studio.batch(job)
    made = [each.id for each in jobs if each.file is not None]
    job = await bot.takes.ready(made[0] if made else job.id, Verb.VARIATION, requester=requester)
    quote = await bot.edits.again(
        job,
        request=request,
        requester=requester,
        changes={} if words is None else {"prompt": words},
    )
    return await bot.edits.order(
        quote, request=request, requester=requester, consent=consent, takes=len(jobs)
    )


async def remove(bot: Dailies, batch: int, requester: Requester, *, channel_id: int) -> None:
    """Stop a batch that is under way, or take its sheet down with all that stands nowhere else.

    For a minute, each take that went is offered back in the channel.
    """
    removed = await bot.takes.remove_batch(batch, requester=requester)
    if removed is None:
        await bot.studio.cancel_batch(batch, requester=requester)
        return
    try:
        stays = await _take_down(bot, removed)
    finally:
        for job in removed.jobs:
            await undo.offer(bot, job, channel_id)
    for job in removed.jobs:
        bot.events.take_changed.emit(job)
    if stays:
        raise Refusal(removing.words(batch, stays))


async def _take_down(bot: Dailies, removed: RemovedBatch) -> list[Stays]:
    """Delete the posts of a batch that are still to go; which of them stay."""
    async with AsyncExitStack() as turns:
        for job in removed.jobs:
            await turns.enter_async_context(bot.removals.turn(job.id))
        posts = removed.posts
        if removed.jobs:  # all of them may be back by now
            ids = {
                p.message_id for job in removed.jobs for p in await bot.removals.condemned(job.id)
            }
            posts = [each for each in posts if each.message_id in ids]
        return await removing.take_down(bot, posts)


async def reacted(emoji: str, bot: Dailies, requester: Requester) -> bool:
    """Whether a reaction to a sheet or a batch's card does something; raises `Refusal` for what
    needs one take."""
    if emoji in {board.RETAKE, board.REMOVE}:
        return True
    if emoji == board.APPROVE and not requester.moderator:
        reviewers = (await bot.studio.rules.of(requester.guild_id)).reviewers
        if reviewers not in requester.roles:
            return False  # from anyone but a reviewer, it is just a reaction
    raise Refusal(acting.PICK)
