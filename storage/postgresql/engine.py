"""PostgreSQL as the writer uses it: one writer at a time, lost connections, lost answers."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

from storage.engine import ServerTrouble

from .errors import AWAY, Failed, LeaseLost, LostServer, Shared, meant
from .identity import Identity
from .kept import Kept
from .rows import Answer, PostgresRow
from .session import Session

log = logging.getLogger(__name__)

T = TypeVar("T")

ASKED_WITHIN = 20.0  #: seconds for which it is asked whether a COMMIT came through
ASKED_AGAIN = 0.2  #: seconds between two such questions

Leases = Callable[[], Mapping[int, int]]


class Postgres:
    """PostgreSQL's `engine.Engine`. *leases* are the parts that this process has to hold to write,
    and the epoch of each."""

    streams_words = False  #: a GIN index reads a word's list of clips to its end

    def __init__(self, leases: Leases = dict, kept: Kept | None = None) -> None:
        """*kept* counts what the server has to have."""
        self._leases = leases
        self._kept = kept
        self._transaction = ""  #: the name of the one under way
        self._server: Identity | None = None  #: where it is

    def begin(self, db: Session) -> None:
        """Begin a transaction: wait until no other process writes, then look whether the leases
        are ours. A connection that was lost since the last one is made anew."""
        held = self._leases()
        try:
            self._begin(db, held)
        except LeaseLost:
            now = self._leases()
            if now == held:
                raise
            self._begin(db, now)  # one was given up while this waited for its turn

    def _begin(self, db: Session, held: Mapping[int, int]) -> None:
        parts = ",".join(f"{part:d}" for part in held)
        epochs = ",".join(f"{epoch:d}" for epoch in held.values())
        # The lock comes in a statement of its own: what is looked at after it was all committed.
        number = "CAST(NULL AS BIGINT)" if self._kept is None else self._kept.asked
        begin = (
            f"BEGIN; SELECT begin_group('{{{parts}}}', '{{{epochs}}}');"
            f" SELECT CAST(pg_current_xact_id() AS text), pg_backend_pid(), {number}"
        )
        try:
            transaction, backend, kept = self._on_new(db, lambda: _only(db.script(begin)))
            if backend != db.backend:
                raise Shared
            if self._kept is not None:
                self._kept.look(db, kept)
        except Exception:
            self._end(db)
            raise
        self._transaction, self._server = str(transaction), db.identity

    def commit(self, db: Session) -> None:
        """Keep the transaction. If the answer is lost, the server is asked for what became of it.

        Raises `Failed` where it was not kept, or the server stays away.
        """
        counted = "" if self._kept is None else f"{self._kept.next}; "
        try:
            db.script(f"{counted}COMMIT")
        except LostServer:
            if not self._came_through(db, self._transaction):
                raise
        if self._kept is not None:
            self._kept.committed(self._server)

    def under_way(self, db: Session) -> bool:
        """Whether a transaction is under way, be it one that can only be rolled back."""
        return db.in_transaction

    def ends_group(self, error: Exception) -> bool:
        """Whether *error* is the server's: a deadlock, a timeout, a lost connection."""
        return isinstance(error, Failed)

    def snapshot(self, db: Session, fn: Callable[[Session], T]) -> T:
        """What *fn* finds in one state of the database. It is asked again on a new connection
        where the old one is lost."""

        def read() -> T:
            db.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return fn(db)
            finally:
                self._end(db)

        return self._on_new(db, read)

    def forbidden_to_write(self, db: Session, fn: Callable[[Session], T]) -> T:
        """What *fn* finds, on the connection that writes."""
        return self.snapshot(db, fn)

    def translated(self, error: Exception, outcome: str) -> Exception:
        """`ServerTrouble` for what the server did; any other error (a broken rule, a bug) as it
        is."""
        if isinstance(error, psycopg.OperationalError):  # met in connecting
            error = meant(error, lost=True)
        if isinstance(error, Failed):
            return ServerTrouble(f"{error}, {outcome}.")
        return error

    def scrub(self, db: Session) -> bool:
        """Nothing to do: no log of ours holds what was deleted. Its pages are the server's, which
        overwrites them when it cleans up (VACUUM)."""
        del db
        return False

    def damage(self, db: Session) -> str | None:
        """Ask for nothing: the server looks after its pages, with checksums where they are on."""
        db.execute("SELECT 1")
        return None

    def touch(self, db: Session) -> None:
        """Write a row that is there already."""
        db.execute("UPDATE words_upto SET job_id = job_id")

    def _on_new(self, db: Session, ask: Callable[[], T]) -> T:
        """What *ask* finds; once more on a new connection where the one that there was is lost."""
        if db.lost:
            db.reconnect()
            return ask()
        try:
            return ask()
        except LostServer:
            db.reconnect()
            return ask()

    def _came_through(self, db: Session, transaction: str) -> bool:
        """Whether a transaction whose COMMIT nobody answered is kept after all."""
        until = time.monotonic() + ASKED_WITHIN
        while True:
            with suppress(Failed):
                if db.lost:
                    db.reconnect()
                status = self._status(db, transaction)
                if status != "in progress":
                    log.warning(
                        "The connection to the database was lost in a commit, which %s.",
                        "was kept" if status == "committed" else "was not kept",
                    )
                    return bool(status == "committed")
            if time.monotonic() >= until:
                log.error("%s, and nobody knows whether its last commit was kept.", AWAY)
                return False
            time.sleep(ASKED_AGAIN)

    def _status(self, db: Session, transaction: str) -> Any:
        """What became of a transaction: 'committed', 'aborted' or 'in progress'."""
        if db.identity != self._server:  # which may have given its number to another one
            return "committed" if self._kept is not None and self._kept.has_next(db) else "aborted"
        row = db.execute("SELECT pg_xact_status(CAST(? AS xid8))", (transaction,)).fetchone()
        return row[0] if row is not None else None

    def _end(self, db: Session) -> None:
        """Roll back what is under way; on a lost connection the server does."""
        if db.in_transaction:
            with suppress(Failed):
                db.execute("ROLLBACK")


def _only(answer: Answer) -> PostgresRow:
    row = answer.fetchone()
    assert row is not None
    return row


def alone(raw: Session, engine: Postgres, fn: Callable[[Session], T]) -> T:
    """What *fn* returns, once what it wrote is kept. Where *fn* raises, nothing is."""
    engine.begin(raw)
    try:
        found = fn(raw)
        engine.commit(raw)
    finally:
        if raw.in_transaction:  # something went wrong
            raw.script("ROLLBACK")
    return found
