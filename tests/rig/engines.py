"""The engine that a storage test runs on, and `open_store` on that engine."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import storage
from storage import Store
from storage.clock import TICKS
from storage.postgresql.opening import open_server
from tests.rig.databases import fresh
from tests.rig.postgres import Databases

#: What the test under way runs on; None: SQLite. Set by tests/storage/conftest.py alone.
current: list[Databases | None] = [None]


def unguard(db: Any) -> None:
    """Take away every trigger of the tables, in a transaction of the store's."""
    if current[0] is None:
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            db.execute(f"DROP TRIGGER {name}")
        return
    for (table,) in db.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'dailies'::regnamespace"
        " AND relkind = 'r'"
    ):
        db.script(f"ALTER TABLE {table} DISABLE TRIGGER USER")


def open_store(directory: Path, **how: Any) -> AbstractAsyncContextManager[Store]:
    """`storage.open_store` on the engine of the test under way, with the tables already made."""
    databases = current[0]
    if databases is None:
        return storage.open_store(fresh(directory), **how)
    # Time that a test turns does not pass for the server, which has its lease renewed.
    own = {"readers": how.pop("readers", 2), "lease_ticks": TICKS}
    return open_server(directory, databases.of(directory), **own, **how)
