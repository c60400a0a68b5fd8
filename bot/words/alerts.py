"""What an operator and moderators are told of trouble of the whole deployment, and of its end."""

from bot.words.text import inert
from storage import Alert, TakenOver

DAYS, HOURS, MINUTES = 86_400, 3600, 60


def key_refused(title: str) -> str:
    """A provider refuses our key."""
    return (
        f"{title} refuses this bot's key, so it makes no clips. The operator needs to check the "
        "key there and in the settings."
    )


def out_of_credit(title: str) -> str:
    """Our account at a provider is empty."""
    return (
        f"This bot's account at {title} has no money left, so it makes no clips. The operator "
        "needs to add some."
    )


def down(title: str) -> str:
    """A provider does not work."""
    return f"{title} isn't working: several requests in a row failed. Dailies keeps trying."


def server_down(name: str, why: str) -> str:
    """One of the operator's own servers does not work."""
    return f"The ComfyUI server {name} isn't working: {why.rstrip('.')}. Dailies keeps trying."


def books_broken() -> str:
    """The accounts do not add up."""
    return (
        "The accounts don't add up, so no orders are taken. The operator needs to run "
        "`dailies check`."
    )


def disk_low(gib: float) -> str:
    """Too little of the disk is free."""
    return (
        f"This bot's disk has less than {gib:g} GiB free, so no orders are taken. The operator "
        "needs to make room."
    )


def disk_unknown() -> str:
    """The system does not say how much of the disk is free."""
    return "This bot can't tell how much disk space is free. The operator needs to check the disk."


def backup_failed(why: str) -> str:
    """A backup was not made, because of *why*: a few words."""
    return f"The last backup failed: {why.rstrip('.')}."


def stuck(job_id: int, doing: str, title: str, seconds: float) -> str:
    """A clip does not move on. *doing* is its state."""
    return (
        f"#{job_id} has been {doing} at {title} for {lasting(seconds)} and doesn't move on. "
        f"`dailies job {job_id}` shows why."
    )


def clips_wait(count: int, first: int, server: str) -> str:
    """Clips wait for the moderators of a server."""
    what = "1 clip waits" if count == 1 else f"{count:,} clips wait"
    return f"{what} for a moderator's decision in {server}. The oldest is #{first}."


def cut_off() -> str:
    """This process could not renew its lease in time."""
    return (
        "The bot was cut off from its database server for so long that it left Discord until it "
        "could be sure that no other process has taken over. The operator needs to check the "
        "server, and the way to it."
    )


def renewal_late(seconds: float) -> str:
    """The lease is not renewed as it should be."""
    return (
        f"The bot's lease in the database is {seconds:.0f} s late. If that goes on, the bot leaves "
        "Discord. The operator needs to check the database server, and the way to it."
    )


def took_over(other: str, holder: str) -> str:
    """This process took over from one that neither renewed its lease nor let it go."""
    return (
        f"{other} froze, died or lost the database server, so {holder} has taken over. The "
        f"operator needs to look at {other}."
    )


def took_shards_over(found: TakenOver, *, count: int) -> str:
    """Processes took over from one that shared the servers with them, in *count* shards."""
    by = found.by if found.taken == found.shards else "the other processes"
    verb = "has" if by == found.by else "have"
    return (
        f"{found.lost_by} froze, died or lost the database server, so {by} {verb} taken over its "
        f"servers ({found.shards} of {count} shards). The operator needs to look at "
        f"{found.lost_by}."
    )


def too_few_stand_by(there: int, expected: int) -> str:
    """Fewer processes stand by than should."""
    if there == 0:
        return (
            "No process stands by any more: if this one ends, nobody takes over. The operator "
            "needs to start another one."
        )
    return (
        f"Only {there} of {expected} processes stand by. The operator needs to start another one."
    )


def began(alert: Alert, *, since: float) -> str:
    """The message that some trouble began. *since* is by the machine's clock."""
    return (
        f"{began_mark(alert)}: {_plain(alert.text)}\n"
        f"-# Since <t:{int(since)}:f>. You'll hear when it's over."
    )


def over(alert: Alert) -> str:
    """The message that it is over."""
    lasted = lasting((alert.over_at or alert.at) - alert.at)
    return f"{over_mark(alert)} It lasted {lasted}.\n-# It was: {_plain(alert.text)}"


def began_mark(alert: Alert) -> str:
    """How the message of its beginning begins: no other message does."""
    return f"⚠️ **Alert {alert.id}**"


def over_mark(alert: Alert) -> str:
    """How the message of its end begins: no other message does."""
    return f"✅ **Alert {alert.id} is over.**"


def lasting(seconds: float) -> str:
    """'2 h 5 min', '3 days', 'less than a minute'."""
    if seconds < MINUTES:
        return "less than a minute"
    if seconds < HOURS:
        return f"{seconds // MINUTES:.0f} min"
    if seconds < 2 * DAYS:
        hours, rest = divmod(int(seconds), HOURS)
        return f"{hours} h {rest // MINUTES} min" if rest >= MINUTES else f"{hours} h"
    return f"{seconds // DAYS:.0f} days"


def _plain(text: str) -> str:
    """*text*, whose commands are shown as such, and which is inert otherwise."""
    return "`".join(
        part if place % 2 else inert(part) for place, part in enumerate(text.split("`"))
    )
