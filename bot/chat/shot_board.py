"""Shows the shots of a channel, a page at a time: a line each, their pictures on one sheet."""

from decimal import Decimal

import discord
from discord import ui

from bot.chat import board
from bot.chat.buttons import button
from bot.chat.picture_page import attached, picture_page
from bot.orders.shots import Row, ShotBoard
from bot.words import money
from bot.words.links import jump
from bot.words.shots import came_of, length
from bot.words.text import inert

SHEET = "shots.jpg"  #: the name of the picture that shows them all
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
    return jump(take.job.guild_id, take.job.thread_id or take.job.card_channel_id)


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
    turning = []
    if found.number > 1:
        turning.append(button("◀ Back", VERB, found.number - 1))
    if found.number < found.of:
        turning.append(button("Next ▶", VERB, found.number + 1))
    return picture_page([head, *lines], picture=SHEET, alt_text=_alt_text(found), rows=[turning])


def sheet(picture: bytes, found: ShotBoard) -> discord.File:
    """The attachment that `page` shows."""
    return attached(picture, SHEET, alt_text=_alt_text(found))


def _alt_text(found: ShotBoard) -> str:
    count = len(found.rows)
    return f"The approved takes of shots 1 to {count}" if count > 1 else "The approved take"
