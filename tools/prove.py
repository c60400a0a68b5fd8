"""Runs every proof in full and writes what was found to `docs/proofs.md`: `make prove`."""

import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.rig.proving import PROPERTY, SHARE, Tried

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "proofs.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How one proof went."""

    name: str  #: file and test, as pytest takes them
    seconds: float
    passed: bool
    tried: Tried | None  #: None where it failed before it could say


def run(seed: int, results: Path, extra: list[str]) -> int:
    """Run the proofs with *seed*; what pytest exits with."""
    command = [
        *(sys.executable, "-m", "pytest", "-m", "prove or long", "-p", "no:cacheprovider"),
        *("-n", os.environ.get("DAILIES_PROVE_WORKERS", "3"), "--dist", "load"),
        *(f"--hypothesis-seed={seed}", f"--junitxml={results}", "-o", "junit_family=xunit1"),
        *extra,
    ]
    environ = {**os.environ, "DAILIES_PROVE": "1", "DAILIES_SEED": str(seed)}
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


def bound(tried: Tried) -> str:
    """The rule of three: after n good tries a bad one comes less often than 3/n (95 %)."""
    if not tried.independent:
        return "–"
    return f"< {3 / tried.count:.2g}"


def report(
    found: list[Case], *, seed: int, command: str, commit: str, at: datetime, took: float
) -> str:
    """The page, from what was found."""
    failed = [case for case in found if not case.passed]
    verdict = "all held" if not failed else f"**{len(failed)} did not hold**"
    lines = [
        "# Proofs",
        "",
        "Written by `make prove`, which repeats in full what `make test` tries a little of. Do",
        "not edit this page. Each line is a test; its file says what it believes.",
        "",
        f"* {at:%Y-%m-%d %H:%M} UTC, commit `{commit}`",
        f"* {machine()}",
        f"* command: `{command}`",
        f"* {len(found)} proofs in {took / 60:.0f} minutes: {verdict}",
        "",
        "“Fails less often than” is the rule of three: after *n* good tries that stand alone, a",
        "bad one is rarer than 3/*n* with 95 % confidence. Where tries build on each other, no",
        "such bound is given.",
        "",
        "| proof | tried | in `make test` | fails less often than | seconds | |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for case in sorted(found, key=lambda case: case.name):
        tried = f"{case.tried.count:,} {case.tried.unit}" if case.tried else "–"
        usual = f"{case.tried.usual:,}" if case.tried else "–"
        rare = bound(case.tried) if case.tried and case.passed else "–"
        held = "held" if case.passed else "**failed**"
        name = re.sub(r"([|`])", r"\\\1", case.name)
        lines.append(f"| {name} | {tried} | {usual} | {rare} | {case.seconds:.0f} | {held} |")
    return "\n".join([*lines, "", f"Seed of everything that rolls dice: `{seed}`.", ""])


def machine() -> str:
    """What it ran on."""
    python = f"Python {platform.python_version()}"
    return f"{python} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def head() -> str:
    """The commit that is tried, with a + where the files differ from it."""
    git = ["git", "-C", str(ROOT)]
    said = subprocess.run(
        [*git, "describe", "--always", "--abbrev=10", "--exclude", "*", "--dirty=+"],
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"


def main(arguments: list[str]) -> int:
    """`python -m tools.prove [seed]`: what pytest exits with."""
    seed = int(arguments[0]) if arguments else random.SystemRandom().randrange(10**6)
    commit, at, began = head(), datetime.now(UTC), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        code = run(seed, results, arguments[1:])
        found = list(cases(results)) if results.exists() else []
    if code not in {0, 1} or not found:  # 1: a test failed. Else nothing was proven or refuted.
        return code or 1
    text = report(
        found,
        seed=seed,
        command=f"make prove SEED={seed}" + (f" SHARE={SHARE:g}" if SHARE != 1 else ""),
        commit=commit,
        at=at,
        took=time.monotonic() - began,
    )
    REPORT.write_text(text)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
