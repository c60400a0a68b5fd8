"""The messages of /studio: words with buttons below each part, for one moderator alone."""

from collections.abc import Sequence
from typing import Any

from discord import ui

from bot import messages
from bot.client import Interaction

Part = tuple[str, Sequence[ui.Item[Any]]]  #: words, and the buttons below them


def page(parts: Sequence[Part]) -> ui.LayoutView:
    """All parts below each other, as much as one message holds."""
    view = ui.LayoutView(timeout=None)
    left = 4000  # characters that Discord takes in all
    for words, items in parts:
        if left < 100 or view.total_children_count + len(items) + 2 > 40:
            break
        kept = messages.elide(words, min(left, 2000))
        left -= len(kept)
        view.add_item(ui.TextDisplay(kept))
        if items:
            row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
            for item in items:
                row.add_item(item)
            view.add_item(row)
    return view


async def say(interaction: Interaction, words: str) -> None:
    """One sentence."""
    await show(interaction, [(words, ())])


async def show(interaction: Interaction, parts: Sequence[Part]) -> None:
    """Answer with all parts."""
    await interaction.response.send_message(
        view=page(parts), ephemeral=True, allowed_mentions=messages.SILENT
    )


async def renew(interaction: Interaction, parts: Sequence[Part]) -> None:
    """Show these parts in place of the message whose button was pressed."""
    await interaction.response.edit_message(view=page(parts), allowed_mentions=messages.SILENT)
