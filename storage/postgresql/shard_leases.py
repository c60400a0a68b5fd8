"""Which shards this process holds: a lease each, as many as are its share of them.

All are renewed together, with the row that says that the process lives. So whoever is cut off or
killed loses all of them at the same moment, and its share is that of the others from then on. One
that was lost so ends the process, as with a single lease; giving some up for others is orderly:
nothing of a shard is under way any more once its lease is given up.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from storage.database import Database
from storage.schema import CannotOpen
from storage.sharing import Chore, Handover, TakenOver, fair_share

from .engine import Postgres, alone
from .errors import Failed
from .kept import SET_BACK, as_noted, note_restored
from .leases import ANSWERED, RENEWED, VALID, Held, bound_ends, release, renew, take
from .session import Session
from .thread import SessionThread

PROVEN_WITHIN = 90.0  #: seconds within which every process writes something, if it lives
#: The leases of what one process does for all of them: below those of the shards.
CHORES = {-1 - number: chore for number, chore in enumerate(Chore)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Who lives, and what each of them holds."""

    held: dict[str, int]  #: how many shards, by the name of each process that lives
    free: frozenset[int]  #: the leases that nobody has


def standing(db: Database, count: int, me: str) -> Standing:
    """What the leases say now, of *count* shards. *me* lives, whatever they say."""
    rows = db.execute("SELECT holder FROM process WHERE until > clock_timestamp()")
    living = {me, *(str(holder) for (holder,) in rows)}
    rows = db.execute("SELECT part, holder FROM lease WHERE until > clock_timestamp()")
    leases = {int(part): str(holder) for part, holder in rows}
    counted = Counter(holder for part, holder in leases.items() if 0 <= part < count)
    return Standing(
        held={each: counted[each] for each in living | counted.keys()},
        free=frozenset({*range(count), *CHORES} - leases.keys()),
    )


def agree(db: Database, count: int, me: str) -> None:
    """Note that there are *count* shards. Raises `CannotOpen` where another process works, and
    knows of another number."""
    [there] = db.execute("SELECT to_regclass('dailies.sharding') IS NOT NULL").fetchone()
    if not there:  # an older Dailies made the schema: it knows of one
        return
    row = db.execute("SELECT count FROM sharding").fetchone()
    known = 1 if row is None else int(row[0])
    if known != count and others(db, me):
        raise CannotOpen(
            f"Another Dailies is using the database of DAILIES_STORE with DAILIES_SHARDS={known}, "
            f"and here it is {count}. Set the same everywhere. To change it, stop all of them "
            "first."
        )
    db.execute(
        "INSERT INTO sharding (id, count) VALUES (1, ?)"
        " ON CONFLICT (id) DO UPDATE SET count = excluded.count",
        (count,),
    )


def others(db: Database, me: str) -> list[str]:
    """The other processes that work now, by name."""
    rows = db.execute(
        "SELECT DISTINCT holder FROM lease"
        " WHERE part >= 0 AND until > clock_timestamp() AND holder <> ? ORDER BY holder",
        (me,),
    )
    return [str(holder) for (holder,) in rows]


def lives(db: Database, me: str) -> None:
    """Say that this process lives, for as long as a lease is valid."""
    db.execute(
        """
        INSERT INTO process (holder, until)
        VALUES (:me, clock_timestamp() + make_interval(secs => :valid))
        ON CONFLICT (holder) DO UPDATE SET until = excluded.until
        """,
        {"me": me, "valid": VALID},
    )


def forget_earlier(db: Database, me: str) -> None:
    """Give up what an earlier life of this process held: who has its directory's lock knows that
    it is over."""
    db.execute("UPDATE lease SET until = '-infinity' WHERE holder = ?", (me,))


def lost(db: Database, count: int, me: str) -> dict[str, set[int]]:
    """The shards whose leases ran out, by who had them: neither let go nor *me*'s own."""
    rows = db.execute(
        "SELECT part, holder FROM lease WHERE part >= 0 AND part < ? AND holder <> ?"
        " AND until > '-infinity' AND until < clock_timestamp() ORDER BY part",
        (count, me),
    )
    found: dict[str, set[int]] = {}
    for part, holder in rows:
        found.setdefault(str(holder), set()).add(int(part))
    return found


def take_share(
    db: Database, count: int, me: str, mine: Iterable[int]
) -> tuple[dict[int, int], list[TakenOver]]:
    """Take what is free of *me*'s share, beside *mine*: the epoch of each lease that was taken,
    and who lost some of them. Whoever has a shard also takes what one process does for all.

    It is to be called in a transaction that writes.
    """
    ran_out = lost(db, count, me)
    found, held = standing(db, count, me), set(mine)
    wanted = fair_share(me, count, found.held) - len(held)
    taken = sorted(part for part in found.free if part >= 0)[: max(0, wanted)]
    if held or taken:
        taken += sorted(part for part in found.free if part < 0)
    epochs = {}
    for part in taken:
        epoch, _ = take(db, part, me)
        assert epoch is not None, "it was free, and nobody else writes"
        epochs[part] = epoch
    taken_over = [
        TakenOver(lost_by=other, by=me, shards=len(parts), taken=len(parts & epochs.keys()))
        for other, parts in ran_out.items()
        if parts & epochs.keys()
    ]
    for each in taken_over:  # whoever takes the rest finds nothing that ran out
        db.execute(
            "UPDATE lease SET until = '-infinity' WHERE holder = ? AND until < clock_timestamp()",
            (each.lost_by,),
        )
    return epochs, taken_over


class ShardLeases(Held):
    """The leases of a process that shares the bot's servers with others."""

    def __init__(
        self, count: int, holder: str, *, ticks: Callable[[], float], every: float = RENEWED
    ) -> None:
        super().__init__(ticks=ticks, every=every)
        self.count = count
        self.holder = holder
        # Other threads read these two, so they are replaced and never changed.
        self._epochs: Mapping[int, int] = {}
        self._leaving: frozenset[int] = frozenset()
        self._changing = asyncio.Lock()  # held while leases are renewed, or given up
        self.living = 1  #: how many processes hold some of them
        self._taken_over: Sequence[TakenOver] = ()  # of what was taken first
        self._unproven_since: float | None = None

    @property
    def held(self) -> Mapping[int, int]:
        """The epoch by the shard, which every transaction that writes asks for."""
        return {part: epoch for part, epoch in self._epochs.items() if part >= 0}

    @property
    def mine(self) -> frozenset[int]:
        """The shards that this process works for: those it is giving up are not among them."""
        return frozenset(part for part in self._epochs if part >= 0) - self._leaving

    def does(self, chore: Chore) -> bool:
        """Whether this process is the one that does *chore*."""
        return self.sure and any(CHORES.get(part) is chore for part in self._epochs)

    def taken(
        self,
        epochs: Mapping[int, int],
        *,
        asked_at: float,
        taken_over: Sequence[TakenOver] = (),
    ) -> None:
        """Note the first ones that were taken, and from whom; *asked_at*: the tick before that was
        asked for."""
        self._epochs = {**self._epochs, **epochs}
        self._taken_over = taken_over
        self._prolonged(asked_at)

    async def look(self, thread: SessionThread) -> Handover:
        """Take what is free of our share, and say what is more than that, on a connection of its
        own: what waits for other writers must not keep leases from being renewed.

        Raises `Failed`.
        """
        found = await thread.run(lambda db: _standing(db, self.count, self.holder))
        self.living = max(1, sum(shards > 0 for shards in found.held.values()))
        share = fair_share(self.holder, self.count, found.held)
        mine = self.mine
        if len(mine) > share:
            self._leaving |= frozenset(sorted(mine)[share:])
        gained: frozenset[int] = frozenset()
        taken_over = list(self._taken_over)
        shards_free = any(part >= 0 for part in found.free)
        if (shards_free and len(mine) < share) or any(part < 0 for part in found.free):
            engine = Postgres(lambda: self.held)

            taken = await thread.run(lambda db: alone(db, engine, self._take))
            if taken is None:
                self.end(SET_BACK)
            epochs, others = taken or ({}, [])
            taken_over += others
            self._epochs = {**self._epochs, **epochs}
            gained = frozenset(part for part in epochs if part >= 0)
        self._taken_over = ()
        return Handover(gained=gained, surplus=self._leaving, taken_over=taken_over)

    def _take(self, db: Session) -> tuple[dict[int, int], list[TakenOver]] | None:
        """Take what is free of our share. After a replica was promoted, not before all who held
        leases have said that it lacks nothing of theirs; None where one never did, so that what
        was its may be of an earlier time."""
        now = self._ticks()
        if as_noted(db):
            self._unproven_since = None
            return take_share(db, self.count, self.holder, self.held)
        if self._unproven_since is None:
            self._unproven_since = now
        if now - self._unproven_since < PROVEN_WITHIN:
            return {}, []
        note_restored(db)
        return None

    async def give_up(self, shards: Iterable[int], thread: SessionThread) -> None:
        """Let others take *shards* at once. Raises `Failed`: then they can in a while."""
        async with self._changing:
            given = {part: self._epochs[part] for part in shards if part in self._epochs}
            self._epochs = {part: each for part, each in self._epochs.items() if part not in given}
            self._leaving -= given.keys()
            await thread.run(lambda db: release(db, given))

    async def _renew(self, thread: SessionThread) -> None:
        async with self._changing:
            asked_at, asked = self._ticks(), dict(self._epochs)
            kept = await thread.run_within(ANSWERED, lambda db: _renewed(db, asked, self.holder))
            self._answered(asked_at=asked_at, all_kept=asked.keys() <= kept)

    async def release(self, thread: SessionThread) -> None:
        """Let others take all of them at once: this process ends."""
        async with self._changing:
            given, self._epochs = self._epochs, {}
            with suppress(Failed):  # they end by themselves
                await thread.run(lambda db: _end(db, given, self.holder))


def _standing(db: Session, count: int, me: str) -> Standing:
    if db.lost:
        db.reconnect()
    return standing(db, count, me)


def _renewed(db: Session, epochs: Mapping[int, int], me: str) -> set[int]:
    """`renew`, and move the end of *me* on, and those of others to where they can be."""
    kept = renew(db, epochs)
    bound_ends(db, "lease", "process")
    lives(db, me)
    return kept


def _end(db: Session, epochs: Mapping[int, int], me: str) -> None:
    if not db.lost:
        release(db, epochs)
        db.execute("DELETE FROM process WHERE holder = ?", (me,))
