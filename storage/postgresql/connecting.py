"""Connects to the server, and says in a sentence why it can't be done."""

import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from storage.schema import CannotOpen

from .errors import Failed
from .session import Session
from .thread import SessionThread

T = TypeVar("T")


async def opened(
    url: str,
    name: str,
    stack: AsyncExitStack,
    prepare: Callable[[Session], None] = lambda _: None,
) -> SessionThread:
    """A connection, until *stack* ends. Raises `CannotOpen`."""
    thread = SessionThread(Session(url, name=name, prepare=prepare))
    stack.push_async_callback(thread.close)
    await thread.run(lambda raw: _connect(raw, url))
    return thread


def connected(url: str, name: str) -> Session:
    """A session of the caller's own thread. Raises `CannotOpen`."""
    session = Session(url, name=name, prepare=lambda _: None)
    _connect(session, url)
    return session


def _connect(session: Session, url: str) -> None:
    try:
        session.connect()
    except psycopg.OperationalError as error:
        raise CannotOpen(
            f"The database of DAILIES_STORE{place(url)} can't be opened: {_reason(error)}."
        ) from error
    except Failed as error:
        raise CannotOpen(f"{error}{place(url)}.") from error


async def run(db: SessionThread, fn: Callable[[Session], T]) -> T:
    """What *fn* finds in opening. Raises `CannotOpen`."""
    try:
        return await db.run(fn)
    except Failed as error:
        raise CannotOpen(f"{error}.") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise may_not(error) from error


def may_not(error: psycopg.errors.InsufficientPrivilege) -> CannotOpen:
    return CannotOpen(
        "The user of DAILIES_STORE may not do what Dailies needs in its database "
        f"({error.diag.message_primary}). Make that user the owner of the database."
    )


def place(url: str) -> str:
    """Where *url* points, without its user and password: ' (db.example, database bot)'."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return ""
    return f" ({parts.get('host') or 'this machine'}, database {parts.get('dbname') or '?'})"


def _reason(error: psycopg.Error) -> str:
    """Why there is no connection, in the server's own words or those of libpq, which hold no
    password: 'Connection refused'.

    libpq says in its first line what is wrong, and asks in the next ones whether a server runs.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    if said:
        return said[-1].rstrip(".")
    first = lines[0] if lines else "no reason was given"
    return re.sub(r"^(?:.*failed: |connection is bad: )|\[Errno -?\d+\] ", "", first).rstrip(".")
