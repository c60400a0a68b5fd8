"""Acting on clips: reactions, buttons, message menus, and the board of a thread."""

import cogs.takes.ended  # noqa: F401  # it registers what its buttons do
from bot.chat.bot import Dailies
from bot.chat.cards import Pacer
from cogs import _forms
from cogs._pressing import Pressed
from cogs.takes.boards import Boards
from cogs.takes.catch_up import ReadBack
from cogs.takes.comparing import Comparisons
from cogs.takes.lists import PER_SECOND, Lists
from cogs.takes.menus import MENUS
from cogs.takes.reactions import Reactions
from cogs.takes.removing import Removing
from cogs.takes.undo import Undoing


async def setup(bot: Dailies) -> None:
    bot.add_dynamic_items(Pressed)
    for menu in MENUS:
        bot.tree.add_command(menu)
    await bot.add_cog(Boards(bot))
    await _forms.add_to(bot)
    await bot.add_cog(Comparisons())
    await bot.add_cog(Removing(bot))
    await bot.add_cog(Undoing(bot))
    reactions = Reactions(bot)
    await bot.add_cog(reactions)
    await bot.add_cog(ReadBack(bot, reactions, Lists(bot, Pacer(per_second=PER_SECOND))))
