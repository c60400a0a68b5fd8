"""The buttons beside a refusal: what its person can still do about the order."""

from typing import Any

import discord
from discord import ui

from bot.chat.buttons import button
from bot.chat.requester import requester_of
from bot.errors import Refusal
from bot.orders.prompt_help import WRITTEN
from bot.orders.quote import QuotedRefusal
from bot.orders.refused import Refusals
from bot.orders.server_rules import ServerRules
from bot.words.limits import in_words
from storage import Offer, RefusedOrder


class NextSteps:
    """Keeps refused orders, and offers what can still be done about them."""

    def __init__(self, refusals: Refusals, rules: ServerRules) -> None:
        self._refusals = refusals
        self._rules = rules

    async def beside(
        self, interaction: discord.Interaction[Any], refusal: Refusal
    ) -> ui.View | None:
        """The buttons beside a *refusal*; None where nothing can be done."""
        if not isinstance(refusal, QuotedRefusal):
            return None
        kept = await self._refusals.keep(refusal, requester_of(interaction))
        return None if kept is None else await self.of(kept)

    async def of(self, kept: RefusedOrder) -> ui.View | None:
        """The buttons for what can still be done about a refused order; None without any.

        Moderators can be asked where they chose a channel for it.
        """
        server = await self._rules.of(kept.guild_id)
        view = next_steps(kept, asks=server.moderators is not None)
        return view if view.children else None


def next_steps(kept: RefusedOrder, *, asks: bool) -> ui.View:
    """The buttons for what a person can still do about a refused order. *asks*: whether there is
    a channel in which moderators are asked."""
    view = ui.View(timeout=None)
    if kept.fits is not None:
        label = f"Order {described(kept.fits)}"
        view.add_item(button(label, "less", kept.id, style=discord.ButtonStyle.primary))
    if kept.why == "confirm":
        cost = in_words(kept.wanted.price) if kept.wanted.price else "free"
        view.add_item(
            button(f"Order it · {cost}", "all", kept.id, style=discord.ButtonStyle.primary)
        )
        if kept.wanted.brief.mode in WRITTEN and kept.wanted.brief.parent is None:
            view.add_item(button("Help me write", "help-kept", kept.id, emoji="✏️"))
    elif asks:
        view.add_item(button("Ask a moderator", "ask", kept.id, emoji="🙋"))
    return view


def described(offer: Offer) -> str:
    """'8 s at 1080p · 48 credits (LTX)'."""
    brief = offer.brief
    size = f"{brief.duration} s" if brief.duration else "it"
    if brief.resolution:
        size += f" at {brief.resolution}"
    cost = "free" if offer.price == 0 else in_words(offer.price)
    return f"{size} · {cost} ({offer.provider})"
