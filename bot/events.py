"""What happens in one part and concerns others: made first, and given to all of them."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVarTuple, Unpack

from bot.progress import Progress
from storage import Incident, Job, Post, Standing, TakenOver

log = logging.getLogger(__name__)

Given = TypeVarTuple("Given")


class Event(Generic[*Given]):
    """Something that happens. Who listens is told at once, and must neither wait nor raise."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Unpack[Given]], object]] = []

    def listen(self, listener: Callable[[Unpack[Given]], object]) -> None:
        """Tell *listener* of it, each time, from now on."""
        self._listeners.append(listener)

    def emit(self, *given: *Given) -> None:
        """It happens."""
        for listener in self._listeners:
            listener(*given)


class Report(Generic[*Given]):
    """Something that people must be told of: it is made again until they were."""

    def __init__(self) -> None:
        self._tellers: list[Callable[[Unpack[Given]], Awaitable[bool]]] = []

    def tell_by(self, teller: Callable[[Unpack[Given]], Awaitable[bool]]) -> None:
        """Have *teller* tell them: it returns whether they know now."""
        self._tellers.append(teller)

    async def made(self, *given: *Given) -> bool:
        """Whether those whom it concerns know. Where nobody tells them, the log has to do."""
        return all([await tell(*given) for tell in self._tellers])


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """Something that a provider was asked for."""

    provider: str
    operation: str  #: submit, poll, fetch or cancel
    outcome: str  #: ok, a word of `Failure`, "trouble" of this machine's, or "error": a bug
    seconds: float


class Events:
    """Everything that one part tells others of."""

    def __init__(self) -> None:
        #: A job moved, or more is known of it.
        self.job_changed: Event[Job, Progress] = Event()
        #: Some trouble of the deployment began, or is over.
        self.alerts_changed: Event[()] = Event()
        #: A backup was tried: why there is none, or None where it was made.
        self.backup_tried: Event[str | None] = Event()
        #: A provider was asked for something.
        self.provider_called: Event[Called] = Event()
        #: A job has a card, and perhaps a thread.
        self.card_placed: Event[Job] = Event()
        #: A job's card cannot be posted just now.
        self.card_failed: Event[Job] = Event()
        #: A clip stands where people see it.
        self.clip_posted: Event[Job] = Event()
        #: A post was found that an earlier try had made and nobody had written down.
        self.post_recovered: Event[Job, Post] = Event()
        #: A mark or the posts of a clip changed.
        self.take_changed: Event[Job] = Event()
        #: Discord can be reached, perhaps again.
        self.connected: Event[()] = Event()
        #: We leave Discord, because another process may have taken over.
        self.left: Event[()] = Event()
        #: Shards are ours, or of others, whose process neither renewed nor let them go.
        self.taken_over: Event[TakenOver] = Event()
        #: An order was taken in a server, which now stands there with its limits.
        self.money_moved: Event[int, Standing] = Event()
        #: The budget of a server refused an order.
        self.budget_refused: Event[int] = Event()
        #: A job cost so many credits more than its price.
        self.overrun: Report[Job, int] = Report()
        #: Moderators have to know something of a clip.
        self.incident: Report[Incident] = Report()
