"""Runs proofs and keeps what was found in `docs/proofs.md`: `make prove`, and in full `make fire`.

`make prove` takes an hour, and `make fire` many: 20,000 kills, a million simulated jobs. Both do
less with SHARE=0.3, the same once more with SEED=7, and some alone with ONLY=tests/fire.
"""

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.rig.proving import PROPERTY, SHARE, Tried
from tools.proofs import KEPT, PAGE, Report, bound, in_words, merged, read, write

ROOT = Path(__file__).parent.parent
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
        said = [
            each.get("value", "") for each in case.iter("property") if each.get("name") == PROPERTY
        ]
        yield Case(
            name=f"{case.get('file')}::{case.get('name')}",
            seconds=float(case.get("time", "0")),
            passed=case.find("failure") is None and case.find("error") is None,
            tried=Tried(**json.loads(said[-1])) if said else None,
        )


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


def head() -> str:
    """The commit that is tried, with a + where the files differ from it, reports aside."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short=10", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{commit}{'+' if changed else ''}" or "unknown"


def main(arguments: list[str]) -> int:
    """`python -m tools.prove prove|fire [seed]`: what pytest exits with."""
    verb, *seeds = arguments
    seed = int(seeds[0]) if seeds else random.SystemRandom().randrange(10**6)
    commit, day = head(), f"{datetime.now(UTC):%Y-%m-%d}"
    environ = {**os.environ, **({FULL: "1"} if verb == "fire" else {})}
    only = (os.environ.get(ONLY) or ("tests/fire" if verb == "fire" else "")).split()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        code = run(seed, results, only, environ)
        found = list(cases(results)) if results.exists() else []
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
        )
        for case in found
    ]
    write(merged(read(KEPT), new), KEPT, PAGE)
    sys.stdout.write("\n".join([*map(line, found), f"seed {seed}", ""]))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
