"""What must always hold, asked of the rows themselves. Each broken rule is a sentence."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .database import Database
from .job import (
    ENDED,
    LIVE,
    MOVES,
    PARKED,
    REOPENABLE,
    TAKEN,
    UNANSWERED,
    State,
    sql_list,
)

_ENDED, _LIVE, _PARKED = sql_list(ENDED), sql_list(LIVE), sql_list(PARKED)
_MOVES = ", ".join(
    f"('{before}', '{after}')" for before in MOVES for after in sorted(MOVES[before])
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far a check has come: where the next one begins."""

    event: int = 0  #: the last one that was looked at
    txn: int = 0  #: likewise
    balances: Mapping[str, int] | None = None  #: what was on each account then; None: nothing yet


#: The jobs that moved, or whose money did, since the last look; and those under way.
_LOOKED = f"""
    looked (id) AS (
        SELECT job_id FROM event WHERE seq > :event
        UNION SELECT job_id FROM txn WHERE id > :txn AND job_id IS NOT NULL
        UNION SELECT id FROM job WHERE state IN {_LIVE}
    )
"""  # noqa: S608  # fixed texts

_OF_RANGE = "looked (id) AS (SELECT id FROM job WHERE id > :first AND id <= :last)"

#: Rules that look at the live jobs and the balances only.
_BALANCES = (
    (
        "The ledger does not add up to zero. It is off by this many credits: {}.",
        "SELECT sum(balance) FROM account HAVING sum(balance) <> 0",
    ),
    (
        "Account {} is below zero: {} credits.",
        """
        SELECT name, balance FROM account
        WHERE balance < 0 AND name NOT LIKE 'pool:%' AND name NOT LIKE 'house:%'
        """,
    ),
    (
        "Account {} holds {} credits, but the jobs under way hold {}.",
        f"""
        WITH due (name, amount) AS (
            SELECT 'held:' || txn.guild_id || ':' || person_id, sum(price)
            FROM txn JOIN job ON job.id = job_id
            WHERE kind = 'reserve' AND job_id IN (
                SELECT id FROM job WHERE state IN {_LIVE}
            ) AND NOT EXISTS (
                SELECT 1 FROM txn AS settled WHERE settled.job_id = txn.job_id
                AND settled.kind IN ('capture', 'release', 'close')
            ) GROUP BY 1
        )
        SELECT name, sum(balance), sum(amount) FROM (
            SELECT name, balance, 0 AS amount FROM account WHERE name LIKE 'held:%'
            UNION ALL SELECT name, 0, amount FROM due
        ) AS held GROUP BY name HAVING sum(balance) <> sum(amount)
        """,  # noqa: S608  # fixed texts
    ),
    (
        "Grant {} has {} credits left of {}.",
        """
        SELECT id, balance, amount FROM allowance JOIN account ON name = 'grant:' || id
        WHERE balance > amount
        """,
    ),
)

#: Rules about single jobs: those of `looked`.
_JOBS = (
    (
        "Job #{} has ended ({}) and its money was never settled.",
        f"""
        SELECT job.id, state FROM looked CROSS JOIN job USING (id)
        JOIN txn ON job_id = job.id AND kind = 'reserve'
        WHERE state IN {_ENDED} AND NOT EXISTS (
            SELECT 1 FROM txn WHERE job_id = job.id AND kind IN ('capture', 'release', 'close')
        )
        """,  # noqa: S608  # fixed texts
    ),
    (
        "Job #{} is under way ({}) although its money was settled.",
        # An undelivered clip may be delivered again, and one that was given up may come late:
        # neither costs its person anything more.
        f"""
        SELECT job.id, state FROM looked CROSS JOIN job USING (id)
        JOIN txn ON job_id = job.id AND kind IN ('capture', 'release', 'close')
        WHERE state NOT IN {_ENDED} AND NOT EXISTS (
            SELECT 1 FROM event
            WHERE event.job_id = job.id AND to_state IN {sql_list(REOPENABLE)}
        )
        """,  # noqa: S608  # fixed texts
    ),
    (
        "Job #{} was settled without having been reserved.",
        """
        SELECT later.job_id FROM looked CROSS JOIN txn AS later ON later.job_id = looked.id
        WHERE kind <> 'reserve'
        AND NOT EXISTS (SELECT 1 FROM txn WHERE kind = 'reserve' AND job_id = later.job_id)
        """,
    ),
    (
        "Job #{} costs {} credits, but {} were reserved.",
        """
        SELECT job.id, price, coalesce(sum(amount), 0) AS reserved
        FROM looked CROSS JOIN job USING (id)
        JOIN txn ON job_id = job.id AND kind = 'reserve'
        LEFT JOIN transfer ON txn_id = txn.id
        GROUP BY job.id, price HAVING price <> coalesce(sum(amount), 0)
        """,
    ),
    (
        "Job #{} cost its person {} credits of a price of {}.",
        """
        SELECT job.id, sum(amount) AS spent, price FROM looked CROSS JOIN job USING (id)
        JOIN txn ON job_id = job.id AND kind = 'capture'
        JOIN transfer ON txn_id = txn.id AND target LIKE 'spent:%'
        GROUP BY job.id, price HAVING sum(amount) > price
        """,
    ),
    (
        "Job #{} is {}, but its record ends with {}.",
        """
        SELECT id, state, last FROM (
            SELECT id, state, (
                SELECT to_state FROM event WHERE job_id = job.id ORDER BY rev DESC LIMIT 1
            ) AS last FROM looked CROSS JOIN job USING (id)
        ) AS ending WHERE state IS DISTINCT FROM last
        """,
    ),
    (
        "Job #{} is at revision {}, but its record is at {}.",
        """
        SELECT job.id, job.rev, max(event.rev) AS latest
        FROM looked CROSS JOIN job USING (id) JOIN event ON job_id = job.id
        GROUP BY job.id, job.rev HAVING max(event.rev) > job.rev
        """,
    ),
    (
        "The record of job #{} has a gap before revision {}.",
        """
        SELECT job_id, rev FROM (
            SELECT job_id, rev, from_state,
                   lag(to_state) OVER (PARTITION BY job_id ORDER BY rev) AS previous
            FROM looked CROSS JOIN event ON job_id = looked.id
        ) AS moved WHERE from_state IS DISTINCT FROM previous
        """,
    ),
    (
        "The record of job #{} has revision {} after {}.",
        """
        SELECT job_id, rev, previous FROM (
            SELECT job_id, rev, lag(rev) OVER (PARTITION BY job_id ORDER BY seq) AS previous
            FROM looked CROSS JOIN event ON job_id = looked.id
        ) AS moved WHERE rev <= previous
        """,
    ),
    (
        "Job #{} went from {} to {}, where no job may go.",
        f"""
        SELECT job_id, from_state, to_state FROM looked CROSS JOIN event ON job_id = looked.id
        WHERE from_state IS NOT NULL AND (from_state, to_state) NOT IN (VALUES {_MOVES})
        """,  # noqa: S608  # fixed texts
    ),
    (
        "Job #{} was taken {} times by providers, and people asked for {} tries.",
        f"""
        SELECT job_id, times, 1 + retried FROM (
            SELECT job_id,
                   count(*) FILTER (WHERE from_state IN {sql_list(UNANSWERED)}
                                    AND to_state IN {sql_list(TAKEN)}) AS times,
                   count(*) FILTER (WHERE from_state IN {_PARKED}
                                    AND to_state = '{State.QUEUED}') AS retried
            FROM looked CROSS JOIN event ON job_id = looked.id GROUP BY job_id
        ) AS counted WHERE times > 1 + retried
        """,  # noqa: S608  # fixed texts
    ),
    (
        "Job #{} is done, but no message carries its clip.",
        # Whoever asked to be forgotten (user 0) has no messages any more.
        f"""
        SELECT job.id FROM looked CROSS JOIN job USING (id)
        WHERE state = '{State.DONE}' AND result_id IS NULL AND user_id <> 0
        """,  # noqa: S608  # a fixed text
    ),
)

#: Rules about what is counted: the days, and the quarters of an hour, that are `touched`.
_DAYS = (
    "On {} person {} of server {} used {} credits ({} of the quota); the ledger says {} ({}).",
    """
        , moved (guild_id, person_id, day, kind, amount) AS (
            SELECT guild_id, person_id, day, substr(source, 1, instr(source, ':') - 1), -amount
            FROM touched CROSS JOIN txn USING (guild_id, day) JOIN transfer ON txn_id = id
            UNION ALL
            SELECT guild_id, person_id, day, substr(target, 1, instr(target, ':') - 1), amount
            FROM touched CROSS JOIN txn USING (guild_id, day) JOIN transfer ON txn_id = id
        ), counted (guild_id, person_id, day, quota, total) AS (
            SELECT guild_id, person_id, day, -sum(CASE kind WHEN 'pool' THEN amount ELSE 0 END),
                   sum(CASE WHEN kind IN ('held', 'spent') THEN amount ELSE 0 END)
            FROM moved GROUP BY 1, 2, 3
            UNION ALL
            SELECT guild_id, 0, day, 0,
                   sum(CASE WHEN kind IN ('held', 'spent', 'lost', 'suspense') THEN amount
                            ELSE 0 END)
            FROM moved GROUP BY 1, 3
        ), days (guild_id, person_id, day) AS (
            SELECT guild_id, person_id, day
            FROM touched CROSS JOIN day_use USING (guild_id, day)
            UNION SELECT guild_id, person_id, day FROM counted
        )
        SELECT days.day, days.person_id, days.guild_id,
               coalesce(day_use.total, 0), coalesce(day_use.quota, 0),
               coalesce(counted.total, 0), coalesce(counted.quota, 0)
        FROM days LEFT JOIN day_use USING (guild_id, person_id, day)
        LEFT JOIN counted USING (guild_id, person_id, day)
        WHERE coalesce(day_use.total, 0) <> coalesce(counted.total, 0)
        OR coalesce(day_use.quota, 0) <> coalesce(counted.quota, 0)
        """,
)
_QUARTERS = (
    "From {} on, for a quarter of an hour, all servers used {} credits; the ledger says {}.",
    """
        , counted (quarter, total) AS (
            SELECT touched.quarter, sum(
                CASE WHEN target LIKE 'held:%' OR target LIKE 'spent:%'
                          OR target LIKE 'lost:%' OR target LIKE 'suspense:%'
                     THEN amount ELSE 0 END
                - CASE WHEN source LIKE 'held:%' OR source LIKE 'spent:%'
                            OR source LIKE 'lost:%' OR source LIKE 'suspense:%'
                       THEN amount ELSE 0 END
            )
            FROM touched CROSS JOIN txn AS reserved
                ON reserved.quarter = touched.quarter AND reserved.kind = 'reserve'
            CROSS JOIN txn ON txn.job_id = reserved.job_id
            JOIN transfer ON txn_id = txn.id
            GROUP BY touched.quarter
        )
        SELECT quarter, coalesce(quarter_use.total, 0),
               coalesce(counted.total, 0)
        FROM touched LEFT JOIN quarter_use USING (quarter) LEFT JOIN counted USING (quarter)
        WHERE coalesce(quarter_use.total, 0) <> coalesce(counted.total, 0)
        """,
)

#: Those of which money moved since; from the beginning also those of which there is a count alone.
_DAYS_SINCE = """
    touched (guild_id, day) AS (
        SELECT guild_id, day FROM txn WHERE id > :txn AND day IS NOT NULL
        UNION SELECT guild_id, day FROM day_use
        WHERE guild_id > CASE WHEN :txn > 0 THEN 9e18 ELSE -1 END
    )
"""
_QUARTERS_SINCE = """
    touched (quarter) AS (
        SELECT reserved.quarter FROM txn
        CROSS JOIN txn AS reserved
            ON reserved.job_id = txn.job_id AND reserved.kind = 'reserve'
        WHERE txn.id > :txn
        UNION SELECT quarter FROM quarter_use
        WHERE quarter > CASE WHEN :txn > 0 THEN 9e18 ELSE -1 END
    )
"""
#: Those that are named.
_DAYS_NAMED = """
    touched (guild_id, day) AS (
        SELECT CAST(json_extract(value, '$[0]') AS BIGINT), json_extract(value, '$[1]')
        FROM json_each(:named)
    )
"""
_QUARTERS_NAMED = "touched (quarter) AS (SELECT CAST(value AS BIGINT) FROM json_each(:named))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that must always hold."""

    sentence: str  #: what is wrong, with a place for each value of a row
    sql: str  #: the rows where it does not hold
    bounds: Mapping[str, int | str]

    def broken(self, db: Database) -> list[str]:
        """A sentence for each row that breaks the rule."""
        rows = [tuple(row) for row in db.execute(self.sql, self.bounds)]
        if self.sentence == _QUARTERS[0]:
            rows = [(_began(quarter), *values) for quarter, *values in rows]
        return [self.sentence.format(*row) for row in rows]


def _began(quarter: int) -> str:
    """When a quarter of an hour began, UTC."""
    return f"{datetime.fromtimestamp(quarter * 900, UTC):%Y-%m-%d %H:%M:%S}"


def check(db: Database) -> list[str]:
    """Every rule that is broken, a sentence for each place; empty when all is well."""
    return look(db, Seen())[0]


def look(db: Database, since: Seen) -> tuple[list[str], Seen]:
    """Every rule that is broken by what happened *since* a look that found nothing broken, or by
    what is under way; and how far this one came.

    That takes as long as what happened since, whatever the history. Rows that nobody wrote to
    through Dailies are seen by a look from the beginning only: *since* = `Seen()`.
    """
    found, seen = accounts(db, since)
    return _broken(db, rules(since)) + found, seen


def rules(since: Seen) -> list[Rule]:
    """Everything but `accounts`. Each may be asked by itself, with writes in between."""
    bounds = {"event": since.event, "txn": since.txn}
    return [
        *_rules(_BALANCES, {}),
        *_rules(_JOBS, bounds, _LOOKED),
        *_rules([_DAYS], bounds, _DAYS_SINCE),
        *_rules([_QUARTERS], bounds, _QUARTERS_SINCE),
    ]


def balances_hold(db: Database) -> list[str]:
    """What is broken in the balances, beside their history."""
    return _broken(db, _rules(_BALANCES, {}))


def jobs_hold(db: Database, first: int, last: int) -> list[str]:
    """What is broken in the jobs after number *first*, up to *last*."""
    return _broken(db, _rules(_JOBS, {"first": first, "last": last}, _OF_RANGE))


def days_hold(db: Database, named: str) -> list[str]:
    """What is counted wrong on days of servers; *named* lists them: `[[10, "2027-01-15"]]`."""
    return _broken(db, _rules([_DAYS], {"named": named}, _DAYS_NAMED))


def quarters_hold(db: Database, named: str) -> list[str]:
    """What is counted wrong in quarters of an hour; *named* lists them: `[2000000]`."""
    return _broken(db, _rules([_QUARTERS], {"named": named}, _QUARTERS_NAMED))


def _rules(
    texts: Iterable[tuple[str, str]], bounds: Mapping[str, int | str], begin: str = ""
) -> list[Rule]:
    """A rule of each text, which begins *begin* with what is to be looked at."""
    return [
        Rule(sentence=sentence, sql=f"WITH {begin} {sql}" if begin else sql, bounds=bounds)
        for sentence, sql in texts
    ]


def _broken(db: Database, rules: Iterable[Rule]) -> list[str]:
    return [sentence for rule in rules for sentence in rule.broken(db)]


def accounts(db: Database, since: Seen) -> tuple[list[str], Seen]:
    """Find accounts whose balance is not the sum of their transfers; and how far history is."""
    [event] = db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
    [txn] = db.execute("SELECT coalesce(max(id), 0) FROM txn").fetchone()
    balances = dict(db.execute("SELECT name, balance FROM account").fetchall())
    found = list(_unmoved(db, since, balances))
    return found, Seen(event=event, txn=txn, balances=balances)


def _unmoved(db: Database, since: Seen, balances: Mapping[str, int]) -> Iterator[str]:
    """Find accounts whose balance is not the one of *since* plus the transfers after it."""
    expected = dict(since.balances or {})
    for name, amount in db.execute(
        """
        SELECT name, sum(amount) FROM (
            SELECT source AS name, -amount AS amount FROM transfer WHERE txn_id > :txn
            UNION ALL SELECT target, amount FROM transfer WHERE txn_id > :txn
        ) AS moved GROUP BY name
        """,
        {"txn": since.txn},
    ):
        expected[name] = expected.get(name, 0) + amount
    for name in sorted(expected.keys() | balances.keys()):
        balance, moved = balances.get(name, 0), expected.get(name, 0)
        if balance != moved:
            yield f"Account {name} says {balance} credits, but its transfers add up to {moved}."
