"""What a server asks of its moderators, and shows them: prompt rules, refused orders, use."""

import sqlite3
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from .audit import By
from .clock import Clock, advance
from .decisions import move, set_lane, take_down
from .job import Job, Lane
from .prompt_rules import (
    PromptHit,
    PromptRule,
    add_prompt_rule,
    met,
    prompt_hits,
    prompt_rules,
    remove_prompt_rule,
)
from .refused_orders import RefusedOrder, ask, keep_refused, refused
from .reports import Suspense, Use, spent, suspense, use
from .writer import Writer

T = TypeVar("T")


class Servers:
    """The moderators' desk, where it is not about limits."""

    def __init__(self, writer: Writer, *, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def prompt_rules(self, guild_id: int) -> list[PromptRule]:
        """The prompt rules of a server, oldest first."""
        return await self._writer.read(lambda db: prompt_rules(db, guild_id))

    async def add_prompt_rule(self, by: By, kind: str, text: str) -> PromptRule | None:
        """Refuse prompts with *text* from now on; None if that is a rule already."""
        return await self._write(lambda db, now: add_prompt_rule(db, by, kind, text, now=now))

    async def remove_prompt_rule(self, by: By, id: int) -> PromptRule | None:
        """Let a rule go; None if this server has none of that number."""
        return await self._write(lambda db, now: remove_prompt_rule(db, by, id, now=now))

    async def met(self, guild_id: int, *, user_id: int, channel_id: int, rule: PromptRule) -> None:
        """Note that somebody met a rule. Their prompt is not kept."""
        await self._write(
            lambda db, now: met(db, guild_id, user_id, channel_id, rule.text, now=now)
        )

    async def prompt_hits(self, guild_id: int, *, limit: int = 15) -> list[PromptHit]:
        """Who met rules, newest first."""
        return await self._writer.read(lambda db: prompt_hits(db, guild_id, limit))

    async def keep_refused(self, order: RefusedOrder) -> RefusedOrder:
        """Keep an order that was not taken for a week; its id and time are decided here."""
        return await self._write(lambda db, now: keep_refused(db, order, now=now))

    async def refused(self, id: int, *, guild_id: int) -> RefusedOrder | None:
        """The refused order of that number, if it is of that server."""
        return await self._writer.read(lambda db: refused(db, id, guild_id))

    async def ask(self, id: int, *, guild_id: int) -> bool:
        """Note that the moderators are asked for it. False if they were before."""
        return await self._write(lambda db, now: ask(db, id, guild_id, now=now))

    async def set_lane(self, by: By, job_id: int, lane: Lane) -> Job | None:
        """Move a job to a lane, on record; None if this server has no such job waiting."""
        return await self._write(lambda db, now: set_lane(db, by, job_id, lane, now=now))

    async def move(
        self, by: By | None, what: str, job: Job, why: str, *, thread_id: int | None = None
    ) -> Job:
        """`Jobs.save` a step that a person decided, with its line of the audit: both or none.

        Without *by*, as for one's own job, there is no line. With *thread_id* the clip is to be
        posted there.
        """
        return await self._write(
            lambda db, now: move(db, by, what, job, why, thread_id=thread_id, now=now)
        )

    async def take_down(self, by: By | None, job: Job, *, hidden_by: int | None) -> None:
        """Note who took a clip down, or with None that it may be shown again, on record if *by*
        somebody whose clip it is not."""
        await self._write(lambda db, now: take_down(db, by, job, hidden_by=hidden_by, now=now))

    async def use(
        self, guild_id: int, first: date, after: date, *, user_id: int | None = None
    ) -> list[Use]:
        """What clips ordered from *first* to before *after* cost, from the ledger."""
        return await self._writer.read(lambda db: use(db, guild_id, first, after, user_id))

    async def spent(self, guild_id: int, *, user_id: int) -> dict[int, int]:
        """What each of a person's clips cost them, by its number."""
        return await self._writer.read(lambda db: spent(db, guild_id, user_id))

    async def suspense(self, guild_id: int) -> list[Suspense]:
        """Attempts of which nobody knows yet whether they were billed."""
        return await self._writer.read(lambda db: suspense(db, guild_id))

    async def _write(self, act: Callable[[sqlite3.Connection, float], T]) -> T:
        now = self._clock.now()
        return await self._writer.write(lambda db: act(db, advance(db, now)))
