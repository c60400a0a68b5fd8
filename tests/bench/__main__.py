"""Runs every benchmark (`python -m tests.bench`), or those that are named after it."""

import importlib
import pkgutil
import sys

import tests.bench


def main(wanted: list[str]) -> None:
    """Print what each module's `main` says; names that do not exist are named."""
    names = [module.name for module in pkgutil.iter_modules(tests.bench.__path__)]
    benches = [name for name in names if name != "__main__"]
    if unknown := set(wanted) - set(benches):
        sys.exit(f"No benchmark {', '.join(sorted(unknown))}; there are {', '.join(benches)}.")
    for name in wanted or benches:
        module = importlib.import_module(f"tests.bench.{name}")
        print(f"{name}: {(module.__doc__ or '').splitlines()[0]}")
        module.main()
        print()


main(sys.argv[1:])
