"""A reaction that is refused: who is told what, and what can be done about it.

A reaction has no answer that only its person sees. So a thread reads no more than a line without
figures, and a button under it gives its person the rest, privately.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord

from bot import messages
from bot.client import Dailies, Interaction
from bot.delivery import nonce
from bot.errors import Private, Refusal
from bot.studio import Costly, Limited, Place
from cogs._pressing import button, pressed
from cogs.refusals import Helping, helping, next_steps
from storage import DiskTrouble, Limit, RefusedOrder

#: What a thread reads of limits that are somebody's own affair.
_LIMITS = {
    Limit.QUOTA: "that is more than you may order right now.",
    Limit.BUDGET: "that is more than this server has left right now.",
    Limit.JOBS: "there are as many clips under way as may be.",
    Limit.PACE: "that was quicker than clips may be ordered.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of a refused reaction."""

    line: str  #: for everybody, or with *private* for its person
    answer: str  #: for its person alone
    private: bool = False
    kept: RefusedOrder | None = None


async def said_of(bot: Dailies, no: Exception, place: Place) -> Said:
    """How a reaction is refused; an order that may still be made is kept."""
    sentence = messages.explain(no)
    if not isinstance(no, Limited | Costly):
        return Said(line=sentence, answer=sentence, private=isinstance(no, Private))
    if isinstance(no, Limited) and no.refused.limit not in _LIMITS:
        blocked = no.refused.limit is Limit.BLOCKED
        return Said(line=sentence, answer=sentence, private=blocked)
    kept = None
    helping = bot.get_cog("Helping")
    if isinstance(helping, Helping):
        with suppress(DiskTrouble):  # the sentence is left
            kept = await helping.keep(no, place)
    line = _LIMITS[no.refused.limit] if isinstance(no, Limited) else sentence
    return Said(line=line, answer=sentence, kept=kept)


async def tell(bot: Dailies, said: Said, *, message_id: int, place: Place, emoji: str) -> None:
    """Say it once, without a ping or a notification; what is private, by direct message."""
    with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
        if said.private:
            there = await bot.create_dm(discord.Object(place.user_id))
            clip = f"https://discord.com/channels/{place.guild_id}/{place.channel_id}/{message_id}"
            await there.send(
                messages.elide(f"{emoji} {clip}: {said.line}", 2000),
                allowed_mentions=messages.SILENT,
            )
            return
        view = discord.ui.View(timeout=None)
        if said.kept is not None and said.kept.why == "confirm":
            view = next_steps(said.kept, asks=False)
        elif said.answer != said.line:
            view.add_item(button("Why, and what fits", "take-why", f"{message_id}:{emoji}"))
        view.stop()
        extra: dict[str, Any] = {"view": view} if view.children else {}
        kept = said.kept.id if said.kept is not None else 0
        await bot.get_partial_messageable(place.channel_id, guild_id=place.guild_id).send(
            messages.elide(f"-# {emoji} <@{place.user_id}>: {said.line}", 2000),
            nonce=nonce(message_id, f"no-{place.user_id}-{emoji}-{said.line}-{kept}"),
            reference=discord.MessageReference(
                message_id=message_id, channel_id=place.channel_id, fail_if_not_exists=False
            ),
            mention_author=False,
            silent=True,
            allowed_mentions=messages.SILENT,
            **extra,
        )


@pressed("take-why", moderators=False)
async def why(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Tell the person whose reaction was refused why, and offer what can be done about it."""
    bot = interaction.client
    message_id, _colon, emoji = about.partition(":")
    known = await bot.studio.store.takes.reaction(int(message_id), interaction.user.id, emoji)
    if known is None or known.explained is None:
        raise Refusal("This is about somebody else's reaction.")
    if known.answer is None:
        raise Refusal("That is settled; react again for another one.")
    kept = None
    if known.refused_id is not None and interaction.guild_id is not None:
        kept = await bot.studio.store.servers.refused(
            known.refused_id, guild_id=interaction.guild_id
        )
    view = None if kept is None else await helping(interaction).next_steps(kept)
    extra: dict[str, Any] = {} if view is None else {"view": view}
    await interaction.response.send_message(
        known.answer, ephemeral=True, allowed_mentions=messages.SILENT, **extra
    )
