"""The parts that health, metrics and alerts look at, and what answers an operator over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.app.background import Background
from bot.app.backups import Backups
from bot.app.probes import (
    Check,
    figures,
    gateway_check,
    progress_check,
    room_check,
    storage_check,
    sure_check,
    turning_check,
)
from bot.app.web import Web
from bot.app.webhooks import Webhooks
from bot.chat.bot import Dailies
from bot.files.bucket_sync import BucketSync
from bot.files.cache import ClipCache
from bot.jobs.slots import Slots
from bot.jobs.worker import Worker
from bot.moderation.books import BooksCheck
from bot.providers import Provider, Remarks
from bot.settings import Settings
from storage import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitored:
    """What there is to look at in one deployment."""

    settings: Settings
    store: Store
    providers: Mapping[str, Provider]
    bot: Dailies
    worker: Worker
    slots: Slots
    cache: ClipCache
    audit: BooksCheck
    background: Background
    bucket_sync: BucketSync | None
    webhooks: Webhooks | None
    backups: Backups | None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.settings.dailies_data


def web_of(
    parts: Monitored,
    *,
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]],
    clock: Callable[[], float],
) -> Web:
    """What the operator, and providers that call back, ask over HTTP."""
    bot, worker, token = parts.bot, parts.worker, parts.settings.dailies_metrics_token
    checks = [
        *(gateway_check(bot), storage_check(parts.store, parts.data), room_check(parts.cache)),
        *(
            sure_check(parts.store),
            turning_check(worker),
            progress_check(worker),
            parts.audit.trouble,
        ),
    ]
    return Web(
        checks,
        alive=[turning_check(worker), parts.background.trouble],
        remarks=_remarks(parts),
        figures=figures(bot, worker, parts.cache),
        metrics=metrics,
        metrics_token=None if token is None else token.get_secret_value(),
        called_back=worker.callbacks.hear,
        clock=clock,
    )


def _remarks(parts: Monitored) -> list[Check]:
    """What an operator should know, though the bot works all the same."""
    remarks: list[Check] = [parts.audit.remark, parts.worker.trouble]
    remarks += [each.remark for each in parts.providers.values() if isinstance(each, Remarks)]
    if parts.bucket_sync is not None:
        remarks.append(_bucket_remark(parts.bucket_sync))
    if parts.webhooks is not None:
        remarks.append(parts.webhooks.trouble)
    if parts.backups is not None:
        remarks.append(parts.backups.remark)
    return remarks


def _bucket_remark(bucket_sync: BucketSync) -> Check:
    async def remark() -> str | None:
        return bucket_sync.trouble

    return remark
