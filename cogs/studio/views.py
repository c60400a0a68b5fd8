"""The messages of /studio: words with buttons below each part, for one moderator alone."""

from collections.abc import Sequence
from typing import Any

from discord import ui

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.words.text import elide

Part = tuple[str, Sequence[ui.Item[Any]]]  #: words, and the buttons below them


def page(parts: Sequence[Part], *, beyond: int = 0) -> ui.LayoutView:
    """All parts below each other, as much as one message holds, and how many more there are:
    those that found no room, and *beyond* of which nothing was read."""
    view = ui.LayoutView(timeout=None)
    left = 3900  # characters: Discord takes 4000 in all
    for shown, (words, items) in enumerate(parts):
        if left < 100 or view.total_children_count + len(items) + 2 > 39:
            beyond += len(parts) - shown
            break
        kept = elide(words, min(left, 2000))
        left -= len(kept)
        view.add_item(ui.TextDisplay(kept))
        if items:
            row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
            for item in items:
                row.add_item(item)
            view.add_item(row)
    if beyond:
        view.add_item(ui.TextDisplay(f"-# … and {beyond:,} more. They move up."))
    return view


async def say(interaction: Interaction, words: str) -> None:
    """One sentence."""
    await show(interaction, [(words, ())])


async def show(interaction: Interaction, parts: Sequence[Part], *, beyond: int = 0) -> None:
    """Answer with all parts; see `page`."""
    await answering.tell(interaction, view=page(parts, beyond=beyond))


async def renew(interaction: Interaction, parts: Sequence[Part], *, beyond: int = 0) -> None:
    """Show these parts in place of the message whose button was pressed."""
    await answering.change(interaction, page(parts, beyond=beyond))
