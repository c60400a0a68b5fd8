"""Everything Dailies knows, and what concerns all of it: the checks, the time."""

from collections.abc import Collection
from contextlib import suppress

from . import checking, monitoring, parts
from .clock import Clock
from .defaults import Defaults
from .engine import Lease
from .processes import Processes
from .schedule import Schedule
from .sharing import Alone, Sharing
from .terms import Premises, premises
from .transactions import Transactions
from .writer import DiskTrouble

WHOLE = 86_400.0  #: seconds after which all of the books is looked at again
SCRUBBED = 3600.0  #: seconds after which nothing that was deleted stands in the log of writes


class Store:
    """Everything Dailies knows. Its parts share one writer."""

    def __init__(
        self,
        writer: Transactions,
        *,
        clock: Clock,
        defaults: Defaults,
        schedule: Schedule,
        lease: Lease | None = None,
        processes: Processes | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        self.writer = writer
        self.clock = clock  #: what every part is timed by
        self.defaults = defaults
        self.schedule = schedule  #: when jobs are due: every commit that changes one feeds it
        #: What lets this process write; None where a lock of the data directory does.
        self.lease = lease
        #: What tells who else works with this store; None where nobody can.
        self.processes = processes
        #: Which servers this process works for, where several share them.
        self.sharing: Sharing = sharing or Alone()
        #: The last Dailies crashed, and nobody has looked since whether the file is whole.
        self.unproven = False
        self._scrubbed = clock.now()
        self.jobs = parts.Jobs(writer, clock=clock, defaults=defaults)
        self.restorations = parts.Restorations(writer, clock=clock, defaults=defaults)
        self.batches = parts.Batches(writer, clock=clock, defaults=defaults)
        self.policy = parts.Policy(writer, clock=clock, defaults=defaults)
        self.moderation = parts.Moderation(writer, clock=clock, defaults=defaults)
        self.servers = parts.Servers(writer, clock=clock, defaults=defaults)
        self.privacy = parts.Privacy(writer, clock=clock, defaults=defaults)
        self.takes = parts.Takes(writer, clock=clock, defaults=defaults)
        self.removals = parts.Removals(writer, clock=clock, defaults=defaults)
        self.files = parts.Files(writer, clock=clock, defaults=defaults)
        self.accounting = parts.Accounting(writer, clock=clock, defaults=defaults)
        self.alerts = monitoring.Alerts(writer, clock=clock, defaults=defaults)
        self.figures = monitoring.Figures(writer, clock=clock, defaults=defaults)
        self.dossiers = parts.Dossiers(writer, clock=clock, defaults=defaults)
        self.parkings = parts.Parkings(writer, clock=clock, defaults=defaults)
        self.pings = parts.Pings(writer, clock=clock, defaults=defaults)
        self.choices = parts.Choices(writer, clock=clock, defaults=defaults)
        self.greetings = parts.Greetings(writer, clock=clock, defaults=defaults)
        self.digests = parts.Digests(writer, clock=clock, defaults=defaults)
        self.outbox = parts.Outbox(writer, clock=clock, defaults=defaults)
        self.shots = parts.Shots(writer, clock=clock, defaults=defaults)
        self.reels = parts.Reels(writer, clock=clock, defaults=defaults)
        self.prompt_help = parts.PromptHelps(writer, clock=clock, defaults=defaults)

    @property
    def sure(self) -> bool:
        """Whether no other process can be the one that works with this store now."""
        return self.lease is None or self.lease.sure

    async def check(self, *, thorough: bool = False) -> list[str]:
        """List every rule of the books that is broken, a sentence each; see `checks.look`.

        Looks at what happened since the last check that found nothing, which is kept in the file;
        with *thorough*, and the very first time, at all of history.
        """
        known, whole_at = await self.writer.read(checking.remembered)
        if thorough or known is None:
            found, seen = await checking.all_of_it(self.writer)
            whole_at = self.clock.now()
        else:
            found, seen = await checking.what_is_new(self.writer, known)
        if not found and (thorough or known != seen):
            with suppress(DiskTrouble):  # the next one looks at as much
                await checking.remember(self.writer, seen, known, whole_at=whole_at)
        return found

    async def whole_check_is_due(self) -> bool:
        """Whether all of history was not looked at for a day."""
        _, whole_at = await self.writer.read(checking.remembered)
        return self.clock.now() - whole_at >= WHOLE

    async def look_for_damage(self) -> str | None:
        """What is damaged in the whole file, a sentence; None if it is whole, which is kept."""
        found = await self.writer.damage()
        if found is not None:
            return f"The database is damaged ({found}). Put a backup in its place."
        self.unproven = False
        return None

    async def premises(
        self,
        request: str,
        *,
        guild_id: int,
        channel_id: int,
        parent_id: int | None,
        user_id: int,
        built_on: Collection[int],
    ) -> Premises:
        """What is known of an order before it is checked, asked in one question."""
        return await self.writer.read(
            lambda db: premises(
                db,
                request,
                guild_id=guild_id,
                channel_id=channel_id,
                parent_id=parent_id,
                user_id=user_id,
                built_on=built_on,
                defaults=self.defaults,
            )
        )

    async def ours(self, job_ids: Collection[int]) -> Collection[int]:
        """Those of some jobs whose servers this process works for."""
        return await self.of_shards(job_ids, self.sharing.mine)

    async def of_shards(self, job_ids: Collection[int], shards: Collection[int]) -> Collection[int]:
        """Those of some jobs that are of servers of these *shards*."""
        if self.sharing.count == 1 or not job_ids:
            return job_ids
        return await self.jobs.of_shards(job_ids, self.sharing.count, shards)

    async def keep_time(self) -> None:
        """Note the moment: wherever the wall clock is set, the next start begins no earlier.

        Raises `DiskTrouble`.
        """
        now = self.clock.now()
        if self.clock.sure:
            await self.writer.write(lambda _: self.clock.settle(now))  # its commit writes it down
        if self.writer.unscrubbed or now - self._scrubbed >= SCRUBBED:
            await self.writer.scrub()
            self._scrubbed = now
