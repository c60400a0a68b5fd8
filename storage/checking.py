"""Checks the books beside the work: what is new, or all of history in pieces; remembers how far."""

import json
from collections.abc import Callable, Collection
from typing import TypeVar

from .checks import Seen, accounts, balances_hold, days_hold, jobs_hold, quarters_hold, rules
from .database import Database
from .transactions import Transactions

T = TypeVar("T")

PIECE = 1_000  #: jobs that are looked at at once: some ten milliseconds, after which others read
BALANCES = 500  #: balances that are noted in one transaction: some milliseconds
DAYS = 10  #: days of servers that are added up at once
QUARTERS = 96  #: quarters of an hour that are added up at once: a day


def remembered(db: Database) -> tuple[Seen | None, float]:
    """How far the books were looked at and found right, and when the last whole look was.

    None and 0 before the first one.
    """
    row = db.execute("SELECT event, txn, whole_at FROM checked").fetchone()
    if row is None:
        return None, 0.0
    balances = db.execute("SELECT name, checked FROM account WHERE checked IS NOT NULL")
    return Seen(event=row["event"], txn=row["txn"], balances=dict(balances.fetchall())), row[
        "whole_at"
    ]


async def remember(
    writes: Transactions, seen: Seen, known: Seen | None, *, whole_at: float
) -> None:
    """Note that the books are right as far as *seen*; *known* is what was noted before.

    Many balances are noted in pieces, between which orders are written. Whoever is stopped then has
    noted nothing.
    """
    before = known.balances or {} if known is not None else {}
    changed = [
        (balance, name)
        for name, balance in (seen.balances or {}).items()
        if before.get(name) != balance
    ]
    pieces = [changed[at : at + BALANCES] for at in range(0, len(changed), BALANCES)] or [[]]
    *early, last = pieces
    if early:
        await writes.write(lambda db: db.execute("DELETE FROM checked").rowcount)
    for piece in early:
        await writes.write(lambda db, piece=piece: _note(db, piece))  # type: ignore[misc]  # bound early
    await writes.write(lambda db: _note_all(db, last, seen, whole_at))


def _note(db: Database, balances: Collection[tuple[int, str]]) -> None:
    db.executemany("UPDATE account SET checked = ? WHERE name = ?", balances)


def _note_all(
    db: Database, balances: Collection[tuple[int, str]], seen: Seen, whole_at: float
) -> None:
    _note(db, balances)
    db.execute(
        "INSERT INTO checked (id, event, txn, whole_at) VALUES (1, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET event = excluded.event, txn = excluded.txn,"
        " whole_at = excluded.whole_at",
        (seen.event, seen.txn, whole_at),
    )


async def what_is_new(reads: Transactions, since: Seen) -> tuple[list[str], Seen]:
    """What is broken by what happened *since* a look; and how far this one came."""
    found, seen = await reads.read_long(lambda db: accounts(db, since))
    for rule in rules(since):
        found = await reads.read_long(rule.broken) + found
    return found, seen


async def all_of_it(reads: Transactions) -> tuple[list[str], Seen]:
    """What is broken in all of history; and how far it went.

    Each piece is a read of its own: none keeps the log of writes from being cut for long.
    """
    moved = Moved()
    found = await _walked(reads, moved.piece)
    found += await _walked(reads, _jobs)
    found += await _walked(reads, _days)
    found += await _walked(reads, _quarters)
    found += await reads.read_long(balances_hold)
    # Last, from where the pieces ended: what is on the accounts now, and what was moved to now.
    of_accounts, seen = await reads.read_long(lambda db: accounts(db, moved.seen))
    return found + of_accounts, seen


async def _walked(
    reads: Transactions, piece: Callable[[Database, T | None], tuple[list[str], T | None]]
) -> list[str]:
    """What is broken, piece by piece: each says what it found, and where the next one begins."""
    found: list[str] = []
    at: T | None = None
    while True:
        broken, at = await reads.read(lambda db, at=at: piece(db, at))  # type: ignore[misc]  # bound early
        found += broken
        if at is None:
            return found


class Moved:
    """Adds up what was moved to each account, some transactions of the ledger at a time."""

    def __init__(self) -> None:
        self.seen = Seen(balances={})

    def piece(self, db: Database, _at: int | None) -> tuple[list[str], int | None]:
        """Add up the next ones. Nothing is found before all are added up."""
        [last] = db.execute(
            "SELECT max(id) FROM (SELECT id FROM txn WHERE id > ? ORDER BY id LIMIT ?) AS next",
            (self.seen.txn, 2 * PIECE),
        ).fetchone()
        if last is None:
            return [], None
        sums = dict(self.seen.balances or {})
        for name, amount in db.execute(
            """
            SELECT name, sum(amount) FROM (
                SELECT source AS name, -amount AS amount FROM transfer
                WHERE txn_id > :first AND txn_id <= :last
                UNION ALL SELECT target, amount FROM transfer
                WHERE txn_id > :first AND txn_id <= :last
            ) AS moved GROUP BY name
            """,
            {"first": self.seen.txn, "last": last},
        ):
            sums[name] = sums.get(name, 0) + amount
        self.seen = Seen(txn=last, balances=sums)
        return [], last


def _jobs(db: Database, at: int | None) -> tuple[list[str], int | None]:
    first = at or 0
    [last] = db.execute(
        "SELECT max(id) FROM (SELECT id FROM job WHERE id > ? ORDER BY id LIMIT ?) AS next",
        (first, PIECE),
    ).fetchone()
    return ([], None) if last is None else (jobs_hold(db, first, last), last)


def _days(db: Database, at: tuple[int, str] | None) -> tuple[list[str], tuple[int, str] | None]:
    first = at or (-1, "")
    # Each by its own index, which is in this order: together they would be sorted anew each time.
    found = {
        (guild_id, day)
        for table in ("txn", "day_use")
        for guild_id, day in db.execute(
            f"SELECT DISTINCT guild_id, day FROM {table}"  # noqa: S608  # two names
            " WHERE (guild_id, day) > (?, ?) AND day IS NOT NULL ORDER BY guild_id, day LIMIT ?",
            (*first, DAYS),
        )
    }
    days = sorted(found)[:DAYS]
    return (days_hold(db, json.dumps(days)), days[-1]) if days else ([], None)


def _quarters(db: Database, at: int | None) -> tuple[list[str], int | None]:
    first = -1 if at is None else at
    reserved = """
        SELECT DISTINCT quarter FROM txn
        WHERE kind = 'reserve' AND quarter > ? ORDER BY quarter LIMIT ?
    """
    counted = "SELECT quarter FROM quarter_use WHERE quarter > ? ORDER BY quarter LIMIT ?"
    found = {each for sql in (reserved, counted) for (each,) in db.execute(sql, (first, QUARTERS))}
    quarters = sorted(found)[:QUARTERS]
    return (quarters_hold(db, json.dumps(quarters)), quarters[-1]) if quarters else ([], None)
