"""Answers an interaction once, whatever of it is lost on the way to Discord and back.

An answer that Discord took and whose confirmation was lost is refused the second time ("already
acknowledged"): that is a yes, and what stands there is written to from then on.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import discord

from bot.chat.trouble import AlreadyDone, Denied, Expired, Lost, translated
from bot.errors import Busy

SILENT = discord.AllowedMentions.none()
#: In an interaction's `extras`: that a "thinking…" for everybody stands there, whatever
#: discord.py knows of it.
WAITS = "waits in public"


async def acknowledge(
    interaction: discord.Interaction[Any], *, thinking: bool = True, private: bool = False
) -> None:
    """Answer "thinking…", or without *thinking* leave the message of a button as it is for now.

    Discord waits 3 seconds for this: it comes before any work. Raises `Denied` or `Busy`.
    """
    interaction.extras["private"] = private
    interaction.extras[WAITS] = thinking and not private
    for last in (False, True):
        try:
            with translated():
                await interaction.response.defer(thinking=thinking, ephemeral=private)
        except AlreadyDone:
            return
        except Lost:
            if last:
                raise
        else:
            return


async def show(interaction: discord.Interaction[Any], view: discord.ui.LayoutView) -> int:
    """Answer with *view*, or put it where the answer stands already; the message's id.

    Raises `Denied` or `Busy`.
    """
    for last in (False, True):
        if not interaction.response.is_done():
            try:
                with translated():
                    sent = await interaction.response.send_message(
                        view=view, allowed_mentions=SILENT
                    )
                if sent.message_id is not None:
                    return sent.message_id
            except (AlreadyDone, Lost):
                pass  # Discord has an answer, or may have: it is looked for below
        try:
            with translated():
                shown = await interaction.edit_original_response(view=view, allowed_mentions=SILENT)
        except Expired:
            if last or interaction.response.is_done():
                raise
        else:
            return shown.id
    raise AssertionError("unreachable")


async def privately(interaction: discord.Interaction[Any], text: str) -> None:
    """Answer with *text*, for who asked alone, also in place of a "thinking…"."""
    with suppress(Denied, Busy), translated():
        if not interaction.response.is_done():
            await interaction.response.send_message(text, ephemeral=True)
            return
        await interaction.delete_original_response()
        await interaction.followup.send(text, ephemeral=True)


async def clear(interaction: discord.Interaction[Any], *, but: int | None) -> None:
    """Take a "thinking…" away that nothing follows, unless message *but* is what stands there."""
    with suppress(Denied, Busy), translated():
        shown = await interaction.original_response()
        if shown.id != but:
            await interaction.delete_original_response()


async def change(
    interaction: discord.Interaction[Any],
    view: discord.ui.LayoutView,
    *,
    files: Callable[[], list[discord.File]] | None = None,
) -> None:
    """Show something else in the message whose button was pressed, or from which a form came.

    *files* makes what the message carries from then on, once for each try: a file is read to its
    end when it is sent. Without it, the message keeps what it carries. Raises `Denied` or `Busy`.
    """

    def message() -> dict[str, Any]:
        carried = {} if files is None else {"attachments": files()}
        return {"view": view, "allowed_mentions": SILENT, **carried}

    if not interaction.response.is_done():
        try:
            with translated():
                await interaction.response.edit_message(**message())
        except (AlreadyDone, Lost):
            pass  # it is written below
        else:
            return
    with translated():
        await interaction.edit_original_response(**message())


async def tell(interaction: discord.Interaction[Any], content: str = "", **message: Any) -> None:
    """Tell its person alone. Raises `Denied` or `Busy`."""
    if content:
        message["content"] = content
    if not interaction.response.is_done():
        try:
            with translated():
                await interaction.response.send_message(
                    ephemeral=True, allowed_mentions=SILENT, **message
                )
        except AlreadyDone:
            pass  # what follows says it
        else:
            return
    with translated():
        await interaction.followup.send(ephemeral=True, allowed_mentions=SILENT, **message)
