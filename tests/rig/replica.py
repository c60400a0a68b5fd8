"""A PostgreSQL with a replica that may take over, both in throwaway directories."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.rig.postgres import Cluster, make_template

DATABASE = "bot"


class Pair:
    """A primary and its replica, until that is promoted."""

    def __init__(self, primary: Cluster, replica: Cluster) -> None:
        self.primary = primary
        self.replica = replica

    @property
    def url(self) -> str:
        """The address of the database, with both hosts."""
        return (
            f"postgresql://dailies@127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}"
            f"/{DATABASE}?target_session_attrs=read-write"
        )

    @property
    def bare_url(self) -> str:
        """The same, where the replica comes first, and nothing says that it is not meant."""
        hosts = f"127.0.0.1:{self.replica.port},127.0.0.1:{self.primary.port}"
        return f"postgresql://dailies@{hosts}/{DATABASE}"

    def fail_over(self) -> None:
        """Have the primary's machine die, and the replica promoted."""
        self.primary.stop("immediate")
        self.replica.promote()

    def part(self) -> None:
        """Have the replica hear nothing more of the primary, which goes on by itself."""
        self.primary.configure(synchronous_standby_names="")
        self.replica.configure(primary_conninfo="")

    def bring_back(self) -> None:
        """Start the old primary again, as if nobody had told it: it waits for no replica."""
        configured = self.primary.folder / "data" / "postgresql.auto.conf"
        with configured.open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")
        self.primary.start()


@contextmanager
def seed() -> Iterator[Path]:
    """The files of a stopped server with an empty database, which each primary is a copy of."""
    base = _folder()
    try:
        cluster = Cluster.made(base / "seed", "--wal-segsize=1")  # a file of 16 MB takes long
        make_template(cluster, DATABASE)
        cluster.stop()
        yield base / "seed"
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def pair(seed: Path) -> Iterator[Pair]:
    """A primary whose commits wait for the replica that is made of it."""
    base = _folder()
    servers: list[Cluster] = []
    try:
        servers.append(Cluster.copied(seed, base / "primary"))
        servers.append(servers[0].replica(base / "replica"))
        servers[0].configure(synchronous_standby_names="*")
        yield Pair(*servers)
    finally:
        for each in servers:
            with suppress(AssertionError):  # the test has stopped it
                each.stop("immediate")
        shutil.rmtree(base, ignore_errors=True)


def _folder() -> Path:
    base = Path(tempfile.mkdtemp(prefix="dailies-pg-"))
    base.chmod(0o755)
    return base
