"""One connection to the server, with its settings; a lost one is made anew."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumper

from .dialect import translated
from .errors import AWAY, LostServer, meant
from .identity import SYSTEM, TIMELINE, Identity, Newest, Replaced, hosts, place
from .rows import Answer, rows_of

SCHEMA = "dailies"  #: all that is ours stands in it
CONNECT_WITHIN = 5  #: seconds
#: None needs a superuser. A process that is frozen within a transaction holds up all others, so the
#: server ends its connection.
_SETTINGS = f"""
    SET search_path = {SCHEMA}, pg_catalog;
    SET idle_in_transaction_session_timeout = '10s';
    SET lock_timeout = '30s';
    SET statement_timeout = '60s';
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3;
    SET synchronous_commit = on;
    SET standard_conforming_strings = on;
    SET TIME ZONE 'UTC';
    SET jit = off;
    SELECT pg_backend_pid(), {SYSTEM}, {TIMELINE}
"""
_INT8, _BOOL, _NUMERIC = 20, 16, 1700  #: the server's numbers of these types


class _Whole(Dumper):
    """Whole numbers and truths as int8: else each size of number is a statement of its own."""

    oid = _INT8

    def dump(self, obj: int) -> Buffer:
        return b"%d" % obj

    def quote(self, obj: int) -> Buffer:
        return b" %d" % obj  # two dashes would begin a comment


class _Text(StrDumper):
    """Texts, in which the NUL character becomes the sign for what can't be shown: what people type
    has none left, and a provider's words must not stop a clip."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


class _Truth(Loader):
    """Truths as the numbers that SQLite has."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _Sum(Loader):
    """Sums of whole numbers, which are numeric, as whole numbers."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text or b"N" in text else int(text)


class Session:
    """A connection, used on one thread. *prepare* is run on each new one."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        prepare: Callable[["Session"], None],
        newest: Newest | None = None,
    ) -> None:
        """*newest* says which servers were replaced, and are not used any more."""
        self._hosts = hosts(url)
        if self._hosts and "target_session_attrs" not in conninfo_to_dict(url):
            url = make_conninfo(url, target_session_attrs="read-write")  # a replica answers, too
        self._url = url
        self._name = name
        self._prepare = prepare
        self._newest = newest or Newest()
        self._db: psycopg.Connection[Any] | None = None
        self.identity: Identity | None = None  #: the server that it was connected to last
        self.backend = 0  #: the number of that server's process

    def connect(self) -> None:
        """Connect anew. Raises `LostServer` where the server cannot be reached, or a
        psycopg.OperationalError that says why it refuses us."""
        try:
            self._open(self._url)
        except Replaced as old:
            self._open_newer(old)
        self._prepare(self)

    def _open_newer(self, old: Replaced) -> None:
        """Connect to the first host that is none of those replaced. Raises *old*."""
        for each in self._hosts:
            with suppress(psycopg.OperationalError, LostServer):
                return self._open(each)
        raise old

    def _open(self, url: str) -> None:
        self.close()
        self._db = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_WITHIN,
            application_name=self._name,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=20_000,
            row_factory=rows_of,
        )
        self._db.prepare_threshold = 2
        adapters = self._db.adapters
        adapters.register_dumper(str, _Text)
        for kind in (int, bool):
            adapters.register_dumper(kind, _Whole)
        adapters.register_loader(_BOOL, _Truth)
        adapters.register_loader(_NUMERIC, _Sum)
        row = self.script(_SETTINGS).fetchone()
        assert row is not None
        self.backend, system, timeline = row
        self.identity = Identity(str(system), int(timeline))
        try:
            self._newest.admit(self.identity)
        except Replaced:
            self.close()
            raise

    def rename(self, name: str) -> None:
        """Have the server know this connection, and those that follow it, by another name."""
        if name != self._name:
            self._name = name
            self.execute("SELECT set_config('application_name', ?, false)", (name,))

    def reconnect(self) -> None:
        """`connect`; whatever stands against it, the server is away. Raises `Failed`."""
        try:
            self.connect()
        except psycopg.OperationalError as error:
            raise meant(error, lost=True) from error

    @property
    def place(self) -> str:
        """Where it is connected: ' (db.example, database bot)'."""
        if self._db is None or not self._hosts:
            return place(self._url)
        info = self._db.info
        return f" ({info.host}:{info.port}, database {info.dbname})"

    @property
    def lost(self) -> bool:
        """Whether there is no connection."""
        return self._db is None or self._db.broken or self._db.closed

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is under way, be it one that can only be rolled back."""
        return not self.lost and self._status() not in (
            TransactionStatus.IDLE,
            TransactionStatus.UNKNOWN,
        )

    @property
    def version(self) -> int:
        """The server's version, such as 150004."""
        return self._live().info.server_version

    def execute(self, sql: str, parameters: Any = (), /) -> Answer:
        """Run one statement of the store. Raises what `errors.meant` says."""
        text, named = translated(sql)
        db = self._live()
        try:
            return Answer(db.execute(text, _by_name(parameters) if named else parameters))
        except psycopg.Error as error:
            raise meant(error, lost=self.lost) from error

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Answer:
        """Run one statement once for each set of parameters."""
        text, named = translated(sql)
        db = self._live()
        sets = [_by_name(each) if named else each for each in parameters]
        try:
            with db.cursor() as cursor:
                cursor.executemany(text, sets)
                return Answer(cursor)
        except psycopg.Error as error:
            raise meant(error, lost=self.lost) from error

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Write *rows* into a table, as they are; how many there were."""
        count = 0
        try:
            with (
                self._live().cursor() as cursor,
                cursor.copy(f"COPY {table} ({_listed(columns)}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
                    count += 1
        except psycopg.Error as error:
            raise meant(error, lost=self.lost) from error
        return count

    def copy_out(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        """The rows of a table, some thousand in memory at a time."""
        try:
            with self._live().cursor(name="copy_out") as cursor:
                cursor.itersize = 2_000
                cursor.execute(f"SELECT {_listed(columns)} FROM {table}")  # noqa: S608
                yield from cursor
        except psycopg.Error as error:
            raise meant(error, lost=self.lost) from error

    def script(self, sql: str) -> Answer:
        """Run statements in PostgreSQL's own words, several in one trip; the last one's answer."""
        db = self._live()
        try:
            cursor = db.execute(sql, prepare=False)
            while cursor.nextset():
                pass
            return Answer(cursor)
        except psycopg.Error as error:
            raise meant(error, lost=self.lost) from error

    def cut(self) -> None:
        """Break the connection, from any thread: what waits for the server's answer is `lost`."""
        db = self._db
        if db is None:
            return
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(db.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the server rolls back what was under way."""
        if self._db is not None:
            with suppress(psycopg.Error):
                self._db.close()
            self._db = None

    def _live(self) -> psycopg.Connection[Any]:
        if self._db is None:
            raise LostServer(AWAY)
        return self._db

    def _status(self) -> TransactionStatus:
        return self._live().info.transaction_status


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{each}"' for each in columns)


def _by_name(parameters: Any) -> Mapping[str, Any]:
    """Parameters for named placeholders: `?1` is p1."""
    if isinstance(parameters, Mapping):
        return parameters
    return {f"p{place}": value for place, value in enumerate(parameters, start=1)}
