"""A row of the table of benchmarks: what was measured, against what, and what it should be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure, of runs that took turns with what it is compared with."""

    name: str
    against: str  #: what did the same work, or was the same without it; "–": nothing
    figures: tuple[float, ...]  #: one of each turn
    goal: float
    at_least: bool = True  #: whether the goal is the least that is wanted; else the most
    unit: str = "×"
    digits: int = 2
    must: bool = False  #: a missed goal is a fault, and fails `make bench`
    note: str = ""  #: what else was measured, such as CPU time beside wall time

    @property
    def figure(self) -> float:
        """The median of the turns, which noise of the machine moves least."""
        return median(self.figures)

    @property
    def met(self) -> bool:
        """Whether the figure is as good as wanted."""
        return self.figure >= self.goal if self.at_least else self.figure <= self.goal

    def cells(self) -> tuple[str, ...]:
        """Name, against, figure with its spread, goal, "met" or "missed", and the note."""
        low, high = min(self.figures), max(self.figures)
        spread = f" ({self._said(low)} to {self._said(high)})" if len(self.figures) > 1 else ""
        return (
            self.name,
            self.against,
            f"{self._said(self.figure)}{self.unit}{spread}",
            f"{'≥' if self.at_least else '≤'} {self._said(self.goal)}{self.unit}",
            "met" if self.met else "missed",
            self.note,
        )

    def _said(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"


HEAD = ("what", "against", "measured", "goal", "", "")


def markdown(rows: Iterable[Row]) -> str:
    """*rows* as a table for `docs/performance.md`."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def text(rows: Sequence[Row]) -> str:
    """*rows* as a table for a terminal."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return "".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )
