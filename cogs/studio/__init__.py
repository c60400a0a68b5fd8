"""/studio: how a server works, what is under way there, and what waits for a decision."""

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.chat.bot import Dailies, Interaction
from bot.chat.requester import moderator_of
from bot.moderation import tables
from cogs import _forms
from cogs.studio import panel, parked, rules
from cogs.studio.alerts import Alerts
from cogs.studio.digests import DailyDigests
from cogs.studio.queue import Live
from cogs.studio.views import say


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class StudioCommands(
    commands.GroupCog,
    group_name="studio",
    group_description="Moderators: how this server makes clips",
):
    """Every /studio command. What they call makes sure, each time, that a moderator asks."""

    def __init__(self, bot: Dailies) -> None:
        super().__init__()
        self.limits = bot.limits
        self.server_queue = bot.server_queue
        self.live = Live(bot)
        bot.events.job_changed.listen(lambda job, _progress: self.live.touch(job))
        bot.events.card_placed.listen(self.live.touch)

    async def cog_unload(self) -> None:
        self.live.close()

    @app_commands.command()
    async def setup(self, interaction: Interaction) -> None:
        """Set up where Dailies works, for whom, for how much, and its queue."""
        await panel.show(interaction)

    @app_commands.command()
    @app_commands.rename(favourites="favorites")
    async def takes(
        self,
        interaction: Interaction,
        favourites: discord.TextChannel | None = None,
        reviewers: discord.Role | None = None,
    ) -> None:
        """Set where favorites gather and who approves takes. What you leave out is turned off.

        Parameters
        ----------
        favourites:
            The channel where clips marked with ⭐ are posted again.
        reviewers:
            The role that can approve takes with ✅, besides moderators.
        """
        changes = {
            "favourites": favourites.id if favourites else None,
            "reviewers": reviewers.id if reviewers else None,
        }
        await self.limits.limit(moderator_of(interaction), changes)
        where = f"gather in {favourites.mention}" if favourites else "stay in their threads"
        who = f"{reviewers.mention} and moderators approve" if reviewers else "Moderators approve"
        await say(interaction, f"Favorites {where}. {who} takes with ✅.")

    @app_commands.command()
    async def queue(self, interaction: Interaction) -> None:
        """Show what is in progress, live. Cancel a clip or move it to the front."""
        await self.live.open(interaction)

    @app_commands.command()
    async def pause(self, interaction: Interaction, reason: Range[str, 1, 200]) -> None:
        """Pause orders in this server. Clips in progress continue.

        Parameters
        ----------
        reason:
            Why. People who order are told.
        """
        await self.server_queue.pause(moderator_of(interaction), reason)
        await say(interaction, "Orders are paused. `/studio resume` opens them again.")

    @app_commands.command()
    async def resume(self, interaction: Interaction, past_budget: bool = False) -> None:
        """Open orders again after a pause, or over the budget.

        Parameters
        ----------
        past_budget:
            Let orders go over the budget until it resets, even if a little is left.
        """
        requester = moderator_of(interaction)
        server = await self.server_queue.resume(requester, past_budget=past_budget)
        await say(interaction, tables.resumed(await self.limits.overview(requester), server))

    @app_commands.command()
    async def undelivered(self, interaction: Interaction) -> None:
        """Show clips that were made but couldn't be posted."""
        await parked.show_undelivered(interaction)

    @app_commands.command()
    async def unclear(self, interaction: Interaction) -> None:
        """Show clips and costs that need a decision."""
        await parked.show_trouble(interaction)

    @app_commands.command()
    async def rules(self, interaction: Interaction) -> None:
        """Set words and patterns that prompts can't contain, and see who used them."""
        await rules.show(interaction)


async def setup(bot: Dailies) -> None:
    await _forms.add_to(bot)
    await bot.add_cog(StudioCommands(bot))
    await bot.add_cog(Alerts(bot))
    await bot.add_cog(DailyDigests(bot))
