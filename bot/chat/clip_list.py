"""Shows clips that were found: a line each, their pictures on one sheet, a menu, two buttons."""

from collections.abc import Sequence
from decimal import Decimal

import discord
from discord import ui

from bot.chat import board
from bot.chat.buttons import button, marked
from bot.chat.picture_page import TEXT, attached, picture_page
from bot.orders.finding import Listing
from bot.words import money
from bot.words.clips import TITLES, extent
from bot.words.links import jump
from bot.words.modes import MODE_WORDS
from bot.words.text import elide, inert
from storage import MADE, UNMADE, Job, Take

SHEET = "clips.jpg"  #: the name of the picture that shows them all
_PROMPT = 60  #: characters of a prompt in a line


def line(number: int, take: Take, *, whose: bool, usd_per_credit: Decimal) -> str:
    """'**3** [#42](…) · a red fox · Done · 1080p 16:9 · 8 s · 12 credits': one clip of a list.

    *whose* says who ordered it, too.
    """
    job, link = take.job, _link(take)
    parts = [f"[#{job.id}]({link})" if link else f"#{job.id}", _words(job, _PROMPT)]
    parts.append(TITLES[job.state])
    parts += map(inert, extent(job, take.seconds))
    if job.price and job.state not in UNMADE:
        parts.append(money.price(job.price, usd_per_credit))
    if whose:
        parts.append(f"<@{job.user_id}>")
    if take.favourites:
        parts.append(board.FAVOURITE)
    if take.approved_by:
        parts.append(board.APPROVE)
    parts.append(board.away(take))
    return f"**{number}** " + " · ".join(part for part in parts if part)


def _words(job: Job, limit: int) -> str:
    return inert(elide(" ".join(job.brief.prompt.split()), limit)) or MODE_WORDS[job.brief.mode]


def _link(take: Take) -> str:
    """To a clip's newest post, else to its card; "" where neither stands."""
    job = take.job
    if take.hidden_by is not None:
        return ""
    if link := board.jump(take):
        return link
    if job.card_id is None or job.card_channel_id is None or job.state in MADE:
        return ""
    return jump(job.guild_id, job.card_channel_id, job.card_id)


def page(
    listing: Listing,
    *,
    head: str,
    verb: str,
    about: str,
    whose: bool,
    usd_per_credit: Decimal,
) -> ui.LayoutView:
    """A page of clips. The ids of its buttons say what its neighbours are: *verb*, and *about*
    behind the clip from which they begin. Its picture is the attachment `SHEET`."""
    lines = [
        line(number, take, whose=whose, usd_per_credit=usd_per_credit)
        for number, take in enumerate(listing.takes, start=1)
    ]
    if not listing.takes and listing.older is None:
        lines.append("-# There are no clips further back.")
    elif not listing.whole:
        lines.append("-# There may be more clips. Turn the page to look further.")
    turning = [
        button(label, verb, f"{way}{edge}:{about}")
        for way, edge, label in (("n", listing.newer, "◀ Newer"), ("o", listing.older, "Older ▶"))
        if edge is not None
    ]
    return picture_page(
        [head, *lines],
        picture=SHEET if listing.takes else None,
        alt_text=_alt_text(listing),
        rows=[[_menu(listing.takes)] if listing.takes else [], turning],
    )


def _menu(takes: Sequence[Take]) -> ui.Select[ui.LayoutView]:
    options = [
        discord.SelectOption(
            label=elide(f"{number} · #{take.job.id}", 100),
            value=str(take.job.id),
            description=elide(" ".join(take.job.brief.prompt.split()), 100) or None,
        )
        for number, take in enumerate(takes, start=1)
    ]
    return ui.Select(
        custom_id=marked("found"), placeholder="Show, retake or extend one", options=options
    )


def choice(text: str, job: Job) -> ui.LayoutView:
    """What is known of the clip that was picked, and what can be done with it."""
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.TextDisplay(elide(text, TEXT)))
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    row.add_item(button("Show", "take-show", job.id, emoji="🎞️"))
    if job.state in MADE:
        row.add_item(button("Retake…", "take-retake", job.id, emoji=board.RETAKE))
        row.add_item(button("Extend…", "take-extend", job.id, emoji=board.EXTEND))
    view.add_item(row)
    view.stop()
    return view


def sheet(picture: bytes, listing: Listing) -> discord.File:
    """The attachment that `page` shows."""
    return attached(picture, SHEET, alt_text=_alt_text(listing))


def _alt_text(listing: Listing) -> str:
    count = len(listing.takes)
    return f"The pictures of clips 1 to {count}" if count > 1 else "The picture of clip 1"
