"""Which limit said no to an order, as a sentence that helps."""

from bot.words.text import inert, number, one_line
from storage import Limit, Period, Refused, Whose

_EACH = {Period.DAY: "a day", Period.WEEK: "a week", Period.MONTH: "a month"}
_WHOSE = {
    Whose.USER: "your own limit",
    Whose.MEMBER: "the limit for members",
    Whose.SERVER: "this server's limit",
    Whose.DEFAULT: "the limit",
}

CLOSED = "This bot takes no orders in this server; its operator decides where it works."


def said(refused: Refused, price: int) -> str:
    """The limit, whose it is, when it frees, and what would fit now. *price* is in credits."""
    frees = f" It frees <t:{int(refused.frees_at)}:R>." if refused.frees_at else ""
    match refused.limit:
        case Limit.CLOSED:
            return CLOSED
        case Limit.PAUSED:
            return _with_reason("Orders are paused in this server", refused.why)
        case Limit.BLOCKED:
            until = f" until <t:{int(refused.frees_at)}:f>" if refused.frees_at else ""
            return _with_reason(f"A moderator blocked you from ordering clips{until}", refused.why)
        case Limit.PACE:
            pace = number(refused.amount or 0)
            return f"You may order {pace} clips a minute; slow down a little.{frees}"
        case Limit.JOBS if refused.whose is Whose.SERVER:
            return (
                f"This server has {refused.used} clips under way, which is its limit of "
                f"{number(refused.amount or 0)}; wait for one to finish."
            )
        case Limit.JOBS:
            return (
                f"You have {refused.used} clips under way, which is the limit of "
                f"{number(refused.amount or 0)}; wait for one of them or cancel it."
            )
        case Limit.ALL:
            left = f"{in_words(refused.would_fit)} are" if refused.would_fit else "nothing is"
            if refused.frees_at is None:
                frees = " It is more than that ever allows; only this bot's operator can help."
            each = f" {_EACH[refused.period]}" if refused.period else ""
            return (
                f"This clip costs {in_words(price)}; what this bot may spend{each} in all its "
                f"servers together is almost used up, and {left} left now.{frees}"
            )
        case Limit.QUOTA | Limit.BUDGET:
            left = f"{in_words(refused.would_fit)} are" if refused.would_fit else "nothing is"
            if refused.frees_at is None:
                frees = " It is more than that ever allows; a moderator can help."
            return (
                f"This clip costs {in_words(price)}; {_whose(refused)} is "
                f"{refused.amount:,.0f} {_EACH[refused.period] if refused.period else ''}, "
                f"and {left} left now.{frees}"
            )


def in_words(amount: int) -> str:
    """'1 credit', '1,200 credits'."""
    return f"{amount:,} credit{'' if amount == 1 else 's'}"


def _whose(refused: Refused) -> str:
    if refused.limit is Limit.BUDGET:
        return "this server's budget"
    if refused.whose is Whose.ROLE and refused.role_id is not None:
        return f"the limit of your role <@&{refused.role_id}>"
    return _WHOSE[refused.whose]


def _with_reason(sentence: str, why: str) -> str:
    """'Orders are paused in this server. Reason: the card expired.'"""
    reason = inert(one_line(why))
    if reason and not why.rstrip().endswith((".", "!", "?", "…")):
        reason += "."
    return f"{sentence}. Reason: {reason}" if reason else f"{sentence}."
