"""Moves every row of a SQLite file into an empty database of a server: all of them, or none."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from storage.checks import check
from storage.opening import DATABASE, MOVED, NotMoved, holding, opened_alone

from .connecting import connected
from .engine import Postgres, alone
from .errors import Failed
from .schema import migrate, migrations
from .session import Session

#: Tables that each engine fills for itself. What is stale in FTS5's index is nowhere there.
_OWN = {"migration", "origin", "lease", "stale_words"}
#: What must add up to the same on both sides, beside each row being the same.
_SUMS = (
    ("transfer", "amount"),
    ("account", "balance"),
    ("day_use", "total"),
    ("quarter_use", "total"),
    ("job", "rev"),
)
_SHOWN = 5  #: rows that a refusal names
_READ = 2_000  #: rows that are fetched at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved."""

    tables: int
    rows: int
    kept_as: Path  #: the SQLite file, which nothing reads any more


def move(directory: Path, url: str, *, told: Callable[[str], None] = lambda _: None) -> Moved:
    """Move the database in *directory* to the server *url*, whose database must hold no rows.

    *told* hears how far it is. Nobody may be using either. Raises `CannotOpen`, and leaves both as
    they were: what was written to the server is rolled back, also where this process is killed.
    """
    with holding(directory):
        if not (directory / DATABASE).is_file():
            raise NotMoved(f"There is no database in {directory}, so there is nothing to move.")
        with closing(opened_alone(directory)) as source:
            target = connected(url, "dailies move")
            try:
                tables, rows = _moved(source, target, told)
            finally:
                target.close()
        kept = (directory / DATABASE).replace(directory / MOVED)
        return Moved(tables=tables, rows=rows, kept_as=kept)


def _moved(
    source: sqlite3.Connection, target: Session, told: Callable[[str], None]
) -> tuple[int, int]:
    """Copy, compare and check in one transaction; how many tables and rows there are."""
    try:
        migrate(target, migrations())
        tables = source.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        ours = {str(name) for (name,) in tables} - _OWN
        names = [name for name in _parents_first(target) if name in ours]
        columns = {name: _columns(target, name) for name in names}
        _refuse_nul(source, columns)
        if broken := check(source):
            raise NotMoved(f"The accounts don't add up: {broken[0]}")

        def proven(target: Session) -> int:
            rows = _copied(source, target, columns, told)
            compare(source, target, columns)
            if broken := check(target):
                raise NotMoved(f"The accounts on the server don't add up: {broken[0]}")
            return rows

        rows = alone(target, Postgres(), proven)
    except Failed as error:
        raise NotMoved(f"{error}.") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise NotMoved(
            "The server's user may not do what is needed in that database "
            f"({error.diag.message_primary}). Make that user its owner."
        ) from error
    return len(names), rows


def _copied(
    source: sqlite3.Connection,
    target: Session,
    columns: dict[str, list[str]],
    told: Callable[[str], None],
) -> int:
    """Copy the rows of every table, with the guards off for as long; how many there were."""
    target.script("SET LOCAL statement_timeout = 0")
    target.script("SET LOCAL idle_in_transaction_session_timeout = 0")
    for name in columns:
        # One row is made with the schema: the words of no job are indexed yet.
        beyond = " WHERE job_id <> 0" if name == "words_upto" else ""
        if target.execute(f"SELECT 1 FROM {name}{beyond} LIMIT 1").fetchone():  # noqa: S608
            raise NotMoved(f"The database of the server isn't empty: {name} has rows.")
    holder = target.execute("SELECT holder FROM lease WHERE until > clock_timestamp()").fetchone()
    if holder is not None:
        raise NotMoved(f"A Dailies ({holder[0]}) is using the database of the server.")
    target.execute("DELETE FROM words_upto")
    copied = 0
    for name, named in columns.items():
        target.script(f"ALTER TABLE {name} DISABLE TRIGGER USER")
        count = target.copy_in(name, named, _rows(source, name, named))
        target.script(f"ALTER TABLE {name} ENABLE TRIGGER USER")
        target.script(f"ANALYZE {name}")  # without statistics the first plans read all of it
        copied += count
        told(f"{name}: {count:,} rows")
    last = dict(source.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    for name in ("shot", "restoration"):  # SQLite gives the next number after the highest there
        [last[name]] = source.execute(f"SELECT coalesce(max(id), 0) FROM {name}").fetchone()  # noqa: S608
    for name, seq in last.items():
        target.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (seq, name))
    return copied


def compare(source: sqlite3.Connection, target: Session, columns: dict[str, list[str]]) -> None:
    """Compare every row of the tables *columns*, and what the books are summed by.

    Raises `NotMoved`.
    """
    for name, named in columns.items():
        ours = _fingerprint(_rows(source, name, named))
        theirs = _fingerprint(target.copy_out(name, named))
        if ours != theirs:
            raise NotMoved(
                f"What the server has of {name} isn't what the file has "
                f"({theirs[0]:,} rows of {ours[0]:,})."
            )
    for name, column in _SUMS:
        asked = f"SELECT coalesce(sum({column}), 0) FROM {name}"  # noqa: S608  # fixed names
        [ours] = source.execute(asked).fetchone()
        row = target.execute(asked).fetchone()
        if row is None or row[0] != ours:
            raise NotMoved(f"The sum of {name}.{column} on the server isn't that of the file.")


def _fingerprint(rows: Iterable[Sequence[object]]) -> tuple[int, int]:
    """How many rows there are, and a number that is the same for the same rows in any order."""
    count = total = 0
    for row in rows:
        count += 1
        text = repr([float(each) if isinstance(each, float) else each for each in row])
        total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return count, total % 2**256


def _rows(
    source: sqlite3.Connection, name: str, columns: Sequence[str]
) -> Iterator[tuple[object, ...]]:
    """The rows of a table, a piece of them in memory at a time. Parents are before children."""
    listed = ", ".join(f'"{each}"' for each in columns)
    found = source.execute(f"SELECT {listed} FROM {name} ORDER BY 1")  # noqa: S608  # names of ours
    while piece := found.fetchmany(_READ):
        yield from (tuple(row) for row in piece)


def _refuse_nul(source: sqlite3.Connection, columns: dict[str, list[str]]) -> None:
    """Refuse texts with the NUL character, which SQLite keeps and PostgreSQL does not."""
    met = []
    for name, named in columns.items():
        for column in named:
            rows = source.execute(
                f'SELECT "{named[0]}" FROM {name} WHERE typeof("{column}") = \'text\''  # noqa: S608
                f' AND (instr("{column}", char(0)) > 0 OR instr("{column}", ?) > 0)',
                ("\\u0000",),
            )
            met += [f"{column} of {name} {row[0]}" for row in rows.fetchmany(_SHOWN + 1)]
    if met:
        more = " and more" if len(met) > _SHOWN else ""
        raise NotMoved(
            "PostgreSQL can't keep the NUL character, which these hold: "
            f"{', '.join(met[:_SHOWN])}{more}. Take it out first."
        )


def _columns(target: Session, name: str) -> list[str]:
    """The columns of a table but for those that are computed."""
    rows = target.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = CAST(? AS regclass) AND attnum > 0"
        " AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        (f"dailies.{name}",),
    )
    return [str(row[0]) for row in rows]


def _parents_first(target: Session) -> list[str]:
    """Every table, each after those that it refers to."""
    needs: dict[str, set[str]] = {
        str(row[0]): set()
        for row in target.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'dailies'::regnamespace ORDER BY relname"
        )
    }
    for child, parent in target.execute(
        "SELECT own.relname, other.relname FROM pg_constraint"
        " JOIN pg_class AS own ON own.oid = conrelid"
        " JOIN pg_class AS other ON other.oid = confrelid"
        " WHERE contype = 'f' AND connamespace = 'dailies'::regnamespace AND conrelid <> confrelid"
    ):
        needs[child].add(parent)
    ordered: list[str] = []
    while needs:
        free = [name for name, parents in needs.items() if not parents - set(ordered)]
        ordered += free
        for name in free:
            del needs[name]
    return ordered
