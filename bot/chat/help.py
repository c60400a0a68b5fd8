"""/help: what somebody can do where they are, as their roles and the server's settings have it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import discord
from discord import ui

from bot.chat import board, card
from bot.chat.buttons import button, marked
from bot.chat.pings import SAID, Pings
from bot.chat.requester import requester_here, requester_of
from bot.errors import Refusal
from bot.moderation import tables
from bot.moderation.usage import Own
from bot.orders.orders import Studio
from bot.orders.outlook import Outlook, Outlooks
from bot.orders.requester import Requester
from bot.words.limits import in_words
from bot.words.text import elide
from storage import Ping

EXAMPLE = (
    "A red fox runs through fresh snow at sunrise. The camera follows it. Snow crunches under its "
    "paws."
)
MOST = 3900  #: characters; Discord takes 4000 in all
QUEUED = 8  #: clips of the queue that are listed

#: Every command, by what it is for: what everybody sees, and what moderators see besides.
FOR_ALL = {
    "Make": ("video new", "video text", "video image", "video audio", "video enhance"),
    "Change": ("video retake", "video extend", "video hdr", "video again"),
    "Find": ("video mine", "video search", "video takes", "video show", "video compare"),
    "Shots, reels": ("video shot", "video shots", "video reel"),
    "Stop, wait": ("video cancel", "video queue"),
    "Choose": ("video models", "video presets", "video notify"),
    "Defaults": ("video defaults show", "video defaults set", "video defaults clear"),
    "Yours": ("video usage", "video privacy"),
}
FOR_MODERATORS = {
    "Server": ("studio setup", "studio takes", "studio rules"),
    "Orders": ("studio queue", "studio pause", "studio resume"),
    "Decide": ("studio unclear", "studio undelivered"),
    "Limits": ("quota set", "quota budget", "quota limits", "quota show"),
    "People": ("quota grant", "quota withdraw", "quota reset", "quota block", "quota unblock"),
    "Records": ("quota report", "quota audit"),
}
_PINGS = {
    Ping.MENTION: "Mention me for my clips",
    Ping.DM: "Send me a direct message",
    Ping.NONE: "Don't ping me",
}

REACTIONS = f"""### Reactions on a clip
{board.RETAKE} makes it again, with another seed
{board.EXTEND} makes it longer, at its end
{board.FAVOURITE} marks it as a favorite
{board.SEND} sends it to you as a direct message
{board.REMOVE} deletes it, or stops it: your own clips only, unless you are a moderator
{board.APPROVE} approves it, if you may
To change the words, **reply** to the clip with new ones and keep the @ on. Then react \
{board.RETAKE} or {board.EXTEND}.
The line below each clip says what {board.RETAKE} and {board.EXTEND} cost. The person who reacts \
pays. Take the reaction back before the clip is sent to its provider, and nothing is made."""


class Help:
    """Says what somebody can do, to them alone. Orders nothing."""

    def __init__(
        self,
        studio: Studio,
        outlooks: Outlooks,
        own: Own,
        pings: Pings,
        *,
        named: Callable[[str], str],
        usd_per_credit: Decimal,
    ) -> None:
        """*named* is how a message names a command."""
        self._studio = studio
        self._outlooks = outlooks
        self._own = own
        self._pings = pings
        self._named = named
        self._usd_per_credit = usd_per_credit

    async def page(self, interaction: discord.Interaction[Any]) -> ui.LayoutView:
        """What stands in /help, with its buttons and menus."""
        requester = requester_of(interaction)
        outlook = await self._outlooks.of(requester)
        no = outlook.no or _hindrance(interaction)
        if no and (outlook.moderator or not outlook.no):
            no = f"{no} {_whom(interaction, requester)}".strip()
        parts = ["### What you can do here"]
        parts += [f"🚫 **You can't order clips here now.** {no}"] if no else []
        parts += [self._making(requester, outlook), self._commands(FOR_ALL)]
        if requester.moderator:
            parts += ["**For moderators, like you**", self._commands(FOR_MODERATORS)]
        view = ui.LayoutView(timeout=None)
        box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=0x4C7DD9)
        box.add_item(ui.TextDisplay(elide("\n".join(parts), MOST)))
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        if not no and outlook.quote is not None:
            price = outlook.quote.price
            label = f"Try an example · {in_words(price) if price else 'free'}"
            primary = discord.ButtonStyle.primary
            row.add_item(button(label, "example", style=primary, emoji="🦊"))
        row.add_item(button("My credits and the queue", "credits", emoji="⏳"))
        row.add_item(button("What reactions do", "reactions", emoji=board.RETAKE))
        if requester.moderator:
            row.add_item(button("Set up", "setup", emoji="⚙️"))
        box.add_item(row)
        box.add_item(_chosen(await self._pings.of(requester)))
        view.add_item(box)
        view.stop()  # `cogs.help` answers by the custom ids
        return view

    async def example(self, requester: Requester) -> tuple[str, int | None]:
        """What the form of an example says below its prompt, and the price that it shows."""
        outlook = await self._outlooks.of(requester)
        if outlook.quote is None:
            raise Refusal("No provider makes clips from words here. Ask a moderator.")
        return outlook.line(self._usd_per_credit), outlook.quote.price

    async def mine(self, requester: Requester) -> str:
        """Where somebody stands, and what is in progress in the server."""
        found = await self._own.usage(requester)
        jobs = await self._studio.queue(requester=requester, limit=None)
        shown = jobs[:QUEUED]
        queue = card.queue(shown, {job.id: self._studio.glimpse(job) for job in shown})
        if len(jobs) > len(shown):
            queue += f"\n-# {len(jobs):,} clips in progress in total: {self._named('video queue')}"
        usage = tables.usage(found.standing, usd_per_credit=self._usd_per_credit)
        return elide(f"### Your credits\n{usage}\n{queue}", MOST)

    def _making(self, requester: Requester, outlook: Outlook) -> str:
        threads = self._studio.rules.threads(
            requester.guild_id, requester.home_id, requester.user_id
        )
        where = "in a thread of its own" if threads else "in the channel"
        words = (
            f"{self._named('video text')} makes a clip of what you describe. It is posted {where}, "
            "with buttons and reactions to change it."
        )
        if line := outlook.line(self._usd_per_credit):
            words += f"\n-# For example {line}"
        return words

    def _commands(self, groups: dict[str, tuple[str, ...]]) -> str:
        lines = [
            f"**{what}**: {' '.join(self._named(command) for command in commands)}"
            for what, commands in groups.items()
        ]
        return "\n".join(lines)


def _hindrance(interaction: discord.Interaction[Any]) -> str:
    """What keeps us from working where somebody is; "" where nothing does."""
    try:
        requester_here(interaction)
    except Refusal as no:
        return str(no)
    return ""


def _whom(interaction: discord.Interaction[Any], requester: Requester) -> str:
    """Who can help; "" for somebody who can do it themselves."""
    if requester.moderator:
        return ""
    owner = interaction.guild.owner_id if interaction.guild is not None else None
    also = f", such as <@{owner}>, the owner" if owner else ""
    return f"Ask somebody who has the Manage Server permission{also}."


def _chosen(how: Ping) -> ui.ActionRow[ui.LayoutView]:
    """The menu in which somebody chooses how they hear of their clips."""
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    options = [
        discord.SelectOption(
            label=label, value=each, default=each is how, description=elide(SAID[each], 100)
        )
        for each, label in _PINGS.items()
    ]
    row.add_item(
        ui.Select(custom_id=marked("pings"), placeholder="How you hear of it", options=options)
    )
    return row
