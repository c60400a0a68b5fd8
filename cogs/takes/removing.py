"""Takes clips down: deletes their messages, says which stay, and tries those again."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from discord.ext import commands

from bot.chat.bot import Dailies
from bot.chat.post import open_thread
from bot.chat.trouble import Archived, Denied, Gone, translated
from bot.errors import Busy
from storage import DiskTrouble, Post

log = logging.getLogger(__name__)

EVERY = 3600.0  #: seconds between two tries of what could not be deleted
NAMED = 5  #: places that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """A post that could not be deleted, and why."""

    post: Post
    why: Denied | Busy


async def take_down(bot: Dailies, posts: Sequence[Post]) -> list[Stays]:
    """Delete the messages that carry a clip, as far as they can be deleted; those that stay.

    What stays of a clip that was taken down is tried again, see `Removing`.
    """
    stays = []
    for post in posts:
        try:
            await _delete(bot, post)
        except (Denied, Busy) as error:
            log.info("Post %s of job %s stays: %s", post.message_id, post.job_id, error.raw)
            stays.append(Stays(post=post, why=error))
    kept = {each.post.message_id for each in stays}
    gone = [post for post in posts if post.message_id not in kept]
    await bot.studio.posts.gone([post.message_id for post in gone])
    for job_id in {post.job_id for post in gone}:
        job = await bot.studio.job(job_id)
        if job is not None:
            # Its card shows no picture of it any more.
            bot.events.job_changed.emit(job, bot.studio.glimpse(job))
    return stays


async def _delete(bot: Dailies, post: Post) -> None:
    """Delete a message of ours, also in an archived thread, which is archived again then."""
    message = bot.get_partial_messageable(post.channel_id).get_partial_message(post.message_id)
    try:
        with translated():
            await message.delete()
    except Gone:
        return
    except Archived:
        if not await open_thread(bot, post.channel_id):
            raise
        with translated():
            await message.delete()
        try:
            with translated():
                await bot.http.edit_channel(post.channel_id, archived=True)
        except (Denied, Busy) as error:
            log.info("Thread %s stays open: %s", post.channel_id, error.raw)


def words(job_id: int, stays: Sequence[Stays]) -> str:
    """What is said of a clip that could not be deleted everywhere."""
    places = list(dict.fromkeys(f"<#{each.post.channel_id}>" for each in stays))
    where = ", ".join(places[:NAMED])
    if len(places) > NAMED:
        where += f" and {len(places) - NAMED} more"
    reasons = " ".join(dict.fromkeys(str(each.why) for each in stays))
    return (
        f"#{job_id} isn't deleted everywhere. It is still in {where}. {reasons} "
        "I'll try again later."
    )


class Removing(commands.Cog):
    """Tries to delete what stayed, each time we connect and every hour."""

    def __init__(self, bot: Dailies, *, every: float = EVERY) -> None:
        self._bot = bot
        self._every = every
        self._now = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._task = asyncio.create_task(self._keep_trying(), name="removing")

    async def cog_unload(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        self._now.set()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        self._now.set()

    async def _keep_trying(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._now.wait(), self._every)
            except TimeoutError:
                if not self._bot.is_ready():
                    continue
            self._now.clear()
            try:
                await self._try()
            except DiskTrouble as trouble:
                log.warning("What stayed of deleted clips was not looked at: %s", trouble)

    async def _try(self) -> None:
        posts = await self._bot.studio.posts.to_remove()
        for job_id in dict.fromkeys(post.job_id for post in posts):
            await self._bot.pacer.wait(urgent=False)
            async with self._bot.removals.turn(job_id):
                of_job = await self._bot.removals.condemned(job_id)
                stays = await take_down(self._bot, of_job)
            if len(stays) < len(of_job):
                log.info("%s posts of job %s are gone now", len(of_job) - len(stays), job_id)
