"""The rows of jobs: added, read, and saved with what each move brings about."""

import json
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

from . import ledger, outbox, shots
from .brief import Brief
from .database import Database, Row
from .events import note_move
from .job import (
    ENDED,
    FOR_MODERATORS,
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

RECENT = 1000  #: jobs among which one that ended without a card is looked for
_LIVE = sql_list(LIVE)
#: A job's link, which stands beside its row; the row has an empty text where there is one.
_LINK = "(SELECT url FROM link WHERE link.job_id = job.id) AS url"
ROW = f"job.*, {_LINK}"  #: what `job_of` takes, of `job`
_SAVED = f"*, {_LINK}"  #: the same of a row that was just written
WRITTEN_WITHIN = 3600.0  #: seconds from the moment of a move to its row, at the very most
ALL = 2**62  #: jobs: more than there are
NEVER = 1e18  #: seconds; later than anything is due


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """As much of a job as the heap of due times needs. If it has ended, a post is due."""

    id: int
    provider: str
    state: State
    due_at: float


def add(db: Database, draft: Job) -> tuple[Job, bool]:
    """Make a job of *draft*, whose own id is ignored; with True.

    If its request was made before: the job that it became then, with False.
    """
    known = requested(db, draft.request)
    if known is not None:
        return known, False
    return insert_new(db, draft), True


def insert_new(db: Database, draft: Job) -> Job:
    """Make a job of *draft*, whose request is known to be new."""
    [number] = db.execute(
        """
        INSERT INTO job (
            request, guild_id, channel_id, user_id, provider, model, brief, price, created_at,
            state, rev, due_at, since, tries, attempt, token, remote_id, cost, result_url, file,
            failure, error, billed, cancelled_by, lane, chooser, note, thread_id,
            card_channel_id, card_id, result_id, repeats, batch, batch_place
        ) VALUES (
            :request, :guild_id, :channel_id, :user_id, :provider, :model, :brief, :price,
            :created_at, :state, :rev, :due_at, :since, :tries, :attempt, :token, :remote_id,
            :cost, :result_url, :file, :failure, :error, :billed, :cancelled_by, :lane, :chooser,
            :note, :thread_id, :card_channel_id, :card_id, :result_id, :repeats,
            :batch, :batch_place
        ) RETURNING id
        """,
        columns_of(draft),
    ).fetchone()
    job = replace(draft, id=number)
    _keep_link(db, job)
    note_move(db, job, before=None, why="ordered")
    return job


def requested(db: Database, request: str) -> Job | None:
    """The job that a request became; None if it was never ordered."""
    sql = f"SELECT {ROW} FROM job WHERE request = :request"  # noqa: S608  # fixed texts
    return _one(db, sql, request=request)


def save(db: Database, job: Job, why: str = "", *, credits: int | None = None) -> Job:
    """Write what a step changed, the move that it made, and the transfers that follow from it.

    *credits* is what the provider billed, where that is known exactly: see `ledger.settle`. *why*
    is the reason of the move; it outlives the deletion of personal data and must hold none.

    What was ordered (by whom, for how much) never changes and is not written; nor are the job's
    messages, which `set_places` writes. Raises `Stale` if the job was saved since it was read, and
    `IllegalMove` if its state does not follow from the row's.
    """
    row = get(db, job.id)
    if row is None or row.rev != job.rev:
        raise Stale(f"job {job.id} is past revision {job.rev}")
    if job.state is not row.state and job.state not in MOVES[row.state]:
        raise IllegalMove(f"job {job.id}: {row.state} -> {job.state}")
    saved = _one(
        db,
        """
        UPDATE job SET
            state = :state, rev = rev + 1, due_at = :due_at, since = :since, tries = :tries,
            attempt = :attempt, token = :token, remote_id = :remote_id, cost = :cost,
            result_url = :result_url, file = :file, failure = :failure, error = :error,
            billed = :billed, cancelled_by = :cancelled_by, result_id = :result_id,
            repeats = :repeats, note = :note
        WHERE id = :id AND rev = :rev
        RETURNING *, NULL AS url
        """,
        **columns_of(job),
    )
    assert saved is not None
    saved = replace(saved, result_url=job.result_url or None)
    if job.result_url != row.result_url:
        _keep_link(db, job)
    if job.state is not row.state:
        note_move(db, job, before=row.state, why=why)
        ledger.settle(db, job, before=row, at=job.since, credits=credits)
        outbox.note_job(db, saved)
    return saved


def reassign(db: Database, job: Job) -> Job:
    """Give a queued job to the provider, model and brief that *job* now names, with its note.

    Its price stays, and is what may be spent at most. Raises `Stale` unless the row is queued and
    unchanged.
    """
    saved = _one(
        db,
        f"""
        UPDATE job SET provider = :provider, model = :model, brief = :brief, note = :note,
            due_at = :due_at, tries = :tries, rev = rev + 1
        WHERE id = :id AND rev = :rev AND state = '{State.QUEUED}'
        RETURNING {_SAVED}
        """,  # noqa: S608  # a fixed text
        **columns_of(job),
    )
    if saved is None:
        raise Stale(f"job {job.id} cannot be given to another provider")
    return saved


def set_places(
    db: Database,
    id: int,
    *,
    thread_id: int | None = None,
    card_channel_id: int | None = None,
    card_id: int | None = None,
) -> Job:
    """Note the messages that show a job and the others of its batch, those that are given.

    Where they come to stand in a channel itself, they are filed as what they are made from is. No
    revision changes.
    """
    [stood] = db.execute("SELECT max(thread_id) FROM job WHERE id = ?", (id,)).fetchone()
    placed = _many(
        db,
        f"""
        UPDATE job SET
            thread_id = coalesce(:thread_id, thread_id),
            card_channel_id = coalesce(:card_channel_id, card_channel_id),
            card_id = coalesce(:card_id, card_id)
        WHERE id = :id OR batch = (SELECT batch FROM job WHERE id = :id)
        RETURNING {_SAVED}
        """,  # noqa: S608  # fixed texts
        id=id,
        thread_id=thread_id,
        card_channel_id=card_channel_id,
        card_id=card_id,
    )
    job = next((each for each in placed if each.id == id), None)
    if job is None:
        raise KeyError(id)
    if stood is None:
        for each in placed:
            shots.follow_parent(db, each)
    return job


def get(db: Database, id: int, *, guild_id: int | None = None) -> Job | None:
    """The job of that number; with *guild_id*, only if it is of that server."""
    if not 0 < id < 2**63:  # a number that a person typed; SQLite takes no larger one
        return None
    return _one(
        db,
        f"SELECT {ROW} FROM job WHERE id = :id"  # noqa: S608  # fixed texts
        " AND (CAST(:guild AS BIGINT) IS NULL OR guild_id = :guild)",
        id=id,
        guild=guild_id,
    )


def of(
    db: Database,
    *,
    user_id: int | None = None,
    guild_id: int | None = None,
    states: Collection[State] = (),
    limit: int | None = 10,
    before: int | None = None,
    oldest_first: bool = False,
) -> list[Job]:
    """List the latest jobs of a person, of a server, or of a person in a server; newest first.

    *limit* None gives all of them. *states*, unless empty, are the only ones wanted; *before* is
    the last number of the previous page. *oldest_first* begins at the oldest.
    """
    # Written out of fixed parts, so that SQLite can use the index of the person or the server.
    sql = f"SELECT {ROW} FROM job {_few(states)} WHERE "  # noqa: S608  # fixed texts
    sql += "guild_id = :guild" if user_id is None else "user_id = :user"
    sql += " AND (CAST(:guild AS BIGINT) IS NULL OR guild_id = :guild)"
    sql += " AND (CAST(:before AS BIGINT) IS NULL OR id < :before)"
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
        limit=ALL if limit is None else limit,
    )


def count(db: Database, guild_id: int, states: Collection[State]) -> int:
    """Count the jobs of a server in these states."""
    [found] = db.execute(
        f"SELECT count(*) FROM job {_few(states)} WHERE guild_id = ?"  # noqa: S608  # fixed texts
        " AND state IN (SELECT value FROM json_each(?))",
        (guild_id, json.dumps(sorted(states))),
    ).fetchone()
    return int(found)


def _few(states: Collection[State]) -> str:
    """How to find jobs of which there are few, whatever the history: by their state."""
    few = states and set(states) <= LIVE | FOR_MODERATORS
    return "INDEXED BY job_by_state" if few else ""


def by_message(db: Database, message_id: int, *, guild_id: int | None = None) -> Job | None:
    """The job whose card or result that message is; of a batch, its first one."""
    found = _many(
        db,
        f"""
        SELECT {ROW} FROM job WHERE (card_id = :message OR result_id = :message)
        AND (CAST(:guild AS BIGINT) IS NULL OR guild_id = :guild)
        """,  # noqa: S608  # fixed texts
        message=message_id,
        guild=guild_id,
    )
    return min(found, key=lambda job: job.id, default=None)


def by_token(db: Database, token: str) -> Job | None:
    """The job whose attempt has this token and may still be called back about."""
    return _one(
        db,
        f"SELECT {ROW} FROM job INDEXED BY job_by_token"  # noqa: S608  # a fixed text
        f" WHERE token = :token AND state IN {sql_list(TOKEN_KNOWN)}",
        token=token,
    )


def by_remote(db: Database, provider: str, remote_id: str) -> Job | None:
    """The latest job that *provider* calls *remote_id*."""
    return _one(
        db,
        f"""
        SELECT {ROW} FROM job WHERE provider = :provider AND remote_id = :remote
        ORDER BY id DESC LIMIT 1
        """,  # noqa: S608  # fixed texts
        provider=provider,
        remote=remote_id,
    )


def in_thread(db: Database, thread_id: int) -> list[Job]:
    """List the jobs of a thread, oldest first."""
    sql = f"SELECT {ROW} FROM job WHERE thread_id = :thread ORDER BY id"  # noqa: S608  # fixed texts
    return _many(db, sql, thread=thread_id)


def newest(db: Database, *, limit: int = 100) -> list[Job]:
    """List the jobs accepted last in all servers, newest first."""
    sql = f"SELECT {ROW} FROM job ORDER BY id DESC LIMIT :limit"  # noqa: S608  # fixed texts
    return _many(db, sql, limit=limit)


def ended(db: Database, *, since: float) -> list[Job]:
    """List the jobs that ended since *since* in all servers, newest first."""
    # By their moves, which are about in the order of time: only the latest are read.
    return _many(
        db,
        f"""
        SELECT {ROW} FROM job WHERE since >= :since AND state IN {sql_list(ENDED)} AND id IN (
            SELECT job_id FROM event WHERE seq > coalesce(
                (SELECT seq FROM event WHERE at < :before ORDER BY seq DESC LIMIT 1), 0
            )
        ) ORDER BY id DESC
        """,  # noqa: S608  # fixed texts
        since=since,
        before=since - WRITTEN_WITHIN,
    )


def unfinished(db: Database, guild_id: int) -> list[Job]:
    """List the jobs of a server about which something is left to be done, oldest first."""
    return _many(
        db,
        f"SELECT {ROW} FROM job INDEXED BY job_due"  # noqa: S608  # fixed texts
        " WHERE due_at IS NOT NULL AND guild_id = :guild ORDER BY id",
        guild=guild_id,
    )


def without_card(db: Database, *, after: float, before: float, limit: int = 50) -> list[Job]:
    """List jobs ordered before *before* that have no card: live ones first, then by age.

    Of those that ended, only those ordered after *after* and among the newest `RECENT`.
    """
    return _many(
        db,
        f"""
        SELECT * FROM (
            SELECT {ROW} FROM job INDEXED BY job_by_state
            WHERE state IN {_LIVE} AND card_id IS NULL AND created_at < :before
            UNION ALL
            SELECT {ROW} FROM job
            WHERE id > (SELECT max(id) FROM job) - :recent AND state NOT IN {_LIVE}
            AND card_id IS NULL AND created_at > :after AND created_at < :before
        ) AS found
        ORDER BY state IN {_LIVE} DESC, id LIMIT :limit
        """,  # noqa: S608  # fixed texts
        after=after,
        before=before,
        recent=RECENT,
        limit=limit,
    )


def live(db: Database) -> list[Due]:
    """List every job that has a due time, soonest first."""
    return due(db, NEVER)


def due(db: Database, now: float) -> list[Due]:
    """List every job that is due at *now*, soonest first."""
    rows = db.execute(
        "SELECT id, provider, state, due_at FROM job"
        " WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at",
        (now,),
    )
    return [
        Due(id=number, provider=provider, state=State(state), due_at=due_at)
        for number, provider, state, due_at in rows
    ]


def of_shards(db: Database, ids: Collection[int], count: int, shards: Collection[int]) -> set[int]:
    """Which of the jobs *ids* are of servers of these shards, of *count*."""
    rows = db.execute(
        """
        SELECT id FROM job WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
        AND (guild_id >> 22) % ? IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
        """,
        (json.dumps(sorted(ids)), count, json.dumps(sorted(shards))),
    )
    return {int(number) for (number,) in rows}


def late(db: Database, since: float) -> list[Due]:
    """List the jobs that expired after *since*, at `due_at`, and that a provider may yet finish."""
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


def counts(db: Database) -> dict[tuple[str, State], int]:
    """Count the live jobs by provider and state; combinations without any are left out."""
    return {
        (provider, State(state)): count
        for provider, state, count in db.execute(
            f"""
            SELECT provider, state, count(*) FROM job WHERE state IN {_LIVE}
            GROUP BY provider, state
            """  # noqa: S608  # a fixed text
        )
    }


def _one(db: Database, sql: str, **values: Any) -> Job | None:
    rows = db.execute(sql, values).fetchall()
    return job_of(rows[0]) if rows else None


def _many(db: Database, sql: str, **values: Any) -> list[Job]:
    return [job_of(row) for row in db.execute(sql, values)]


def _keep_link(db: Database, job: Job) -> None:
    """Write down the link of *job*. One that is over goes with what its row says of it."""
    if job.result_url:
        db.execute(
            "INSERT INTO link (job_id, url) VALUES (?, ?)"
            " ON CONFLICT (job_id) DO UPDATE SET url = excluded.url",
            (job.id, job.result_url),
        )


_COLUMNS = tuple(field.name for field in fields(Job))
_encoded = json.JSONEncoder(allow_nan=False).encode


def columns_of(job: Job) -> dict[str, Any]:
    """The row of a job. Its link stands beside it."""
    columns = {name: getattr(job, name) for name in _COLUMNS}
    columns["result_url"] = "" if job.result_url else None
    columns["brief"] = _encoded(job.brief.to_json())
    return columns


def job_of(row: Row) -> Job:
    """The job that a row holds, which has the columns of `ROW`."""
    columns: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    columns["result_url"] = row["url"]
    columns["state"] = State(columns["state"])
    columns["lane"] = Lane(columns["lane"])
    columns["brief"] = Brief.from_json(json.loads(columns["brief"]))
    return Job(**columns)
