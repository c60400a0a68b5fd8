"""How options become values, and values suggestions, in the /video commands."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Choice

from bot.catalog.validate import REQUIRED_INPUTS
from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.prices import costs
from bot.chat.requester import requester_of
from bot.chat.suggesting import suggests
from bot.errors import Refusal
from bot.orders.clip_names import looks_like_one
from bot.orders.defaults import NEW
from bot.orders.inputs import Source
from bot.orders.quote import CHOOSERS
from bot.orders.requester import Requester
from bot.words.clips import TITLES
from bot.words.text import elide
from storage import Brief, Lora, Mode, Preset, Take

CHOICES = 25  #: suggestions that Discord shows
LONGEST = 100  #: characters of one of them
Suggest = Callable[[Interaction, Any], Awaitable[list[Choice[Any]]]]
_SUFFIXES = {"duration": " s", "fps": " fps"}
#: Options that decide the price.
_PRICED = ("provider", "model", "resolution", "duration", "takes")
TAKES = range(2, 5)  #: clips that one order may make, beside one
_NAMED = re.compile(r"[\w.+()\[\]-]+(?:[/\\][\w.+()\[\]-]+)*")
_SAFE = re.compile(r"\.(pt|pth|bin|ckpt|pkl|pickle)$", re.IGNORECASE)


#: What the options say that several commands have; a command's own words come first.
SAID: Mapping[str, str] = {
    "provider": "Who makes it. Default: the cheapest that can.",
    "model": "Which model makes it.",
    "resolution": "How large the clip is.",
    "aspect": "Wide, tall or square.",
    "duration": "How many seconds the clip lasts.",
    "fps": "Frames per second.",
    "seed": "The same seed and settings make a similar clip.",
    "sound": "Whether the clip has sound.",
    "camera": "How the camera moves.",
    "loras": "LoRAs by link, or by a suggested name. Add a strength like this: …@0.8",
    "takes": "Make this many clips with different seeds, as one order.",
    "preset": "Saved settings. What you choose here overrides them.",
    "clip": "A clip: 2 is take 2 in this thread, #42 is any clip in this server. Or a link.",
    "video": "Or upload your own clip.",
}
SUGGESTED = (
    *("provider", "model", "resolution", "aspect", "duration", "fps", "camera", "loras", "preset"),
    *("clip", "takes"),
)


def options(mode: Mode) -> Callable[[Any], Any]:
    """Describe a command's options that others have too, and suggest what *mode*'s models make."""

    def decorate(command: Any) -> Any:
        names = list(inspect.signature(command).parameters)
        own = command.__doc__ or ""
        said = {name: SAID[name] for name in names if name in SAID and f"{name}:\n" not in own}
        found: dict[str, Any] = {name: _suggest(mode, name) for name in names if name in SUGGESTED}
        return app_commands.describe(**said)(app_commands.autocomplete(**found)(command))

    return decorate


def _suggest(mode: Mode, option: str) -> Suggest:
    async def providers(interaction: Interaction, typed: str) -> list[Choice[Any]]:
        studio = interaction.client.studio
        names = dict.fromkeys([*CHOOSERS, *(each.name for each, _ in studio.quotes.offers(mode))])
        wanted = [name for name in names if typed.casefold() in name.casefold()]
        return await priced(interaction, mode, option, [(name, name) for name in wanted])

    async def models(interaction: Interaction, typed: str) -> list[Choice[Any]]:
        provider = _chosen(interaction, "provider")
        named = [
            (f"{model.name} · {each.title}", model.name)
            for each, model in interaction.client.studio.quotes.offers(mode)
            if provider in (None, *CHOOSERS, each.name)
        ]
        wanted = [each for each in named if typed.casefold() in each[0].casefold()]
        return await priced(interaction, mode, option, wanted)

    async def values(interaction: Interaction, typed: str | int) -> list[Choice[Any]]:
        found = interaction.client.studio.quotes.values(
            mode,
            option,
            provider=_chosen(interaction, "provider"),
            model=_chosen(interaction, "model"),
        )
        text = str(typed or "").casefold()
        if option in _SUFFIXES:
            wanted = [each for each in found if str(each).startswith(text)]
        else:
            wanted = [each for each in found if text in str(each).replace("_", " ").casefold()]
        suffix = _SUFFIXES.get(option, "")
        named = [(f"{str(each).replace('_', ' ')}{suffix}", each) for each in wanted]
        return await priced(interaction, mode, option, named)

    async def presets(interaction: Interaction, typed: str) -> list[Choice[Any]]:
        there = await interaction.client.edits.presets.of(requester_of(interaction))
        return choices([(each.name, each.name) for each in there], typed)

    async def loras(interaction: Interaction, typed: str) -> list[Choice[Any]]:
        before, _, last = f" {typed.replace(',', ' ')}".rpartition(" ")
        chosen = before.strip()
        there = interaction.client.studio.quotes.values(
            mode,
            "loras",
            provider=_chosen(interaction, "provider"),
            model=_chosen(interaction, "model"),
        )
        named = [f"{chosen} {each}".strip() for each in there if str(each) not in chosen.split()]
        fits = [each for each in named if last.lower() in each[len(chosen) :].lower()]
        return [Choice(name=each, value=each) for each in fits if len(each) <= LONGEST][:CHOICES]

    async def takes(interaction: Interaction, typed: str | int) -> list[Choice[Any]]:
        return await priced(interaction, mode, option, several(typed))

    named = {
        "provider": providers,
        "model": models,
        "takes": takes,
        "preset": presets,
        "clip": clips,
        "loras": loras,
    }
    return suggests(named.get(option, values))


async def priced(
    interaction: Interaction, mode: Mode, option: str, named: Sequence[tuple[str, Any]]
) -> list[Choice[Any]]:
    """Suggestions with what each would cost beside what was chosen already, where it matters:
    with the preset that was chosen, and with the defaults that hold there."""
    if option not in _PRICED:
        return [Choice(name=elide(name, 100), value=value) for name, value in named[:CHOICES]]
    studio, shown = interaction.client.studio, []
    presets = interaction.client.edits.presets
    chosen = {each: _chosen(interaction, each) for each in _PRICED}
    requester = requester_of(interaction)
    usual = await studio.rules.usual(requester)
    layers = await studio.choosing.layers(requester, here=usual.here)
    new = getattr(interaction.command, "name", None) in {*NEW, "set"}  # the others repeat a clip
    preset = await _preset(interaction, requester) if new else None
    for name, value in named[:CHOICES]:
        wanted = {**chosen, option: value}
        maker = {"provider": wanted.pop("provider"), "model": wanted.pop("model")}
        count = int(wanted.pop("takes") or 1)
        brief = Brief(mode=mode, **wanted)
        if preset is not None:
            brief, *named_by = presets.with_settings(preset, brief, **maker)
            maker = dict(zip(maker, named_by, strict=True))
        given = [each for each in [REQUIRED_INPUTS.get(mode)] if each is not None]
        settled = studio.choosing.settled(
            brief,
            layers,
            **maker,
            without=usual.without,
            given=given,
            new=new,
        )
        choice = replace(usual, provider=settled.provider, model=settled.model)
        quote = studio.quotes.outlook(settled.brief, choice, given=given)
        words = "" if quote is None else f" · {costs(quote.times(count), option)}"
        shown.append(Choice(name=elide(f"{name}{words}", 100), value=value))
    return shown


def several(typed: str | int) -> list[tuple[str, int]]:
    """How many clips an order may make, as suggestions that begin with what was typed."""
    return [(f"{each} takes", each) for each in TAKES if str(each).startswith(str(typed or ""))]


async def _preset(interaction: Interaction, requester: Requester) -> Preset | None:
    """The preset that was chosen, if there is one of that name."""
    name = _chosen(interaction, "preset")
    if name is None:
        return None
    try:
        return await interaction.client.edits.presets.find(name, requester=requester)
    except Refusal:
        return None


async def source(
    interaction: Interaction, attachment: discord.Attachment | None, link: str | None
) -> Source | None:
    """The input that an attachment, a link or the number of a clip names, if any.

    Raises `Refusal` where both are given or neither can be told.
    """
    if attachment is not None and link:
        raise Refusal("Give either an attachment or a link, not both.")
    if attachment is not None:
        return Source(url=attachment.url)
    if not link:
        return None
    if looks_like_one(link):
        return Source(take=await clip(interaction, link))
    if "://" in link:
        return Source(url=link.strip())
    raise Refusal("Give a link that starts with https://, or a clip's number such as #42.")


def loras_of(text: str | None) -> tuple[Lora, ...]:
    """The LoRAs of an option: links or names, each perhaps with @strength behind it.

    Raises `Refusal` for anything else, and for files that run code when they are opened.
    """
    found = []
    for part in (text or "").replace(",", " ").split():
        link, _, strength = part.rpartition("@")
        if not re.fullmatch(r"\d+(\.\d+)?", strength):
            link, strength = part, "1"
        if not link.startswith("https://") and not _NAMED.fullmatch(link):
            raise Refusal(
                "Give each LoRA as a public https link or a suggested name, such as "
                "https://…safetensors@0.8."
            )
        if _SAFE.search(link.partition("?")[0]):
            raise Refusal("Only .safetensors LoRAs work. Other formats can contain programs.")
        if not 0.0 < float(strength) <= 4.0:
            raise Refusal(
                "A LoRA's strength must be more than 0 and at most 4. 0.5 to 2 works best."
            )
        found.append(Lora(path=link, scale=float(strength)))
    return tuple(found)


async def say(interaction: Interaction, text: str) -> None:
    """Answer with *text*, to its person alone."""
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay(elide(text, 4000)))
    await answering.tell(interaction, view=view)


async def clip(interaction: Interaction, name: str) -> int:
    """The number of the clip that somebody names where they are: see `Takes.named`."""
    return await interaction.client.takes.named(name, requester=requester_of(interaction))


def suggested(take: Take, *, place_id: int) -> tuple[str, str]:
    """A clip as a suggestion: both its names are shown, and the one that is sent means it
    everywhere."""
    job, words = take.job, " ".join(take.job.brief.prompt.split())
    names = [f"#{job.id}"]
    if take.number is not None and job.thread_id == place_id:
        names.insert(0, f"take {take.number}")
    return " · ".join([*names, TITLES[job.state], words]), f"#{job.id}"


async def clips(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The takes of this thread, newest first, then one's own latest clips elsewhere.

    A plain number finds the take of that number first: so it is read, too.
    """
    requester = requester_of(interaction)
    near = await interaction.client.takes.near(requester, limit=CHOICES)
    found = [suggested(take, place_id=requester.channel_id) for take in near]
    if typed.strip().isdigit():
        found.sort(key=lambda each: not each[0].startswith(f"take {typed.strip()} "))
    return choices(found, typed)


def choices(pairs: list[tuple[str, str]], typed: str) -> list[Choice[Any]]:
    """Suggestions that hold what was typed, as many as Discord shows."""
    wanted = [each for each in pairs if typed.casefold() in each[0].casefold()]
    return [Choice(name=elide(name, 100), value=value) for name, value in wanted[:CHOICES]]


def _chosen(interaction: Interaction, option: str) -> str | None:
    return getattr(interaction.namespace, option, None) or None
