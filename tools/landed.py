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
#: The same for PostgreSQL: the hash of each script and its name.
PAIRS = TABLE.with_name("landed_postgresql.txt")


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


def landed_pairs() -> list[tuple[str, str]]:
    """Of each migration of PostgreSQL's that landed: its script's hash, and its name."""
    lines = [each for each in PAIRS.read_text().splitlines() if not each.startswith("#")]
    return [(script, name) for script, name in map(str.split, lines)]


def present_pairs() -> list[tuple[str, str]]:
    """The same of what lies in `storage/postgresql/migrations`."""
    folder = SCRIPTS.parent / "postgresql" / "migrations"
    return [(digest(each.read_text("utf-8")), each.name) for each in sorted(folder.glob("*.sql"))]


def append() -> int:
    """Write down the migrations that are new. 1 where one that had landed is another now."""
    known, now = landed(), present()
    known_pairs, pairs = landed_pairs(), present_pairs()
    if now[: len(known)] != known or pairs[: len(known_pairs)] != known_pairs:
        sys.stderr.write("A migration that has landed was changed: git checkout it.\n")
        return 1
    with TABLE.open("a") as table:
        table.writelines(f"{' '.join(each)}\n" for each in now[len(known) :])
    with PAIRS.open("a") as table:
        table.writelines(f"{' '.join(each)}\n" for each in pairs[len(known_pairs) :])
    return 0


if __name__ == "__main__":
    sys.exit(append())
