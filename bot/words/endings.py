"""How far a job is, and how it ended, in a sentence."""

from decimal import Decimal

from bot.progress import Progress
from bot.words.clips import TITLES
from bot.words.money import at_end
from bot.words.money import price as price
from bot.words.text import elide as elide
from bot.words.text import inert as inert
from storage import Bill, Job, State


def ending(job: Job, *, bill: Bill | None, usd_per_credit: Decimal) -> str:
    """How a job ended without a clip, or why it is parked, and what that cost."""
    why = f": {_ended(inert(job.error))}" if job.error else "."
    match job.state:
        case State.CANCELLED:
            by = f" by <@{job.cancelled_by}>" if job.cancelled_by else ""
            text = f"was canceled{by}."
        case State.UNCLEAR:
            text = (
                f"is on hold{why} The provider may have taken it, so sending it again could cost "
                "you twice. A moderator will decide."
            )
        case State.REVIEW:
            text = f"is on hold{why}"
        case State.EXPIRED:
            text = f"took too long{why}"
        case State.CLOSED:
            text = "was closed by a moderator."
        case _:
            text = f"failed{why}"
    return f"<@{job.user_id}> **#{job.id}** {text} {at_end(job, bill, usd_per_credit)}".rstrip()


def _ended(sentence: str) -> str:
    """*sentence* with a full stop, where it has none."""
    return sentence if sentence.rstrip().endswith((".", "!", "?", "…")) else f"{sentence}."


def headline(job: Job, glimpse: Progress) -> str:
    """Where *job* stands, in a few words."""
    match job.state:
        case State.QUEUED if glimpse.position is not None:
            return f"Queued {glimpse.position} of {glimpse.waiting}"
        case State.QUEUED if job.tries > 0:
            return "Queued: the provider is busy"
        case State.RENDERING if job.cancelled_by is not None:
            return "Canceling"
        case State.RENDERING if glimpse.waits_there:
            return "Waiting at the provider"
        case state:
            return TITLES[state]


def progress_line(job: Job, glimpse: Progress, now: float) -> str:
    """How far *job* is, at *now*: a bar, what its provider says, when it will be ready."""
    match job.state:
        case State.QUEUED:
            return f"-# {glimpse.why_waiting}" if glimpse.why_waiting else ""
        case State.FETCHING | State.DELIVERING:
            return _bar(1.0)
        case State.RENDERING:
            return _under_way(glimpse, now)
        case _:
            return ""


def _under_way(glimpse: Progress, now: float) -> str:
    parts = []
    if glimpse.fraction is not None:
        parts.append(_bar(glimpse.fraction))
    elif (share := glimpse.guess(now)) is not None:
        parts.append(_bar(share, about=True))
    if glimpse.says:
        parts.append(inert(glimpse.says))
    if glimpse.ready_at is not None:
        parts.append(f"ready about <t:{int(glimpse.ready_at)}:R>")
    if glimpse.slow:
        parts.append("slower than usual")
    return " · ".join(parts)


def _bar(share: float, *, about: bool = False) -> str:
    done = round(share * 20)
    return f"`{'█' * done}{'░' * (20 - done)}` {'about ' if about else ''}{share:.0%}"
