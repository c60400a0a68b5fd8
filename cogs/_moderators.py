"""Where the moderators of a server are reached, and how something is said there."""

import logging
from collections.abc import AsyncIterator, Callable

import discord

from bot.chat.bot import Dailies
from bot.chat.mentions import SILENT
from bot.chat.trouble import Denied, translated

log = logging.getLogger(__name__)

Reach = tuple[discord.abc.Messageable, bool]  #: and whether buttons work there


async def places(bot: Dailies, guild_id: int, *, read_by_all: bool = False) -> AsyncIterator[Reach]:
    """The best place first: the channel they chose, one that only they read, the owner.

    With *read_by_all*, the server's system channel counts also where everybody reads it. Raises
    `Busy`.
    """
    server = await bot.studio.rules.of(guild_id)
    if server.moderators is not None:
        yield bot.get_partial_messageable(server.moderators, guild_id=guild_id), True
    guild = bot.get_guild(guild_id)
    if guild is None:
        return
    system = guild.system_channel
    if system is not None and (read_by_all or not _is_for_all(system)):
        yield system, True
    if guild.owner_id is not None:
        try:
            with translated():
                owner = await bot.create_dm(discord.Object(guild.owner_id))
        except Denied as error:
            log.info("The owner of server %s cannot be written to: %s", guild_id, error.raw)
        else:
            yield owner, False


def is_read_by_all(bot: Dailies, guild_id: int, place: discord.abc.Messageable) -> bool:
    """Whether *place* is the system channel of a server in which everybody reads it."""
    guild = bot.get_guild(guild_id)
    system = guild.system_channel if guild is not None else None
    return system is not None and place == system and _is_for_all(system)


def _is_for_all(channel: discord.TextChannel) -> bool:
    return channel.permissions_for(channel.guild.default_role).view_channel


async def tell(
    bot: Dailies, guild_id: int, view: Callable[[bool], discord.ui.LayoutView], name: str
) -> discord.Message | None:
    """Say something where moderators are reached; None where they are nowhere.

    *view* makes it, with buttons or without; *name* is the nonce. Raises `Busy`.
    """
    async for place, buttons in places(bot, guild_id):
        await bot.pacer.wait(urgent=True)
        try:
            with translated():
                return await place.send(view=view(buttons), nonce=name, allowed_mentions=SILENT)
        except Denied as error:
            log.info("Moderators of server %s are not reached there: %s", guild_id, error.raw)
    return None
