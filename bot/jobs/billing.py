"""What a provider said it billed for a job, in credits."""

from decimal import Decimal

from bot.catalog.bills import MOST, understood
from bot.catalog.price import in_credits
from bot.providers import Provider
from storage import Job


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
