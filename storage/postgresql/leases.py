"""Which process may write: a row with an end by the database's clock, and an epoch.

A holder renews the row long before its end. Whoever takes it over counts the epoch up, under the
lock of the writers, and every transaction that writes looks whether the epoch is still its own: so
nothing of an earlier holder is kept after that, however long it was frozen.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress

from storage.database import Database
from storage.processes import Holding

from .errors import Failed
from .session import Session
from .thread import SessionThread

log = logging.getLogger(__name__)

VALID = 20.0  #: seconds from a renewal to the end of a lease
RENEWED = 5.0  #: seconds between two renewals
ANSWERED = 5.0  #: seconds that the server is given to renew it, before another connection is tried
AGAIN = 1.0  #: seconds until that
MARGIN = 5.0  #: seconds before the end from which the holder begins nothing more
TAKEN_OVER = "Another Dailies has taken over the database, so this one stops."
BOT = 0  #: the part that is the whole bot


def bound_ends(db: Database, *tables: str) -> None:
    """Move ends that are further away than ours are ever set to where ours would be: the clock of
    another server has set them, which a replica took over from."""
    for table in tables:
        db.execute(
            f"UPDATE {table} SET until = clock_timestamp() + make_interval(secs => :valid)"  # noqa: S608
            " WHERE until > clock_timestamp() + make_interval(secs => :valid + 1)",
            {"valid": VALID},
        )


def take(db: Database, part: int, holder: str) -> tuple[int | None, str]:
    """Take a lease that nobody has, or that *holder* has: its epoch, and who has it now.

    It is to be called in a transaction that writes.
    """
    bound_ends(db, "lease")
    row = db.execute(
        """
        INSERT INTO lease (part, holder, epoch, until)
        VALUES (:part, :holder, 1, clock_timestamp() + make_interval(secs => :valid))
        ON CONFLICT (part) DO UPDATE SET holder = excluded.holder, epoch = lease.epoch + 1,
            until = excluded.until
        WHERE lease.until < clock_timestamp() OR lease.holder = excluded.holder
        RETURNING epoch
        """,
        {"part": part, "holder": holder, "valid": VALID},
    ).fetchone()
    if row is not None:
        return int(row[0]), holder
    [other] = db.execute("SELECT holder FROM lease WHERE part = ?", (part,)).fetchone()
    return None, str(other)


def lost_by(db: Database, part: int, holder: str) -> str | None:
    """Who had a lease that ran out; None where it was let go, or was *holder*'s own."""
    row = db.execute(
        "SELECT holder FROM lease WHERE part = ? AND holder <> ? AND until > '-infinity'"
        " AND until < clock_timestamp()",
        (part, holder),
    ).fetchone()
    return None if row is None else str(row[0])


def renew(db: Session, epochs: Mapping[int, int]) -> set[int]:
    """Move the end of leases on, by their parts and epochs: those parts that are still ours.
    Connects anew where the connection is lost."""
    if db.lost:
        db.reconnect()
    rows = db.execute(
        """
        WITH mine AS (SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS m (p, e))
        UPDATE lease SET until = clock_timestamp() + make_interval(secs => ?)
        FROM mine WHERE part = mine.p AND epoch = mine.e RETURNING part
        """,
        (list(epochs), list(epochs.values()), VALID),
    )
    return {int(part) for (part,) in rows}


def release(db: Database, epochs: Mapping[int, int]) -> None:
    """Let anybody take leases at once."""
    for part, epoch in epochs.items():
        db.execute(
            "UPDATE lease SET until = '-infinity' WHERE part = ? AND epoch = ?", (part, epoch)
        )


class Held(ABC):
    """Leases that this process holds and renews, and how long it surely does."""

    def __init__(self, *, ticks: Callable[[], float], every: float) -> None:
        self._ticks = ticks
        self._every = every
        self._sure_until = float("-inf")
        self._renewed_at = float("-inf")  # when the last renewal was asked for
        self.gone = asyncio.Event()  #: this process must end, as when another has taken over
        self.why = TAKEN_OVER  #: the reason for that, a sentence
        self.waited = False  #: this process stood by before it took one
        self.lost_by: str | None = None  #: who held one before, and neither renewed nor let it go
        self.renewals = 0

    @property
    @abstractmethod
    def held(self) -> Mapping[int, int]:
        """The epoch by the part, which every transaction that writes asks for."""

    @property
    def sure(self) -> bool:
        """Whether no other process can hold one of them now."""
        return not self.gone.is_set() and self._ticks() < self._sure_until

    @property
    def holdings(self) -> list[Holding]:
        """What an operator is shown of them."""
        now = self._ticks()
        return [
            Holding(
                part=part,
                epoch=epoch,
                sure_for=max(0.0, self._sure_until - now) if self.sure else 0.0,
                lag=max(0.0, now - self._renewed_at - self._every),
                renewals=self.renewals,
            )
            for part, epoch in sorted(self.held.items())
        ]

    def end(self, why: str) -> None:
        """Have this process end, for a reason that is a sentence."""
        if not self.gone.is_set():
            log.error("%s", why)
            self.why = why
            self.gone.set()

    async def keep(self, thread: SessionThread) -> None:
        """Renew them again and again, until one is lost or the task is cancelled."""
        pause = self._every
        while not self.gone.is_set():
            await asyncio.sleep(pause)
            try:
                await self._renew(thread)
                pause = self._every
            except Failed as trouble:
                log.warning("%s, so no lease was renewed.", trouble)
                pause = min(self._every, AGAIN)

    @abstractmethod
    async def _renew(self, thread: SessionThread) -> None:
        """Renew all of them, and tell `_answered`. Raises `Failed`."""

    def _answered(self, *, asked_at: float, all_kept: bool) -> None:
        """Note what came of a renewal that was asked for at the tick *asked_at*."""
        if all_kept:
            self.renewals += 1
            self._prolonged(asked_at)
        else:
            self.end(TAKEN_OVER)

    def _prolonged(self, asked_at: float) -> None:
        self._renewed_at = asked_at
        self._sure_until = asked_at + VALID - MARGIN


class Lease(Held):
    """The one lease of a process that shares nothing."""

    def __init__(self, part: int, *, ticks: Callable[[], float], every: float = RENEWED) -> None:
        super().__init__(ticks=ticks, every=every)
        self._part = part
        self._epoch: int | None = None

    @property
    def held(self) -> Mapping[int, int]:
        """The epoch by the part, which every transaction that writes asks for."""
        return {} if self._epoch is None else {self._part: self._epoch}

    def taken(self, epoch: int, *, asked_at: float) -> None:
        """Note that it was taken; *asked_at*: the tick before that was asked for."""
        self._epoch = epoch
        self._prolonged(asked_at)

    async def _renew(self, thread: SessionThread) -> None:
        asked_at, held = self._ticks(), self.held
        kept = await thread.run_within(ANSWERED, lambda db: renew(db, held))
        self._answered(asked_at=asked_at, all_kept=held.keys() <= kept)

    async def release(self, thread: SessionThread) -> None:
        """Let the next process take it at once."""
        held = self.held
        with suppress(Failed):  # it ends by itself
            await thread.run(lambda db: None if db.lost else release(db, held))
