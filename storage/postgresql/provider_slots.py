"""Slots of providers where several processes send orders: counted from rows, under the one lock of
those who write, so never one too many.

A slot is given to a queued job just before it is sent, and from then on its state holds it. Who is
next is decided as in memory: each process says which of its jobs wait, and as a person's jobs are
all with one process, their turns are what it knows. Together they are one queue.
"""

import json
from collections.abc import Iterable

from storage.database import Database
from storage.job import IN_SLOT, State, sql_list
from storage.sharing import Line, Turns

_TAKEN = f"""
    SELECT provider, count(*) AS busy FROM (
        SELECT provider FROM job WHERE state IN {sql_list(IN_SLOT)}
            UNION ALL SELECT slot.provider FROM slot JOIN job ON job.id = slot.job_id
            WHERE job.state = '{State.QUEUED}'
    ) AS held GROUP BY provider
"""  # noqa: S608  # fixed texts


def claim(db: Database, job_id: int, limit: int, turns: Turns, holder: str) -> bool:
    """Give a queued job one of the *limit* slots of its provider; False where there is none for
    it. *turns* are those of *holder*, the job itself among them."""
    stand(db, turns, (), holder)
    busy = at_work(db).get(turns.provider, 0)
    [[mine]] = db.execute("SELECT count(*) FROM slot WHERE job_id = ?", (job_id,))
    if not mine:
        [[ahead]] = db.execute(
            """
            SELECT count(*) FROM turn JOIN process ON process.holder = turn.holder
            JOIN turn AS mine ON mine.job_id = ? AND mine.provider = turn.provider
            WHERE process.until > clock_timestamp()
            AND (turn.lane, turn.place, turn.job_id) < (mine.lane, mine.place, mine.job_id)
            """,
            (job_id,),
        )
        if limit - busy <= ahead:
            return False
        db.execute("INSERT INTO slot (job_id, provider) VALUES (?, ?)", (job_id, turns.provider))
    db.execute("DELETE FROM turn WHERE job_id = ?", (job_id,))
    return True


def stand(db: Database, turns: Turns, released: Iterable[int], holder: str) -> None:
    """Note who waits with *holder*, and that *released* jobs need no slot."""
    if unused := list(released):
        db.execute("DELETE FROM slot WHERE job_id = ANY(CAST(? AS bigint[]))", (unused,))
    # What moved on holds a slot by its state, or none.
    db.execute(
        f"""
        DELETE FROM slot WHERE NOT EXISTS (
            SELECT 1 FROM job WHERE job.id = slot.job_id AND state = '{State.QUEUED}'
        )
        """  # noqa: S608  # a fixed text
    )
    if turns.whole:
        db.execute("DELETE FROM turn WHERE holder = ? AND provider = ?", (holder, turns.provider))
    elif turns.gone:
        db.execute(
            "DELETE FROM turn WHERE holder = ? AND provider = ?"
            " AND job_id = ANY(CAST(? AS bigint[]))",
            (holder, turns.provider, list(turns.gone)),
        )
    if turns.jobs:
        db.execute(
            """
            INSERT INTO turn (job_id, provider, holder, lane, place)
            SELECT came.job_id, ?, ?, came.lane, came.place
            FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))
                AS came (lane, place, job_id)
            ON CONFLICT (job_id) DO UPDATE SET provider = excluded.provider,
                holder = excluded.holder, lane = excluded.lane, place = excluded.place
            """,
            (turns.provider, holder, *map(list, zip(*turns.jobs, strict=True))),
        )


def at_work(db: Database) -> dict[str, int]:
    """How many jobs have a slot at each provider, those that are about to be sent among them."""
    return {str(provider): int(count) for provider, count in db.execute(_TAKEN)}


def lines(db: Database, holder: str) -> dict[str, Line]:
    """How it stands at each provider; who waits there with others than *holder*. All of it in one
    statement: it is asked every second."""
    rows = db.execute(
        f"""
        SELECT coalesce(taken.provider, waiting.provider), coalesce(busy, 0), coalesce(jobs, '[]')
        FROM ({_TAKEN}) AS taken FULL JOIN (
            SELECT turn.provider, CAST(json_agg(json_build_array(lane, place, job_id)
                ORDER BY lane, place, job_id) AS text) AS jobs
            FROM turn JOIN process ON process.holder = turn.holder
            WHERE turn.holder <> ? AND process.until > clock_timestamp() GROUP BY turn.provider
        ) AS waiting ON waiting.provider = taken.provider
        """,  # noqa: S608  # fixed texts
        (holder,),
    )
    return {
        str(provider): Line(
            busy=int(busy),
            others=[(lane, place, job_id) for lane, place, job_id in json.loads(jobs)],
        )
        for provider, busy, jobs in rows
    }


def abandon(db: Database, count: int, shards: Iterable[int]) -> None:
    """Take the slots back that whoever had *shards* gave to jobs and did not come to send."""
    for shard in shards:
        for table in ("slot", "turn"):
            db.execute(
                f"DELETE FROM {table} WHERE job_id IN (SELECT {table}.job_id FROM {table}"  # noqa: S608
                f" JOIN job ON job.id = {table}.job_id WHERE (job.guild_id >> 22) % ? = ?)",
                (count, shard),
            )
