"""What PostgreSQL's errors mean to the store."""

import re
import sqlite3

import psycopg
from psycopg import errors

AWAY = "The database server can't be reached"


class Failed(Exception):
    """The server is at fault, or the way to it: nothing of the transaction is kept.

    The message begins a sentence.
    """


class LostServer(Failed):
    """The connection is gone. What was under way on it was rolled back, unless it was a COMMIT."""


class LeaseLost(Failed):
    """Another process has taken over: nothing that this one writes is kept any more."""

    def __init__(self) -> None:
        super().__init__("Another Dailies has taken over")


class Shared(Failed):
    """A pooler gives our session's connection to others between two transactions."""

    def __init__(self) -> None:
        super().__init__("A pooler in transaction mode stands before the database server")


#: By the beginning of the SQLSTATE: trouble of the server that is nobody's question's fault.
_TROUBLE = {
    "53100": "The disk of the database server is full",
    "53200": "The database server is out of memory",
    "53300": "The database server takes no more connections",
    "53": "The database server is short of something that it needs",
    "58": "The database server can't use its disk",
    "40P01": "Another program is holding the database",
    "40001": "Another program is holding the database",
    "55P03": "Another program is holding the database",
    "57014": "The database server took too long",
    "25006": "The database server takes no writes",
    "XX001": "The database is damaged",
    "XX002": "The database is damaged",
}
LEASE = "DA001"  #: raised by our own function, see begin_group


def meant(error: psycopg.Error, *, lost: bool) -> Exception:
    """*error* in the words that the store's callers know. *lost*: the connection is gone."""
    state = error.sqlstate or ""
    if state == LEASE:
        return LeaseLost()
    if lost or (state[:2] in {"08", "57"} and state != "57014"):
        return LostServer(AWAY)
    if known := _TROUBLE.get(state) or _TROUBLE.get(state[:2]):
        return Failed(known)
    if isinstance(error, errors.NumericValueOutOfRange):
        return OverflowError("the number is too large for a column")
    if isinstance(error, (psycopg.IntegrityError, errors.InvalidTextRepresentation)):
        return sqlite3.IntegrityError(_broken_rule(error))
    if isinstance(error, psycopg.OperationalError):
        return LostServer(AWAY)
    return error


def _broken_rule(error: psycopg.Error) -> str:
    """Which rule of a table *error* is about, in SQLite's words."""
    said = error.diag
    match error:
        case errors.UniqueViolation():
            # "Key (provider, remote_id)=(…) already exists.": without the values.
            named = re.match(r"Key \(([^()=]*)\)=", said.message_detail or "")
            columns = named[1].split(", ") if named else [str(said.constraint_name)]
            return "UNIQUE constraint failed: " + ", ".join(
                f"{said.table_name}.{column}" for column in columns
            )
        case errors.ForeignKeyViolation():
            return "FOREIGN KEY constraint failed"
        case errors.NotNullViolation():
            return f"NOT NULL constraint failed: {said.table_name}.{said.column_name}"
        case errors.CheckViolation():
            return f"CHECK constraint failed: {said.table_name} ({said.constraint_name})"
        case errors.InvalidTextRepresentation():
            return "CHECK constraint failed: malformed JSON"
        case _:
            return said.message_primary or "a rule of the database was broken"
