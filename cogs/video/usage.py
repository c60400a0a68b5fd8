"""What is one's own: /video usage, /video notify, /video privacy."""

import io
from collections.abc import Sequence
from typing import Literal

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.buttons import button
from bot.chat.pings import SAID
from bot.chat.requester import requester_of
from bot.media import charts
from bot.moderation import tables
from bot.moderation.usage import DAYS
from cogs._pressing import Waits, pressed
from storage import Ping

PINGS = {"mention": Ping.MENTION, "direct message": Ping.DM, "no ping": Ping.NONE}

KEPT = """### What Dailies keeps about you
• Every clip you ordered: prompt, settings, time, channel, card, result and file.
• Every credit held, spent or returned for it, in a ledger that never changes.
• What moderators set for you: quota, grants, a block, and who set it.
• How you want to hear of your clips, and your defaults, if you chose them.
• When one of your prompts broke a word rule: which rule, when and where. Not the prompt.
Providers get your prompts and files to make the clips. They have their own privacy rules.

**Delete mine** erases your prompts, your files and your identity, in every server. Amounts stay \
in the ledger under a number. That number is tied to you until the end of the month, so that \
deleting can't refill a quota. Messages on Discord stay until somebody deletes them. Moderators' \
decisions about you stay until they change them."""


class Mine(commands.Cog):
    """The commands about oneself. Part of the `Video` cog."""

    @app_commands.command()
    async def usage(self, interaction: Interaction) -> None:
        """Show your credits, when they reset, and your last 30 days."""
        requester, bot = requester_of(interaction), interaction.client
        await answering.acknowledge(interaction, private=True)
        found = await bot.own.usage(requester)
        chart = await charts.own(found.uses, found.first, found.last)
        table = await bot.own.table(requester)
        words = tables.usage(found.standing, usd_per_credit=bot.usd_per_credit)
        alt = f"Credits per day by model, from {found.first} to {found.last}"

        def files() -> list[discord.File]:
            csv = discord.File(io.BytesIO(table), "my-clips.csv")
            if chart is None:
                return [csv]
            return [discord.File(io.BytesIO(chart), "usage.png", description=alt), csv]

        await answering.tell(
            interaction, f"{words}\n{tables.spending(found.uses, DAYS)}", files=files
        )

    @app_commands.command()
    async def notify(
        self, interaction: Interaction, how: Literal["mention", "direct message", "no ping"]
    ) -> None:
        """Choose how you hear that a clip of yours is done or failed.

        Parameters
        ----------
        how:
            A mention where it is posted, a direct message with a link, or no ping at all.
        """
        chosen = PINGS[how]
        await interaction.client.pings.choose(requester_of(interaction), chosen)
        await answering.tell(interaction, SAID[chosen])

    @app_commands.command()
    async def privacy(self, interaction: Interaction) -> None:
        """See, export or delete what is kept about you."""
        view = ui.LayoutView(timeout=None)
        view.add_item(ui.TextDisplay(KEPT))
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        row.add_item(button("Export mine", "export", emoji="📄"))
        row.add_item(button("Delete mine…", "forget", style=discord.ButtonStyle.danger))
        view.add_item(row)
        await answering.tell(interaction, view=view)


@pressed("export", moderators=False, waits=Waits.FIRST)
async def _export(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    body = await interaction.client.own.export(interaction.user.id)
    await answering.tell(
        interaction,
        "Everything kept about you, in every server.",
        files=lambda: [discord.File(io.BytesIO(body), "dailies-export.json")],
    )


@pressed("forget", moderators=False)
async def _forget(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    if about != "yes":
        view = ui.View(timeout=None)
        sure = button("Delete it all", "forget", "yes", style=discord.ButtonStyle.danger)
        await answering.tell(
            interaction,
            "This erases your prompts and clips in every server. It can't be undone. Queued clips "
            "are canceled.",
            view=view.add_item(sure),
        )
        return
    done = await interaction.client.own.forget(interaction.user.id)
    clips = f"{done.jobs:,} clip{'' if done.jobs == 1 else 's'}"
    text = f"{clips} erased. The last link to you is removed <t:{int(done.until)}:R>."
    await answering.change(interaction, None, content=text)
