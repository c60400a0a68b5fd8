"""What a message's right-click menu offers: five entries, as many as Discord allows here."""

import discord
from discord import app_commands

from bot.chat.bot import Interaction
from bot.chat.recognizing import files
from bot.chat.requester import requester_here
from bot.errors import Refusal
from bot.orders.takes import Verb
from cogs import clip_form
from cogs.takes import acting, buttons, forms


async def _retake(interaction: Interaction, message: discord.Message) -> None:
    job_id = await acting.clip_of(interaction, message)
    requester, job = await acting.pressed(interaction, job_id, Verb.RETAKE)
    await interaction.client.edits.may_change(job, requester)
    await forms.retake(interaction, job, requester)


async def _extend(interaction: Interaction, message: discord.Message) -> None:
    job_id = await acting.clip_of(interaction, message)
    requester, job = await acting.pressed(interaction, job_id, Verb.EXTEND)
    await interaction.client.edits.may_change(job, requester)
    await forms.extend(interaction, job, requester)


async def _animate(interaction: Interaction, message: discord.Message) -> None:
    requester_here(interaction)
    link = _link(message, "image")
    if link is None:
        raise Refusal("This message has no image.")
    await clip_form.show(interaction, "animate", clip_form.Filled(link=link))


async def _use_sound(interaction: Interaction, message: discord.Message) -> None:
    requester_here(interaction)
    link = _link(message, "audio")
    if link is None:
        raise Refusal("This message has no sound.")
    await clip_form.show(interaction, "sound", clip_form.Filled(link=link))


async def _details(interaction: Interaction, message: discord.Message) -> None:
    job_id = await acting.clip_of(interaction, message)
    take = await interaction.client.takes.find(job_id, guild_id=interaction.guild_id or 0)
    await buttons.details(interaction, take.job)


def _link(message: discord.Message, kind: str) -> str | None:
    """The first file or embedded picture of that kind."""
    for _, content_type, url in files(message):
        if content_type.startswith(f"{kind}/"):
            return url
    if kind == "image":
        for embed in message.embeds:
            found = embed.image.url or embed.thumbnail.url
            if found:
                return found
    return None


MENUS: list[app_commands.ContextMenu] = [
    app_commands.ContextMenu(name=name, callback=callback)
    for name, callback in (
        ("Retake…", _retake),
        ("Extend…", _extend),
        ("Animate this image", _animate),
        ("Use this sound", _use_sound),
        ("Details", _details),
    )
]
