"""What a server says of itself, asked in ways that any user may."""

import time

from storage.processes import Present
from storage.server_facts import ServerFacts

from .leases import BOT
from .processes import present
from .schema import LEAST
from .session import SCHEMA, Session

_ASKED = f"""
    SELECT current_setting('server_version'), current_setting('server_encoding'),
        EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'),
        has_database_privilege(current_database(), 'CREATE')
            AND coalesce(pg_has_role((SELECT nspowner FROM pg_namespace
                WHERE nspname = '{SCHEMA}'), 'USAGE'), true),
        pg_is_in_recovery(),
        (SELECT count(*) FROM pg_stat_replication),
        current_setting('synchronous_standby_names') <> '',
        CAST(current_setting('max_connections') AS BIGINT)
            - CAST(current_setting('superuser_reserved_connections') AS BIGINT)
            - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        extract(epoch FROM clock_timestamp())
"""  # noqa: S608  # a name of ours
#: With one of these off, a crash of its machine loses or breaks what was committed.
_CAREFUL = ("fsync", "full_page_writes")


def facts(db: Session, outdated: tuple[str, ...], *, needed: int) -> ServerFacts:
    """What the server of *db* says, to a process that keeps *needed* connections. *outdated* are
    hosts beside it that it has replaced."""
    before = time.time()
    row = db.script(_ASKED).fetchone()
    assert row is not None
    version, encoding, icu, owner, recovering, replicas, synchronous, connections, clock = row
    careless = [
        name
        for name in _CAREFUL
        if db.script(f"SHOW {name}").fetchone() != ("on",)  # no input of anybody's
    ]
    there, epoch = _used(db)
    return ServerFacts(
        place=db.place,
        outdated=outdated,
        version=str(version).split()[0],
        old=db.version < LEAST,
        encoding=str(encoding),
        icu=bool(icu),
        owner=bool(owner),
        recovering=bool(recovering),
        careless=tuple(careless),
        replicas=int(replicas),
        synchronous=bool(synchronous),
        connections=int(connections),
        needed=needed,
        ahead=float(clock) - (before + time.time()) / 2,
        present=there,
        epoch=epoch,
    )


def _used(db: Session) -> tuple[Present, int | None]:
    """Which processes use the database, and the epoch of the bot's lease."""
    made = db.script(f"SELECT to_regclass('{SCHEMA}.lease') IS NOT NULL").fetchone()
    if made is None or not made[0]:
        return Present(), None
    row = db.execute("SELECT epoch FROM lease WHERE part = ?", (BOT,)).fetchone()
    return present(db), None if row is None else int(row[0])
