"""Writes one bug after another into a copy of Dailies and runs the tests that must find it.

`make mutants` (or `python -m tools.mutants [words of a bug]`); the report is `docs/mutants.md`.
A bug that no test finds, one that only breaks the import, and one whose place in the code is gone
are failures. First the tests are run without any bug, since what is always red finds nothing.
"""

import itertools
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.fire.mutants import MUTANTS, Mutant
from tools.prove import head, machine

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "mutants.md"
COPIES = int(os.environ.get("DAILIES_MUTANTS_AT_ONCE", "2"))
LONGEST = 500.0  #: seconds for the tests of one bug; one that waits in vain waits for minutes
QUICK = "not browser and not doors and not long"
LONG = "long and not browser and not doors"  #: for a bug that the quick ones do not see
PASSED, FAILED, NONE = 0, 1, 5  #: what pytest exits with
_times = itertools.count(1_000_000_000)  # whole seconds, long ago


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one bug."""

    mutant: Mutant
    verdict: str  #: "caught", or why not
    by: str = ""  #: the test that went red first
    seconds: float = 0.0

    @property
    def caught(self) -> bool:
        return self.verdict == "caught"


def copied(to: Path) -> Path:
    """A copy of what git knows, and of what it does not ignore."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def tested(copy: Path, tests: Sequence[str], *extra: str) -> tuple[int | None, str]:
    """What pytest exits with (None: it did not end), and what it said."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", QUICK]
    environ = {name: each for name, each in os.environ.items() if not name.startswith("DAILIES_")}
    environ["PYTHONPATH"] = str(copy)
    process = subprocess.Popen(
        [*command, *extra, *tests],
        cwd=copy, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        said, _ = process.communicate()
        return None, said
    return process.returncode, said


def tried(mutant: Mutant, copy: Path) -> Found:
    """Write *mutant* into *copy*, run its tests, and take it out again."""
    file = copy / mutant.file
    text = file.read_text()
    if (count := text.count(mutant.old)) != 1:
        return Found(mutant, f"its place is there {count} times")
    began = time.monotonic()
    try:
        _write(file, text.replace(mutant.old, mutant.new))
        code, said = tested(copy, mutant.tests, "-x")
        if code in {PASSED, NONE}:
            code, said = tested(copy, mutant.tests, "-x", "-m", LONG)
    finally:
        _write(file, text)
    took = time.monotonic() - began
    if code == FAILED:
        return Found(mutant, "caught", by=_first_red(said), seconds=took)
    survived = dict.fromkeys((PASSED, NONE), "**survived**")
    verdict = {**survived, None: "**hung**"}.get(code, f"**broke** ({code})")
    sys.stderr.write(f"{said[-4000:]}\n")
    return Found(mutant, verdict, seconds=took)


def _write(file: Path, text: str) -> None:
    """Write *text*, at a time of its own: what was compiled is known by time and length alone."""
    file.write_text(text)
    at = next(_times)
    os.utime(file, (at, at))


def _first_red(said: str) -> str:
    """The test that pytest's summary names first. Logs have lines that begin with ERROR, too."""
    found = re.search(r"^(?:FAILED|ERROR) (\w\S*\.py(?:::\w+)*)", said, re.MULTILINE)
    return found[1] if found else ""


def report(found: Sequence[Found], *, commit: str, at: datetime, command: str, took: float) -> str:
    """The page."""
    caught = [each for each in found if each.caught]
    lines = [
        "# Mutants",
        "",
        "Written by `make mutants`: each line is a bug that was written into a copy of Dailies,",
        "and the test that went red for it. Do not edit this page; the bugs stand in",
        "`tests/fire/mutants.py`.",
        "",
        f"* {at:%Y-%m-%d %H:%M} UTC, commit `{commit}`",
        f"* {machine()}",
        f"* command: `{command}`",
        f"* {len(caught)} of {len(found)} caught, in {took / 60:.0f} minutes",
        "",
        "| bug | in | | first red test |",
        "|---|---|---|---|",
    ]
    for each in found:
        by = f"`{each.by}`" if each.by else "–"
        lines.append(f"| {each.mutant.bug} | `{each.mutant.file}` | {each.verdict} | {by} |")
    return "\n".join([*lines, ""])


def run(mutants: Sequence[Mutant]) -> list[Found] | None:
    """Try all of *mutants*; None where their tests are red without any."""
    with tempfile.TemporaryDirectory() as folder:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        first = copied(Path(folder) / "0")
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        files = {test for test in tests if "::" not in test}
        wanted = [test for test in tests if test in files or test.split("::")[0] not in files]
        code, said = tested_in_parts(first, wanted)
        if code != PASSED:
            sys.stderr.write(f"{said[-4000:]}\nThese tests fail without any bug.\n")
            return None
        copies.put(first)
        for number in range(1, COPIES):
            copies.put(copied(Path(folder) / str(number)))

        def one(mutant: Mutant) -> Found:
            copy = copies.get()
            try:
                found = tried(mutant, copy)
            finally:
                copies.put(copy)
            sys.stdout.write(f"{found.verdict:12} {found.seconds:4.0f} s  {mutant.bug}\n")
            sys.stdout.flush()
            return found

        with ThreadPoolExecutor(COPIES) as pool:
            return list(pool.map(one, mutants))


def tested_in_parts(copy: Path, tests: Sequence[str]) -> tuple[int | None, str]:
    """As `tested`, a few files at a time, since together they take longer than one bug may."""
    for first in range(0, len(tests), 3):
        code, said = tested(copy, tests[first : first + 3])
        if code not in {PASSED, NONE}:
            return code, said
    return PASSED, ""


def main(arguments: list[str]) -> int:
    """`python -m tools.mutants [words]`: all bugs, or those whose name has one of *words*."""
    chosen = [
        each for each in MUTANTS if not arguments or any(word in each.bug for word in arguments)
    ]
    commit, at, began = head(), datetime.now(UTC), time.monotonic()
    found = run(chosen)
    if found is None:
        return 1
    took = time.monotonic() - began
    if not arguments:
        REPORT.write_text(report(found, commit=commit, at=at, command="make mutants", took=took))
    wrong = [each for each in found if not each.caught]
    sys.stdout.write(f"{len(found) - len(wrong)} of {len(found)} caught\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
