"""What is said of several takes of one order: on their card, their sheet, in their bad news."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from bot.progress import Progress
from bot.words import money
from bot.words.clips import TITLES, settings_line
from bot.words.endings import headline
from bot.words.limits import in_words
from bot.words.text import inert
from storage import ENDED, MADE, PARKED, UNMADE, Bill, Job, State


def in_cell(job: Job) -> str:
    """What stands in the cell of a take without a clip: 'failed'."""
    return TITLES[job.state].lower()


def title(jobs: Sequence[Job]) -> str:
    """'4 takes: 2 made, 1 rendering, 1 queued'."""
    counted: dict[str, int] = {}
    for job in jobs:
        word = "made" if job.state in MADE else TITLES[job.state].lower()
        counted[word] = counted.get(word, 0) + 1
    if len(counted) == 1:
        return f"{len(jobs)} takes: {next(iter(counted))}"
    return f"{len(jobs)} takes: " + ", ".join(f"{count} {word}" for word, count in counted.items())


def stands(job: Job, glimpse: Progress) -> str:
    """Where one of them stands, in a few words."""
    if job.state is State.DELIVERING:
        return "Made"  # it waits for the others
    return headline(job, glimpse)


def cost(bills: Sequence[Bill | None], usd_per_credit: Decimal, *, done: bool) -> str:
    """What all of them cost together: the ledger's sums. *done*: all have been made, or ended."""
    known = [bill for bill in bills if bill is not None and bill.reserved]
    held = sum(bill.held for bill in known if not bill.settled)
    spent = sum(bill.spent for bill in known if bill.settled)
    if not known:
        return "free"
    said = money.price(held + spent, usd_per_credit)
    if any(bill.house for bill in known):
        return f"free in the slow lane ({said} from the server's budget)"
    if held and not done:
        so_far = f", {in_words(spent)} so far" if spent else ""
        return f"will cost {said}{so_far}"
    return said if held or spent else "not charged"


def losses(
    jobs: Sequence[Job], bills: Mapping[int, Bill | None], *, shown: Sequence[int], usd: Decimal
) -> list[str]:
    """A line for each take that has no clip on the sheet: why, and what it cost."""
    return [
        f"**{job.batch_place}** (#{job.id}) {inert(_loss(job, bills.get(job.id), usd))}"
        for job in jobs
        if job.id not in shown
    ]


def _loss(job: Job, bill: Bill | None, usd: Decimal) -> str:
    """'failed: The provider rejected this prompt. You were not charged.'"""
    why = (job.error or "").rstrip(".")
    what = f"{in_cell(job)}{f': {why}' if why else ''}."
    charged = money.at_end(job, bill, usd) if job.state in UNMADE | PARKED else ""
    return f"{what} {charged}".rstrip()


def shortfall(
    jobs: Sequence[Job], bills: Mapping[int, Bill | None], *, shown: Sequence[int], usd: Decimal
) -> str:
    """What stands with the only take of a batch that is ready, without marks of its own."""
    lost = [
        f"#{job.id} {_loss(job, bills.get(job.id), usd)}" for job in jobs if job.id not in shown
    ]
    return "\n".join([f"It is the only one of {len(jobs)} takes that is ready.", *lost])


def bad_news(jobs: Sequence[Job], bills: Mapping[int, Bill | None], usd: Decimal) -> str:
    """The message about takes of which none was made."""
    lines = losses(jobs, bills, shown=(), usd=usd)
    first = jobs[0]
    return "\n".join(
        [f"<@{first.user_id}> **#{first.id}**: none of {len(jobs)} takes was made.", *lines]
    )


def ready(jobs: Sequence[Job], shown: Sequence[int], said_cost: str) -> str:
    """The first line of a sheet; it pings who ordered it, once."""
    first = jobs[0]
    what = (
        f"{len(shown)} takes" if len(shown) == len(jobs) else f"{len(shown)} of {len(jobs)} takes"
    )
    verb = "are" if len(shown) > 1 else "is"
    return f"<@{first.user_id}> **#{first.id}**: {what} {verb} ready · {said_cost}"


def legend(takes: int, price: int | None) -> str:
    """What the reactions and buttons under a sheet do."""
    cost = "" if price is None else f" ({in_words(price) if price else 'free'})"
    return (
        f"-# A number posts that take in full · 🔁 {takes} new takes, new seeds{cost} · "
        "❌ delete · to extend or retake one, post it first"
    )


def settings(job: Job, title: str) -> str:
    """What all of them were made with: each has a seed of its own. *title*: their provider's."""
    alike = replace(job, brief=job.brief.but(seed=None))
    return f"-# {inert(title)} · {settings_line(alike)}"


def over(jobs: Sequence[Job]) -> bool:
    """Whether nothing of a batch is being made any more."""
    return all(job.state in ENDED | PARKED or job.state is State.DELIVERING for job in jobs)
