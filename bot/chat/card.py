"""The messages that show a job: its card, its result, its details, the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from discord import ui

from bot.chat.buttons import button
from bot.chat.recognizing import Kind, job_part, notice_kind
from bot.progress import Progress
from bot.words.clips import (
    BACKWARDS,
    TITLES,
    alt_text,
    made_from,
    poster_name,
    quoted,
    repeats,
    settings_line,
)
from bot.words.endings import headline, progress_line
from bot.words.links import jump
from bot.words.modes import MODE_WORDS
from bot.words.money import on_card
from bot.words.money import price as price
from bot.words.text import elide as elide
from bot.words.text import fits, shown
from bot.words.text import inert as inert
from storage import UNRENDERED, Bill, Job, State

_SIGNS: Mapping[State, str] = {
    State.QUEUED: "⏳",
    State.SUBMITTING: "📨",
    State.RENDERING: "🎬",
    State.FETCHING: "💾",
    State.DELIVERING: "📤",
    State.DONE: "✅",
    State.UNDELIVERED: "📦",
    State.FAILED: "❌",
    State.CANCELLED: "🚫",
    State.EXPIRED: "⌛",
    State.UNCLEAR: "❓",
    State.REVIEW: "🔎",
    State.CLOSED: "📁",
}

_UNDER_WAY = 0x4C7DD9

_COLOURS: Mapping[State, int] = {
    State.QUEUED: 0x8A8F98,
    State.SUBMITTING: _UNDER_WAY,
    State.RENDERING: _UNDER_WAY,
    State.FETCHING: _UNDER_WAY,
    State.DELIVERING: _UNDER_WAY,
    State.DONE: 0x2F9E6B,
    State.FAILED: 0xC94F4F,
    State.EXPIRED: 0xC94F4F,
    State.CANCELLED: 0x6B6F76,
    State.CLOSED: 0x6B6F76,
    State.UNCLEAR: 0xD08B2C,
    State.REVIEW: 0xD08B2C,
    State.UNDELIVERED: 0xD08B2C,
}


def card(
    job: Job,
    glimpse: Progress,
    *,
    title: str,
    bill: Bill | None,
    usd_per_credit: Decimal,
    now: float,
    cancels: bool = True,
    origin: str | None = None,
    poster: bool = False,
    buttons: Sequence[ui.Button[Any]] = (),
) -> ui.LayoutView:
    """The message that shows where *job* stands. *title* is how its provider writes itself,
    *origin* what it is made from, where more than its number is known. *buttons* stand below.

    With *poster*, a file called `poster_name` goes with it and is shown beside the text.
    """
    lines = [f"### {_SIGNS[job.state]} {headline(job, glimpse)} · #{job.id}"]
    if prompt := quoted(job):
        lines.append(prompt)
    if progress := progress_line(job, glimpse, now):
        lines.append(progress)
    if job.error:
        lines.append(inert(job.error))
    if job.note:
        lines.append(f"-# {inert(job.note)}")
    if made := made_from(job) if origin is None else origin:
        lines.append(f"-# {made}")
    if job.brief.plan is not None and job.brief.plan.place == "start":
        lines.append(f"-# {BACKWARDS}")
    lines.append(f"-# {inert(title)} · {settings_line(job)}")
    lines.append(f"-# {on_card(job, bill, usd_per_credit)} · for <@{job.user_id}>")
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=_COLOURS[job.state], id=Kind.CARD)
    text: ui.TextDisplay[ui.LayoutView] = ui.TextDisplay(shown("\n".join(lines)), id=job_part(job))
    if poster:
        picture: ui.Thumbnail[ui.LayoutView] = ui.Thumbnail(
            f"attachment://{poster_name(job)}", description=alt_text(job)
        )
        box.add_item(ui.Section(text, accessory=picture))
    else:
        box.add_item(text)
    if job.state in UNRENDERED and job.cancelled_by is None:
        stoppable = job.state is State.QUEUED or (job.state is State.RENDERING and cancels)
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        if stoppable:
            # Handled in `cogs.video.queue`, also after a restart.
            row.add_item(button("Cancel", "cancel", job.id, emoji="✖️"))
            box.add_item(row)
    if buttons:
        box.add_item(_row(buttons))
    view.add_item(box)
    return view


def said(
    job: Job,
    *,
    bill: Bill | None,
    usd_per_credit: Decimal,
    take: str = "",
    note: str = "",
) -> str:
    """What stands above the finished clip; it pings its requester, once.

    *take* says which one it is, *note* what is to be known of its file.
    """
    lines = [
        f"<@{job.user_id}> **#{job.id}** is ready",
        quoted(job),
        f"-# {' · '.join(filter(None, (take, on_card(job, bill, usd_per_credit))))}",
        note,
        inert(job.note) if job.note else "",
    ]
    return "\n".join(filter(None, lines))


def settings(job: Job, *, title: str, seconds: float | None = None) -> str:
    """What a clip was made with. *seconds*: its length."""
    return f"-# {inert(title)} · {settings_line(job, seconds)}"


def notice(job: Job, text: str, *, buttons: Sequence[ui.Button[Any]] = ()) -> ui.LayoutView:
    """The message that says how *job* ended without a clip, or why it is parked.

    *buttons* stand below.
    """
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container(
        accent_colour=_COLOURS[job.state], id=notice_kind(job)
    )
    box.add_item(ui.TextDisplay(shown(text), id=job_part(job)))
    if buttons:
        box.add_item(_row(buttons))
    view.add_item(box)
    view.stop()
    return view


def _row(buttons: Sequence[ui.Button[Any]]) -> ui.ActionRow[ui.LayoutView]:
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    for each in buttons:
        row.add_item(each)
    return row


def details(
    job: Job,
    *,
    title: str,
    bill: Bill | None,
    usd_per_credit: Decimal,
    seconds: float | None = None,
) -> str:
    """All there is to know about a job, for `/video show`. *seconds*: its clip's length."""
    since, asked = f"<t:{int(job.since)}:R>", f"<t:{int(job.created_at)}:f>"
    lines = [
        f"### {_SIGNS[job.state]} {TITLES[job.state]} · #{job.id}",
        quoted(job, limit=1500),
        f"{inert(title)} · {settings_line(job, seconds)}",
        f"{on_card(job, bill, usd_per_credit)} · ordered by <@{job.user_id}> {asked}",
        f"-# {TITLES[job.state]} {since}",
    ]
    if job.error:
        lines.insert(2, inert(job.error))
    if job.note:
        lines.insert(2, inert(job.note))
    if sent := repeats(job, title):
        lines.append(f"-# #{job.id} {inert(sent)}")
    if job.card_id and job.card_channel_id:
        lines.append(f"Card: {jump(job.guild_id, job.card_channel_id, job.card_id)}")
    if job.result_id:
        place = job.thread_id or job.channel_id
        lines.append(f"Result: {jump(job.guild_id, place, job.result_id)}")
    return "\n".join(filter(None, lines))


def queue(jobs: Sequence[Job], glimpses: Mapping[int, Progress]) -> str:
    """What is in progress in a server."""
    if not jobs:
        return "Nothing is in progress. `/video text` makes a clip."
    lines = ["### In progress"]
    for job in jobs:
        place = jump(job.guild_id, job.card_channel_id, job.card_id)
        words = inert(elide(" ".join(job.brief.prompt.split()), 60)) or MODE_WORDS[job.brief.mode]
        stands = headline(job, glimpses.get(job.id, Progress()))
        lines.append(f"**#{job.id}** {stands} · {words} · <@{job.user_id}> {place}".rstrip())
    while not fits("\n".join(lines), 4000):
        lines.pop()
    return "\n".join(lines)


def wordless(job: Job) -> Job:
    """*job* without any words but ours, where Discord does not take those that others wrote."""
    return replace(job, brief=job.brief.but(prompt=""), error=None, note=None)
