"""Gathers favourites in the channel that a server chose, for those who may see them."""

import logging

import discord

from bot.chat.bot import Dailies
from bot.chat.mentions import SILENT
from bot.chat.readers import may_all_read
from bot.chat.trouble import Denied, translated
from bot.errors import Busy, Refusal
from storage import Job, Server

log = logging.getLogger(__name__)


async def gather(bot: Dailies, job: Job) -> None:
    """Post a favourite in the channel where this server gathers them, once, if that can be done.

    What was made stays where it is unless it is certain that all who read that channel may read
    it here, too. It is a favourite all the same: where the channel is gone, moderators are told
    so once.
    """
    server = await bot.studio.rules.of(job.guild_id)
    where, posts = server.favourites, await bot.studio.posts.of(job.id)
    if where is None or any(post.channel_id == where for post in posts):
        return
    if bot.get_channel(where) is None:
        await _cannot_gather(bot, server)
        return
    if not await _may_be_read_by_all(bot, job, where):
        return
    place = bot.get_partial_messageable(where, guild_id=job.guild_id)
    try:
        await bot.delivery.show_again(job, place, purpose="favourite")
    except (Refusal, Busy) as error:
        log.info("Favourite %s could not be gathered: %s", job.id, error)
        if _reaches(bot, where):
            return  # it is about this clip, or will pass
        await _cannot_gather(bot, server)
    else:
        await bot.studio.store.takes.out_of_reach(where, at=None)


async def _cannot_gather(bot: Dailies, server: Server) -> None:
    """Tell moderators, once, that the channel where favourites gather is gone."""
    where = server.favourites or 0
    if not await bot.studio.store.takes.out_of_reach(where, at=bot.clock()):
        return
    if server.moderators is None:
        return
    told = await _tell_moderators(
        bot,
        server.moderators,
        f"Favorites can't be gathered in <#{where}>: it is gone, or I can't post there. "
        "They stay marked. Choose another channel with `/studio takes`.",
    )
    if not told:
        await bot.studio.store.takes.out_of_reach(where, at=None)  # the next favourite tells of it


async def _may_be_read_by_all(bot: Dailies, job: Job, where: int) -> bool:
    """Whether all who read the channel *where* may read a clip, by where it was made."""
    made_in: object = bot.get_channel(job.thread_id or job.channel_id)
    if made_in is None:  # a thread that was archived, of which Discord has not told
        parent_id = await bot.studio.threads.parent_of(job.thread_id or job.channel_id)
        made_in = bot.get_channel(parent_id or job.channel_id)
    return may_all_read(bot.get_channel(where), made_in)


def _reaches(bot: Dailies, channel_id: int) -> bool:
    """Whether a clip may be posted in a channel."""
    channel = bot.get_channel(channel_id)
    if not isinstance(channel, discord.TextChannel):
        return isinstance(channel, discord.Thread)
    allowed = channel.permissions_for(channel.guild.me)
    return allowed.view_channel and allowed.send_messages and allowed.attach_files


async def _tell_moderators(bot: Dailies, channel_id: int, text: str) -> bool:
    """Whether it could be said."""
    place = bot.get_partial_messageable(channel_id)
    try:
        with translated():
            await place.send(text, allowed_mentions=SILENT)
    except (Denied, Busy) as error:
        log.info("Moderators cannot be told in %s: %s", channel_id, error.raw)
        return False
    return True
