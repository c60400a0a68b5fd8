"""Which limit said no to an order, as a sentence that helps."""

from bot.words.text import inert, number, one_line
from storage import Limit, Period, Refused, Whose

_EACH = {Period.DAY: "a day", Period.WEEK: "a week", Period.MONTH: "a month"}
_NOW = {Period.DAY: "today", Period.WEEK: "this week", Period.MONTH: "this month"}

CLOSED = "This bot doesn't take orders in this server. Its operator chooses the servers."


def said(refused: Refused, price: int) -> str:
    """The limit, what is left of it, and when it resets. *price* is in credits."""
    match refused.limit:
        case Limit.CLOSED:
            return CLOSED
        case Limit.PAUSED:
            return _with_reason("A moderator paused orders in this server", refused.why)
        case Limit.BLOCKED:
            until = f" until <t:{int(refused.frees_at)}:D>" if refused.frees_at else ""
            return _with_reason(f"A moderator blocked you from ordering clips{until}", refused.why)
        case Limit.PACE:
            again = f"<t:{int(refused.frees_at)}:R>" if refused.frees_at else "in a minute"
            return f"You're ordering too fast: the limit is {_pace(refused)}. Try again {again}."
        case Limit.JOBS if refused.clips > 1:
            return _too_many(refused)
        case Limit.JOBS if refused.whose is Whose.SERVER:
            return f"This server already has {_running(refused)}. Wait for one to finish."
        case Limit.JOBS:
            return f"You already have {_running(refused)}. Wait for one to finish, or cancel one."
        case Limit.QUOTA | Limit.BUDGET | Limit.ALL:
            what = "this clip costs"
            if refused.clips > 1:
                what = f"this order of {refused.clips} clips costs"
            return f"Not enough credits: {what} {price:,}, and {_left(refused)}"


def in_words(amount: int) -> str:
    """'1 credit', '1,200 credits'."""
    return f"{amount:,} credit{'' if amount == 1 else 's'}"


def costing(price: int) -> str:
    """'48 credits', or 'free'."""
    return in_words(price) if price else "free"


def clips(count: float) -> str:
    """'1 clip', '1,200 clips'."""
    return f"{number(count)} clip{'' if count == 1 else 's'}"


def _pace(refused: Refused) -> str:
    return f"{clips(refused.amount or 0)} a minute"


def _running(refused: Refused) -> str:
    """'3 clips in progress, and the limit is 3'."""
    return f"{clips(refused.used)} in progress, and the limit is {number(refused.amount or 0)}"


def _too_many(refused: Refused) -> str:
    """What is said of an order of several clips that are too many at once."""
    server = refused.whose is Whose.SERVER
    who, most = "this server" if server else "you", int(refused.amount or 0)
    if refused.clips > most:
        return (
            f"This order is for {refused.clips} clips, and {who} can have {clips(most)} in "
            "progress. Order fewer takes."
        )
    wait = "or wait for some to finish" if server else "wait for some to finish, or cancel one"
    has = "has" if server else "have"
    return (
        f"This order is for {refused.clips} clips. {who[0].upper()}{who[1:]} already {has} "
        f"{_running(refused)}. Order fewer takes, {wait}."
    )


def _left(refused: Refused) -> str:
    """'you've used your 50 for today. They reset in 20 hours.'"""
    if refused.frees_at is None:
        return _never(refused)
    now = f" for {_NOW[refused.period]}" if refused.period else ""
    resets = f"They reset <t:{int(refused.frees_at)}:R>."
    left = f"{refused.would_fit:,}" if refused.would_fit else ""
    amount = f"{refused.amount or 0:,.0f}"
    match refused.limit:
        case Limit.ALL:  # how much the operator allows in all is not told
            has = f"only has {left} left" if left else "has used all of its credits"
            return f"this bot {has}{now}, across all its servers. {resets}"
        case Limit.BUDGET:
            has = f"has {left} of its {amount} left{now}" if left else f"has used its {amount}{now}"
            return f"this server {has}. {resets}"
        case _ if left:
            return f"you have {left} of your {amount} left{now}. {resets}"
        case _:
            return f"you've used your {amount}{now}. {resets}"


def _never(refused: Refused) -> str:
    """What is said of a price that no period ever allows."""
    each = f" {_EACH[refused.period]}" if refused.period else ""
    amount = f"{refused.amount or 0:,.0f}"
    match refused.limit:
        case Limit.ALL:
            return f"this bot can't spend that much{each}. Only its operator can raise the limit."
        case Limit.BUDGET:
            return f"this server's budget is {amount}{each}. A moderator can raise it."
        case _:
            return f"your limit is {amount}{each}. A moderator can raise it."


def _with_reason(sentence: str, why: str) -> str:
    """'A moderator paused orders in this server. Reason: the card expired.'"""
    reason = inert(one_line(why))
    if reason and not why.rstrip().endswith((".", "!", "?", "…")):
        reason += "."
    return f"{sentence}. Reason: {reason}" if reason else f"{sentence}."
