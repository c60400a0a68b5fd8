"""Runs every benchmark (`python -m tests.bench`), or those that are named after it."""

import importlib
import pkgutil
import sys

import tests.bench

SHARED = {"__main__", "history", "table"}  #: what benchmarks are made with


def main(wanted: list[str]) -> None:
    """Print what each module's `main` says; names that do not exist are named."""
    names = [module.name for module in pkgutil.iter_modules(tests.bench.__path__)]
    benches = [name for name in names if name not in SHARED]
    if unknown := set(wanted) - set(benches):
        sys.exit(f"No benchmark {', '.join(sorted(unknown))}; there are {', '.join(benches)}.")
    for name in wanted or benches:
        module = importlib.import_module(f"tests.bench.{name}")
        print(f"{name}: {(module.__doc__ or '').splitlines()[0]}")
        module.main()
        print()


main(sys.argv[1:])
