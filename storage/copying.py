"""Makes a copy of the database while it is used, proves a copy, and puts one in its place.

SQLite's online backup copies the pages as they stand, in one snapshot of the log of writes, so
nobody waits for it. `VACUUM INTO` would write each row anew: several times the work, and a file
that differs from the one it was made of.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from .looking import reading
from .opening import DATABASE, Damaged, holding
from .restoration import mark
from .schema import CannotOpen, migrate, migrations, recognize
from .writer import DiskTrouble

PIECE = 2048  #: pages that are copied between two pauses
STEPS = 100_000  #: of SQLite's, between two looks whether a check is still wanted
PAUSE = 0.2  #: seconds of pause for each second of copying: the disk is not ours alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A copy of the database that was found to be whole."""

    size: int  #: bytes
    schema: int
    taken_at: float  #: seconds since 1970


class Stopped(Exception):
    """The copy was given up because somebody asked for it."""


def copy_database(
    directory: Path,
    to: Path,
    *,
    at: float,
    stopped: Callable[[], bool] = lambda: False,
    pages: int = PIECE,
    sleep: Callable[[float], None] = time.sleep,
) -> Copied:
    """Copy the database in *directory* to *to*, whoever is using it, and look whether it is whole.

    The copy says that it was made *at* that time, in seconds since 1970. It is one file. Raises
    `CannotOpen` for a database that cannot be read or is damaged, `DiskTrouble` where *to* cannot
    be written, and `Stopped` soon after *stopped* is true; then there is nothing at *to*. It rests
    after so many *pages*, by *sleep*.
    """
    with ExitStack() as failed:
        with reading(directory) as source:  # the directory is free again while the copy is proven
            recognize(source, directory / DATABASE, migrations())
            failed.callback(_remove, to)
            try:
                _create(to)
                with closing(sqlite3.connect(to, isolation_level=None)) as target:
                    _copy_pages(source, target, pages, stopped, sleep)
                    _finish(target, at)
            except (sqlite3.Error, OSError) as error:
                raise _trouble(error, to) from error
        schema = prove(to, thoroughly=True, stopped=stopped)
        _to_the_disk(to)
        failed.pop_all()
    return Copied(size=to.stat().st_size, schema=schema, taken_at=at)


def _copy_pages(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    pages: int,
    stopped: Callable[[], bool],
    sleep: Callable[[float], None],
) -> None:
    """Copy all pages as one snapshot has them, with pauses."""
    began = time.monotonic()

    def breathe(_status: int, left: int, _all: int) -> None:
        nonlocal began
        if stopped():
            raise Stopped
        if left:
            sleep((time.monotonic() - began) * PAUSE)
        began = time.monotonic()

    source.execute("BEGIN")  # every piece is of the same moment, whatever is written meanwhile
    try:
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        target.execute("PRAGMA synchronous = OFF")  # it is brought to the disk once, at the end
        source.backup(target, pages=pages, progress=breathe)
    finally:
        source.execute("ROLLBACK")


def _finish(target: sqlite3.Connection, at: float) -> None:
    """Make one file of the copy, which says when it was made."""
    target.execute("PRAGMA journal_mode = DELETE")
    # A schema from before that has no room for it: `restore_database` writes it then.
    with suppress(sqlite3.OperationalError):
        mark(target, at)


def prove(
    path: Path,
    *,
    thoroughly: bool,
    called: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Look whether the database file at *path* is whole; the number of its schema.

    Sentences say what it is *called*, where that is not its path.

    Every page and row is looked at; *thoroughly*, also whether each index agrees with its table,
    which takes five times as long. Raises `CannotOpen`, `Damaged` or `Stopped`; changes nothing.
    """
    called = called or path
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as db:
            db.set_progress_handler(stopped, STEPS)
            how = "integrity_check" if thoroughly else "quick_check"
            [[finding]] = db.execute(f"PRAGMA {how}(1)")
            if finding != "ok":
                raise _not_whole(called, str(finding))
            recognize(db, called, migrations())
            [[schema]] = db.execute("PRAGMA user_version")
            if schema == 0:
                raise CannotOpen(f"{called} is empty. It is not a backup of Dailies.")
            return int(schema)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise Stopped from error
        raise _not_whole(called, str(error)) from error


def _not_whole(path: Path, finding: str) -> Damaged:
    return Damaged(f"{path.name} is not a whole database ({finding}). Use another backup.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What the database that was put into a directory holds."""

    jobs: int
    last_job: int  #: the highest number
    taken_at: float  #: when the copy was made, or is now taken to have been made
    aside: Path | None  #: where the database went that was there before


async def restore_database(
    directory: Path,
    fetch: Callable[[Path], Awaitable[float]],
    *,
    over: bool,
    called: Path | None = None,
) -> Restored:
    """Put a copy of a database into *directory*, so that the next start goes on from it.

    *fetch* writes the copy to the path that it is given, and returns when it was made, in seconds
    since 1970; sentences name it as it is *called*. A database that is there already is moved
    aside if *over*; else nothing is done. The copy is looked over, brought to the newest schema,
    and marked as one of an earlier time.

    Raises `Locked` where a Dailies uses the directory, and `CannotOpen`, `Damaged` or
    `DiskTrouble`; then all is as it was before.
    """
    path = directory / DATABASE
    with holding(directory) as lock, ExitStack() as failed:
        failed.callback(lock.unused)
        if path.exists() and not over:
            raise CannotOpen(
                f"{directory} has a database already. Set DAILIES_DATA to an empty directory, or "
                "add --replace, which moves the old database aside."
            )
        part = path.with_name(f"{DATABASE}.restoring")
        failed.callback(_remove, part)
        _remove(part)
        try:
            _create(part)
            taken_at = await fetch(part)
            restored = await asyncio.to_thread(_put_in_place, part, path, taken_at, called)
        except (sqlite3.Error, OSError) as error:
            raise _trouble(error, path) from error
        failed.pop_all()
        lock.closed(path)
    return restored


def _put_in_place(part: Path, path: Path, taken_at: float, called: Path | None) -> Restored:
    prove(part, thoroughly=False, called=called)
    jobs, last, taken_at = _prepare(part, taken_at)
    _to_the_disk(part)
    aside = _keep_aside(path)
    part.rename(path)
    _to_the_disk(path)
    return Restored(jobs=jobs, last_job=last, taken_at=taken_at, aside=aside)


def _prepare(path: Path, taken_at: float) -> tuple[int, int, float]:
    """Bring a copy up to date and mark it; how many jobs it has, the last one, and its time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = DELETE")
        migrate(db, path, migrations())
        marked = db.execute(
            "SELECT max(taken_at) FROM restoration WHERE began_at IS NULL"
        ).fetchone()[0]
        if marked is None:
            [seen] = db.execute("SELECT max(mark) FROM clock").fetchone()
            marked = taken_at if seen is None else min(taken_at, seen)
            mark(db, marked)
        [jobs, last] = db.execute("SELECT count(*), coalesce(max(id), 0) FROM job").fetchone()
        return int(jobs), int(last), float(marked)


def _keep_aside(path: Path) -> Path | None:
    """Give the database at *path* another name besides; which, None if there is none.

    Its log of writes moves there: it must not be taken for that of the one which comes.
    """
    logs = [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm")]
    if not path.exists():
        for log in logs:
            log.unlink(missing_ok=True)
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.before-restore-{number}")).exists():
        number += 1
    os.link(path, aside)
    for log in logs:
        with suppress(FileNotFoundError):
            log.rename(aside.with_name(log.name.replace(path.name, aside.name)))
    return aside


def _create(path: Path) -> None:
    """Create an empty file that its owner alone may read: it will hold prompts."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))


def _to_the_disk(path: Path) -> None:
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(f"{path.name}{end}").unlink(missing_ok=True)


def _trouble(error: sqlite3.Error | OSError, path: Path) -> DiskTrouble:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return DiskTrouble(f"{path.parent} can't take the database ({why}).")
