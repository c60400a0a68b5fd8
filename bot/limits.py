"""Which limit said no to an order, as a sentence that helps."""

from bot.models import listed
from storage import Limit, Period, Refused, Whose

_EACH = {Period.DAY: "a day", Period.WEEK: "a week", Period.MONTH: "a month"}
_WHOSE = {
    Whose.USER: "your own limit",
    Whose.ROLE: "your role's limit",
    Whose.MEMBER: "the limit for members",
    Whose.SERVER: "this server's limit",
    Whose.DEFAULT: "the limit",
}


def said(refused: Refused, price: int) -> str:
    """The limit, whose it is, when it frees, and what would fit now. *price* is in credits."""
    frees = f" It frees <t:{int(refused.frees_at)}:R>." if refused.frees_at else ""
    match refused.limit:
        case Limit.PAUSED:
            return _with_reason("Orders are paused in this server", refused.why)
        case Limit.BLOCKED:
            return _with_reason("You may not order clips in this server", refused.why) + frees
        case Limit.PACE:
            return f"You may order {refused.amount:g} clips a minute; slow down a little.{frees}"
        case Limit.JOBS if refused.whose is Whose.SERVER:
            return (
                f"This server has {refused.used} clips under way, which is its limit of "
                f"{refused.amount:g}; wait for one to finish."
            )
        case Limit.JOBS:
            return (
                f"You have {refused.used} clips under way, which is the limit of "
                f"{refused.amount:g}; wait for one of them or cancel it."
            )
        case Limit.QUOTA | Limit.BUDGET:
            whose = _WHOSE[refused.whose]
            if refused.limit is Limit.BUDGET:
                whose = "this server's budget"
            each = _EACH[refused.period] if refused.period else ""
            left = listed([f"{refused.would_fit:,} credits"]) if refused.would_fit else "nothing"
            return (
                f"This clip costs {price:,} credits; {whose} is {refused.amount:,.0f} {each} and "
                f"{left} is left now.{frees}"
            )


def _with_reason(sentence: str, why: str) -> str:
    return f"{sentence}: {why}" if why else f"{sentence}."
