"""When a clip is asked about next: often while it may well come, rarely while it hardly can."""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

from bot.providers import Provider, Report
from storage import Job

__all__ = ["Cadence", "pause"]

ENOUGH = 20  #: clips of a model that must have been made before they say when the next one comes
#: The shortest pause is kept where clips come at least half as fast as they would if all of them
#: came evenly within their typical time; larger saves more questions, and makes people wait longer.
SLOWEST = 0.5
WIDEST = 4  #: times the shortest pause: how long no clip is asked about at most
AHEAD = 2  #: times the shortest pause: how far is looked ahead
#: Each pause is up to so much longer, and the first one by as much as the shortest: jobs that began
#: together are not asked about together.
SPREAD = 1.05
FEW = 0.03  #: the share of clips that took longer, below which they say nothing any more


class Cadence:
    """The pauses between questions, by how long clips of each model *took* here.

    Who says how far it is, is asked as often as its document allows: people watch it.
    """

    def __init__(self, took: Callable[[str, str], Sequence[float]]) -> None:
        self._took = took
        self._telling: set[str] = set()  # providers that say how far a clip is

    def first(self, job: Job, provider: Provider) -> float:
        """Seconds until *job*, which was just taken, is asked about."""
        first, shortest = provider.limits.first_poll, provider.limits.poll_every
        learnt = pause(self._took(job.provider, job.model), 0.0, shortest)
        if provider.name in self._telling or learnt <= max(first, shortest):
            return first
        return learnt + shortest * random.uniform(0.0, 1.0)  # noqa: S311

    def next(self, job: Job, provider: Provider, report: Report, elapsed: float) -> float:
        """Seconds from an answer about *job*, *elapsed* seconds in the making, to the next
        question."""
        until = provider.limits.poll_every
        if report.fraction is not None:
            self._telling.add(provider.name)
        else:
            until = pause(self._took(job.provider, job.model), elapsed, until)
        return until * random.uniform(1.0, SPREAD)  # noqa: S311


def pause(took: Sequence[float], elapsed: float, shortest: float) -> float:
    """Seconds until a clip is asked about again that is *elapsed* seconds in the making.

    *took* are the seconds that earlier clips of its model took, sorted; *shortest* is the pause
    that its provider's document asks for. With few of them, or past nearly all of them, it is that.

    The pause goes with one over the root of the hazard, the share of the clips still being made
    that comes in the next second: for as many questions, nothing makes people wait less.
    """
    past = bisect_right(took, elapsed)
    left = len(took) - past
    if len(took) < ENOUGH or left < max(1.0, FEW * len(took)):
        return shortest
    ahead = AHEAD * shortest
    coming = bisect_right(took, elapsed + ahead) - past
    if not coming:  # not before the next of them took
        return min(WIDEST * shortest, max(shortest, took[past] - elapsed))
    hazard, typical = coming / left / ahead, took[len(took) // 2]
    return min(WIDEST * shortest, shortest * max(1.0, math.sqrt(SLOWEST / (hazard * typical))))
