"""One form for everything, for those who remember no options: /video new."""

from discord import app_commands
from discord.ext import commands

from bot.chat.bot import Interaction
from bot.chat.requester import requester_here
from cogs import clip_form


class Beginning(commands.Cog):
    """The command that opens the form of a new clip. Part of the `Video` cog."""

    @app_commands.command()
    async def new(self, interaction: Interaction) -> None:
        """Make a clip with a form: words, a picture, a sound, size and length."""
        requester_here(interaction)
        await clip_form.show(interaction, "new")
