"""The first chart after a start, against the second, in CPU time of a process of its own."""

import subprocess
import sys

from tests.bench.starting import PLAIN
from tests.bench.table import Row, text

_DRAW = """
import asyncio, sys, time
from datetime import date, timedelta
from bot.media import charts
from storage import Use
first = date(2026, 10, 23)
counts = dict(clips=1, made=1, unmade=0, held=0, house=0, lost=0, suspense=0)
uses = [
    Use(day=first + timedelta(day), user_id=user, provider="ltx", model=f"ltx-{model}",
        spent=10 + (7 * day + 3 * user) % 40, **counts)
    for day in range(0, 30, 2) for user in range(9) for model in range(8)
]
names = {user: (f"Person {user}",) for user in range(9)}
for _ in range(2):
    begun = time.process_time()
    drawn = asyncio.run(charts.report(uses, first, first + timedelta(29), names=names))
    assert drawn is not None
    print(time.process_time() - begun)
"""


def rows(*, turns: int = 5) -> list[Row]:
    """The row of the table."""
    found = [_drawn() for _ in range(turns)]
    first, second = (sorted(each)[turns // 2] for each in zip(*found, strict=True))
    return [
        Row(
            name="the first chart after a start, CPU",
            against="the second",
            figures=tuple(one / other for one, other in found),
            goal=1.5,
            at_least=False,
            note=f"{1000 * first:,.0f} against {1000 * second:,.0f} ms: Pillow is loaded with it",
        )
    ]


def _drawn() -> tuple[float, float]:
    command = [sys.executable, "-c", _DRAW]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=PLAIN)
    first, second = map(float, run.stdout.split())
    return first, second


def main() -> None:
    """Print the row."""
    print(text(rows()), end="")
