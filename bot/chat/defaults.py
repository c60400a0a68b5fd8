"""What /video defaults says: each value with where it comes from, and what was chosen."""

from decimal import Decimal

from bot.orders.choosing import Shown
from bot.orders.defaults import MODEL, SETTINGS, Layer, Settled, value_words
from bot.orders.quote import Quote
from bot.words import money
from bot.words.text import inert
from storage import OrderDefaults

NOTHING = "nothing chosen"


def shown(found: Shown, *, usd_per_credit: Decimal) -> str:
    """The page of /video defaults show."""
    lines = ["### A new clip here"]
    if found.quote is None:
        lines.append("Nobody makes clips from words here.")
    else:
        lines.append(f"{values(found.settled, found.quote)}")
        lines.append(f"**{money.price(found.quote.price, usd_per_credit)}**, from words")
    if found.settled.note:
        lines.append(f"-# {inert(found.settled.note)}")
    where = "in a thread of their own" if found.threads else "in the channel, without threads"
    lines.append(f"Your clips are posted {where} ({found.threads_layer}).")
    if found.own.threads and not found.threads:
        lines.append("-# You chose threads, but moderators chose to have none here.")
    lines.append(f"**Yours**: {chosen(found.own)}")
    lines.append(f"**This channel**: {chosen(found.channel)}")
    lines.append(
        "-# What you choose in a command comes first, then its preset, your defaults, the "
        "channel's, the server's, and the model's."
    )
    return "\n".join(lines)


def values(settled: Settled, quote: Quote) -> str:
    """'ltx-2-fast (this server) · 1080p (yours) · 8 s (this channel) · sound on (model)'."""
    origin = settled.origins.get(MODEL)
    maker = f"{origin}" if origin is not None else "the cheapest that can"
    parts = [f"{inert(quote.model.name)} ({maker})"]
    for name in SETTINGS:
        value = getattr(quote.brief, name)
        if name == "sound" and value is None:
            capability = quote.model.capability(quote.brief.mode)
            value = True if capability is not None and capability.sound else None
        if value is not None:
            layer = settled.origins.get(name, Layer.MODEL)
            parts.append(f"{inert(value_words(name, value))} ({layer})")
    return " · ".join(parts)


def chosen(defaults: OrderDefaults) -> str:
    """'ltx-2-fast · 8 s', or that nothing was chosen."""
    maker = [each for each in (defaults.model, defaults.provider) if each]
    parts = [" by ".join(maker)] if maker else []
    for name in (*SETTINGS, "threads"):
        value = getattr(defaults, name)
        if value is not None:
            parts.append(value_words(name, value))
    return inert(" · ".join(parts)) or NOTHING
