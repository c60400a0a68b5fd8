"""What stands beside a value that may be chosen: the price of a clip that has it."""

from bot.orders.quote import Quote
from bot.words.limits import in_words
from storage import Mode


def costs(quote: Quote, option: str) -> str:
    """'36 credits at 6 s', said of a resolution; 'from 12 credits' where the input decides.

    Of several takes, what all of them cost: '144 credits for 4 at 6 s'; '144 credits', said of how
    many.
    """
    if not quote.price:
        return "free"
    brief = quote.brief
    least = "" if brief.mode in (Mode.TEXT, Mode.IMAGE) else "from "
    price = f"{least}{in_words(quote.price)}"
    if option == "takes":
        return price
    if quote.takes > 1:
        price += f" for {quote.takes}"
    if least:
        return price
    at = brief.resolution if option == "duration" else f"{brief.duration} s"
    return f"{price} at {at}" if at else price
