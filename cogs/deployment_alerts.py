"""Tells the operator's channel, and moderators, once of trouble of the deployment and of its end.

Trouble with single clips is told by `cogs.studio.alerts`, beside the buttons that decide it.
"""

from collections.abc import Iterable

from discord import ui
from discord.ext import commands

from bot.chat.bot import Dailies
from bot.chat.earlier_posts import beginning, id_at, ours
from bot.chat.mentions import SILENT
from bot.chat.post import nonce
from bot.chat.trouble import translated
from bot.words.text import elide
from cogs._due import EVERY, SOON, DuePosts
from storage import Phase, Telling

_COLORS = {Phase.BEGAN: 0xC0392B, Phase.OVER: 0x2E8B57}


class AlertMessages(commands.Cog):
    """Posts what is to be told. That it was posted is a fact in the database."""

    def __init__(self, bot: Dailies, *, every: float = EVERY) -> None:
        self._bot = bot
        self._posts = DuePosts(
            bot,
            name="alerts",
            due=self._due,
            channel_of=lambda telling: telling.channel_id,
            post=self._post,
            over=bot.alerts.told,
            every=every,
        )
        bot.events.alerts_changed.listen(self._posts.look_soon)

    async def cog_load(self) -> None:
        self._posts.begin()

    async def cog_unload(self) -> None:
        self._posts.end()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self._posts.connected()

    async def _due(self) -> Iterable[Telling]:
        return await self._bot.alerts.due({guild.id for guild in self._bot.guilds})

    async def _post(self, telling: Telling) -> int:
        """Post a message, unless an earlier try did; its number. Raises `Denied` or `Busy`."""
        bot = self._bot
        channel = bot.get_partial_messageable(telling.channel_id)
        if bot.clock() - telling.tried_at > SOON:
            mark = beginning(bot.alerts.mark(telling))
            standing = await ours(bot, channel, mark, after=id_at(telling.tried_at))
            if standing is not None:
                return standing.id
        await bot.alerts.tried(telling)
        view = ui.LayoutView(timeout=None)
        box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=_COLORS[telling.phase])
        box.add_item(ui.TextDisplay(elide(bot.alerts.said(telling), 3900)))
        view.add_item(box)
        view.stop()
        name = nonce(telling.alert.id, f"alert {telling.phase} {telling.channel_id}")
        await bot.pacer.wait(urgent=True)
        with translated():
            message = await channel.send(view=view, nonce=name, allowed_mentions=SILENT)
        return message.id


async def setup(bot: Dailies) -> None:
    """For `load_extension`."""
    await bot.add_cog(AlertMessages(bot))
