"""Shows the shots of a channel, a page at a time: a line each, their pictures on one sheet."""

import io
from decimal import Decimal
from typing import Any

import discord
from discord import ui

from bot.chat import board
from bot.chat.buttons import button
from bot.orders.shots import Row, ShotBoard
from bot.words import money
from bot.words.shots import came_of, length
from bot.words.text import inert, whole_lines

SHEET = "shots.jpg"  #: the name of the picture that shows them all
TEXT = 3900  #: characters
VERB = "shots"  #: what turns the page


def line(number: int, row: Row, *, usd_per_credit: Decimal) -> str:
    """'**1** **sc1/sh2** · ✅ [take 2 (#9)](…) · 8 s · 24 credits (≈ $0.24)': one shot."""
    standing, take = row.standing, row.take
    linked = ""
    if take is not None:
        name = f"{board.title_of(take)} (#{take.job.id})" if take.number else f"#{take.job.id}"
        link = _link(row)
        linked = f"[{name}]({link})" if link else name
    approved = standing.approved is not None
    parts = [
        f"**{inert(standing.shot.name)}**",
        came_of(len(standing.made), standing.running, approved=linked if approved else ""),
    ]
    if approved and take is not None and take.seconds is not None:
        parts.append(length(take.seconds))
    if not approved and linked:
        parts.append(linked)
    if row.credits:
        parts.append(money.price(row.credits, usd_per_credit))
    return f"**{number}** " + " · ".join(parts)


def _link(row: Row) -> str:
    """To the take's newest post; else to its thread; "" where it was taken down."""
    take = row.take
    if take is None or take.hidden_by is not None:
        return ""
    if link := board.jump(take):
        return link
    place = take.job.thread_id or take.job.card_channel_id
    return f"https://discord.com/channels/{take.job.guild_id}/{place}" if place else ""


def page(found: ShotBoard, *, usd_per_credit: Decimal) -> ui.LayoutView:
    """A page of shots. Its picture is the attachment `SHEET`."""
    shots = f"{found.shots} shot{'' if found.shots == 1 else 's'}"
    head = f"### Shots of <#{found.channel_id}>\n{shots}, {found.approved} approved"
    if found.of > 1:
        head += f" · page {found.number} of {found.of}"
    lines = [
        line(number, row, usd_per_credit=usd_per_credit)
        for number, row in enumerate(found.rows, start=1)
    ]
    view = ui.LayoutView(timeout=None)
    box: ui.Container[Any] = ui.Container(accent_colour=0x4C7DD9)
    box.add_item(ui.TextDisplay(whole_lines("\n".join([head, *lines]), TEXT)))
    gallery: ui.MediaGallery[Any] = ui.MediaGallery()
    gallery.add_item(media=f"attachment://{SHEET}", description=_alt_text(found))
    box.add_item(gallery)
    turning: ui.ActionRow[Any] = ui.ActionRow()
    if found.number > 1:
        turning.add_item(button("◀ Back", VERB, found.number - 1))
    if found.number < found.of:
        turning.add_item(button("Next ▶", VERB, found.number + 1))
    if turning.children:
        box.add_item(turning)
    view.add_item(box)
    view.stop()
    return view


def sheet(picture: bytes, found: ShotBoard) -> discord.File:
    """The attachment that `page` shows."""
    return discord.File(io.BytesIO(picture), SHEET, description=_alt_text(found))


def _alt_text(found: ShotBoard) -> str:
    count = len(found.rows)
    return f"The approved takes of shots 1 to {count}" if count > 1 else "The approved take"
