"""What moderators change, and the record of who changed what."""

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from . import audit, ledger
from .audit import By, Change, record
from .clock import Clock, advance, seen
from .guilds import Server, set_server
from .periods import Period
from .quota.alarms import alarms, due_alarm, note_alarm
from .quota.blocks import Block, block, blocks, unblock
from .quota.budget import resume
from .quota.grants import Grant, grant, grants, reset, withdraw
from .quota.rules import Defaults, Rule, Whose, _target, rules, set_rule
from .quota.standing import Standing
from .refused_orders import answer
from .writer import Writer

T = TypeVar("T")


class Moderation:
    """The moderators' side. Every change is written down with who made it, or not made."""

    def __init__(self, writer: Writer, *, clock: Clock, defaults: Defaults) -> None:
        self._writer = writer
        self._clock = clock
        self._defaults = defaults

    async def set_rule(
        self,
        by: By,
        whose: Whose,
        amount: int | None,
        period: Period,
        *,
        user_id: int | None = None,
        role_id: int | None = None,
    ) -> None:
        """So many credits a period (None: no limit) for a user, a role, each member, or all
        members together (`Whose.SERVER`: the budget)."""
        target = _target(whose, user_id=user_id, role_id=role_id)
        await self._write(
            lambda db, now: set_rule(db, by, whose, target, (amount, period), now=now)
        )

    async def remove_rule(
        self, by: By, whose: Whose, *, user_id: int | None = None, role_id: int | None = None
    ) -> bool:
        """Back to the next best rule. False if there was none."""
        target = _target(whose, user_id=user_id, role_id=role_id)
        return await self._write(lambda db, now: set_rule(db, by, whose, target, None, now=now))

    async def set_server(self, by: By, **changes: Any) -> Server:
        """Change settings of a server: *changes* are fields of `Server`, None for the default,
        `NO_LIMIT` for none at all where there may be none.

        Raises ValueError with a sentence for an unknown time zone.
        """
        return await self._write(
            lambda db, now: set_server(db, by, changes, defaults=self._defaults, now=now)
        )

    async def pause(self, by: By) -> Server:
        """Take no orders, for the reason that *by* gives."""
        return await self.set_server(by, paused=by.why)

    async def resume(self, by: By, *, past_budget: bool = False) -> Server:
        """Take orders again; if the budget is used up, beyond it for the rest of its period.

        With *past_budget* beyond it in any case, as when what is left of it fits no order.
        """
        return await self._write(
            lambda db, now: resume(
                db, by, past_budget=past_budget, defaults=self._defaults, now=now
            )
        )

    async def grant(
        self, by: By, user_id: int, amount: int, *, lasts: float | None = None
    ) -> Grant:
        """Give somebody credits on top of their quota, for *lasts* seconds or for good."""
        return await self._write(
            lambda db, now: grant(
                db, by, user_id, amount, expires_at=None if lasts is None else now + lasts, now=now
            )
        )

    async def withdraw(self, by: By, user_id: int, grant_id: int | None = None) -> list[Grant]:
        """Take back what is left of a person's grant, or of all of them; which they were.

        What a clip under way holds of one is spent by it all the same, or goes with the grant.
        """
        return await self._write(lambda db, now: withdraw(db, by, user_id, grant_id, now=now))

    async def grant_asked(self, by: By, asked: int, user_id: int, amount: int) -> Grant | None:
        """Answer a refused order that moderators were asked about with a grant: both or none.

        None if it was answered before.
        """
        return await self._write(
            lambda db, now: (
                grant(db, by, user_id, amount, expires_at=None, now=now)
                if answer(db, by, asked, granted=True)
                else None
            )
        )

    async def open_asked(self, by: By, asked: int) -> bool:
        """The same for one that the budget refused: orders may pass it. False if it was
        answered before."""

        def act(db: sqlite3.Connection, now: float) -> bool:
            if not answer(db, by, asked, granted=True):
                return False
            resume(db, by, past_budget=True, defaults=self._defaults, now=now)
            return True

        return await self._write(act)

    async def deny_asked(self, by: By, asked: int, user_id: int, price: int) -> bool:
        """Answer it with no, on record. False if it was answered before."""

        def act(db: sqlite3.Connection, now: float) -> bool:
            if not answer(db, by, asked, granted=False):
                return False
            record(db, by, "deny", user_id=user_id, after={"price": price}, now=now)
            return True

        return await self._write(act)

    async def reset(self, by: By, user_id: int) -> int:
        """Forget what somebody used of their quota this day, week and month; how much it was."""
        return await self._write(
            lambda db, now: reset(db, by, user_id, defaults=self._defaults, now=now)
        )

    async def block(self, by: By, user_id: int, *, lasts: float | None = None) -> None:
        """Take no orders from somebody, for *lasts* seconds or until unblocked."""
        await self._write(
            lambda db, now: block(
                db, by, user_id, until=None if lasts is None else now + lasts, now=now
            )
        )

    async def unblock(self, by: By, user_id: int) -> bool:
        """Take orders from somebody again. False if they were not blocked."""
        return await self._write(lambda db, now: unblock(db, by, user_id, now=now))

    async def clear(self, by: By, job_id: int, attempt: int, *, billed: bool) -> bool:
        """Say what became of an attempt in suspense; see `ledger.clear`."""

        def act(db: sqlite3.Connection, now: float) -> bool:
            row = db.execute(
                "SELECT 1 FROM job WHERE id = ? AND guild_id = ?", (job_id, by.guild_id)
            ).fetchone()
            if row is None or not ledger.clear(db, job_id, attempt, billed=billed, at=now):
                return False
            after = {"job": job_id, "attempt": attempt, "billed": billed}
            record(db, by, "suspense", after=after, now=now)
            return True

        return await self._write(act)

    async def rules(self, guild_id: int) -> list[tuple[int, Rule]]:
        """Every rule of a server, with the user's or role's id (0: all members, the server)."""
        return await self._writer.read(lambda db: rules(db, guild_id))

    async def blocks(self, guild_id: int) -> list[Block]:
        """Who is blocked now."""
        now = self._clock.now()
        return await self._writer.read(lambda db: blocks(db, guild_id, seen(db, now)))

    async def grants(self, guild_id: int, *, user_id: int | None = None) -> list[Grant]:
        """The grants of a server or of one person there, newest first."""
        now = self._clock.now()
        return await self._writer.read(lambda db: grants(db, guild_id, user_id, now))

    async def audit(
        self, guild_id: int, *, limit: int = 20, before: int | None = None
    ) -> list[Change]:
        """What was changed, newest first; *before* is the last `seq` of the page before."""
        return await self._writer.read(lambda db: audit.audit(db, guild_id, limit, before))

    async def alarm(self, guild_id: int, stand: Standing, *, at_least: int = 0) -> int | None:
        """80 or 100: the share of the budget that was reached and nobody was told of yet.

        *at_least* is a share that counts as reached, as 100 does once an order did not fit.
        It stays due until `alarm_told`.
        """
        percent = max(due_alarm(stand) or 0, at_least)
        now = self._clock.now()
        known = await self._writer.read(
            lambda db: alarms(db, guild_id, defaults=self._defaults, now=seen(db, now))
        )
        if percent and percent not in known:
            known[percent] = False
            await self._write(
                lambda db, now: note_alarm(
                    db, guild_id, percent, told=False, defaults=self._defaults, now=now
                )
            )
        told = max((each for each, was_told in known.items() if was_told), default=0)
        due = max((each for each, was_told in known.items() if not was_told), default=0)
        return due if due > told else None

    async def alarm_told(self, guild_id: int, percent: int) -> None:
        """Note that the moderators know of this share of the budget; see `alarm`."""
        await self._write(
            lambda db, now: note_alarm(
                db, guild_id, percent, told=True, defaults=self._defaults, now=now
            )
        )

    async def budget_reached(self, guild_id: int) -> bool:
        """Whether the budget was used up, or refused an order, in the period that it is in."""
        now = self._clock.now()
        known = await self._writer.read(
            lambda db: alarms(db, guild_id, defaults=self._defaults, now=seen(db, now))
        )
        return 100 in known

    async def untold(self) -> list[int]:
        """The servers that have an alarm nobody was told of."""
        return await self._writer.read(
            lambda db: [
                guild
                for (guild,) in db.execute("SELECT DISTINCT guild_id FROM alarm WHERE NOT told")
            ]
        )

    async def _write(self, act: Callable[[sqlite3.Connection, float], T]) -> T:
        now = self._clock.now()
        return await self._writer.write(lambda db: act(db, advance(db, now)))
