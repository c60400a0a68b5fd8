"""Rows as SQLite's are: a tuple that also answers to the names of its columns."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import psycopg


class PostgresRow(tuple[Any, ...]):
    """One row of an answer: its values by place and by name."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[dict[str, int]] = {}

    def __getitem__(self, key: Any) -> Any:
        """The value of a column, by its place or its name. Raises IndexError as SQLite's does."""
        if isinstance(key, str):
            place = self.places.get(key)
            if place is None:
                raise IndexError(f"No item with that key: {key}")
            return tuple.__getitem__(self, place)
        return tuple.__getitem__(self, key)

    def keys(self) -> list[str]:
        """The names of the columns."""
        return list(self.names)


@lru_cache(maxsize=500)
def _kind(names: tuple[str, ...]) -> type[PostgresRow]:
    """Rows with these columns. Of two with one name, the first answers to it."""
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    return type("PostgresRow", (PostgresRow,), {"__slots__": (), "names": names, "places": places})


def rows_of(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], PostgresRow]:
    """Make the rows of *cursor*: psycopg's row factory."""
    described = cursor.description
    if described is None:
        return PostgresRow
    return _kind(tuple(column.name for column in described))


class Answer:
    """The answer to a statement: its rows, all of which are here."""

    __slots__ = ("_left", "rowcount")

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self.rowcount = cursor.rowcount  #: rows that the statement changed, or found
        self._left: Iterator[PostgresRow] = iter(cursor.fetchall() if cursor.description else ())

    def __iter__(self) -> Iterator[PostgresRow]:
        """The rows that are left."""
        return self._left

    def fetchone(self) -> PostgresRow | None:
        """The next row; None after the last one."""
        return next(self._left, None)

    def fetchall(self) -> list[PostgresRow]:
        """The rows that are left."""
        return list(self._left)
