"""Makes a requester of whoever uses a command, a button or a reaction."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import discord

from bot.chat.explain import missing_permissions
from bot.chat.trouble import Denied, Gone, translated
from bot.errors import Busy, Refusal
from bot.orders.access import require_moderator
from bot.orders.requester import Requester

log = logging.getLogger(__name__)

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    attach_files=True,
    embed_links=True,
    read_message_history=True,
    add_reactions=True,
)

_UNKNOWN_MEMBER = 10007


def needed_in(channel: object, *, threads: bool) -> discord.Permissions:
    """What we must be allowed to do in a channel to work there. *threads*: clips get some there."""
    needed = discord.Permissions(NEEDED.value)
    if isinstance(channel, discord.Thread):
        needed.update(create_public_threads=False, send_messages=False)
    elif not threads or not isinstance(channel, discord.TextChannel):
        needed.update(create_public_threads=False, send_messages_in_threads=False)
    return needed


def requester_here(interaction: discord.Interaction[Any]) -> Requester:
    """Where an interaction happens, once it is sure that we can work there.

    Raises `Refusal` naming what is missing, before anything is ordered.
    """
    channel, guild_id = interaction.channel, interaction.guild_id
    if guild_id is None or channel is None or interaction.channel_id is None:
        raise Refusal("Dailies only works in servers. Use it in a channel there.")
    allowed = interaction.app_permissions
    if isinstance(channel, discord.Thread) and channel.locked:
        raise Refusal("This thread is locked. Use another one.")
    rules = interaction.client.studio.rules
    threads = rules.threads(guild_id, interaction.channel_id, interaction.user.id)
    needed = needed_in(channel, threads=threads)
    missing = [name for name, wanted in needed if wanted and not getattr(allowed, name)]
    if missing:
        raise Refusal(missing_permissions(missing, f"<#{interaction.channel_id}>"))
    member = interaction.user
    return Requester(
        guild_id=guild_id,
        channel_id=interaction.channel_id,
        parent_id=parent_of(channel),
        user_id=member.id,
        roles=frozenset(role.id for role in getattr(member, "roles", ())),
        moderator=interaction.permissions.manage_guild,
        sees=sight(member),
        now=standing_of(member),
    )


def requester_of(interaction: discord.Interaction[Any]) -> Requester:
    """Who uses a command or a button in which server, whatever the bot may do in that channel."""
    member = interaction.user
    return Requester(
        guild_id=interaction.guild_id or 0,
        channel_id=interaction.channel_id or 0,
        parent_id=parent_of(interaction.channel),
        user_id=member.id,
        roles=frozenset(role.id for role in getattr(member, "roles", ())),
        moderator=interaction.guild_id is not None and interaction.permissions.manage_guild,
        sees=sight(member),
        now=standing_of(member),
    )


def moderator_of(interaction: discord.Interaction[Any]) -> Requester:
    """Who uses a command or a button, if that is a moderator; raises `Refusal` for others."""
    requester = requester_of(interaction)
    require_moderator(requester)
    return requester


def requester_reacting(member: discord.Member, channel_id: int) -> Requester:
    """Who reacted in which channel."""
    return Requester(
        guild_id=member.guild.id,
        channel_id=channel_id,
        parent_id=parent_of(member.guild.get_channel_or_thread(channel_id)),
        user_id=member.id,
        roles=frozenset(role.id for role in member.roles),
        moderator=member.guild_permissions.manage_guild,
        sees=sight(member),
        now=standing_of(member),
    )


def standing_of(person: object) -> Callable[[Requester], Awaitable[Requester]] | None:
    """Asks Discord who a member is by now, and whether we and they can still work there.

    Roles are not told to bots without a privileged intent, so they are asked for.
    """
    if not isinstance(person, discord.Member):
        return None
    guild = person.guild

    async def now(requester: Requester) -> Requester:
        try:
            with translated():
                current = await guild.fetch_member(person.id)
        except (Denied, Busy) as error:
            if isinstance(error, Gone) and error.code == _UNKNOWN_MEMBER:
                raise Refusal("You have left this server. Nothing was ordered.") from None
            log.info("The roles of %s cannot be asked for: %s", person.id, error.raw)
            current = person
        channel = guild.get_channel_or_thread(requester.channel_id)
        if isinstance(channel, discord.Thread) and channel.locked:
            raise Refusal("This thread is locked. Use another one.")
        sees = sight(current)
        if sees(requester.home_id) is False:
            raise Refusal("You can no longer see that channel. Nothing was ordered.")
        return replace(
            requester,
            roles=frozenset(role.id for role in current.roles),
            moderator=current.guild_permissions.manage_guild,
            sees=sees,
        )

    return now


def sight(person: object) -> Callable[[int], bool | None]:
    """Which channels a member may read, as far as they are known: see `Requester.sees`.

    A thread is as its channel is; who is in a private one is not told to bots, so that nobody
    sees it from elsewhere.
    """

    def sees(channel_id: int) -> bool | None:
        if not isinstance(person, discord.Member):
            return None
        channel = person.guild.get_channel_or_thread(channel_id)
        if isinstance(channel, discord.Thread):
            if channel.is_private():
                return False
            channel = channel.parent
        return None if channel is None else channel.permissions_for(person).view_channel

    return sees


def parent_of(channel: object) -> int | None:
    """The channel that a thread belongs to; None for anything else."""
    return channel.parent_id if isinstance(channel, discord.Thread) else None
