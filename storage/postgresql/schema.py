"""Brings a database of PostgreSQL to the newest schema, and refuses one that is not ours."""

import re
from collections.abc import Mapping
from importlib import resources

from storage.schema import CannotOpen, NewerSchema, WrongSchema, digest

from .kept import note_origin
from .session import SCHEMA, Session

LEAST = 140_000  #: the first version whose functions are bound when they are made
_MADE = re.compile(r"^CREATE (?:UNIQUE )?(TABLE|INDEX|TRIGGER|VIEW) (\w+)", re.MULTILINE)
_RECORD = f"""
    CREATE TABLE {SCHEMA}.migration (
        version BIGINT PRIMARY KEY,
        sha256  TEXT COLLATE "C" NOT NULL
    )
"""
_FOUND = f"""
    SELECT 'TABLE', relname FROM pg_class
    WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind IN ('r', 'p')
    UNION ALL SELECT 'VIEW', relname FROM pg_class
    WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind = 'v'
    UNION ALL SELECT 'INDEX', relname FROM pg_class
    WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind = 'i'
    UNION ALL SELECT 'TRIGGER', tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = '{SCHEMA}'::regnamespace AND NOT tgisinternal AND tgenabled IN ('O', 'A')
"""  # noqa: S608  # a fixed text


def migrations() -> dict[int, str]:
    """The SQL of every migration, by the number of the schema that it makes."""
    folder = resources.files("storage.postgresql") / "migrations"
    return {
        int(script.name[:4]): script.read_text("utf-8")
        for script in sorted(folder.iterdir(), key=lambda each: each.name)
        if script.name.endswith(".sql")
    }


def recognize(db: Session, scripts: Mapping[int, str]) -> int:
    """Look whether the database is one that `migrate` can bring up to date; its schema, 0 where it
    is new. Changes nothing.

    Raises `NewerSchema`, `WrongSchema` or `CannotOpen`, whose sentences say what to do.
    """
    if db.version < LEAST:
        raise CannotOpen(
            f"Dailies needs PostgreSQL {LEAST // 10_000} or newer, and the database server runs "
            f"{db.version // 10_000}."
        )
    [encoding] = _row(db, "SHOW server_encoding")
    if encoding != "UTF8":
        raise CannotOpen(
            f"The database is encoded in {encoding}, which can't hold every prompt. Create one "
            "with ENCODING 'UTF8'."
        )
    applied = _recorded(db)
    if not applied:
        [made] = _row(
            db,
            "SELECT EXISTS (SELECT 1 FROM pg_class JOIN pg_namespace ON relnamespace ="  # noqa: S608
            f" pg_namespace.oid WHERE nspname = '{SCHEMA}')",
        )
        if made:
            raise WrongSchema(
                f"The database has a schema {SCHEMA} that isn't Dailies' and was not changed. "
                "Rename it, or name another database."
            )
        return 0
    newest, seen = max(scripts), max(applied)
    if seen > newest:
        raise NewerSchema(
            f"A newer Dailies wrote the database (schema {seen}, this one knows {newest}). "
            "Install that version again, or restore an older dump into another database."
        )
    for version, hashed in applied.items():
        if hashed != digest(scripts.get(version, "")):
            raise _wrong(seen, [f"its migration {version} was another one"])
    if lacking := _lacking(db, [scripts[version] for version in scripts if version <= seen]):
        raise _wrong(seen, lacking)
    return seen


def migrate(db: Session, scripts: Mapping[int, str]) -> None:
    """Apply the *scripts* that this database has not seen, in one transaction.

    Other processes wait meanwhile. Raises as `recognize`.
    """
    if recognize(db, scripts) == max(scripts):
        return
    db.script("BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(7311265829)")
    try:
        seen = recognize(db, scripts)  # another process may have done it meanwhile
        if seen == 0:
            db.script(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}; {_RECORD}")
        for version, script in scripts.items():
            if version > seen:
                db.script(script)
                db.execute(
                    "INSERT INTO migration (version, sha256) VALUES (?, ?)",
                    (version, digest(script)),
                )
        if seen == 0:  # the schema's own function may be late: see identity.py
            note_origin(db)
        db.script("COMMIT")
    finally:
        if db.in_transaction:  # something went wrong
            db.script("ROLLBACK")


def _recorded(db: Session) -> dict[int, str]:
    """The hash of each script that was applied; none for a new database."""
    [there] = _row(db, f"SELECT to_regclass('{SCHEMA}.migration') IS NOT NULL")
    if not there:
        return {}
    return dict(db.script(f"SELECT version, sha256 FROM {SCHEMA}.migration").fetchall())  # noqa: S608


def _lacking(db: Session, scripts: list[str]) -> list[str]:
    """What *scripts* make and the database does not have: 'trigger job_rev is missing'."""
    wanted = {made for script in scripts for made in _MADE.findall(script)}
    found = {(kind, name) for kind, name in db.script(_FOUND)}
    return [f"{kind.lower()} {name} is missing" for kind, name in sorted(wanted - found)]


def _row(db: Session, sql: str) -> tuple[object, ...]:
    row = db.script(sql).fetchone()
    assert row is not None
    return row


def _wrong(schema: int, why: list[str]) -> WrongSchema:
    more = f", and {len(why) - 5} more" if len(why) > 5 else ""
    return WrongSchema(
        f"The database doesn't match its schema {schema} and was not changed: "
        f"{', '.join(why[:5])}{more}. Undo what was changed in it by hand, or restore a dump."
    )
