"""The answer of `/video models`: what each model makes, and for how much."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.catalog.model import Capability, Model
from bot.providers import Provider
from bot.words.money import price as price
from bot.words.numbers import listed
from bot.words.text import elide as elide
from bot.words.text import inert as inert
from storage import Mode


def models(offers: Sequence[tuple[Provider, Model]], *, usd_per_credit: Decimal) -> list[str]:
    """What each model can make and what it costs: one text a model."""
    texts = []
    for provider, model in offers:
        head = f"### {inert(provider.title)} · {inert(model.name)}"
        lines = [head, inert(model.note)] if model.note else [head]
        lines += [_capability_line(each, usd_per_credit) for each in model.capabilities]
        texts.append("\n".join(lines))
    return texts


def _capability_line(capability: Capability, usd_per_credit: Decimal) -> str:
    parts = [f"**{_MODE_TITLES[capability.mode]}**"]
    for name, suffix in (("resolution", ""), ("aspect", ""), ("duration", " s"), ("fps", " fps")):
        if values := capability.values(name):
            parts.append(f"{listed(values)}{suffix}")
    if capability.sound:
        parts.append("sound")
    if capability.seeds is not None:
        parts.append("seed")
    if capability.camera:
        parts.append("camera motions")
    if capability.loras:
        parts.append(f"up to {capability.loras} LoRAs")
    parts.append(_price_list(capability, usd_per_credit))
    return f"{parts[0]}: {' · '.join(parts[1:])}"


_MODE_TITLES: Mapping[Mode, str] = {
    Mode.TEXT: "Text",
    Mode.IMAGE: "Image",
    Mode.AUDIO: "Sound",
    Mode.EXTEND: "Extend",
    Mode.RETAKE: "Retake",
    Mode.HDR: "HDR",
}


def _price_list(capability: Capability, usd_per_credit: Decimal) -> str:
    """'6 credits a second at 1080p, 12 at 4K', from the dated price list."""
    listing = capability.price
    rates = {
        tier: rate * listing.usd_per_unit / usd_per_credit
        for tier, rate in listing.per_second.items()
        if rate
    }
    bases = {
        tier: base * listing.usd_per_unit / usd_per_credit
        for tier, base in listing.base.items()
        if base
    }
    if not rates and not bases:
        return "free"

    def amounts(prices: Mapping[str, Decimal]) -> str:
        return ", ".join(
            f"{amount.normalize():f}" + ("" if tier == "*" else f" at {tier}")
            for tier, amount in prices.items()
        )

    parts = []
    if bases:
        parts.append(f"{amounts(bases)} credits a clip")
    if rates:
        parts.append(f"{amounts(rates)} credits a second")
    return f"{' plus '.join(parts)} (prices of {listing.dated:%d %b %Y})"
