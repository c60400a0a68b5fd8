"""The buttons beside a refusal: what its person can still do about the order."""

from collections.abc import Mapping
from typing import Any

import discord
from discord import ui

from bot.chat.buttons import LABEL, button
from bot.chat.requester import requester_of
from bot.errors import Busy, Refusal
from bot.orders.prompt_help import WRITTEN
from bot.orders.refused import Refusals
from bot.words.limits import costing
from bot.words.text import elide, number
from storage import Brief, Mode, Offer, RefusedOrder

#: What a way that works may leave out, and how that is said.
_LEFT_OUT = {
    "camera": "camera motion",
    "loras": "LoRAs",
    "last_image": "last frame",
    "routing": "routing",
}
#: What cannot be chosen where it is left out: it is made all the same, as its model makes it.
_UNASKED = {"aspect": "shape", "fps": "fps", "sound": "sound"}
#: Modes in which the price depends on an input that may not be fetched yet.
_BY_INPUT = frozenset({Mode.AUDIO, Mode.EXTEND, Mode.RETAKE, Mode.HDR})


class Refillable(Refusal):
    """No to what was filled into a form, which can be opened again: it is kept as a draft."""

    def __init__(self, why: Refusal | Busy, draft: int) -> None:
        super().__init__(str(why))
        self.why = why
        self.draft = draft


class NextSteps:
    """Keeps refused orders, and offers what can still be done about them."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals

    async def beside(
        self, interaction: discord.Interaction[Any], refusal: Refusal
    ) -> ui.View | None:
        """The buttons beside a *refusal*; None where nothing can be done."""
        why = refusal.why if isinstance(refusal, Refillable) else refusal
        kept = None
        if isinstance(why, Refusal):
            kept = await self._refusals.keep(why, requester_of(interaction))
        if isinstance(refusal, Refillable):
            view = next_steps(kept) if kept is not None else ui.View(timeout=None)
            view.add_item(button("Fill it in again", "new-again", refusal.draft, emoji="📝"))
            return view
        return None if kept is None else self.of(kept)

    def of(self, kept: RefusedOrder) -> ui.View | None:
        """The buttons for what can still be done about a refused order; None without any."""
        view = next_steps(kept)
        return view if view.children else None


def next_steps(kept: RefusedOrder) -> ui.View:
    """The buttons for what a person can still do about a refused order."""
    view, primary = ui.View(timeout=None), discord.ButtonStyle.primary
    for way, offer in enumerate(kept.fits):
        about = f"{kept.id}:{way}" if way else kept.id
        label = described("Order ", offer, wanted=kept.wanted.brief)
        view.add_item(button(label, "less", about, style=primary))
    if kept.why == "confirm":
        cost = costing(kept.wanted.price)
        view.add_item(button(f"Order {_them(kept.wanted)} · {cost}", "all", kept.id, style=primary))
        one = kept.wanted.takes == 1 and kept.wanted.brief.parent is None
        if one and kept.wanted.brief.mode in WRITTEN:
            view.add_item(button("Help me write", "help-kept", kept.id, emoji="✏️"))
    elif kept.why in ("quota", "budget"):
        view.add_item(button("Ask a moderator", "ask", kept.id, emoji="🙋"))
    return view


def _them(offer: Offer) -> str:
    return "it" if offer.takes == 1 else f"{offer.takes} takes"


def described(verb: str, offer: Offer, *, wanted: Brief | None = None) -> str:
    """'Order 8 s at 1080p · 48 credits (LTX)'; also what else is not as it was *wanted*.

    It fits a button. What does not fit is left out before the cost, which pressing says yes to.
    """
    brief, parts = offer.brief, []
    if brief.mode is Mode.RETAKE and brief.duration:
        start = brief.start or 0.0
        size = f"{number(start)}–{number(start + brief.duration)} s"
    else:
        size = f"{brief.duration} s" if brief.duration else "it"
        if brief.mode is Mode.EXTEND or (brief.plan is not None and brief.plan.place != "part"):
            size += " more"
    if brief.resolution:
        size += f" at {brief.resolution}"
    if wanted is not None:
        if brief.aspect is not None and wanted.aspect not in (None, brief.aspect):
            size += f" {brief.aspect}"
        if brief.fps is not None and wanted.fps not in (None, brief.fps):
            size += f" {brief.fps} fps"
        if wanted.seed not in (None, brief.seed):
            parts.append("new seed")
        parts += [f"no {words}" for words in _lost(_LEFT_OUT, wanted, brief)]
        if options := _lost(_UNASKED, wanted, brief):
            parts.append(f"no {' or '.join(options)} option")
    cost = costing(offer.price)
    if offer.sources and offer.price and brief.mode in _BY_INPUT:
        cost = f"from {cost}"
    if offer.takes > 1:
        size = f"{offer.takes} takes, {size}" if brief.duration else f"{offer.takes} takes"
    end = f" · {cost} ({offer.provider})"
    return elide(f"{verb}{' · '.join([size, *parts])}", LABEL - len(end)) + end


def _lost(names: Mapping[str, str], wanted: Brief, brief: Brief) -> list[str]:
    """The words of those settings that are in *wanted* and left out of *brief*."""
    return [
        words
        for name, words in names.items()
        if getattr(wanted, name) not in (None, ()) and getattr(brief, name) in (None, ())
    ]
