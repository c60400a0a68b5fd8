"""When a clip will probably be ready, from what its provider says and from what was seen here."""

import statistics

from storage import Job, Jobs

ENOUGH = 3  #: clips of a model that must have been made before their time says anything
TELLING = 0.1  #: the share that must be done before the rest can be reckoned from it
SETTLED = 3.0  #: seconds before which a share says nothing


class Estimates:
    """How long each model's clips took in this deployment, read anew after each of them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._took: dict[tuple[str, str], list[float]] = {}

    def typical(self, provider: str, model: str) -> float | None:
        """Seconds that a clip of this model typically took; None before there were some."""
        seconds = self._took.get((provider, model))
        return statistics.median(seconds) if seconds else None

    async def learn(self, provider: str, model: str) -> None:
        """Read anew how long this model took: one more was made, or we have just begun."""
        self._took[provider, model] = sorted(await self._jobs.durations(provider, model))

    def of(self, job: Job, fraction: float | None, *, now: float) -> tuple[float | None, bool]:
        """When *job*, rendering now, will be ready (Unix time, or None), and whether it is slow.

        *fraction* is the share that the provider says is done. Slow is longer than nine of ten
        took.
        """
        took = self._took.get((job.provider, job.model), [])
        elapsed = now - job.since
        slow = len(took) >= ENOUGH and elapsed > took[int(0.9 * (len(took) - 1))]
        if fraction is not None and fraction >= TELLING and elapsed > SETTLED:
            return job.since + elapsed / fraction, False
        if len(took) >= ENOUGH:
            return job.since + statistics.median(took), slow
        return None, False
