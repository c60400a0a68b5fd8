"""Amounts, periods and dates, as moderators type them."""

import re
from datetime import date, timedelta

from bot.errors import Refusal
from bot.words.numbers import listed
from bot.words.text import number, typed
from storage import NO_LIMIT, Period
from storage.periods import span

CREDITS_MAX = 1_000_000_000

UNLIMITED, DEFAULT = "unlimited", "default"


def limit_of(
    text: str, *, least: float, most: float, whole: bool = True
) -> int | float | str | None:
    """The limit that somebody typed: a number, `NO_LIMIT`, or None for "default".

    Raises `Refusal` for anything else.
    """
    wanted = text.strip().casefold().replace(",", ".")
    if wanted in {UNLIMITED, DEFAULT}:
        return NO_LIMIT if wanted == UNLIMITED else None
    pattern = r"\d{1,6}" if whole else r"\d{1,6}(\.\d{1,3})?"
    if not re.fullmatch(pattern, wanted, re.ASCII) or not least <= float(wanted) <= most:
        raise Refusal(
            f"{typed(text)} can't be this limit. Write a {'whole ' if whole else ''}number from "
            f"{number(least)} to {most:,.0f}, “{UNLIMITED}” or “{DEFAULT}”."
        )
    return int(wanted) if whole else float(wanted)


def credits_of(text: str) -> int | None:
    """The credits that somebody typed; None for "unlimited". Raises `Refusal`."""
    wanted = text.strip().casefold().replace(",", "").replace(" ", "").replace("_", "")
    wanted = wanted.removesuffix("credits")
    if wanted == UNLIMITED:
        return None
    if (
        not wanted.isascii()
        or not wanted.isdigit()
        or len(wanted) > 10
        or int(wanted) > CREDITS_MAX
    ):
        raise Refusal(
            f"{typed(text)} is not an amount. Write a number up to {CREDITS_MAX:,} credits, "
            f"“{UNLIMITED}” or “{DEFAULT}”."
        )
    return int(wanted)


PERIODS = ("today", "this week", "this month", "last month", "30 days", "12 months")


def between(period: str, today: date) -> tuple[date, date]:
    """The first day of a named period, and the first day after it."""
    tomorrow = today + timedelta(1)
    match period:
        case "today":
            return today, tomorrow
        case "this week":
            return span(Period.WEEK, today)
        case "this month":
            return span(Period.MONTH, today)
        case "last month":
            return span(Period.MONTH, today.replace(day=1) - timedelta(1))
        case "30 days":
            return tomorrow - timedelta(30), tomorrow
        case "12 months":
            return tomorrow - timedelta(365), tomorrow
    raise Refusal(f"{typed(period)} is not a period. Choose {listed(PERIODS)}.")


def dated(text: str) -> date:
    """The day that somebody typed as 2026-11-21. Raises `Refusal`."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refusal(f"{typed(text)} is not a date. Write it like 2026-11-21.") from None
