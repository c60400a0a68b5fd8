"""A page of numbered lines with one picture of all of them, and the rows below it."""

import io
from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bot.words.text import whole_lines

TEXT = 3900  #: characters
_COLOUR = 0x4C7DD9


def picture_page(
    lines: Sequence[str],
    *,
    picture: str | None,
    alt_text: str,
    rows: Sequence[Sequence[ui.Item[Any]]],
) -> ui.LayoutView:
    """The page. *picture* is the name of an attachment, which `attached` makes; None without one.
    An empty row is left out."""
    view = ui.LayoutView(timeout=None)
    box: ui.Container[Any] = ui.Container(accent_colour=_COLOUR)
    box.add_item(ui.TextDisplay(whole_lines("\n".join(lines), TEXT)))
    if picture is not None:
        gallery: ui.MediaGallery[Any] = ui.MediaGallery()
        gallery.add_item(media=f"attachment://{picture}", description=alt_text)
        box.add_item(gallery)
    for items in rows:
        if items:
            box.add_item(ui.ActionRow(*items))
    view.add_item(box)
    view.stop()
    return view


def attached(content: bytes, picture: str, *, alt_text: str) -> discord.File:
    """The attachment that a page shows."""
    return discord.File(io.BytesIO(content), picture, description=alt_text)
