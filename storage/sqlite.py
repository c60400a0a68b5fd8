"""SQLite as the writer uses it: its transactions, its errors, its log of writes."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from .engine import DiskTrouble

T = TypeVar("T")

#: What SQLite says when the disk, not the question, is at fault: primary result codes.
_DISK: dict[int, str] = {
    sqlite3.SQLITE_FULL: "The disk is full",
    sqlite3.SQLITE_IOERR: "The disk can't be read or written",
    sqlite3.SQLITE_READONLY: "The data directory can't be written to",
    sqlite3.SQLITE_CANTOPEN: "The data directory can't be written to",
    sqlite3.SQLITE_BUSY: "Another program is holding the database",
    sqlite3.SQLITE_LOCKED: "Another program is holding the database",
    sqlite3.SQLITE_NOMEM: "There is not enough memory",
    sqlite3.SQLITE_CORRUPT: "The database is damaged",
    sqlite3.SQLITE_NOTADB: "The database is damaged",
}


class Sqlite:
    """SQLite's `engine.Engine`."""

    streams_words = True  #: FTS5 reads a word's list of clips from its beginning

    def begin(self, db: sqlite3.Connection) -> None:
        """Begin a transaction that holds the lock of the file."""
        db.execute("BEGIN IMMEDIATE")

    def commit(self, db: sqlite3.Connection) -> None:
        """Bring the transaction to the disk."""
        db.execute("COMMIT")

    def under_way(self, db: sqlite3.Connection) -> bool:
        """Whether a transaction is under way."""
        return db.in_transaction

    def ends_group(self, error: Exception) -> bool:
        """Never: what ends the transaction as a whole, SQLite has rolled back by itself."""
        del error
        return False

    def snapshot(self, db: sqlite3.Connection, fn: Callable[[sqlite3.Connection], T]) -> T:
        """What *fn* finds in one state of the database, on a connection that cannot write."""
        db.execute("BEGIN")
        try:
            return fn(db)
        finally:
            if db.in_transaction:  # else the disk ended it, which is what is told
                db.execute("ROLLBACK")

    def forbidden_to_write(
        self, db: sqlite3.Connection, fn: Callable[[sqlite3.Connection], T]
    ) -> T:
        """What *fn* finds, on the connection that writes."""
        db.execute("PRAGMA query_only = ON")
        try:
            return fn(db)
        finally:
            db.execute("PRAGMA query_only = OFF")

    def translated(self, error: Exception, outcome: str) -> Exception:
        """`DiskTrouble` for trouble of the disk; any other (a broken rule, a bug) as it is."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
        if isinstance(error, sqlite3.Error) and code in _DISK:
            return DiskTrouble(f"{_DISK[code]}, {outcome}.")
        return error

    def scrub(self, db: sqlite3.Connection) -> bool:
        """Move the log of writes into the database; the disk's trouble means that it must wait."""
        return checkpoint(db)

    def damage(self, db: sqlite3.Connection) -> str | None:
        """What is damaged in the whole file; None if nothing is."""
        return damage(db)

    def touch(self, db: sqlite3.Connection) -> None:
        """Write the number of the schema once more."""
        [[version]] = db.execute("PRAGMA user_version")
        db.execute(f"PRAGMA user_version = {version:d}")


def checkpoint(db: sqlite3.Connection) -> bool:
    """Cut the log of writes to nothing; True if that must wait, because somebody reads it."""
    [[patience]] = db.execute("PRAGMA busy_timeout")
    db.execute("PRAGMA busy_timeout = 0")
    try:
        [busy, _, _] = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience:d}")
    return bool(busy)


def damage(db: sqlite3.Connection) -> str | None:
    """What is damaged in the whole file; None if nothing is. Takes seconds in a large one."""
    [[finding]] = db.execute("PRAGMA quick_check(1)")
    return None if finding == "ok" else str(finding)
