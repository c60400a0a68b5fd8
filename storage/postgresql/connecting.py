"""Connects to the server, and says in a sentence why it can't be done."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import TypeVar

import psycopg

from storage.schema import CannotOpen

from .errors import Failed, Shared
from .identity import NEWEST, Newest, Replaced, hosts, place
from .session import Session
from .thread import SessionThread

T = TypeVar("T")

LOOKS = "dailies look"  #: how the connections are called of who only looks
PROBES = 3  #: looks whether a connection is shared; others may be using the pool meanwhile


async def opened(
    url: str,
    name: str,
    stack: AsyncExitStack,
    prepare: Callable[[Session], None] = lambda _: None,
    newest: Newest | None = None,
) -> SessionThread:
    """A connection, until *stack* ends, to none of the servers that *newest* knows to be replaced.
    Raises `CannotOpen`."""
    thread = SessionThread(Session(url, name=name, prepare=prepare, newest=newest))
    stack.push_async_callback(thread.close)
    await thread.run(lambda raw: _connect(raw, url))
    return thread


async def opened_first(
    url: str,
    name: str,
    stack: AsyncExitStack,
    prepare: Callable[[Session], None] = lambda _: None,
    newest: Newest | None = None,
) -> SessionThread:
    """As `opened`, once it is known which of several hosts is the newest; refuses what stands
    between where that gives connections to others. Raises `CannotOpen`."""
    newest = newest or Newest()
    await asyncio.to_thread(look_at_hosts, url, newest)
    thread = await opened(url, name, stack, prepare, newest)
    await thread.run(lambda raw: _refuse_shared(raw, url, newest))
    return thread


def connected(url: str, name: str) -> Session:
    """A session of the caller's own thread, as `opened_first`. Raises `CannotOpen`."""
    newest = Newest()
    look_at_hosts(url, newest)
    session = Session(url, name=name, prepare=lambda _: None, newest=newest)
    try:
        _connect(session, url)
        _refuse_shared(session, url, newest)
    except CannotOpen:
        session.close()
        raise
    return session


def _connect(session: Session, url: str) -> None:
    try:
        session.connect()
    except psycopg.OperationalError as error:
        raise CannotOpen(
            f"The database of DAILIES_STORE{place(url)} can't be opened: {_reason(error)}."
        ) from error
    except psycopg.ProgrammingError as error:
        why = str(error).partition(': "')[0]  # without the part of the address that it quotes
        raise CannotOpen(f"The address of DAILIES_STORE can't be used: {why}.") from None
    except Replaced as error:
        raise CannotOpen(
            f"The database server of DAILIES_STORE{place(url)} {error.why}. Stop it, and "
            f"name the newer one. If you went back to it on purpose, delete {NEWEST} in the data "
            "directory."
        ) from error
    except Failed as error:
        raise CannotOpen(f"{error}{place(url)}.") from error


def look_at_hosts(url: str, newest: Newest) -> tuple[str, ...]:
    """Note the newest server of several hosts: one that was replaced and came back may be the
    first that answers. Returns where those are that take writes though they were replaced."""
    found = {}
    for each in hosts(url):
        session = Session(each, name=LOOKS, prepare=lambda _: None, newest=newest)
        with suppress(psycopg.Error, Failed):
            session.connect()
        session.close()
        if session.identity is not None:
            found[place(each, exactly=True)] = session.identity
    return tuple(
        where
        for where, identity in found.items()
        if any(identity.replaced_by(other) for other in found.values())
    )


def _refuse_shared(session: Session, url: str, newest: Newest) -> None:
    """Raise `CannotOpen` where a pooler gives the connection of *session* to others between two
    transactions: its settings and its temporary table would be theirs."""
    other = Session(url, name=LOOKS, prepare=lambda _: None, newest=newest)
    _connect(other, url)
    try:
        for _ in range(PROBES):
            try:
                # In this order: where there is one connection for all, the last would wait for it.
                other.script("BEGIN")
                shared = _backend(other) == session.backend or _backend(other) != other.backend
                shared = shared or _backend(session) != session.backend
                other.script("ROLLBACK")
            except Failed as error:
                # Statement mode knows no transactions: to begin one is against its protocol.
                if not isinstance(error.__cause__, psycopg.errors.ProtocolViolation):
                    raise CannotOpen(f"{error}{place(url)}.") from error
                shared = True
            if shared:
                raise CannotOpen(
                    f"{Shared()}{place(url)}. Dailies needs connections of its own: set pool_mode "
                    "= session there, or name the server itself in DAILIES_STORE."
                )
    finally:
        other.close()


def _backend(session: Session) -> int:
    row = session.script("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


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


def _reason(error: psycopg.Error) -> str:
    """Why there is no connection, in the server's own words or those of libpq, which hold no
    password: 'Connection refused'.

    libpq says in its first line what is wrong, and asks in the next ones whether a server runs.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    each = [line for line in lines if line.startswith("- host:")]  # psycopg's, of several hosts
    first = lines[:1] or ["no reason was given"]
    said = [line for line in lines if "FATAL:" in line][-1:]
    return ", ".join(dict.fromkeys(_in_short(line) for line in each or said or first))


def _in_short(line: str) -> str:
    if "FATAL:" in line:
        return line.partition("FATAL:")[2].strip().rstrip(".")
    if "session is read-only" in line:
        return "a replica answers, which takes no writes"
    return re.sub(
        r"^(?:.*failed: |.*connection is bad: |- host:.*?'?: (?=connection timeout))"
        r"|\[Errno -?\d+\] ",
        "",
        line,
    ).rstrip(".")
