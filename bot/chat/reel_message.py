"""The messages about a reel: what it would be, how far it is, and the reel with its lists."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bot.chat.buttons import button
from bot.chat.recognizing import Kind
from bot.orders.reels import Made, Plan
from bot.words import shots as words
from bot.words.text import elide, shown
from storage import Reel

DONE, UNDER_WAY, LOST = 0x2F9E6B, 0x4C7DD9, 0xC94F4F
VERB = "reel-make"


def plan(planned: Plan) -> ui.LayoutView:
    """What a reel would be; with a button where somebody has to say yes."""
    reel = planned.reel
    said = words.plan(len(reel.cut), planned.seconds, slate=reel.slate, waiting=planned.waiting)
    lines = [
        said,
        words.without("their files are no longer kept", planned.missing),
        words.without("no take is approved", planned.unapproved),
        words.without("they are in a private thread", planned.private),
    ]
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.TextDisplay(shown("\n".join(filter(None, lines)))))
    if planned.asks:
        row: ui.ActionRow[Any] = ui.ActionRow()
        style = discord.ButtonStyle.primary
        row.add_item(button("Make the reel · free", VERB, reel.id, style=style, emoji="🎞️"))
        view.add_item(row)
    view.stop()
    return view


def plain(said: str) -> ui.LayoutView:
    """A few words."""
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.TextDisplay(shown(said)))
    view.stop()
    return view


def card(reel: Reel, said: str, *, colour: int = UNDER_WAY) -> ui.LayoutView:
    """The message that says how far a reel is."""
    head = f"### 🎞️ Reel {reel.id} · {words.takes(len(reel.cut))} · for <@{reel.user_id}>"
    return _boxed(Kind.REEL_CARD, reel, f"{head}\n{said}", colour)


def result(
    reel: Reel, made: Made, *, note: str, film: str | None, files: Sequence[str]
) -> ui.LayoutView:
    """The message that carries a reel: *film* is the name of what is attached, *files* those of
    its lists. *note* is said of how it is carried."""
    lines = [
        f"### 🎞️ Reel {reel.id} · {words.takes(len(made.jobs))} · {words.length(made.seconds)}",
        f"<@{reel.user_id}> The list of its cuts is attached, for editing programs and as a table.",
        words.without("their clips are gone", made.left_out),
        f"-# {note}" if note else "",
    ]
    view = _boxed(Kind.REEL, reel, "\n".join(filter(None, lines)), DONE)
    [box] = view.children
    assert isinstance(box, ui.Container)
    if film is not None:
        gallery: ui.MediaGallery[Any] = ui.MediaGallery()
        gallery.add_item(media=f"attachment://{film}", description=alt_text(reel))
        box.add_item(gallery)
    for name in files:
        box.add_item(ui.File(f"attachment://{name}"))
    return view


def alt_text(reel: Reel) -> str:
    """What a reel shows."""
    return elide("A reel of " + ", ".join(shot for shot, _ in reel.cut), 1000)


def _boxed(kind: Kind, reel: Reel, said: str, colour: int) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    box: ui.Container[Any] = ui.Container(accent_colour=colour, id=kind)
    box.add_item(ui.TextDisplay(shown(said), id=reel.id))
    view.add_item(box)
    view.stop()
    return view
