"""After a refusal: order what fits, say yes to a price, ask a moderator, and their answer."""

import asyncio
import itertools
import logging
from collections.abc import Sequence
from typing import Any

import discord
from discord import ui
from discord.ext import commands

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.buttons import button
from bot.chat.mentions import SILENT
from bot.chat.next_steps import described
from bot.chat.post import nonce
from bot.chat.presenter import TOKEN_LASTS
from bot.chat.requester import moderator_of, requester_here, requester_of
from bot.chat.trouble import Denied, translated
from bot.errors import Busy, Refusal
from bot.moderation import tables
from bot.orders.refused import Answered
from bot.words.limits import in_words
from bot.words.text import elide
from cogs import _moderators
from cogs._pressing import Pressed, Waits, number, pressed
from storage import DiskTrouble, RefusedOrder, Standing

log = logging.getLogger(__name__)

AGAIN = (0.0, 1.0, 10.0, 60.0, 600.0)  #: seconds before each try to tell moderators of the budget
THEN = 3600.0  #: seconds before each try after those

NOBODY = (
    "I can't reach this server's moderators, so ask one yourself. They can help you with "
    "`/quota grant`, and choose a channel for such requests with `/studio setup`."
)
ASKED = "The moderators were asked. You'll hear what they decide."
OWNER_ASKED = "The server's owner was asked by direct message."


class Helping(commands.Cog):
    """What the bot does about refusals and budgets beyond one sentence."""

    def __init__(self, bot: Dailies) -> None:
        self.bot = bot
        self._asked: dict[int, tuple[float, Interaction]] = {}
        self._due: set[int] = set()  #: servers whose alarms are to be looked at
        self._ringing: dict[int, asyncio.Task[None]] = {}
        bot.events.money_moved.listen(self.money_moved)
        bot.events.budget_refused.listen(self.ring)

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(Pressed)

    async def cog_unload(self) -> None:
        for task in self._ringing.values():
            task.cancel()

    async def ask(self, interaction: Interaction, kept: RefusedOrder) -> str:
        """Ask the moderators once, where they read; what their member is told of it.

        That is the channel they chose, the server's system channel, or else the owner's direct
        messages, where buttons do not work. Raises `Refusal` where nobody is reached.
        """
        bot, guild_id = self.bot, kept.guild_id
        async for place, buttons in _moderators.places(bot, guild_id, read_by_all=True):
            quiet = _moderators.is_read_by_all(bot, guild_id, place)
            try:
                with translated():
                    await place.send(
                        view=request_card(kept, bot, buttons=buttons, prompt=not quiet),
                        nonce=nonce(kept.id, "request"),  # pressed twice, it is one message
                        allowed_mentions=SILENT,
                    )
            except Denied as error:
                log.info("Moderators of server %s are not asked there: %s", guild_id, error.raw)
                continue
            await bot.refusals.asked(kept)
            if buttons:
                self._asked[kept.id] = bot.clock(), interaction
            return ASKED if buttons else OWNER_ASKED
        raise Refusal(NOBODY)

    async def tell(self, answered: Answered, by: discord.abc.User) -> bool:
        """Tell the person what a moderator answered: privately while that can be done.

        False where Discord let nobody tell them.
        """
        kept, bot = answered.order, self.bot
        view = ui.View(timeout=None)
        if kept.answer == "denied":
            text = f"{by.mention} declined your clip for {in_words(kept.wanted.price)}."
        else:
            text = f"{by.mention} approved your clip for {in_words(kept.wanted.price)}."
            if answered.grant is not None:
                text = f"{by.mention} gave you {in_words(answered.grant.amount)}."
            view.add_item(
                button(
                    described("Order ", kept.wanted),
                    "all",
                    kept.id,
                    style=discord.ButtonStyle.primary,
                )
            )
        at, interaction = self._asked.pop(kept.id, (0.0, None))
        if interaction is not None and bot.clock() - at < TOKEN_LASTS:
            try:
                with translated():
                    await interaction.followup.send(
                        text, view=view, ephemeral=True, allowed_mentions=SILENT
                    )
            except (Denied, Busy):
                pass  # the token is of no more use; there is another way
            else:
                return True
        ping = discord.AllowedMentions(users=[discord.Object(kept.user_id)])
        channel = bot.get_partial_messageable(kept.channel_id, guild_id=kept.guild_id)
        try:
            with translated():
                await channel.send(f"<@{kept.user_id}> {text}", view=view, allowed_mentions=ping)
        except Denied as error:
            log.info("The answer to a request cannot be posted there: %s", error.raw)
        else:
            return True
        try:
            with translated():
                dm = await bot.create_dm(discord.Object(kept.user_id))
                await dm.send(text, allowed_mentions=SILENT)
        except (Denied, Busy) as error:  # the grant holds all the same
            log.info("Nobody could tell %s of an answer: %s", kept.user_id, error.raw)
            return False
        return True

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Tell what could not be told before."""
        for guild_id in await self.bot.limits.untold():
            self.ring(guild_id)

    def money_moved(self, guild_id: int, _: Standing) -> None:
        """An order was taken: perhaps it used up a share that moderators are told of."""
        self.ring(guild_id)

    def ring(self, guild_id: int) -> None:
        """See to it that moderators know how much of the budget is used; once at a time."""
        self._due.add(guild_id)
        if guild_id not in self._ringing:
            self._ringing[guild_id] = asyncio.create_task(self._ring(guild_id), name="alarm")

    async def _ring(self, guild_id: int) -> None:
        try:
            while guild_id in self._due:
                self._due.discard(guild_id)
                for pause in itertools.chain(AGAIN, itertools.repeat(THEN)):
                    await asyncio.sleep(pause)
                    if await self._told(guild_id):
                        break
        except DiskTrouble as trouble:
            log.warning("No alarm about the budget of server %s: %s", guild_id, trouble)
        finally:
            del self._ringing[guild_id]

    async def _told(self, guild_id: int) -> bool:
        """Tell the moderators once a period that 80 or 100 % of the budget is used. False where
        it is worth another try soon; what was not told stays due."""
        bot = self.bot
        due = await bot.limits.alarm(guild_id)
        server = await bot.studio.rules.of(guild_id)
        if due is None or server.moderators is None:
            return True  # who chooses a channel rings again
        text = tables.alarm(due, usd_per_credit=bot.usd_per_credit)
        items = [button("Resume", "resume", "budget", style=discord.ButtonStyle.primary, emoji="▶️")]
        channel = bot.get_partial_messageable(server.moderators, guild_id=guild_id)
        amount, used = due.budget.amount, due.used
        try:
            with translated():
                await channel.send(
                    view=panel(text, items if due.percent >= 100 else []),
                    nonce=nonce(
                        guild_id, f"budget {due.percent} of {amount}: {used} since {due.began}"
                    ),
                    allowed_mentions=SILENT,
                )
        except Denied as error:
            log.info("No alarm about the budget of server %s: %s", guild_id, error.raw)
            return True  # /quota budget shows the same; the next order tries again
        except Busy as busy:
            log.warning("No alarm about the budget of server %s yet: %s", guild_id, busy.raw)
            return False
        await bot.limits.alarm_told(due)
        return True


def panel(text: str, items: Sequence[ui.Item[Any]] = ()) -> ui.LayoutView:
    """A card with words, and buttons below them."""
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container()
    box.add_item(ui.TextDisplay(elide(text, 4000)))
    for first in range(0, len(items), 5):
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        for item in items[first : first + 5]:
            row.add_item(item)
        box.add_item(row)
    view.add_item(box)
    return view


def request_card(
    kept: RefusedOrder, bot: Dailies, *, buttons: bool = True, prompt: bool = True
) -> ui.LayoutView:
    """The moderators' card: what is asked for, and what each button gives; without *buttons*, the
    command that does the same. *prompt*: whether it quotes the prompt."""
    text = tables.request(kept, usd_per_credit=bot.usd_per_credit, prompt=prompt)
    price = max(1, kept.wanted.price)
    if not buttons:
        how = f"use `/quota grant` for <@{kept.user_id}> with {in_words(price)}"
        if kept.why == "budget":
            how = "use `/studio resume past_budget:True`"
        return panel(f"{text}\n-# To allow it, {how} in <#{kept.channel_id}>.")
    deny = button("Deny", "deny", kept.id, style=discord.ButtonStyle.danger)
    if kept.why == "budget":
        yes = button("Let orders go over the budget", "grant", f"{kept.id}:1")
        return panel(text, [yes, deny])
    green = discord.ButtonStyle.success
    one = button(f"Grant 1 ({in_words(price)})", "grant", f"{kept.id}:1", style=green)
    five = button(f"Grant 5 ({in_words(5 * price)})", "grant", f"{kept.id}:5", style=green)
    return panel(text, [one, five, deny])


@pressed("less", moderators=False)
async def _order_less(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Order one of the ways that work: its place among them stands on the button."""
    refused_id, _colon, way = about.partition(":")
    await _order(interaction, number(refused_id), way=number(way) if way else 0)


@pressed("all", moderators=False)
async def _order_all(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await _order(interaction, number(about), way=None)


async def _order(interaction: Interaction, refused_id: int, *, way: int | None) -> None:
    order = interaction.client.refusals.order(refused_id, requester_here(interaction), way=way)
    await interaction.client.presenter.answer(interaction, order)
    if not answering.is_answered(interaction):  # pressed a second time: its card stands
        await answering.tell(interaction, "That is already ordered.")


@pressed("ask", moderators=False, waits=Waits.PRIVATE)
async def _ask(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    kept = await interaction.client.refusals.mine(number(about), requester_of(interaction))
    if kept.asked_at is not None:
        raise Refusal("The moderators were already asked about this.")
    await answering.tell(interaction, await helping(interaction).ask(interaction, kept))


@pressed("grant", moderators=True, waits=Waits.CHANGE)
async def _grant(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    refused_id, _, clips = about.partition(":")
    requester = moderator_of(interaction)
    answered = await interaction.client.refusals.grant(requester, number(refused_id), number(clips))
    given = "let orders go over the budget"
    if answered.grant is not None:
        given = f"granted {in_words(answered.grant.amount)}"
    await _settled(interaction, answered, f"✅ {interaction.user.mention} {given}.")


@pressed("deny", moderators=True, waits=Waits.CHANGE)
async def _deny(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    answered = await interaction.client.refusals.deny(moderator_of(interaction), number(about))
    await _settled(interaction, answered, f"🚫 {interaction.user.mention} declined.")


async def _settled(interaction: Interaction, answered: Answered, line: str) -> None:
    text = tables.request(answered.order, usd_per_credit=interaction.client.usd_per_credit)
    await answering.change(interaction, panel(f"{text}\n{line}"))
    if not await helping(interaction).tell(answered, interaction.user):
        await answering.tell(
            interaction,
            f"Done, but I couldn't tell <@{answered.order.user_id}>, in their channel or by direct "
            "message. Please tell them.",
        )


def helping(interaction: Interaction) -> Helping:
    """The cog above, which remembers who asked."""
    cog = interaction.client.get_cog("Helping")
    assert isinstance(cog, Helping)
    return cog


async def setup(bot: Dailies) -> None:
    await bot.add_cog(Helping(bot))
