"""When sessions with Discord began, also those of earlier processes: it allows only so many a day.

Who begins over 1,000 sessions in a day loses the token. A bot that dies soon after each start, and
is started again by Docker or systemd, would do that in hours.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bot.atomic import whole

log = logging.getLogger(__name__)

HOUR = 3600.0
OFTEN = 10  #: sessions in an hour from which on the next ones are far apart
APART, FAR_APART = 5.0, 200.0  #: seconds between two sessions
KEPT = 100  #: of them are written down at the most


class Sessions:
    """The sessions of the last hour. They are kept in a file beside the database."""

    def __init__(
        self,
        note: Path,
        *,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = note
        self._wall = wall
        self._ticks = ticks
        ages = (wall() - began for began in _read(note))
        self._began = deque(sorted(ticks() - age for age in ages if 0 <= age <= HOUR))

    def wait(self, *, initial: bool, shards: int = 1, processes: int = 1) -> float:
        """Seconds to wait before the next one; the *initial* one of a process need not, unless
        those before it died soon. Where several processes share *shards*, each has some of them
        to begin, and together they begin no more than one would."""
        now = self._ticks()
        while self._began and now - self._began[0] > HOUR:
            self._began.popleft()
        often = len(self._began) >= OFTEN + shards - 1
        if initial and not often:
            return 0.0
        wait = identify_wait(self._began, now, processes=processes)
        if initial and wait:
            log.warning(
                "Dailies began %d sessions with Discord within an hour. Discord takes back the "
                "token of who begins 1,000 a day, so the next one begins in %.0f s. Look above "
                "why it ended so often.",
                *(len(self._began), wait),
            )
        return wait

    def lately(self) -> int:
        """How many began within the last hour."""
        now = self._ticks()
        return sum(now - at <= HOUR for at in self._began)

    def begin(self) -> None:
        """Note that one begins."""
        self._began.append(self._ticks())
        ahead = self._wall() - self._ticks()
        times = [round(each + ahead, 1) for each in list(self._began)[-KEPT:]]
        with suppress(OSError), whole(self._note) as part:  # then only this process knows
            part.write_text(json.dumps(times))


def _read(note: Path) -> list[float]:
    try:
        found = json.loads(note.read_text())
        return [float(each) for each in found]
    except (OSError, ValueError, TypeError):
        return []


def identify_pause(recent: int) -> float:
    """Seconds before another session, after *recent* ones in an hour.

    Discord allows one in 5 s and 1,000 a day; this comes to 700 a day at most.
    """
    return APART if recent < OFTEN else FAR_APART


def identify_wait(began: Sequence[float], now: float, *, processes: int = 1) -> float:
    """Seconds to wait at *now* before another session, where those of the last hour *began*.

    Counted from the last one: discord.py gives a session up that takes a minute to begin, and its
    next try waits for what is left.
    """
    pause = identify_pause(len(began)) * processes
    return max(0.0, began[-1] + pause - now) if began else 0.0
