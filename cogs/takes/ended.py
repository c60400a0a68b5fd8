"""Answers the buttons of a clip that came to nothing, and the form in which it is edited."""

import re
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.requester import requester_here
from bot.errors import Refusal
from bot.words import money
from bot.words.text import elide, inert
from cogs._forms import UNPRICED, form, sent, text_field
from cogs._pressing import number, pressed
from cogs.takes import forms
from storage import Job, Mode

OPTIONS = 25  #: entries of a menu
_CHOICES = (("resolution", "Size"), ("aspect", "Shape"))


@pressed("try", moderators=False)
async def try_again(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order the same once more, at no more than the price on the button."""
    job_id, _colon, price = about.partition(":")
    await _answer(
        interaction,
        interaction.client.reorders.again(
            number(job_id), requester_here(interaction), seen=number(price) if price else None
        ),
    )


@pressed("try-takes", moderators=False)
async def try_takes_again(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order those takes of a batch once more that were not made, at no more than that price."""
    job_id, _colon, price = about.partition(":")
    await _answer(
        interaction,
        interaction.client.reorders.takes_again(
            number(job_id), requester_here(interaction), seen=number(price) if price else None
        ),
    )


@pressed("try-elsewhere", moderators=False)
async def try_elsewhere(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order what comes nearest to it by the provider on the button."""
    job_id, _colon, offer = about.partition(":")
    provider, _colon, price = offer.rpartition(":")
    await _answer(
        interaction,
        interaction.client.reorders.by_another(
            number(job_id), requester_here(interaction), provider=provider, seen=number(price)
        ),
    )


async def _answer(interaction: Interaction, order: Coroutine[Any, Any, tuple[Job, bool]]) -> None:
    await interaction.client.presenter.answer(interaction, order)
    if not answering.is_answered(interaction):  # pressed a second time: its card stands
        await answering.tell(interaction, "That is already ordered.")


@pressed("try-edited", moderators=False)
async def edit(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Open the form in which the order is filled in as it was."""
    bot, requester = interaction.client, requester_here(interaction)
    job = await bot.reorders.ended(number(about), requester)
    brief, quote = job.brief, bot.reorders.same(job)
    asking = form(f"Edit #{job.id} and try again", "try-edited", forms.about(job, quote))
    asking.add_item(text_field("Prompt", "prompt", brief.prompt, long=True))
    if brief.duration and not _keeps_its_length(job):
        asking.add_item(text_field("Seconds", "seconds", str(brief.duration)))
    for name, label in _CHOICES:
        values = [str(each) for each in bot.studio.quotes.values(
            brief.mode, name, provider=job.provider, model=job.model
        )]  # fmt: skip
        current = getattr(brief, name)
        if current in values and len(values) > 1:
            asking.add_item(_menu(label, name, values[:OPTIONS], current))
    said = UNPRICED
    if quote is not None:
        said = f"As it was: {money.price(quote.price, bot.usd_per_credit)}"
    why = f"{inert(elide(job.error, 300))}\n" if job.error else ""
    asking.add_item(ui.TextDisplay(why + said + forms.cut_note(job)))
    await answering.ask(interaction, asking)


@sent("try-edited", about=forms.CLIP, moderators=False)
async def _edited(interaction: Interaction, about: re.Match[str], given: Mapping[str, str]) -> None:
    seen = int(about["price"]) if about["price"] is not None else None
    requester, reorders = requester_here(interaction), interaction.client.reorders

    async def ordering() -> tuple[Job, bool]:
        job = await reorders.ended(int(about["id"]), requester)
        return await reorders.edited(
            job,
            _changes(job, given),
            request=f"interaction:{interaction.id}",
            requester=requester,
            seen=seen,
        )

    await interaction.client.presenter.answer(interaction, ordering())


def _changes(job: Job, given: Mapping[str, str]) -> dict[str, object]:
    """What was changed in the form. What was left alone, or emptied, stays as it was."""
    changes: dict[str, object] = {}
    if (prompt := forms.new_prompt(given, job)) is not None:
        changes["prompt"] = prompt
    seconds = forms.seconds_of(given.get("seconds", ""))
    if seconds is not None and not _keeps_its_length(job):
        if seconds != int(seconds):
            raise Refusal("The seconds must be a whole number.")
        changes["duration"] = int(seconds)
    return changes | {name: given[name] for name, _ in _CHOICES if given.get(name)}


def _keeps_its_length(job: Job) -> bool:
    """Whether another length would not fill the place that the clip is made for."""
    plan = job.brief.plan
    return job.brief.mode is Mode.RETAKE or (plan is not None and plan.place == "part")


def _menu(label: str, name: str, values: Sequence[str], current: str) -> ui.Label[ui.Modal]:
    options = [
        discord.SelectOption(label=each, value=each, default=each == current) for each in values
    ]
    return ui.Label(text=label, component=ui.Select(custom_id=name, options=options))
