"""What a provider said it billed for a job, in credits."""

import logging
import math
from decimal import Decimal

from bot.catalog.models import in_credits
from bot.providers import Provider
from storage import Job

log = logging.getLogger(__name__)

#: Credits that the ledger can book at once. Of a bill beyond it, this much is booked; it is told
#: of as every bill above its price is.
MOST = 10**12
#: The largest bill that is kept as it was said; beyond it the number means nothing anyway.
MOST_SAID = 1e15


def billed(job: Job, provider: Provider | None, usd_per_credit: Decimal) -> int | None:
    """Whole credits that cover what *provider* billed, at most `MOST`; None: it did not say."""
    cost = understood(job.cost, of=f"job {job.id}")
    if cost is None or provider is None:
        return None
    model = next((model for model in provider.models if model.name == job.model), None)
    capability = model.capability(job.brief.mode) if model is not None else None
    if capability is None:
        return None
    dollars = Decimal(str(cost)) * capability.price.usd_per_unit
    return min(in_credits(dollars, usd_per_credit), MOST)


def understood(cost: object, *, of: str) -> float | None:
    """A bill as a number; None, with a line in the log, for what is not one. It is never taken
    for zero: a clip whose bill nobody understands costs what was quoted.

    *of* names whose it is.
    """
    if cost is None:
        return None
    if isinstance(cost, bool) or not isinstance(cost, int | float) or cost != cost or cost < 0:
        log.warning("The bill of %s is not understood: %.60r", of, cost)
        return None
    if cost > MOST_SAID:
        log.error("The bill of %s is absurd: %.60s", of, _shown(cost))
        return MOST_SAID if isinstance(cost, int) or math.isfinite(cost) else None
    return float(cost)


def _shown(cost: float) -> str:
    # Python refuses to write very long whole numbers out.
    return f"a number of {cost.bit_length()} bits" if isinstance(cost, int) else repr(cost)
