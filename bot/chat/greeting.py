"""What the bot says in a server that it joined: what it does, what clips cost, how to begin."""

import logging
from collections.abc import Callable, Collection, Iterator
from decimal import Decimal

import discord
from discord import ui

from bot.chat.buttons import button, marked
from bot.chat.cards import Pacer
from bot.chat.earlier_posts import id_at, ours
from bot.chat.mentions import SILENT
from bot.chat.post import nonce
from bot.chat.trouble import Denied, translated
from bot.moderation.tables import amount_of
from bot.orders.orders import Studio
from bot.orders.server_rules import Choice
from bot.words import money
from storage import Brief, Greeting, Mode, Standing

log = logging.getLogger(__name__)

READ = 500  #: messages that are read to see whether a greeting stands there


class Greetings:
    """Greets each server once. Which one has yet to be greeted is a fact in the database."""

    def __init__(
        self,
        client: discord.Client,
        studio: Studio,
        pacer: Pacer,
        *,
        named: Callable[[str], str],
        usd_per_credit: Decimal,
    ) -> None:
        """*named* is how a message names a command."""
        self._client = client
        self._studio = studio
        self._greetings = studio.store.greetings
        self._sharing = studio.store.sharing
        self._policy = studio.store.policy
        self._pacer = pacer
        self._named = named
        self._usd_per_credit = usd_per_credit

    async def see(self, guild_ids: Collection[int], *, joined: int | None = None) -> list[Greeting]:
        """Note which servers we are in; the greetings that are due. See `storage.greetings.see`."""
        await self._greetings.see(guild_ids, joined=joined, shards=self._sharing.count)
        due = await self._greetings.due()
        return [each for each in due if self._sharing.has(each.guild_id)]

    async def greet(self, greeting: Greeting, *, again: bool) -> None:
        """Greet a server where everybody sees it; with *again*, an earlier try may have done so.

        Where there is no such channel, or the server is gone, nothing is said. Raises `Busy`.
        """
        guild = self._client.get_guild(greeting.guild_id)
        if guild is not None and guild.unavailable:
            return  # it is due until it is back
        if guild is None and self._sharing.count > 1:
            return  # perhaps it is of a shard that is not connected yet
        if guild is not None:
            await self._greet(guild, greeting, again=again)
        await self._greetings.over(greeting.guild_id)

    async def _greet(self, guild: discord.Guild, greeting: Greeting, *, again: bool) -> None:
        standing = await self._policy.standing(guild_id=guild.id, user_id=0, roles=())
        view = self._view(guild.id, standing)
        for channel in places(guild):
            try:
                if again and await self._stands(channel, greeting):
                    return
                await self._pacer.wait(urgent=False)
                with translated():
                    await channel.send(
                        view=view, nonce=nonce(guild.id, "greeting"), allowed_mentions=SILENT
                    )
            except Denied as error:
                log.info("Server %s is not greeted in %s: %s", guild.id, channel.id, error.raw)
            else:
                return
        log.info("Server %s has no channel to greet it in", guild.id)

    async def _stands(self, channel: discord.TextChannel, greeting: Greeting) -> bool:
        """Whether a greeting of ours stands in a channel. Raises `Busy`."""
        after = id_at(greeting.at)
        try:
            found = await ours(self._client, channel, _is_greeting, after=after, limit=READ)
        except Denied as error:  # we may not read there: Discord's memory of our name has to do
            log.info("Channel %s cannot be read: %s", channel.id, error.raw)
            return False
        return found is not None

    def _view(self, guild_id: int, standing: Standing) -> ui.LayoutView:
        view = ui.LayoutView(timeout=None)
        box: ui.Container[ui.LayoutView] = ui.Container(accent_colour=0x4C7DD9)
        box.add_item(ui.TextDisplay(self._words(guild_id, standing)))
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        row.add_item(button("Set up", "setup", style=discord.ButtonStyle.primary, emoji="⚙️"))
        row.add_item(button("Help", "help", emoji="❓"))
        box.add_item(row)
        view.add_item(box)
        view.stop()  # `cogs.studio.panel` and `cogs.help` answer by the custom ids
        return view

    def _words(self, guild_id: int, standing: Standing) -> str:
        return "\n".join(
            [
                "### Hello, I'm Dailies",
                (
                    "I make video clips from words, an image or a sound: type "
                    f"{self._named('video text')} and say what you want to see. Each clip can be "
                    "made again, changed and extended by reactions and buttons below it."
                ),
                f"{self._price(guild_id)} {self._limits(standing)}",
                "-# Moderators: **Set up** shows where I work, for whom, and for how much.",
            ]
        )

    def _price(self, guild_id: int) -> str:
        choice = Choice(
            provider=None,
            model=None,
            without=self._studio.rules.off(guild_id),
            confirm_above=None,
            here=(),
        )
        quote = self._studio.quotes.outlook(Brief(mode=Mode.TEXT), choice)
        if quote is None:
            return "You see a clip's price before you pay it."
        length = f"A clip of {quote.brief.duration} s" if quote.brief.duration else "A clip"
        if not quote.price:
            return f"{length} is free here."
        return f"{length} costs from {money.price(quote.price, self._usd_per_credit)}."

    def _limits(self, standing: Standing) -> str:
        each, all_ = amount_of(standing.rule), amount_of(standing.budget)
        return (
            f"Until a moderator changes it, each member can spend {each}, and the whole server "
            f"{all_}."
        )


def places(guild: discord.Guild) -> Iterator[discord.TextChannel]:
    """Where a server may be greeted: its system channel, then the text channels that everybody
    sees, from the top; only those where we may post."""
    everybody, me = guild.default_role, guild.me
    system = guild.system_channel
    if system is not None and _posts(system, me):
        yield system
    for channel in guild.text_channels:
        seen = channel.permissions_for(everybody).view_channel
        if channel != system and seen and _posts(channel, me):
            yield channel


def _posts(channel: discord.TextChannel, me: discord.Member) -> bool:
    allowed = channel.permissions_for(me)
    return allowed.view_channel and allowed.send_messages


def _is_greeting(message: discord.Message) -> bool:
    boxes = [each for each in message.components if isinstance(each, discord.Container)]
    rows = [row for box in boxes for row in box.children if isinstance(row, discord.ActionRow)]
    items = [item for row in rows for item in row.children]
    return any(getattr(item, "custom_id", "") == marked("setup") for item in items)
