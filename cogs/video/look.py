"""What shows the queue and stops clips: /video queue, cancel, models; the Cancel button."""

from collections.abc import Sequence

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot import messages
from bot.client import Interaction, place_of
from bot.studio import LIVE, Studio
from cogs._pressing import pressed
from cogs.video.words import choices, named, number, say
from storage import Job


class Looking(commands.Cog):
    """The commands that show and stop clips. Part of the `Video` cog."""

    studio: Studio

    @app_commands.command()
    async def queue(self, interaction: Interaction) -> None:
        """What is under way in this server, and where it stands."""
        jobs = await self.studio.queue(place=place_of(interaction))
        glimpses = {job.id: self.studio.glimpse(job) for job in jobs}
        await say(interaction, messages.queue(jobs, glimpses))

    @app_commands.command()
    async def cancel(self, interaction: Interaction, clip: str) -> None:
        """Stop a clip of yours that is not finished.

        Parameters
        ----------
        clip:
            Its number, such as 42.
        """
        job = await _cancel(self.studio, interaction, number(clip))
        word = "is being stopped" if job.due_at is not None else "is cancelled"
        await say(interaction, f"#{job.id} {word}.")

    @app_commands.command()
    async def models(self, interaction: Interaction) -> None:
        """What each model can make, and what it costs."""
        texts = messages.models(
            self.studio.offers(), usd_per_credit=interaction.client.usd_per_credit
        )
        view = discord.ui.LayoutView()
        for text in texts[:10]:
            box: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container()
            box.add_item(discord.ui.TextDisplay(messages.elide(text, 4000 // len(texts))))
            view.add_item(box)
        await interaction.response.send_message(
            view=view, ephemeral=True, allowed_mentions=messages.SILENT
        )

    @cancel.autocomplete("clip")
    async def _stoppable(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        mine = await self.studio.store.jobs.of(
            guild_id=interaction.guild_id or 0, user_id=interaction.user.id, states=LIVE, limit=25
        )
        return choices([named(job) for job in mine], typed.removeprefix("#"))


@pressed("cancel", moderators=False)
async def _pressed(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """The Cancel button of a card; its number stands on it."""
    await interaction.response.defer()
    await _cancel(interaction.client.studio, interaction, number(about))


async def _cancel(studio: Studio, interaction: Interaction, job_id: int) -> Job:
    return await studio.cancel(job_id, place=place_of(interaction))
