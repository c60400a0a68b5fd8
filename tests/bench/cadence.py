"""Learnt pauses between questions, against fixed ones of five seconds: a model, not a run.

Clips take about as long as others of their model, and one of twenty takes much longer. A fixed
pause that makes people wait as long as the learnt ones is longer, and asks less often for it: that
is what the learnt ones are compared with.
"""

import random

from bot.jobs.cadence import SPREAD, pause
from tests.bench.table import Row, text
from tests.jobs.test_cadence import EVERY, asked, durations, figures

CLIPS = 5_000


def rows(*, clips: int = CLIPS, turns: int = 3) -> list[Row]:
    """The rows of the table."""
    return [_row(typical, clips, turns) for typical in (30.0, 90.0, 240.0)]


def _row(typical: float, count: int, turns: int) -> Row:
    found, waits = [], []
    for seed in range(turns):
        chosen = random.Random(seed)
        history, clips = sorted(durations(chosen, 200, typical)), durations(chosen, count, typical)
        first = max(EVERY, pause(history, 0.0, EVERY))
        fixed, delay = figures(
            [asked(chosen.uniform(0, EVERY), lambda _: EVERY, took) for took in clips], clips
        )

        def learnt(
            at: float, history: list[float] = history, chosen: random.Random = chosen
        ) -> float:
            return pause(history, at, EVERY) * chosen.uniform(1.0, SPREAD)

        few, later = figures(
            [asked(first + chosen.uniform(0, EVERY), learnt, took) for took in clips], clips
        )
        found.append(few * later / (fixed * delay))
        waits.append((few, fixed, later, delay))
    few, fixed, later, delay = waits[0]
    return Row(
        name=f"polls a clip of {typical:.0f} s, at equal mean delay",
        against="a fixed pause",
        figures=tuple(found),
        goal=0.75,
        at_least=False,
        note=f"{few:.1f} polls and {later:.1f} s until seen, against {fixed:.1f} and {delay:.1f}",
    )


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
