"""Everything Dailies knows, and what concerns all of it: the checks, the time."""

from collections.abc import Collection

from . import parts
from .checks import Seen, accounts, rules
from .clock import Clock, advance
from .defaults import Defaults
from .schedule import Schedule
from .terms import Terms, terms
from .transactions import Transactions

SCRUBBED = 3600.0  #: seconds after which nothing that was deleted stands in the log of writes


class Store:
    """Everything Dailies knows. Its parts share one writer."""

    def __init__(
        self, writer: Transactions, *, clock: Clock, defaults: Defaults, schedule: Schedule
    ) -> None:
        self.writer = writer
        self.clock = clock  #: what every part is timed by
        self.defaults = defaults
        self.schedule = schedule  #: when jobs are due: every commit that changes one feeds it
        #: The last Dailies crashed, and nobody has looked since whether the file is whole.
        self.unproven = False
        self._seen = Seen()
        self._scrubbed = clock.now()
        self.jobs = parts.Jobs(writer, clock=clock, defaults=defaults)
        self.batches = parts.Batches(writer, clock=clock, defaults=defaults)
        self.policy = parts.Policy(writer, clock=clock, defaults=defaults)
        self.moderation = parts.Moderation(writer, clock=clock, defaults=defaults)
        self.servers = parts.Servers(writer, clock=clock, defaults=defaults)
        self.privacy = parts.Privacy(writer, clock=clock, defaults=defaults)
        self.takes = parts.Takes(writer, clock=clock, defaults=defaults)
        self.removals = parts.Removals(writer, clock=clock, defaults=defaults)
        self.files = parts.Files(writer, clock=clock, defaults=defaults)
        self.accounting = parts.Accounting(writer, clock=clock, defaults=defaults)
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

    async def check(self, *, thorough: bool = False) -> list[str]:
        """List every rule of the books that is broken, a sentence each; see `checks.look`.

        Looks at what happened since the last check that found nothing; with *thorough*, and the
        first time, at all of history.
        """
        since = Seen() if thorough else self._seen
        # One by one, so that all of history does not hold up an order.
        found, seen = await self.writer.read_long(lambda db: accounts(db, since))
        for rule in rules(since):
            found = await self.writer.read_long(rule.broken) + found
        if not found:
            self._seen = seen
        return found

    async def look_for_damage(self) -> str | None:
        """What is damaged in the whole file, a sentence; None if it is whole, which is kept."""
        found = await self.writer.damage()
        if found is not None:
            return f"The database is damaged ({found}). Put a backup in its place."
        self.unproven = False
        return None

    async def terms(self, guild_id: int, *, built_on: Collection[int]) -> Terms:
        """What holds now for an order in a server that builds on the clips *built_on*."""
        return await self.writer.read(lambda db: terms(db, guild_id, built_on, self.defaults))

    async def keep_time(self) -> None:
        """Note the moment: wherever the wall clock is set, the next start begins no earlier.

        Raises `DiskTrouble`.
        """
        now = self.clock.now()
        if self.clock.sure:
            await self.writer.write(lambda db: advance(db, now))
        if self.writer.unscrubbed or now - self._scrubbed >= SCRUBBED:
            await self.writer.scrub()
            self._scrubbed = now
