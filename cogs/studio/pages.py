"""/studio setup: its four pages, each showing the server as it is. Nothing of them is in memory."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bot.chat.bot import Interaction
from bot.chat.buttons import button, marked
from bot.chat.requester import moderator_of
from bot.moderation import setup_words
from bot.moderation.limits import Overview
from bot.moderation.setup_words import Page
from bot.words.text import elide
from storage import ChangedBy, Server

CHEAPEST = "-"  #: the value of "nobody in particular" in a menu of models
OFF = "off"  #: the value of no digest at all
CHANGED_BY = {
    ChangedBy.ANYONE: "Everybody",
    ChangedBy.REQUESTER: "Only the requester and moderators",
    ChangedBy.MODERATORS: "Only moderators",
}
_TITLES = {
    Page.WHERE: ("Where", "📍"),
    Page.WHO: ("Who", "👥"),
    Page.MONEY: ("Money", "💳"),
    Page.QUEUE: ("Queue", "🚦"),
}
Menu = tuple[str, ui.Item[Any]]  #: what stands above it, and the menu


def panel(interaction: Interaction, found: Overview, page: Page) -> ui.LayoutView:
    """A page of the panel."""
    server, providers = found.server, interaction.client.studio.providers
    menus, buttons = {
        Page.WHERE: _where,
        Page.WHO: _who,
        Page.MONEY: _money,
        Page.QUEUE: _queue,
    }[page](interaction, server)
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container()
    box.add_item(_row([_turning(each, page) for each in Page]))
    box.add_item(ui.TextDisplay(setup_words.setup(found, list(providers), page)))
    for about, menu in menus:
        box.add_item(ui.TextDisplay(f"-# {about}"))
        box.add_item(_row([menu]))
    if buttons:
        box.add_item(_row(buttons))
    view.add_item(box)
    view.stop()  # `cogs.studio.panel` answers by the custom ids
    return view


def _turning(page: Page, shown: Page) -> ui.Button[Any]:
    """The button that shows *page*; of the one that is shown, it stands out and does nothing."""
    title, emoji = _TITLES[page]
    style = discord.ButtonStyle.primary if page is shown else discord.ButtonStyle.secondary
    return button(title, "page", page, style=style, emoji=emoji, disabled=page is shown)


Parts = tuple[list[Menu], list[ui.Button[Any]]]


def _where(_interaction: Interaction, server: Server) -> Parts:
    kinds = [discord.ChannelType.text, discord.ChannelType.forum, discord.ChannelType.news]
    channels: ui.ChannelSelect[Any] = ui.ChannelSelect(
        custom_id=marked("set", "channels"),
        placeholder="Everywhere",
        channel_types=kinds,
        min_values=0,
        max_values=25,
        default_values=[_channel(each) for each in sorted(server.channels)[:25]],
    )
    asked = _one_channel("moderators", "None yet", server.moderators)
    gather = _one_channel("favourites", "None", server.favourites)
    menus: list[Menu] = [
        ("Channels for orders", channels),
        ("Moderator channel: requests, budget alerts, clips on hold", asked),
        ("Favorites channel", gather),
    ]
    if server.threads:
        turn = button("Post clips in the channel, without threads", "threads", "off", emoji="💬")
    else:
        turn = button("Give each clip a thread", "threads", "on", emoji="🧵")
    return menus, [turn]


def _who(interaction: Interaction, server: Server) -> Parts:
    offered = interaction.client.studio.providers
    changed_by: ui.Select[Any] = ui.Select(
        custom_id=marked("set", "changed-by"),
        placeholder="Who can retake and extend clips",
        options=[
            discord.SelectOption(label=words, value=value, default=value is server.changed_by)
            for value, words in CHANGED_BY.items()
        ],
    )
    approve: ui.RoleSelect[Any] = ui.RoleSelect(
        custom_id=marked("set", "reviewers"),
        placeholder="Only moderators",
        min_values=0,
        max_values=1,
        default_values=[_role(server.reviewers)] if server.reviewers else [],
    )
    providers: ui.Select[Any] = ui.Select(
        custom_id=marked("set", "providers"),
        placeholder="Providers",
        min_values=1,
        max_values=min(25, len(offered)),
        options=[
            discord.SelectOption(
                label=provider.title, value=name, default=name not in server.providers_off
            )
            for name, provider in list(offered.items())[:25]
        ],
    )
    here = server.channel_models.get(moderator_of(interaction).home_id)
    default = (server.provider, server.model) if server.provider and server.model else None
    return [
        ("Who can retake or extend a clip", changed_by),
        ("Role that approves takes, besides moderators", approve),
        ("Providers", providers),
        ("Default model", _models(interaction, "default", "Default model", default)),
        (
            "Default model in this channel and its threads",
            _models(interaction, "here", "Default model in this channel", here),
        ),
    ], []


def _money(_interaction: Interaction, server: Server) -> Parts:
    hours = [
        discord.SelectOption(
            label=f"At {hour:02}:00", value=str(hour), default=hour == server.digest_hour
        )
        for hour in range(24)
    ]
    off = discord.SelectOption(label="Off", value=OFF, default=server.digest_hour is None)
    digest: ui.Select[Any] = ui.Select(
        custom_id=marked("set", "digest"), placeholder="Off", options=[off, *hours]
    )
    return [("Daily digest in the moderator channel: clips, costs, what waits for you", digest)], [
        button("Ask above a price…", "confirm", emoji="💬"),
        button("Budget…", "budget", emoji="💳"),
        button("Time zone…", "zone", emoji="🕰️"),
    ]


def _queue(_interaction: Interaction, server: Server) -> Parts:
    first: ui.RoleSelect[Any] = ui.RoleSelect(
        custom_id=marked("set", "priority"),
        placeholder="Nobody",
        min_values=0,
        max_values=10,
        default_values=[_role(each) for each in sorted(server.priority_roles)[:10]],
    )
    lane = "Turn slow lane off" if server.slow_lane else "Turn slow lane on"
    slow = button(lane, "slow", "off" if server.slow_lane else "on", emoji="🐢")
    return [("Roles whose clips go first in the queue", first)], [slow]


def _one_channel(name: str, placeholder: str, chosen: int | None) -> ui.ChannelSelect[Any]:
    """A menu to choose one text channel, or none."""
    return ui.ChannelSelect(
        custom_id=marked("set", name),
        placeholder=placeholder,
        channel_types=[discord.ChannelType.text],
        min_values=0,
        max_values=1,
        default_values=[_channel(chosen)] if chosen else [],
    )


def _models(
    interaction: Interaction, name: str, words: str, chosen: tuple[str | None, str | None] | None
) -> ui.Select[Any]:
    cheapest = "The cheapest that can make it" if name == "default" else "Same as the server"
    options = [discord.SelectOption(label=cheapest, value=CHEAPEST, default=chosen is None)]
    for provider, model in interaction.client.studio.quotes.offers()[:24]:
        options.append(
            discord.SelectOption(
                label=elide(f"{provider.title} · {model.title}", 100),
                value=f"{provider.name} {model.name}"[:100],
                default=chosen == (provider.name, model.name),
            )
        )
    return ui.Select(custom_id=marked("set", name), placeholder=words, options=options)


def _row(items: Sequence[ui.Item[Any]]) -> ui.ActionRow[ui.LayoutView]:
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    for item in items:
        row.add_item(item)
    return row


def _channel(channel_id: int) -> discord.SelectDefaultValue:
    kind = discord.SelectDefaultValueType.channel
    return discord.SelectDefaultValue(id=channel_id, type=kind)


def _role(role_id: int) -> discord.SelectDefaultValue:
    return discord.SelectDefaultValue(id=role_id, type=discord.SelectDefaultValueType.role)
