"""What a new clip has where nobody chooses: /video defaults show, set, clear."""

from typing import Any, Literal

from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.chat import defaults as pages
from bot.chat.bot import Interaction
from bot.chat.requester import requester_of
from bot.errors import Refusal
from cogs.video.parameters import options, say
from storage import Mode

#: What may be cleared, by its name in the command.
CLEARED = {
    "everything": ("provider", "model", "resolution", "duration", "sound", "threads"),
    "model": ("provider", "model"),
    "resolution": ("resolution",),
    "duration": ("duration",),
    "sound": ("sound",),
    "clips": ("threads",),
}


class Defaulting(commands.Cog):
    """The commands about defaults. Part of the `Video` cog."""

    defaults = app_commands.Group(name="defaults", description="What new clips have by default")

    @defaults.command(name="show")
    async def show_defaults(self, interaction: Interaction) -> None:
        """Show what a new clip is here, and where each setting comes from."""
        await _answer(interaction)

    @defaults.command(name="set")
    @options(Mode.TEXT)
    async def set_defaults(
        self,
        interaction: Interaction,
        model: str | None = None,
        provider: str | None = None,
        resolution: str | None = None,
        duration: Range[int, 1, 600] | None = None,
        sound: bool | None = None,
        clips: Literal["in threads", "in the channel"] | None = None,
        for_channel: bool = False,
    ) -> None:
        """Choose what your new clips have unless you say otherwise.

        Parameters
        ----------
        clips:
            Where your clips are posted, unless moderators have no threads here.
        for_channel:
            Moderators: choose it for everybody in this channel.
        """
        chosen = {"resolution": resolution, "duration": duration, "sound": sound}
        changes: dict[str, Any] = {key: each for key, each in chosen.items() if each is not None}
        if model is not None or provider is not None:
            changes |= {"provider": provider, "model": model}
        if clips is not None:
            changes["threads"] = clips == "in threads"
        if not changes:
            raise Refusal("Choose at least one setting, such as `duration`.")
        await interaction.client.studio.choosing.set(
            requester_of(interaction), changes, channel=for_channel
        )
        await _answer(interaction)

    @defaults.command(name="clear")
    async def clear_defaults(
        self,
        interaction: Interaction,
        what: Literal["everything", "model", "resolution", "duration", "sound", "clips"],
        for_channel: bool = False,
    ) -> None:
        """Clear one of your defaults, or all of them.

        Parameters
        ----------
        what:
            Which default.
        for_channel:
            Moderators: clear this channel's.
        """
        changes = dict.fromkeys(CLEARED[what])
        await interaction.client.studio.choosing.set(
            requester_of(interaction), changes, channel=for_channel
        )
        await _answer(interaction)


async def _answer(interaction: Interaction) -> None:
    found = await interaction.client.studio.choosing.show(requester_of(interaction))
    await say(interaction, pages.shown(found, usd_per_credit=interaction.client.usd_per_credit))
