"""What a function of the store needs of a database, whichever engine it is."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol


class Row(Protocol):
    """One row of an answer: its values by place and by name."""

    def __getitem__(self, key: int | str, /) -> Any:
        """The value of a column."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The values, in the order of the columns."""
        ...

    def keys(self) -> list[str]:
        """The names of the columns."""
        ...


class Rows(Protocol):
    """The answer to a statement. Its rows are `Row`s; as they may be unpacked, they are Any."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left."""
        ...

    def fetchone(self) -> Any:
        """The next row; None after the last one."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...


class Database(Protocol):
    """A transaction under way: what a function that reads or writes is given."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Rows:
        """Run one statement; its parameters are a sequence for `?`, a mapping for `:name`."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Rows:
        """Run one statement once for each set of parameters."""
        ...
