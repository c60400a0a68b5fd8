"""The processes that share a database server: which of them holds what, and who stands by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A lease that this process holds, or held last."""

    part: int  #: a shard; where there is one: 0, the whole bot
    epoch: int  #: grows by one with each holder
    sure_for: float  #: seconds for which surely no other process has it; 0: nobody knows
    lag: float  #: seconds by which its renewal is late
    renewals: int  #: since it was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The processes that are there."""

    holders: Mapping[int, str] = field(default_factory=dict)  #: by the part that each holds
    standing_by: int = 0


class Processes(Protocol):
    """What tells which processes are there."""

    async def look(self) -> Present:
        """The processes that are there now. Raises `DiskTrouble`."""
        ...
