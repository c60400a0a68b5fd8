"""Which servers this process works for: all of them, or those of its shards.

A bot in very many servers is split into shards, by the number of a server, and several processes
may hold some of them each: see `postgresql.shards`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Chore(StrEnum):
    """What one process does for all of them."""

    ALERTS = "alerts"
    COMMANDS = "commands"
    TIDYING = "tidying"
    WEBHOOKS = "webhooks"


#: What `fair_queue` sorts a job by that waits: lane, turn, number of the job. The least is next.
Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Which jobs a process has waiting for a provider, or what changed of that since it said so."""

    provider: str
    jobs: Sequence[Key]  #: all of them; or those that came, or moved
    gone: Sequence[int] = ()  #: the numbers of those that do not wait any more
    whole: bool = True  #: *jobs* are all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How it stands at a provider, with all processes together."""

    busy: int = 0  #: jobs that have a slot there
    others: Sequence[Key] = ()  #: the jobs that wait with the other processes, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """A process that froze, died or lost the server, and what became of its shards. Of each, one
    process hears, once: the first that takes some of them."""

    lost_by: str
    by: str  #: whoever took some of them first
    shards: int  #: that it had
    taken: int  #: of them, those that *by* took


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Which shards change hands."""

    gained: frozenset[int] = frozenset()  #: to be taken up now
    surplus: frozenset[int] = frozenset()  #: to be given up, so that others have some
    taken_over: Sequence[TakenOver] = ()  #: from whom some of those that are ours now are


class Sharing(Protocol):
    """What a part of the bot asks before it acts for a server."""

    @property
    def count(self) -> int:
        """How many shards there are."""
        ...

    @property
    def mine(self) -> frozenset[int]:
        """The shards that this process works for."""
        ...

    @property
    def living(self) -> int:
        """How many processes work."""
        ...

    def has(self, guild_id: int) -> bool:
        """Whether this process works for that server. A direct message is of server 0."""
        ...

    def does(self, chore: Chore) -> bool:
        """Whether this process is the one that does *chore*."""
        ...

    async def look(self) -> Handover:
        """Take shards that nobody has, as many as are ours; which change hands."""
        ...

    async def give_up(self, shards: Iterable[int]) -> None:
        """Let others have *shards*: nothing of them is under way here."""
        ...

    async def news(self) -> frozenset[str]:
        """Plan jobs that other processes changed; which of the settings, kept in memory, did."""
        ...

    async def nudge(self, job_id: int) -> None:
        """Have whoever works for its server look at a job."""
        ...

    async def begin_session(self, shard: int, concurrency: int) -> float:
        """Take the next turn to begin a session with Discord; the seconds until it."""
        ...

    async def claim(self, job_id: int, limit: int, turns: Turns) -> bool:
        """Give a queued job one of the *limit* slots at its provider, if one is free and no job
        that comes first waits for it, here or elsewhere. It is among *turns*."""
        ...

    async def stand(self, turns: Turns, released: Iterable[int]) -> None:
        """Say who waits here, and which jobs did not use the slot that they were given."""
        ...

    async def lines(self) -> dict[str, Line]:
        """How it stands at each provider that has jobs, or for which others wait."""
        ...


class Alone:
    """This process works for every server: what `Sharing` says where there is nothing to share."""

    count = living = 1
    mine = frozenset({0})

    def has(self, guild_id: int) -> bool:
        """It works for all of them."""
        del guild_id
        return True

    def does(self, chore: Chore) -> bool:
        """It does everything."""
        del chore
        return True

    async def look(self) -> Handover:
        """Nothing changes hands."""
        return Handover()

    async def give_up(self, shards: Iterable[int]) -> None:
        """There is nobody else."""
        del shards

    async def news(self) -> frozenset[str]:
        """Nobody else changes anything."""
        return frozenset()

    async def nudge(self, job_id: int) -> None:
        """Whoever knows of it works for it."""
        del job_id

    async def begin_session(self, shard: int, concurrency: int) -> float:
        """There is one session, and nobody is waited for."""
        del shard, concurrency
        return 0.0

    async def claim(self, job_id: int, limit: int, turns: Turns) -> bool:
        """What memory knows is all that there is to know."""
        del job_id, limit, turns
        return True

    async def stand(self, turns: Turns, released: Iterable[int]) -> None:
        """Nobody asks."""
        del turns, released

    async def lines(self) -> dict[str, Line]:
        """Memory knows."""
        return {}


def shard_of(guild_id: int, count: int) -> int:
    """The shard of a server, of *count* (Discord's topics/gateway, "Sharding")."""
    return (guild_id >> 22) % count


def fair_share(me: str, count: int, held: dict[str, int]) -> int:
    """How many of *count* shards are *me*'s, where each of the processes that live has *held*.

    All have as many, or one less. Whoever has more keeps more, so that few change hands; who has
    none where there are not enough stands by.
    """
    order = sorted(held, key=lambda each: (-held[each], each))
    least, left = divmod(count, len(order))
    return least + (order.index(me) < left)
