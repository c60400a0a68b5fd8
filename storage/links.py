"""Links to what providers keep, and the names of attempts: of no use once those have died."""

from .database import Database
from .defaults import Moment
from .job import ENDED, sql_list

DIE = 30 * 86_400.0  #: seconds after its end when no provider keeps a clip any more
EACH = 86_400.0  #: seconds between two times that they are deleted
AT_ONCE = 1_000  #: jobs of one time

# What was billed is judged by what a provider named or made; a link that alone says so stays.
_DEAD = f"""
    SELECT id FROM job INDEXED BY job_linked WHERE result_url IS NOT NULL
    AND state IN {sql_list(ENDED)} AND since < ? AND (remote_id IS NOT NULL OR file IS NOT NULL)
    ORDER BY since LIMIT ?
"""  # noqa: S608  # fixed texts


def tidy_is_due(db: Database, at: Moment) -> bool:
    """Whether links have been dead for a day."""
    return db.execute(_DEAD, (at.now - DIE - EACH, 1)).fetchone() is not None


def tidy(db: Database, at: Moment) -> None:
    """Delete dead links, and the names of their attempts, the oldest first."""
    db.execute(
        f"UPDATE job SET result_url = NULL, token = NULL WHERE id IN ({_DEAD})",  # noqa: S608
        (at.now - DIE, AT_ONCE),
    )
