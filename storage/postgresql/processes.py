"""Which processes share the database: holders by their leases, and those that stand by by their
connections, which need no rows of their own.
"""

from storage.database import Database
from storage.processes import Present
from storage.transactions import Transactions

WORKS = "dailies"  #: how the connections are called of a process that works
STANDS_BY = "dailies standby"  #: and that of one that stands by, which asks once a second
SEEN = 15.0  #: seconds since its last question, after which it is frozen or gone


def present(db: Database) -> Present:
    """The processes that hold a lease now, and how many stand by."""
    holders = db.execute(
        "SELECT part, holder FROM lease "
        " WHERE part >= 0 AND until > clock_timestamp() ORDER BY part"
    ).fetchall()
    [standing_by] = db.execute(
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = ? AND (
            state = 'active' OR state_change > clock_timestamp() - make_interval(secs => ?)
        )
        """,
        (STANDS_BY, SEEN),
    ).fetchone()
    return Present(
        holders={int(part): str(holder) for part, holder in holders}, standing_by=int(standing_by)
    )


class ServerProcesses:
    """`storage.processes.Processes` of a server."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def look(self) -> Present:
        """The processes that are there now. Raises `DiskTrouble`."""
        return await self._transactions.read(present)
