"""Days, weeks and months as a server's own calendar has them."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Period(StrEnum):
    """How long a limit lasts before a new one begins."""

    DAY = "day"
    WEEK = "week"  #: from Monday
    MONTH = "month"  #: of the calendar


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name, such as "Europe/Paris". Raises ValueError with a sentence."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"There is no time zone “{name[:40]}”. Write one like Europe/Paris or UTC."
        ) from None


@lru_cache(maxsize=4096)  # a day has one beginning in a zone, and it is asked for with every order
def starts(day: date, zone: ZoneInfo) -> float:
    """The first moment of *day* in *zone*, in seconds since 1970.

    If the clocks skip midnight that day, the moment of the skip; if they pass midnight twice, the
    first time.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def day_at(moment: float, zone: ZoneInfo) -> date:
    """The day in *zone* at *moment*, seconds since 1970. A day that ended never comes back.

    (When the clocks are put back over midnight, a calendar would have the old day again.)
    """
    day = datetime.fromtimestamp(moment, zone).date()
    while starts(day + timedelta(1), zone) <= moment:
        day += timedelta(1)
    while starts(day, zone) > moment:
        day -= timedelta(1)
    return day


def span(period: Period, day: date) -> tuple[date, date]:
    """The first day of the *period* around *day*, and the first day after that period."""
    match period:
        case Period.DAY:
            return day, day + timedelta(1)
        case Period.WEEK:
            first = day - timedelta(day.weekday())
            return first, first + timedelta(7)
        case Period.MONTH:
            first = day.replace(day=1)
            return first, (first + timedelta(31)).replace(day=1)
