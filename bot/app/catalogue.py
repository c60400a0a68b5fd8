"""What every provider can make, for how much and by which settings, as text for an operator.

It is made of the providers' own data, so that the README and the code cannot disagree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.catalog.formats import type_word
from bot.catalog.model import ANY, Accepts, Capability, Price, Shape
from bot.providers import Connection, Provider, modules
from bot.settings import BadSetting
from bot.words.modes import MODE_WORDS
from bot.words.numbers import day, listed
from storage import Mode

__all__ = ["Company", "companies", "example", "markdown", "settings_of", "state"]

_PRETENDED = "no-key-at-all"
_MODES: Mapping[Mode, str] = {
    Mode.TEXT: "text",
    Mode.IMAGE: "image",
    Mode.AUDIO: "audio",
    Mode.EXTEND: "extend",
    Mode.RETAKE: "retake",
    Mode.HDR: "HDR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A provider as it is without anybody's key or changes."""

    provider: Provider
    key_from: str  #: where an operator gets a key; empty where none is needed
    settings: Mapping[str, FieldInfo]  #: by the name in the environment


def companies(data: Path) -> list[Company]:
    """Every provider there is. *data* is a directory that nothing is written to."""
    found = []
    for name, module in modules().items():
        settings = settings_of(name, module)
        environ = example(name, module)
        provider = module.connect(Connection(data=data, environ=environ))
        assert provider is not None, f"{name} does not exist with {', '.join(environ)} set"
        key_from = getattr(module, "KEY_FROM", "")
        found.append(Company(provider=provider, key_from=key_from, settings=settings))
    # Those that cost money first, the one of most modes before the others.
    return sorted(found, key=lambda each: (not each.settings, -len(_modes(each.provider))))


def example(name: str, module: ModuleType) -> Mapping[str, str]:
    """Settings with which a provider exists; the first of them is the one that makes it exist."""
    said: Mapping[str, str] | None = getattr(module, "EXAMPLE", None)
    return said if said is not None else {f"{name.upper()}_API_KEY": _PRETENDED}


def settings_of(name: str, module: ModuleType) -> dict[str, FieldInfo]:
    """What a provider of that *name* may be given, by the name in the environment."""
    declared: type[BaseModel] | None = getattr(module, "Settings", None)
    fields = declared.model_fields if declared is not None else {}
    return {f"{name.upper()}_{field.upper()}": info for field, info in fields.items()}


def state(connection: Callable[[str], Connection]) -> tuple[list[str], bool]:
    """A line about each provider in this deployment, and whether all is well.

    *connection* makes what the named provider is given.
    """
    lines, well = [], True
    for name, module in modules().items():
        given = connection(name)
        try:
            provider = module.connect(given)
        except BadSetting as error:
            lines.append(f"✗ {name}: {error}")
            well = False
            continue
        if provider is None:
            key_from = getattr(module, "KEY_FROM", "its operator")
            key = next(iter(example(name, module)))
            if key.endswith("_API_KEY"):
                lines.append(f"· {name}: no key. Set {key} from {key_from}")
            else:
                lines.append(f"· {name}: not set up. Set {key} to {key_from}")
            continue
        limits = provider.limits
        models = listed([model.name for model in provider.models] or ["nothing yet"], last="and")
        changed = ", changed by dailies.toml" if given.toml else ""
        lines.append(
            f"✓ {name}: {provider.title} makes {_modes_of(provider)} with {models}{changed}, "
            f"{limits.concurrency} at once, {limits.per_minute:g} requests a minute"
        )
    return lines, well


def markdown(found: Sequence[Company]) -> str:
    """The README's section about providers."""
    paid = [company for company in found if company.key_from]
    parts = [
        _table(
            ("provider", "modes", "models", "get a key", "polled", "timeout", "result kept"),
            map(_overview, found),
        ),
        _ABOUT_OFFERS,
        _table(
            ("provider · model", "modes", "sizes, frame rates and lengths", "price"),
            (row for company in found for row in _offers(company.provider)),
        ),
        "\n".join(f"- {line}" for company in paid for line in _limits(company.provider)),
        _ABOUT_SETTINGS,
        _table(("setting", "default", "what it does"), _setting_rows(found)),
        _TOML,
    ]
    return "\n\n".join(parts)


_ABOUT_OFFERS = """\
What each model makes. Other options are listed below. Prices are as of the dates shown."""

_ABOUT_SETTINGS = """\
Set these in the environment or in `.env`. Add `_FILE` to a name to read the value from a file."""

_TOML = """\
Models and prices change more often than code, so `dailies.toml` overrides them. `price` replaces
the whole price of a mode. `shapes` replaces all of its sizes, frame rates and lengths.

```toml
[providers.ltx.models."ltx-2-fast"]
offer = false                              # leave it out

[providers.ltx.models."ltx-2-3-pro".text]
price = { per_second = { "1080p" = 0.09, "4K" = 0.36 }, dated = 2026-12-01 }

[providers.ltx.models."ltx-2-5-pro"]       # a model that Dailies does not know yet
like = "ltx-2-3-pro"
title = "LTX-2.5 Pro"

[providers.apixo.models."ltx-2-19b".image]
prompt_max = 2000
shapes = [{ resolutions = ["720p"], durations = [5, 10] }]
```"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _overview(company: Company) -> Sequence[str]:
    provider = company.provider
    limits = provider.limits
    callback = ", or calls back if `PUBLIC_URL` is set" if hasattr(provider, "callback") else ""
    return (
        f"{provider.title} (`{provider.name}`)",
        _modes_of(provider),
        ", ".join(f"`{model.name}`" for model in provider.models) or "your workflows",
        company.key_from or "no key needed",
        f"after {limits.first_poll:g} s, then every {limits.poll_every:g} s{callback}",
        f"after {_span(limits.max_runtime)}",
        _span(limits.keeps_for),
    )


def _offers(provider: Provider) -> Iterable[Sequence[str]]:
    """A row for the modes of a model that have the same shapes and the same price."""
    for model in provider.models:
        alike: dict[tuple[str, str], list[str]] = {}
        for capability in model.capabilities:
            key = _shapes(capability), _price(capability.price)
            alike.setdefault(key, []).append(_MODES[capability.mode])
        ended = " (retired: only if you name it)" if model.retired else ""
        for (shapes, price), modes in alike.items():
            name = f"{provider.title} · `{model.name}`{ended}"
            yield name, listed(modes, last="and"), shapes, price


def _shapes(capability: Capability) -> str:
    said = dict.fromkeys(_shape(shape) for shape in capability.shapes)
    return "<br>".join(each for each in said if each) or "same as its input"


def _shape(shape: Shape) -> str:
    parts = []
    if shape.resolutions:
        parts.append(", ".join(shape.resolutions))
    if shape.aspects:
        parts.append(", ".join(shape.aspects))
    if shape.fps:
        parts.append(f"{listed(shape.fps)} fps")
    if shape.durations:
        parts.append(f"{listed(shape.durations)} s")
    return " × ".join(parts)


def _price(price: Price) -> str:
    parts = []
    if any(price.base.values()):
        parts.append(f"{_amounts(price.base, price.unit)} a clip")
    if any(price.per_second.values()):
        parts.append(f"{_amounts(price.per_second, price.unit)} a second")
    if not parts:
        return "free"
    said = " plus ".join(parts)
    if price.whole_units:
        said += ", rounded up"
    if price.unit != "USD":
        said += f", 1 {price.unit} is ${price.usd_per_unit:f}"
    return f"{said} ({day(price.dated)})"


def _amounts(prices: Mapping[str, Decimal], unit: str) -> str:
    """'4 credits at 480p, 8 at 720p', or '$0.40 at 1440p, $0.20 otherwise'."""
    said: list[str] = []
    for tier, amount in sorted(prices.items(), key=lambda each: each[0] == ANY):
        word = f"${amount:f}" if unit == "USD" else f"{amount:f}"
        if unit != "USD" and not said:
            word += f" {unit}s"
        otherwise = " otherwise" if len(prices) > 1 else ""
        said.append(word + (otherwise if tier == ANY else f" at {tier}"))
    return ", ".join(said)


def _limits(provider: Provider) -> Iterable[str]:
    """What its models take besides, in one line for all that take the same."""
    alike: dict[str, tuple[list[str], list[str]]] = {}
    for model in provider.models:
        for capability in model.capabilities:
            modes, names = alike.setdefault(_besides(capability), ([], []))
            modes.append(_MODES[capability.mode])
            names.append(f"`{model.name}`")
    for said, (modes, names) in alike.items():
        which = listed(dict.fromkeys(modes), last="and")
        if len(provider.models) > 1:
            which += f" with {listed(dict.fromkeys(names), last='and')}"
        yield f"{provider.title}, {which}: {said}."
    for note, models in _notes(provider).items():
        yield f"{provider.title}, {listed(models, last='and')}: {note}"


def _notes(provider: Provider) -> Mapping[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for model in provider.models:
        if model.note:
            notes.setdefault(model.note, []).append(f"`{model.name}`")
    return notes


def _besides(capability: Capability) -> str:
    parts = []
    if capability.prompt_max:
        parts.append(f"a prompt of up to {capability.prompt_max:,} characters")
    if capability.seeds is not None:
        parts.append(f"a seed from {capability.seeds[0]} to {capability.seeds[-1]:,}")
    if capability.sound:
        parts.append("sound on or off")
    if capability.camera:
        parts.append(f"{len(capability.camera)} camera motions")
    if capability.loras:
        parts.append(f"up to {capability.loras} LoRAs")
    if capability.replace:
        parts.append(f"retakes {listed(capability.replace)}")
    if capability.directions:
        parts.append(f"at its {listed(capability.directions)}")
    parts += [_input(name, accepts) for name, accepts in capability.inputs.items()]
    return ", ".join(parts) or "no other options"


_INPUTS = {"image": "a first frame", "last_image": "a last frame", "audio": "a sound"}


def _input(name: str, accepts: Accepts) -> str:
    types = listed([type_word(each) for each in accepts.types])
    said = f"{_INPUTS.get(name, 'a clip')} ({types}, up to {accepts.max_bytes / 1e6:g} MB"
    if accepts.min_seconds is not None and accepts.max_seconds is not None:
        said += f", {accepts.min_seconds:g} to {accepts.max_seconds:g} s"
    if accepts.min_frames is not None:
        said += f", {accepts.min_frames} frames or more"
    if accepts.max_frames:
        most = dict.fromkeys(accepts.max_frames.values())
        said += f", up to {listed(most)} frames, depending on its size"
    return f"{said})"


def _setting_rows(found: Sequence[Company]) -> Iterable[Sequence[str]]:
    for company in found:
        for name, info in company.settings.items():
            default = "" if info.is_required() or info.default is None else f"`{info.default}`"
            default = default.lower() if isinstance(info.default, bool) else default
            yield f"`{name}`", default, info.description or ""


def _modes(provider: Provider) -> list[Mode]:
    has = {each.mode for model in provider.models for each in model.capabilities}
    return [mode for mode in MODE_WORDS if mode in has]


def _modes_of(provider: Provider) -> str:
    modes = [_MODES[mode] for mode in _modes(provider)]
    return listed(modes, last="and") if modes else "those of your workflows"


def _span(seconds: float) -> str:
    """'30 min', '24 h' or '15 days'."""
    for size, word in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and word != "days"):
            return f"{seconds / size:g} {word}"
    return f"{seconds:g} s"
