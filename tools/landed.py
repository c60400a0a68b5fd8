"""Which migrations have landed: their hashes, and those of the schemas that they make.

`make migration` (`python -m tools.landed`) appends the new ones. What stands there stays: a
script that has landed is in databases already, so a change of mind is another migration.
"""

import hashlib
import sys
from pathlib import Path

from storage.schema import digest, fresh, migrations

TABLE = Path(__file__).parent.parent / "tests" / "schemas" / "landed.txt"
SCRIPTS = Path(__file__).parent.parent / "storage" / "migrations"


def landed() -> list[tuple[str, str, str]]:
    """Of each migration: its script's hash, the hash of the schema it makes, and its name."""
    lines = [each for each in TABLE.read_text().splitlines() if not each.startswith("#")]
    return [(script, schema, name) for script, schema, name in map(str.split, lines)]


def present() -> list[tuple[str, str, str]]:
    """The same of what lies in `storage/migrations`."""
    scripts, names = migrations(), sorted(each.name for each in SCRIPTS.glob("*.sql"))
    return [
        (digest(scripts[at]), made_by(tuple(scripts[: at + 1])), name)
        for at, name in enumerate(names)
    ]


def made_by(scripts: tuple[str, ...]) -> str:
    """A hash of what a database is made of after *scripts*."""
    return hashlib.sha256(repr(sorted(fresh(scripts).items())).encode()).hexdigest()


def append() -> int:
    """Write down the migrations that are new. 1 where one that had landed is another now."""
    known, now = landed(), present()
    if now[: len(known)] != known:
        sys.stderr.write("A migration that has landed was changed: git checkout it.\n")
        return 1
    with TABLE.open("a") as table:
        table.writelines(f"{' '.join(each)}\n" for each in now[len(known) :])
    return 0


if __name__ == "__main__":
    sys.exit(append())
