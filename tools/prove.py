"""Runs proofs and keeps what was found in `docs/proofs.md`: `make prove`, and in full `make fire`.

`make prove` takes an hour, and `make fire` many: 20,000 kills, a million simulated jobs. Both do
less with SHARE=0.3, the same once more with SEED=7, and some alone with ONLY=tests/fire. What is
run in shares, each with another seed, adds up.
"""

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.rig.proving import LEFT_OUT, PROPERTY, SHARE, Tried
from tools.proofs import KEPT, PAGE, Report, bound, in_words, merged, read, write

ROOT = Path(__file__).parent.parent
#: Where the code of the product is.
PRODUCT = ("bot", "cogs", "storage")
#: What `make prove` does less of; tests read it.
FULL = "DAILIES_FIRE"
#: The files to run, all of them unless it says which.
ONLY = "DAILIES_PROVE_ONLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What pytest says of one proof."""

    name: str  #: file and test, as pytest takes them
    seconds: float
    passed: bool
    tried: Tried | None
    long: bool = False  #: it is a test that takes too long for `make test`, and counts nothing


def run(seed: int, results: Path, extra: list[str], environ: Mapping[str, str]) -> int:
    """Run the proofs with *seed*; what pytest exits with."""
    command = [
        *(sys.executable, "-m", "pytest", "-m", "prove or long", "-p", "no:cacheprovider"),
        *("-n", os.environ.get("DAILIES_PROVE_WORKERS", "3"), "--dist", "load"),
        *(f"--hypothesis-seed={seed}", f"--junitxml={results}", "-o", "junit_family=xunit1"),
        *extra,
    ]
    environ = {**environ, "DAILIES_PROVE": "1", "DAILIES_SEED": str(seed)}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def cases(results: Path) -> Iterator[Case]:
    """What stands in pytest's report."""
    for case in ET.parse(results).iter("testcase"):
        if case.find("skipped") is not None:
            continue
        properties = {each.get("name"): each.get("value", "") for each in case.iter("property")}
        said = properties.get(PROPERTY)
        yield Case(
            name=f"{case.get('file')}::{case.get('name')}",
            seconds=float(case.get("time", "0")),
            passed=case.find("failure") is None and case.find("error") is None,
            tried=Tried(**json.loads(said)) if said else None,
            long=LEFT_OUT in properties,
        )


def by_file(found: Iterable[Case]) -> list[Case]:
    """The cases, of which those of a file that are only long are one, and count themselves."""
    alone, long = [], defaultdict[str, list[Case]](list)
    for case in found:
        if case.long:
            long[case.name.partition("::")[0]].append(case)
        else:
            alone.append(case)
    return [*alone, *(_together(file, each) for file, each in long.items())]


def _together(file: str, found: list[Case]) -> Case:
    passed = all(case.passed for case in found)
    unit = "test that takes long" if len(found) == 1 else "tests that take long"
    tried = Tried(count=len(found), unit=unit, usual=0, independent=False)
    seconds = sum(case.seconds for case in found)
    return Case(name=file, seconds=seconds, passed=passed, tried=tried if passed else None)


def repeating(case: Case, verb: str, *, seed: int, share: float) -> str:
    """The command that does once more what *case* did."""
    less = f" SHARE={share:g}" if share != 1 and case.tried is not None else ""
    return f"make {verb} ONLY={case.name.partition('::')[0]} SEED={seed}{less}"


def line(case: Case) -> str:
    """What one proof did."""
    if not case.passed:
        return f"FAILED  {case.name}"
    if case.tried is None:
        return f"held    {case.name}"
    rare = f", fails less often than {bound(case.tried)[2:]}" if case.tried.independent else ""
    return f"held    {case.name}: n = {in_words(case.tried)}{rare}"


def machine() -> str:
    """What it ran on."""
    python = f"Python {platform.python_version()}"
    return f"{python} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _git(*arguments: str, root: Path = ROOT) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def head() -> str:
    """The commit that is tried, with a + where the files differ from it, reports aside."""
    commit = _git("rev-parse", "--short=10", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{commit}{'+' if changed else ''}" or "unknown"


def files_of_product(root: Path = ROOT) -> list[str]:
    """The product's files as `git ls-tree` has them; none if they are not those of a commit."""
    if _git("status", "--porcelain", "--", *PRODUCT, root=root):
        return []
    return _git("ls-tree", "-r", "HEAD", "--", *PRODUCT, root=root).splitlines()


def code_of(files: list[str], *, played_by: str = "", root: Path = ROOT) -> str:
    """What names the code of the product, whichever the commit; empty without *files*.

    Where it is *played_by* a module, what that does not load may be another code.
    """
    if played_by:
        loaded = files_loaded_by(played_by, root)
        files = [each for each in files if _belongs(Path(each.partition("\t")[2]), loaded, root)]
    return sha256("\n".join(files).encode()).hexdigest()[:20] if files else ""


def files_loaded_by(module: str, root: Path = ROOT) -> set[Path]:
    """The Python files of the product that a process has loaded once it imported *module*."""
    command = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=root, capture_output=True, check=True
    )
    names = [Path(*name.split(".")) for name in done.stdout.decode().split()]
    found = {each for name in names for each in (name.with_suffix(".py"), name / "__init__.py")}
    return {each for each in found if each.parts[0] in PRODUCT and (root / each).is_file()}


def _belongs(file: Path, loaded: set[Path], root: Path) -> bool:
    """Whether *file* was *loaded*; of SQL and the like, whether the code above it was."""
    if file.suffix == ".py":
        return file in loaded
    home = file.parent
    while not any(each.name != "__init__.py" for each in (root / home).glob("*.py")):
        home = home.parent
    return any(each.parent == home for each in loaded)


def main(arguments: list[str]) -> int:
    """`python -m tools.prove prove|fire [seed]`: what pytest exits with."""
    verb, *seeds = arguments
    seed = int(seeds[0]) if seeds else random.SystemRandom().randrange(10**6)
    commit, day = head(), f"{datetime.now(UTC):%Y-%m-%d}"
    files = files_of_product()  # before anybody changes one
    environ = {**os.environ, **({FULL: "1"} if verb == "fire" else {})}
    only = (os.environ.get(ONLY) or ("tests/fire" if verb == "fire" else "")).split()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        code = run(seed, results, only, environ)
        found = by_file(cases(results)) if results.exists() else []
    if code not in {0, 1} or not found:  # 1: a test failed. Else nothing was proven or refuted.
        return code or 1
    new = [
        Report(
            name=case.name,
            seconds=case.seconds,
            passed=case.passed,
            tried=case.tried,
            command=repeating(case, verb, seed=seed, share=SHARE),
            commit=commit,
            day=day,
            code=code_of(files, played_by=case.tried.played_by if case.tried else ""),
            seeds=(seed,),
        )
        for case in found
    ]
    write(merged(read(KEPT), new), KEPT, PAGE)
    sys.stdout.write("\n".join([*map(line, found), f"seed {seed}", ""]))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
