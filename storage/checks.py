"""What must always hold, asked of the rows themselves. Each broken rule is a sentence."""

import sqlite3

_ENDED = "('done', 'undelivered', 'failed', 'cancelled', 'expired', 'closed')"

#: Rules that look at the live jobs and the balances only: quick enough for every minute.
_QUICK = (
    (
        "The ledger does not add up to zero: it is off by {} credits.",
        "SELECT sum(balance) FROM account HAVING sum(balance) <> 0",
    ),
    (
        "Account {} is below zero: {} credits.",
        """
        SELECT name, balance FROM account
        WHERE balance < 0 AND name NOT GLOB 'pool:*' AND name NOT GLOB 'house:*'
        """,
    ),
    (
        "Account {} holds {} credits, but the jobs under way hold {}.",
        """
        WITH due (name, amount) AS (
            SELECT 'held:' || txn.guild_id || ':' || person_id, sum(price)
            FROM txn JOIN job ON job.id = job_id
            WHERE kind = 'reserve' AND job_id IN (
                SELECT id FROM job WHERE state IN ('queued', 'submitting', 'unclear', 'rendering',
                                                   'fetching', 'delivering', 'review')
            ) AND NOT EXISTS (
                SELECT 1 FROM txn AS settled WHERE settled.job_id = txn.job_id
                AND settled.kind IN ('capture', 'release', 'close')
            ) GROUP BY 1
        )
        SELECT name, sum(balance), sum(amount) FROM (
            SELECT name, balance, 0 AS amount FROM account WHERE name GLOB 'held:*'
            UNION ALL SELECT name, 0, amount FROM due
        ) GROUP BY name HAVING sum(balance) <> sum(amount)
        """,
    ),
)

#: Rules that read all of history.
_THOROUGH = (
    (
        "Account {} says {} credits, but its transfers add up to {}.",
        """
        WITH moved (name, amount) AS (
            SELECT source, -amount FROM transfer UNION ALL SELECT target, amount FROM transfer
        ), summed (name, amount) AS (SELECT name, sum(amount) FROM moved GROUP BY name)
        SELECT name, balance, coalesce(amount, 0) FROM account LEFT JOIN summed USING (name)
        WHERE balance <> coalesce(amount, 0)
        """,
    ),
    (
        "Job #{} has ended ({}) and its money was never settled.",
        f"""
        SELECT job.id, state FROM job JOIN txn ON job_id = job.id AND kind = 'reserve'
        WHERE state IN {_ENDED} AND NOT EXISTS (
            SELECT 1 FROM txn WHERE job_id = job.id AND kind IN ('capture', 'release', 'close')
        )
        """,  # noqa: S608  # the constant above
    ),
    (
        "Job #{} is under way ({}) although its money was settled.",
        # An undelivered clip may be delivered again; that costs nothing more.
        f"""
        SELECT job.id, state FROM job
        JOIN txn ON job_id = job.id AND kind IN ('capture', 'release', 'close')
        WHERE state NOT IN {_ENDED} AND NOT EXISTS (
            SELECT 1 FROM event WHERE event.job_id = job.id AND to_state = 'undelivered'
        )
        """,  # noqa: S608  # the constant above
    ),
    (
        "Job #{} was settled without having been reserved.",
        """
        SELECT job_id FROM txn AS later WHERE job_id IS NOT NULL AND kind <> 'reserve'
        AND NOT EXISTS (SELECT 1 FROM txn WHERE kind = 'reserve' AND job_id = later.job_id)
        """,
    ),
    (
        "Job #{} costs {} credits, but {} were reserved.",
        """
        SELECT job.id, price, coalesce(sum(amount), 0) AS reserved
        FROM txn JOIN job ON job.id = job_id LEFT JOIN transfer ON txn_id = txn.id
        WHERE kind = 'reserve' GROUP BY job.id HAVING price <> reserved
        """,
    ),
    (
        "Job #{} cost its person {} credits of a price of {}.",
        """
        SELECT job.id, sum(amount) AS spent, price FROM job
        JOIN txn ON job_id = job.id AND kind = 'capture'
        JOIN transfer ON txn_id = txn.id AND target GLOB 'spent:*'
        GROUP BY job.id HAVING spent > price
        """,
    ),
    (
        "Grant {} has {} credits left of {}.",
        """
        SELECT id, balance, amount FROM allowance JOIN account ON name = 'grant:' || id
        WHERE balance > amount
        """,
    ),
    (
        "On {} person {} of server {} used {} credits ({} of the quota); the ledger says {} ({}).",
        """
        WITH moved (guild_id, person_id, day, kind, amount) AS (
            SELECT guild_id, person_id, day, substr(source, 1, instr(source, ':') - 1), -amount
            FROM txn JOIN transfer ON txn_id = id WHERE day IS NOT NULL
            UNION ALL
            SELECT guild_id, person_id, day, substr(target, 1, instr(target, ':') - 1), amount
            FROM txn JOIN transfer ON txn_id = id WHERE day IS NOT NULL
        ), counted (guild_id, person_id, day, quota, total) AS (
            SELECT guild_id, person_id, day, -sum(iif(kind = 'pool', amount, 0)),
                   sum(iif(kind IN ('held', 'spent'), amount, 0))
            FROM moved GROUP BY 1, 2, 3
            UNION ALL
            SELECT guild_id, 0, day, 0,
                   sum(iif(kind IN ('held', 'spent', 'lost', 'suspense'), amount, 0))
            FROM moved GROUP BY 1, 3
        ), days (guild_id, person_id, day) AS (
            SELECT guild_id, person_id, day FROM day_use
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
    ),
    (
        "Job #{} is {}, but its record ends with {}.",
        """
        SELECT job.id, state, (
            SELECT to_state FROM event WHERE job_id = job.id ORDER BY rev DESC LIMIT 1
        ) AS last FROM job WHERE state IS NOT last
        """,
    ),
    (
        "The record of job #{} has a gap before revision {}.",
        """
        SELECT job_id, rev FROM (
            SELECT job_id, rev, from_state,
                   lag(to_state) OVER (PARTITION BY job_id ORDER BY rev) AS previous
            FROM event
        ) WHERE from_state IS NOT previous
        """,
    ),
)


def check(db: sqlite3.Connection, *, thorough: bool = True) -> list[str]:
    """Every rule that is broken, a sentence for each place; empty when all is well.

    Without *thorough* only what the live jobs and the balances tell: a few milliseconds,
    whatever the history.
    """
    return [
        sentence.format(*row)
        for sentence, sql in (*_QUICK, *(_THOROUGH if thorough else ()))
        for row in db.execute(sql)
    ]
