"""Companies that make clips. One module each; a module starting with `_` is not one.

To add a company, add a module with a `connect` function that returns a `Provider`,
or None when this deployment has no key for it. Nothing else has to change.
"""

import importlib
import math
import pkgutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, runtime_checkable

from bot.catalog.model import Model
from storage import Brief, Input

__all__ = [
    "NOBODYS",
    "Announces",
    "Breaks",
    "CallsBack",
    "ChecksKey",
    "Connection",
    "Examined",
    "Finding",
    "HasServers",
    "Limits",
    "Order",
    "Provider",
    "Receipt",
    "Remarks",
    "Report",
    "ServerState",
    "Stage",
    "Watches",
    "connect_all",
    "modules",
]


SLOW = 0.2  #: seconds that an answer to a question may take, so that the next ones are on time
#: Questions that one provider is asked at once, at least and at most: each is a connection, and
#: a process usually may have 1,024 files open.
FEWEST, MOST = 64, 400
NOBODYS = "00000000-0000-0000-0000-000000000000"  #: a clip that no company ever named so
GROUP = "dailies.providers"  #: the entry points of providers that other packages bring


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard a provider may be pressed, and how it likes to be asked. Times in seconds."""

    concurrency: int  #: jobs under way there at once
    per_minute: float  #: requests of any kind
    first_poll: float  #: from the submit to the first question
    poll_every: float
    max_runtime: float  #: a job that takes longer is given up
    keeps_for: float  #: how long a result can be fetched
    source: str  #: which document says so

    @property
    def asked_at_once(self) -> int:
        """How many questions may be open at once: as many as come due while one is answered."""
        due = self.concurrency / self.poll_every * SLOW if self.poll_every else MOST
        return min(MOST, max(FEWEST, math.ceil(due)))


async def _unannounced() -> None:
    """Nobody waits to hear that an order is being sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One attempt to have one clip made. A provider sees this and nothing else of a job."""

    job: int
    attempt: str  #: unguessable, new for every attempt
    model: Model
    brief: Brief
    path: Callable[[Input], Path]  #: where an input's bytes are
    link: Callable[[Input], Awaitable[str]]  #: a public https link to them; may raise Refusal
    callback: str | None = None  #: where the provider may call back about this attempt
    #: An earlier submit of this attempt may have arrived: only ever where it is `idempotent`. Then
    #: `Busy` and `Refusal` speak of that one, too: who cannot tell what became of it is `Unclear`.
    again: bool = False
    #: Awaited by whoever `Announces`, when the next byte that leaves may cost money.
    sending: Callable[[], Awaitable[None]] = _unannounced


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The provider took the order. Either it is known as *remote_id*, or *file* is the clip."""

    remote_id: str | None = None
    file: Path | None = None
    cost: float | None = None  #: in the provider's own unit
    raw: str = ""  #: what it answered, for the operator


class Stage(Enum):
    """How far the provider says it is."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the provider says about a job it took. A failed job is raised, not reported."""

    stage: Stage
    fraction: float | None = None  #: 0 to 1, only where the provider really knows
    says: str = ""  #: what it does just now, for people: "gpu1: sampling 3 of 8"
    left: float | None = None  #: seconds until it is ready, where the provider can tell
    remote_id: str | None = None  #: what the job is called from now on, where that has changed
    note: str = ""  #: a sentence about that
    url: str | None = None  #: where the result is, once READY
    cost: float | None = None
    raw: str = ""


class Provider(Protocol):
    """A company that makes clips.

    Every method raises `Refusal` (with its `failure`), `Busy` or `Unclear`, and nothing else
    on purpose. None of them sees a clock, the database or Discord.
    """

    name: str  #: the module's name; the word people type
    title: str  #: how the company writes itself
    limits: Limits
    idempotent: bool  #: submitting the same attempt twice makes, and bills, one clip
    cancels: bool  #: whether a clip under way can be stopped

    @property
    def models(self) -> Sequence[Model]:
        """What it renders with; it may learn of more while it runs."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether it is worth choosing now: not out of order, nor resting as it asked us to."""
        ...

    async def submit(self, order: Order) -> Receipt:
        """Order the clip. Each call may cost money; only `Busy` proves that it did not."""
        ...

    async def poll(self, order: Order, remote_id: str) -> Report:
        """Ask how far it is. Free, and safe to repeat."""
        ...

    async def fetch(self, order: Order, remote_id: str | None, url: str | None, to: Path) -> None:
        """Write the finished result to *to*, replacing what is there. Safe to repeat."""
        ...

    async def cancel(self, order: Order, remote_id: str) -> None:
        """Stop it. Only called where `cancels`. Raises `Busy` while it may still be at work."""
        ...

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...


@runtime_checkable
class Announces(Protocol):
    """What a provider has besides, if it says when an order leaves: `Order.sending`.

    Inputs are uploaded, links made, the request rate taken and the connection opened before
    that, so that a process which dies meanwhile is known not to have ordered anything. If
    `Order.sending` raises, nothing is sent and `submit` raises the same.
    """

    announces: Literal[True]


@runtime_checkable
class CallsBack(Protocol):
    """What a provider has besides, if it can tell us that a job has moved: `Order.callback`.

    A callback is a hint, because anybody can send one: whoever gets it asks `poll` about the
    job that it names, and believes only that. It also settles an order whose reply was lost.
    """

    def callback(self, body: bytes) -> str | None:
        """The remote id that a callback's body names; None for what is not a callback."""
        ...


@runtime_checkable
class Watches(Protocol):
    """What a provider has besides, if it looks around by itself while the bot runs."""

    async def watch(self) -> None:
        """Look around until cancelled. Raises nothing."""
        ...


@runtime_checkable
class ChecksKey(Protocol):
    """What a provider has besides, if a call of its document shows for free whether it takes our
    key: one about a clip that does not exist, or about the account."""

    async def check_key(self) -> None:
        """Show it the key. Raises `Busy` or `Refusal`, whose failure says why it was not taken;
        `LOST` is what a provider says that takes the key and does not know the clip."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an operator reads of one part of a provider. *mend* is what to do, if anything."""

    part: str
    found: str
    mend: str = ""


@runtime_checkable
class Examined(Protocol):
    """What a provider has besides, if `dailies doctor` can look at its parts."""

    async def examine(self) -> Sequence[Finding]:
        """Look at each part, and change nothing."""
        ...


@runtime_checkable
class Remarks(Protocol):
    """What a provider has besides, if `/healthz` can say what its operator should look at."""

    async def remark(self) -> str | None:
        """A few words, from what is known: nothing is asked for it. None where all is well."""
        ...


@runtime_checkable
class Breaks(Protocol):
    """What a provider has besides, if it is left alone after it failed several times in a row."""

    @property
    def broken(self) -> bool:
        """Whether it is left alone now: not as it asked us to, but as it does not work."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """One of the servers of a provider, as it was last seen."""

    name: str
    up: bool
    ours: int  #: jobs of ours that it has
    queue: int | None  #: jobs that it has, whoever's they are; None while nobody knows
    trouble: str = ""  #: what is the matter with it


@runtime_checkable
class HasServers(Protocol):
    """What a provider has besides, if it is several servers of the operator's own."""

    def servers(self) -> Sequence[ServerState]:
        """Each of them, from what is known: nothing is asked for it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What a provider's `connect` is given."""

    data: Path  #: the data directory; a provider keeps its own things in `data/<its name>`
    toml: Mapping[str, Any] = field(default_factory=dict)  #: its own section of dailies.toml
    environ: Mapping[str, str] = field(default_factory=dict)  #: the environment and .env
    public_url: str | None = None  #: where the internet reaches this deployment
    loopback: frozenset[str] = frozenset()  #: hosts that may be plain http: tests, playground
    clock: Callable[[], float] = time.monotonic  #: seconds that never go backwards
    holders: Callable[[], int] = lambda: 1  #: how many processes share the rate of requests


def connect_all(
    connection: Callable[[str], Connection], *, keep_last_resort: bool = False
) -> dict[str, Provider]:
    """Every provider this deployment has a key for, by the name of its module.

    *connection* makes what the named provider is given. A module that calls itself
    `LAST_RESORT` counts only where no other provider is connected, unless it is to be kept.
    """
    companies = modules()
    found = {name: module.connect(connection(name)) for name, module in companies.items()}
    connected = {name: provider for name, provider in found.items() if provider is not None}
    paid = {
        name: provider
        for name, provider in connected.items()
        if not getattr(companies[name], "LAST_RESORT", False)
    }
    return connected if keep_last_resort or not paid else paid


@cache
def modules() -> Mapping[str, ModuleType]:
    """The module of every provider there is, connected or not, by its name.

    Those of this package come first; others come from installed packages, by entry points in the
    group `dailies.providers` whose value is the module. None takes the name of one of ours.
    """
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_"]
    found = {name: importlib.import_module(f"{__name__}.{name}") for name in sorted(names)}
    for entry in entry_points(group=GROUP):
        if entry.name not in found:
            found[entry.name] = entry.load()
    return found
