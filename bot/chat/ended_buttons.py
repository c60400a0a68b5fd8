"""The buttons of clips that came to nothing: try again, edit and try, another provider.

What they do and the price that was shown stand in their custom ids, so that they work for as long
as the message does. `cogs/takes/ended.py` answers them.
"""

from collections.abc import Sequence
from typing import Any

import discord

from bot.chat.buttons import button
from bot.chat.next_steps import described
from bot.orders.quote import Quote
from bot.orders.reordering import Reorders
from bot.words.batches import over
from bot.words.limits import costing
from storage import UNMADE, Job, Mode, Offer


class EndedButtons:
    """Makes the buttons, with the prices as they are when it is asked."""

    def __init__(self, reorders: Reorders) -> None:
        self._reorders = reorders

    def of(self, job: Job) -> list[discord.ui.Button[Any]]:
        """The buttons of *job*; none unless it ended without a clip."""
        if job.state not in UNMADE:
            return []
        same = self._reorders.same(job)
        label = "Try again" if same is None else f"Try again · {costing(same.price)}"
        about = f"{job.id}" if same is None else f"{job.id}:{same.price}"
        found = [button(label, "try", about, style=discord.ButtonStyle.primary)]
        if job.brief.mode is not Mode.HDR:  # it has no words, no length and no size
            found.append(button("Edit and try…", "try-edited", job.id, emoji="✏️"))
        other = self._reorders.elsewhere(job)
        if other is not None:
            about = f"{job.id}:{other.provider.name}:{other.price}"
            label = described("Other provider: ", _offer(other), wanted=job.brief)
            found.append(button(label, "try-elsewhere", about))
        return found

    def of_takes(self, jobs: Sequence[Job]) -> list[discord.ui.Button[Any]]:
        """The button of a batch: it orders once more those takes that were not made; none where
        all were, or one is still being made."""
        lost = [job for job in jobs if job.state in UNMADE]
        if not lost or not over(jobs):
            return []
        same, batch = self._reorders.same_takes(lost), jobs[0].batch or jobs[0].id
        label = f"Try again: {len(lost)} take{'' if len(lost) == 1 else 's'}"
        if same is not None:
            label += f" · {costing(same.price)}"
        about = f"{batch}" if same is None else f"{batch}:{same.price}"
        return [button(label, "try-takes", about, style=discord.ButtonStyle.primary)]


def _offer(quote: Quote) -> Offer:
    return Offer(
        provider=quote.provider.name, model=quote.model.name, brief=quote.brief, price=quote.price
    )
