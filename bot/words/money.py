"""What a job costs, in words: each figure is the ledger's, so that no card says what is not so."""

from decimal import Decimal

from storage import PARKED, Bill, Job, State


def price(credits: int, usd_per_credit: Decimal) -> str:
    """'free', or '48 credits (≈ $0.48)'."""
    if credits == 0:
        return "free"
    word = "credit" if credits == 1 else "credits"
    return f"{credits:,} {word} (≈ ${credits * usd_per_credit:,.2f})"


def on_card(job: Job, bill: Bill | None, usd_per_credit: Decimal) -> str:
    """What stands on a card: 'will cost 48 credits (≈ $0.48)', 'not charged', …

    Without a *bill* the job was never reserved, and only its price can be said.
    """
    if bill is None or bill.reserved == 0:
        return price(job.price, usd_per_credit)
    if not bill.settled:
        said = price(bill.held, usd_per_credit)
        if bill.house:
            return f"free in the slow lane ({said} from the server's budget)"
        if job.state in PARKED:
            return f"{said} on hold until a moderator decides"
        return said if job.state is State.DELIVERING else f"will cost {said}"
    if bill.spent:
        said = price(bill.spent, usd_per_credit)
        return f"free in the slow lane ({said})" if bill.house else said
    return "not charged"  # what the provider may bill is for moderators


def at_end(job: Job, bill: Bill | None, usd_per_credit: Decimal) -> str:
    """The sentence about money behind the news that a job ended without a clip, or is parked.

    What its provider bills for it nevertheless is for moderators: `/studio unclear`, `/quota
    report`.
    """
    if bill is None or bill.reserved == 0:
        return "It was free." if job.price == 0 else ""
    if not bill.settled:
        return f"{price(bill.held, usd_per_credit)} on hold until then."
    if bill.spent:
        return f"You were charged {price(bill.spent, usd_per_credit)}."
    return "You were not charged."
