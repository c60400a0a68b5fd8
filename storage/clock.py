"""Application time: changing the machine's clock frees no quota and expires no job."""

import time
from collections.abc import Callable, Sequence

from .database import Database

LEAP = 30 * 86_400.0  #: seconds that one start may move ahead of the mark
SURE = 60.0  #: seconds that a process must have run before its moments become the mark
REMEMBERED = 90 * 86_400.0  #: seconds for which the times that Dailies did not run are remembered

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

    Only the wall clock says how far a start jumps ahead, so deadlines leave the jump out: see
    `awake`. *gaps* are earlier jumps, each from a moment to a moment. *beside*: another process
    runs meanwhile, so this start ends no jump.
    """

    def __init__(
        self,
        mark: float | None,
        *,
        wall: Callable[[], float] = time.time,
        ticks: Callable[[], float] = TICKS,
        gaps: Sequence[tuple[float, float]] = (),
        beside: bool = False,
    ) -> None:
        self._wall = wall
        self._ticks = ticks
        self._tick = ticks()
        believed = wall()
        self._start = believed if mark is None else min(max(believed, mark), mark + LEAP)
        #: From when to when Dailies did not run just now, as far as the wall clock tells.
        still = mark is None or mark == self._start or beside
        self.gap = None if mark is None or still else (mark, self._start)
        # A gap that began at the mark is that of a start which left no moment behind.
        self._gaps = [each for each in gaps if mark is not None and each[0] < mark]
        if self.gap is not None:
            self._gaps.append(self.gap)
        self._latest = self._kept = mark or 0.0  # moments that writes saw, and the one on the disk

    def now(self) -> float:
        """Now, as limits, due times and deadlines count it."""
        return self._start + (self._ticks() - self._tick)

    def on_the_wall(self, moment: float) -> float:
        """What the machine's clock will show at *moment*: what to print for people."""
        return moment + self._wall() - self.now()

    def awake(self, since: float) -> float:
        """Seconds from *since* to now in which Dailies ran: what a deadline is measured in.

        Neither setting the wall clock between two runs nor a long outage brings a deadline
        nearer. A *since* in the future, which only a wrong clock can have written, counts as this
        start.
        """
        now = self.now()
        if since > now:
            since = self._start
        asleep = sum(max(0.0, min(ended, now) - max(began, since)) for began, ended in self._gaps)
        return now - since - asleep

    def settle(self, now: float) -> float:
        """The later of *now* and what other writes saw, which is what this one sees."""
        self._latest = max(self._latest, now)
        return self._latest

    def keep(self, db: Database) -> float | None:
        """Make what writes saw the mark, as the last step of their transaction; None if it is."""
        return advance(db, self._latest) if self._latest > self._kept else None

    def kept(self, mark: float) -> None:
        """Note that *mark* is on the disk."""
        self._kept = max(self._kept, mark)

    @property
    def sure(self) -> bool:
        """Whether this process has run long enough for its moments to become the mark.

        A process that restarts again and again with a wrong wall clock must not move the mark.
        """
        return self._ticks() - self._tick >= SURE


def mark(db: Database) -> float | None:
    """The highest moment this database has seen; None when it has seen none."""
    row = db.execute("SELECT mark FROM clock").fetchone()
    return None if row is None else float(row[0])


def gaps(db: Database) -> list[tuple[float, float]]:
    """List when Dailies did not run, each from a moment to a moment, oldest first."""
    return [tuple(row) for row in db.execute("SELECT began, ended FROM gap ORDER BY began")]


def note_gap(db: Database, clock: Clock) -> None:
    """Keep what the start of *clock* found, for the deadlines of later starts."""
    seen = mark(db)
    if seen is not None:
        db.execute("DELETE FROM gap WHERE began >= ? OR ended < ?", (seen, seen - REMEMBERED))
    if clock.gap is not None:
        db.execute("INSERT INTO gap (began, ended) VALUES (?, ?)", clock.gap)


def advance(db: Database, now: float) -> float:
    """Settle *now* against the mark: the later of both, which becomes the mark."""
    [later] = db.execute(
        """
        INSERT INTO clock (id, mark) VALUES (1, ?)
        ON CONFLICT (id) DO UPDATE SET mark =
            CASE WHEN clock.mark > excluded.mark THEN clock.mark ELSE excluded.mark END
        RETURNING mark
        """,
        (now,),
    ).fetchone()
    return float(later)


def seen(db: Database, now: float) -> float:
    """Settle *now* against the mark, for a transaction that writes nothing."""
    return max(now, mark(db) or now)
