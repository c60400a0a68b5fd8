"""Binds functions on a database to methods of the store, so that each is written once.

The functions in the files of the tables take a `Database` first. Within a transaction they call
each other. To callers outside they are methods, each a transaction of its own:

    class Jobs(Part):
        save = write(jobs.save)

    await store.jobs.save(job)      # jobs.save(db, job), once it is on the disk

What needs the time or the deployment's defaults takes a `Moment` second, and is bound with
`read_at`, `write_at` or `erase_at`.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from .clock import Clock, seen
from .database import Database
from .defaults import Defaults, Moment

P = ParamSpec("P")
T = TypeVar("T")


class Transactions(Protocol):
    """Runs functions in transactions: `writer.Writer` for SQLite."""

    unscrubbed: bool  #: something that was erased still stands in the log of writes
    commits: int  #: transactions that were kept, since the start
    commit_seconds: float  #: that they took together

    @property
    def waiting(self) -> int:
        """Writes that wait for the next transaction."""
        ...

    @property
    def streams_words(self) -> bool:
        """Whether the index of words gives its first hits without finding all of them before."""
        ...

    async def read(self, fn: Callable[[Database], T]) -> T:
        """What *fn* returns; *fn* sees one state of the database and cannot write."""
        ...

    async def read_long(self, fn: Callable[[Database], T]) -> T:
        """As `read`, for what may take seconds: it never keeps all others from reading."""
        ...

    async def write(self, fn: Callable[[Database], T], *, turn: Callable[[], object] = ...) -> T:
        """What *fn* returns, once everything that *fn* wrote is kept; all or nothing."""
        ...

    async def erase(self, fn: Callable[[Database], T]) -> T:
        """As `write`; what *fn* deletes is then nowhere in the files either."""
        ...

    async def damage(self) -> str | None:
        """What is damaged in the whole database; None if nothing is."""
        ...

    async def touch(self) -> None:
        """Write something that changes nothing, to see whether writing works."""
        ...

    async def scrub(self) -> None:
        """Try again to leave no trace of what was erased; see `unscrubbed`."""
        ...


class Part:
    """The methods of the store about one subject."""

    def __init__(self, transactions: Transactions, *, clock: Clock, defaults: Defaults) -> None:
        self.transactions = transactions
        self.clock = clock
        self.defaults = defaults

    def moment_of_read(self) -> Callable[[Database], Moment]:
        """Prepare the moment of a transaction that reads, to be settled in it."""
        now, ahead = self.clock.now(), self.clock.on_the_wall(0.0)
        return lambda db: Moment(now=seen(db, now), defaults=self.defaults, ahead=ahead)

    def moment_of_write(self) -> Callable[[Database], Moment]:
        """Prepare the moment of a transaction that writes; its commit makes it the mark."""
        now, ahead = self.clock.now(), self.clock.on_the_wall(0.0)
        return lambda _: Moment(now=self.clock.settle(now), defaults=self.defaults, ahead=ahead)


Plain = Callable[Concatenate[Database, P], T]
Timed = Callable[Concatenate[Database, Moment, P], T]
Method = Callable[Concatenate[Part, P], Coroutine[Any, Any, T]]


def read(fn: Plain[P, T]) -> Method[P, T]:
    """A method that reads with *fn*."""

    @wraps(fn)
    async def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.read(lambda db: fn(db, *args, **kwargs))

    return method


def read_long(fn: Plain[P, T]) -> Method[P, T]:
    """`read` for a function that reads much of history."""

    @wraps(fn)
    async def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.read_long(lambda db: fn(db, *args, **kwargs))

    return method


def write(fn: Plain[P, T]) -> Method[P, T]:
    """A method that writes with *fn*, and answers once that is on the disk."""

    @wraps(fn)
    async def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.write(lambda db: fn(db, *args, **kwargs))

    return method


def erase(fn: Plain[P, T]) -> Method[P, T]:
    """A method that writes with *fn*, and leaves no trace of what that deletes."""

    @wraps(fn)
    async def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.transactions.erase(lambda db: fn(db, *args, **kwargs))

    return method


def read_at(fn: Timed[P, T]) -> Method[P, T]:
    """`read` for a function that needs the moment."""

    @wraps(fn)
    async def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        moment = self.moment_of_read()
        return await self.transactions.read(lambda db: fn(db, moment(db), *args, **kwargs))

    return method


def write_at(fn: Timed[P, T]) -> Method[P, T]:
    """`write` for a function that needs the moment, which is the database's mark from then on."""

    @wraps(fn)
    async def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        moment = self.moment_of_write()
        return await self.transactions.write(lambda db: fn(db, moment(db), *args, **kwargs))

    return method


def erase_at(fn: Timed[P, T]) -> Method[P, T]:
    """`erase` for a function that needs the moment."""

    @wraps(fn)
    async def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> T:
        moment = self.moment_of_write()
        return await self.transactions.erase(lambda db: fn(db, moment(db), *args, **kwargs))

    return method
