"""What stands beside a value that may be chosen: the price of a clip that has it."""

from bot.orders.quote import Quote
from bot.words.limits import in_words
from storage import Mode


def costs(quote: Quote, option: str) -> str:
    """'36 credits at 6 s', said of a resolution; 'from 12 credits' where the input decides."""
    if not quote.price:
        return "free"
    brief = quote.brief
    if brief.mode not in (Mode.TEXT, Mode.IMAGE):
        return f"from {in_words(quote.price)}"
    at = brief.resolution if option == "duration" else f"{brief.duration} s"
    return f"{in_words(quote.price)} at {at}" if at else in_words(quote.price)
