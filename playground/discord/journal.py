"""What the world remembers over a restart: one JSON line for each thing that changed.

A line is written whole and handed to the operating system before the bot is answered, so
killing the playground loses nothing it has said. A line cut short by a crash is the last one
and is dropped. Opening the journal writes it anew without what is out of date.
"""

import dataclasses
import json
import os
import types
import typing
from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TextIO, Union

Entry = tuple[str, str, Any]  #: kind, key, value (None: it is gone)

_COMPACT_AFTER = 20_000  #: lines; above this, and half of them stale, the file is written anew


class Journal:
    """An append-only file of entries. Without a path it remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._live: dict[tuple[str, str], str] = {}
        self._lines = 0
        self._file: TextIO | None = None
        if path is not None:
            self._read(path)
            self._rewrite(path)

    def entries(self) -> Iterator[Entry]:
        """What is true now, in the order in which it first became so."""
        for line in list(self._live.values()):
            kind, key, value = json.loads(line)
            yield kind, key, value

    def write(self, entries: list[Entry]) -> None:
        """Append *entries* and give them to the operating system."""
        if self._path is None or self._file is None:
            return
        for kind, key, value in entries:
            line = json.dumps([kind, key, value], separators=(",", ":"), default=_plain)
            if value is None:
                self._live.pop((kind, key), None)
            else:
                self._live[kind, key] = line
            self._file.write(line + "\n")
            self._lines += 1
        self._file.flush()
        if self._lines > _COMPACT_AFTER and self._lines > 2 * len(self._live):
            self._rewrite(self._path)

    def close(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, 1):
            try:
                kind, key, value = json.loads(line)
            except ValueError:
                if number < len(lines):
                    raise ValueError(f"{path} is damaged in line {number}.") from None
                return  # nothing, or the line that was being written when we were killed
            if value is None:
                self._live.pop((kind, key), None)
            else:
                self._live[kind, key] = line

    def _rewrite(self, path: Path) -> None:
        self.close()
        draft = path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in self._live.values())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self._lines = len(self._live)
        self._file = path.open("a", encoding="utf-8")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written down")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def revive(kind: Any, value: Any) -> Any:
    """The reverse of how `Journal.write` puts a dataclass into JSON: *kind* is its type."""
    if value is None or kind is Any:
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return revive(next(item for item in arguments if item is not type(None)), value)
    if origin is list:
        return [revive(arguments[0], item) for item in value]
    if origin in (set, frozenset):
        return origin(revive(arguments[0], item) for item in value)
    if origin is dict:
        return {arguments[0](key): revive(arguments[1], item) for key, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(
            **{key: revive(hints[key], item) for key, item in value.items() if key in hints}
        )
    return value
