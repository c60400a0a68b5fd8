"""The table of jobs, and the record of every move they made."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

from . import ledger
from .brief import Brief
from .events import Event, durations, history, note_move
from .job import (
    ENDED,
    LIVE,
    MOVES,
    TOKEN_KNOWN,
    IllegalMove,
    Job,
    Lane,
    Stale,
    State,
    sql_list,
)
from .writer import Writer

RECENT = 1000  #: jobs among which one that ended without a card is looked for
NEVER = 1e18  #: seconds; later than anything is due


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """As much of a job as the heap of due times needs. An ended one has yet to be told of."""

    id: int
    provider: str
    state: State
    due_at: float


class Jobs:
    """The jobs. A write is one transaction, answered once it is on the disk."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(self, draft: Job) -> tuple[Job, bool]:
        """The job made of *draft* with its number, and True; a draft's own id is not looked at.

        When its request was made before: the job it became then, and False.
        """
        return await self._writer.write(lambda db: insert(db, draft))

    async def save(self, job: Job, why: str = "", *, credits: int | None = None) -> Job:
        """Write what a step changed, the move it made, for the reason *why*, and what that
        means for the money: see `ledger.settle`. *credits* is what the provider billed,
        where that is known exactly.

        Its terms (who asked, for what, at which price) and its places are not written: the
        former never change, the latter are `set_places`'s. Raises `Stale` if anyone else has
        saved it since it was read, `IllegalMove` if its state does not follow from the row's.
        *why* outlives the deletion of personal data and must hold none.
        """
        return await self._writer.write(lambda db: save(db, job, why, credits=credits))

    async def reassign(self, job: Job) -> Job:
        """Give a queued job to the provider, model and brief that *job* now names, with its note.

        Nothing may be under way for it: raises `Stale` unless it is queued and unchanged. Its
        price stays, and is what may be spent at most.
        """
        return await self._writer.write(lambda db: reassign(db, job))

    async def set_places(
        self,
        id: int,
        *,
        thread_id: int | None = None,
        card_channel_id: int | None = None,
        card_id: int | None = None,
    ) -> Job:
        """Remember where a job is shown, as far as it is given. No step writes it: no revision."""
        return await self._writer.write(
            lambda db: set_places(
                db, id, thread_id=thread_id, card_channel_id=card_channel_id, card_id=card_id
            )
        )

    async def get(self, id: int, *, guild_id: int | None = None) -> Job | None:
        """The job of that number, if it is of that server, when one is given."""
        return await self._writer.read(lambda db: get(db, id, guild_id=guild_id))

    async def by_message(self, message_id: int, *, guild_id: int | None = None) -> Job | None:
        """The job whose card or result that message is."""
        return await self._writer.read(
            lambda db: _one(
                db,
                """
                SELECT * FROM job WHERE (card_id = :message OR result_id = :message)
                AND (:guild IS NULL OR guild_id = :guild)
                """,
                message=message_id,
                guild=guild_id,
            )
        )

    async def in_thread(self, thread_id: int) -> list[Job]:
        """The jobs that live in a thread, oldest first."""
        return await self._writer.read(
            lambda db: _many(
                db, "SELECT * FROM job WHERE thread_id = :thread ORDER BY id", thread=thread_id
            )
        )

    async def of(
        self,
        *,
        user_id: int | None = None,
        guild_id: int | None = None,
        states: Collection[State] = (),
        limit: int | None = 10,
        before: int | None = None,
        oldest_first: bool = False,
    ) -> list[Job]:
        """The latest jobs of a person, of a server, or of a person there; newest first.

        *limit* None gives all of them. *states*, unless empty, are the only ones wanted; *before*
        is the last number of the page that came earlier. *oldest_first* begins at the other end.
        """
        return await self._writer.read(
            lambda db: of(
                db,
                user_id=user_id,
                guild_id=guild_id,
                states=states,
                limit=limit,
                before=before,
                oldest_first=oldest_first,
            )
        )

    async def count(self, guild_id: int, states: Collection[State]) -> int:
        """How many jobs of a server are in these states."""
        return await self._writer.read(lambda db: count(db, guild_id, states))

    async def live(self) -> list[Due]:
        """Every job that is due some time, soonest first."""
        return await self._writer.read(live)

    async def due(self, now: float) -> list[Due]:
        """Every job that is due at *now*, soonest first."""
        return await self._writer.read(lambda db: live(db, upto=now))

    async def without_card(self, *, after: float, before: float, limit: int = 50) -> list[Job]:
        """Jobs ordered *before* a moment that no message shows: first those under way, then by age.

        Of those that ended, only such that were ordered *after* another moment and are among the
        newest `RECENT`.
        """
        return await self._writer.read(
            lambda db: _many(
                db,
                f"""
                SELECT * FROM (
                    SELECT * FROM job INDEXED BY job_by_state
                    WHERE state IN {sql_list(LIVE)} AND card_id IS NULL AND created_at < :before
                    UNION ALL
                    SELECT * FROM job
                    WHERE id > (SELECT max(id) FROM job) - :recent AND state NOT IN {sql_list(LIVE)}
                    AND card_id IS NULL AND created_at > :after AND created_at < :before
                )
                ORDER BY state IN {sql_list(LIVE)} DESC, id LIMIT :limit
                """,  # noqa: S608  # a fixed text
                after=after,
                before=before,
                recent=RECENT,
                limit=limit,
            )
        )

    async def late(self, since: float) -> list[Due]:
        """Jobs given up since then, at *due_at*, that a provider took and may yet finish."""
        return await self._writer.read(lambda db: late(db, since))

    async def by_token(self, token: str) -> Job | None:
        """The job whose attempt has this name: under way, or given up and perhaps yet to come."""
        return await self._writer.read(
            lambda db: _one(
                db,
                f"SELECT * FROM job WHERE token = :token AND state IN {sql_list(TOKEN_KNOWN)}",  # noqa: S608
                token=token,
            )
        )

    async def by_remote(self, provider: str, remote_id: str) -> Job | None:
        """The latest job that *provider* calls *remote_id*."""
        return await self._writer.read(
            lambda db: _one(
                db,
                """
                SELECT * FROM job WHERE provider = :provider AND remote_id = :remote
                ORDER BY id DESC LIMIT 1
                """,
                provider=provider,
                remote=remote_id,
            )
        )

    async def newest(self, *, limit: int = 100) -> list[Job]:
        """The jobs accepted last, everywhere, newest first."""
        return await self._writer.read(
            lambda db: _many(db, "SELECT * FROM job ORDER BY id DESC LIMIT :limit", limit=limit)
        )

    async def ended(self, *, since: float) -> list[Job]:
        """The jobs that ended since a time, everywhere, newest first."""
        return await self._writer.read(
            lambda db: _many(
                db,
                "SELECT * FROM job WHERE since >= :since"
                " AND state IN (SELECT value FROM json_each(:states)) ORDER BY id DESC",
                since=since,
                states=json.dumps(sorted(ENDED)),
            )
        )

    async def queue(self, provider: str) -> list[Job]:
        """The jobs that wait for a provider, in the order they were accepted."""
        return await self._writer.read(
            lambda db: _many(
                db,
                "SELECT * FROM job WHERE provider = :provider AND state = :state ORDER BY id",
                provider=provider,
                state=State.QUEUED,
            )
        )

    async def ahead_of(self, job: Job) -> int:
        """How many queued jobs of the same provider were accepted before *job*."""
        return await self._writer.read(lambda db: ahead_of(db, job))

    async def counts(self) -> dict[tuple[str, State], int]:
        """How many live jobs there are, by provider and state. Where there are none: no entry."""
        return await self._writer.read(counts)

    async def durations(self, provider: str, model: str, *, limit: int = 200) -> list[float]:
        """Seconds from the submit to the finished clip of this model's last jobs, newest first."""
        return await self._writer.read(
            lambda db: durations(db, provider=provider, model=model, limit=limit)
        )

    async def history(self, id: int) -> list[Event]:
        """Every move a job made, in order."""
        return await self._writer.read(lambda db: history(db, id))


# What the methods above do, as functions on the raw connection: the writer runs them one at a
# time, and several of them make one transaction.


def insert(db: sqlite3.Connection, draft: Job) -> tuple[Job, bool]:
    """See `Jobs.add`."""
    known = requested(db, draft.request)
    if known is not None:
        return known, False
    return insert_new(db, draft), True


def insert_new(db: sqlite3.Connection, draft: Job) -> Job:
    """The job made of *draft*, whose request is known to be new."""
    cursor = db.execute(
        """
        INSERT INTO job (
            request, guild_id, channel_id, user_id, provider, model, brief, price, created_at,
            state, rev, due_at, since, tries, attempt, token, remote_id, cost, result_url, file,
            failure, error, billed, cancelled_by, lane, chooser, note, thread_id,
            card_channel_id, card_id, result_id, repeats
        ) VALUES (
            :request, :guild_id, :channel_id, :user_id, :provider, :model, :brief, :price,
            :created_at, :state, :rev, :due_at, :since, :tries, :attempt, :token, :remote_id,
            :cost, :result_url, :file, :failure, :error, :billed, :cancelled_by, :lane, :chooser,
            :note, :thread_id, :card_channel_id, :card_id, :result_id, :repeats
        )
        """,
        _columns(draft),
    )
    assert cursor.lastrowid is not None
    job = replace(draft, id=cursor.lastrowid)
    note_move(db, job, before=None, why="ordered")
    return job


def requested(db: sqlite3.Connection, request: str) -> Job | None:
    """The job that a request became."""
    return _one(db, "SELECT * FROM job WHERE request = :request", request=request)


def save(db: sqlite3.Connection, job: Job, why: str = "", *, credits: int | None = None) -> Job:
    """See `Jobs.save`."""
    row = get(db, job.id)
    if row is None or row.rev != job.rev:
        raise Stale(f"job {job.id} is past revision {job.rev}")
    if job.state is not row.state and job.state not in MOVES[row.state]:
        raise IllegalMove(f"job {job.id}: {row.state} -> {job.state}")
    db.execute(
        """
        UPDATE job SET
            state = :state, rev = rev + 1, due_at = :due_at, since = :since, tries = :tries,
            attempt = :attempt, token = :token, remote_id = :remote_id, cost = :cost,
            result_url = :result_url, file = :file, failure = :failure, error = :error,
            billed = :billed, cancelled_by = :cancelled_by, result_id = :result_id,
            repeats = :repeats, note = :note
        WHERE id = :id AND rev = :rev
        """,
        _columns(job),
    )
    if job.state is not row.state:
        note_move(db, job, before=row.state, why=why)
        ledger.settle(db, job, before=row, at=job.since, credits=credits)
    saved = get(db, job.id)
    assert saved is not None
    return saved


def reassign(db: sqlite3.Connection, job: Job) -> Job:
    """See `Jobs.reassign`."""
    saved = _one(
        db,
        f"""
        UPDATE job SET provider = :provider, model = :model, brief = :brief, note = :note,
            due_at = :due_at, tries = :tries, rev = rev + 1
        WHERE id = :id AND rev = :rev AND state = '{State.QUEUED}'
        RETURNING *
        """,  # noqa: S608  # a fixed text
        **_columns(job),
    )
    if saved is None:
        raise Stale(f"job {job.id} cannot be given to another provider")
    return saved


def set_places(
    db: sqlite3.Connection,
    id: int,
    *,
    thread_id: int | None,
    card_channel_id: int | None,
    card_id: int | None,
) -> Job:
    """See `Jobs.set_places`."""
    job = _one(
        db,
        """
        UPDATE job SET
            thread_id = coalesce(:thread_id, thread_id),
            card_channel_id = coalesce(:card_channel_id, card_channel_id),
            card_id = coalesce(:card_id, card_id)
        WHERE id = :id
        RETURNING *
        """,
        id=id,
        thread_id=thread_id,
        card_channel_id=card_channel_id,
        card_id=card_id,
    )
    if job is None:
        raise KeyError(id)
    return job


def get(db: sqlite3.Connection, id: int, *, guild_id: int | None = None) -> Job | None:
    """See `Jobs.get`."""
    if not 0 < id < 2**63:  # a number that somebody typed; SQLite takes no larger one
        return None
    return _one(
        db,
        "SELECT * FROM job WHERE id = :id AND (:guild IS NULL OR guild_id = :guild)",
        id=id,
        guild=guild_id,
    )


def of(
    db: sqlite3.Connection,
    *,
    user_id: int | None,
    guild_id: int | None,
    states: Collection[State],
    limit: int | None,
    before: int | None,
    oldest_first: bool,
) -> list[Job]:
    """See `Jobs.of`."""
    # Written out of fixed parts, so that SQLite can use the index of the person or the server.
    # What is under way is little, whatever the history: it is found by its state.
    sql = "SELECT * FROM job "
    if states and not ENDED & set(states):
        sql += "INDEXED BY job_by_state "
    sql += "WHERE "
    sql += "guild_id = :guild" if user_id is None else "user_id = :user"
    sql += " AND (:guild IS NULL OR guild_id = :guild)"
    sql += " AND (:before IS NULL OR id < :before)"
    if states:
        sql += " AND state IN (SELECT value FROM json_each(:states))"
    sql += " ORDER BY id LIMIT :limit" if oldest_first else " ORDER BY id DESC LIMIT :limit"
    return _many(
        db,
        sql,
        user=user_id,
        guild=guild_id,
        before=before,
        states=json.dumps(sorted(states)),
        limit=-1 if limit is None else limit,
    )


def count(db: sqlite3.Connection, guild_id: int, states: Collection[State]) -> int:
    """See `Jobs.count`."""
    [found] = db.execute(
        "SELECT count(*) FROM job WHERE guild_id = ? AND state IN (SELECT value FROM json_each(?))",
        (guild_id, json.dumps(sorted(states))),
    ).fetchone()
    return int(found)


def live(db: sqlite3.Connection, *, upto: float | None = None) -> list[Due]:
    """See `Jobs.live`, and with *upto* `Jobs.due`."""
    rows = db.execute(
        "SELECT id, provider, state, due_at FROM job"
        " WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at",
        (NEVER if upto is None else upto,),
    )
    return [
        Due(id=number, provider=provider, state=State(state), due_at=due_at)
        for number, provider, state, due_at in rows
    ]


def late(db: sqlite3.Connection, since: float) -> list[Due]:
    """See `Jobs.late`."""
    rows = db.execute(
        f"""
        SELECT id, provider, since FROM job INDEXED BY job_by_state
        WHERE state = '{State.EXPIRED}' AND remote_id IS NOT NULL AND since > ? AND user_id <> 0
        """,  # noqa: S608  # a fixed text
        (since,),
    )
    return [
        Due(id=number, provider=provider, state=State.EXPIRED, due_at=at)
        for number, provider, at in rows
    ]


def ahead_of(db: sqlite3.Connection, job: Job) -> int:
    """See `Jobs.ahead_of`."""
    [count] = db.execute(
        f"SELECT count(*) FROM job WHERE provider = ? AND state = '{State.QUEUED}' AND id < ?",  # noqa: S608
        (job.provider, job.id),
    ).fetchone()
    return int(count)


def counts(db: sqlite3.Connection) -> dict[tuple[str, State], int]:
    """See `Jobs.counts`."""
    return {
        (provider, State(state)): count
        for provider, state, count in db.execute(
            f"""
            SELECT provider, state, count(*) FROM job WHERE state IN {sql_list(LIVE)}
            GROUP BY provider, state
            """  # noqa: S608  # a fixed text
        )
    }


def _one(db: sqlite3.Connection, sql: str, **values: Any) -> Job | None:
    rows = db.execute(sql, values).fetchall()
    return _job(rows[0]) if rows else None


def _many(db: sqlite3.Connection, sql: str, **values: Any) -> list[Job]:
    return [_job(row) for row in db.execute(sql, values)]


_COLUMNS = tuple(field.name for field in fields(Job))


def _columns(job: Job) -> dict[str, Any]:
    columns = {name: getattr(job, name) for name in _COLUMNS}
    columns["brief"] = json.dumps(job.brief.to_json(), allow_nan=False)
    return columns


def _job(row: sqlite3.Row) -> Job:
    columns: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    columns["state"] = State(columns["state"])
    columns["lane"] = Lane(columns["lane"])
    columns["brief"] = Brief.from_json(json.loads(columns["brief"]))
    return Job(**columns)
