"""Which server answers. A replica that was promoted goes on with the next timeline, so the primary
that it replaced is known by its older one, should that come back: nothing of ours is written there.
"""

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from .errors import AWAY, LostServer

log = logging.getLogger(__name__)

NEWEST = "dailies.server"  #: the file that names the newest server of a data directory
#: What identifies a server: the one with which a replica was made has the same number. Its timeline
#: is that of the write-ahead log now; the control file learns of a promotion minutes later.
SYSTEM = "(SELECT system_identifier FROM pg_control_system())"
TIMELINE = (
    "CASE WHEN pg_is_in_recovery() THEN 0 ELSE CAST(CAST("
    "'x' || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS bit(32)) AS bigint) END"
)
#: As `present_origin()` of the schema says it, whose timeline is late.
ORIGIN = f"{SYSTEM} || '/' || {TIMELINE} || '/' || CAST(CAST('dailies.job' AS regclass) AS oid)"


@dataclass(frozen=True, slots=True)
class Identity:
    """A server, as far as its rows are concerned."""

    system: str
    timeline: int  #: counts promotions; 0: it is a replica

    def replaced_by(self, other: "Identity") -> bool:
        """Whether *other* went on with the rows of this one."""
        return self.system == other.system and 0 < self.timeline < other.timeline


class Replaced(LostServer):
    """The server is one that another has replaced. While Dailies runs, that is as good as away."""

    def __init__(self, old: Identity, newest: Identity) -> None:
        super().__init__(AWAY)
        self.why = (
            f"was replaced by a replica that was promoted (its timeline is {old.timeline}, and "
            f"{newest.timeline} was seen)"
        )


class Newest:
    """The newest server that this process has seen, or an earlier one with its data directory."""

    def __init__(self, path: Path | None = None) -> None:
        """*path* is the file that remembers it."""
        self._path = path
        self._lock = threading.Lock()  # sessions are on threads of their own
        self._known = _read(path)

    def admit(self, found: Identity) -> None:
        """Note *found*. Raises `Replaced` where a newer one was seen."""
        with self._lock:
            known = self._known
            if known is not None and found.replaced_by(known):
                raise Replaced(found, known)
            if found.timeline == 0 or found == known:
                return
            self._known = found
            if self._path is not None:
                self._path.write_text(f"{found.system} {found.timeline}\n", "utf-8")
        if known is not None and self._path is not None:
            log.warning(
                "Another database server answers: timeline %s in place of %s.",
                found.timeline,
                known.timeline,
            )


def _read(path: Path | None) -> Identity | None:
    if path is not None:
        with suppress(OSError, ValueError):
            system, timeline = path.read_text("utf-8").split()
            return Identity(system, int(timeline))
    return None


def hosts(url: str) -> list[str]:
    """An address for each host that *url* names; none where it is one host, or no address."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return []
    lists = {
        name: str(parts[name]).split(",")
        for name in ("host", "hostaddr", "port")
        if parts.get(name) is not None
    }
    count = max((len(lists[name]) for name in ("host", "hostaddr") if name in lists), default=1)
    if count < 2:
        return []
    found = []
    for number in range(count):
        one: dict[str, Any] = {name: each[number % len(each)] for name, each in lists.items()}
        found.append(make_conninfo(url, **one))
    return found


def place(url: str, *, exactly: bool = False) -> str:
    """Where *url* points, without its user and password: ' (db.example, database bot)'. Ports are
    said of several hosts, or *exactly*."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return ""
    named = [_host(conninfo_to_dict(each)) for each in hosts(url)]
    one = _host(parts) if exactly else parts.get("host") or "this machine"
    host = " or ".join(named) or one
    return f" ({host}, database {parts.get('dbname') or '?'})"


def _host(parts: Mapping[str, object]) -> str:
    host, port = parts.get("host") or parts.get("hostaddr") or "this machine", parts.get("port")
    return f"{host}:{port}" if port else str(host)
