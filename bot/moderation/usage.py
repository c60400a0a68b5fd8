"""What people may ask about themselves: what they spent, and what is kept about them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from bot.errors import Refusal
from bot.files.cache import ClipCache
from bot.moderation import tables
from bot.orders.orders import Studio
from bot.orders.requester import Requester
from storage import Forgotten, IllegalMove, Stale, Standing, State, Use
from storage.periods import day_at, zone_named

DAYS = 30  #: days that /video usage looks back


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Where somebody stands in a server, and what they spent lately."""

    standing: Standing
    first: date
    last: date
    uses: list[Use]


class Own:
    """A person's own figures and rights."""

    def __init__(
        self, studio: Studio, *, cache: ClipCache, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = studio.store
        self._rules = studio.rules
        self._cache = cache
        self._clock = clock

    async def usage(self, requester: Requester) -> Usage:
        """What is left, what runs, and the last 30 days, from the ledger."""
        server = await self._store.policy.server(requester.guild_id)
        today = day_at(self._clock(), zone_named(server.zone))
        first = today - timedelta(DAYS - 1)
        return Usage(
            standing=await self._store.policy.standing(
                guild_id=requester.guild_id, user_id=requester.user_id, roles=requester.roles
            ),
            first=first,
            last=today,
            uses=await self._store.servers.use(
                requester.guild_id, first, today + timedelta(1), user_id=requester.user_id
            ),
        )

    async def table(self, requester: Requester) -> bytes:
        """One's own clips in this server as CSV, with what the ledger says each cost."""
        jobs = await self._store.jobs.all_of(
            guild_id=requester.guild_id, user_id=requester.user_id, limit=None
        )
        spent = await self._store.servers.spent(requester.guild_id, user_id=requester.user_id)
        return tables.jobs_csv(jobs, spent)

    async def export(self, user_id: int) -> bytes:
        """Everything that is kept about somebody, in all servers, as JSON."""
        found = await self._store.privacy.export(user_id)
        return json.dumps(found, indent=1, default=str).encode()

    async def forget(self, user_id: int) -> Forgotten:
        """Erase somebody's prompts and clips. What still waits is cancelled first; while
        anything else of theirs is under way, it is refused."""
        await self._cancel_waiting(user_id)
        done = await self._store.privacy.forget(user_id)
        if done is None:
            raise Refusal(
                "Some of your clips are still in progress. Wait for them to end, or cancel them "
                "first."
            )
        await self._rules.load()  # where their clips go was their choice
        await self._cache.erase(done.files)
        return done

    async def _cancel_waiting(self, user_id: int) -> None:
        waiting = await self._store.jobs.of(user_id=user_id, states={State.QUEUED}, limit=None)
        for job in waiting:
            ended = job.to(State.CANCELLED, now=self._clock(), cancelled_by=user_id)
            try:
                await self._store.jobs.save(replace(ended, due_at=None), "forgotten")
            except (Stale, IllegalMove):
                continue  # it has just been begun: the deletion will say so
