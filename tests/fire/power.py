"""A disk that loses power: what was not synced is kept in part, or not at all, by sectors.

SQLite writes to it through apsw's VFS. Each write, truncation and sync is written down, so that
one run of some work can be cut at each of its instants afterwards, and each time in another way.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512  #: bytes that a disk writes whole or not at all


@dataclass
class Disk:
    """Files as the program sees them, and all that was done to them."""

    files: dict[str, bytearray] = field(default_factory=dict)
    log: list[tuple[str, ...] | tuple[Any, ...]] = field(default_factory=list)
    before: dict[str, bytes] = field(default_factory=dict)  #: what was on it at the beginning
    fails: dict[int, type[Exception]] = field(default_factory=dict)  #: by the number of the change
    changes: int = 0  #: writes, truncations and syncs so far

    def put(self, name: str, content: bytes) -> None:
        """A file that has been there for long."""
        self.files[name], self.before[name] = bytearray(content), content

    def change(self, *entry: Any) -> None:
        """Write one down. Raises, with nothing done, where it is one that fails."""
        self.changes += 1
        if (error := self.fails.get(self.changes)) is not None:
            raise error(f"change {self.changes} fails")
        self.log.append(entry)

    def acknowledge(self, what: object) -> None:
        """Somebody was told *what*: from now on no power cut may take it back."""
        self.log.append(("told", what))

    def cut(self, at: int, dice: random.Random) -> tuple[dict[str, bytes], list[object]]:
        """The files after the power went before entry *at* of the log; what was told by then."""
        durable = {name: bytearray(content) for name, content in self.before.items()}
        waiting: dict[str, list[tuple[Any, ...]]] = {}
        told: list[object] = []
        for kind, *rest in self.log[:at]:
            if kind == "told":
                told += rest
            elif kind == "delete":
                durable.pop(rest[0], None)
                waiting.pop(rest[0], None)
            elif kind == "sync":
                for change in waiting.pop(rest[0], []):
                    _apply(durable.setdefault(rest[0], bytearray()), change)
            else:
                waiting.setdefault(rest[0], []).append((kind, *rest[1:]))
        keeps = dice.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for name, changes in waiting.items():
            for change in changes:
                for part in _sectors(change):
                    if dice.random() < keeps:
                        _apply(durable.setdefault(name, bytearray()), part)
        return {name: bytes(content) for name, content in durable.items()}, told


def _sectors(change: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """A change in the pieces in which a disk makes it."""
    kind, *rest = change
    if kind != "write":
        yield change
        return
    offset, data = rest
    at = 0
    while at < len(data):
        size = SECTOR - (offset + at) % SECTOR
        yield ("write", offset + at, data[at : at + size])
        at += size


def _apply(content: bytearray, change: tuple[Any, ...]) -> None:
    match change:
        case ("write", offset, data):
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        case ("truncate", size):
            del content[size:]


class Power(apsw.VFS):
    """SQLite's way to a `Disk`."""

    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, base="")
        self.disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> "_File":
        return _File(self.disk, str(name.filename() if hasattr(name, "filename") else name))

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.disk.files

    def xDelete(self, name: str, sync_directory: bool) -> None:
        self.disk.files.pop(name, None)
        self.disk.log.append(("delete", name))

    def xFullPathname(self, name: str) -> str:
        return name


class _File:
    """One file that SQLite has open. It is alone with it."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk, self._name = disk, name
        disk.files.setdefault(name, bytearray())

    @property
    def _content(self) -> bytearray:
        return self._disk.files[self._name]

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._content[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.change("write", self._name, offset, bytes(data))
        _apply(self._content, ("write", offset, data))

    def xTruncate(self, size: int) -> None:
        self._disk.change("truncate", self._name, size)
        _apply(self._content, ("truncate", size))

    def xSync(self, flags: int) -> None:
        self._disk.change("sync", self._name)

    def xFileSize(self) -> int:
        return len(self._content)

    def xClose(self) -> None: ...

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0


class Row(tuple[Any, ...]):
    """A row as sqlite3 has them: by place and by name."""

    names: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names[key] if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        return list(self.names)


class Rows:
    """What a statement gave, all of it."""

    def __init__(self, rows: list[Row], changed: int) -> None:
        self._rows, self.rowcount = rows, changed
        self._next = iter(rows)

    def __iter__(self) -> Iterator[Row]:
        return self._next

    def fetchone(self) -> Row | None:
        return next(self._next, None)

    def fetchall(self) -> list[Row]:
        return list(self._next)


class Connection:
    """As much of `sqlite3.Connection` as the store's functions ask of it, over a `Power`."""

    def __init__(self, name: str, vfs: str, *, checkpoints_at: int = 1000) -> None:
        """*checkpoints_at* is how many pages the log of writes has when it is moved."""
        self._db = apsw.Connection(name, vfs=vfs)
        self._checkpoints_at = checkpoints_at
        self._db.set_wal_hook(self._grown)
        # Without it the log of writes needs memory that several processes share.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")

    def _grown(self, db: apsw.Connection, _name: str, pages: int) -> int:
        """What SQLite does by itself, where apsw would tell of an error that SQLite passes over:
        the commit stands, and a checkpoint that fails is tried after the next one."""
        if pages >= self._checkpoints_at:
            with suppress(apsw.Error):
                db.wal_checkpoint()
        return int(apsw.SQLITE_OK)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, sql: str, values: Any = ()) -> Rows:
        cursor = self._db.cursor()
        cursor.execute(sql, values)
        names: dict[str, int] = {}
        found = []
        for row in cursor:
            names = names or {each[0]: place for place, each in enumerate(cursor.get_description())}
            made = Row(row)
            made.names = names
            found.append(made)
        return Rows(found, self._db.changes())

    def executemany(self, sql: str, all_values: Sequence[Any]) -> None:
        for values in all_values:
            self.execute(sql, values)

    def close(self) -> None:
        self._db.close()


def written(files: dict[str, bytes], to: Path) -> None:
    """Put *files* on a real disk, for whoever starts after the cut."""
    for name, content in files.items():
        (to / name).write_bytes(content)
