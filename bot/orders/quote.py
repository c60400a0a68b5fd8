"""What would be made, by whom, for how much; and the refusals that carry a price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.catalog.model import Model, Unfit
from bot.errors import Refusal
from bot.orders.inputs import Source
from bot.providers import Provider
from bot.words import money
from bot.words.limits import said
from bot.words.text import elide
from storage import Brief, Mode, Refused

AUTO, CHEAPEST, FASTEST = "auto", "cheapest", "fastest"

CHOOSERS = (AUTO, CHEAPEST, FASTEST)  #: what may be said instead of a provider's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What would be made, by whom, for how much."""

    provider: Provider
    model: Model
    brief: Brief
    usd: Decimal
    price: int  #: credits
    takes: int = 1  #: clips that the order makes; *usd* and *price* are for all of them

    def times(self, takes: int) -> "Quote":
        """The quote of so many takes of it."""
        return replace(self, usd=self.usd * takes, price=self.price * takes, takes=takes)

    def line(self, usd_per_credit: Decimal, *, limit: int = 200) -> str:
        """'6 s · 1080p · ltx-2-3-fast: 36 credits (≈ $0.36)', in at most *limit* characters, of
        which the price is never cut."""
        price = money.price(self.price, usd_per_credit)
        length = f"{self.brief.duration} s" if self.brief.duration else ""
        if self.brief.mode is Mode.AUDIO:
            length = "as long as the sound"
            price = f"from {price}" if self.price else price
        parts = [each for each in (length, self.brief.resolution, self.model.name) if each]
        return f"{elide(' · '.join(parts), limit - len(price) - 2)}: {price}"


def summed(quotes: Sequence[Quote]) -> Quote:
    """The quote of an order that makes all of *quotes*: the first one's clip, at their sum."""
    return replace(
        quotes[0],
        usd=sum((each.usd for each in quotes), Decimal(0)),
        price=sum(each.price for each in quotes),
        takes=len(quotes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for, and of whom, as far as somebody chose."""

    brief: Brief
    provider: str | None = None
    model: str | None = None
    #: The inputs that were not fetched, by the brief's field.
    sources: Mapping[str, Source] = field(default_factory=dict)
    larger_than: int = 0  #: bytes: one of them is larger
    takes: int = 1  #: clips of it


class Unmakeable(Unfit):
    """Nobody, or not who was asked, makes what was *asked*; `Ways` finds what works instead."""

    def __init__(self, why: Refusal, asked: Asked) -> None:
        super().__init__(str(why), nearest=why.nearest if isinstance(why, Unfit) else None)
        self.asked = asked


class Instead(Refusal):
    """No, but *ways* can be ordered instead: the best first."""

    def __init__(self, sentence: str, ways: Sequence[Quote]) -> None:
        super().__init__(sentence)
        self.ways = ways


class QuotedRefusal(Refusal):
    """No to an order of which the *quote* is known: something can still be done about it.

    *quote* is None where the inputs were not even fetched.
    """

    def __init__(self, sentence: str, quote: Quote | None) -> None:
        super().__init__(sentence)
        self.quote = quote


class Limited(QuotedRefusal):
    """A limit says no: *refused* says which. *least* is what it costs at least, in credits, where
    there is no *quote*."""

    def __init__(
        self, refused: Refused, quote: Quote | None, *, least: int = 0, more: str = ""
    ) -> None:
        price = quote.price if quote is not None else least
        super().__init__(f"{said(refused, price)} {more}".strip(), quote)
        self.refused = refused


class ConfirmationNeeded(QuotedRefusal):
    """*quote* is ordered only after a yes to its price; *sentence* says why."""

    def __init__(self, quote: Quote, sentence: str) -> None:
        super().__init__(sentence, quote)
