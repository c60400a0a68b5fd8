"""A throwaway PostgreSQL for tests: one cluster for all workers, databases that are used again."""

import fcntl
import functools
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from storage.postgresql.schema import migrate, migrations
from storage.postgresql.session import Session

MISSING = (
    "PostgreSQL's server is not installed here (Debian: apt-get install postgresql), so what needs "
    "it is skipped."
)
_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 64MB
"""


def binaries() -> Path | None:
    """Where the server's programs are; None where they are not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    return next((each for each in folders if (each / "postgres").exists()), None)


class Cluster:
    """A server of its own in a directory of its own, on a free port of 127.0.0.1."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @classmethod
    def made(cls, folder: Path, *more: str) -> "Cluster":
        """Make a cluster in *folder*, with *more* for initdb, and start it."""
        programs = binaries()
        assert programs is not None, MISSING
        folder.mkdir(parents=True)
        if os.getuid() == 0:  # the server refuses to run as root
            os.chown(folder, *other_user())
        _run(
            [
                programs / "initdb",
                "-D",
                folder / "data",
                "-U",
                "tester",
                "--auth=trust",
                "--no-sync",
            ],
            *("-E", "UTF8", "--locale=C", *more),
        )
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        cluster = cls(folder, free_port())
        cluster.start()
        return cluster

    @classmethod
    def copied(cls, seed: Path, folder: Path) -> "Cluster":
        """Start a server on a copy of the files of a stopped one."""
        subprocess.run(["cp", "-a", seed, folder], check=True)
        cluster = cls(folder, free_port())
        cluster.start()
        return cluster

    def replica(self, folder: Path) -> "Cluster":
        """Make a replica of this server in *folder* and start it; returns once it follows."""
        programs = binaries()
        assert programs is not None
        folder.mkdir(parents=True)
        if os.getuid() == 0:
            os.chown(folder, *other_user())
        _run(
            [programs / "pg_basebackup", "--pgdata", folder / "data", "--write-recovery-conf"],
            *("--checkpoint=fast", "--no-sync", "--no-manifest", "--username=tester"),
            *("--host=127.0.0.1", f"--port={self.port}"),
        )
        found = Cluster(folder, free_port())
        found.start()
        with psycopg.connect(self.url("postgres", "tester"), autocommit=True) as db:
            wait_for(lambda: db.execute("SELECT 1 FROM pg_stat_replication").fetchone())
        return found

    def promote(self) -> None:
        """Make a primary of this replica; returns once it takes writes."""
        programs = binaries()
        assert programs is not None
        _run([programs / "pg_ctl", "-D", self.folder / "data", "-w", "-t", "60", "-s", "promote"])

    def configure(self, **settings: str) -> None:
        """Change settings that a reload is enough for."""
        with psycopg.connect(self.url("postgres", "tester"), autocommit=True) as db:
            for name, value in settings.items():
                db.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            db.execute("SELECT pg_reload_conf()")

    def start(self) -> None:
        """Start the server; returns once it answers."""
        programs = binaries()
        assert programs is not None
        _run(
            [programs / "pg_ctl", "-D", self.folder / "data", "-w", "-t", "60", "-s"],
            *("-l", self.folder / "log", "-o", f"-p {self.port} -k {self.folder}", "start"),
        )

    def stop(self, how: str = "fast") -> None:
        """Stop the server: "smart", "fast", or "immediate", which is a crash."""
        programs = binaries()
        assert programs is not None
        _run([programs / "pg_ctl", "-D", self.folder / "data", "-w", "-s", "-m", how, "stop"])

    def url(self, database: str, user: str = "dailies") -> str:
        """The address of a database."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str | None = None) -> str:
        """Create a database that "dailies", no superuser, owns; its address."""
        with psycopg.connect(self.url("postgres", "tester"), autocommit=True) as db:
            db.execute(
                "DO $$ BEGIN IF to_regrole('dailies') IS NULL THEN CREATE ROLE dailies LOGIN;"
                " END IF; END $$"
            )
            copied = f" TEMPLATE {template}" if template else ""
            db.execute(f"CREATE DATABASE {database} OWNER dailies{copied}")
        return self.url(database)


_TEMPLATE = "dailies_template"


def make_template(cluster: Cluster, name: str = _TEMPLATE) -> None:
    """Make the database that all others are copied from, or another that is as empty."""
    db = Session(cluster.create(name), name="template", prepare=lambda _: None)
    db.connect()
    migrate(db, migrations())
    db.close()


@contextmanager
def shared_cluster(root: Path) -> Iterator[Cluster]:
    """The cluster that all workers of a run share; the last one to go stops it.

    *root* is a directory that they have in common. The server lives under the system's temporary
    directory, because a socket's path must be short and another user has to reach it.
    """
    root.mkdir(parents=True, exist_ok=True)
    note = root / "postgresql.json"
    with _alone(root):
        known = json.loads(note.read_text()) if note.exists() else None
        if known is None:
            base = Path(tempfile.mkdtemp(prefix="dailies-pg-"))
            base.chmod(0o755)
            cluster = Cluster.made(base / "cluster")
            make_template(cluster)
            known = {"base": str(base), "port": cluster.port, "users": 0}
        known["users"] += 1
        note.write_text(json.dumps(known))
    base = Path(known["base"])
    cluster = Cluster(base / "cluster", known["port"])
    try:
        yield cluster
    finally:
        with _alone(root):
            known = json.loads(note.read_text())
            known["users"] -= 1
            note.write_text(json.dumps(known))
            if known["users"] == 0:
                note.unlink()
                cluster.stop("immediate")
                shutil.rmtree(base, ignore_errors=True)


class Databases:
    """Databases of one worker: each data directory has one, which is emptied and used again."""

    def __init__(self, cluster: Cluster, worker: str) -> None:
        self._cluster = cluster
        self._worker = worker
        self._free: list[str] = []
        self._made = 0
        self._used: dict[Path, str] = {}

    def of(self, directory: Path) -> str:
        """The address of the database that belongs to *directory*."""
        key = directory.absolute()
        if key not in self._used:
            if not self._free:
                self._made += 1
                name = f"t_{self._worker}_{self._made}"
                self._cluster.create(name, template=_TEMPLATE)
                self._free.append(name)
            self._used[key] = self._free.pop()
        return self._cluster.url(self._used[key])

    def raw(self, directory: Path) -> psycopg.Connection:
        """A connection of a superuser's to the database of *directory*."""
        self.of(directory)
        name = self._used[directory.absolute()]
        return psycopg.connect(self._cluster.url(name, "tester"), autocommit=True)

    def dump(self, directory: Path, to: Path) -> None:
        """`pg_dump` the database of *directory*, as an operator does."""
        name = self._used[directory.absolute()]
        done = subprocess.run(
            [self._program("pg_dump"), "--format=custom", self._cluster.url(name)],
            capture_output=True,
            check=True,
        )
        to.write_bytes(done.stdout)

    def restore(self, dump: Path, name: str) -> None:
        """`pg_restore` a dump into the empty database *name*, as its owner."""
        subprocess.run(
            [self._program("pg_restore"), "--exit-on-error", "--no-owner",
             "--dbname", self._cluster.url(name), dump],
            capture_output=True,
            check=True,
        )  # fmt: skip

    def _program(self, name: str) -> Path:
        programs = binaries()
        assert programs is not None
        return programs / name

    def empty(self) -> None:
        """Empty the databases that a test used."""
        for name in self._used.values():
            with psycopg.connect(self._cluster.url(name, "tester"), autocommit=True) as db:
                for (table,) in db.execute(_STRANGE, [list(_tables())]).fetchall():
                    db.execute(f'DROP TABLE dailies."{table}" CASCADE')  # a test has made it
                db.execute(_EMPTY)
            self._free.append(name)
        self._used.clear()


@functools.cache
def _tables() -> frozenset[str]:
    """The tables of the schema."""
    script = "\n".join(migrations().values())
    return frozenset({"migration", *re.findall(r"^CREATE TABLE (\w+)", script, re.MULTILINE)})


_STRANGE = """
    SELECT relname FROM pg_class WHERE relnamespace = 'dailies'::regnamespace AND relkind = 'r'
    AND relname <> ALL (%s)
"""
_EMPTY = """
    SET session_replication_role = replica;
    DO $$
    DECLARE each record;
    BEGIN
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
        FOR each IN SELECT oid, relname FROM pg_class
            WHERE relnamespace = 'dailies'::regnamespace AND relkind = 'r'
            AND relname NOT IN ('migration', 'origin') LOOP
            EXECUTE format('DELETE FROM dailies.%I', each.relname);
            IF EXISTS (SELECT 1 FROM pg_trigger
                       WHERE tgrelid = each.oid AND NOT tgisinternal AND tgenabled = 'D') THEN
                EXECUTE format('ALTER TABLE dailies.%I ENABLE TRIGGER USER', each.relname);
            END IF;
        END LOOP;
        FOR each IN SELECT oid FROM pg_class
            WHERE relnamespace = 'dailies'::regnamespace AND relkind = 'S' LOOP
            PERFORM setval(each.oid::regclass, 1, false);
        END LOOP;
        INSERT INTO dailies.words_upto (id, job_id) VALUES (1, 0);
    END $$;
"""


def _run(command: list, *more: object) -> None:
    """Run one of the server's programs, as somebody who is not root."""
    who = other_user() if os.getuid() == 0 else None
    as_other = {"user": who[0], "group": who[1], "extra_groups": []} if who else {}
    done = subprocess.run(
        [*map(str, command), *map(str, more)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        **as_other,
    )
    assert done.returncode == 0, done.stderr


def other_user() -> tuple[int, int]:
    """Somebody who is not root, for programs that refuse to run as root."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise AssertionError("there is no user to run the server as")


def free_port() -> int:
    """A port that nobody listens on now."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with (root / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_for(true, within: float = 30.0) -> None:
    """Wait until *true* says so."""
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.05)
