"""Who reads a channel: whether all who read one of two may read the other, too.

Discord tells bots the overwrites of a channel and not who its readers are; of members it tells
only some. So what can be told from the overwrites alone counts, and every doubt is a no.
"""

import discord


def may_all_read(shown_in: object, made_in: object) -> bool:
    """Whether it is certain that everybody who reads *shown_in* may read *made_in*.

    Both are channels or threads of one server, or what is known of them (None).
    """
    if isinstance(made_in, discord.Thread) and made_in.is_private():
        return False
    there, origin = _channel(shown_in), _channel(made_in)
    if there is None or origin is None or there.guild.id != origin.guild.id:
        return False
    if _is_restricted(origin) and not _is_restricted(there):
        return False
    if there.id == origin.id or _is_for_everybody(origin):
        return True
    ways, needed = _views(there), _views(origin)
    if ways == needed:
        return True
    return _is_for_the_named(there) and _holds(ways, needed)


def _channel(channel: object) -> discord.abc.GuildChannel | None:
    """The channel whose overwrites decide: of a thread, its parent's."""
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    return channel if isinstance(channel, discord.abc.GuildChannel) else None


def _is_restricted(channel: discord.abc.GuildChannel) -> bool:
    """Whether a channel is for adults alone."""
    return bool(getattr(channel, "nsfw", False))


def _views(channel: discord.abc.GuildChannel) -> dict[int, bool]:
    """Whom an overwrite lets see a channel, or not: roles and members, by their ids."""
    return {
        target.id: allowed
        for target, overwrite in channel.overwrites.items()
        if (allowed := overwrite.view_channel) is not None
    }


def _is_for_everybody(channel: discord.abc.GuildChannel) -> bool:
    views, everyone = _views(channel), channel.guild.default_role
    opened = views.get(everyone.id, everyone.permissions.view_channel)
    return opened and all(views.values())


def _is_for_the_named(channel: discord.abc.GuildChannel) -> bool:
    """Whether a channel is closed to all but those whom its overwrites name."""
    return _views(channel).get(channel.guild.default_role.id) is False


def _holds(ways: dict[int, bool], needed: dict[int, bool]) -> bool:
    """Whether each way into the one channel is one into the other, past its refusals.

    What a role is allowed goes before what another is refused; a member's own refusal goes
    before both, so whoever has one there must have one here.
    """
    named = {who for who, allowed in ways.items() if allowed}
    refused = {who for who, allowed in needed.items() if not allowed}
    return all(needed.get(who) for who in named) and all(ways.get(who) is False for who in refused)
