"""What clips cost, by day, person and model, from the ledger."""

from dataclasses import dataclass
from datetime import date

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


def use(
    db: Database, guild_id: int, first: date, after: date, *, user_id: int | None = None
) -> list[Use]:
    """Add up what clips ordered from *first* to before *after* cost, of one person or of all."""
    rows = db.execute(
        f"""
        WITH ordered (job_id, day, person_id) AS (
            SELECT job_id, day, person_id FROM txn
            WHERE kind = 'reserve' AND guild_id = :guild AND day >= :first AND day < :after
        ), sides (job_id, kind, other, amount) AS (
            SELECT job_id, substr(target, 1, instr(target, ':') - 1),
                   substr(source, 1, instr(source, ':') - 1), amount
            FROM txn JOIN transfer ON txn_id = txn.id
            WHERE guild_id = :guild AND day >= :first AND day < :after
            UNION ALL
            SELECT job_id, substr(source, 1, instr(source, ':') - 1),
                   substr(target, 1, instr(target, ':') - 1), -amount
            FROM txn JOIN transfer ON txn_id = txn.id
            WHERE guild_id = :guild AND day >= :first AND day < :after
        ), moved (job_id, held, spent, house, lost, suspense) AS (
            SELECT job_id, sum(iif(kind = 'held', amount, 0)), sum(iif(kind = 'spent', amount, 0)),
                   -sum(iif(kind = 'house' AND other = 'held', amount, 0)),
                   sum(iif(kind = 'lost', amount, 0)), sum(iif(kind = 'suspense', amount, 0))
            FROM sides GROUP BY job_id
        )
        SELECT day, person.user_id, provider, model, count(*),
               sum(state IN {sql_list(MADE)}),
               sum(state IN {sql_list(UNMADE)}),
               coalesce(sum(held), 0), coalesce(sum(spent), 0), coalesce(sum(house), 0),
               coalesce(sum(lost), 0), coalesce(sum(suspense), 0)
        FROM ordered JOIN job ON job.id = job_id JOIN person ON person.id = person_id
        LEFT JOIN moved USING (job_id)  -- a free clip moves nothing
        WHERE (:user IS NULL OR person.user_id = :user)
        GROUP BY day, person_id, provider, model ORDER BY day, person_id, provider, model
        """,  # noqa: S608  # fixed texts
        {
            "guild": guild_id,
            "first": first.isoformat(),
            "after": after.isoformat(),
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
        SELECT job_id, sum(amount) FROM txn JOIN transfer ON txn_id = txn.id
        WHERE guild_id = ? AND kind = 'capture' AND target GLOB 'spent:*'
        AND person_id = (SELECT id FROM person WHERE user_id = ?) GROUP BY job_id
        """,
        (guild_id, user_id),
    )
    return dict(rows.fetchall())


def suspense(db: Database, guild_id: int) -> list[Suspense]:
    """List the attempts in suspense: nobody knows yet whether they were billed."""
    rows = db.execute(
        """
        SELECT job_id, coalesce(txn.attempt, job.attempt) AS which, amount
        FROM txn JOIN transfer ON txn_id = txn.id JOIN job ON job.id = job_id
        WHERE txn.guild_id = ? AND target GLOB 'suspense:*' AND NOT EXISTS (
            SELECT 1 FROM txn AS cleared
            WHERE cleared.job_id = txn.job_id AND cleared.kind = 'clear'
            AND cleared.attempt = coalesce(txn.attempt, job.attempt)
        ) ORDER BY job_id, which
        """,
        (guild_id,),
    )
    return [Suspense(job_id=job, attempt=attempt, amount=amount) for job, attempt, amount in rows]
