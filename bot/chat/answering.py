"""Answers an interaction once, whatever of it is lost on the way to Discord and back.

An answer that Discord took and whose confirmation was lost is refused the second time ("already
acknowledged"): that is a yes, and what stands there is written to from then on. Nobody else gives a
first answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import discord

from bot.chat.trouble import AlreadyDone, Denied, Expired, Lost, denied, translated
from bot.errors import Busy

SILENT = discord.AllowedMentions.none()
#: In an interaction's `extras`: that a "thinking…" for everybody stands there, whatever
#: discord.py knows of it.
WAITS = "waits in public"
_TURN = "turn"  #: in the same place: held while an answer is tried, so that one knows of the other
_TRIED = "tried"  #: in the same place: that an answer was tried, so that one may stand
_STANDS = "stands"  #: in the same place: that one does, though its confirmation was lost
_THINKS = "thinks"  #: in the same place: that a "thinking…" for its person alone stands there


def is_answered(interaction: discord.Interaction[Any]) -> bool:
    """Whether an answer stands, as far as anybody knows."""
    return interaction.response.is_done() or bool(interaction.extras.get(_STANDS))


async def _first(
    interaction: discord.Interaction[Any], give: Callable[[], Awaitable[object]]
) -> bool:
    """Give the first answer by *give*, which may be called twice.

    False where an earlier one stands, which what is to be said follows. Raises `Denied` or `Busy`.
    """
    async with interaction.extras.setdefault(_TURN, asyncio.Lock()):
        if is_answered(interaction):
            return False
        earlier = interaction.extras.get(_TRIED, False)
        interaction.extras[_TRIED] = True
        for last in (False, True):
            try:
                with translated():
                    await give()
            except AlreadyDone:
                interaction.extras[_STANDS] = True
                return not earlier
            except Lost:
                if last:
                    raise
            else:
                return True
    raise AssertionError("unreachable")


async def acknowledge(
    interaction: discord.Interaction[Any], *, thinking: bool = True, private: bool = False
) -> None:
    """Answer "thinking…", or without *thinking* leave the message of a button as it is for now.

    Discord waits 3 seconds for this: it comes before any work. Raises `Denied` or `Busy`.
    """
    interaction.extras["private"] = private
    interaction.extras[WAITS] = thinking and not private
    if await _first(
        interaction, lambda: interaction.response.defer(thinking=thinking, ephemeral=private)
    ):
        interaction.extras[_THINKS] = thinking and private


async def show(interaction: discord.Interaction[Any], view: discord.ui.LayoutView) -> int:
    """Answer with *view*, or put it where the answer stands already; the message's id.

    Raises `Denied` or `Busy`.
    """
    interaction.extras[_TRIED] = True
    for last in (False, True):
        if not is_answered(interaction):
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
            if last or is_answered(interaction):
                raise
        else:
            interaction.extras[_STANDS] = True
            return shown.id
    raise AssertionError("unreachable")


async def privately(interaction: discord.Interaction[Any], text: str) -> None:
    """Answer with *text*, for who asked alone, also in place of a "thinking…"."""
    with suppress(Denied, Busy), translated():
        if await tell_first(interaction, content=text):
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
    view: discord.ui.LayoutView | None,
    *,
    content: str | None = None,
    files: Callable[[], list[discord.File]] | None = None,
) -> None:
    """Show something else in the message whose button was pressed, or from which a form came.

    *content* is the text of a message that had one. *files* makes what the message carries from
    then on, once for each try: a file is read to its end when it is sent. Without it, the message
    keeps what it carries. Raises `Denied` or `Busy`.
    """

    def message() -> dict[str, Any]:
        text = {} if content is None else {"content": content}
        carried = {} if files is None else {"attachments": files()}
        return {"view": view, "allowed_mentions": SILENT, **text, **carried}

    with suppress(Lost):  # it is written below
        if await _first(interaction, lambda: interaction.response.edit_message(**message())):
            return
    with translated():
        await interaction.edit_original_response(**message())


async def tell(
    interaction: discord.Interaction[Any],
    content: str = "",
    *,
    view: discord.ui.View | discord.ui.LayoutView | None = None,
    files: Callable[[], list[discord.File]] | None = None,
) -> None:
    """Tell its person alone, in place of a "thinking…" that nobody else sees.

    *files* makes what the message carries, once for each try; it only ever follows another answer.
    Raises `Denied` or `Busy`.
    """
    message: dict[str, Any] = {"content": content} if content else {}
    if view is not None:
        message["view"] = view
    if files is None and await tell_first(interaction, **message):
        return
    if interaction.extras.get(_THINKS):
        await follow(interaction, files=files or list, **message)
        interaction.extras[_THINKS] = False
        return
    with translated():
        carried = files() if files is not None else []
        await interaction.followup.send(
            **message, files=carried, ephemeral=True, allowed_mentions=SILENT
        )


async def follow(
    interaction: discord.Interaction[Any],
    *,
    files: Callable[[], list[discord.File]],
    **message: Any,
) -> discord.InteractionMessage:
    """Put a message in place of "thinking…": however often it arrives, it is one.

    *files* makes what it carries, once for each try. Raises `Denied` or `Busy`.
    """
    for last in (False, True):
        try:
            with translated():
                return await interaction.edit_original_response(
                    attachments=files(), allowed_mentions=SILENT, **message
                )
        except Lost:
            if last:
                raise
    raise AssertionError("unreachable")


async def tell_first(interaction: discord.Interaction[Any], **message: Any) -> bool:
    """Tell its person alone, unless an answer stands: whether it was told. Raises `Denied` or
    `Busy`."""
    return await _first(
        interaction,
        lambda: interaction.response.send_message(
            ephemeral=True, allowed_mentions=SILENT, **message
        ),
    )


async def ask(interaction: discord.Interaction[Any], form: discord.ui.Modal) -> None:
    """Open *form*, which can only be a first answer. Raises `Denied` or `Busy`."""
    if not await _first(interaction, lambda: interaction.response.send_modal(form)):
        raise denied(Expired, raw="a form was to follow another answer")
