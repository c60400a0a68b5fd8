"""The message that carries a clip: its prompt, the clip, its settings, what can be done with it."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bot.chat.board import EXTEND, FAVOURITE, REMOVE, RETAKE, SEND
from bot.chat.buttons import marked
from bot.chat.recognizing import Kind, job_part
from bot.orders.edits import Default
from bot.words.limits import costing
from bot.words.text import shown
from storage import Job

DONE = 0x2F9E6B
SAID, UNDER = 2000, 1500  #: characters above and below the clip; Discord takes 4000 of both

#: The buttons of a clip: verb, emoji, label. The second ones are behind “More…”.
BUTTONS = (
    (
        ("retake", RETAKE, "Retake…"),
        ("extend", EXTEND, "Extend…"),
        ("variation", "🎲", "Variation"),
        ("four", None, "×4"),
    ),
    (
        ("hdr", "🌈", "HDR"),
        ("favourite", FAVOURITE, "Favorite"),
        ("send", SEND, "Send to me"),
        ("compare", "🆚", "Compare"),
        ("details", "🔎", "Details"),
        ("remove", REMOVE, "Delete"),
    ),
)


def clip_message(
    job: Job,
    *,
    kind: Kind,
    said: str,
    files: Sequence[tuple[str, str]] = (),
    under: str = "",
    asks: bool = False,
    acts: bool = True,
    poster: tuple[str, str] | None = None,
) -> ui.LayoutView:
    """The layout of such a message.

    *files* are the names of what is attached, each with its alt text; *said* stands above them,
    *under* below, with *asks* beside a “?”. *acts*: buttons stand under it, which work after every
    restart. *poster*: a picture that is shown beside the words, and its alt text.
    """
    box: ui.Container[Any] = ui.Container(accent_colour=DONE, id=kind)
    words: ui.TextDisplay[Any] = ui.TextDisplay(shown(said, SAID), id=job_part(job))
    box.add_item(
        words
        if poster is None
        else ui.Section(
            words, accessory=ui.Thumbnail(f"attachment://{poster[0]}", description=poster[1])
        )
    )
    played = [each for each in files if not each[0].endswith(".zip")]
    if played:
        gallery: ui.MediaGallery[Any] = ui.MediaGallery()
        for name, alt in played:
            gallery.add_item(media=f"attachment://{name}", description=alt or None)
        box.add_item(gallery)
    for name, _ in files:
        if name.endswith(".zip"):  # a gallery takes pictures and clips, and nothing else
            box.add_item(ui.File(f"attachment://{name}"))
    if under:
        below: ui.TextDisplay[Any] = ui.TextDisplay(shown(under, UNDER))
        box.add_item(ui.Section(below, accessory=_act(job, "help", None, "?")) if asks else below)
    if acts:
        first: list[ui.Button[Any]] = [_act(job, *each) for each in BUTTONS[0]]
        box.add_item(ui.ActionRow(*first, _act(job, "more", None, "More…")))
    return _standing(box)


def more(job: Job, said: str) -> ui.LayoutView:
    """What else can be done with a clip, for the one who asked."""
    view = _standing(ui.TextDisplay(said))
    for start in range(0, len(BUTTONS[1]), 5):
        view.add_item(ui.ActionRow(*(_act(job, *each) for each in BUTTONS[1][start : start + 5])))
    return view


def prices_line(retake: Default, extend: Default) -> str:
    """'-# 🔁 24 credits · ⏩ 48 credits': what each reaction costs that can be given; else ""."""
    priced = [(RETAKE, retake.price), (EXTEND, extend.price)]
    parts = [f"{emoji} {costing(price)}" for emoji, price in priced if price is not None]
    return f"-# {' · '.join(parts)}" if parts else ""


def legend(retake: Default, extend: Default) -> str:
    """What the reactions do, which carry no input. Their prices stand beside it."""
    return (
        f"-# {RETAKE} {retake.words} · {EXTEND} {extend.words} · {FAVOURITE} favorite · "
        f"{SEND} send to me · {REMOVE} delete · to change the prompt, reply with words first"
    )


def guide(retake: Default, extend: Default) -> str:
    """The same for somebody who asked, with the prices of now and what the buttons ask for."""
    return "\n".join(
        [
            "### React to a clip",
            f"{RETAKE} {_priced(retake)}",
            f"{EXTEND} {_priced(extend)}",
            f"{FAVOURITE} mark it as a favorite · {SEND} send it to me · {REMOVE} delete it",
            "To change the prompt, reply to the clip with words first. Then react.",
            "### Or press a button",
            "**Retake…** asks which part, and with which words. Its form shows the price.",
            "**Extend…** asks how long, and at which end. Its form shows the price.",
            "**Variation** makes it again with another seed. **×4** does so four times.",
            "**More…** has the rest: HDR, favorite, send, compare, details, delete.",
        ]
    )


def _priced(default: Default) -> str:
    return default.words if default.price is None else f"{default.words} · {costing(default.price)}"


def _act(job: Job, verb: str, emoji: str | None, label: str) -> ui.Button[Any]:
    return ui.Button(
        label=label or None,
        emoji=emoji,
        style=discord.ButtonStyle.secondary,
        custom_id=marked(f"take-{verb}", job.id),
    )


def _standing(*parts: ui.Item[Any]) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    for part in parts:
        view.add_item(part)
    view.stop()  # `cogs.takes.buttons` answers by the custom ids; nothing need be kept in memory
    return view
