"""Looks every minute whether the books add up; while they do not, no orders are taken."""

import asyncio
import logging
from contextlib import suppress

from bot.studio import Studio
from storage import DiskTrouble

log = logging.getLogger(__name__)

EVERY = 60.0  #: seconds between two looks
THOROUGH = 24 * 60  #: every so many looks reads all of history too, as the first one does
SAID = 20  #: broken rules that are logged


class Audit:
    """The bot's own bookkeeper."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._store = studio.store
        self._looks = 0
        self.broken: list[str] = []  #: what did not hold at the last look, a sentence each

    async def look(self, *, thorough: bool | None = None) -> list[str]:
        """Check the rules once, stop or resume orders by what is found, and return it."""
        if thorough is None:
            thorough = self._looks % THOROUGH == 0
        self._looks += 1
        found = await self._store.check(thorough=thorough)
        for sentence in found[:SAID]:
            log.error("The books do not add up: %s", sentence)
        if self.broken and not found and not thorough:
            # What only history shows is not mended because a quick look does not see it.
            found = await self._store.check(thorough=True)
        if self.broken and not found:
            log.warning("The books add up again; orders are taken.")
        self.broken = found
        self._studio.halted = bool(found)
        return found

    async def run(self) -> None:
        """Look now and every minute; forget those whose time has come. Until cancelled."""
        while True:
            with suppress(DiskTrouble):  # the storage's own check tells of it
                await self._store.keep_time()
                await self.look()
                await self._store.privacy.tidy()
            await asyncio.sleep(EVERY)

    async def trouble(self) -> str | None:
        """What /healthz says."""
        if not self.broken:
            return None
        return f"the books do not add up, so no orders are taken: {self.broken[0]}"
