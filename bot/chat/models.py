"""The answer of `/video models`: a table of what there is, and the details of one model."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.catalog.model import ANY, Capability, Model, Price
from bot.providers import Provider
from bot.words.numbers import day, listed
from bot.words.text import inert
from storage import Mode

LINES = 12  #: of the table

_Offers = Sequence[tuple[Provider, Model]]

_MODE_TITLES: Mapping[Mode, str] = {
    Mode.TEXT: "Text",
    Mode.IMAGE: "Image",
    Mode.AUDIO: "Sound",
    Mode.EXTEND: "Extend",
    Mode.RETAKE: "Retake",
    Mode.HDR: "HDR",
}


def table(offers: _Offers, *, usd_per_credit: Decimal) -> str:
    """Every model on a line of its own, as many as fit into `LINES`."""
    shown = offers if len(offers) < LINES else offers[: LINES - 2]
    lines = ["### Models", *(_line(*each, usd_per_credit) for each in shown)]
    if len(shown) < len(offers):
        lines.append(f"-# … and {len(offers) - len(shown):,} more in the menu.")
    return "\n".join(lines)


def _line(provider: Provider, model: Model, usd_per_credit: Decimal) -> str:
    modes = listed([_MODE_TITLES[each.mode].lower() for each in model.capabilities], last="and")
    modes = modes.replace("hdr", "HDR")
    return (
        f"**{inert(model.name)}** · {inert(provider.title)} · {modes} · "
        f"{cheapest(model, usd_per_credit)}"
    )


def cheapest(model: Model, usd_per_credit: Decimal) -> str:
    """'from 6 credits per second', 'free': the least that a model can cost."""
    rates = [rate for each in model.capabilities for rate in _rates(each.price, usd_per_credit)]
    bases = [base for each in model.capabilities for base in _bases(each.price, usd_per_credit)]
    if rates:
        return f"from {_credits(min(rates))} per second"
    return f"from {_credits(min(bases))} per clip" if bases else "free"


def details(provider: Provider, model: Model, *, usd_per_credit: Decimal) -> str:
    """All that a model makes and takes, and what it costs."""
    lines = [f"### {inert(model.name)} · {inert(provider.title)}"]
    if model.note:
        lines.append(inert(model.note))
    lines += [_capability_line(each) for each in model.capabilities]
    prices: dict[str, list[str]] = {}
    for each in model.capabilities:
        words = price_list(each.price, usd_per_credit)
        prices.setdefault(words, []).append(_MODE_TITLES[each.mode])
    for words, modes in prices.items():
        lines.append(words if len(prices) == 1 else f"{listed(modes, last='and')}: {words}")
    return "\n".join(lines)


def _capability_line(capability: Capability) -> str:
    parts = []
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
    title = _MODE_TITLES[capability.mode]
    return f"**{title}**: {' · '.join(parts)}" if parts else f"**{title}**"


def price_list(price: Price, usd_per_credit: Decimal) -> str:
    """'Credits per second: 6 (1080p) · 12 (4K). Prices as of Oct 7, 2026.'"""
    if not any((*price.base.values(), *price.per_second.values())):
        return "Free."
    parts = []
    if any(price.base.values()):
        parts.append(f"Credits per clip: {_amounts(price.base, price, usd_per_credit)}.")
    if any(price.per_second.values()):
        parts.append(f"Credits per second: {_amounts(price.per_second, price, usd_per_credit)}.")
    return f"{' '.join(parts)} Prices as of {day(price.dated)}."


def _amounts(prices: Mapping[str, Decimal], price: Price, usd_per_credit: Decimal) -> str:
    return " · ".join(
        _amount(amount * price.usd_per_unit / usd_per_credit)
        + ("" if tier == ANY else f" ({tier})")
        for tier, amount in prices.items()
    )


def _rates(price: Price, usd_per_credit: Decimal) -> list[Decimal]:
    return [
        each * price.usd_per_unit / usd_per_credit for each in price.per_second.values() if each
    ]


def _bases(price: Price, usd_per_credit: Decimal) -> list[Decimal]:
    return [each * price.usd_per_unit / usd_per_credit for each in price.base.values() if each]


def _credits(amount: Decimal) -> str:
    return f"{_amount(amount)} {'credit' if amount == 1 else 'credits'}"


def _amount(credits: Decimal) -> str:
    """'6', '1,200', '0.5'."""
    exact = round(credits, 4).normalize()
    return f"{exact:,f}"
