"""Discord's markdown as words: what a person reads of it, on a terminal."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = (
    (365 * DAY, "year"),
    (30 * DAY, "month"),
    (DAY, "day"),
    (HOUR, "hour"),
    (MINUTE, "minute"),
    (1, "second"),
)
NEAR = {("day", 1): "tomorrow", ("day", -1): "yesterday", ("second", 0): "now"}
NEAR |= {(unit, 1): f"next {unit}" for unit in ("year", "month")}
NEAR |= {(unit, -1): f"last {unit}" for unit in ("year", "month")}

_FENCE = re.compile(r"```(?:[\w+-]*\n)?(.*?)\n?```", re.DOTALL)
_HELD = re.compile("\ue000(\\d+)\ue001")
#: What stands for something else; its groups are read in `_Reader._token`.
_TOKEN = re.compile(
    r"""
    (?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)
    | \\(?P<escaped>[^\w\s])
    | <@!?(?P<user>\d+)> | <@&(?P<role>\d+)> | <\#(?P<channel>\d+)>
    | </(?P<command>[^:<>\n]+):\d+>
    | <t:(?P<at>-?\d{1,13})(?::(?P<style>[tTdDfFRsS]))?>
    | <a?:(?P<emoji>\w+):\d+>
    | \[(?P<words>[^\]\n]+)\]\(<?(?P<target>https?://[^\s<>]+?)>?(?:\s+"[^"\n]*")?\)(?!\))
    | <?(?P<url>https?://[^\s<>]+)>?
    """,
    re.VERBOSE | re.DOTALL,
)
_MARKS = [
    (re.compile(pattern, re.DOTALL), shown)
    for pattern, shown in (
        (r"\|\|(.+?)\|\|", r"[spoiler: \1]"),
        (r"\*\*\*(?!\s)(.+?)\*\*\*", r"\1"),
        (r"\*\*(.+?)\*\*", r"\1"),
        (r"__(.+?)__", r"\1"),
        (r"~~(.+?)~~", r"\1"),
        (r"\*(?![\s*])(.+?)(?<![\s*])\*", r"\1"),
        (r"(?<!\w)_(?!_)(.+?)(?<!_)_(?!\w)", r"\1"),
    )
]
_HEADING = re.compile(r"^(#{1,3}|-#)\s+", re.MULTILINE)
_QUOTE = re.compile(r"^>(?:>>)?\s+", re.MULTILINE)
_BULLET = re.compile(r"^(\s*)[-*]\s+", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the numbers in a text are called, and what time it is."""

    user: Callable[[int], str]
    role: Callable[[int], str]
    channel: Callable[[int], str]
    now: Callable[[], float]  #: seconds since 1970


def plain(text: str, names: Names) -> str:
    """*text* without its markdown, with names for numbers and words for moments."""
    return _Reader(names).read(text)


class _Reader:
    """Holds aside what is finished, so that no later step takes it for markdown."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._held: list[str] = []

    def read(self, text: str) -> str:
        text = text.replace("\ue000", "").replace("\ue001", "")
        text = _FENCE.sub(lambda found: self._hold(found[1]), text)
        text = _BULLET.sub(lambda found: f"{found[1]}{self._hold('•')} ", text)
        text = self._styled(_TOKEN.sub(self._token, text))
        text = _QUOTE.sub("", text)
        return self._restored(_HEADING.sub("", text))

    def _hold(self, text: str) -> str:
        self._held.append(text)
        return f"\ue000{len(self._held) - 1}\ue001"

    def _restored(self, text: str) -> str:
        while _HELD.search(text):  # words of a link hold further ones
            text = _HELD.sub(lambda found: self._held[int(found[1])], text)
        return text

    def _styled(self, text: str) -> str:
        for mark, shown in _MARKS:
            text = mark.sub(shown, text)
        return text

    def _token(self, found: re.Match[str]) -> str:
        said = found.groupdict()
        names = self._names
        if said["words"] is not None:
            words = self._styled(_TOKEN.sub(self._token, said["words"]))
            return f"{words} {self._hold('(' + said['target'] + ')')}"
        if said["code"] is not None:
            shown = said["code"].strip() or said["code"]
        elif said["escaped"] is not None:
            shown = said["escaped"]
        elif said["user"] is not None:
            shown = "@" + names.user(int(said["user"]))
        elif said["role"] is not None:
            shown = "@" + names.role(int(said["role"])).removeprefix("@")
        elif said["channel"] is not None:
            shown = "#" + names.channel(int(said["channel"]))
        elif said["command"] is not None:
            shown = "/" + said["command"]
        elif said["at"] is not None:
            shown = moment(int(said["at"]), said["style"] or "f", names.now())
        elif said["emoji"] is not None:
            shown = f":{said['emoji']}:"
        else:
            # A mark behind an address belongs to the sentence, or closes what stands around it.
            address = said["url"].rstrip(".,;:!?*_~|")
            return self._hold(address) + said["url"][len(address) :]
        return self._hold(shown)


def moment(seconds: int, style: str, now: float) -> str:
    """A moment as Discord's *style* letter shows it, in this machine's zone."""
    if style == "R":
        return from_now(seconds, now)
    try:
        at = datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, OSError, ValueError):
        return "an impossible time"
    hour = at.hour % 12 or 12
    half = "AM" if at.hour < 12 else "PM"
    clock = f"{hour}:{at:%M} {half}"
    exact = f"{hour}:{at:%M:%S} {half}"
    short = f"{at.month}/{at.day}/{at.year}"
    long = f"{at:%B} {at.day}, {at.year}"
    return {
        "t": clock,
        "T": exact,
        "d": short,
        "D": long,
        "F": f"{at:%A}, {long} at {clock}",
        "s": f"{short}, {clock}",
        "S": f"{short}, {exact}",
    }.get(style, f"{long} at {clock}")


def from_now(seconds: float, now: float) -> str:
    """ "in 20 hours", "5 minutes ago": whole units, rounded toward now, as the page says it."""
    distance = seconds - now
    size, unit = next((step for step in STEPS if abs(distance) >= step[0]), STEPS[-1])
    count = int(distance / size)
    if (unit, count) in NEAR:
        return NEAR[unit, count]
    many = unit if abs(count) == 1 else f"{unit}s"
    return f"in {count} {many}" if count > 0 else f"{-count} {many} ago"
