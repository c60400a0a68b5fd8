"""A clock for limits that nobody gains or loses by setting the machine's clock."""

import sqlite3
import time
from collections.abc import Callable

LEAP = 30 * 86_400.0  #: seconds that one start may move ahead of the last moment we know of

#: Like `time.monotonic`, but where the system can tell it also runs while the machine sleeps.
TICKS: Callable[[], float] = (
    (lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Clock:
    """Seconds since 1970 that only ever go forward, at the pace of the machine's ticks.

    The wall clock is believed once, at the start: not below the highest moment the database has
    seen (the *mark*), and not more than 30 days above it, because a year too high would
    freeze every quota once the clock is right again. After that only *ticks* count. So a wall
    clock that jumps while Dailies runs neither frees nor freezes anyone.
    """

    def __init__(
        self,
        mark: float | None,
        *,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = TICKS,
    ) -> None:
        self._wall = wall
        self._ticks = ticks
        self._tick = ticks()
        believed = wall()
        self._start = believed if mark is None else min(max(believed, mark), mark + LEAP)

    def now(self) -> float:
        """Now, as limits count it."""
        return self._start + (self._ticks() - self._tick)

    def on_the_wall(self, moment: float) -> float:
        """What the machine's clock will show at *moment*: what to print for people."""
        return moment + self._wall() - self.now()


def mark(db: sqlite3.Connection) -> float | None:
    """The highest moment this database has seen; None when it has seen none."""
    row = db.execute("SELECT mark FROM clock").fetchone()
    return None if row is None else float(row[0])


def advance(db: sqlite3.Connection, now: float) -> float:
    """*now*, or the mark if that is later; it is the mark from then on."""
    [later] = db.execute(
        """
        INSERT INTO clock (id, mark) VALUES (1, ?)
        ON CONFLICT (id) DO UPDATE SET mark = max(mark, excluded.mark)
        RETURNING mark
        """,
        (now,),
    ).fetchone()
    return float(later)


def seen(db: sqlite3.Connection, now: float) -> float:
    """*now*, or the mark if that is later, for a look that writes nothing."""
    return max(now, mark(db) or now)
