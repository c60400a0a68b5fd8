"""What has the approved takes of a channel made into one film: /video reel."""

from collections.abc import Sequence

from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.chat import answering, reel_message
from bot.chat.bot import Interaction
from bot.chat.requester import requester_here, requester_of
from bot.chat.suggesting import suggests
from cogs._pressing import Waits, number, pressed
from cogs.takes import acting
from cogs.video import reel_runs
from cogs.video.parameters import choices

ON_ITS_WAY = "The reel is being made. It is posted here."


class Reeling(commands.Cog):
    """The command about reels. Part of the `Video` cog."""

    @app_commands.command()
    @app_commands.rename(first="from", last="to")
    async def reel(
        self,
        interaction: Interaction,
        scene: str | None = None,
        slate: bool = False,
        first: str | None = None,
        last: str | None = None,
    ) -> None:
        """Join the approved takes of this channel's shots into one film, with a cut list.

        Parameters
        ----------
        scene:
            Only this scene.
        slate:
            Show each shot's name for one second.
        first:
            The first shot of the reel.
        last:
            The last shot of the reel.
        """
        bot, requester = interaction.client, requester_here(interaction)
        await acting.think(interaction)
        planned = await bot.reels.plan(
            f"interaction:{interaction.id}",
            requester=requester,
            scene=scene,
            first=first,
            last=last,
            slate=slate,
        )
        if not planned.asks:
            await bot.reels.begin(planned.reel.id, requester=requester)
            reel_runs.look(bot)
        await answering.tell(interaction, view=reel_message.plan(planned))

    @reel.autocomplete("scene")
    @suggests
    async def _scenes(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        scenes = await interaction.client.shots.scenes(requester_of(interaction))
        return choices([(each, each) for each in scenes], typed)

    @reel.autocomplete("first")
    @reel.autocomplete("last")
    @suggests
    async def _reel_shots(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        names = await interaction.client.shots.names(requester_of(interaction))
        return choices([(each, each) for each in names], typed)


@pressed(reel_message.VERB, moderators=False, waits=Waits.CHANGE)
async def _begin(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Begin a reel whose length was said; only for the one who asked for it."""
    await interaction.client.reels.begin(number(about), requester=requester_here(interaction))
    reel_runs.look(interaction.client)
    await answering.change(interaction, reel_message.plain(ON_ITS_WAY))
