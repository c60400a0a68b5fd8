"""What a new order has where its person chose nothing: layers of choices, the nearest first.

What was chosen comes first, then the preset, the person's own defaults, the channel's, the
server's, and what the model has. That order is decided here and nowhere else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.words.numbers import listed
from bot.words.text import one_line
from storage import Brief, Mode, OrderDefaults

NEW = frozenset({Mode.TEXT, Mode.IMAGE, Mode.AUDIO})  #: orders that take defaults
SETTINGS = ("resolution", "duration", "sound")  #: what a default may say besides the model
MODEL = "model"  #: the name by which a default model, and its provider, is noted
#: What is decided by the inputs, or goes with another mode.
_NOT_OF: Mapping[Mode, tuple[str, ...]] = {
    Mode.TEXT: ("replace", "direction"),
    Mode.IMAGE: ("replace", "direction"),
    Mode.AUDIO: ("replace", "direction", "duration", "sound"),
}

#: Whether somebody can make a brief: asked of a provider and a model, None where it is nobody.
Makes = Callable[[Brief, str | None, str | None], bool]


class Layer(StrEnum):
    """Whose default a value is, the nearest first. What was chosen stands before all of them."""

    PERSON = "yours"
    CHANNEL = "this channel"
    SERVER = "this server"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """A default that could not be made with the rest of an order."""

    layer: Layer
    name: str  #: of `SETTINGS`, or `MODEL`
    value: str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An order once its defaults are filled in. The rest is the model's to choose."""

    brief: Brief
    provider: str | None
    model: str | None
    origins: Mapping[str, Layer] = field(default_factory=dict)  #: of the defaults that were used
    passed: tuple[PassedOver, ...] = ()

    @property
    def note(self) -> str:
        """The sentence about defaults that were passed over; "" where none was."""
        if not self.passed:
            return ""
        what = listed([_named(each) for each in self.passed], last="and")
        were = "it was" if len(self.passed) == 1 else "they were"
        return f"{what[0].upper()}{what[1:]} can't be made with the rest, so {were} not used."


def filled(brief: Brief, values: Mapping[str, Any]) -> Brief:
    """*brief* with *values* where it leaves a choice open that its mode has."""
    left_out = _NOT_OF.get(brief.mode, ())
    return brief.but(
        **{
            name: value
            for name, value in values.items()
            if name not in left_out and getattr(brief, name) in (None, ()) and value is not None
        }
    )


def settle(
    brief: Brief,
    provider: str | None,
    model: str | None,
    layers: Sequence[tuple[Layer, OrderDefaults]],
    *,
    makes: Makes,
) -> Settled:
    """*brief*, and who makes it, with the defaults of *layers*, the nearest first.

    The model is settled first, then the rest to go with it. A default that cannot be made with
    what is settled already is passed over; nothing that was chosen ever is. Where nothing at all
    makes what was chosen, the nearest model stays, so that the refusal speaks of it.
    """
    origins: dict[str, Layer] = {}
    passed: dict[tuple[str, object], PassedOver] = {}
    named = [(layer, each) for layer, each in layers if each.provider or each.model]
    if provider is None and model is None and named:
        for layer, each in named:
            if makes(brief, each.provider, each.model):
                provider, model = each.provider, each.model
                origins[MODEL] = layer
                break
            value = each.model or each.provider or ""
            passed.setdefault((MODEL, value), PassedOver(layer=layer, name=MODEL, value=value))
        else:
            if not makes(brief, None, None):
                layer, first = named[0]
                return Settled(
                    brief=brief,
                    provider=first.provider,
                    model=first.model,
                    origins={MODEL: layer},
                )
    for layer, each in layers:
        for name in SETTINGS:
            value = getattr(each, name)
            tried = filled(brief, {name: value})
            if tried == brief:
                continue
            if makes(tried, provider, model):
                brief, origins[name] = tried, layer
            else:
                passed.setdefault((name, value), PassedOver(layer=layer, name=name, value=value))
    return Settled(
        brief=brief,
        provider=provider,
        model=model,
        origins=origins,
        passed=tuple(passed.values()),
    )


def threaded(own: bool | None, channel: bool | None, *, server: bool) -> tuple[bool, Layer]:
    """Whether a clip gets a thread of its own, and who says so: the person, the channel or the
    server. Where moderators have no threads, nobody gets one."""
    usual, layer = (server, Layer.SERVER) if channel is None else (channel, Layer.CHANNEL)
    if own is None or (own and not usual):
        return usual, layer
    return own, Layer.PERSON


def value_words(name: str, value: object) -> str:
    """'8 s', 'sound on', '1080p': a setting as people read it."""
    match name:
        case "duration":
            return f"{value} s"
        case "sound":
            return "sound on" if value else "sound off"
        case "threads":
            return "clips in threads" if value else "clips in the channel"
        case _:
            return one_line(str(value))


def _named(passed: PassedOver) -> str:
    whose = "your default" if passed.layer is Layer.PERSON else f"{passed.layer}'s default"
    return f"{whose} {value_words(passed.name, passed.value)}"
