"""What somebody who orders a clip has said yes to, and whether that covers its price."""

from dataclasses import dataclass
from decimal import Decimal

from bot.orders.quote import ConfirmationNeeded, Quote
from bot.words import money
from bot.words.limits import in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person saw before they ordered.

    As it is built without arguments, it is that of a typed command: no price was shown, and none
    has to be for one clip, below the amount above which the server asks once more. The sum of
    several is always shown first.
    """

    shown: int | None = None  #: the price that they were shown, in credits
    agreed: bool = False  #: they pressed a button, or sent a form, that carries this price
    needed: bool = False  #: without a price that was shown, they are asked
    doubt: str = ""  #: why it is not certain what they want; they are asked, whatever it costs

    @classmethod
    def beside(cls, price: int | None, *, doubt: str = "") -> "Consent":
        """Of a reaction: the *price* stands beside it, if any does."""
        return cls(shown=price, needed=True, doubt=doubt)

    @classmethod
    def to(cls, price: int | None) -> "Consent":
        """Of a button or form that carries its *price*; None where it could not be worked out."""
        return cls(shown=price, agreed=price is not None, needed=True)

    def judge(
        self, quote: Quote, *, above: int | None, usd_per_credit: Decimal, note: str = ""
    ) -> None:
        """Raise `ConfirmationNeeded` unless the price of *quote* was said yes to.

        *above*: credits above which the server asks once more; None: it never does. *note* is
        what is to be known besides.
        """
        why = self._asks(quote, above, usd_per_credit)
        if why:
            raise ConfirmationNeeded(quote, f"{why} {note}".strip())

    def _asks(self, quote: Quote, above: int | None, usd_per_credit: Decimal) -> str:
        """Why *quote* has yet to be said yes to; "" where that was done."""
        if self.doubt:
            return self.doubt
        covered = self.shown is not None and quote.price <= self.shown
        if self.agreed and covered:
            return ""
        now = money.price(quote.price, usd_per_credit)
        if self.shown is not None and not covered:
            before = money.price(self.shown, usd_per_credit) if self.shown else "0 credits"
            return f"The price changed from {before} to {now}."
        these = f"These {quote.takes} clips cost {now}." if quote.takes > 1 else ""
        asked = self.needed or quote.takes > 1
        if asked and not self.agreed and self.shown is None and quote.price:
            return these or f"This costs {now}."
        if above is not None and quote.price > above:
            asks = f"This server asks before any {'order' if these else 'clip'} over"
            return f"{these or f'This clip costs {now}.'} {asks} {in_words(above)}."
        return ""


TYPED = Consent()  #: of a command: it shows its price on the card
