"""What `/livez`, `/readyz` and `/healthz` look at: each part as it is now, by really using it.

Alive is what a restart would mend: the worker's loop, and the tasks beside it. Ready is whether
orders can be taken and made: Discord, the database, the disk, the worker, the books. That Discord
or the disk is in trouble mends no restart, so it is not asked of liveness.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from bot.chat.bot import Dailies
from bot.chat.heartbeat import Heartbeat, heartbeat
from bot.errors import Refusal
from bot.files.cache import ClipCache
from bot.jobs.worker import Worker
from storage import DiskTrouble, Store

QUIET = 60.0  #: seconds without a heartbeat after which the gateway counts as lost, at least
MISSED = 1.5  #: heartbeats: Discord asks for one in 41 s
WITHIN = 4.0  #: seconds that the storage is given to answer
STUCK = 120.0  #: seconds without a turn after which the worker's loop counts as stuck
BEHIND = 120.0  #: seconds that a job may be due before the worker counts as behind
SAMPLE = b"\0" * 65_536  #: what is written to see whether the disk takes anything
PROBE = ".health"

Check = Callable[[], Awaitable[str | None]]
Figures = Callable[[], Mapping[str, float | None]]


def answers(beat: Heartbeat, *, quiet: float = QUIET) -> bool:
    """Whether Discord's last answer to a heartbeat is recent."""
    return beat.answered_ago < max(quiet, MISSED * beat.every)


def gateway_check(bot: Dailies, *, quiet: float = QUIET) -> Check:
    """Whether Discord can reach us: by the last answer to a heartbeat, which has to be recent."""

    async def check() -> str | None:
        if bot.is_closed() or not bot.is_ready():
            return "not connected to Discord"
        beat = heartbeat(bot)
        if beat is None:
            return "not connected to Discord"
        if lost := bot.lost():
            return f"shard {lost[0]} isn't connected to Discord"
        if answers(beat, quiet=quiet):
            return None
        return f"Discord has not answered a heartbeat for {beat.answered_ago:.0f} s"

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


def sure_check(store: Store) -> Check:
    """Whether this process surely is the bot: without its database for long, nobody knows."""

    async def check() -> str | None:
        if store.sure:
            return None
        return "cut off from the database for so long that another Dailies may take over"

    return check


def room_check(cache: ClipCache) -> Check:
    """Whether as much of the disk is free as orders need."""

    async def check() -> str | None:
        try:
            cache.check()
        except Refusal:
            return f"less than {cache.spare_gib:g} GiB free on the disk, so no orders are taken"
        except OSError as error:
            return f"the disk's free space can't be read ({error.strerror})"
        return None

    return check


def turning_check(worker: Worker) -> Check:
    """Whether the worker's loop goes round."""

    async def check() -> str | None:
        idle = worker.idle()
        if idle is None or idle < STUCK:
            return None
        return f"the worker has been stuck for {idle:.0f} s"

    return check


def progress_check(worker: Worker) -> Check:
    """Whether the worker comes round to what is due."""

    async def check() -> str | None:
        behind = worker.behind()
        return None if behind < BEHIND else f"the worker is {behind:.0f} s behind"

    return check


def figures(bot: Dailies, worker: Worker, cache: ClipCache) -> Figures:
    """What `/healthz` shows beside what it found, in seconds and bytes; None for what is unknown.

    Nobody has to write anything in a quiet server, so the age of the last event proves nothing.
    """

    def read() -> Mapping[str, float | None]:
        beat = heartbeat(bot)
        return {
            "heartbeat_age_seconds": None if beat is None else round(beat.answered_ago, 1),
            "last_event_age_seconds": _rounded(bot.last_event_ago()),
            "worker_idle_seconds": _rounded(worker.idle()),
            "worker_behind_seconds": _rounded(worker.behind()),
            "disk_free_bytes": free_bytes(cache),
        }

    return read


def free_bytes(cache: ClipCache) -> int | None:
    """Bytes that are free on the disk; None where nobody can say."""
    try:
        return cache.free_bytes()
    except OSError:
        return None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _write_a_file(path: Path) -> None:
    try:
        with path.open("wb") as file:
            file.write(SAMPLE)
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)
