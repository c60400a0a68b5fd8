"""What several processes tell each other through the database, and when they do things in turn."""

import json
import time
from collections.abc import Iterable, Sequence

from storage.database import Database
from storage.engine import ServerTrouble
from storage.schedule import Change, Schedule
from storage.sharing import Chore, Handover, Line, TakenOver, Turns, shard_of
from storage.transactions import Transactions

from . import provider_slots
from .errors import Failed
from .shard_leases import ShardLeases
from .thread import SessionThread

KEPT = 600.0  #: seconds for which it is told what was changed
TIDIED = 60.0  #: seconds between two times that what all have heard of is forgotten
IDENTIFY_EVERY = 5.0  #: seconds between two sessions of one bucket (topics/gateway, "Sharding")


class JobNews:
    """Tells the other processes which jobs a commit changes, as a part of it."""

    def __init__(self, holder: str) -> None:
        self._holder = holder

    def write(self, db: Database, changes: Iterable[Change]) -> None:
        """Do so, as the last step of a transaction."""
        rows = [(each.job_id, each.rev, each.due_at, self._holder) for each in changes]
        if rows:
            db.executemany(
                "INSERT INTO job_news (job_id, rev, due_at, holder) VALUES (?, ?, ?, ?)", rows
            )


def newest(db: Database) -> int:
    """The number of the latest news."""
    [[seq]] = db.execute("SELECT coalesce(max(seq), 0) FROM job_news")
    return int(seq)


class Shards:
    """This process among others; see `sharing.Sharing`."""

    def __init__(
        self,
        leases: ShardLeases,
        thread: SessionThread,
        keeper: SessionThread,
        writer: Transactions,
        schedule: Schedule,
        *,
        seen: int,
    ) -> None:
        """*thread* is a connection for taking leases, *keeper* the one on which they are renewed.
        *seen* is the number of the latest news when the rows were read."""
        self._leases = leases
        self._thread = thread
        self._keeper = keeper
        self._writer = writer
        self._schedule = schedule
        self._seen = seen
        self._gained: frozenset[int] = frozenset()  # shards of which nobody has been told yet
        self._taken_over: list[TakenOver] = []  # the same
        self._tidied = time.monotonic()
        self._versions: dict[str, int] | None = None

    @property
    def count(self) -> int:
        """How many shards there are."""
        return self._leases.count

    @property
    def mine(self) -> frozenset[int]:
        """The shards that this process works for."""
        return self._leases.mine

    @property
    def living(self) -> int:
        """How many processes work."""
        return self._leases.living

    def has(self, guild_id: int) -> bool:
        """Whether this process works for a server."""
        return shard_of(guild_id, self.count) in self._leases.mine

    def does(self, chore: Chore) -> bool:
        """Whether this process is the one that does *chore*."""
        return self._leases.does(chore)

    async def look(self) -> Handover:
        """Take shards that nobody has, as many as are ours; which change hands.

        Raises `DiskTrouble`.
        """
        try:
            found = await self._leases.look(self._thread)
        except Failed as trouble:
            raise ServerTrouble(f"{trouble}, so shards stay as they are.") from trouble
        self._gained |= found.gained
        self._taken_over += found.taken_over
        if self.does(Chore.TIDYING) and time.monotonic() - self._tidied > TIDIED:
            await self._writer.write(_tidy)
            self._tidied = time.monotonic()
        if gained := self._gained:
            await self._writer.write(lambda db: provider_slots.abandon(db, self.count, gained))
            self._gained = frozenset()  # last: whoever is told of them takes them up
        taken_over, self._taken_over = self._taken_over, []
        return Handover(gained=gained, surplus=found.surplus, taken_over=taken_over)

    async def give_up(self, shards: Iterable[int]) -> None:
        """Let others have *shards*."""
        try:
            await self._leases.give_up(shards, self._keeper)
        except Failed as trouble:
            raise ServerTrouble(f"{trouble}, so shards are free in a while.") from trouble

    async def news(self) -> frozenset[str]:
        """Plan jobs of our shards that other processes changed, and find which of the settings
        that are kept in memory were changed by anybody."""
        seen, changes, versions = await self._writer.read(
            lambda db: _news(db, self._seen, self._leases)
        )
        self._seen = seen
        self._schedule.committed(changes)
        known, self._versions = self._versions, versions
        if known is None:  # they were read before anybody asked
            return frozenset(versions)
        return frozenset(what for what, version in versions.items() if known.get(what) != version)

    async def nudge(self, job_id: int) -> None:
        """Have whoever works for its server look at a job now."""
        change = Change(job_id, None, 0.0)
        await self._writer.write(lambda db: JobNews(self._leases.holder).write(db, [change]))

    async def begin_session(self, shard: int, concurrency: int) -> float:
        """Take the next turn of a shard to begin a session with Discord; the seconds until it."""
        bucket = shard % max(1, concurrency)
        return await self._writer.write(lambda db: _turn(db, bucket, self.count))

    async def claim(self, job_id: int, limit: int, turns: Turns) -> bool:
        """Give a queued job one of the *limit* slots at its provider, if it is its turn."""
        holder = self._leases.holder
        return await self._writer.write(
            lambda db: provider_slots.claim(db, job_id, limit, turns, holder)
        )

    async def stand(self, turns: Turns, released: Iterable[int]) -> None:
        """Say who waits here, and which jobs did not use their slots."""
        holder, given = self._leases.holder, tuple(released)
        await self._writer.write(lambda db: provider_slots.stand(db, turns, given, holder))

    async def lines(self) -> dict[str, Line]:
        """How it stands at each provider that has jobs, or for which others wait."""
        holder = self._leases.holder
        return await self._writer.read(lambda db: provider_slots.lines(db, holder))


def _news(
    db: Database, seen: int, leases: ShardLeases
) -> tuple[int, Sequence[Change], dict[str, int]]:
    upto = max(seen, newest(db))
    changes: list[Change] = []
    if upto > seen:
        rows = db.execute(
            """
            SELECT job_news.job_id, job_news.rev, job_news.due_at FROM job_news
            JOIN job ON job.id = job_news.job_id
            WHERE seq > ? AND seq <= ? AND holder <> ?
            AND (job.guild_id >> 22) % ? IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
            ORDER BY seq
            """,
            (seen, upto, leases.holder, leases.count, json.dumps(sorted(leases.mine))),
        )
        changes = [Change(*row) for row in rows]
    versions = {
        str(what): int(version)
        for what, version in db.execute(
            "SELECT what, version FROM changed WHERE what NOT LIKE '% of %'"  # see kept.py
        )
    }
    return upto, changes, versions


def _tidy(db: Database) -> None:
    db.execute(
        "DELETE FROM job_news WHERE at < clock_timestamp() - make_interval(secs => ?)", (KEPT,)
    )
    db.execute("DELETE FROM process WHERE until < clock_timestamp() - interval '1 day'")
    db.execute(
        "DELETE FROM changed WHERE what LIKE '% of %'"
        " AND substr(what, instr(what, ' of ') + 4) NOT IN (SELECT holder FROM process)"
    )
    db.execute("DELETE FROM turn WHERE holder NOT IN (SELECT holder FROM process)")


def _turn(db: Database, bucket: int, count: int) -> float:
    [[wait]] = db.execute(
        """
        INSERT INTO session_turn (bucket, at) VALUES (:bucket, clock_timestamp())
        ON CONFLICT (bucket) DO UPDATE
        SET at = least(
            greatest(session_turn.at + make_interval(secs => :every), clock_timestamp()),
            clock_timestamp() + make_interval(secs => :every * :count)
        )
        RETURNING extract(epoch FROM at - clock_timestamp())
        """,
        # No more than all shards can be before it: else another server's clock has set it.
        {"bucket": bucket, "every": IDENTIFY_EVERY, "count": count},
    )
    return max(0.0, float(wait))
