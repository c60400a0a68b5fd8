"""The forms of a take. What is filled in is read by the form's own name, so a form that was
opened before a restart can still be sent off after it."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import discord
from discord import ui
from discord.ext import commands

from bot import messages
from bot.client import Dailies, Interaction, place_of
from bot.errors import Busy, Refusal
from bot.inputs import Source
from bot.studio import Place
from bot.takes import Part
from cogs.takes import acting
from storage import Brief, Job, Mode

PATIENCE = 1.5  #: seconds that a price may take to work out; Discord waits 3 for the form
PROMPT = 4000  #: characters that a form's field takes
_NAME = re.compile(r"form:(?P<verb>retake|extend|animate|sound):(?P<id>\d+)")


async def retake(interaction: Interaction, job: Job, place: Place) -> None:
    """Ask from where to where, for what, with which words; all of it filled in."""
    seconds = await _seconds(interaction, job, place)
    form = ui.Modal(title=f"Retake #{job.id}", custom_id=f"form:retake:{job.id}", timeout=900)
    form.add_item(_text("From (seconds)", "from", "0"))
    form.add_item(_text("To (seconds)", "to", f"{seconds:.1f}" if seconds else ""))
    form.add_item(_text("Prompt", "prompt", job.brief.prompt, long=True))
    form.add_item(_choice("Make again", "replace", ("both", "picture", "sound"), "both"))
    quote = interaction.client.versions.retake(
        job, request=f"form:{interaction.id}", place=place, part=Part()
    )
    form.add_item(ui.TextDisplay(await _price(interaction, quote, "The whole clip")))
    await interaction.response.send_modal(form)


async def extend(interaction: Interaction, job: Job, place: Place) -> None:
    """Ask for how long, at which end, with which words; says the price and the whole length."""
    versions = interaction.client.versions
    quoting = versions.extend(job, request=f"form:{interaction.id}", place=place)
    length, said = 6, ""
    try:
        quote = await asyncio.wait_for(quoting, PATIENCE)
        length = quote.brief.duration or length
        clip = quote.brief.plan.clip if quote.brief.plan is not None else quote.brief.video
        price = messages.price(quote.price, interaction.client.usd_per_credit)
        said = f"{length} s more: {price}"
        if clip is not None and clip.seconds:
            said += f" · {clip.seconds + length:.0f} s in all"
    except TimeoutError:
        said = "The price is on the card, before anything is made."
    form = ui.Modal(title=f"Extend #{job.id}", custom_id=f"form:extend:{job.id}", timeout=900)
    form.add_item(_text("Seconds to add", "seconds", str(length)))
    form.add_item(_choice("At the", "direction", ("end", "start"), "end"))
    form.add_item(_text("What happens there", "prompt", job.brief.prompt, long=True))
    form.add_item(ui.TextDisplay(said))
    await interaction.response.send_modal(form)


async def begin(interaction: Interaction, verb: str, link: str) -> None:
    """Ask with which words a picture ("animate") or a sound ("sound") becomes a clip."""
    what = "image" if verb == "animate" else "sound"
    title = "Animate this image" if verb == "animate" else "Use this sound"
    form = ui.Modal(title=title, custom_id=f"form:{verb}:0", timeout=900)
    form.add_item(_text("Prompt", "prompt", "", long=True, required=False))
    form.add_item(_text(f"The {what} (a link)", "link", link))
    await interaction.response.send_modal(form)


class Forms(commands.Cog):
    """Takes what was filled in."""

    def __init__(self, bot: Dailies) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """A form was sent off, perhaps one that was opened before a restart."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data: Mapping[str, Any] = interaction.data or {}
        named = _NAME.fullmatch(str(data.get("custom_id", "")))
        if named is None:
            return
        try:
            await self._sent(interaction, named["verb"], int(named["id"]))
        except Exception as error:  # noqa: BLE001  # a boundary: the apology is right here
            await messages.apologise(interaction, error)

    async def _sent(self, interaction: Interaction, verb: str, job_id: int) -> None:
        given = _given(interaction.data or {})
        prompt = given.get("prompt", "")
        if verb in {"animate", "sound"}:
            await self._begin(interaction, verb, prompt, given.get("link", ""))
            return
        place, job = await acting.pressed(interaction, job_id)
        versions = self._bot.versions
        await versions.may_change(job, place)
        request = f"interaction:{interaction.id}"
        if verb == "retake":
            start, end = _number(given.get("from", "")), _number(given.get("to", ""))
            part = await self._part(interaction, job, place, start, end, given.get("replace"))
            quoting = versions.retake(job, request=request, place=place, part=part, prompt=prompt)
        else:
            seconds = _number(given.get("seconds", ""))
            if seconds is None or seconds != int(seconds):
                raise Refusal("The seconds to add are a whole number.")
            quoting = versions.extend(
                job,
                request=request,
                place=place,
                seconds=int(seconds),
                direction=given.get("direction"),
                prompt=prompt,
            )

        async def ordering() -> tuple[Job, bool]:
            return await versions.order(await quoting, request=request, place=place)

        await self._bot.answer(interaction, ordering())

    async def _begin(self, interaction: Interaction, verb: str, prompt: str, link: str) -> None:
        mode, field = (Mode.IMAGE, "image") if verb == "animate" else (Mode.AUDIO, "audio")
        order = self._bot.studio.order(
            Brief(mode=mode, prompt=prompt),
            request=f"interaction:{interaction.id}",
            place=place_of(interaction),
            sources={field: Source(url=link.strip())},
        )
        await self._bot.answer(interaction, order)

    async def _part(
        self,
        interaction: Interaction,
        job: Job,
        place: Place,
        start: float | None,
        end: float | None,
        replace: str | None,
    ) -> Part:
        """What was filled in, as a part; what covers the clip from edge to edge is all of it."""
        seconds = await _seconds(interaction, job, place)
        if end is not None and seconds and abs(end - seconds) < 0.06:
            end = None
        return Part(start=start or None, end=end, replace=replace)


async def _seconds(interaction: Interaction, job: Job, place: Place) -> float | None:
    try:
        clip = await asyncio.wait_for(interaction.client.versions.clip(job, place), PATIENCE)
    except (TimeoutError, Busy):
        return None
    return clip.seconds


async def _price(interaction: Interaction, quoting: Any, what: str) -> str:
    try:
        quote = await asyncio.wait_for(quoting, PATIENCE)
    except (TimeoutError, Refusal, Busy):
        return "The price is on the card, before anything is made."
    return f"{what}: {messages.price(quote.price, interaction.client.usd_per_credit)}"


def _text(
    label: str, name: str, value: str, *, long: bool = False, required: bool = True
) -> ui.Label[ui.Modal]:
    style = discord.TextStyle.paragraph if long else discord.TextStyle.short
    field: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=name,
        style=style,
        default=value[:PROMPT] or None,
        required=required and not long,
        max_length=PROMPT if long else 500,
    )
    return ui.Label(text=label, component=field)


def _choice(label: str, name: str, values: tuple[str, ...], default: str) -> ui.Label[ui.Modal]:
    options = [
        discord.SelectOption(label=each.capitalize(), value=each, default=each == default)
        for each in values
    ]
    return ui.Label(text=label, component=ui.Select(custom_id=name, options=options))


def _given(data: Mapping[str, Any]) -> dict[str, str]:
    """What a form's fields hold, by their names."""
    found = {}
    for part in data.get("components", ()):
        field = part.get("component") or {}
        value = field.get("value") or next(iter(field.get("values") or ()), "")
        if field.get("custom_id"):
            found[field["custom_id"]] = str(value)
    return found


def _number(text: str) -> float | None:
    """Seconds that somebody wrote, such as '3', '3.5', '3,5 s' or '1:05'; None for nothing.

    Raises `Refusal` for anything else.
    """
    plain = text.strip().removesuffix("s").strip().replace(",", ".")
    if not plain:
        return None
    found = re.fullmatch(r"(?:(\d{1,3}):)?(\d{1,4}(?:\.\d{1,3})?)", plain, re.ASCII)
    if found is None:
        raise Refusal(f"“{messages.inert(text[:20])}” is no number of seconds, such as 3.5.")
    return int(found[1] or 0) * 60 + float(found[2])
