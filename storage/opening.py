"""Opens the data directory: the lock, the pragmas, the migrations, and when to refuse.

SQLite from 3.7.0 to 3.51.2 can damage a WAL database when two connections write or checkpoint
at the same instant; the Pythons people have carry such a version. Of Dailies' connections exactly
one writes and checkpoints. The readers are opened read-only, so they can do neither, and they are
closed before it. The lock keeps a second Dailies away. So that instant never comes: WAL is used
with every version. Any other program that reads the file while Dailies runs must open it read-only
(`sqlite3 'file:dailies.db?mode=ro'`), because such a connection cannot checkpoint.
"""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import (
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from enum import Enum, auto
from pathlib import Path
from types import ModuleType

from .clock import TICKS, Clock, gaps, mark, note_gap
from .commits import Commits
from .defaults import Defaults
from .schedule import Schedule
from .schema import CannotOpen, migrate, migrations, recognize, require_sqlite
from .sqlite import checkpoint, damage
from .store import Store
from .writer import Connection, DiskTrouble, Writer

DATABASE = "dailies.db"
LOCK = "dailies.lock"
MOVED = "dailies.db.moved"  #: the file once its rows are on a server

SQLITE = sqlite3.sqlite_version
LOG_KEPT = 16 * 2**20  #: bytes of the log of writes that stay on the disk once they are written
#: Connections that read at once. What reads much of history leaves one: see `Writer.read_long`.
READERS = 4


def shareable(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Whether two programs may write and checkpoint one file with that SQLite: see above."""
    return (
        version >= (3, 51, 3)
        or (3, 50, 7) <= version < (3, 51, 0)
        or (3, 44, 6) <= version < (3, 45, 0)
    )


class Locked(CannotOpen):
    """Another Dailies is using the data directory."""


class NotMoved(CannotOpen):
    """The rows could not be moved to a server. Both are as they were."""


class Damaged(CannotOpen):
    """The database file is damaged, and was not changed."""


@asynccontextmanager
async def open_store(
    directory: Path,
    *,
    defaults: Defaults | None = None,
    wall: Callable[[], float] | None = None,
    ticks: Callable[[], float] = TICKS,
    server: str | None = None,
    standing_by: Callable[[str], Awaitable[None]] | None = None,
    shards: int = 1,
) -> AsyncGenerator[Store]:
    """Open the store in *directory*, creating it or bringing it up to the newest schema.

    *defaults* are the limits of servers that have set none. *wall* and *ticks* are what the
    store's clock goes by, in seconds: see `Clock`. With *server*, `postgresql://…`, the rows are
    in that database, and *directory* holds files only: see `postgresql.opening.open_server`.

    Raises `Locked`, `NewerSchema`, `Damaged`, or `CannotOpen` for a directory that cannot be
    used. Closing finishes the writes that still wait.

    The whole file is looked over for damage before it is used, unless it is just as the last
    Dailies closed it. After a crash, which a WAL database is made for, it is looked over while it
    is used: `Store.unproven` says so, and `Store.look_for_damage` does it.
    """
    if server is not None:
        async with server_opening().open_server(
            directory,
            server,
            defaults=defaults,
            wall=wall,
            ticks=ticks,
            standing_by=standing_by,
            shards=shards,
        ) as store:
            yield store
        return
    believed = wall or time.time
    path = directory / DATABASE
    require_sqlite()
    with holding(directory) as lock:
        _not_moved_away(directory)
        left = lock.left(path)
        try:
            # Not opened by aiosqlite, whose thread outlives a connection that failed.
            raw = await asyncio.to_thread(_open, path, migrations(), whole=left is Left.UNKNOWN)
        except BaseException:
            lock.unused()
            raise
        db = Connection(lambda: raw, iter_chunk_size=64)
        async with db, AsyncExitStack() as readers:
            schedule = Schedule()
            await db.run(schedule.watch)
            clock = await db.run(
                lambda raw: Clock(mark(raw), wall=believed, ticks=ticks, gaps=gaps(raw))
            )
            in_place = InPlace(path)
            writer = Writer(
                db,
                watch=Commits(clock=clock, schedule=schedule),
                readers=[await _reader(path, readers) for _ in range(READERS)],
                in_place=in_place,
            )
            try:
                with suppress(DiskTrouble):  # this process knows it; a later start can do without
                    await writer.write(lambda db: note_gap(db, clock))
                store = Store(
                    writer, clock=clock, defaults=defaults or Defaults(), schedule=schedule
                )
                store.unproven = left is Left.IN_USE
                yield store
                with suppress(DiskTrouble):  # the mark of a minute ago stays
                    await store.keep_time()
                proven = not store.unproven and in_place()
            finally:
                await writer.close()
        if proven:
            lock.closed(path)


def server_opening() -> ModuleType:
    """`postgresql.opening`, loaded only where a server is named. Raises `CannotOpen` where its
    driver is missing."""
    try:
        from .postgresql import opening
    except ModuleNotFoundError as error:
        raise CannotOpen(
            "The driver for PostgreSQL isn't installed. Install it with "
            "`pip install 'dailies[postgresql]'`."
        ) from error
    return opening


def opened_alone(directory: Path) -> sqlite3.Connection:
    """The database in *directory*, whose lock the caller holds, of the newest schema and whole, on
    the caller's own thread. Raises `CannotOpen`."""
    require_sqlite()
    return _open(directory / DATABASE, migrations(), whole=True)


def _not_moved_away(directory: Path) -> None:
    if (directory / MOVED).exists() and not (directory / DATABASE).exists():
        raise CannotOpen(
            f"The rows of {directory} were moved to a database server. Set DAILIES_STORE to it, "
            f"or move {MOVED} away to begin with an empty database."
        )


class InPlace:
    """Whether a database that is open, and its log of writes, are still found by their names."""

    def __init__(self, path: Path) -> None:
        self._paths = (path, path.with_name(f"{path.name}-wal"))
        self._known: dict[Path, tuple[int, int]] = {}  # device and number, as they were first seen

    def __call__(self) -> bool:
        """Look for both. One that was never seen has yet to be made, or went at the close."""
        return all(self._is(each) for each in self._paths)

    def _is(self, path: Path) -> bool:
        try:
            found = path.stat()
        except OSError:
            return path not in self._known
        here = found.st_dev, found.st_ino
        return self._known.setdefault(path, here) == here


class Left(Enum):
    """How the last Dailies left the database."""

    CLOSED = auto()  #: whole, and nobody wrote to it since
    IN_USE = auto()  #: it did not come to close it
    UNKNOWN = auto()  #: nobody knows: a backup, or a file that was written to since


class Lock:
    """The lock file of a data directory: who uses it, or how the last one left it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.note = os.pread(descriptor, 100, 0).decode("ascii", "replace").strip()

    def left(self, path: Path) -> Left:
        """How the database was left by whom the note is of."""
        if self.note.isdigit() and path.exists():
            return Left.IN_USE
        return Left.CLOSED if self.note == _closed(path) else Left.UNKNOWN

    def used(self) -> None:
        """Note that this process uses the directory."""
        self._write(str(os.getpid()))

    def unused(self) -> None:
        """Note what was noted before: this process did not come to use the directory."""
        self._write(self.note)

    def closed(self, path: Path) -> None:
        """Note that the database was closed and is whole."""
        self._write(_closed(path))

    def _write(self, note: str) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{note}\n".encode(), 0)


def _closed(path: Path) -> str:
    """The note of a database that was closed as it is now."""
    log = path.with_name(f"{path.name}-wal")
    try:
        found = path.stat()
        return f"closed {found.st_size} {found.st_mtime_ns}" if not log.exists() else "open"
    except FileNotFoundError:
        return "missing"


@contextmanager
def holding(directory: Path) -> Generator[Lock]:
    """Lock the data directory. However the process ends, the kernel releases the lock.

    Raises `Locked`, or `CannotOpen` for a directory that cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)  # it will hold prompts and clips
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotOpen(
            f"The data directory {directory} can't be used ({error.strerror}). "
            "Set DAILIES_DATA to a directory that Dailies can write to."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = Lock(descriptor).note
            if pid and not pid.isdigit():  # nobody runs there: something reads it
                raise Locked(
                    f"A command such as `dailies backup` is reading the data directory "
                    f"{directory}. Wait until it ends."
                ) from error
            raise Locked(
                f"Another Dailies (pid {pid or 'unknown'}) is using the data directory "
                f"{directory}. Stop it or set DAILIES_DATA."
            ) from error
        lock = Lock(descriptor)
        lock.used()
        yield lock
    finally:
        os.close(descriptor)


def _open(path: Path, scripts: Sequence[str], *, whole: bool) -> sqlite3.Connection:
    """Open a connection to a database of the newest schema; look whether it is *whole* before."""
    try:
        _for_its_owner_alone(path)
        # isolation_level=None: Python begins no transaction by itself; the writer does.
        # Only one thread at a time ever uses it: this one, then the writer's.
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (sqlite3.Error, OSError) as error:
        raise CannotOpen(
            f"The database {path} can't be opened ({error}). "
            "Set DAILIES_DATA to a directory that Dailies can write to."
        ) from error
    try:
        with ExitStack() as failed:
            failed.callback(db.close)
            db.row_factory = sqlite3.Row
            if whole and (finding := damage(db)) is not None:
                raise _damaged(path, finding)
            recognize(db, path, scripts)
            _set_up(db)
            migrate(db, path, scripts)
            _without_statistics(db)
            checkpoint(db)
            failed.pop_all()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        ):
            raise _damaged(path, str(error)) from error
        raise CannotOpen(f"The database {path} can't be opened ({error}).") from error
    return db


async def _reader(path: Path, opened: AsyncExitStack) -> Connection:
    """A connection that only reads, on a thread of its own, until *opened* ends."""
    # Not opened by aiosqlite, for the same reason.
    raw = await asyncio.to_thread(_open_reader, path)
    reader = Connection(lambda: raw, iter_chunk_size=64)
    await reader
    opened.push_async_callback(reader.close)
    return reader


def _open_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that can neither write nor checkpoint."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA busy_timeout = 5000")
    db.execute("PRAGMA query_only = ON")
    return db


def _for_its_owner_alone(path: Path) -> None:
    """Create the database file if it is missing, readable by its owner alone: it holds prompts.

    SQLite gives its other files the permissions of this one; those left by an earlier Dailies may
    have others.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for each in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):
            if each.stat().st_mode & 0o077:
                each.chmod(0o600)


def _set_up(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA busy_timeout = 5000")
    db.execute("PRAGMA journal_mode = WAL")
    # FULL: what was answered survives a power cut. NORMAL loses the last commits.
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    # A log that a long read or a burst let grow is cut again.
    db.execute(f"PRAGMA journal_size_limit = {LOG_KEPT:d}")
    # What is deleted is overwritten: a person who deletes their prompts means it.
    db.execute("PRAGMA secure_delete = ON")


def _without_statistics(db: sqlite3.Connection) -> None:
    """Forget what ANALYZE or PRAGMA optimize wrote down, if somebody ran one.

    The plans of our questions are held by tests, and need none. With statistics SQLite may put a
    Bloom filter before an index on an expression, and 3.40 then finds no rows where there are some.
    """
    for (name,) in db.execute(
        "SELECT name FROM sqlite_master WHERE name GLOB 'sqlite_stat[0-9]'"
    ).fetchall():
        db.execute(f"DROP TABLE {name}")  # a name of SQLite's


def _damaged(path: Path, finding: str) -> Damaged:
    return Damaged(
        f"The database {path} is damaged ({finding}) and was not changed. Put a backup in its "
        "place, or move it away to start with an empty one."
    )
