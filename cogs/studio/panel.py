"""/studio setup: what its menus, buttons and forms do. Each change shows its page anew."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.mentions import SILENT
from bot.chat.requester import moderator_of
from bot.chat.trouble import Denied, translated
from bot.errors import Refusal
from bot.moderation import tables
from bot.moderation.setup_words import Page
from bot.moderation.typed import UNLIMITED, credits_of
from cogs._forms import form, one_of, sent
from cogs._pressing import UNKNOWN, Waits, number, pressed
from cogs.requests import helping
from cogs.studio import pages
from cogs.studio.digests import looking
from storage import ChangedBy, Period, Whose

#: The page of each setting that is not on the first one.
PAGES = {
    **dict.fromkeys(("changed-by", "reviewers", "providers", "default"), Page.WHO),
    **dict.fromkeys(("confirm", "budget", "zone", "digest"), Page.MONEY),
    **dict.fromkeys(("priority", "slow"), Page.QUEUE),
}


async def show(interaction: Interaction) -> None:
    """Answer with the panel, to its moderator alone."""
    found = await interaction.client.limits.overview(moderator_of(interaction))
    await answering.tell(interaction, view=pages.panel(interaction, found, Page.WHERE))


@pressed("setup", moderators=True, waits=Waits.PRIVATE)
async def _open(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    """The button of a greeting, and of /help."""
    await show(interaction)


@pressed("page", moderators=True, waits=Waits.CHANGE)
async def _turn(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    page = next((each for each in Page if each == about), Page.WHERE)
    await _renew(interaction, page)


@pressed("set", moderators=True, waits=Waits.CHANGE)
async def _set(interaction: Interaction, about: str, picked: Sequence[str]) -> None:
    requester = moderator_of(interaction)
    changes: dict[str, Any]
    match about:
        case "channels":
            changes = {"channels": {number(each) for each in picked}}
        case "moderators":
            channel = number(picked[0]) if picked else None
            if channel is not None:
                await _greet(interaction, channel)
            changes = {"moderators": channel}
        case "default":
            provider, model = _chosen(picked)
            changes = {"provider": provider, "model": model}
        case "here":
            provider, model = _chosen(picked)
            wanted = {"provider": provider, "model": model}
            await interaction.client.studio.choosing.set(requester, wanted, channel=True)
            await _renew(interaction, Page.WHO)
            return
        case "providers":
            changes = {"providers_off": set(interaction.client.studio.providers) - set(picked)}
        case "changed-by":
            if not set(picked[:1]) <= {*ChangedBy} or not picked:
                raise Refusal(UNKNOWN)
            changes = {"changed_by": ChangedBy(picked[0])}
        case "priority":
            changes = {"priority_roles": {number(each) for each in picked}}
        case "favourites" | "reviewers":
            changes = {about: number(picked[0]) if picked else None}
        case "digest":
            hour = number(picked[0]) if picked and picked[0] != pages.OFF else None
            await interaction.client.digests.choose(requester, hour)
            await _renew(interaction, Page.MONEY)
            looking(interaction.client)
            return
        case _:
            raise Refusal("There is no such setting.")
    await _change(interaction, about, changes)
    if changes.get("moderators") is not None:
        helping(interaction).ring(requester.guild_id)


@pressed("slow", moderators=True, waits=Waits.CHANGE)
async def _slow(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await _change(interaction, "slow", {"slow_lane": int(about == "on")})


@pressed("threads", moderators=True, waits=Waits.CHANGE)
async def _threads(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await _change(interaction, "threads", {"threads": int(about == "on")})


@pressed("confirm", moderators=True)
async def _confirm(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    asking = form("Ask before expensive orders", "confirm")
    typed: ui.TextInput[Any] = ui.TextInput(custom_id="credits", max_length=20, required=False)
    asking.add_item(
        ui.Label(
            text="Ask above (credits)", description="Leave empty to never ask.", component=typed
        )
    )
    await answering.ask(interaction, asking)


@sent("confirm", moderators=True)
async def _confirm_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    typed = given.get("credits", "").strip()
    await _change(interaction, "confirm", {"confirm_above": credits_of(typed) if typed else None})


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
    await answering.ask(interaction, asking)


@sent("budget", moderators=True)
async def _budget_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    period = one_of(Period, given.get("period") or Period.DAY)
    await interaction.client.limits.set_quota(
        moderator_of(interaction), Whose.SERVER, given.get("amount", ""), period
    )
    await _renew(interaction, Page.MONEY)


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
    await answering.ask(interaction, asking)


@sent("zone", moderators=True)
async def _zone_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    await _change(interaction, "zone", {"zone": given.get("zone", "").strip() or None})


async def _change(interaction: Interaction, about: str, changes: dict[str, Any]) -> None:
    await interaction.client.limits.limit(moderator_of(interaction), changes)
    await _renew(interaction, PAGES.get(about, Page.WHERE))


async def _renew(interaction: Interaction, page: Page) -> None:
    found = await interaction.client.limits.overview(moderator_of(interaction))
    await answering.change(interaction, pages.panel(interaction, found, page))


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


def _chosen(picked: Sequence[str]) -> tuple[str | None, str | None]:
    if not picked or picked[0] == pages.CHEAPEST:
        return None, None
    provider, _, model = picked[0].partition(" ")
    return provider, model
