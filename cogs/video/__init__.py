"""/video: make clips, see what is under way, stop one; find, show, compare and repeat them."""

from discord.ext import commands

from bot.chat.bot import Dailies
from bot.orders.orders import Studio
from cogs._pressing import Pressed
from cogs.video.defaults import Defaulting
from cogs.video.enhance import Enhancing
from cogs.video.finding import Finding
from cogs.video.make import Making
from cogs.video.new import Beginning
from cogs.video.queue import Looking
from cogs.video.reel_runs import ReelRuns
from cogs.video.reels import Reeling
from cogs.video.shots import Filing
from cogs.video.takes import Taking
from cogs.video.usage import Mine


# The parents stand in reverse: discord.py registers the last one's commands first, and people
# are shown them in that order.
class Video(
    Mine,
    Defaulting,
    Enhancing,
    Reeling,
    Filing,
    Finding,
    Taking,
    Looking,
    Beginning,
    Making,
    commands.GroupCog,
    group_name="video",
    group_description="Make video clips",
):
    """Every /video command; each parent holds those of one kind."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio


async def setup(bot: Dailies) -> None:
    bot.add_dynamic_items(Pressed)
    await bot.add_cog(Video(bot.studio))
    await bot.add_cog(ReelRuns(bot))
