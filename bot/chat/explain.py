"""Turns whatever went wrong into words for the person it happened to."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import discord
from discord import app_commands

from bot.chat import answering
from bot.chat.mentions import SILENT
from bot.chat.trouble import Denied, Expired, translated, translation
from bot.errors import Busy, Refusal, Unclear
from bot.words.money import price as price
from bot.words.numbers import listed
from bot.words.text import elide as elide
from bot.words.text import inert as inert
from storage import DiskTrouble

log = logging.getLogger(__name__)

EXPIRED = 10062  #: Discord's code for an interaction that it waited for too long


def explain(error: BaseException) -> str:
    """What a person is told when something they did raised *error*."""
    original = getattr(error, "original", error)
    match translation(original) or original:
        case Expired() as late:  # the wire was slow, or we were
            log.info("An interaction ended before it was answered: %s", late.raw)
            return str(late)
        case Refusal() | Busy() | Unclear() | DiskTrouble() as known:
            return str(known)
        case app_commands.NoPrivateMessage():
            return "Dailies only works in servers. Use it in a channel there."
        case app_commands.CommandOnCooldown(retry_after=seconds):
            return f"Wait {seconds:.0f} s, then try again."
        case app_commands.MissingPermissions(missing_permissions=missing):
            return f"You're missing permissions for this: {_permissions(missing)}."
        case app_commands.BotMissingPermissions(missing_permissions=missing):
            return f"I'm missing permissions here: {_permissions(missing)}."
        case app_commands.TransformerError(value=value):
            return f"This option can't be “{inert(elide(str(value), 40))}”."
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            return "This command has changed. Type it again in a minute."
        case app_commands.CheckFailure():
            return "You can't do this here."
        case bug:
            log.error("Unhandled error", exc_info=bug)
            return "Something broke on our side. It was logged."


async def apologise(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Tell the person, and nobody else, what went wrong."""
    sentence = elide(explain(error), 2000)
    buttons = await _helping(interaction, error)
    try:
        if await answering.tell_first(interaction, content=sentence, **buttons):
            return
        thinking = discord.InteractionResponseType.deferred_channel_message
        waits = interaction.response.type is thinking and not interaction.extras.get("private")
        if interaction.extras.get(answering.WAITS, waits):
            # A public "thinking…" must not stay behind a private refusal.
            with suppress(Denied), translated():
                await interaction.delete_original_response()
        await answering.tell(interaction, sentence, **buttons)
    except (Denied, Busy) as gone:
        log.warning("Could not say “%s”: %s", sentence, gone.raw)


async def apologise_elsewhere(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Say what went wrong, once, where the interaction itself may take no answer."""
    sentence = elide(explain(error), 1900)
    try:
        # Where only the reply to "thinking…" was lost, that stands, and can be followed up.
        with translated():
            await interaction.delete_original_response()
            await interaction.followup.send(sentence, ephemeral=True, allowed_mentions=SILENT)
    except (Denied, Busy):
        text = f"Your order in <#{interaction.channel_id}>: {sentence}"
        try:
            with translated():
                await interaction.user.send(text, allowed_mentions=SILENT)
        except (Denied, Busy) as trouble:
            log.warning("Could not say “%s”: %s", sentence, trouble.raw or trouble)


async def _helping(interaction: discord.Interaction[Any], error: BaseException) -> dict[str, Any]:
    """The buttons that help somebody whose order was refused, where some do."""
    original = getattr(error, "original", error)
    if not isinstance(original, Refusal):
        return {}
    try:
        view = await interaction.client.next_steps.beside(interaction, original)
    except DiskTrouble as trouble:
        log.warning("A refused order could not be kept: %s", trouble)
        return {}
    return {} if view is None else {"view": view}


def missing_permissions(missing: Iterable[str], where: str) -> str:
    """'I'm missing permissions in #videos: Attach Files and Send Messages. Ask a moderator.'"""
    return f"I'm missing permissions in {where}: {_permissions(missing)}. Ask a moderator."


def _permissions(names: Iterable[str]) -> str:
    titles = [name.replace("_", " ").title().replace(" In ", " in ") for name in names]
    return listed([title.replace("Guild", "Server") for title in titles], last="and")
