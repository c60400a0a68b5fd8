"""What `/healthz` looks at: the gateway, and whether the data can really be written."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.chat.bot import Dailies
from storage import DiskTrouble, Store

QUIET = 60.0  #: seconds without a heartbeat after which the gateway counts as lost
WITHIN = 4.0  #: seconds that the storage is given to answer
SAMPLE = b"\0" * 65_536  #: what is written to see whether the disk takes anything
PROBE = ".health"

Check = Callable[[], Awaitable[str | None]]


def gateway_check(bot: Dailies) -> Check:
    """Whether Discord can reach us."""

    async def check() -> str | None:
        if bot.is_closed() or not bot.is_ready():
            return "not connected to Discord"
        latency = bot.latency
        return None if latency < QUIET else "Discord has not answered for a minute"

    return check


def storage_check(store: Store, data: Path) -> Check:
    """Whether the database takes a write, and the disk of *data* a file."""

    async def check() -> str | None:
        try:
            async with asyncio.timeout(WITHIN):
                await store.writer.touch()
                await asyncio.to_thread(_write_a_file, data / PROBE)
        except TimeoutError:
            return "the database doesn't answer"
        except DiskTrouble as trouble:
            return str(trouble).rstrip(".")
        except OSError as error:
            return f"nothing can be written to {data} ({error.strerror})"
        return None

    return check


def _write_a_file(path: Path) -> None:
    try:
        with path.open("wb") as file:
            file.write(SAMPLE)
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)
