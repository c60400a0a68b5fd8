"""The ledger: credits are reserved for a job, then captured or given back, once."""

from collections.abc import Sequence
from dataclasses import dataclass

from .database import Database, Row
from .job import ENDED, FINISHED, PARKED, Job, State

# Each kind has an index of its own: asked for any kind at once, SQLite reads all of history.
_OF_JOB = """
    SELECT id FROM txn WHERE job_id = :job AND kind = 'reserve'
    UNION ALL SELECT id FROM txn
        WHERE job_id = :job AND kind IN ('capture', 'release', 'close')
    UNION ALL SELECT id FROM txn WHERE job_id = :job AND kind = 'suspense'
    UNION ALL SELECT id FROM txn WHERE job_id = :job AND kind = 'clear'
"""
#: All that was moved for a job.
MOVED = f"SELECT source, target, amount FROM transfer WHERE txn_id IN ({_OF_JOB})"  # noqa: S608
#: What an attempt has in suspense, if that has not ended.
SUSPENDED = f"""
    SELECT target, amount FROM transfer JOIN txn ON txn.id = txn_id
    WHERE txn_id IN ({_OF_JOB}) AND target LIKE 'suspense:%' AND (
        (kind = 'suspense' AND attempt = :attempt)
        OR (kind = 'close' AND :attempt = (SELECT attempt FROM job WHERE id = :job))
    ) AND NOT EXISTS (
        SELECT 1 FROM txn WHERE job_id = :job AND attempt = :attempt AND kind = 'clear'
    )
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """*amount* whole credits from one account to another; the accounts are in 0002_ledger.sql."""

    source: str
    target: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a job cost, in credits, by the ledger: what a card may state."""

    reserved: int  #: when it was ordered
    held: int  #: still reserved
    spent: int  #: captured from the requester
    lost: int  #: billed by the provider, and paid by no member
    suspense: int  #: may have been billed; nobody knows yet
    house: int = 0  #: of what was reserved, the slow lane's: free for the requester
    settled: bool


def person(db: Database, user_id: int) -> int:
    """The number that stands for a Discord user in what can never be deleted."""
    row = db.execute("SELECT id FROM person WHERE user_id = ?", (user_id,)).fetchone()
    return new_person(db, user_id) if row is None else int(row[0])


def new_person(db: Database, user_id: int) -> int:
    """The number for a Discord user who has none."""
    [number] = db.execute(
        "INSERT INTO person (user_id) VALUES (?) RETURNING id", (user_id,)
    ).fetchone()
    return int(number)


def give(
    db: Database, *, grant_id: int, guild_id: int, person_id: int, amount: int, at: float
) -> None:
    """Fill the account of a new grant."""
    _post(
        db,
        "grant",
        [Transfer(source=f"pool:{guild_id}", target=f"grant:{grant_id}", amount=amount)],
        guild_id=guild_id,
        person_id=person_id,
        grant_id=grant_id,
        at=at,
    )


def reserve(
    db: Database,
    job: Job,
    *,
    person_id: int,
    day: str,
    quota: int,
    grants: Sequence[tuple[int, int]],
    at: float,
    house: int = 0,
) -> None:
    """Hold *job*'s price: *quota* credits of it from the quota, the rest from *grants*.

    *grants* are pairs of a grant's number and the credits taken from that grant; *house* is the
    server's subsidy: what the slow lane costs. *day* is the server's date, as YYYY-MM-DD, on which
    limits count the job.
    """
    assert quota + house + sum(amount for _, amount in grants) == job.price
    held = f"held:{job.guild_id}:{person_id}"
    sources = [
        (f"pool:{job.guild_id}", quota),
        (f"house:{job.guild_id}", house),
        *((f"grant:{grant}", each) for grant, each in grants),
    ]
    _post(
        db,
        "reserve",
        [Transfer(source=source, target=held, amount=amount) for source, amount in sources],
        guild_id=job.guild_id,
        person_id=person_id,
        job_id=job.id,
        day=day,
        at=at,
    )


def settle(db: Database, job: Job, *, before: Job, at: float, credits: int | None = None) -> None:
    """Move the credits that a job holds as its new state demands.

    `jobs.save` calls this with every move, so that no end can forget to. A job that was never
    reserved, has not ended, or was settled before, moves nothing. *before* is the job before the
    move; *credits* is what the provider billed, if that is known exactly, else the price.

    * done, undelivered: the requester pays what was billed, never more than the price
    * cancelled: likewise if the provider billed it, else nothing
    * failed, expired, closed: the requester pays nothing; what was billed is the server's loss
    * any end of which nobody knows the bill: the requester pays nothing; the price is in suspense

    A clip that comes after its job was given up costs its requester nothing, as they were told:
    what is billed for it is lost.

    When a person retries a parked job, the hold stays for the new attempt. What the old attempt
    may have cost goes into suspense, and from there to what is lost once that is known.
    """
    reserved = _reserved(db, job.id)
    if reserved is None:
        return
    if before.state in PARKED and job.state is State.QUEUED and before.charged != "no":
        _suspend(db, reserved, before, at=at)
    billed = job.price if credits is None else credits
    if before.state is State.EXPIRED and job.state is State.FETCHING:
        _came_late(db, reserved, job, billed, at=at)
    if job.state not in ENDED or _is_settled(db, job.id):
        return
    house, lost = f"house:{job.guild_id}", f"lost:{job.guild_id}"
    pays, kind = 0, "release"
    extra = Transfer(source=house, target=lost, amount=0)
    if job.state in FINISHED or (job.state is State.CANCELLED and job.billed == "yes"):
        kind, pays = "capture", min(billed, job.price)
        extra = Transfer(source=house, target=lost, amount=billed - pays)
    elif job.billed == "unknown":
        kind = "close"
        extra = Transfer(source=house, target=f"suspense:{job.guild_id}", amount=job.price)
    elif job.billed == "yes":
        extra = Transfer(source=house, target=lost, amount=billed)
    moves = [*_paid_and_returned(db, reserved, pays), extra]
    _post_for(db, kind, reserved, moves, job_id=job.id, at=at)


def clear(db: Database, job_id: int, attempt: int, *, billed: bool, at: float) -> bool:
    """End the suspense of an attempt: it was billed, or it was not.

    False if that attempt is not in suspense.
    """
    row = db.execute(SUSPENDED, {"job": job_id, "attempt": attempt}).fetchone()
    reserved = _reserved(db, job_id)
    if row is None or reserved is None:
        return False
    suspense, amount = row
    target = f"{'lost' if billed else 'house'}:{reserved['guild_id']}"
    moves = [Transfer(source=suspense, target=target, amount=amount)]
    _post_for(db, "clear", reserved, moves, job_id=job_id, attempt=attempt, at=at)
    return True


def bill(db: Database, job_id: int) -> Bill | None:
    """What a job holds and cost; None for one that was never reserved."""
    if _reserved(db, job_id) is None:
        return None
    sums = dict.fromkeys(("held", "spent", "lost", "suspense"), 0)
    reserved = house = 0
    for source, target, amount in db.execute(MOVED, {"job": job_id}):
        for name, sign in ((source, -1), (target, 1)):
            kind = name.partition(":")[0]
            if kind in sums:
                sums[kind] += sign * amount
        if target.startswith("held:"):
            reserved += amount
            house += amount if source.startswith("house:") else 0
    return Bill(reserved=reserved, house=house, settled=_is_settled(db, job_id), **sums)


def _suspend(db: Database, reserved: Row, job: Job, *, at: float) -> None:
    """Book the price of an attempt that was given up as suspense, once."""
    known = db.execute(
        "SELECT 1 FROM txn WHERE job_id = ? AND attempt = ? AND kind = 'suspense'",
        (job.id, job.attempt),
    ).fetchone()
    if known is None:
        guild = job.guild_id
        moves = [Transfer(source=f"house:{guild}", target=f"suspense:{guild}", amount=job.price)]
        _post_for(db, "suspense", reserved, moves, job_id=job.id, attempt=job.attempt, at=at)
        if job.charged == "yes":
            clear(db, job.id, job.attempt, billed=True, at=at)


def _came_late(db: Database, reserved: Row, job: Job, billed: int, *, at: float) -> None:
    """Book *billed* credits as lost for an attempt that was given up and came after all."""
    house, lost = f"house:{job.guild_id}", f"lost:{job.guild_id}"
    row = db.execute(SUSPENDED, {"job": job.id, "attempt": job.attempt}).fetchone()
    if row is not None:
        suspense, amount = row
        moves = [
            Transfer(source=suspense, target=lost, amount=min(billed, amount)),
            Transfer(source=suspense, target=house, amount=max(0, amount - billed)),
            Transfer(source=house, target=lost, amount=max(0, billed - amount)),
        ]
        _post_for(db, "clear", reserved, moves, job_id=job.id, attempt=job.attempt, at=at)
        return
    # Somebody may have said already what it was; if that was “not billed”, the clip says otherwise.
    [known] = db.execute(
        """
        SELECT coalesce(sum(amount), 0) FROM transfer JOIN txn ON txn.id = txn_id
        WHERE job_id = ? AND coalesce(attempt, ?) = ? AND target LIKE 'lost:%'
        """,
        (job.id, job.attempt, job.attempt),
    ).fetchone()
    booked = db.execute(
        "SELECT 1 FROM txn WHERE job_id = ? AND attempt = ? AND kind = 'suspense'",
        (job.id, job.attempt),
    ).fetchone()
    if billed > known and booked is None:
        moves = [Transfer(source=house, target=lost, amount=billed - known)]
        _post_for(db, "suspense", reserved, moves, job_id=job.id, attempt=job.attempt, at=at)


def _paid_and_returned(db: Database, reserved: Row, pays: int) -> list[Transfer]:
    """Spend *pays* of the held credits, the quota's first; return the rest to where they were."""
    parts = db.execute(
        # The pool first, then the grants that expire soonest: as `policy.admit` took them.
        """
        SELECT source, target, transfer.amount FROM transfer
        LEFT JOIN allowance ON allowance.id =
            CASE WHEN source LIKE 'grant:%' THEN CAST(substr(source, 7) AS BIGINT) END
        WHERE txn_id = ?
        ORDER BY source LIKE 'grant:%', expires_at IS NULL, expires_at, allowance.id
        """,
        (reserved["id"],),
    ).fetchall()
    moves, left = [], pays
    spent = f"spent:{reserved['guild_id']}:{reserved['person_id']}"
    for source, held, amount in parts:
        kept = min(amount, left)
        left -= kept
        moves.append(Transfer(source=held, target=source, amount=amount - kept))
    if parts:
        moves.append(Transfer(source=parts[0]["target"], target=spent, amount=pays))
    return moves


def _reserved(db: Database, job_id: int) -> Row | None:
    row: Row | None = db.execute(
        "SELECT id, guild_id, person_id, day FROM txn WHERE job_id = ? AND kind = 'reserve'",
        (job_id,),
    ).fetchone()
    return row


def _is_settled(db: Database, job_id: int) -> bool:
    row = db.execute(
        "SELECT 1 FROM txn WHERE job_id = ? AND kind IN ('capture', 'release', 'close')", (job_id,)
    ).fetchone()
    return row is not None


def _post_for(
    db: Database,
    kind: str,
    reserved: Row,
    moves: Sequence[Transfer],
    *,
    job_id: int,
    at: float,
    attempt: int | None = None,
) -> None:
    """Post a job's transfers under the person and the day of its reserve."""
    _post(
        db,
        kind,
        moves,
        guild_id=reserved["guild_id"],
        person_id=reserved["person_id"],
        day=reserved["day"],
        job_id=job_id,
        attempt=attempt,
        at=at,
        reserve_id=reserved["id"],
    )


def _post(
    db: Database,
    kind: str,
    moves: Sequence[Transfer],
    *,
    guild_id: int,
    person_id: int,
    at: float,
    job_id: int | None = None,
    attempt: int | None = None,
    grant_id: int | None = None,
    day: str | None = None,
    reserve_id: int | None = None,
) -> None:
    """Write one transaction of the ledger, without transfers of nothing."""
    moves = [each for each in moves if each.amount]
    [number] = db.execute(
        """
        INSERT INTO txn (kind, guild_id, person_id, job_id, attempt, grant_id, day, at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
        """,
        (kind, guild_id, person_id, job_id, attempt, grant_id, day, at),
    ).fetchone()
    db.executemany(
        "INSERT INTO transfer (txn_id, source, target, amount) VALUES (?, ?, ?, ?)",
        [(number, each.source, each.target, each.amount) for each in moves],
    )
    if day is not None:
        key = (guild_id, person_id, day)
        _count(db, moves, key, reserve_id=number if reserve_id is None else reserve_id)


def _count(
    db: Database, moves: Sequence[Transfer], key: tuple[int, int, str], *, reserve_id: int
) -> None:
    """Update the counters of a day, which the limits read instead of adding up the ledger.

    *key* is the server, the person and the day; *reserve_id* is the transaction that reserved the
    job, which tells whether a reset has forgiven the job.
    """

    def net(*kinds: str) -> int:
        prefixes = tuple(f"{kind}:" for kind in kinds)
        return sum(
            each.amount * (each.target.startswith(prefixes) - each.source.startswith(prefixes))
            for each in moves
        )

    guild_id, person_id, day = key
    quota, total, whole = -net("pool"), net("held", "spent"), net(*_OF_SERVER)
    if not (quota or total or whole):
        return
    row = {"guild": guild_id, "person": person_id, "day": day, "reserve": reserve_id}
    row |= {"quota": quota, "total": total, "whole": whole}
    if min(quota, total, whole) >= 0:
        db.execute(_ADDED, row)
    else:
        # Not an UPSERT: what is taken off would have to pass the CHECKs as a row of its own.
        changed = db.execute(_TAKEN_OFF, row)
        assert changed.rowcount == 2, "what is taken off was counted before"


_OF_SERVER = ("held", "spent", "lost", "suspense")  #: what of its accounts counts for the server
#: Person 0 is the server.
_CHANGED = """
    quota = day_use.quota + CASE day_use.person_id WHEN 0 THEN 0 ELSE :quota END,
    total = day_use.total + CASE day_use.person_id WHEN 0 THEN :whole ELSE :total END,
    forgiven = day_use.forgiven + CASE WHEN day_use.person_id <> 0
        AND :reserve <= day_use.reset_at THEN :quota ELSE 0 END
"""
_ADDED = f"""
    INSERT INTO day_use (guild_id, person_id, day, quota, total)
    VALUES (:guild, :person, :day, :quota, :total), (:guild, 0, :day, 0, :whole)
    ON CONFLICT (guild_id, person_id, day) DO UPDATE SET {_CHANGED}
"""  # noqa: S608  # fixed texts
_TAKEN_OFF = f"""
    UPDATE day_use SET {_CHANGED}
    WHERE guild_id = :guild AND person_id IN (:person, 0) AND day = :day
"""  # noqa: S608  # fixed texts
