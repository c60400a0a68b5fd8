"""Who may spend how much: decided in the transaction that creates the job."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeVar

from . import clock, ledger
from .clock import Clock
from .guilds import Server, providers_off, server_of
from .job import Job
from .quota.admission import Admitted, Changed, Holding, Refused, admit, attempt
from .quota.budget import Total, total_of
from .quota.rules import Defaults
from .quota.standing import Standing, standing
from .writer import Writer

A = TypeVar("A")


class Policy:
    """What the studio asks before it spends."""

    def __init__(self, writer: Writer, *, clock: Clock, defaults: Defaults) -> None:
        self._writer = writer
        self._clock = clock
        self._defaults = defaults

    async def admit(
        self,
        draft: Job,
        *,
        roles: Collection[int],
        terms: Holding | None = None,
        paced: bool = False,
        turn: Callable[[], object] = lambda: None,
    ) -> Admitted | Refused | Changed:
        """Take *draft* as a job and hold its price, in one transaction, or say which limit not.

        *roles* are the ids of the roles of the person who orders. It is only taken while
        *terms*, which it was checked by, hold: else `Changed`. *turn* is called right before,
        and may raise; *paced* says that `attempt` has counted it against the pace. The times of
        a `Refused` are by the wall clock: fit to be shown.
        """
        now = self._clock.now()
        answer = await self._writer.write(
            lambda db: admit(
                db,
                draft,
                roles=roles,
                defaults=self._defaults,
                now=now,
                terms=terms,
                paced=paced,
            ),
            turn=turn,
        )
        return self._shown(answer)

    async def attempt(
        self, draft: Job, *, roles: Collection[int], counts: bool
    ) -> Admitted | Refused | None:
        """Whether *draft*, priced with the least it can cost, might be taken. Holds nothing.

        With *counts*, the try counts against its person's pace. What was ordered before is
        `Admitted`. The times of a `Refused` are by the wall clock.
        """
        now = self._clock.now()
        answer = await self._writer.write(
            lambda db: attempt(
                db, draft, roles=roles, defaults=self._defaults, now=now, counts=counts
            )
        )
        return self._shown(answer)

    def _shown(self, answer: A) -> A:
        """*answer* with its times by the wall clock."""
        if isinstance(answer, Refused) and answer.frees_at is not None:
            return replace(answer, frees_at=self._clock.on_the_wall(answer.frees_at))
        return answer

    async def standing(self, *, guild_id: int, user_id: int, roles: Collection[int]) -> Standing:
        """What a person has used and has left, by the wall clock."""
        now = self._clock.now()
        found = await self._writer.read(
            lambda db: standing(
                db,
                guild_id=guild_id,
                user_id=user_id,
                roles=roles,
                defaults=self._defaults,
                now=clock.seen(db, now),
            )
        )
        return replace(
            found,
            resets_at=self._clock.on_the_wall(found.resets_at),
            budget_resets_at=self._clock.on_the_wall(found.budget_resets_at),
            all_resets_at=self._clock.on_the_wall(found.all_resets_at),
        )

    def serves(self, guild_id: int) -> bool:
        """Whether orders are taken in this server at all."""
        return self._defaults.serves(guild_id)

    async def total(self) -> Total | None:
        """What all servers used of what they may together, by the wall clock; None: no limit."""
        now = self._clock.now()
        found = await self._writer.read(
            lambda db: total_of(db, self._defaults, clock.seen(db, now))
        )
        if found is None:
            return None
        return replace(found, resets_at=self._clock.on_the_wall(found.resets_at))

    async def server(self, guild_id: int) -> Server:
        """A server's settings."""
        return await self._writer.read(lambda db: server_of(db, guild_id, self._defaults))

    async def providers_off(self) -> dict[int, frozenset[str]]:
        """The providers that are switched off, by server, where there are any."""
        return await self._writer.read(providers_off)

    async def bill(self, job_id: int) -> ledger.Bill | None:
        """What a job holds and cost, from the ledger; None for one that was never reserved."""
        return await self._writer.read(lambda db: ledger.bill(db, job_id))
