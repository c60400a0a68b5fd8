"""A server's limits and settings, what was spent, and who changed what.

Every verb makes sure that it is a moderator who asks."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bot.errors import Refusal
from bot.moderation.roles import lost_with
from bot.moderation.typed import DEFAULT, between, credits_of, dated
from bot.orders.access import decided_by, require_moderator
from bot.orders.orders import Studio
from bot.orders.requester import Requester
from bot.words.text import inert
from storage import (
    Alarm,
    Block,
    Change,
    Grant,
    Period,
    Rule,
    Server,
    Standing,
    Use,
    Whose,
)
from storage.periods import day_at, zone_named

DAY = 86_400.0

AUDITED = 12  #: lines of the audit on a page


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A server's limits, and how much of the budget is used."""

    server: Server
    rules: list[tuple[int, Rule]]  #: with the user's or role's id
    blocks: list[Block]
    standing: Standing  #: of a member without a rule of their own
    reached: bool  #: whether the budget was used up, or refused an order, in this period

    @property
    def stuck(self) -> bool:
        """Whether orders are refused because of the budget, however little of it is left."""
        return self.reached and self.standing.budget_left is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What holds for one member."""

    standing: Standing
    grants: list[Grant]
    block: Block | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What clips cost from the first day to the last, in the server's calendar."""

    first: date
    last: date
    uses: list[Use]


class Limits:
    """Quotas, grants, blocks, settings and reports. What it says no to is a `Refusal`."""

    def __init__(self, studio: Studio, *, clock: Callable[[], float] = time.time) -> None:
        self._studio = studio
        self._policy = studio.store.policy
        self._moderation = studio.store.moderation
        self._sharing = studio.store.sharing
        self._servers = studio.store.servers
        self._clock = clock

    async def lost_with(self, role_id: int, *, guild_id: int) -> list[str]:
        """What a server gave to a role that is gone, each as "approved takes"."""
        server = await self._policy.server(guild_id)
        return lost_with(role_id, server, await self._moderation.rules(guild_id))

    async def overview(self, requester: Requester) -> Overview:
        """The server's limits."""
        require_moderator(requester)
        return Overview(
            server=await self._policy.server(requester.guild_id),
            rules=await self._moderation.rules(requester.guild_id),
            blocks=await self._moderation.blocks(requester.guild_id),
            standing=await self._policy.standing(guild_id=requester.guild_id, user_id=0, roles=()),
            reached=await self._moderation.budget_reached(requester.guild_id),
        )

    async def person(self, requester: Requester, user_id: int, roles: frozenset[int]) -> Person:
        """What holds for one member with these roles."""
        require_moderator(requester)
        blocks = await self._moderation.blocks(requester.guild_id)
        return Person(
            standing=await self._policy.standing(
                guild_id=requester.guild_id, user_id=user_id, roles=roles
            ),
            grants=await self._moderation.grants(requester.guild_id, user_id=user_id),
            block=next((each for each in blocks if each.user_id == user_id), None),
        )

    async def set_quota(
        self,
        requester: Requester,
        whose: Whose,
        amount: str,
        period: Period,
        *,
        target: int | None = None,
        why: str = "",
    ) -> bool:
        """So many credits a period for a user, a role, each member, or (the budget) all together.

        *amount* is a number, "unlimited", or "default", which takes the rule back; False where
        there was none to take back. *target* is the user's or the role's id.
        """
        by = decided_by(requester, why)
        ids = {
            "user_id": target if whose is Whose.USER else None,
            "role_id": target if whose is Whose.ROLE else None,
        }
        if amount.strip().casefold() == DEFAULT:
            return await self._moderation.remove_rule(by, whose, **ids)
        await self._moderation.set_rule(by, whose, credits_of(amount), period, **ids)
        return True

    async def limit(
        self, requester: Requester, changes: dict[str, Any], *, why: str = ""
    ) -> Server:
        """Change other limits or settings: fields of `Server`; None for the default."""
        try:
            server = await self._moderation.set_server(decided_by(requester, why), **changes)
        except ValueError as error:
            raise Refusal(inert(str(error))) from None
        await self._studio.rules.load()
        return server

    async def grant(
        self,
        requester: Requester,
        user_id: int,
        amount: int,
        *,
        days: float | None = None,
        why: str = "",
    ) -> Grant:
        """Give somebody credits on top of their quota, for some days or for good."""
        lasts = None if days is None else days * DAY
        return await self._moderation.grant(
            decided_by(requester, why), user_id, amount, lasts=lasts
        )

    async def withdraw(
        self, requester: Requester, user_id: int, grant_id: int | None = None, *, why: str = ""
    ) -> int:
        """Take back what is left of somebody's grant, or of all; how many credits it was."""
        gone = await self._moderation.withdraw(decided_by(requester, why), user_id, grant_id)
        if not gone:
            raise Refusal(f"<@{user_id}> has no such grant with credits left.")
        return sum(each.left for each in gone)

    async def reset(self, requester: Requester, user_id: int, *, why: str = "") -> int:
        """Begin somebody's quota anew; how much they had used."""
        return await self._moderation.reset(decided_by(requester, why), user_id)

    async def block(
        self, requester: Requester, user_id: int, *, days: float | None = None, why: str
    ) -> None:
        """Take no orders from somebody, for some days or until unblocked."""
        if user_id == requester.user_id:
            raise Refusal("You can't block yourself.")
        lasts = None if days is None else days * DAY
        await self._moderation.block(decided_by(requester, why), user_id, lasts=lasts)

    async def unblock(self, requester: Requester, user_id: int, *, why: str = "") -> None:
        """Take orders from somebody again."""
        if not await self._moderation.unblock(decided_by(requester, why), user_id):
            raise Refusal(f"<@{user_id}> is not blocked.")

    async def audit(self, requester: Requester, *, before: int | None = None) -> list[Change]:
        """Who changed what, newest first, a page and one more line to know of a next page."""
        require_moderator(requester)
        return await self._moderation.audit(requester.guild_id, limit=AUDITED + 1, before=before)

    async def report(
        self,
        requester: Requester,
        period: str,
        *,
        first: str | None = None,
        last: str | None = None,
    ) -> Report:
        """What was spent in a named period ("this week", "30 days", …) or between two dates."""
        require_moderator(requester)
        today = await self.today(requester.guild_id)
        begin, after = between(period, today)
        if first is not None:
            begin = dated(first)
            after = today + timedelta(1)
        if last is not None:
            after = dated(last) + timedelta(1)
        if not begin < after:
            raise Refusal("The first day can't be after the last day.")
        if (after - begin).days > 3660:
            raise Refusal("A report can cover up to 10 years.")
        uses = await self._servers.report(requester.guild_id, begin, after)
        return Report(first=begin, last=after - timedelta(1), uses=uses)

    async def today(self, guild_id: int) -> date:
        """The server's date."""
        server = await self._policy.server(guild_id)
        return day_at(self._clock(), zone_named(server.zone))

    async def alarm(self, guild_id: int) -> Alarm | None:
        """The share of the budget of which the moderators are to be told. It stays due until
        `alarm_told`.

        An order that did not fit makes it 100, however little of the budget is left over.
        """
        return await self._moderation.alarm(guild_id)

    async def alarm_told(self, told: Alarm) -> None:
        """The moderators were told what `alarm` said."""
        await self._moderation.alarm_told(told)

    async def untold(self) -> list[int]:
        """The servers whose moderators could not be told of an alarm yet."""
        return [each for each in await self._moderation.untold() if self._sharing.has(each)]
