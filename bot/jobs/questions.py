"""How many questions each provider is being asked, and whose turn is next where that is enough."""

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

from bot.providers import Provider
from storage import Job

__all__ = ["Questions"]


class Questions:
    """Questions under way at each provider, at most as many as its `Limits.asked_at_once`.

    *call* is told which job is next, once there is room for it.
    """

    def __init__(self, providers: Mapping[str, Provider], *, call: Callable[[int], None]) -> None:
        self._providers = providers
        self._call = call
        self._asked: Counter[str] = Counter()
        self._waiting: dict[str, dict[int, None]] = {}  # who came first is first

    def full(self, job: Job) -> bool:
        """Whether *job* has to wait; if it has, `call` is told once it need not."""
        provider = self._providers.get(job.provider)
        if provider is None or self._asked[job.provider] < provider.limits.asked_at_once:
            return False
        self._waiting.setdefault(job.provider, {})[job.id] = None
        return True

    @contextmanager
    def about(self, job: Job) -> Generator[None]:
        """Ask about *job* meanwhile."""
        self._asked[job.provider] += 1
        self._waiting.get(job.provider, {}).pop(job.id, None)
        try:
            yield
        finally:
            self._asked[job.provider] -= 1
            if waiting := self._waiting.get(job.provider):
                following = next(iter(waiting))
                del waiting[following]
                self._call(following)
