"""/studio setup: one panel that shows how a server works, and changes it as it is touched."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.buttons import button, marked
from bot.chat.mentions import SILENT
from bot.chat.requester import moderator_of
from bot.chat.trouble import Denied, translated
from bot.errors import Refusal
from bot.moderation import tables
from bot.moderation.limits import Overview
from bot.moderation.typed import UNLIMITED, credits_of
from bot.words.text import elide
from cogs._forms import form, sent
from cogs._pressing import Waits, pressed
from cogs.requests import helping
from storage import ChangedBy, Period, Server, Whose

CHEAPEST = "-"  #: the value of "nobody in particular" in a menu of models
#: What stands above each menu, in their order.
ABOUT = (
    "Channels for orders",
    "Moderator channel: requests, budget alerts, clips on hold",
    "Default model",
    "Default model in this channel and its threads",
    "Providers",
    "Who can retake or extend a clip",
    "Roles whose clips go first in the queue",
    "Favorites channel",
    "Role that approves takes, besides moderators",
)
CHANGED_BY = {
    ChangedBy.ANYONE: "Everybody can retake and extend every clip",
    ChangedBy.REQUESTER: "Only the requester and moderators",
    ChangedBy.MODERATORS: "Only moderators",
}


def panel(interaction: Interaction, found: Overview) -> ui.LayoutView:
    """The panel, showing the server as it is."""
    bot, server = interaction.client, found.server
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container()
    box.add_item(ui.TextDisplay(tables.setup(found, list(bot.studio.providers))))
    for about, item in zip(ABOUT, _menus(interaction, server), strict=True):
        box.add_item(ui.TextDisplay(f"-# {about}"))
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        row.add_item(item)
        box.add_item(row)
    row = ui.ActionRow()
    lane = "Turn slow lane off" if server.slow_lane else "Turn slow lane on"
    row.add_item(button(lane, "slow", "off" if server.slow_lane else "on", emoji="🐢"))
    row.add_item(button("Ask above a price…", "confirm", emoji="💬"))
    row.add_item(button("Budget…", "budget", emoji="💳"))
    row.add_item(button("Time zone…", "zone", emoji="🕰️"))
    box.add_item(row)
    view.add_item(box)
    return view


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


def _menus(interaction: Interaction, server: Server) -> list[ui.Item[Any]]:
    text = [discord.ChannelType.text, discord.ChannelType.forum, discord.ChannelType.news]
    channels: ui.ChannelSelect[Any] = ui.ChannelSelect(
        custom_id=marked("set", "channels"),
        placeholder="Everywhere",
        channel_types=text,
        min_values=0,
        max_values=25,
        default_values=[_channel(each) for each in sorted(server.channels)[:25]],
    )
    asked = _one_channel("moderators", "None yet", server.moderators)
    here = server.channel_models.get(moderator_of(interaction).home_id)
    default = (server.provider, server.model) if server.provider and server.model else None
    whose = (
        ("default", "Default model", default),
        ("here", "Default model in this channel", here),
    )
    models = [_models(interaction, name, words, chosen) for name, words, chosen in whose]
    providers: ui.Select[Any] = ui.Select(
        custom_id=marked("set", "providers"),
        placeholder="Providers",
        min_values=1,
        max_values=min(25, len(interaction.client.studio.providers)),
        options=[
            discord.SelectOption(
                label=provider.title, value=name, default=name not in server.providers_off
            )
            for name, provider in list(interaction.client.studio.providers.items())[:25]
        ],
    )
    changed_by: ui.Select[Any] = ui.Select(
        custom_id=marked("set", "changed-by"),
        placeholder="Who can retake and extend clips",
        options=[
            discord.SelectOption(label=words, value=value, default=value is server.changed_by)
            for value, words in CHANGED_BY.items()
        ],
    )
    first: ui.RoleSelect[Any] = ui.RoleSelect(
        custom_id=marked("set", "priority"),
        placeholder="Nobody",
        min_values=0,
        max_values=10,
        default_values=[_role(each) for each in sorted(server.priority_roles)[:10]],
    )
    gather = _one_channel("favourites", "They stay in their threads", server.favourites)
    approve: ui.RoleSelect[Any] = ui.RoleSelect(
        custom_id=marked("set", "reviewers"),
        placeholder="Only moderators",
        min_values=0,
        max_values=1,
        default_values=[_role(server.reviewers)] if server.reviewers else [],
    )
    return [channels, asked, *models, providers, changed_by, first, gather, approve]


def _models(
    interaction: Interaction, name: str, words: str, chosen: tuple[str, str] | None
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


@pressed("set", moderators=True, waits=Waits.CHANGE)
async def _set(interaction: Interaction, about: str, picked: Sequence[str]) -> None:
    requester, limits = moderator_of(interaction), interaction.client.limits
    changes: dict[str, Any]
    match about:
        case "channels":
            changes = {"channels": {int(each) for each in picked}}
        case "moderators":
            channel = int(picked[0]) if picked else None
            if channel is not None:
                await _greet(interaction, channel)
            changes = {"moderators": channel}
        case "default":
            provider, model = _chosen(picked)
            changes = {"provider": provider, "model": model}
        case "here":
            server = (await limits.overview(requester)).server
            provider, model = _chosen(picked)
            models = {
                each: named
                for each, named in server.channel_models.items()
                if each != requester.home_id
            }
            if provider is not None and model is not None:
                models[requester.home_id] = provider, model
            changes = {"channel_models": models}
        case "providers":
            changes = {"providers_off": set(interaction.client.studio.providers) - set(picked)}
        case "changed-by":
            changes = {"changed_by": ChangedBy(picked[0])}
        case "priority":
            changes = {"priority_roles": {int(each) for each in picked}}
        case "favourites" | "reviewers":
            changes = {about: int(picked[0]) if picked else None}
        case _:
            raise Refusal("There is no such setting.")
    await _change(interaction, changes)
    if changes.get("moderators") is not None:
        helping(interaction).ring(requester.guild_id)


@pressed("slow", moderators=True, waits=Waits.CHANGE)
async def _slow(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await _change(interaction, {"slow_lane": int(about == "on")})


@pressed("confirm", moderators=True)
async def _confirm(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    asking = form("Ask before expensive orders", "confirm")
    typed: ui.TextInput[Any] = ui.TextInput(custom_id="credits", max_length=20, required=False)
    asking.add_item(
        ui.Label(
            text="Ask above (credits)", description="Leave empty to never ask.", component=typed
        )
    )
    await interaction.response.send_modal(asking)


@sent("confirm", moderators=True)
async def _confirm_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    typed = given.get("credits", "").strip()
    await _change(interaction, {"confirm_above": credits_of(typed) if typed else None})


@pressed("budget", moderators=True)
async def _budget(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    rule = (await interaction.client.limits.overview(moderator_of(interaction))).standing.budget
    known = UNLIMITED if rule.amount is None else str(rule.amount)
    amount: ui.TextInput[Any] = ui.TextInput(custom_id="amount", max_length=20, default=known)
    period: ui.Select[Any] = ui.Select(
        custom_id="period",
        options=[
            discord.SelectOption(label=tables.EACH[each], value=each, default=each is rule.period)
            for each in Period
        ],
    )
    asking = form("What all members can spend together", "budget")
    asking.add_item(
        ui.Label(
            text="Credits", description="A number, “unlimited” or “default”.", component=amount
        )
    )
    asking.add_item(ui.Label(text="How often it resets", component=period))
    await interaction.response.send_modal(asking)


@sent("budget", moderators=True)
async def _budget_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    requester, period = moderator_of(interaction), Period(given.get("period") or Period.DAY)
    await interaction.client.limits.set_quota(
        requester, Whose.SERVER, given.get("amount", ""), period
    )
    await _renew(interaction)


@pressed("zone", moderators=True)
async def _zone(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    found = await interaction.client.limits.overview(moderator_of(interaction))
    typed: ui.TextInput[Any] = ui.TextInput(
        custom_id="zone", max_length=60, required=False, default=found.server.zone
    )
    asking = form("Time zone for days, weeks and months", "zone")
    asking.add_item(
        ui.Label(
            text="Time zone",
            description="Such as Europe/Paris. Leave empty for this bot's default.",
            component=typed,
        )
    )
    await interaction.response.send_modal(asking)


@sent("zone", moderators=True)
async def _zone_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    await _change(interaction, {"zone": given.get("zone", "").strip() or None})


async def _change(interaction: Interaction, changes: dict[str, Any]) -> None:
    await interaction.client.limits.limit(moderator_of(interaction), changes)
    await _renew(interaction)


async def _renew(interaction: Interaction) -> None:
    found = await interaction.client.limits.overview(moderator_of(interaction))
    await answering.change(interaction, view=panel(interaction, found))


async def _greet(interaction: Interaction, channel_id: int) -> None:
    """Make sure that we can post where moderators are to be asked."""
    channel = interaction.client.get_partial_messageable(channel_id, guild_id=interaction.guild_id)
    try:
        with translated():
            await channel.send(
                f"{interaction.user.mention} chose this channel: here Dailies asks moderators for "
                "credits, tells them when the budget runs out, and when a clip waits for them.",
                allowed_mentions=SILENT,
            )
    except Denied:
        raise Refusal(
            f"I can't post in <#{channel_id}>. Let me see it and send messages there first."
        ) from None


def _channel(channel_id: int) -> discord.SelectDefaultValue:
    kind = discord.SelectDefaultValueType.channel
    return discord.SelectDefaultValue(id=channel_id, type=kind)


def _role(role_id: int) -> discord.SelectDefaultValue:
    return discord.SelectDefaultValue(id=role_id, type=discord.SelectDefaultValueType.role)


def _chosen(picked: Sequence[str]) -> tuple[str | None, str | None]:
    if not picked or picked[0] == CHEAPEST:
        return None, None
    provider, _, model = picked[0].partition(" ")
    return provider, model
