"""Opens the store on a server: connections, the newest schema, the lease that lets us write."""

import asyncio
import logging
import platform
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psycopg

from storage.clock import TICKS, Clock, gaps, mark, note_gap
from storage.commits import Commits
from storage.defaults import Defaults
from storage.engine import DiskTrouble
from storage.looking import NotThere
from storage.opening import Locked, holding
from storage.schedule import Schedule
from storage.schema import CannotOpen
from storage.server_facts import ServerFacts
from storage.sharing import TakenOver
from storage.store import Store
from storage.writer import Writer

from .connecting import LOOKS, look_at_hosts, may_not, opened, opened_first, run
from .engine import Leases, Postgres, alone
from .errors import Failed
from .examining import facts
from .identity import NEWEST, Newest, place
from .kept import Kept, as_noted, note_restored
from .leases import BOT, Held, Lease, lost_by, take
from .processes import STANDS_BY, WORKS, ServerProcesses
from .provider_slots import abandon
from .schema import migrate, migrations, recognize
from .session import Session
from .shard_leases import ShardLeases, agree, forget_earlier, lives, take_share
from .shard_leases import others as workers
from .shards import JobNews, Shards, newest
from .thread import SessionThread

log = logging.getLogger(__name__)

T = TypeVar("T")

ASKED = 40.0  #: seconds for the server to say who is the bot; its own limits end others before
LOOKED = 0.5  #: seconds between two looks whether the lease is sure
HANGS = 5.0  #: seconds without an answer, while it is not, after which a connection is given up
READERS = 4  #: connections that read at once, as with SQLite
WAITS = 30.0  #: seconds without a share after which a process counts as standing by
SETTLED = 1.0  #: seconds that a process which shares waits for others that are just being started
HOLDER = "dailies.holder"  #: the file that names this installation among those that share a server
#: How the connections are called that a process keeps, beside the one that writes.
KEEPS, READS, SHARES = "dailies lease", "dailies reader", "dailies shards"

_CHANGES = """
    CREATE TEMP TABLE IF NOT EXISTS job_change (
        job_id BIGINT NOT NULL, rev BIGINT, due_at DOUBLE PRECISION
    ) ON COMMIT DELETE ROWS
"""


def kept(shards: int, *, readers: int = READERS) -> list[str]:
    """The names of the connections that a process keeps: `open_server` opens these alone."""
    return [WORKS, KEEPS, *[READS] * readers, *([SHARES] if shards > 1 else [])]


@asynccontextmanager
async def open_server(
    directory: Path,
    url: str,
    *,
    defaults: Defaults | None = None,
    wall: Callable[[], float] | None = None,
    ticks: Callable[[], float] = TICKS,
    lease_ticks: Callable[[], float] | None = None,
    readers: int = READERS,
    standing_by: Callable[[str], Awaitable[None]] | None = None,
    shards: int = 1,
) -> AsyncGenerator[Store]:
    """Open the store in the database *url* for the data directory *directory*, creating it or
    bringing it up to the newest schema.

    Only one process uses it at a time, or as many as share its *shards*. With *standing_by* another
    one is waited for: that is called with its name, and waits, before each look whether it is gone.
    Without *wall* the time is the server's. *ticks* count the time of jobs and limits, and that of
    the lease unless *lease_ticks* do. Raises `Locked`, or `CannotOpen` with a sentence.
    """
    with holding(directory):
        async with AsyncExitStack() as stack:
            holder, beside = _holder(directory), False
            counted = lease_ticks or ticks
            lease = _lease(shards, holder, counted)
            servers = Newest(directory / NEWEST)
            commits = Kept(holder, _ending(lease), alone=shards == 1)
            engine = Postgres(lambda: lease.held, commits)
            works, keeps, *others = kept(shards, readers=readers)
            db = await opened_first(url, works, stack, note_changes, servers)
            await _made(db)
            keeper = await opened(url, keeps, stack, newest=servers)
            stack.push_async_callback(lease.release, keeper)
            if isinstance(lease, ShardLeases):
                beside = await _take_share(db, lease, counted, standing_by)
            else:
                await _take(db, lease, holder, counted, standing_by)
                await run(db, lambda raw: migrate(raw, migrations()))
            await run(db, lambda raw: _note_restored(raw, lambda: lease.held, commits))
            renewing = asyncio.create_task(lease.keep(keeper), name="lease")
            stack.push_async_callback(_ended, renewing)
            schedule = Schedule()
            await db.run(schedule.begin)
            believed = wall or await _server_time(db)
            clock = await db.run(
                lambda raw: Clock(
                    mark(raw), wall=believed, ticks=ticks, gaps=gaps(raw), beside=beside
                )
            )
            more = [await opened(url, each, stack, newest=servers) for each in others]
            giving_up = asyncio.create_task(_give_up(lease, [db, *more]), name="hanging server")
            stack.push_async_callback(_ended, giving_up)
            told = JobNews(holder) if shards > 1 else None
            watch = Commits(clock=clock, schedule=schedule, news=told)
            writer = Writer(db, watch=watch, readers=more[:readers], engine=engine)
            sharing = None
            if isinstance(lease, ShardLeases):
                seen = await db.run(newest)
                sharing = Shards(lease, more[readers], keeper, writer, schedule, seen=seen)
                await _begin_afresh(writer, lease)
            try:
                if not beside:
                    with suppress(DiskTrouble):
                        await writer.write(lambda db: note_gap(db, clock))
                store = Store(
                    writer,
                    clock=clock,
                    defaults=defaults or Defaults(),
                    schedule=schedule,
                    lease=lease,
                    processes=ServerProcesses(writer),
                    sharing=sharing,
                )
                yield store
                with suppress(DiskTrouble):  # the mark of a minute ago stays
                    await store.keep_time()
            finally:
                await writer.close()


def _lease(shards: int, holder: str, ticks: Callable[[], float]) -> Lease | ShardLeases:
    if shards == 1:
        return Lease(BOT, ticks=ticks)
    return ShardLeases(shards, holder, ticks=ticks)


async def _begin_afresh(writer: Writer, lease: ShardLeases) -> None:
    """Have no slot taken by what an earlier process of our shards was about to send."""
    count, mine = lease.count, lease.mine
    await writer.write(lambda db: abandon(db, count, mine))


async def _give_up(lease: Held, connections: Sequence[SessionThread]) -> None:
    """Cut connections that hang while the lease is not sure, so that whoever waits is told.

    A server that answers nothing is as good as away, and a frozen one closes no connection.
    """
    while True:
        await asyncio.sleep(LOOKED)
        if not lease.sure:
            for each in connections:
                each.cut_if_it_hangs(HANGS)


@asynccontextmanager
async def look_at_server(
    url: str, *, defaults: Defaults | None = None, beside: bool = False
) -> AsyncGenerator[Store]:
    """Open the store in the database *url* for reading; *beside* a running Dailies, too.

    Raises `NotThere`, `Locked` or `CannotOpen`.
    """
    async with AsyncExitStack() as stack:
        db = await opened_first(url, LOOKS, stack)
        seen = await run(db, lambda raw: recognize(raw, migrations()))
        if seen < max(migrations()):
            if seen == 0:
                raise NotThere(
                    f"There is no Dailies in the database of DAILIES_STORE{place(url)}. Start it "
                    "once with `dailies run`."
                )
            raise CannotOpen(
                f"An older Dailies wrote the database (schema {seen}, this one knows "
                f"{max(migrations())}). Dump it, then start `dailies run` once to update it."
            )
        others = await run(db, lambda raw: workers(raw, ""))
        if others and not beside:
            raise Locked(f"A running Dailies ({others[0]}) is using the database of DAILIES_STORE.")
        writer = Writer(db, engine=Postgres())
        clock = await writer.read(lambda raw: Clock(mark(raw), wall=time.time))
        try:
            yield Store(writer, clock=clock, defaults=defaults or Defaults(), schedule=Schedule())
        finally:
            await writer.close()


async def examine(url: str, *, shards: int = 1) -> ServerFacts:
    """What the server of *url* says of itself, to processes that share so many *shards*. Raises
    `CannotOpen`."""
    async with AsyncExitStack() as stack:
        outdated = await asyncio.to_thread(look_at_hosts, url, Newest())
        db = await opened_first(url, "dailies doctor", stack)
        return await run(db, lambda raw: facts(raw, outdated, needed=len(kept(shards))))


def note_changes(db: Session) -> None:
    """Have the jobs that this session changes noted, for the schedule."""
    db.script(_CHANGES)


async def _made(db: SessionThread) -> None:
    """Make the schema in a database that has none; bring no other up to date yet, because another
    process may be using it. Raises `CannotOpen`."""

    def make(raw: Session) -> None:
        if recognize(raw, migrations()) == 0:
            migrate(raw, migrations())

    await run(db, make)


def _note_restored(raw: Session, leases: Leases, commits: Kept) -> None:
    """Note where the rows are those of an earlier time: of a dump, or of a server put back."""
    if not as_noted(raw):
        alone(raw, Postgres(leases), lambda raw: None if as_noted(raw) else note_restored(raw))
    commits.known_on(raw.identity)


def _ending(lease: Held) -> Callable[[str], None]:
    """What has the process end for a reason, on any thread."""
    loop = asyncio.get_running_loop()

    def end(why: str) -> None:
        loop.call_soon_threadsafe(lease.end, why)

    return end


async def _take(
    db: SessionThread,
    lease: Lease,
    holder: str,
    ticks: Callable[[], float],
    standing_by: Callable[[str], Awaitable[None]] | None,
) -> None:
    """Take the lease of the bot, or wait for it, also while the server is away. Raises `Locked`
    where nobody waits."""
    engine, other = Postgres(), ""

    def look(raw: Session) -> tuple[str | None, tuple[int | None, str]]:
        agree(raw, 1, holder)
        return lost_by(raw, BOT, holder), take(raw, BOT, holder)

    def ask(raw: Session) -> tuple[str | None, tuple[int | None, str]]:
        found = alone(raw, engine, look)
        raw.rename(STANDS_BY if found[1][0] is None else WORKS)
        return found

    while True:
        asked_at = ticks()
        found = await _asked(db, lease, ask, standing_by, other)
        if found is None:
            continue
        lost, (epoch, other) = found
        if epoch is not None:
            lease.lost_by = lost
            lease.taken(epoch, asked_at=asked_at)
            return
        await _wait(lease, standing_by, other)


async def _take_share(
    db: SessionThread,
    leases: ShardLeases,
    ticks: Callable[[], float],
    standing_by: Callable[[str], Awaitable[None]] | None,
) -> bool:
    """Take this process's share of the shards, or wait until there is one for it, also while the
    server is away; whether others work, too. The schema is the newest then. Raises `Locked` where
    nobody waits, and `CannotOpen`."""
    count, me, engine = leases.count, leases.holder, Postgres()

    def first(raw: Session) -> str:
        """Bring the schema up to date, which nobody may be using; who does, where somebody is."""
        forget_earlier(raw, me)
        if recognize(raw, migrations()) < max(migrations()):
            if working := workers(raw, me):
                return working[0]
            take(raw, 0, me)  # nobody else begins meanwhile
        return ""

    def take_them(raw: Session) -> tuple[dict[int, int], list[TakenOver], list[str]]:
        agree(raw, count, me)
        lives(raw, me)
        return *take_share(raw, count, me, ()), workers(raw, me)

    def ask(raw: Session) -> tuple[dict[int, int], list[TakenOver], list[str]]:
        found = alone(raw, engine, take_them)
        # Whoever waits a moment for its share is none that stands by.
        raw.rename(STANDS_BY if not found[0] and ticks() - began > WAITS else WORKS)
        return found

    def live(raw: Session) -> None:
        agree(raw, count, me)
        lives(raw, me)

    other, began = "", ticks()
    while (
        working := await _asked(
            db, leases, lambda raw: alone(raw, engine, first), standing_by, other
        )
    ) != "":
        if working is not None:
            other = working
            await _wait(leases, standing_by, other)
    await run(db, lambda raw: migrate(raw, migrations()))
    await run(db, lambda raw: alone(raw, engine, lambda raw: forget_earlier(raw, me)))
    await run(db, lambda raw: alone(raw, engine, live))
    await asyncio.sleep(SETTLED)  # those that are started together share from the beginning
    while True:
        asked_at = ticks()
        found = await _asked(db, leases, ask, standing_by, other)
        if found is None:
            continue
        epochs, taken_over, others = found
        if epochs:
            leases.taken(epochs, asked_at=asked_at, taken_over=taken_over)
            return bool(others)
        other = ", ".join(others) or "another process"
        await _wait(leases, standing_by, other)


async def _asked(
    db: SessionThread,
    lease: Held,
    ask: Callable[[Session], T],
    standing_by: Callable[[str], Awaitable[None]] | None,
    other: str,
) -> T | None:
    """What *ask* finds; None, after a moment, where the server is away and this process stands by
    for *other*. Raises `CannotOpen` where it does not."""
    try:
        return await db.run_within(ASKED, ask)
    except Failed as away:
        if standing_by is None or not lease.waited:
            raise CannotOpen(f"{away}.") from away
        log.warning("%s, so nobody knows whether %s is still the bot.", away, other)
        await standing_by(other)
        return None
    except psycopg.errors.InsufficientPrivilege as error:
        raise may_not(error) from error


async def _wait(
    lease: Held, standing_by: Callable[[str], Awaitable[None]] | None, other: str
) -> None:
    """Stand by for *other* for a moment. Raises `Locked` where nobody stands by."""
    if standing_by is None:
        raise Locked(
            f"Another Dailies ({other}) is using the database of DAILIES_STORE. Stop it, name "
            "another database, or set DAILIES_S3_BUCKET for both to stand by for it."
        )
    lease.waited = True
    await standing_by(other)


def _holder(directory: Path) -> str:
    """How this installation is called among those that share a server: the machine's name, and
    letters that a file in its data directory keeps.

    Whoever holds the lock of that directory knows that no other process of it lives.
    """
    path = directory / HOLDER
    try:
        name = path.read_text("utf-8").strip()
    except FileNotFoundError:
        name = ""
    if not name:
        name = f"{platform.node() or 'machine'}-{secrets.token_hex(4)}"
        path.write_text(f"{name}\n", "utf-8")
    return name


async def _server_time(db: SessionThread) -> Callable[[], float]:
    """The server's clock, which all processes share: this machine's, moved by the difference."""

    def ask(raw: Session) -> float:
        row = raw.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
        assert row is not None
        return float(row[0])

    ahead = await db.run(ask) - time.time()
    return lambda: time.time() + ahead


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
