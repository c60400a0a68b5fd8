"""The buttons under a clip. What one does and to which clip is written on it, so that it works
for as long as the message stands, and who presses it is authorised anew each time."""

import re
from typing import Any, Self

import discord

from bot import board, messages
from bot.client import Dailies, Interaction
from bot.errors import Refusal
from bot.studio import Place
from cogs.takes import acting, forms
from storage import Job


class Verb(
    discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"take:(?P<verb>[a-z]+):(?P<id>\d+)"
):
    """One button of a clip."""

    def __init__(self, verb: str, job_id: int) -> None:
        super().__init__(discord.ui.Button(label=verb, custom_id=f"take:{verb}:{job_id}"))
        self._verb = verb
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(match["verb"], int(match["id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        # discord.py only logs what a dynamic item raises, so this one apologises by itself.
        try:
            await self._do(interaction)
        except Exception as error:  # noqa: BLE001  # a boundary: the apology is right here
            await messages.apologise(interaction, error)

    async def _do(self, interaction: Interaction) -> None:
        bot = interaction.client
        place, job = await acting.pressed(interaction, self._job_id)
        match self._verb:
            case "retake":
                await bot.versions.may_change(job, place)
                await forms.retake(interaction, job, place)
            case "extend":
                await bot.versions.may_change(job, place)
                await forms.extend(interaction, job, place)
            case "variation" | "hdr":
                await self._make(interaction, job, place)
            case "favourite":
                await _favourite(interaction, job)
            case "send":
                await interaction.response.defer(ephemeral=True, thinking=True)
                await bot.delivery.send_to(job, interaction.user.id)
                await interaction.followup.send("It is in your direct messages.", ephemeral=True)
            case "compare":
                await _compare(interaction, job, place)
            case "details":
                await details(interaction, job)
            case "remove":
                await _remove(interaction, job, place)
            case _:
                raise Refusal("This button is of an older Dailies; use a command instead.")

    async def _make(self, interaction: Interaction, job: Job, place: Place) -> None:
        bot = interaction.client
        await bot.versions.may_change(job, place)
        request = f"interaction:{interaction.id}"
        if self._verb == "hdr":
            quote = await bot.versions.hdr(job, request=request, place=place)
        else:
            quote = await bot.versions.variation(job, request=request)
        if await acting.too_dear(bot, quote, place):
            price = messages.price(quote.price, bot.usd_per_credit)
            view = discord.ui.View(timeout=None)
            view.add_item(Confirm(self._verb, job.id))
            view.stop()
            await interaction.response.send_message(
                f"That costs {price}.", view=view, ephemeral=True
            )
            return
        await acting.order(interaction, quote, place)


class Confirm(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"take-confirm:(?P<verb>variation|hdr):(?P<id>\d+)",
):
    """Orders what is dear, once its price was seen."""

    def __init__(self, verb: str, job_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Make it",
                style=discord.ButtonStyle.primary,
                custom_id=f"take-confirm:{verb}:{job_id}",
            )
        )
        self._verb = verb
        self._job_id = job_id

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(match["verb"], int(match["id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        try:
            bot: Dailies = interaction.client
            place, job = await acting.pressed(interaction, self._job_id)
            await bot.versions.may_change(job, place)
            request = f"interaction:{interaction.id}"
            if self._verb == "hdr":
                quote = await bot.versions.hdr(job, request=request, place=place)
            else:
                quote = await bot.versions.variation(job, request=request)
            await acting.order(interaction, quote, place)
        except Exception as error:  # noqa: BLE001  # a boundary: the apology is right here
            await messages.apologise(interaction, error)


async def details(interaction: Interaction, job: Job) -> None:
    """Everything about a clip, for one person."""
    bot = interaction.client
    text = acting.said_of(job, bot)
    if lineage := await acting.lineage_of(job, bot):
        text += f"\n{lineage}"
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay(messages.elide(text, 4000)))
    view.stop()
    await interaction.response.send_message(
        view=view, ephemeral=True, allowed_mentions=messages.SILENT
    )


async def _favourite(interaction: Interaction, job: Job) -> None:
    bot = interaction.client
    on = not await bot.studio.store.takes.is_favourite(job.id, interaction.user.id)
    await interaction.response.defer(ephemeral=True, thinking=True)
    await bot.versions.favourite(job, interaction.user.id, on=on)
    if on:
        await acting.gather(bot, job)
    acting.refresh_board(bot, job)
    said = "is a favourite of yours" if on else "is no favourite of yours any more"
    await interaction.followup.send(f"{board.FAVOURITE} #{job.id} {said}.", ephemeral=True)


async def _compare(interaction: Interaction, job: Job, place: Place) -> None:
    """With what it was made from, else with the take before it."""
    bot = interaction.client
    other = job.brief.parent
    if other is None:
        takes = await bot.studio.store.takes.of_thread(job.thread_id or 0)
        earlier = [take.job.id for take in takes if take.number and take.job.id < job.id]
        later = [take.job.id for take in takes if take.number and take.job.id > job.id]
        other = next(iter([*reversed(earlier), *later]), None)
    if other is None:
        raise Refusal(f"There is no other take to compare #{job.id} with yet.")
    first = await bot.versions.finished(other, place=place)
    await acting.compare(interaction, first, job)


async def _remove(interaction: Interaction, job: Job, place: Place) -> None:
    bot = interaction.client
    await interaction.response.defer(ephemeral=True, thinking=True)
    await bot.versions.remove(job.id, place=place)
    await acting.take_down(bot, await bot.studio.store.takes.posts_of(job.id))
    acting.refresh_board(bot, job)
    await interaction.followup.send(
        f"#{job.id} is deleted. `/video show clip:{job.id}` brings it back while its file is kept.",
        ephemeral=True,
    )
