"""Numbers, amounts and lists as people write them."""

from collections.abc import Iterable
from datetime import date


def day(on: date) -> str:
    """'Oct 7, 2026'."""
    return f"{on:%b} {on.day}, {on.year}"


def days(count: int) -> str:
    """'1 day', '30 days'."""
    return f"{count:,} day{'' if count == 1 else 's'}"


def listed(words: Iterable[object], *, last: str = "or") -> str:
    """'6, 8 or 10': words as people list them. Runs of four or more numbers become '5 to 20'."""
    items = list(words)
    if len(items) >= 4 and all(isinstance(item, int) for item in items):
        numbers = [int(str(item)) for item in items]
        if numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{numbers[0]} to {numbers[-1]}"
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"
