"""Posts each server's daily digest to its moderators, once a day, at the hour they chose."""

from discord import ui
from discord.ext import commands

from bot.chat.bot import Dailies
from bot.chat.earlier_posts import beginning, id_at, ours
from bot.chat.mentions import SILENT
from bot.chat.post import nonce
from bot.chat.trouble import translated
from bot.moderation import digest
from bot.moderation.digest import Due
from bot.words.text import elide
from cogs._due import EVERY, SOON, DuePosts


class DailyDigests(commands.Cog):
    """Posts what is due. That it was posted is a fact in the database."""

    def __init__(self, bot: Dailies, *, every: float = EVERY) -> None:
        self._bot = bot
        self._posts = DuePosts(
            bot,
            name="digests",
            due=bot.digests.due,
            channel_of=lambda due: due.channel_id,
            post=self._post,
            over=lambda due, _: bot.digests.over(due),
            every=every,
        )

    async def cog_load(self) -> None:
        self._posts.begin()

    async def cog_unload(self) -> None:
        self._posts.end()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self._posts.connected()

    def look_soon(self) -> None:
        """Something changed that may make a digest due."""
        self._posts.look_soon()

    async def _post(self, due: Due) -> None:
        """Post it, unless an earlier try did. Raises `Denied` or `Busy`."""
        bot = self._bot
        place = bot.get_partial_messageable(due.channel_id, guild_id=due.guild_id)
        figures = await bot.digests.figures(due)
        if bot.clock() - due.tried_at > SOON:
            mark = beginning(f"{digest.heading(figures.about)}\n")
            if await ours(bot, place, mark, after=id_at(due.tried_at)) is not None:
                return
        view = ui.LayoutView(timeout=None)
        box: ui.Container[ui.LayoutView] = ui.Container()
        words = digest.said(figures, usd_per_credit=bot.usd_per_credit)
        box.add_item(ui.TextDisplay(elide(words, 3900)))
        view.add_item(box)
        view.stop()
        name = nonce(due.guild_id, f"digest {due.today}")
        await bot.pacer.wait(urgent=False)
        with translated():
            await place.send(view=view, nonce=name, allowed_mentions=SILENT)


def looking(bot: Dailies) -> None:
    """Have the cog above look soon."""
    cog = bot.get_cog("DailyDigests")
    assert isinstance(cog, DailyDigests)
    cog.look_soon()
