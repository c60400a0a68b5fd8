"""Shows two clips beside each other. Who asks for the same meanwhile is shown the same answer."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import discord
from discord.ext import commands

from bot.chat import answering, board
from bot.chat.bot import Interaction
from bot.errors import Refusal
from bot.words.clips import alt_text, settings_line
from bot.words.links import jump
from storage import Job

AT_ONCE = 2  #: comparisons that are made at the same time
SAME = "Those are the same clip. Choose two."
STOPPED = "Dailies was restarted. Press again."
SHARED = 300.0  #: seconds for which an answer is shown to who asks for the same
KNOWN = 200
REQUEST = 24 * 1024 * 1024  #: bytes that Discord takes in one request, with some to spare

Pair = Callable[[], Awaitable[tuple[Job, Job]]]
_Known = tuple[float, asyncio.Future[str]]


class Comparisons(commands.Cog):
    """What is being compared, and was lately, by channel and clips."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._known: OrderedDict[tuple[int, str], _Known] = OrderedDict()

    async def show(self, interaction: Interaction, what: str, pair: Pair) -> None:
        """Answer first, then compare *pair*: *what* names it, the same pair by the same name.

        Raises what *pair* and the work raise, to everybody who waited for it.
        """
        key, now = (interaction.channel_id or 0, what), interaction.client.clock()
        known = self._known.get(key)
        if known is not None and now - known[0] < SHARED:
            await answering.acknowledge(interaction, private=True)
            await pair()  # whether this person may
            link = await asyncio.shield(known[1])
            await answering.tell(interaction, f"Here they are, side by side: {link}")
            return
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._known[key] = now, answer
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        try:
            await answering.acknowledge(interaction)
            async with self._slots:
                message = await _compared(interaction, *await pair())
        except BaseException as error:
            self._known.pop(key, None)
            answer.set_exception(error if isinstance(error, Exception) else Refusal(STOPPED))
            answer.exception()  # somebody hears of it in any case
            raise
        answer.set_result(jump(interaction.guild_id, message.channel.id, message.id))


async def compare(interaction: Interaction, what: str, pair: Pair) -> None:
    """Show two clips side by side, or link to where they stand already."""
    cog = interaction.client.get_cog("Comparisons")
    assert isinstance(cog, Comparisons)
    await cog.show(interaction, what, pair)


async def _compared(interaction: Interaction, first: Job, second: Job) -> discord.Message:
    """Answer with both clips side by side in one clip made here, and each alone below it."""
    if first.id == second.id:
        raise Refusal(SAME)
    bot = interaction.client
    together = await bot.takes.compare(first, second)
    pair = [await bot.takes.find(job.id, guild_id=job.guild_id) for job in (first, second)]
    names = [f"{board.title_of(take)} (#{take.job.id})" for take in pair]
    each = min(await bot.delivery.ladder.limit_of(first), REQUEST // 3)
    both = f"{names[0]} on the left, {names[1]} on the right"
    shown = [(together, f"dailies-{first.id}-beside-{second.id}.mp4", both)]
    shown += [
        (bot.delivery.ladder.file_of(job), f"dailies-compare-{job.id}.mp4", alt_text(job))
        for job in (first, second)
    ]
    fitting = [await bot.delivery.ladder.fitting(path, each) for path, _, _ in shown]

    def files() -> list[discord.File]:
        return [
            discord.File(path, name, description=alt)
            for path, (_, name, alt) in zip(fitting, shown, strict=True)
        ]

    view = discord.ui.LayoutView(timeout=None)
    text = [f"### {names[0]} and {names[1]}"]
    text += [
        f"-# {name}: {settings_line(take.job, take.seconds)}"
        for name, take in zip(names, pair, strict=True)
    ]
    view.add_item(discord.ui.TextDisplay("\n".join(text)))
    # The two together have a gallery of their own, so that they are shown large.
    for part in (slice(0, 1), slice(1, None)):
        gallery: discord.ui.MediaGallery[discord.ui.LayoutView] = discord.ui.MediaGallery()
        for _, name, alt in shown[part]:
            gallery.add_item(media=f"attachment://{name}", description=alt)
        view.add_item(gallery)
    view.stop()
    return await answering.follow(interaction, view=view, files=files)
