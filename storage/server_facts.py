"""What a database server is and who uses it, for an operator. Nothing is changed by asking."""

from dataclasses import dataclass, field

from .opening import server_opening
from .processes import Present


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself, and of the database of Dailies."""

    place: str  #: host and database, without user and password
    version: str  #: "15.4"
    old: bool  #: too old for Dailies
    encoding: str
    icu: bool  #: it has the collations that the search needs
    owner: bool  #: its user may make what Dailies needs
    recovering: bool  #: a replica, which takes no writes
    careless: tuple[str, ...]  #: settings without which a crash loses what was answered
    replicas: int
    synchronous: bool  #: a commit waits for a replica
    connections: int  #: that our user can still open
    needed: int  #: connections that each process of Dailies keeps
    ahead: float  #: seconds by which its clock is ahead of this machine's
    present: Present = field(default_factory=Present)
    outdated: tuple[str, ...] = ()  #: where servers take writes though this one replaced them
    epoch: int | None = None  #: of the lease of the bot; None: nobody ever had it


async def examine_server(url: str, *, shards: int = 1) -> ServerFacts:
    """What the server of *url* says, to processes that share so many *shards*. Raises `CannotOpen`
    where it can't be asked."""
    facts: ServerFacts = await server_opening().examine(url, shards=shards)
    return facts
