"""Where the moderators of a server are reached, and how something is said there."""

import logging
from collections.abc import AsyncIterator, Callable

import discord

from bot.chat.bot import Dailies
from bot.chat.mentions import SILENT
from bot.chat.trouble import Denied, translated

log = logging.getLogger(__name__)

Reach = tuple[discord.abc.Messageable, bool]  #: and whether buttons work there


async def places(bot: Dailies, guild_id: int) -> AsyncIterator[Reach]:
    """The best place first: the channel they chose, one that only they read, the owner.

    Raises `Busy`.
    """
    server = await bot.studio.rules.of(guild_id)
    if server.moderators is not None:
        yield bot.get_partial_messageable(server.moderators, guild_id=guild_id), True
    guild = bot.get_guild(guild_id)
    if guild is None:
        return
    system = guild.system_channel
    everybody = guild.default_role
    if system is not None and not system.permissions_for(everybody).view_channel:
        yield system, True
    if guild.owner_id is not None:
        try:
            with translated():
                owner = await bot.create_dm(discord.Object(guild.owner_id))
        except Denied as error:
            log.info("The owner of server %s cannot be written to: %s", guild_id, error.raw)
        else:
            yield owner, False


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
