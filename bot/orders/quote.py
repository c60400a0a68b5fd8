"""What would be made, by whom, for how much; and the refusals that carry a price."""

from dataclasses import dataclass
from decimal import Decimal

from bot.catalog.model import Model
from bot.errors import Refusal
from bot.providers import Provider
from bot.words.limits import said
from storage import (
    Brief,
    Refused,
)

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


class Limited(Refusal):
    """A limit says no. *refused* is which, *quote* what was asked for; None where its inputs
    were not even fetched, and *least* is what it costs at least, in credits."""

    def __init__(
        self, refused: Refused, quote: Quote | None, *, least: int = 0, more: str = ""
    ) -> None:
        price = quote.price if quote is not None else least
        super().__init__(f"{said(refused, price)} {more}".strip())
        self.refused = refused
        self.quote = quote


class Costly(Refusal):
    """The server wants a second yes to an order as dear as *quote*."""

    def __init__(self, quote: Quote, above: int) -> None:
        super().__init__(
            f"This clip costs {quote.price:,} credits; above {above:,} this server asks once more."
        )
        self.quote = quote


class Asks(Costly):
    """An order that wants a second yes, for the reason that *sentence* gives."""

    def __init__(self, quote: Quote, sentence: str) -> None:
        Refusal.__init__(self, sentence)
        self.quote = quote
