"""What holds in a server where nobody has set anything, and when."""

from dataclasses import dataclass

from .periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The deployment's limits and settings for servers that have set none. None is no limit.

    They are meant to keep a lent credit card safe from the first order on: with a credit of
    one US cent, 5 dollars a day for a member and 20 for the server.
    """

    amount: int | None = 500  #: credits for a member
    period: Period = Period.DAY
    budget: int | None = 2000  #: credits for all members of a server together
    budget_period: Period = Period.DAY
    budget_all: int | None = None  #: credits for all servers together: the operator's own limit
    budget_all_period: Period = Period.DAY  #: in the time zone below
    servers: frozenset[int] = frozenset()  #: the only ones where orders are taken; empty: all
    zone: str = "UTC"
    jobs_per_user: int | None = 3  #: at once
    jobs_per_server: int | None = 20
    per_minute: float | None = 6.0  #: orders of one person
    burst: int = 3  #: of them at once

    def serves(self, guild_id: int) -> bool:
        """Whether the operator takes orders in *guild_id* at all."""
        return not self.servers or guild_id in self.servers


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a transaction runs, and the deployment's defaults then."""

    now: float  #: by the store's clock, and no earlier than the database has seen
    defaults: Defaults
    ahead: float = 0.0  #: seconds that the machine's clock is ahead of the store's

    def on_the_wall(self, moment: float) -> float:
        """What the machine's clock will show at *moment*: what to print for people."""
        return moment + self.ahead
