"""Buttons that outlive a restart: what one does stands in its custom id, `do:<verb>:<about>`.

`cogs/_pressing.py` answers them; each verb is registered there by the cog that knows it.
"""

from typing import Any

import discord

from bot.words.text import elide

LABEL = 80  #: characters on a button


def button(
    label: str,
    verb: str,
    about: object = "",
    *,
    style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    emoji: str | None = None,
    disabled: bool = False,
) -> discord.ui.Button[Any]:
    """A button that carries a verb."""
    return discord.ui.Button(
        label=elide(label, LABEL),
        style=style,
        emoji=emoji,
        custom_id=marked(verb, about),
        disabled=disabled,
    )


def marked(verb: str, about: object = "") -> str:
    """The custom id of what does *verb*."""
    return f"do:{verb}:{about}" if str(about) else f"do:{verb}"
