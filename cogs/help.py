"""/help, and its buttons: try an example, see one's credits and the queue, learn the reactions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.help import EXAMPLE, REACTIONS
from bot.chat.pings import SAID
from bot.chat.requester import requester_here, requester_of
from bot.errors import Refusal
from bot.orders.consent import Consent
from cogs import _forms
from cogs._forms import PROMPT, form, sent
from cogs._pressing import Pressed, Waits, pressed
from storage import Brief, Mode, Ping


class Helps(commands.Cog):
    """The /help command."""

    @app_commands.command()
    @app_commands.guild_only()
    async def help(self, interaction: Interaction) -> None:
        """Show what you can do here, with examples to try."""
        await _show(interaction)


@pressed("help", moderators=False, waits=Waits.PRIVATE)
async def _help(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    """The button of a greeting."""
    await _show(interaction)


async def _show(interaction: Interaction) -> None:
    await answering.tell(interaction, view=await interaction.client.help.page(interaction))


@pressed("example", moderators=False)
async def _example(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    """Open the form of a clip from words, with an example in it and its price below."""
    said, price = await interaction.client.help.example(requester_here(interaction))
    asking = form("Make a clip", "text", "" if price is None else price)
    prompt: ui.TextInput[Any] = ui.TextInput(
        custom_id="prompt",
        style=discord.TextStyle.paragraph,
        default=EXAMPLE,
        max_length=PROMPT,
    )
    asking.add_item(ui.Label(text="What you see and hear", component=prompt))
    asking.add_item(ui.TextDisplay(said))
    await answering.ask(interaction, asking)


@sent("text", about=r"\d{0,18}", moderators=False)
async def _text_sent(
    interaction: Interaction, about: re.Match[str], given: Mapping[str, str]
) -> None:
    order = interaction.client.studio.order(
        Brief(mode=Mode.TEXT, prompt=given.get("prompt", "")),
        request=f"interaction:{interaction.id}",
        requester=requester_here(interaction),
        consent=Consent.to(int(about[0]) if about[0] else None),
        new=True,
    )
    await interaction.client.presenter.answer(interaction, order)


@pressed("credits", moderators=False, waits=Waits.PRIVATE)
async def _mine(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    text = await interaction.client.help.mine(requester_of(interaction))
    await answering.tell(interaction, view=_words(text))


@pressed("reactions", moderators=False)
async def _reactions(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    await answering.tell(interaction, view=_words(REACTIONS))


@pressed("pings", moderators=False, waits=Waits.PRIVATE)
async def _pings(interaction: Interaction, _about: str, picked: Sequence[str]) -> None:
    """The menu of /help in which somebody chooses how they hear of their clips."""
    how = next((each for each in Ping if [each] == list(picked)), None)
    if how is None:
        raise Refusal("There is no such choice.")
    await interaction.client.pings.choose(requester_of(interaction), how)
    await answering.tell(interaction, SAID[how])


def _words(text: str) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.TextDisplay(text))
    view.stop()
    return view


async def setup(bot: Dailies) -> None:
    bot.add_dynamic_items(Pressed)
    await _forms.add_to(bot)
    await bot.add_cog(Helps())
