"""Brings up databases from before scripts were frozen, whatever mixture of them made each.

Until schema 10, five scripts were edited after they had landed, and two were put before others
that had landed already. So the number in such a database does not say what it is made of:
its tables are compared with the scripts', and what is missing is made. The tests have every such
database.
"""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from .schema import (
    UNRECORDED,
    Objects,
    differences,
    fresh,
    objects,
    record,
    wrong,
)

#: What earlier scripts made, and later ones have otherwise.
_REPLACED = frozenset(
    {
        ("index", "job_live"),
        ("index", "job_queue"),
        ("index", "job_of_model"),
        ("index", "txn_reserved_at"),
        ("table", "review"),
    }
)
#: A column that later means something else: whether a refusal was explained, then with what words.
_MEANT_OTHERWISE = {("reaction", "explained"): ("INTEGER", "TEXT")}

#: What a new table is filled with, as its own script does it.
_FILLS = {
    "needed": """
        INSERT OR IGNORE INTO needed (file, job_id) SELECT file, id FROM job WHERE file IS NOT NULL;
        INSERT OR IGNORE INTO needed (file, job_id)
            SELECT named.value, job.id FROM job, json_tree(job.brief) AS named
            WHERE named.key = 'file' AND named.type = 'text'
    """,
    "quarter_use": """
        INSERT INTO quarter_use (quarter, total)
            SELECT CAST(reserved.at / 900 AS INTEGER), sum(
                amount * ((target GLOB 'held:*' OR target GLOB 'spent:*'
                           OR target GLOB 'lost:*' OR target GLOB 'suspense:*')
                        - (source GLOB 'held:*' OR source GLOB 'spent:*'
                           OR source GLOB 'lost:*' OR source GLOB 'suspense:*'))
            )
            FROM transfer JOIN txn ON txn.id = txn_id
            JOIN txn AS reserved ON reserved.job_id = txn.job_id AND reserved.kind = 'reserve'
            GROUP BY 1
    """,
}
#: What was kept in a table of its own before `server` had columns for it.
_REVIEW = """
    INSERT OR IGNORE INTO server (guild_id) SELECT guild_id FROM review;
    UPDATE server SET favourites = coalesce(favourites, review.channel_id),
        reviewers = coalesce(reviewers, review.role_id)
    FROM review WHERE review.guild_id = server.guild_id;
    DROP TABLE review
"""


def adopt(db: sqlite3.Connection, path: Path, scripts: Sequence[str]) -> int:
    """Make of *db* what *scripts* make, keeping its rows, in one transaction; returns its schema.

    Raises `WrongSchema`, and changes nothing, if *db* has a table that no script ever made.
    """
    wanted = fresh(tuple(scripts))
    found = objects(db)
    strange = [key for key in found if key not in wanted and key not in _REPLACED]
    if strange:
        why = differences(dict.fromkeys(strange, ""), {})
        raise wrong(path, UNRECORDED, why)
    with closing(sqlite3.connect(":memory:")) as model:
        for script in scripts:
            model.executescript(script)
        # Neither takes effect within a transaction. The second keeps what refers to a table that
        # is renamed as it was.
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA legacy_alter_table = ON")
        try:
            _adopt(db, model, path, found, wanted, scripts)
        finally:
            db.execute("PRAGMA legacy_alter_table = OFF")
            db.execute("PRAGMA foreign_keys = ON")
    return len(scripts)


def _adopt(
    db: sqlite3.Connection,
    model: sqlite3.Connection,
    path: Path,
    found: Objects,
    wanted: Objects,
    scripts: Sequence[str],
) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        for (kind, name), sql in found.items():
            # A trigger would act on rows that are only carried over.
            if kind == "trigger" or (kind == "index" and sql != wanted.get((kind, name))):
                db.execute(f"DROP {kind} {name}")
        _tables(db, model, path, found, wanted)
        if ("table", "review") in found:
            _run(db, _REVIEW)
        there = objects(db)
        _make(db, model, (key for key in wanted if key not in there))
        _run(db, f"{record(scripts)}\nPRAGMA user_version = {len(scripts)}")
        left = differences(objects(db), wanted)
        left += [
            f"table {row[0]} refers to nothing" for row in db.execute("PRAGMA foreign_key_check")
        ]
        if left:
            raise wrong(path, UNRECORDED, left)
        db.execute("COMMIT")
    except sqlite3.IntegrityError as error:
        raise wrong(path, UNRECORDED, [f"a row breaks a rule of its table ({error})"]) from error
    finally:
        if db.in_transaction:  # something went wrong
            db.execute("ROLLBACK")


def _tables(
    db: sqlite3.Connection, model: sqlite3.Connection, path: Path, found: Objects, wanted: Objects
) -> None:
    """Make the tables that are missing, and anew those that are otherwise, with their rows."""
    for key in wanted:
        kind, name = key
        if kind != "table" or found.get(key) == wanted[key]:
            continue
        if key in found:
            _rebuild(db, model, path, name)
        else:
            _make(db, model, [key])
            _run(db, _FILLS.get(name, ""))


def _rebuild(db: sqlite3.Connection, model: sqlite3.Connection, path: Path, table: str) -> None:
    had, has = _columns(db, table), _columns(model, table)
    carried = []
    for name, type_ in had.items():
        if _MEANT_OTHERWISE.get((table, name)) == (type_, has.get(name)):
            continue
        if has.get(name) != type_:
            raise wrong(path, UNRECORDED, [f"column {name} of table {table} is not one of ours"])
        carried.append(name)
    last = db.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)
    ).fetchone()  # numbers are never given twice, also those of rows that are gone
    db.execute(f"ALTER TABLE {table} RENAME TO _before")
    _make(db, model, [("table", table)])
    names = ", ".join(carried)
    db.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM _before")  # noqa: S608  # our own names
    db.execute("DROP TABLE _before")
    if last is not None:
        db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last[0]))


def _make(
    db: sqlite3.Connection, model: sqlite3.Connection, keys: Iterable[tuple[str, str]]
) -> None:
    for key in keys:
        [[sql]] = model.execute("SELECT sql FROM sqlite_master WHERE (type, name) = (?, ?)", key)
        db.execute(sql)


def _columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    """The columns of a table, and the type of each."""
    return {str(row[1]): str(row[2]) for row in db.execute(f"PRAGMA table_info({table})")}


def _run(db: sqlite3.Connection, script: str) -> None:
    """Run statements that hold no semicolon of their own, within the transaction."""
    for statement in re.split(r";\s*", script):
        if statement.strip():
            db.execute(statement)
