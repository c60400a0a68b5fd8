"""Help with a prompt before anything is ordered: /video enhance."""

from discord import app_commands
from discord.ext import commands

from bot.chat.bot import Interaction
from bot.chat.requester import requester_here
from cogs import prompt_help
from cogs.video.make import Prompt
from storage import Brief, Mode


class Enhancing(commands.Cog):
    """The command that helps with a prompt. Part of the `Video` cog."""

    @app_commands.command()
    async def enhance(self, interaction: Interaction, prompt: Prompt) -> None:
        """Check a prompt, and get a better one. Nothing is ordered.

        Parameters
        ----------
        prompt:
            What you see and hear, in your own words.
        """
        suggesting = interaction.client.prompt_help.suggest(
            Brief(mode=Mode.TEXT, prompt=prompt), requester_here(interaction)
        )
        await prompt_help.show(interaction, suggesting)
