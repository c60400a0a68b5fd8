"""Brings a database to the newest schema, and refuses one that differs from what it claims.

A migration that has landed is never edited: the hash of each script is kept in the database it
was applied to, and in the tests. What a database is made of is compared with what its scripts
make, so that none is opened with a table, an index or a trigger too few.
"""

import hashlib
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from importlib import resources
from pathlib import Path

#: Tables, indexes and triggers by type and name: the SQL that makes each, in one spelling.
Objects = Mapping[tuple[str, str], str]

#: The last schema of the time when scripts were still edited after they had landed, and when no
#: database kept their hashes.
UNRECORDED = 10
#: The first version that knows `IS DISTINCT FROM`.
LEAST_SQLITE = (3, 39, 0)

_RECORD = """
CREATE TABLE IF NOT EXISTS migration (
    version INTEGER PRIMARY KEY,  -- the schema that it made
    sha256  TEXT    NOT NULL      -- of its script
) STRICT;
"""
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\w+|[^\w\s]", re.DOTALL)


class CannotOpen(Exception):
    """The data directory cannot be used. The message is a sentence for the operator."""


def require_sqlite(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> None:
    """Raise `CannotOpen` where this Python's SQLite is too old for our statements."""
    if version < LEAST_SQLITE:
        found, least = (".".join(map(str, each)) for each in (version, LEAST_SQLITE))
        raise CannotOpen(
            f"Dailies needs SQLite {least} or newer, and this Python has {found}. "
            "Use a newer Python, or the container image."
        )


class NewerSchema(CannotOpen):
    """A newer Dailies wrote this database; an older one might ruin it."""


class WrongSchema(CannotOpen):
    """The database lacks tables of its schema, or has others. It was not changed."""


def migrations() -> list[str]:
    """The SQL of every migration; the first one makes schema 1."""
    folder = resources.files("storage") / "migrations"
    scripts = [script for script in folder.iterdir() if script.name.endswith(".sql")]
    return [script.read_text("utf-8") for script in sorted(scripts, key=lambda each: each.name)]


def recognize(db: sqlite3.Connection, path: Path, scripts: Sequence[str]) -> None:
    """Look whether *db* is one that `migrate` can bring up to date. Changes nothing.

    Raises `NewerSchema` or `WrongSchema`, whose sentences say what to do.
    """
    [[seen]] = db.execute("PRAGMA user_version")
    if seen > len(scripts):
        raise NewerSchema(
            f"A newer Dailies wrote the database {path} (schema {seen}, this one knows "
            f"{len(scripts)}). Install that version again, or put an older backup in its place."
        )
    found = objects(db)
    if seen == 0:
        if found:
            raise WrongSchema(
                f"{path} is a database of another program and was not changed. Move it away, or "
                "set DAILIES_DATA to another directory."
            )
        return
    applied = recorded(db)
    if applied is None and seen <= UNRECORDED:
        return  # `adopt` knows what it may be
    for version, script in enumerate(scripts[:seen], start=1):
        if applied is not None and applied.get(version) != digest(script):
            raise wrong(path, seen, [f"its migration {version} was another one"])
    if differing := differences(found, fresh(tuple(scripts[:seen]))):
        raise wrong(path, seen, differing)


def migrate(db: sqlite3.Connection, path: Path, scripts: Sequence[str]) -> None:
    """Apply the *scripts* that this database has not seen, each in a transaction of its own.

    Raises `NewerSchema` or `WrongSchema`.
    """
    recognize(db, path, scripts)
    [[seen]] = db.execute("PRAGMA user_version")
    if seen and recorded(db) is None:
        if differences(objects(db), fresh(tuple(scripts[:seen]))):
            from .adopting import adopt  # needed once in the life of a database

            seen = adopt(db, path, scripts[:UNRECORDED])
        else:
            _apply(db, record(scripts[:seen]))
    for version, script in enumerate(scripts[seen:], start=seen + 1):
        _apply(db, f"{script}\n{record([script], first=version)}\nPRAGMA user_version = {version};")
    if differing := differences(objects(db), fresh(tuple(scripts))):
        raise wrong(path, len(scripts), differing)


def _apply(db: sqlite3.Connection, script: str) -> None:
    try:
        # The script holds its own transaction, so executescript commits nothing by itself.
        db.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def digest(script: str) -> str:
    """What a database remembers of a script: its SHA-256."""
    return hashlib.sha256(script.encode()).hexdigest()


def record(scripts: Sequence[str], *, first: int = 1) -> str:
    """The SQL that notes *scripts* as applied; the first of them made schema *first*."""
    rows = ", ".join(f"({v}, '{digest(each)}')" for v, each in enumerate(scripts, start=first))
    return (
        f"{_RECORD}\nINSERT INTO migration (version, sha256) VALUES {rows};"  # numbers and hashes
    )


def recorded(db: sqlite3.Connection) -> dict[int, str] | None:
    """The hash of each script that was applied; None for a database that keeps none."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'migration'").fetchone():
        return None
    return {int(row[0]): str(row[1]) for row in db.execute("SELECT * FROM migration")}


def objects(db: sqlite3.Connection) -> Objects:
    """What *db* is made of, without the tables of SQLite, its text index, Litestream and `record`.

    What SQLite keeps of a text index is spelled as its version does.
    """
    rows = db.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'migration'"
        " AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_litestream_*'"
        " AND NOT (type = 'table' AND name GLOB 'clip_words_*')"
    )
    return {(str(row[0]), str(row[1])): normal(str(row[2])) for row in rows}


@lru_cache(maxsize=64)
def fresh(scripts: tuple[str, ...]) -> Objects:
    """What a new database is made of after *scripts*."""
    with closing(sqlite3.connect(":memory:")) as db:
        for script in scripts:
            db.executescript(script)
        return objects(db)


@lru_cache(maxsize=1000)
def normal(sql: str) -> str:
    """*sql* in one spelling: no comments, one blank between words, names without quotes."""
    words = (each for each in _TOKEN.findall(sql) if not each.startswith(("--", "/*")))
    return " ".join(word[1:-1] if word.startswith('"') else word for word in words)


def differences(found: Objects, wanted: Objects) -> list[str]:
    """Where *found* is not *wanted*: 'table take is missing', 'index mine is not one of ours'."""
    said = []
    for kind, name in sorted(found.keys() | wanted.keys()):
        if (kind, name) not in found:
            said.append(f"{kind} {name} is missing")
        elif (kind, name) not in wanted:
            said.append(f"{kind} {name} is not one of ours")
        elif found[kind, name] != wanted[kind, name]:
            said.append(f"{kind} {name} is not as it was made")
    return said


def wrong(path: Path, schema: int, why: Sequence[str]) -> WrongSchema:
    """The refusal of a database, for the reasons in *why*."""
    more = f", and {len(why) - 5} more" if len(why) > 5 else ""
    return WrongSchema(
        f"The database {path} doesn't match its schema {schema} and was not changed: "
        f"{', '.join(why[:5])}{more}. Undo what was changed in it by hand, or put a backup in its "
        "place."
    )
