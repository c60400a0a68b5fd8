"""What a start does first that goes on from a backup: the world is newer than its database."""

import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from bot.errors import Failure
from bot.providers import Provider
from storage import Job, Store

log = logging.getLogger(__name__)


async def go_on_from_backup(store: Store, providers: Mapping[str, Provider]) -> int:
    """Act on a backup that nobody has gone on from; the last number that it knew, 0 without one.

    What a provider had named is asked about as ever. What waited, or was just being sent, may have
    been made and paid for after the backup: those of a provider that can be sent the same twice go
    on, and all others wait for a moderator. Nothing is sent here. Raises `DiskTrouble`.
    """
    restored = await store.restorations.latest()
    if restored is None:
        return 0
    if restored.began_at is None:
        taken = datetime.fromtimestamp(restored.taken_at, UTC).strftime("%b %-d, %H:%M UTC")
        parked: list[Job] = await store.restorations.begin(
            idempotent={name for name, each in providers.items() if each.idempotent},
            failure=Failure.UNCLEAR,
            sentence=(
                f"Dailies was restored from a backup of {taken}. This clip may have been made "
                "after that, so it isn't ordered again."
            ),
            new_token=lambda: secrets.token_urlsafe(24),
        )
        log.warning(
            "Going on from the backup of %s; %s for a moderator", taken, _waiting(len(parked))
        )
        restored = await store.restorations.latest()
    return restored.last_job if restored is not None else 0


def _waiting(count: int) -> str:
    return "1 clip waits" if count == 1 else f"{count or 'no'} clips wait"
