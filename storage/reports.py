"""What clips cost, by day, person and model, from the ledger."""

import json
from dataclasses import dataclass
from datetime import date, timedelta

from .database import Database
from .job import MADE, UNMADE, sql_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one person's clips of one model cost on one of the server's days, in credits."""

    day: date
    user_id: int | None  #: None for a person since forgotten
    provider: str
    model: str
    clips: int  #: that were ordered: made, not made, or under way
    made: int
    unmade: int  #: ended without a clip: cancelled, failed, given up
    held: int
    spent: int
    house: int  #: of what is held or spent, the slow lane's: paid by no quota
    lost: int
    suspense: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspense:
    """An attempt of which nobody knows yet whether it was billed."""

    job_id: int
    attempt: int
    amount: int


_OF_ALL = """
    SELECT id, job_id, kind, day, person_id FROM txn
    WHERE guild_id = :guild AND day >= :first AND day < :after
"""
#: Day by day, so that the index leaves out everybody else.
_OF_ONE = """
    SELECT txn.id, job_id, kind, day, person_id FROM json_each(:days) CROSS JOIN txn
    ON guild_id = :guild AND day = value
    AND person_id = (SELECT id FROM person WHERE user_id = :user)
"""


def use(
    db: Database, guild_id: int, first: date, after: date, *, user_id: int | None = None
) -> list[Use]:
    """Add up what clips ordered from *first* to before *after* cost, of one person or of all."""
    days = [(first + timedelta(each)).isoformat() for each in range((after - first).days)]
    rows = db.execute(
        f"""
        WITH posted (id, job_id, kind, day, person_id) AS ({_OF_ALL if user_id is None else _OF_ONE}
        ), ordered (job_id, day, person_id) AS (
            SELECT job_id, day, person_id FROM posted WHERE kind = 'reserve'
        ), sides (job_id, kind, other, amount) AS (
            SELECT job_id, substr(target, 1, instr(target, ':') - 1),
                   substr(source, 1, instr(source, ':') - 1), amount
            FROM posted JOIN transfer ON txn_id = posted.id
            UNION ALL
            SELECT job_id, substr(source, 1, instr(source, ':') - 1),
                   substr(target, 1, instr(target, ':') - 1), -amount
            FROM posted JOIN transfer ON txn_id = posted.id
        ), moved (job_id, held, spent, house, lost, suspense) AS (
            SELECT job_id, sum(CASE kind WHEN 'held' THEN amount ELSE 0 END),
                   sum(CASE kind WHEN 'spent' THEN amount ELSE 0 END),
                   -sum(CASE WHEN kind = 'house' AND other = 'held' THEN amount ELSE 0 END),
                   sum(CASE kind WHEN 'lost' THEN amount ELSE 0 END),
                   sum(CASE kind WHEN 'suspense' THEN amount ELSE 0 END)
            FROM sides GROUP BY job_id
        )
        SELECT day, person.user_id, provider, model, count(*),
               count(*) FILTER (WHERE state IN {sql_list(MADE)}),
               count(*) FILTER (WHERE state IN {sql_list(UNMADE)}),
               coalesce(sum(held), 0), coalesce(sum(spent), 0), coalesce(sum(house), 0),
               coalesce(sum(lost), 0), coalesce(sum(suspense), 0)
        FROM ordered JOIN job ON job.id = job_id JOIN person ON person.id = person_id
        LEFT JOIN moved USING (job_id)  -- a free clip moves nothing
        GROUP BY day, person_id, person.user_id, provider, model
        ORDER BY day, person_id, provider, model
        """,  # noqa: S608  # fixed texts
        {
            "guild": guild_id,
            "first": first.isoformat(),
            "after": after.isoformat(),
            "days": json.dumps(days),
            "user": user_id,
        },
    )
    return [
        Use(day=date.fromisoformat(day), user_id=user, **dict(zip(_COLUMNS, rest, strict=True)))
        for day, user, *rest in rows
    ]


_COLUMNS = (
    *("provider", "model", "clips", "made", "unmade"),
    *("held", "spent", "house", "lost", "suspense"),
)


def spent(db: Database, guild_id: int, *, user_id: int) -> dict[int, int]:
    """What each of a person's clips cost them, by number."""
    rows = db.execute(
        """
        SELECT job_id, sum(amount) FROM job CROSS JOIN txn ON txn.job_id = job.id
        JOIN transfer ON txn_id = txn.id
        WHERE job.user_id = ? AND job.guild_id = ? AND kind = 'capture'
        AND kind IN ('capture', 'release', 'close')  -- as its index has them
        AND target LIKE 'spent:%' GROUP BY job_id
        """,
        (user_id, guild_id),
    )
    return dict(rows.fetchall())


def suspense(db: Database, guild_id: int) -> list[Suspense]:
    """List the attempts in suspense: nobody knows yet whether they were billed."""
    rows = db.execute(
        """
        SELECT job_id, coalesce(txn.attempt, job.attempt) AS which, amount
        FROM transfer INDEXED BY transfer_suspense
        JOIN txn ON txn.id = txn_id JOIN job ON job.id = job_id
        WHERE target = 'suspense:' || ? AND target LIKE 'suspense:%' AND NOT EXISTS (
            SELECT 1 FROM txn AS cleared
            WHERE cleared.job_id = txn.job_id AND cleared.kind = 'clear'
            AND cleared.attempt = coalesce(txn.attempt, job.attempt)
        ) ORDER BY job_id, which
        """,
        (guild_id,),
    )
    return [Suspense(job_id=job, attempt=attempt, amount=amount) for job, attempt, amount in rows]
