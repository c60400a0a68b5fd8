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
from cogs.studio.queue import Live
from cogs.studio.views import say


@app_commands.default_permissions(manage_guild=True)
@app_commands.guild_only()
class Desk(
    commands.GroupCog,
    group_name="studio",
    group_description="Moderators: how this server makes clips",
):
    """Every /studio command. The office checks that a moderator asks, each time."""

    def __init__(self, bot: Dailies) -> None:
        super().__init__()
        self.office = bot.office
        self.live = Live(bot)
        bot.events.job_changed.listen(lambda job, _progress: self.live.touch(job))
        bot.events.card_placed.listen(self.live.touch)

    async def cog_unload(self) -> None:
        self.live.close()

    @app_commands.command()
    async def setup(self, interaction: Interaction) -> None:
        """Channels, defaults, providers, budget, time zone: everything in one panel."""
        found = await self.office.overview(moderator_of(interaction))
        await interaction.response.send_message(
            view=panel.panel(interaction, found), ephemeral=True
        )

    @app_commands.command()
    async def takes(
        self,
        interaction: Interaction,
        favourites: discord.TextChannel | None = None,
        reviewers: discord.Role | None = None,
    ) -> None:
        """Where favourites gather and who approves takes; what is left out is switched off.

        Parameters
        ----------
        favourites:
            The channel where clips are posted again once somebody marks them with ⭐.
        reviewers:
            The role that approves takes with ✅, beside moderators.
        """
        changes = {
            "favourites": favourites.id if favourites else None,
            "reviewers": reviewers.id if reviewers else None,
        }
        await self.office.limit(moderator_of(interaction), changes)
        where = f"gather in {favourites.mention}" if favourites else "stay in their threads"
        who = f"{reviewers.mention} and moderators approve" if reviewers else "Moderators approve"
        await say(interaction, f"Favourites {where}. {who} takes with ✅.")

    @app_commands.command()
    async def queue(self, interaction: Interaction) -> None:
        """What is under way, live, with cancel and move to the front."""
        await self.live.open(interaction)

    @app_commands.command()
    async def pause(self, interaction: Interaction, reason: Range[str, 1, 200]) -> None:
        """Take no orders in this server; clips under way go on.

        Parameters
        ----------
        reason:
            Why; whoever orders is told.
        """
        await self.office.pause(moderator_of(interaction), reason)
        await say(interaction, "No orders are taken now. `/studio resume` takes them again.")

    @app_commands.command()
    async def resume(self, interaction: Interaction, past_budget: bool = False) -> None:
        """Take orders again, after a pause or past a used-up budget.

        Parameters
        ----------
        past_budget:
            Let orders pass the budget until it begins anew, also while a little of it is left.
        """
        requester = moderator_of(interaction)
        server = await self.office.resume(requester, past_budget=past_budget)
        await say(interaction, tables.resumed(await self.office.overview(requester), server))

    @app_commands.command()
    async def undelivered(self, interaction: Interaction) -> None:
        """Clips that were made and could not be posted."""
        await parked.show_undelivered(interaction)

    @app_commands.command()
    async def unclear(self, interaction: Interaction) -> None:
        """Clips of which nobody knows what became, and costs of which nobody knows."""
        await parked.show_trouble(interaction)

    @app_commands.command()
    async def rules(self, interaction: Interaction) -> None:
        """Words and patterns that prompts may not hold, and who met them."""
        await rules.show(interaction)


async def setup(bot: Dailies) -> None:
    await _forms.add_to(bot)
    await bot.add_cog(Desk(bot))
    await bot.add_cog(Alerts(bot))
