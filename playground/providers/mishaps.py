"""What goes wrong with the next clip of the imitated companies, when somebody asks for it."""

from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum

from ._server import Answer, Job, Seen, Server

__all__ = ["Mishap", "Mishaps"]


class Mishap(StrEnum):
    """One thing that can go wrong with one clip."""

    FAIL = "fail"  #: it is taken, and cannot be made
    STALL = "stall"  #: it is taken, and never finishes
    REFUSE = "refuse"  #: it is turned away: the company's rules forbid it
    LOSE = "lose"  #: it is made and billed, and its result can be fetched by nobody
    UNCLEAR = "unclear"  #: it is taken, and the answer that says so never arrives


class Mishaps:
    """Those asked for, in turn: whichever company gets the next clip has the next of them."""

    def __init__(self) -> None:
        self._next: deque[Mishap] = deque()
        self.on_change: list[Callable[[], None]] = []  #: told when one is asked for, or happened

    @property
    def next(self) -> Mishap | None:
        """What goes wrong with the next clip; None: nothing."""
        return self._next[0] if self._next else None

    def ask(self, mishap: Mishap | None) -> None:
        """Let the next clip go wrong so; None lets it go well."""
        self._next.clear()
        if mishap is not None:
            self._next.append(mishap)
        self._say()

    def _say(self) -> None:
        for told in self.on_change:
            told()

    def watch(self, servers: Iterable[Server]) -> None:
        """Let what is asked for happen at these companies."""
        for server in servers:
            self._watch(server)

    def _watch(self, server: Server) -> None:
        taken = deque[Mishap]()  # what happens to the job of the request that is being answered

        def answers(seen: Seen) -> Answer | None:
            if seen.route != "submit" or not self._next:
                return None
            mishap = self._next.popleft()
            self._say()
            match mishap:
                case Mishap.REFUSE:
                    no = server.refused("The prompt violates our content guidelines")
                    body = no.body if isinstance(no.body, bytes) else b""
                    return Answer(status=no.status, body=body)
                case Mishap.UNCLEAR:
                    return Answer(carried_out=True, dropped=True)
            taken.append(mishap)
            return None

        def decide(job: Job) -> None:
            match taken.popleft() if taken else None:
                case Mishap.FAIL:
                    job.failure = (server.broken, "The model broke down.")
                case Mishap.STALL:
                    job.stalled = True
                case Mishap.LOSE:
                    job.expired = True

        server.answers, server.decide = answers, decide
