"""What shows the queue and stops clips: /video queue, cancel, models; the Cancel button."""

from collections.abc import Sequence

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.chat import card
from bot.chat import models as models_views
from bot.chat.bot import Interaction
from bot.chat.buttons import button
from bot.chat.mentions import SILENT
from bot.chat.requester import requester_here, requester_of
from bot.orders.orders import Studio
from cogs._pressing import pressed
from cogs.video import parameters
from cogs.video.parameters import choices, say, suggested
from storage import Job, Take

PAGE = 3900  #: characters of a page of models; Discord takes 4000
QUEUED = 15  #: clips of the queue that are listed
BOXES = 10  #: models on a page


class Looking(commands.Cog):
    """The commands that show and stop clips. Part of the `Video` cog."""

    studio: Studio

    @app_commands.command()
    async def queue(self, interaction: Interaction) -> None:
        """What is under way in this server, and where it stands."""
        jobs = await self.studio.queue(requester=requester_here(interaction), limit=None)
        shown = jobs[:QUEUED]
        text = card.queue(shown, {job.id: self.studio.glimpse(job) for job in shown})
        if len(jobs) > text.count("\n"):
            text += f"\n-# {len(jobs):,} are under way in all."
        await say(interaction, text)

    @app_commands.command()
    async def cancel(self, interaction: Interaction, clip: str) -> None:
        """Stop a clip of yours that is not finished.

        Parameters
        ----------
        clip:
            Its number: #42, or its take in this thread.
        """
        job = await _cancel(self.studio, interaction, await parameters.clip(interaction, clip))
        word = "is being stopped" if job.due_at is not None else "is cancelled"
        await say(interaction, f"#{job.id} {word}.")

    @app_commands.command()
    async def models(self, interaction: Interaction) -> None:
        """What each model can make, and what it costs."""
        await interaction.response.send_message(
            view=_models(interaction, 0), ephemeral=True, allowed_mentions=SILENT
        )

    @cancel.autocomplete("clip")
    async def _stoppable(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        mine = await self.studio.stoppable(requester_of(interaction), limit=25)
        found = [suggested(Take(job=job), place_id=0) for job in mine]
        return choices(found, typed)


@pressed("models", moderators=False)
async def _turn(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Another page of the models."""
    await interaction.response.edit_message(
        view=_models(interaction, int(about)), allowed_mentions=SILENT
    )


def _models(interaction: Interaction, page: int) -> discord.ui.LayoutView:
    """A page of the models, each of them whole."""
    bot = interaction.client
    pages = paged(
        models_views.models(bot.studio.quotes.offers(), usd_per_credit=bot.usd_per_credit)
    )
    page = min(page, len(pages) - 1)
    view = discord.ui.LayoutView(timeout=None)
    for text in pages[page]:
        box: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container()
        box.add_item(discord.ui.TextDisplay(text))
        view.add_item(box)
    if len(pages) > 1:
        row: discord.ui.ActionRow[discord.ui.LayoutView] = discord.ui.ActionRow()
        row.add_item(button("Back", "models", page - 1, disabled=page == 0))
        last = page == len(pages) - 1
        row.add_item(
            button(f"More ({page + 1} of {len(pages)})", "models", page + 1, disabled=last)
        )
        view.add_item(row)
    return view


def paged(texts: Sequence[str]) -> list[list[str]]:
    """Texts on as few pages as hold them whole; one too long for a page goes on by the line."""
    pages: list[list[str]] = [[]]
    for text in texts:
        rest = text
        while rest:
            cut = len(rest) if len(rest) <= PAGE else rest.rfind("\n", 0, PAGE)
            part, rest = rest[:cut], rest[cut:].lstrip("\n")
            if pages[-1] and (
                len(pages[-1]) >= BOXES or sum(map(len, pages[-1])) + len(part) > PAGE
            ):
                pages.append([])
            pages[-1].append(part)
    return pages


@pressed("cancel", moderators=False)
async def _pressed(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """The Cancel button of a card; its number stands on it."""
    await interaction.response.defer()
    await _cancel(interaction.client.studio, interaction, int(about))


async def _cancel(studio: Studio, interaction: Interaction, job_id: int) -> Job:
    return await studio.cancel(job_id, requester=requester_here(interaction))
