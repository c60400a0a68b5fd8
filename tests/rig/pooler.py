"""A PgBouncer before a server: a program that gives few connections to many clients."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.rig.postgres import free_port, other_user, wait_for

MISSING = (
    "PgBouncer is not installed here (Debian: apt-get install pgbouncer), so what needs it is "
    "skipped."
)
_SETTINGS = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
"""


def program() -> str | None:
    """Where PgBouncer is; None where it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def pooler(url: str, mode: str, *, size: int = 20) -> Iterator[str]:
    """The address of the database *url* through a pooler in *mode*, with *size* connections."""
    there, own_port = urlsplit(url), free_port()
    folder = Path(tempfile.mkdtemp(prefix="dailies-pooler-"))
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        _SETTINGS.format(
            host=there.hostname,
            port=there.port,
            own_port=own_port,
            folder=folder,
            mode=mode,
            size=size,
        )
    )
    (folder / "users").write_text('"dailies" ""\n')
    folder.chmod(0o755)
    who = other_user() if os.getuid() == 0 else None  # it refuses to run as root
    as_other = {"user": who[0], "group": who[1], "extra_groups": []} if who else {}
    found = program()
    assert found is not None, MISSING
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, settings], stdout=log, stderr=log, cwd="/", **as_other)
    try:
        own = f"postgresql://dailies@127.0.0.1:{own_port}{there.path}"
        wait_for(lambda: _answers(own))
        yield own
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
