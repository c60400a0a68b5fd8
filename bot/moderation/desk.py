"""What moderators may ask for. Every verb makes sure that it is a moderator who asks."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from bot.errors import Refusal
from bot.media.assemble import PIECE
from bot.moderation.roles import lost_with
from bot.orders.access import require
from bot.orders.orders import Studio
from bot.orders.prompt_rules import accepted
from bot.orders.requester import Requester
from bot.orders.server_rules import RULES_MAX
from bot.words.numbers import listed
from bot.words.text import inert, number, one_line, typed
from storage import (
    LIVE,
    NO_LIMIT,
    PARKED,
    Block,
    By,
    Change,
    Grant,
    IllegalMove,
    Job,
    Lane,
    Period,
    PromptHit,
    PromptRule,
    Rule,
    Server,
    Stale,
    Standing,
    State,
    Suspense,
    Use,
    Whose,
)
from storage.periods import day_at, span, zone_named

CREDITS_MAX = 1_000_000_000

DAY = 86_400.0

UNLIMITED, DEFAULT = "unlimited", "default"

TRIES = 5  #: tries of a decision while the job is written to for other reasons

MOVED_ON = "#{} just changed. Look again."

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What waits for a moderator: jobs nobody can move, and attempts of unknown cost."""

    jobs: list[Job]
    count: int  #: of all such jobs; *jobs* are the oldest
    suspense: list[Suspense]


class Office:
    """The moderators' verbs over limits, orders and rules. What it says no to is a `Refusal`."""

    def __init__(self, studio: Studio, *, clock: Callable[[], float] = time.time) -> None:
        self._studio = studio
        self._jobs = studio.store.jobs
        self._policy = studio.store.policy
        self._moderation = studio.store.moderation
        self._servers = studio.store.servers
        self._clock = clock
        self.parkings = studio.store.parkings  #: what waits for a moderator, and who was told

    async def lost_with(self, role_id: int, *, guild_id: int) -> list[str]:
        """What a server gave to a role that is gone, each as "approved takes"."""
        server = await self._policy.server(guild_id)
        return lost_with(role_id, server, await self._moderation.rules(guild_id))

    # Limits.

    async def overview(self, requester: Requester) -> Overview:
        """The server's limits."""
        require(requester)
        return Overview(
            server=await self._policy.server(requester.guild_id),
            rules=await self._moderation.rules(requester.guild_id),
            blocks=await self._moderation.blocks(requester.guild_id),
            standing=await self._policy.standing(guild_id=requester.guild_id, user_id=0, roles=()),
            reached=await self._moderation.budget_reached(requester.guild_id),
        )

    async def person(self, requester: Requester, user_id: int, roles: frozenset[int]) -> Person:
        """What holds for one member with these roles."""
        require(requester)
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
        by = _by(requester, why)
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
            server = await self._moderation.set_server(_by(requester, why), **changes)
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
        return await self._moderation.grant(_by(requester, why), user_id, amount, lasts=lasts)

    async def withdraw(
        self, requester: Requester, user_id: int, grant_id: int | None = None, *, why: str = ""
    ) -> int:
        """Take back what is left of somebody's grant, or of all; how many credits it was."""
        gone = await self._moderation.withdraw(_by(requester, why), user_id, grant_id)
        if not gone:
            raise Refusal(f"<@{user_id}> has no such grant with credits left.")
        return sum(each.left for each in gone)

    async def reset(self, requester: Requester, user_id: int, *, why: str = "") -> int:
        """Begin somebody's quota anew; how much they had used."""
        return await self._moderation.reset(_by(requester, why), user_id)

    async def block(
        self, requester: Requester, user_id: int, *, days: float | None = None, why: str
    ) -> None:
        """Take no orders from somebody, for some days or until unblocked."""
        if user_id == requester.user_id:
            raise Refusal("You can't block yourself.")
        lasts = None if days is None else days * DAY
        await self._moderation.block(_by(requester, why), user_id, lasts=lasts)

    async def unblock(self, requester: Requester, user_id: int, *, why: str = "") -> None:
        """Take orders from somebody again."""
        if not await self._moderation.unblock(_by(requester, why), user_id):
            raise Refusal(f"<@{user_id}> is not blocked.")

    async def audit(self, requester: Requester, *, before: int | None = None) -> list[Change]:
        """Who changed what, newest first, a page and one more line to know of a next page."""
        require(requester)
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
        require(requester)
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
        uses = await self._servers.use(requester.guild_id, begin, after)
        return Report(first=begin, last=after - timedelta(1), uses=uses)

    async def today(self, guild_id: int) -> date:
        """The server's date."""
        server = await self._policy.server(guild_id)
        return day_at(self._clock(), zone_named(server.zone))

    async def alarm(self, guild_id: int, *, at_least: int = 0) -> tuple[int, Standing] | None:
        """80 or 100: the share of the budget of which the moderators are to be told, and where
        the server stands. It stays due until `alarm_told`.

        An order that did not fit makes it 100, however little of the budget is left over.
        """
        standing = await self._policy.standing(guild_id=guild_id, user_id=0, roles=())
        percent = await self._moderation.alarm(guild_id, standing, at_least=at_least)
        return None if percent is None else (percent, standing)

    async def alarm_told(self, guild_id: int, percent: int) -> None:
        """The moderators were told."""
        await self._moderation.alarm_told(guild_id, percent)

    async def untold(self) -> list[int]:
        """The servers whose moderators could not be told of an alarm yet."""
        return await self._moderation.untold()

    # Orders.

    async def pause(self, requester: Requester, why: str) -> None:
        """Take no orders; those under way go on."""
        await self._moderation.pause(_by(requester, why))

    async def resume(self, requester: Requester, *, past_budget: bool = False) -> Server:
        """Take orders again, past a used-up budget if there is one, or in any case."""
        return await self._moderation.resume(_by(requester), past_budget=past_budget)

    async def queue(self, requester: Requester) -> tuple[list[Job], int]:
        """What is under way here, the oldest first, and how many there are in all."""
        require(requester)
        jobs = await self._studio.queue(requester=requester)
        return jobs, await self._jobs.count(requester.guild_id, LIVE)

    async def front(self, requester: Requester, job_id: int) -> Job:
        """Let a waiting job go before all others of its provider."""
        by = _by(requester)
        await self._studio.access.show(job_id, requester=requester)
        job = await self._servers.set_lane(by, job_id, Lane.FRONT)
        if job is None:
            raise Refusal(f"#{job_id} is no longer waiting.")
        return job

    async def cancel(self, requester: Requester, job_id: int) -> Job:
        """Stop somebody's job."""
        require(requester)
        return await self._studio.cancel(job_id, requester=requester)

    async def undelivered(self, requester: Requester) -> tuple[list[Job], int]:
        """Clips that were made and could not be posted, oldest first, and how many in all."""
        require(requester)
        states = {State.UNDELIVERED}
        jobs = await self._jobs.of(
            guild_id=requester.guild_id, states=states, limit=20, oldest_first=True
        )
        return jobs, await self._jobs.count(requester.guild_id, states)

    async def post(self, requester: Requester, job_id: int, *, here: bool) -> Job:
        """Post an undelivered clip again: where it was to go, or *here*, where this is asked."""
        by = _by(requester)
        job = await self._studio.access.show(job_id, requester=requester)
        if job.state is not State.UNDELIVERED:
            raise Refusal(f"#{job_id} was already posted.")
        now = self._clock()
        change = job.to(State.DELIVERING, now=now, due_at=now)
        return await self._move(
            by, job, change, "post", thread_id=requester.channel_id if here else None
        )

    async def trouble(self, requester: Requester) -> Trouble:
        """What only a moderator can decide."""
        require(requester)
        return Trouble(
            jobs=await self._jobs.of(
                guild_id=requester.guild_id, states=PARKED, limit=20, oldest_first=True
            ),
            count=await self._jobs.count(requester.guild_id, PARKED),
            suspense=await self._servers.suspense(requester.guild_id),
        )

    async def look_again(self, requester: Requester, job_id: int) -> Job:
        """Ask the provider about a parked job, where it is known by which name to ask."""
        by = _by(requester)
        job = await self._parked(requester, job_id)
        now = self._clock()
        if job.file is not None and job.file.endswith(PIECE) and job.state is State.REVIEW:
            change = job.to(State.FETCHING, now=now, due_at=now)  # it has yet to be put together
        elif job.file is not None and job.state is State.REVIEW:
            change = job.to(State.DELIVERING, now=now, due_at=now)
        elif job.remote_id is not None:
            change = job.to(State.RENDERING, now=now, due_at=now, failure=None, billed="no")
        else:
            title = self._studio.quotes.title(job)
            raise Refusal(
                f"{title} gave no number for #{job_id}, so it can't be checked. Look in its list "
                f"for a clip from <t:{int(job.since)}:f>. Retry if there is none. Else close it."
            )
        return await self._move(by, job, change, "check again")

    async def retry(self, requester: Requester, job_id: int, *, why: str = "") -> Job:
        """Order a parked job anew. If the provider did take it before, both are paid."""
        by = _by(requester, why)
        job = await self._parked(requester, job_id)
        now = self._clock()
        fresh = job.to(State.QUEUED, now=now, due_at=now, failure=None, billed="no", repeats=0)
        change = replace(fresh, remote_id=None, result_url=None, file=None, cost=None)
        return await self._move(by, job, change, "retry")

    async def close(self, requester: Requester, job_id: int, *, why: str = "") -> Job:
        """Give a parked job up. Its person pays nothing; what it may have cost is in suspense."""
        by = _by(requester, why)
        job = await self._parked(requester, job_id)
        now = self._clock()
        change = job.to(State.CLOSED, now=now, due_at=now, billed=job.charged)
        return await self._move(by, job, change, "close")

    async def clear(self, requester: Requester, job_id: int, attempt: int, *, billed: bool) -> None:
        """Say what an attempt in suspense turned out to be, by the provider's own list."""
        if not await self._moderation.clear(_by(requester), job_id, attempt, billed=billed):
            raise Refusal(f"The cost of #{job_id} is already settled.")

    # Words.

    async def prompt_rules(self, requester: Requester) -> tuple[list[PromptRule], list[PromptHit]]:
        """The server's prompt rules, and who met them lately."""
        require(requester)
        rules = await self._servers.prompt_rules(requester.guild_id)
        return rules, await self._servers.prompt_hits(requester.guild_id)

    async def forbid(self, requester: Requester, kind: str, text: str) -> PromptRule:
        """Refuse prompts that hold a word or a pattern."""
        by = _by(requester)
        text = await accepted(kind, text)
        if len(await self._servers.prompt_rules(requester.guild_id)) >= RULES_MAX:
            raise Refusal(f"A server can have up to {RULES_MAX} prompt rules. Remove one first.")
        rule = await self._servers.add_prompt_rule(by, kind, text)
        if rule is None:
            raise Refusal("That rule already exists.")
        return rule

    async def allow(self, requester: Requester, rule_id: int) -> PromptRule:
        """Remove a prompt rule."""
        rule = await self._servers.remove_prompt_rule(_by(requester), rule_id)
        if rule is None:
            raise Refusal("There is no such prompt rule here.")
        return rule

    async def _parked(self, requester: Requester, job_id: int) -> Job:
        job = await self._studio.access.show(job_id, requester=requester)
        if job.state not in PARKED:
            raise Refusal(f"#{job_id} no longer needs a decision.")
        return job

    async def _move(
        self, by: By, job: Job, change: Job, what: str, *, thread_id: int | None = None
    ) -> Job:
        if change.state is not State.CLOSED:
            change = replace(change, error=None)
        why = f"{what}, by a moderator"
        for _ in range(TRIES):
            try:
                saved = await self._servers.move(by, what, change, why, thread_id=thread_id)
                break
            except Stale:
                # That its person was just told of it is no reason to say no.
                fresh = await self._jobs.get(job.id)
                if fresh is None or fresh.state is not job.state:
                    raise Refusal(MOVED_ON.format(job.id)) from None
                change = replace(change, rev=fresh.rev, result_id=fresh.result_id)
            except IllegalMove:
                raise Refusal(MOVED_ON.format(job.id)) from None
        else:
            raise Refusal(MOVED_ON.format(job.id))
        return saved


def limit_of(
    text: str, *, least: float, most: float, whole: bool = True
) -> int | float | str | None:
    """The limit that somebody typed: a number, `NO_LIMIT`, or None for "default".

    Raises `Refusal` for anything else.
    """
    wanted = text.strip().casefold().replace(",", ".")
    if wanted in {UNLIMITED, DEFAULT}:
        return NO_LIMIT if wanted == UNLIMITED else None
    pattern = r"\d{1,6}" if whole else r"\d{1,6}(\.\d{1,3})?"
    if not re.fullmatch(pattern, wanted, re.ASCII) or not least <= float(wanted) <= most:
        raise Refusal(
            f"{typed(text)} can't be this limit. Write a {'whole ' if whole else ''}number from "
            f"{number(least)} to {most:,.0f}, “{UNLIMITED}” or “{DEFAULT}”."
        )
    return int(wanted) if whole else float(wanted)


def credits_of(text: str) -> int | None:
    """The credits that somebody typed; None for "unlimited". Raises `Refusal`."""
    wanted = text.strip().casefold().replace(",", "").replace(" ", "").replace("_", "")
    wanted = wanted.removesuffix("credits")
    if wanted == UNLIMITED:
        return None
    if (
        not wanted.isascii()
        or not wanted.isdigit()
        or len(wanted) > 10
        or int(wanted) > CREDITS_MAX
    ):
        raise Refusal(
            f"{typed(text)} is not an amount. Write a number up to {CREDITS_MAX:,} credits, "
            f"“{UNLIMITED}” or “{DEFAULT}”."
        )
    return int(wanted)


PERIODS = ("today", "this week", "this month", "last month", "30 days", "12 months")


def between(period: str, today: date) -> tuple[date, date]:
    """The first day of a named period, and the first day after it."""
    tomorrow = today + timedelta(1)
    match period:
        case "today":
            return today, tomorrow
        case "this week":
            return span(Period.WEEK, today)
        case "this month":
            return span(Period.MONTH, today)
        case "last month":
            return span(Period.MONTH, today.replace(day=1) - timedelta(1))
        case "30 days":
            return tomorrow - timedelta(30), tomorrow
        case "12 months":
            return tomorrow - timedelta(365), tomorrow
    raise Refusal(f"{typed(period)} is not a period. Choose {listed(PERIODS)}.")


def dated(text: str) -> date:
    """The day that somebody typed as 2026-11-21. Raises `Refusal`."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refusal(f"{typed(text)} is not a date. Write it like 2026-11-21.") from None


def _by(requester: Requester, why: str = "") -> By:
    require(requester)
    return By(guild_id=requester.guild_id, actor_id=requester.user_id, why=one_line(why))
