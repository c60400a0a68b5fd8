"""Group commit: the writes that wait together share one transaction, and one fsync.

Reads have connections of their own, so that no report holds up an order: see `opening`.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import aiosqlite

from .engine import Connection as AnyConnection
from .engine import DiskTrouble, Engine
from .sqlite import Sqlite

__all__ = ["MAX_BATCH", "Connection", "DiskTrouble", "Watch", "Writer"]

T = TypeVar("T")
SQLITE: Engine = Sqlite()

MAX_BATCH = 512  #: writes in one transaction; more would only make the first of them wait longer
#: Tries to cut the log of writes while somebody reads, and the seconds between two.
SCRUBS, SCRUBBED_AGAIN = 40, 0.05

#: SQLite goes on writing into a file that was deleted: what was answered would be gone at the stop.
MOVED = "The database was moved, replaced or deleted, so nothing was saved."


class Connection(aiosqlite.Connection):
    """aiosqlite's connection and thread, able to run a whole function of ours on that thread.

    aiosqlite offers one hop to its thread for every statement, and a hop costs more than most
    statements do. `_execute`, its own way of making the hop, is private: the version is pinned,
    and a test looks whether the method still exists.
    """

    async def run(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """What *fn* returns or raises, called with the raw connection on its own thread."""
        result: T = await self._execute(fn, self._conn)  # type: ignore[no-untyped-call]  # aiosqlite left it so
        return result


class Watch(Protocol):
    """An observer of what is committed."""

    def collect(self, db: Any) -> Any:
        """What the transaction under way has changed; called as its last step."""
        ...

    def committed(self, changes: Any) -> None:
        """Called with *changes* once they are on the disk, before their callers; never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    fn: Callable[[Any], Any]
    answer: asyncio.Future[Any]
    turn: Callable[[], object]


class Writer:
    """The only way to the database: one connection writes, one transaction at a time.

    There is no artificial delay. While one transaction is being committed the next writes
    gather, so the busier it is the more of them share a commit. *readers* are connections that
    cannot write; each read takes one of them, or without any the one that writes.
    """

    def __init__(
        self,
        db: AnyConnection,
        *,
        watch: Watch | None = None,
        readers: Sequence[AnyConnection] = (),
        in_place: Callable[[], bool] = lambda: True,
        engine: Engine = SQLITE,
    ) -> None:
        """*in_place* says whether the files that are written to are still where they belong."""
        self._db = db
        self._in_place = in_place
        self._engine = engine
        self._readers: asyncio.LifoQueue[AnyConnection] = asyncio.LifoQueue()
        for reader in readers or (db,):
            self._readers.put_nowait(reader)
        self._alone = not readers
        self._long = asyncio.Semaphore(max(1, len(readers) - 1))
        self._watch = watch
        self._waiting: deque[_Call] = deque()
        self._turns: asyncio.Task[None] | None = None
        self._closed = False
        self.unscrubbed = False  #: something that was erased still stands in the log of writes
        self.commits = 0  #: transactions that were kept, since the start
        self.commit_seconds = 0.0  #: that they took together

    @property
    def waiting(self) -> int:
        """Writes that wait for the next transaction."""
        return len(self._waiting)

    @property
    def streams_words(self) -> bool:
        """As `Engine.streams_words`."""
        return self._engine.streams_words

    async def write(
        self, fn: Callable[[Any], T], *, turn: Callable[[], object] = lambda: None
    ) -> T:
        """What *fn* returns, once everything that *fn* wrote is on the disk.

        *fn* runs on the database's thread. If *fn* raises, only what *fn* wrote is undone, and
        only its caller is told; the others that shared its transaction are run once more, so *fn*
        must change nothing but the database. *fn* must not begin, commit or roll back, nor swallow
        an error of SQLite's, nor return a cursor.

        *turn* is called on the event loop when the transaction is about to begin, to ask what
        only memory knows. If *turn* raises, its caller is told, and *fn* is not run.

        A caller that stops waiting does not undo its write: once asked for, it is made.
        Raises `DiskTrouble` when the transaction as a whole could not be kept.
        """
        if self._closed:
            raise DiskTrouble("Dailies is shutting down, so this was not saved.")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(fn=fn, answer=answer, turn=turn))
        if self._turns is None or self._turns.done():
            self._turns = asyncio.create_task(self._work(), name="storage writer")
        return await answer

    async def read(self, fn: Callable[[Any], T]) -> T:
        """What *fn* returns. *fn* sees everything committed, in one state, and cannot write.

        Raises `DiskTrouble` once the database is closed.
        """
        if self._alone:
            return await self._ask(self._db, lambda db: self._engine.forbidden_to_write(db, fn))
        reader = await self._readers.get()
        asking = asyncio.ensure_future(self._ask(reader, lambda db: self._engine.snapshot(db, fn)))
        # A reader whose caller stopped waiting is free when its thread is.
        asking.add_done_callback(lambda _: self._readers.put_nowait(reader))
        return await asyncio.shield(asking)

    async def read_long(self, fn: Callable[[Any], T]) -> T:
        """As `read`, for what reads much of history: however many of them there are at once, one
        reader is left to everything else."""
        await self._long.acquire()
        asking = asyncio.ensure_future(self.read(fn))
        # As with the readers: it goes on when its caller has stopped waiting.
        asking.add_done_callback(lambda _: self._long.release())
        return await asyncio.shield(asking)

    async def _ask(self, db: AnyConnection, fn: Callable[[Any], T]) -> T:
        try:
            return await db.run(fn)
        except Exception as error:
            trouble = self._engine.translated(error, "so nothing was done")
            if trouble is error and self._closed:  # a connection that is closed says so its own way
                trouble = DiskTrouble("Dailies is shutting down, so nothing was looked up.")
            if trouble is error:
                raise
            raise trouble from error

    async def erase(self, fn: Callable[[Any], T]) -> T:
        """As `write`; what *fn* deletes is then nowhere in the files either, unless another
        program is reading them: `unscrubbed` says so, and `scrub` tries again."""
        done = await self.write(fn)
        await self.scrub()
        return done

    async def scrub(self) -> None:
        """Move the log of writes into the database and cut it to nothing.

        The database overwrites what is deleted (`secure_delete`); its log would keep every page
        as it once was. If that cannot be done now, `unscrubbed` is set. A read that is under way
        is waited for, but not by the writes.
        """
        for _ in range(SCRUBS):
            try:
                self.unscrubbed = await self._db.run(self._engine.scrub)
            except Exception:  # noqa: BLE001  # the disk, mostly; the next writer will be told
                self.unscrubbed = True
                return
            if not self.unscrubbed:
                return
            await asyncio.sleep(SCRUBBED_AGAIN)

    async def damage(self) -> str | None:
        """What is damaged in the database; None if nothing is. Read like everything else."""
        try:
            return await self.read_long(self._engine.damage)
        except DiskTrouble as trouble:
            return str(trouble)

    async def touch(self) -> None:
        """Write what is there already, which takes the lock, the log and the disk all the same.

        Raises `DiskTrouble` if nothing can be written.
        """
        await self.write(self._engine.touch)

    async def close(self) -> None:
        """Finish every write that waits; take no more."""
        self._closed = True
        if self._turns is not None:
            await self._turns

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
            batch = [call for call in batch if self._has_its_turn(call)]
            if not batch:
                continue
            fns = [call.fn for call in batch]
            began = time.perf_counter()
            try:
                if not self._in_place():
                    raise DiskTrouble(MOVED)
                outcomes, changes = await self._db.run(
                    lambda db, fns=fns: _commit(db, fns, self._watch, self._engine)  # type: ignore[misc]  # fns is bound early
                )
                self.commits += 1
                self.commit_seconds += time.perf_counter() - began
                if self._watch is not None:
                    self._watch.committed(changes)
            except Exception as error:  # noqa: BLE001  # every caller of the batch gets it
                outcomes = [_Outcome(error=error)] * len(batch)
            except BaseException:
                for call in (*batch, *self._waiting):
                    call.answer.cancel()
                self._waiting.clear()
                raise
            for call, outcome in zip(batch, outcomes, strict=True):
                self._answer(call, outcome)

    def _has_its_turn(self, call: _Call) -> bool:
        try:
            call.turn()
        except Exception as error:  # noqa: BLE001  # its caller gets it
            self._answer(call, _Outcome(error=error))
            return False
        return True

    def _answer(self, call: _Call, outcome: _Outcome) -> None:
        if call.answer.done():  # its caller stopped waiting
            return
        if outcome.error is None:
            call.answer.set_result(outcome.value)
            return
        error = self._engine.translated(outcome.error, "so nothing was saved")
        if error is not outcome.error:
            error.__cause__ = outcome.error
        call.answer.set_exception(error)


def _commit(
    db: Any,
    fns: Sequence[Callable[[Any], Any]],
    watch: Watch | None,
    engine: Engine = SQLITE,
) -> Any:
    """Commit *fns* in one transaction: their outcomes, and what *watch* found to be changed.

    Nearly always all of them go well, so each has a savepoint of its own only where one did not.
    Raises if nothing was committed.
    """
    engine.begin(db)
    try:
        try:
            outcomes = [_Outcome(value=fn(db)) for fn in fns]
        except Exception as error:
            # A full disk, among others, makes the engine itself roll back the whole transaction.
            if not engine.under_way(db) or engine.ends_group(error):
                raise
            db.execute("ROLLBACK")
            engine.begin(db)
            outcomes = [_attempt(db, fn, engine) for fn in fns]
        changes = watch.collect(db) if watch is not None else None
        engine.commit(db)
    finally:
        if engine.under_way(db):  # something went wrong
            db.execute("ROLLBACK")
    return outcomes, changes


def _attempt(db: Any, fn: Callable[[Any], Any], engine: Engine) -> _Outcome:
    db.execute("SAVEPOINT attempt")
    try:
        value = fn(db)
    except Exception as error:
        if not engine.under_way(db) or engine.ends_group(error):
            raise
        db.execute("ROLLBACK TO attempt")
        db.execute("RELEASE attempt")
        return _Outcome(error=error)
    db.execute("RELEASE attempt")
    return _Outcome(value=value)
