"""What finds clips: /video mine and /video search, their pages, and the clip that is picked."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.chat import answering, clip_list
from bot.chat.bot import Interaction
from bot.chat.requester import requester_of
from bot.errors import Refusal
from bot.media.contact_sheet import contact_sheet
from bot.orders.finding import STATES, Listing, words_of
from bot.words.modes import MODE_WORDS
from bot.words.text import inert, typed
from cogs._pressing import UNKNOWN, Waits, number, pressed
from cogs.takes import acting
from storage import NEWEST, Mode, State, Wanted

#: Characters of what is searched for: they stand on the buttons, whose ids have 100.
WORDS = 64
_ID = 100
_Page = tuple[discord.ui.LayoutView, Callable[[], list[discord.File]]]  #: and its picture


class Finding(commands.Cog):
    """The commands that find clips. Part of the `Video` cog."""

    @app_commands.command()
    @app_commands.rename(favourites="favorites")
    async def mine(
        self,
        interaction: Interaction,
        state: Literal["made", "in progress", "not made"] | None = None,
        mode: Literal["text", "image", "audio", "extend", "retake", "hdr"] | None = None,
        favourites: bool = False,
        channel: app_commands.AppCommandChannel | app_commands.AppCommandThread | None = None,
    ) -> None:
        """List your clips in this server, newest first.

        Parameters
        ----------
        state:
            Only clips that are made, in progress, or were not made.
        mode:
            Only clips made from this, or in this way.
        favourites:
            Only your favorites.
        channel:
            Only clips of this channel and its threads, or of this thread.
        """
        wanted = Wanted(
            states=STATES[state] if state is not None else frozenset(State),
            mode=Mode(mode) if mode is not None else None,
            favourites=favourites,
            channel_id=channel.id if channel is not None else None,
        )
        await acting.think(interaction)
        await _answer(interaction, *await _mine(interaction, wanted))

    @app_commands.command()
    async def search(self, interaction: Interaction, words: Range[str, 1, WORDS]) -> None:
        """Find clips that you can see by words of their prompt.

        Parameters
        ----------
        words:
            The clips have all of these words.
        """
        said = words_of(words)
        if len(_units(f"do:search:o{NEWEST}:{said}")) > 2 * _ID:
            raise Refusal("That is too long to search for. Type fewer words.")
        await acting.think(interaction)
        await _answer(interaction, *await _searched(interaction, said))


def _units(text: str) -> bytes:
    """As Discord may count: two bytes a unit."""
    return text.encode("utf-16-le", "replace")


@pressed("mine", moderators=False, waits=Waits.CHANGE)
async def _turn_mine(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Another page of one's own clips; which ones are wanted stands on the button."""
    edge, newer, rest = _turned(about)
    wanted = _wanted(rest)
    view, files = await _mine(interaction, wanted, edge=edge, newer=newer)
    await answering.change(interaction, view, files=files)


@pressed("search", moderators=False, waits=Waits.CHANGE)
async def _turn_search(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Another page of what was searched for; the words stand on the button."""
    edge, newer, words = _turned(about)
    view, files = await _searched(interaction, words, edge=edge, newer=newer)
    await answering.change(interaction, view, files=files)


@pressed("found", moderators=False, waits=Waits.PRIVATE)
async def _picked(interaction: Interaction, _about: str, picked: Sequence[str]) -> None:
    """Say what is known of the clip that was picked from a page, and what can be done with it."""
    bot, requester = interaction.client, requester_of(interaction)
    job = await bot.studio.access.show(number(picked[0] if picked else ""), requester=requester)
    text = await acting.said_of(job, bot)
    await answering.tell(interaction, view=clip_list.choice(text, job))


@pressed("take-show", moderators=False, waits=Waits.FIRST)
async def _show(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Show a clip to one person, as `/video show` does."""
    requester = requester_of(interaction)
    job = await interaction.client.studio.access.show(number(about), requester=requester)
    await acting.show(interaction, job, requester)


async def _mine(
    interaction: Interaction, wanted: Wanted, *, edge: int = NEWEST, newer: bool = False
) -> _Page:
    listing = await interaction.client.studio.finding.mine(
        wanted, requester=requester_of(interaction), edge=edge, newer=newer
    )
    head = " · ".join(["### Your clips", *_narrowed(wanted)])
    return await _shown(interaction, listing, head, verb="mine", about=_about(wanted))


async def _searched(
    interaction: Interaction, words: str, *, edge: int = NEWEST, newer: bool = False
) -> _Page:
    listing = await interaction.client.studio.finding.with_words(
        words, requester=requester_of(interaction), edge=edge, newer=newer
    )
    head = f"### Clips with {typed(words, WORDS)}"
    return await _shown(interaction, listing, head, verb="search", about=words)


async def _shown(
    interaction: Interaction, listing: Listing, head: str, *, verb: str, about: str
) -> _Page:
    """A page and its picture, drawn from what is on the disk."""
    bot, picture = interaction.client, None
    if listing.takes:
        # What was taken down is shown to nobody.
        up = [take.job if take.hidden_by is None else None for take in listing.takes]
        pictures = [bot.posters.place(job) if job is not None else None for job in up]
        picture = await contact_sheet(pictures)
    view = clip_list.page(
        listing,
        head=head,
        verb=verb,
        about=about,
        whose=verb == "search",
        usd_per_credit=bot.usd_per_credit,
    )
    return view, lambda: [] if picture is None else [clip_list.sheet(picture, listing)]


async def _answer(
    interaction: Interaction, view: discord.ui.LayoutView, files: Callable[[], list[discord.File]]
) -> None:
    await answering.tell(interaction, view=view, files=files)


# What stands on a button: which way and from which clip on, then what is looked for.


def _turned(about: str) -> tuple[int, bool, str]:
    """The clip to begin from, whether the newer ones are wanted, and the rest."""
    place, _, rest = about.partition(":")
    if place[:1] not in ("n", "o"):
        raise Refusal(UNKNOWN)
    return number(place[1:]), place[0] == "n", rest


def _about(wanted: Wanted) -> str:
    """*wanted* in a few characters: 'made.text.f.123'; "" for a part that is not narrowed."""
    state = next((name for name, states in STATES.items() if states == wanted.states), "")
    mode = str(wanted.mode or "")
    return ".".join([state, mode, "f" * wanted.favourites, str(wanted.channel_id or "")])


#: A state, a kind, whether favorites alone, a channel: each may be left out.
_NARROWED = re.compile(
    rf"({'|'.join(STATES)}|)\.({'|'.join(Mode)}|)\.(f?)\.([0-9]{{1,19}}|)", re.ASCII
)


def _wanted(about: str) -> Wanted:
    """What `_about` made of it."""
    found = _NARROWED.fullmatch(about)
    if found is None:
        raise Refusal(UNKNOWN)
    state, mode, favourites, channel = found.groups()
    return Wanted(
        states=STATES[state] if state else frozenset(State),
        mode=Mode(mode) if mode else None,
        favourites=favourites == "f",
        channel_id=number(channel) if channel else None,
    )


def _narrowed(wanted: Wanted) -> list[str]:
    """What a list was narrowed down to, in words."""
    said = [name for name, states in STATES.items() if states == wanted.states]
    if wanted.mode is not None:
        said.append(inert(MODE_WORDS[wanted.mode]))
    if wanted.favourites:
        said.append("favorites")
    if wanted.channel_id is not None:
        said.append(f"<#{wanted.channel_id}>")
    return said
