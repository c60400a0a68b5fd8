"""What is said of shots and reels."""

from collections.abc import Sequence

from bot.words.text import inert

NAMED = 15  #: shots that are named in one line


def length(seconds: float) -> str:
    """'8 s', '1:04', '1:02:03'."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def takes(count: int) -> str:
    """'1 take', '12 takes'."""
    return f"{count} take{'' if count == 1 else 's'}"


def came_of(made: int, running: int, *, approved: str = "") -> str:
    """'✅ take 2 (#9)', '3 takes, none approved', 'in progress': what has come of a shot."""
    parts = [f"✅ {approved}"] if approved else []
    if not approved and made:
        parts.append(f"{takes(made)}, none approved")
    if running:
        parts.append("in progress" if not made else f"{running} in progress")
    return " · ".join(parts) or "nothing made yet"


def without(why: str, names: Sequence[str]) -> str:
    """'Not in it, because …: sc1/sh2, sc1/sh4 and 3 more.'; "" for no names."""
    if not names:
        return ""
    shown = ", ".join(inert(each) for each in names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"-# Not in it, because {why}: {shown}{more}"


def plan(count: int, seconds: float, *, slate: bool, waiting: int) -> str:
    """What a reel would be, and what it costs, before it is begun."""
    said = f"### Reel · {takes(count)} · {length(seconds)}\nFree: this bot joins them itself."
    if slate:
        said += " Each shot's name is shown for one second."
    if waiting:
        said += f" {waiting} other reel{' waits' if waiting == 1 else 's wait'} before it."
    return said


def bar(share: float) -> str:
    """How far a reel is, as a bar."""
    full = max(0, min(20, int(share * 20)))
    return f"`{'█' * full}{'░' * (20 - full)}` {min(share, 0.99):.0%}"
