"""A database of the newest schema, copied: to migrate for each test costs more than the test."""

import functools
import tempfile
from collections.abc import Collection
from pathlib import Path

from storage import Store, Terms
from storage.opening import DATABASE, _open, migrations
from storage.terms import terms


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE
        _open(path, migrations(), whole=True).close()
        return path.read_bytes()


def fresh(directory: Path) -> Path:
    """*directory*, made, with an empty database of the newest schema, unless it has one."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / DATABASE
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(_migrated())
    return directory


async def terms_of(store: Store, guild_id: int, built_on: Collection[int] = ()) -> Terms:
    """What holds now for an order in a server that builds on the clips *built_on*."""
    return await store.writer.read(lambda db: terms(db, guild_id, built_on, store.defaults))


def harm(path: Path) -> None:
    """Damage rows in the middle of the file, which opening does not read."""
    data = bytearray(path.read_bytes())
    at = data.index(b"a red fox", len(data) // 2) & ~4095
    data[at : at + 1000] = b"\xff" * 1000
    path.write_bytes(data)
