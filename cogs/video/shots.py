"""What files takes under shots, and shows what has come of them: /video shot, /video shots."""

from collections.abc import Callable
from pathlib import Path

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.chat import answering, shot_board
from bot.chat.bot import Dailies, Interaction
from bot.chat.requester import requester_of
from bot.chat.suggesting import suggests
from bot.chat.trouble import Denied, translated
from bot.errors import Refusal
from bot.media.contact_sheet import contact_sheet
from bot.orders.requester import Requester
from bot.orders.shots import NAME, Filed, ShotBoard
from bot.words.text import inert
from cogs._pressing import Waits, number, pressed
from cogs.takes import acting
from cogs.video import parameters
from cogs.video.parameters import choices

MOST_PAGES = 1000


class Filing(commands.Cog):
    """The commands about shots. Part of the `Video` cog."""

    @app_commands.command()
    async def shot(
        self,
        interaction: Interaction,
        name: Range[str, 0, NAME] = "",
        clip: str | None = None,
    ) -> None:
        """File this thread's takes under a shot, such as sc12/sh3.

        Parameters
        ----------
        name:
            The scene and the shot: sc12/sh3. Leave it out to file the takes under no shot.
        clip:
            File this clip's thread instead, or the clip alone if it is in no thread.
        """
        bot, requester = interaction.client, requester_of(interaction)
        await acting.think(interaction)

        async def private(thread_id: int) -> bool:
            return await _is_private(bot, thread_id)

        number = await parameters.clip(interaction, clip) if clip is not None else None
        filed = await bot.shots.file(name, requester=requester, clip=number, private=private)
        await answering.tell(interaction, _said(filed, requester))

    @app_commands.command()
    async def shots(self, interaction: Interaction, page: Range[int, 1, MOST_PAGES] = 1) -> None:
        """Show this channel's shots: which have an approved take, how long, for how much.

        Parameters
        ----------
        page:
            Each page has ten shots.
        """
        await acting.think(interaction)
        view, files = await _page(interaction, page)
        await answering.tell(interaction, view=view, files=files)

    @shot.autocomplete("name")
    @suggests
    async def _shots(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        names = await interaction.client.shots.names(requester_of(interaction))
        return choices([(each, each) for each in names], typed)

    @shot.autocomplete("clip")
    @suggests
    async def _shot_clips(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await parameters.clips(interaction, typed)


@pressed(shot_board.VERB, moderators=False, waits=Waits.CHANGE)
async def _turn(interaction: Interaction, about: str, _: object) -> None:
    """Another page of the shots of the channel where the board was asked for."""
    view, files = await _page(interaction, min(number(about), MOST_PAGES))
    await answering.change(interaction, view, files=files)


async def _page(
    interaction: Interaction, number: int
) -> tuple[discord.ui.LayoutView, Callable[[], list[discord.File]]]:
    """A page and its picture, drawn from what is on the disk."""
    bot = interaction.client
    found = await bot.shots.board(number, requester=requester_of(interaction))
    picture = await contact_sheet([_picture(bot, found, place) for place in range(len(found.rows))])
    view = shot_board.page(found, usd_per_credit=bot.usd_per_credit)
    return view, lambda: [shot_board.sheet(picture, found)]


def _picture(bot: Dailies, found: ShotBoard, place: int) -> Path | None:
    row = found.rows[place]
    if row.take is None or row.standing.approved != row.take.job.id:
        return None
    return bot.posters.place(row.take.job)


async def _is_private(bot: Dailies, thread_id: int) -> bool:
    """Whether only its members read a thread, also one that was archived before we connected."""
    channel: object = bot.get_channel(thread_id)
    if channel is None:
        try:
            with translated():
                channel = await bot.fetch_channel(thread_id)
        except Denied as error:
            raise Refusal("I can't see that clip's thread.") from error
    return isinstance(channel, discord.Thread) and channel.is_private()


def _said(filed: Filed, requester: Requester) -> str:
    """'This thread is filed under **sc12/sh3**.'"""
    if filed.thread_id is None:
        what = f"#{filed.job_id}"
    elif filed.thread_id == requester.channel_id:
        what = "This thread"
    else:
        what = f"<#{filed.thread_id}>"
    if filed.shot is None:
        was = inert(filed.before.name) if filed.before is not None else ""
        return f"{what} is no longer filed under **{was}**."
    said = f"{what} is filed under **{inert(filed.shot.name)}**."
    if filed.before is not None and filed.before.id != filed.shot.id:
        said += f" It was under **{inert(filed.before.name)}** before."
    return said + " React ✅ to a take to approve it."
