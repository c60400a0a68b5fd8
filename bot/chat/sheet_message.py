"""The messages about a batch: its card, its contact sheet, and that none of it was made."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import discord
from discord import ui

from bot.chat.buttons import button, marked
from bot.chat.clip_message import DONE
from bot.chat.recognizing import Kind, job_part
from bot.progress import Progress
from bot.words import batches as words
from bot.words.clips import quoted
from bot.words.endings import progress_line
from bot.words.text import inert, shown
from storage import MADE, PARKED, UNMADE, Bill, Job, State

UNDER_WAY, LOST = 0x4C7DD9, 0xC94F4F
SAID, UNDER = 2000, 1500  #: characters above and below the sheet


def card(
    jobs: Sequence[Job],
    glimpses: Mapping[int, Progress],
    bills: Mapping[int, Bill | None],
    *,
    title: str,
    usd_per_credit: Decimal,
    now: float,
    cancels: bool,
    origin: str = "",
    ended: Sequence[ui.Button[Any]] = (),
) -> ui.LayoutView:
    """The message that shows where each job of a batch stands. *title* is how its provider writes
    itself; *cancels*: whether that one can stop a clip; *origin*: what all are made from; *ended*:
    the buttons for those that were not made."""
    first, over = jobs[0], words.over(jobs)
    lines = [f"### {_sign(jobs)} {words.title(jobs)} · #{first.id}", quoted(first)]
    lines += [_line(job, glimpses.get(job.id, Progress()), now) for job in jobs]
    if origin:
        lines.append(f"-# {origin}")
    cost = words.cost([bills.get(job.id) for job in jobs], usd_per_credit, done=over)
    lines.append(words.settings(first, title))
    lines.append(f"-# {cost} · for <@{first.user_id}>")
    colour = UNDER_WAY
    if over:
        colour = DONE if any(job.state in MADE for job in jobs) else LOST
    box: ui.Container[Any] = ui.Container(accent_colour=colour, id=Kind.CARD)
    box.add_item(ui.TextDisplay(shown("\n".join(filter(None, lines))), id=job_part(first)))
    if any(_stoppable(job, cancels=cancels) for job in jobs):
        row: ui.ActionRow[Any] = ui.ActionRow()
        # Handled in `cogs.takes.batches`, also after a restart.
        row.add_item(button("Cancel what is left", "batch-cancel", first.id, emoji="✖️"))
        box.add_item(row)
    return _standing(box, ended)


def _sign(jobs: Sequence[Job]) -> str:
    """How a batch went, at a glance."""
    if not words.over(jobs):
        return "🎬"
    states = {job.state for job in jobs}
    if states <= MADE:
        return "✅"
    if states & MADE:
        return "⚠️"
    if states & PARKED:
        return "❓"
    return "🚫" if states == {State.CANCELLED} else "❌"


def _line(job: Job, glimpse: Progress, now: float) -> str:
    """'**2** (#43) Rendering · ████ 40%'."""
    parts = [f"**{job.batch_place}** (#{job.id}) {words.stands(job, glimpse)}"]
    if job.state is State.RENDERING and (progress := progress_line(job, glimpse, now)):
        parts.append(progress)
    if job.error and job.state not in MADE:
        parts.append(inert(job.error))
    if job.note:
        parts.append(inert(job.note))
    return " · ".join(parts)


def _stoppable(job: Job, *, cancels: bool) -> bool:
    if job.cancelled_by is not None:
        return False
    return job.state is State.QUEUED or (job.state is State.RENDERING and cancels)


def sheet(
    jobs: Sequence[Job],
    *,
    said: str,
    takes: Collection[int],
    file: str | None,
    alt: str,
    under: str = "",
    acts: bool = True,
    ended: Sequence[ui.Button[Any]] = (),
) -> ui.LayoutView:
    """The contact sheet of *jobs*, of which *takes* were made: *file* is the name of what is
    attached. *acts*: a row of numbers, each of which posts its take, and a row of “More like”;
    *ended*: the buttons for those that were not made."""
    first = jobs[0]
    box: ui.Container[Any] = ui.Container(accent_colour=DONE, id=Kind.SHEET)
    box.add_item(ui.TextDisplay(shown(said, SAID), id=job_part(first)))
    if file is not None:
        gallery: ui.MediaGallery[Any] = ui.MediaGallery()
        gallery.add_item(media=f"attachment://{file}", description=alt or None)
        box.add_item(gallery)
    if under:
        box.add_item(ui.TextDisplay(shown(under, UNDER)))
    if acts:
        for verb, label in (("batch-show", "{}"), ("batch-more", "More like {}")):
            row: ui.ActionRow[Any] = ui.ActionRow()
            for job in jobs:
                row.add_item(
                    ui.Button(
                        label=label.format(job.batch_place),
                        style=discord.ButtonStyle.secondary,
                        custom_id=marked(verb, job.id),
                        disabled=job.id not in takes,
                    )
                )
            box.add_item(row)
    return _standing(box, ended)


def bad_news(
    jobs: Sequence[Job], said: str, *, ended: Sequence[ui.Button[Any]] = ()
) -> ui.LayoutView:
    """The message that none of *jobs* was made; *ended*: the buttons for them."""
    box: ui.Container[Any] = ui.Container(accent_colour=LOST, id=Kind.UNMADE)
    box.add_item(ui.TextDisplay(shown(said), id=job_part(jobs[0])))
    return _standing(box, ended)


def alt_text(jobs: Sequence[Job], takes: Collection[int]) -> str:
    """What the sheet shows, for those who cannot see it."""
    prompt = " ".join(jobs[0].brief.prompt.split())
    lost = [str(job.batch_place) for job in jobs if job.state in UNMADE]
    missing = f" Not made: {', '.join(lost)}." if lost else ""
    return f"{len(takes)} takes side by side, numbered.{missing} {prompt}"[:1024]


def _standing(box: ui.Container[Any], ended: Sequence[ui.Button[Any]]) -> ui.LayoutView:
    if ended:  # handled in `cogs.takes.ended`
        box.add_item(ui.ActionRow(*ended))
    view = ui.LayoutView(timeout=None)
    view.add_item(box)
    view.stop()  # `cogs.takes.batches` answers by the custom ids; nothing need be kept in memory
    return view
