"""What the writer leaves to an engine: how a transaction begins and ends, what an error means."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from .processes import Holding

T = TypeVar("T")


class DiskTrouble(Exception):
    """Nothing of this was saved, through no fault of what was asked. The message is a sentence."""


class ServerTrouble(DiskTrouble):
    """As `DiskTrouble`, where the rows are on a server: it is away, or can't do what it should."""


class Connection(Protocol):
    """A connection that runs whole functions of ours on a thread of its own."""

    async def run(self, fn: Callable[[Any], T]) -> T:
        """What *fn* returns or raises, called with the raw connection on its own thread."""
        ...


class Engine(Protocol):
    """What differs between engines. *db* is a raw connection, used on its own thread."""

    @property
    def streams_words(self) -> bool:
        """Whether the index of words gives its first hits without finding all of them before."""
        ...

    def begin(self, db: Any) -> None:
        """Begin a transaction that writes, alone."""
        ...

    def commit(self, db: Any) -> None:
        """Keep the transaction. Raises where it is not kept, or nobody can tell."""
        ...

    def under_way(self, db: Any) -> bool:
        """Whether a transaction is under way, be it one that can only be rolled back."""
        ...

    def ends_group(self, error: Exception) -> bool:
        """Whether *error* is that of all who share the transaction, not of whoever met it."""
        ...

    def snapshot(self, db: Any, fn: Callable[[Any], T]) -> T:
        """What *fn* finds in one state of the database, on a connection that only reads."""
        ...

    def forbidden_to_write(self, db: Any, fn: Callable[[Any], T]) -> T:
        """What *fn* finds, on the connection that writes."""
        ...

    def translated(self, error: Exception, outcome: str) -> Exception:
        """`DiskTrouble` for trouble of the disk or the server; any other error as it is."""
        ...

    def scrub(self, db: Any) -> bool:
        """Leave no trace of what was erased; True if that must wait."""
        ...

    def damage(self, db: Any) -> str | None:
        """What is damaged in the whole database; None if nothing is."""
        ...

    def touch(self, db: Any) -> None:
        """Write what is there already."""
        ...


class Lease(Protocol):
    """What lets this process write, where several might."""

    gone: asyncio.Event  #: this process must end, as when another has taken over
    why: str  #: the reason for that, a sentence
    waited: bool  #: this process stood by before it took it
    lost_by: str | None  #: who held it before, and neither renewed it nor let it go

    @property
    def holdings(self) -> Sequence[Holding]:
        """The leases that this process holds, or held last."""
        ...

    @property
    def sure(self) -> bool:
        """Whether no other process can hold it now."""
        ...
