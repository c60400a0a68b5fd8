"""Buttons and menus that outlive a restart, ask who presses, and apologise by themselves.

What one does is written on it: `do:<verb>:<about>`. A verb is registered with `pressed`, which
also says whether it is for moderators alone.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

import discord

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.explain import apologise
from bot.chat.presenter import ACKNOWLEDGE
from bot.chat.requester import requester_of
from bot.chat.trouble import Denied
from bot.errors import Busy, Refusal
from bot.log_context import speak_of_server
from bot.orders.access import require_moderator

log = logging.getLogger(__name__)

#: What is said of a custom id that this Dailies never wrote.
UNKNOWN = "This button is out of date. Use the command instead."
_NUMBER = re.compile(r"[0-9]{1,19}")
LARGEST = 2**63 - 1  #: that the database takes; ids of Discord's have up to as many digits

Act = Callable[[Interaction, str, Sequence[str]], Coroutine[Any, Any, None]]


class Waits(Enum):
    """What is answered while the work is done: Discord waits 3 seconds."""

    NOT = "not"  #: nothing: the verb answers at once, with a form or by `ChatPresenter.answer`
    FIRST = "first"  #: "thinking…" to its person alone, before the work is begun
    PRIVATE = "private"  #: the same, once the work takes over a second
    CHANGE = "change"  #: nothing to be seen, then, too: the message of the button changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """What pressing does, whether only moderators may, and what is answered first."""

    act: Act
    moderators: bool
    waits: Waits


VERBS: dict[str, Verb] = {}


def pressed(name: str, *, moderators: bool, waits: Waits = Waits.NOT) -> Callable[[Act], Act]:
    """Register what *name* does: a function of the interaction, what stands behind the verb,
    and what was picked from a menu. What takes a while says by *waits* what is answered first."""

    def register(act: Act) -> Act:
        assert name not in VERBS or VERBS[name].act.__module__ == act.__module__, name
        VERBS[name] = Verb(act=act, moderators=moderators, waits=waits)
        return act

    return register


class Pressed(discord.ui.DynamicItem[discord.ui.Item[Any]], template=r"(?s)do:([^:]*)(?::(.*))?"):
    """Whatever carries a verb."""

    def __init__(self, item: discord.ui.Item[Any], verb: str, about: str) -> None:
        super().__init__(item)
        self.verb = verb
        self.about = about

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(item, match[1], match[2] or "")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        speak_of_server(interaction.guild_id)
        # discord.py only logs what a dynamic item raises, so this one apologises by itself.
        try:
            if interaction.guild_id is None:
                raise discord.app_commands.NoPrivateMessage
            verb = VERBS.get(self.verb)
            if verb is None:
                raise Refusal(UNKNOWN)
            if verb.moderators:
                require_moderator(requester_of(interaction))
            data: Mapping[str, Any] = interaction.data or {}
            picked = [str(each) for each in data.get("values", ())]
            await acknowledged(interaction, verb.waits, verb.act(interaction, self.about, picked))
        except Exception as error:  # noqa: BLE001  # a boundary: the apology is right here
            await apologise(interaction, error)


def number(said: str) -> int:
    """The number that stands in a custom id, or in what was picked from a menu of ours.

    Raises `Refusal` for what no button and no menu of ours says.
    """
    if _NUMBER.fullmatch(said) is None or int(said) > LARGEST:
        raise Refusal(UNKNOWN)
    return int(said)


async def acknowledged(
    interaction: Interaction, waits: Waits, work: Coroutine[Any, Any, None]
) -> None:
    """Do the *work* of a verb, and see to it that Discord has an answer in time."""
    if waits is Waits.NOT:
        await work
        return
    task = asyncio.ensure_future(work if waits is not Waits.FIRST else _thinking(interaction, work))
    try:
        done, _ = await asyncio.wait({task}, timeout=ACKNOWLEDGE)
        if not done and not answering.is_answered(interaction) and waits is not Waits.FIRST:
            private = waits is Waits.PRIVATE
            try:
                await answering.acknowledge(interaction, thinking=private, private=private)
            except (Denied, Busy) as error:  # the work goes on, and says so if it cannot answer
                log.info("A button was not answered in time: %s", error.raw)
        await task
        if waits is Waits.CHANGE and not answering.is_answered(interaction):
            await answering.acknowledge(interaction, thinking=False)  # it changes by itself
    finally:
        task.cancel()


async def _thinking(interaction: Interaction, work: Coroutine[Any, Any, None]) -> None:
    try:
        await answering.acknowledge(interaction, private=True)
        await work
    finally:
        work.close()  # where it was not begun
