"""Has a provider stop a clip, and tells how long to wait until it surely did."""

import logging

from bot.errors import Busy, Refusal, Trouble, Unclear
from bot.jobs.calls import Tell, counted
from bot.providers import Order, Provider

log = logging.getLogger(__name__)


async def still_at_work(
    provider: Provider, order: Order, remote_id: str, *, called: Tell
) -> float | None:
    """Seconds until *provider* is asked again to stop a clip; None once it does no more for it."""
    try:
        with counted(called, provider.name, "cancel"):
            await provider.cancel(order, remote_id)
    except Trouble:
        raise
    except Refusal as refusal:
        log.info("Job %s could not be stopped: %s %s", order.job, refusal, refusal.raw)
    except (Busy, Unclear) as error:
        log.info("Job %s is not stopped yet: %s %s", order.job, error, error.raw)
        wait = error.retry_after if isinstance(error, Busy) else None
        return wait or provider.limits.poll_every
    return None
