"""The form of a new clip: /video new, and the menus that begin with a picture or a sound.

One builder makes all of them. What is sent is ordered at once only at a price that the form
showed, and if it is free; else a button asks first, with the price on it. What is refused is kept
for its person, and a button opens the form again, filled in.
"""

import asyncio
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.next_steps import Refillable
from bot.chat.prices import costs
from bot.chat.requester import requester_here, requester_of
from bot.errors import Busy, Refusal
from bot.orders.consent import Consent
from bot.orders.inputs import Source
from bot.orders.quote import ConfirmationNeeded, Quote
from bot.words.text import elide, typed
from cogs import _forms, prompt_help
from cogs._forms import UNKNOWN, Upload, form, price_line, sent, text_field, uploads
from cogs._pressing import Pressed, number, pressed
from storage import Brief, Job, Mode

USUAL = "usual"  #: of a size or length: nobody chose one
RADIOS = 10  #: options of a radio group
OPTIONS = 25  #: of a menu
LABEL = 100  #: characters of an option, and of what stands below a field's name
ASKS_FIRST = "You see the price before anything is ordered."
TITLES = {"new": "Make a clip", "animate": "Animate this image", "sound": "Use this sound"}
#: What each form begins with; that of /video new may begin with anything.
_BEGINS = {"animate": (Mode.IMAGE, "image"), "sound": (Mode.AUDIO, "audio")}
_MENU = r"0(?::(?P<price>\d{1,18}))?"  # the price that the form showed, in credits
_FILES = "One picture (PNG, JPEG or WebP), one sound (MP3, M4A or OGG), both, or none."


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What stands in the form when it opens."""

    prompt: str = ""
    link: str = ""
    resolution: str | None = None
    duration: int | None = None


async def show(interaction: Interaction, name: str, filled: Filled | None = None) -> None:
    """Open the form *name* ("new", "animate" or "sound")."""
    filled = filled or Filled()
    mode, given = _BEGINS.get(name, (Mode.TEXT, ""))
    requester, choosing = requester_of(interaction), interaction.client.studio.choosing
    prices = await choosing.prices(requester, mode, given=[given] if given else [])
    usual = prices(None, None)
    priced = usual is not None and mode is Mode.IMAGE
    about = f"0:{usual.price}" if usual is not None and priced else "0"
    asking = form(TITLES[name], name, "" if name == "new" else about)
    asking.add_item(text_field("Prompt", "prompt", filled.prompt, long=True, required=False))
    if name == "new":
        files: ui.FileUpload[ui.Modal] = ui.FileUpload(
            custom_id="files", required=False, min_values=0, max_values=2
        )
        asking.add_item(
            ui.Label(text="A picture, a sound, or both", description=_FILES, component=files)
        )
    else:
        what = "image" if name == "animate" else "sound"
        asking.add_item(text_field(f"Link to the {what}", "link", filled.link))
    offered = choosing.offered if name == "new" else _of(interaction, mode)
    for setting, label in (("resolution", "Size"), ("duration", "Length")):
        if setting == "duration" and mode is Mode.AUDIO:
            continue  # it is as long as the sound
        field = _choice(setting, offered(setting), getattr(filled, setting), usual, prices)
        note = "A sound decides its own length." if name == "new" else None
        if field is not None:
            asking.add_item(
                ui.Label(
                    text=label,
                    description=note if setting == "duration" else None,
                    component=field,
                )
            )
    said = ASKS_FIRST if name == "new" else price_line(usual, interaction, limit=LABEL)
    asking.add_item(prompt_help.sending(said))
    await answering.ask(interaction, asking)


def _of(interaction: Interaction, mode: Mode) -> Callable[[str], list[str | int]]:
    return lambda name: interaction.client.studio.quotes.values(mode, name)


def _choice(
    name: str,
    values: Sequence[str | int],
    chosen: str | int | None,
    usual: Quote | None,
    prices: Callable[[str | None, str | int | None], Quote | None],
) -> ui.Item[ui.Modal] | None:
    """The field in which a size or length is chosen, with prices; None where there is no choice."""
    if not values:
        return None
    suffix = " s" if name == "duration" else ""
    value = getattr(usual.brief, name) if usual is not None else None
    labels = {USUAL: f"As usual · {value}{suffix}" if value else "As usual"}
    for each in values[:: math.ceil(len(values) / (OPTIONS - 1))]:
        quote = prices(name, each)
        price = f" · {costs(quote, name)}" if quote is not None else ""
        labels[str(each)] = elide(f"{each}{suffix}{price}", LABEL)
    default = str(chosen) if str(chosen) in labels else USUAL
    if len(labels) <= RADIOS and name == "resolution":
        radios: ui.RadioGroup[ui.Modal] = ui.RadioGroup(custom_id=name)
        for each, label in labels.items():
            radios.add_option(label=label, value=each, default=each == default)
        return radios
    options = [
        discord.SelectOption(label=label, value=each, default=each == default)
        for each, label in labels.items()
    ]
    return ui.Select(custom_id=name, options=options)


@sent("new", moderators=False)
async def _new_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    files = uploads(interaction, "files")
    await _send(interaction, given, lambda: _sources(files), Consent.to(None))


@sent("animate", about=_MENU, moderators=False)
async def _animate_sent(
    interaction: Interaction, about: re.Match[str], given: Mapping[str, str]
) -> None:
    seen = int(about["price"]) if about["price"] is not None else None
    linked = {"image": Source(url=given.get("link", "").strip())}
    await _send(interaction, given, lambda: linked, Consent.to(seen))


@sent("sound", about=_MENU, moderators=False)
async def _sound_sent(
    interaction: Interaction, _about: re.Match[str], given: Mapping[str, str]
) -> None:
    linked = {"audio": Source(url=given.get("link", "").strip())}
    await _send(interaction, given, lambda: linked, Consent.to(None))


def _sources(files: Sequence[Upload]) -> dict[str, Source]:
    """The inputs that were uploaded, by the brief's field. Raises `Refusal` for other files."""
    found: dict[str, Source] = {}
    for each in files:
        kind = each.type.partition("/")[0]
        if kind not in ("image", "audio"):
            raise Refusal(
                f"{typed(each.name, 60)} is neither a picture nor a sound. Use PNG, JPEG or WebP, "
                "or MP3, M4A or OGG."
            )
        if kind in found:
            raise Refusal("Use one picture and one sound at most.")
        found[kind] = Source(url=each.url)
    return found


def _mode(sources: Mapping[str, Source]) -> Mode:
    """What a clip is made from; a sound may have a picture beside it."""
    if "audio" in sources:
        return Mode.AUDIO
    return Mode.IMAGE if "image" in sources else Mode.TEXT


def _seconds(picked: str) -> int | None:
    """The length that was picked; None for the usual one. Raises `Refusal` for another word."""
    if picked in ("", USUAL):
        return None
    if re.fullmatch(r"[0-9]{1,4}", picked) is None:
        raise Refusal(UNKNOWN)
    return int(picked)


async def _send(
    interaction: Interaction,
    given: Mapping[str, str],
    making: Callable[[], Mapping[str, Source]],
    consent: Consent,
) -> None:
    """Order what was filled in, or help with its prompt. What is refused can be filled in again."""
    requester, helps = requester_here(interaction), interaction.client.prompt_help
    size, length = given.get("resolution"), given.get("duration", "")
    brief = Brief(
        prompt=given.get("prompt", ""),
        resolution=None if size in (None, "", USUAL) else size,
        duration=_seconds(length),
    )
    link = given.get("link", "").strip()
    long = asyncio.Event()

    async def refillable(no: Refusal | Busy, mode: Mode) -> Refillable:
        kept = await helps.keep(brief.but(mode=mode), requester, link=link)
        return Refillable(no, kept.id)

    try:
        sources = making()
    except Refusal as no:
        raise await refillable(no, Mode.TEXT) from no
    mode = _mode(sources)
    wanted = brief.but(mode=mode, duration=None if mode is Mode.AUDIO else brief.duration)
    if prompt_help.asks_for_help(given):
        await prompt_help.begin(interaction, wanted, sources)
        return

    async def ordering() -> tuple[Job, bool]:
        try:
            return await interaction.client.studio.order(
                wanted,
                request=f"interaction:{interaction.id}",
                requester=requester,
                sources=sources,
                consent=consent,
                before_long=long.set,
                new=True,
            )
        except ConfirmationNeeded:
            raise
        except (Refusal, Busy) as no:
            raise await refillable(no, mode) from no

    await interaction.client.presenter.answer(interaction, ordering(), long=long)


@pressed("new-again", moderators=False)
async def _again(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Open the form of a refused order again, filled in; only files must be chosen once more."""
    requester = requester_here(interaction)
    kept = await interaction.client.prompt_help.draft(number(about), requester)
    brief = kept.brief
    names = {mode: name for name, (mode, _given) in _BEGINS.items()}
    name = names.get(brief.mode, "new") if kept.link else "new"
    filled = Filled(
        prompt=brief.prompt, link=kept.link, resolution=brief.resolution, duration=brief.duration
    )
    await show(interaction, name, filled)


async def setup(bot: Dailies) -> None:
    bot.add_dynamic_items(Pressed)
    await _forms.add_to(bot)
