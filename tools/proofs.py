"""The page of proofs: the last report of each, kept in `docs/proofs.json`, and how it reads."""

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from tests.rig.proving import Tried

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "docs" / "proofs.json"
PAGE = ROOT / "docs" / "proofs.md"
PART = re.compile(r"\[part \d+\]$")  #: what `tests.rig.proving.parts` adds to a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one proof went, and when."""

    name: str  #: file and test, as pytest takes them
    seconds: float
    passed: bool
    tried: Tried | None  #: None where it failed before it could say, or counts nothing
    command: str  #: what repeats it
    commit: str
    day: str  #: as 2026-11-29
    code: str = ""  #: names the code of the product that was tried; empty where it is not known
    seeds: tuple[int, ...] = ()  #: those of the runs that add up to it, the last one first


def read(path: Path = KEPT) -> list[Report]:
    """The reports that are kept."""
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    return [
        Report(
            **{
                **each,
                "tried": Tried(**each["tried"]) if each["tried"] else None,
                "seeds": tuple(each.get("seeds", ())),
            }
        )
        for each in found
    ]


def write(reports: Iterable[Report], path: Path = KEPT, page_path: Path = PAGE) -> None:
    """Keep the *reports*, and write the page."""
    kept = sorted(reports, key=lambda report: report.name)
    rows = [json.dumps(asdict(report), ensure_ascii=False) for report in kept]
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n")
    page_path.write_text(page(kept))


def merged(kept: Iterable[Report], new: Iterable[Report]) -> list[Report]:
    """What is to be kept: the *new* report of each proof, else the one before.

    Runs with other dice on the same code of the product add up, so that hours of tries can be
    spread over nights. Else a run that tried less than the one before leaves that one, unless one
    of both failed: trying a little is no news. Reports of tests that are gone go, too.
    """
    reports = {report.name: report for report in kept}
    for report in new:
        before = reports.get(report.name)
        if before is not None and _adds_up(before, report):
            reports[report.name] = _sum(before, report)
        elif before is None or not (before.passed and report.passed and _less(report, before)):
            reports[report.name] = report
    return [report for report in reports.values() if exists(report.name)]


def _adds_up(before: Report, report: Report) -> bool:
    """Whether both tried the same code with other dice, and each try stands alone."""
    old, new = before.tried, report.tried
    return (
        before.passed
        and report.passed
        and old is not None
        and new is not None
        and new.independent
        and (old.unit, old.of.keys()) == (new.unit, new.of.keys())
        and bool(report.code)
        and before.code == report.code
        and not set(before.seeds) & set(report.seeds)
    )


def _sum(before: Report, report: Report) -> Report:
    """The newer *report* with what the one *before* it tried."""
    tried = [each.tried for each in (report, before) if each.tried is not None]
    return replace(
        report,
        seconds=before.seconds + report.seconds,
        tried=_sum_of(tried),
        seeds=(*report.seeds, *before.seeds),
    )


def _sum_of(tried: list[Tried]) -> Tried:
    sums = {what: sum(each.of[what] for each in tried) for what in tried[0].of}
    return replace(tried[0], count=sum(each.count for each in tried), of=sums)


def _less(report: Report, before: Report) -> bool:
    counts = [each.tried.count if each.tried else 0 for each in (report, before)]
    return counts[0] < counts[1]


def exists(name: str) -> bool:
    """Whether there is a test of this name, its parameters aside, or such a file."""
    file, _, test = name.partition("::")
    return test.partition("[")[0] in _tests(ROOT / file) if test else (ROOT / file).exists()


@cache
def proofs() -> frozenset[str]:
    """Every test that is marked `prove`, as file::name."""
    return frozenset(
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.prove" in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and "pytest.mark.prove" in {ast.unparse(each) for each in node.decorator_list}
    )


@cache
def _tests(path: Path) -> frozenset[str]:
    """The tests of a file; none where there is no such file."""
    if not path.exists():
        return frozenset()
    found = ast.walk(ast.parse(path.read_text()))
    return frozenset(
        node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def together(reports: Iterable[Report]) -> list[Report]:
    """The *reports* as the page has them: the parts of one proof are one, as old as the oldest.

    What was tried is the sum, unless a part did not hold.
    """
    found: dict[str, list[Report]] = {}
    for report in reports:
        found.setdefault(PART.sub("", report.name), []).append(report)
    return [_one(name, each) for name, each in sorted(found.items())]


def _one(name: str, reports: list[Report]) -> Report:
    oldest = min(reports, key=lambda report: report.day)
    tried = [report.tried for report in reports if report.tried is not None]
    whole = _sum_of(tried) if len(tried) == len(reports) else None
    return replace(
        oldest,
        name=name,
        seconds=sum(report.seconds for report in reports),
        passed=all(report.passed for report in reports),
        tried=whole,
    )


def in_words(tried: Tried) -> str:
    """What was tried, as in "55 histories (602 jobs, 52 deaths)"."""
    of = ", ".join(f"{count:,} {what}" for what, count in tried.of.items())
    return f"{tried.count:,} {tried.unit}{f' ({of})' if of else ''}"


def bound(tried: Tried) -> str:
    """The rule of three: after n good tries a bad one comes less often than 3/n (95 %)."""
    if not tried.independent:
        return "–"
    return f"< {3 / tried.count:.2g}"


def page(reports: Iterable[Report]) -> str:
    """`docs/proofs.md`."""
    found = together(reports)
    failed = [each for each in found if not each.passed]
    waiting = sorted(proofs() - {each.name.partition("[")[0] for each in found})
    verdict = "all held" if not failed else f"**{len(failed)} did not hold**"
    if waiting:
        verdict += f". {len(waiting)} more were not run yet"
    lines = [
        "# Proofs",
        "",
        "Written by `make prove` and `make fire`, which repeat in full what `make test` tries a",
        "little of. Do not edit this page. Each line is the last report of a test; its file says",
        "what it believes, and the command repeats it, dice included. Runs with other seeds on the",
        "same code of the product add up.",
        "",
        f"{len(found)} proofs: {verdict}.",
        "",
        "“Fails less often than” is the rule of three: after *n* good tries that stand alone, a",
        "bad one is rarer than 3/*n* with 95 % confidence. Where tries build on each other, no",
        "such bound is given. A file stands for those of its tests that take too long for",
        "`make test`; `make long` runs them, as CI does each time.",
        "",
        "| proof | tried | in `make test` | fails less often than | seconds | run | |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for report in found:
        tried = in_words(report.tried) if report.tried else "–"
        usual = f"{report.tried.usual:,}" if report.tried else "–"
        rare = bound(report.tried) if report.tried and report.passed else "–"
        held = "held" if report.passed else "**failed**"
        more = ", ".join(f"SEED={seed}" for seed in report.seeds[1:])
        ran = f"{report.day}, `{report.commit}`, `{report.command}`"
        ran += f" and before it, on the same code, {more}" if more else ""
        cells = (_plain(report.name), tried, usual, rare, f"{report.seconds:.0f}", ran, held)
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| {_plain(name)} | – | – | – | – | – | not run yet |" for name in waiting]
    return "\n".join([*lines, ""])


def _plain(text: str) -> str:
    """*text* without what a table would take for its own."""
    return re.sub(r"([|`])", r"\\\1", text)
