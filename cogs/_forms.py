"""Forms that outlive a restart: what is filled in is read by the form's own name.

What a form is for is written on it: `form:<name>:<about>`. Who registers a name with `sent` says
what sending it off does, and whether it is for moderators alone. No form is held in memory.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import discord
from discord import ui
from discord.ext import commands

from bot.chat.bot import Dailies, Interaction
from bot.chat.explain import apologise
from bot.chat.requester import requester_of
from bot.errors import Refusal
from bot.orders.access import require_moderator
from bot.orders.quote import Quote

#: What sending a form off does: the interaction, what the form is about, what its fields hold.
Act = Callable[[Interaction, re.Match[str], Mapping[str, str]], Awaitable[None]]

E = TypeVar("E", bound=StrEnum)

_NAMED = re.compile(r"form:([a-z-]+)(?::(.*))?", re.DOTALL)
PROMPT = 4000  #: characters that a form's field takes
UNPRICED = "The price isn't known yet. You'll see it before anything is ordered."
UNKNOWN = "This form is out of date. Nothing was changed. Open it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What becomes of a form."""

    act: Act
    about: re.Pattern[str]
    moderators: bool


FORMS: dict[str, Sent] = {}


def sent(name: str, *, about: str = "", moderators: bool) -> Callable[[Act], Act]:
    """Register what happens when the form *name* is sent off.

    *about* is the pattern of what stands behind the name; another one is refused.
    """

    def register(act: Act) -> Act:
        FORMS[name] = Sent(act=act, about=re.compile(about, re.ASCII), moderators=moderators)
        return act

    return register


def form(title: str, name: str, about: object = "") -> ui.Modal:
    """An empty form called *name*, to which fields are added.

    discord.py does not keep it: it is answered by its name alone, so that a restart is no loss.
    """
    assert FORMS[name].about.fullmatch(str(about)), (name, about)
    custom_id = f"form:{name}:{about}" if str(about) else f"form:{name}"
    made = ui.Modal(title=title, custom_id=custom_id)
    made.stop()
    return made


def text_field(
    label: str, name: str, value: str, *, long: bool = False, required: bool = True
) -> ui.Label[ui.Modal]:
    """A field for words, perhaps with some in it; a *long* one may be left empty."""
    style = discord.TextStyle.paragraph if long else discord.TextStyle.short
    field: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id=name,
        style=style,
        default=value[:PROMPT] or None,
        required=required and not long,
        max_length=PROMPT if long else max(500, len(value[:PROMPT])),
    )
    return ui.Label(text=label, component=field)


def price_line(quote: Quote | None, interaction: Interaction, *, limit: int = 200) -> str:
    """What sending a form orders, and its price, in at most *limit* characters."""
    return UNPRICED if quote is None else quote.line(interaction.client.usd_per_credit, limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was put into a form."""

    name: str
    type: str  #: as Discord tells it by the name: its bytes are yet to be looked at
    url: str


def uploads(interaction: Interaction, name: str) -> list[Upload]:
    """The files in the field *name* of the form that was sent."""
    data: Mapping[str, Any] = interaction.data or {}
    fields = [part.get("component") or {} for part in data.get("components", ())]
    values = [
        value
        for field in fields
        if field.get("custom_id") == name
        for value in field.get("values") or ()
    ]
    known = (data.get("resolved") or {}).get("attachments") or {}
    return [
        Upload(
            name=str(file.get("filename") or "The file"),
            type=str(file.get("content_type") or ""),
            url=str(file.get("url") or ""),
        )
        for value in values
        if (file := known.get(str(value))) is not None
    ]


class Forms(commands.Cog):
    """Takes what was filled in."""

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """A form was sent off, perhaps one that was opened before a restart."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        try:
            await self._sent(interaction, interaction.data or {})
        except Exception as error:  # noqa: BLE001  # a boundary: the apology is right here
            await apologise(interaction, error)

    async def _sent(self, interaction: Interaction, data: Mapping[str, Any]) -> None:
        if interaction.guild_id is None:
            raise discord.app_commands.NoPrivateMessage
        named = _NAMED.fullmatch(str(data.get("custom_id", "")))
        known = FORMS.get(named[1]) if named is not None else None
        about = known.about.fullmatch(named[2] or "") if named and known else None
        if known is None or about is None:
            raise Refusal(UNKNOWN)
        if known.moderators:
            require_moderator(requester_of(interaction))
        await known.act(interaction, about, _given(data))


def one_of(choices: type[E], said: str) -> E:
    """The choice of a form's menu that *said* names. Raises `Refusal` for what no menu says."""
    if said not in {*choices}:
        raise Refusal(UNKNOWN)
    return choices(said)


def _given(data: Mapping[str, Any]) -> dict[str, str]:
    """What a form's fields hold, by their names."""
    found = {}
    for part in data.get("components", ()):
        field = part.get("component") or {}
        value = field.get("value") or next(iter(field.get("values") or ()), "")
        if field.get("custom_id"):
            found[field["custom_id"]] = str(value)
    return found


async def add_to(bot: Dailies) -> None:
    """Answer forms. An extension that shows some asks for this; once is enough."""
    if bot.get_cog("Forms") is None:
        await bot.add_cog(Forms())
