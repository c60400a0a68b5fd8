"""When a clip will probably be ready, from what its provider says and from what was seen here."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from storage import Job, Jobs

ENOUGH = 3  #: clips of a model that must have been made before their time says anything
TELLING = 0.1  #: the share that must be done before the rest can be reckoned from it
SETTLED = 3.0  #: seconds before which a share says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """How long a model's latest clips took, in seconds."""

    took: tuple[float, ...] = ()  #: the shortest first
    typical: float | None = None  #: the median; None before there were some
    long: float = 0.0  #: what nine of ten stayed under


_NONE = _Seen()


class Estimates:
    """How long each model's clips took in this deployment, read anew after each of them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._seen: dict[tuple[str, str], _Seen] = {}

    def typical(self, provider: str, model: str) -> float | None:
        """Seconds that a clip of this model typically took; None before there were some."""
        return self._seen.get((provider, model), _NONE).typical

    async def learn(self, provider: str, model: str) -> None:
        """Read anew how long this model took: one more was made, or we have just begun."""
        took = sorted(await self._jobs.durations(provider, model))
        if took:
            self._seen[provider, model] = _Seen(
                took=tuple(took),
                typical=statistics.median(took),
                long=took[int(0.9 * (len(took) - 1))],
            )

    def of(
        self, job: Job, fraction: float | None, *, began: float, now: float
    ) -> tuple[float | None, bool]:
        """When *job*, rendering since *began*, will be ready (or None), and whether it is slow.

        *fraction* is the share that the provider says is done. Slow is longer than nine of ten
        took. Times are Unix times.
        """
        seen = self._seen.get((job.provider, job.model), _NONE)
        elapsed, enough = now - began, len(seen.took) >= ENOUGH
        if fraction is not None and fraction >= TELLING and elapsed > SETTLED:
            return began + elapsed / fraction, False
        if enough and seen.typical is not None:
            return began + seen.typical, elapsed > seen.long
        return None, False

    def took(self, provider: str, model: str) -> Sequence[float]:
        """Seconds that the latest clips of this model took, the shortest first."""
        return self._seen.get((provider, model), _NONE).took
