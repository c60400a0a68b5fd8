"""Who asks, where, and with which rights."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


def _unknown(_channel_id: int) -> bool | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Where something is asked for, and by whom."""

    guild_id: int
    channel_id: int
    user_id: int
    parent_id: int | None = None  #: the channel that a thread belongs to
    roles: frozenset[int] = frozenset()  #: the person's, for what they may spend
    moderator: bool = False  #: whether they may manage the server
    #: Whether the person may read a channel; None where Discord has not told us of it.
    sees: Callable[[int], bool | None] = field(default=_unknown, repr=False, compare=False)
    #: Asks Discord who they are by now; None where it is not known how. Raises `Refusal` for
    #: who may not order there any more.
    now: Callable[["Requester"], Awaitable["Requester"]] | None = field(
        default=None, repr=False, compare=False
    )

    async def as_of_now(self) -> "Requester":
        """Ask for the roles and rights that this person has by now."""
        return await self.now(self) if self.now is not None else self

    @property
    def home_id(self) -> int:
        """The channel, also from within one of its threads."""
        return self.channel_id if self.parent_id is None else self.parent_id
