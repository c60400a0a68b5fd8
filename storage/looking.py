"""Reads an existing data directory, and neither makes, migrates nor changes anything."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from .clock import Clock, mark
from .defaults import Defaults
from .opening import DATABASE, LOCK, Damaged, Locked, server_opening
from .schedule import Schedule
from .schema import CannotOpen, migrations, recognize, require_sqlite
from .sqlite import damage
from .store import Store
from .writer import Connection, Writer

_DAMAGED = "The database {} is damaged ({}) and was not changed; put a backup in its place."


class NotThere(CannotOpen):
    """The directory has no database."""


@asynccontextmanager
async def look_into(
    directory: Path,
    *,
    defaults: Defaults | None = None,
    beside: bool = False,
    server: str | None = None,
) -> AsyncGenerator[Store]:
    """Open the store in *directory* for reading. *defaults* and *server* are as in `open_store`.

    With *beside* a running Dailies may be using the directory: then only what it has committed is
    read. Raises `NotThere`, `Locked` if a running Dailies uses the directory, or `CannotOpen`.
    """
    if server is not None:
        async with server_opening().look_at_server(
            server, defaults=defaults, beside=beside
        ) as store:
            yield store
        return
    require_sqlite()
    path = _there(directory)
    with ExitStack() as stack:
        running = beside and _runs(directory)
        if not running:
            stack.enter_context(_held(directory))
        raw = await asyncio.to_thread(_open, path, stack, running=running, look=_look)
        db = Connection(lambda: raw, iter_chunk_size=64)
        async with db:
            writer = Writer(db)
            clock = await writer.read(lambda db: Clock(mark(db), wall=time.time))
            try:
                yield Store(
                    writer, clock=clock, defaults=defaults or Defaults(), schedule=Schedule()
                )
            finally:
                await writer.close()


@contextmanager
def reading(directory: Path) -> Generator[sqlite3.Connection]:
    """A connection that reads the database in *directory*, of whichever schema, whoever uses it.

    It may be used on any thread. Raises `NotThere`, or `CannotOpen`.
    """
    path = _there(directory)
    with ExitStack() as stack:
        running = _runs(directory)
        if not running:
            stack.enter_context(_held(directory))
        db = _open(path, stack, running=running, look=lambda db, _: db.execute("SELECT 1"))
        stack.callback(db.close)
        yield db


def _there(directory: Path) -> Path:
    path = directory / DATABASE
    try:
        there = path.is_file()
    except OSError:  # a directory above it may not be searched
        there = False
    if not there:
        raise NotThere(
            f"There is no database in {directory}. Set DAILIES_DATA to the directory of your "
            "Dailies, or start it once with `dailies run`."
        )
    return path


@contextmanager
def _held(directory: Path) -> Generator[None]:
    """Keep a Dailies from starting meanwhile. Raises `Locked` if one runs."""
    try:
        descriptor = os.open(directory / LOCK, os.O_RDONLY)
    except FileNotFoundError:  # a backup, in which no Dailies ever ran
        yield
        return
    except OSError as error:
        raise _unreadable(directory / LOCK, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            raise Locked(f"A running Dailies is using the data directory {directory}.") from error
        yield
    finally:
        os.close(descriptor)


def _runs(directory: Path) -> bool:
    """Whether a Dailies uses the directory now."""
    try:
        with _held(directory):
            return False
    except Locked:
        return True


def _open(
    path: Path,
    stack: ExitStack,
    *,
    running: bool,
    look: Callable[[sqlite3.Connection, Path], object],
) -> sqlite3.Connection:
    """Open a connection that cannot write, to a database that *look* finds nothing wrong with.

    What a killed Dailies left in the log of writes is read in a copy. Beside a *running* Dailies
    the connection is an ordinary reader, which never writes the log back.
    """
    log = path.with_name(f"{path.name}-wal")
    try:
        if running:
            mode = "mode=ro"
        elif log.exists() and log.stat().st_size:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dailies-look-")))
            shutil.copyfile(log, folder / log.name)
            path = Path(shutil.copyfile(path, folder / path.name))
            mode = "mode=rw"
        else:
            mode = "immutable=1"
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        db = sqlite3.connect(
            f"{path.as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        with ExitStack() as failed:
            failed.callback(db.close)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            look(db, path)
            failed.pop_all()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        ):
            raise Damaged(_DAMAGED.format(path, error)) from error
        raise CannotOpen(f"The database {path} can't be read ({error}).") from error
    return db


def _look(db: sqlite3.Connection, path: Path) -> None:
    if (finding := damage(db)) is not None:
        raise Damaged(_DAMAGED.format(path, finding))
    scripts = migrations()
    recognize(db, path, scripts)
    [[seen]] = db.execute("PRAGMA user_version")
    if seen < len(scripts):
        raise CannotOpen(
            f"An older Dailies wrote the database {path} (schema {seen}, this one knows "
            f"{len(scripts)}). Back it up, then start `dailies run` once to update it."
        )


def _unreadable(path: Path, error: OSError) -> CannotOpen:
    return CannotOpen(f"{path} can't be read ({error.strerror}). Check its permissions.")
