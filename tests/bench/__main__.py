"""Runs every benchmark of the table (`python -m tests.bench`), or those that are named after it.

All of them together write `docs/performance.md`. A figure that must be flat and is not is an error.
"""

import importlib
import pkgutil
import sys
import time
from pathlib import Path

import tests.bench
from tests.bench.document import document, machine
from tests.bench.history import kept
from tests.bench.table import Row, text

#: What benchmarks are made with.
SHARED = {"__main__", "acknowledging", "answering", "damming", "document", "history", "table"}
ON_REQUEST = {"fitting"}  #: encodes for minutes, and says in words what it found
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "performance.md"


def measured(names: list[str]) -> list[tuple[str, list[Row]]]:
    """The rows of each benchmark, printed as they come; those that only print have none."""
    found = []
    for name in names:
        module = importlib.import_module(f"tests.bench.{name}")
        print(f"{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        begun = time.monotonic()
        if hasattr(module, "rows"):
            rows = module.rows()
            print(text(rows), end="")
            found.append((name, rows))
        else:
            module.main()
        print(f"  {time.monotonic() - begun:.0f} s\n", flush=True)
    return found


def main(wanted: list[str]) -> None:
    """Run what is *wanted*, or everything in the table; names that do not exist are named."""
    names = [module.name for module in pkgutil.iter_modules(tests.bench.__path__)]
    benches = [name for name in names if name not in SHARED]
    if unknown := set(wanted) - set(benches):
        sys.exit(f"No benchmark {', '.join(sorted(unknown))}; there are {', '.join(benches)}.")
    on, begun = machine(), time.monotonic()
    with kept():
        found = measured(wanted or [each for each in benches if each not in ON_REQUEST])
    if not wanted:
        took = f"All of it took {(time.monotonic() - begun) / 60:.0f} minutes."
        DOCUMENT.write_text(document(found, f"{on} {took}"))
    if faults := [row.name for _, rows in found for row in rows if row.must and not row.met]:
        sys.exit(f"These grow, and should not: {', '.join(faults)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
