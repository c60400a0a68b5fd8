"""What is said of takes: the line above a clip, its buttons, the board of a thread, a list."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import discord
from discord import ui

from bot import messages
from bot.assembly import PIECE
from storage import ENDED, Job, State, Take

RETAKE, EXTEND, REMOVE, FAVOURITE, SEND, APPROVE = "🔁", "⏩", "❌", "⭐", "✉️", "✅"
SEEDED = (RETAKE, EXTEND, FAVOURITE, SEND, REMOVE)  #: put under every clip, to be pressed
ACTIONS = frozenset({*SEEDED, APPROVE})
LISTED = 40  #: takes that a board lists; `/video takes` pages through all of them

_MADE = frozenset({State.DELIVERING, State.DONE, State.UNDELIVERED})
#: The buttons of a clip: verb, emoji, label. Two rows.
_BUTTONS = (
    (
        ("retake", RETAKE, "Retake…"),
        ("extend", EXTEND, "Extend…"),
        ("variation", "🎲", "Variation"),
        ("hdr", "🌈", "HDR"),
    ),
    (
        ("favourite", FAVOURITE, ""),
        ("send", SEND, "Send to me"),
        ("compare", "🆚", "Compare"),
        ("details", "🔎", "Details"),
        ("remove", REMOVE, ""),
    ),
)


def lineage(job: Job, parent: Take | None) -> str:
    """'retake of take 1 (3 to 5 s)': how a take came from its parent; "" for a first one."""
    near = parent is not None and parent.job.thread_id == job.thread_id
    if parent is not None and parent.number is not None and near:
        return messages.made_from(job, f"take {parent.number}")
    return messages.made_from(job)


def jump(take: Take) -> str:
    """The link to a take's newest post; "" where none stands."""
    if take.post is None:
        return ""
    channel, message = take.post
    return f"https://discord.com/channels/{take.job.guild_id}/{channel}/{message}"


def made_here(job: Job, title: str) -> str:
    """What Dailies did itself because the provider does not; "" where it did all of it."""
    plan = job.brief.plan
    if plan is None:
        return ""
    if (job.file or "").endswith(PIECE):
        return "it could not be joined to the other clip, so this is the new part alone"
    if plan.place == "part":
        return f"{title} has no retake of parts, so the part was made anew and put in here"
    if plan.place == "start":
        return (
            f"{title} does not extend at the start, so the new part was made from the first frame, "
            "is played backwards and has no sound of its own"
        )
    return f"{title} has no extension, so it was made from the edge frame and joined here"


def title_of(take: Take) -> str:
    """'take 3', or '#42' for one without a number yet."""
    return f"take {take.number}" if take.number is not None else f"#{take.job.id}"


def buttons(job: Job) -> ui.View:
    """What can be done with a clip, to stand under it; they work after every restart."""
    view = ui.View(timeout=None)
    for row, verbs in enumerate(_BUTTONS):
        for verb, emoji, label in verbs:
            view.add_item(
                ui.Button(
                    label=label or None,
                    emoji=emoji,
                    style=discord.ButtonStyle.secondary,
                    custom_id=f"do:take-{verb}:{job.id}",
                    row=row,
                )
            )
    view.stop()  # `cogs.takes.buttons` answers by the custom ids; nothing need be kept in memory
    return view


def legend(retake: str, extend: str) -> str:
    """The fixed defaults of the reactions, which carry no input."""
    return (
        f"-# {RETAKE} {retake} · {EXTEND} {extend} · {FAVOURITE} favourite · "
        f"{SEND} send to me · {REMOVE} delete · reply with words first to change the prompt"
    )


def line(take: Take, parent: Take | None, *, usd_per_credit: Decimal) -> str:
    """One take of a list."""
    job = take.job
    name, link = f"**{title_of(take)}**", jump(take)
    parts = [f"[{name}]({link})" if link and take.hidden_by is None else name]
    if take.number is not None:
        parts[0] += f" (#{job.id})"
    if said := lineage(job, parent):
        parts.append(said)
    if job.state not in _MADE:
        parts.append(messages.TITLES[job.state])
    parts.append(messages.inert(messages.elide(" ".join(job.brief.prompt.split()), 60)))
    if job.price and job.state not in ENDED - _MADE:
        parts.append(messages.price(job.price, usd_per_credit))
    parts.append(f"<@{job.user_id}>")
    if take.favourites:
        parts.append(f"{FAVOURITE} {take.favourites}" if take.favourites > 1 else FAVOURITE)
    if take.approved_by:
        parts.append(f"{APPROVE} approved")
    if take.hidden_by is not None:
        parts.append("deleted")
    elif take.dropped is not None:
        parts.append("file made room for newer ones")
    return " · ".join(part for part in parts if part)


def lines(takes: Sequence[Take], *, usd_per_credit: Decimal) -> list[str]:
    """A line for each take, oldest first."""
    known = {take.job.id: take for take in takes}
    return [
        line(take, known.get(take.job.brief.parent or 0), usd_per_credit=usd_per_credit)
        for take in takes
    ]


def board(takes: Sequence[Take], *, usd_per_credit: Decimal) -> ui.LayoutView:
    """The message at the top of a thread: its takes, their cost, what is running."""
    made = [take for take in takes if take.job.state in _MADE]
    running = [take for take in takes if take.job.state not in ENDED | _MADE]
    spent = sum(take.job.price for take in made)
    head = [f"{len(made)} {'take' if len(made) == 1 else 'takes'}"]
    head.append(f"{messages.price(spent, usd_per_credit)} so far")
    if running:
        head.append(f"{len(running)} under way")
    if approved := [take for take in made if take.approved_by]:
        head.append(f"approved: {_names(approved)}")
    if liked := [take for take in made if take.favourites]:
        head.append(f"favourites: {_names(liked)}")
    shown = [take for take in takes if take in made or take in running]
    text = ["### Takes", " · ".join(head)]
    if len(shown) > LISTED:
        text.append(f"-# … and {len(shown) - LISTED} earlier ones: `/video takes`")
        known = {take.job.id: take for take in takes}
        newest = shown[-LISTED:]
        text += [
            line(take, known.get(take.job.brief.parent or 0), usd_per_credit=usd_per_credit)
            for take in newest
        ]
    else:
        text += lines(shown, usd_per_credit=usd_per_credit)
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=0x4C7DD9)
    box.add_item(ui.TextDisplay(_shortened(text, 3900)))
    view.add_item(box)
    view.stop()
    return view


def _names(takes: Iterable[Take]) -> str:
    names = [title_of(take) for take in takes]
    return ", ".join(names[-10:])


def _shortened(text: list[str], limit: int) -> str:
    """The head and as many of the newest lines as fit."""
    head, rest = text[:2], text[2:]
    while rest and len("\n".join([*head, *rest])) > limit:
        rest.pop(0)
    return "\n".join([*head, *rest])
