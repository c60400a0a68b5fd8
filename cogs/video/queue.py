"""What shows the queue and stops clips: /video queue, cancel, models; the Cancel button."""

from collections.abc import Sequence

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.chat import answering, card, models
from bot.chat.bot import Interaction
from bot.chat.buttons import marked
from bot.chat.requester import requester_here, requester_of
from bot.chat.suggesting import suggests
from bot.orders.orders import Studio
from bot.words.text import elide
from cogs._pressing import Waits, number, pressed
from cogs.video import parameters
from cogs.video.parameters import choices, say, suggested
from storage import Job, Take

QUEUED = 15  #: clips of the queue that are listed
MENU = 25  #: entries of a menu


class Looking(commands.Cog):
    """The commands that show and stop clips. Part of the `Video` cog."""

    studio: Studio

    @app_commands.command()
    async def queue(self, interaction: Interaction) -> None:
        """Show what is in progress in this server."""
        jobs = await self.studio.queue(requester=requester_here(interaction), limit=None)
        shown = jobs[:QUEUED]
        text = card.queue(shown, {job.id: self.studio.glimpse(job) for job in shown})
        if len(jobs) > text.count("\n"):
            text += f"\n-# {len(jobs):,} clips in progress in total."
        await say(interaction, text)

    @app_commands.command()
    async def cancel(self, interaction: Interaction, clip: str) -> None:
        """Stop one of your clips before it is finished.

        Parameters
        ----------
        clip:
            Which clip: #42, or its take number in this thread.
        """
        job = await _cancel(self.studio, interaction, await parameters.clip(interaction, clip))
        word = "is being canceled" if job.due_at is not None else "is canceled"
        await say(interaction, f"#{job.id} {word}.")

    @app_commands.command()
    async def models(self, interaction: Interaction) -> None:
        """Show what each model makes and costs."""
        await answering.tell(interaction, view=_models(interaction))

    @cancel.autocomplete("clip")
    @suggests
    async def _stoppable(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        mine = await self.studio.stoppable(requester_of(interaction), limit=25)
        found = [suggested(Take(job=job), place_id=0) for job in mine]
        return choices(found, typed)


@pressed("models", moderators=False)
async def _chosen(interaction: Interaction, _about: str, picked: Sequence[str]) -> None:
    """The details of the model that was picked from the menu."""
    await answering.change(interaction, _models(interaction, picked[0] if picked else ""))


def _models(interaction: Interaction, picked: str = "") -> discord.ui.LayoutView:
    """All models as a table, or with *picked* one in detail; below it the menu to choose one."""
    bot = interaction.client
    offers = bot.studio.quotes.offers()
    named = {f"{provider.name} {model.name}": (provider, model) for provider, model in offers}
    if picked in named:
        text = models.details(*named[picked], usd_per_credit=bot.usd_per_credit)
    else:
        text = models.table(offers, usd_per_credit=bot.usd_per_credit)
    view = discord.ui.LayoutView(timeout=None)
    box: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container()
    box.add_item(discord.ui.TextDisplay(elide(text, 3900)))
    if named:
        options = [
            discord.SelectOption(
                label=elide(f"{model.title} · {provider.title}", 100),
                value=name[:100],
                description=models.cheapest(model, bot.usd_per_credit),
                default=name == picked,
            )
            for name, (provider, model) in list(named.items())[:MENU]
        ]
        row: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
        row.add_item(
            discord.ui.Select(
                custom_id=marked("models"), placeholder="Show details", options=options
            )
        )
        box.add_item(row)
    view.add_item(box)
    return view


@pressed("cancel", moderators=False, waits=Waits.CHANGE)
async def _pressed(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """The Cancel button of a card; its number stands on it."""
    await _cancel(interaction.client.studio, interaction, number(about))


async def _cancel(studio: Studio, interaction: Interaction, job_id: int) -> Job:
    return await studio.cancel(job_id, requester=requester_here(interaction))
