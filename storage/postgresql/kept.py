"""Counts in the database what this process has committed there, and looks at that number in every
transaction: so a server that lacks what was answered is noticed before anything is built on it.

A replica that was promoted may lack the last commits of the primary, unless that waited for it. The
numbers of transactions can't tell: the new primary gives them again.
"""

import time
from collections.abc import Callable

from storage.clock import mark
from storage.restoration import mark as restored_to

from .errors import Failed
from .identity import ORIGIN, Identity
from .leases import bound_ends
from .session import Session

COMMITS, SERVER = "commits of ", "server of "  #: rows of `changed`, before the holder's name

SET_BACK = (
    "The database server lacks what was saved before: it was put back to an earlier time, or a "
    "replica without the last commits took over. So this process stops, and the next start goes on "
    "as from a backup."
)
CAME_LATE = (
    "The database server kept what it had seemed to lose, so this process stops, and the next "
    "start reads everything anew."
)


class SetBack(Failed):
    """What the server has isn't what this process knows: it must begin anew."""

    def __init__(self) -> None:
        super().__init__("The database server has other rows than before")


class Kept:
    """How many transactions of this process the server has to have."""

    def __init__(self, holder: str, ended: Callable[[str], None], *, alone: bool) -> None:
        """*ended* is called, on any thread, with the reason for which this process has to end.
        *alone*: no other process writes meanwhile."""
        self._holder = holder
        self._ended = ended
        self._alone = alone
        self._number: int | None = None  # the last one that it said it kept; None: not asked yet
        self._server: Identity | None = None  # where that was
        what = f"{COMMITS}{holder}".replace("'", "''")
        #: An expression for that number.
        self.asked = f"(SELECT version FROM changed WHERE what = '{what}')"  # noqa: S608
        self._what = what

    def known_on(self, server: Identity | None) -> None:
        """Note which server's origin was looked at."""
        self._server = server

    def look(self, db: Session, number: int | None) -> None:
        """Compare with the *number* that the server has. It is to be called in a transaction that
        writes; raises `SetBack`."""
        if self._number is None:
            self._number = number or 0
            self._begin(db)
        elif self._number != (number or 0):
            if (number or 0) > self._number:
                self._ended(CAME_LATE)
                raise SetBack
            note_restored(db)
            db.script("COMMIT")
            self._ended(SET_BACK)
            raise SetBack
        elif db.identity != self._server:
            self._note_server(db)

    @property
    def next(self) -> str:
        """The statement that counts the transaction under way."""
        return (
            f"INSERT INTO changed (what, version) VALUES ('{self._what}', {self._due()})"  # noqa: S608
            " ON CONFLICT (what) DO UPDATE SET version = excluded.version"
        )

    def committed(self, server: Identity | None) -> None:
        """Note that it was kept. It was begun on *server*: one that took over before the answer
        came is still to be noted."""
        self._number = self._due()
        self._server = server

    def has_next(self, db: Session) -> bool:
        """Whether the server has the transaction whose COMMIT nobody answered."""
        row = db.script(f"SELECT {self.asked}").fetchone()
        return row is not None and row[0] == self._due()

    def _due(self) -> int:
        return (self._number or 0) + 1

    def _begin(self, db: Session) -> None:
        if self._alone:
            db.execute(
                "DELETE FROM changed WHERE (what LIKE ? OR what LIKE ?) AND what <> ?",
                (f"{COMMITS}%", f"{SERVER}%", f"{COMMITS}{self._holder}"),
            )
        self._say_known(db)

    def _note_server(self, db: Session) -> None:
        """Another server goes on, and lacks nothing of ours. Once all who may have written say
        so, nothing was lost."""
        bound_ends(db, "lease")
        self._say_known(db)
        if not unproven(db):
            note_origin(db)

    def _say_known(self, db: Session) -> None:
        if db.identity is not None:
            db.execute(
                "INSERT INTO changed (what, version) VALUES (?, ?)"
                " ON CONFLICT (what) DO UPDATE SET version = excluded.version",
                (f"{SERVER}{self._holder}", db.identity.timeline),
            )


def as_noted(db: Session) -> bool:
    """Whether the server is the one whose rows these are known to be."""
    found = db.execute(f"SELECT 1 FROM origin WHERE tables = {ORIGIN}").fetchone()  # noqa: S608
    return found is not None


def note_origin(db: Session) -> None:
    """Note that these rows belong to this server."""
    db.execute(f"UPDATE origin SET tables = {ORIGIN}")  # noqa: S608


def note_restored(db: Session) -> None:
    """Note that the rows are those of an earlier time: the next start acts on that."""
    restored_to(db, mark(db) or time.time())
    note_origin(db)


def unproven(db: Session) -> bool:
    """Whether somebody who held a lease has not said yet that this server lacks nothing."""
    timeline = db.identity.timeline if db.identity is not None else 0
    row = db.execute(
        "SELECT 1 FROM lease WHERE part >= 0 AND until > '-infinity' AND NOT EXISTS ("
        " SELECT 1 FROM changed WHERE what = ? || lease.holder AND version = ?)",
        (SERVER, timeline),
    ).fetchone()
    return row is not None
