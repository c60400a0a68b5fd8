"""What goes wrong at the imitated companies, when somebody asks for it: once, or until it ends."""

from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

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
    """Those asked for: one for the next clip, at whichever company, and one for each company."""

    def __init__(self) -> None:
        self._next: deque[Mishap] = deque()
        #: company -> what goes wrong with each clip there until it is well again; None: well
        self.companies: dict[str, Mishap | None] = {}
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

    def fail(self, company: str, mishap: Mishap | None) -> None:
        """Let each clip at *company* go wrong so; None: it is well again.

        Raises KeyError for a company that is not there.
        """
        if company not in self.companies:
            raise KeyError(company)
        self.companies[company] = mishap
        self._say()

    def recover(self) -> None:
        """Every company is well again, and so is the next clip."""
        self._next.clear()
        self.companies = dict.fromkeys(self.companies)
        self._say()

    def state(self) -> dict[str, Any]:
        """How things stand, as JSON: the next clip's mishap, and each company's."""
        return {"next": self.next, "companies": dict(self.companies)}

    def _say(self) -> None:
        for told in self.on_change:
            told()

    def watch(self, servers: Mapping[str, Server]) -> None:
        """Let what is asked for happen at these companies, by name."""
        for company, server in servers.items():
            self.companies[company] = None
            self._watch(company, server)

    def _watch(self, company: str, server: Server) -> None:
        taken = deque[Mishap]()  # what happens to the job of the request that is being answered

        def answers(seen: Seen) -> Answer | None:
            if seen.route != "submit":
                return None
            mishap = self.companies[company]
            once = bool(self._next)
            if once:
                mishap = self._next.popleft()
                self._say()
            match mishap:
                case Mishap.REFUSE:
                    no = server.refused("The prompt violates our content guidelines")
                    body = no.body if isinstance(no.body, bytes) else b""
                    return Answer(status=no.status, body=body)
                case Mishap.UNCLEAR:
                    return Answer(carried_out=True, dropped=True)
            if once and mishap is not None:
                taken.append(mishap)
            return None

        def decide(job: Job) -> None:
            match taken.popleft() if taken else self.companies[company]:
                case Mishap.FAIL:
                    job.failure = (server.broken, "The model broke down.")
                case Mishap.STALL:
                    job.stalled = True
                case Mishap.LOSE:
                    job.expired = True

        server.answers, server.decide = answers, decide
