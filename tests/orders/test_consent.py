"""A price that was not said yes to is asked about, wherever the order comes from."""

from decimal import Decimal

import pytest

from bot.orders.consent import TYPED, Consent
from bot.orders.quote import ConfirmationNeeded, Quote
from storage import Brief, Mode

CENT = Decimal("0.01")


def quote(price):
    return Quote(
        provider=None,
        model=None,
        brief=Brief(mode=Mode.TEXT, prompt="a red fox"),
        usd=price * CENT,
        price=price,
    )


def asked(consent, price, *, above=None):
    """The sentence that the person is asked with; "" where the order is simply made."""
    try:
        consent.judge(quote(price), above=above, usd_per_credit=CENT)
    except ConfirmationNeeded as needed:
        assert needed.quote.price == price
        return str(needed)
    return ""


@pytest.mark.parametrize(
    ("consent", "price", "above", "sentence"),
    [
        # A command shows no price before it is sent: only the server's own amount asks.
        (TYPED, 500, None, ""),
        (TYPED, 50, 50, ""),
        (TYPED, 51, 50, "This clip costs 51 credits (≈ $0.51). This server asks before any "),
        # A reaction: what stands beside it is known, and is no second yes.
        (Consent.beside(24), 24, None, ""),
        (Consent.beside(24), 12, None, ""),
        (
            Consent.beside(24),
            25,
            None,
            "The price changed from 24 credits (≈ $0.24) to 25 credits (≈ $0.25).",
        ),
        (Consent.beside(0), 1, None, "The price changed from 0 credits to 1 credit (≈ $0.01)."),
        (Consent.beside(None), 0, None, ""),
        (Consent.beside(None), 24, None, "This costs 24 credits (≈ $0.24)."),
        (Consent.beside(60), 60, 50, "This clip costs 60 credits (≈ $0.60). This server asks "),
        (Consent.beside(24, doubt="Which words?"), 0, None, "Which words?"),
        # A button or a form carries the price: pressing it is the yes, to that and to less.
        (Consent.to(60), 60, 50, ""),
        (Consent.to(60), 55, 50, ""),
        (
            Consent.to(60),
            61,
            None,
            "The price changed from 60 credits (≈ $0.60) to 61 credits (≈ $0.61).",
        ),
        (Consent.to(None), 24, None, "This costs 24 credits (≈ $0.24)."),
        (Consent.to(None), 0, None, ""),
    ],
)
def test_a_price_is_asked_about_unless_it_was_said_yes_to(consent, price, above, sentence):
    said = asked(consent, price, above=above)
    assert said.startswith(sentence)
    assert bool(said) == bool(sentence)
