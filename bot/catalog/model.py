"""What one model can make, as data: modes, sizes, inputs, prices."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from bot.errors import Refusal
from storage import Brief, Input, Mode

#: What people call a size, and the pixels of its short side.
RESOLUTIONS: Mapping[str, int] = {
    "480p": 480,
    "720p": 720,
    "1080p": 1080,
    "1440p": 1440,
    "4K": 2160,
}

ASPECTS: Mapping[str, Fraction] = {
    "16:9": Fraction(16, 9),
    "9:16": Fraction(9, 16),
    "1:1": Fraction(1),
}

MAX_STRENGTH = 4.0  #: of a LoRA; the documents advise 0.5 to 2

MAX_LINK = 2_500  #: characters of a link; signed ones have up to some two thousand

ANY = "*"  #: the key of a price that is the same at every resolution


class Unfit(Refusal):
    """A model cannot make what was asked. *nearest* is what it can make, if anything."""

    def __init__(self, sentence: str, *, nearest: Brief | None = None) -> None:
        super().__init__(sentence)
        self.nearest = nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes, rates and lengths that go together: each of one with each of the others.

    An empty tuple means that there is nothing to choose: the provider or an input decides.
    """

    resolutions: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    fps: tuple[int, ...] = ()
    durations: tuple[int, ...] = ()  #: seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepts:
    """What an input must be. Checked by its content, never by its name."""

    types: tuple[str, ...]  #: such as "image/png"
    max_bytes: int
    max_pixels: int | None = None  #: width times height
    min_seconds: float | None = None
    max_seconds: float | None = None
    min_frames: int | None = None
    max_frames: Mapping[str, int] = field(default_factory=dict)  #: by resolution, or ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a clip costs: `base + per_second * seconds`, by resolution (or ANY), in *unit*.

    *dated* and *source* say which price list, so that a stale one can be told.
    """

    unit: str = "USD"
    base: Mapping[str, Decimal] = field(default_factory=dict)
    per_second: Mapping[str, Decimal] = field(default_factory=dict)
    usd_per_unit: Decimal = Decimal(1)
    whole_units: bool = False  #: the provider bills whole units, rounded up
    frames_cap: int | None = None  #: extend: context and extension together never bill more
    dated: date
    source: str

    def units(self, brief: Brief, seconds: float) -> Decimal:
        """What the provider bills for *seconds* of work, in its own unit."""
        tier = brief.resolution or self._tier(brief)
        if not {tier, ANY} & {*self.base, *self.per_second}:
            raise Unfit(f"The price of a {tier} clip is not known here.")
        base = self.base.get(tier, self.base.get(ANY, Decimal(0)))
        rate = self.per_second.get(tier, self.per_second.get(ANY, Decimal(0)))
        units = base + rate * Decimal(str(seconds))
        return Decimal(math.ceil(units)) if self.whole_units else units

    def _tier(self, brief: Brief) -> str:
        """The price tier of an input video: the smallest size that holds it."""
        if brief.video is None or {*self.base, *self.per_second} <= {ANY}:
            return ANY
        measured("clip", area(brief.video))
        return size_of(brief.video)

    def usd(self, brief: Brief, seconds: float) -> Decimal:
        """The price in US dollars."""
        return self.units(brief, seconds) * self.usd_per_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a model can do in one mode, and for how much."""

    mode: Mode
    shapes: tuple[Shape, ...]
    default: Brief  #: what is chosen where the person did not choose
    price: Price
    prompt_max: int = 5000  #: characters
    prompt_required: bool = True
    seeds: range | None = None  #: the seeds it takes; None where it takes none
    sound: bool = False  #: whether sound can be switched
    camera: tuple[str, ...] = ()
    loras: int = 0
    #: The LoRAs that are chosen by name, as far as they are known; None where they are links.
    lora_names: tuple[str, ...] | None = None
    routings: tuple[str, ...] = ()  #: how the provider may choose among its own backends
    last_image: bool = False
    replace: tuple[str, ...] = ()  #: retake: what of the part may be made again
    directions: tuple[str, ...] = ()  #: extend: at which ends
    inputs: Mapping[str, Accepts] = field(default_factory=dict)  #: by the brief's field name
    min_part: float = 0  #: retake: seconds that a part must at least have
    max_context_and_extension: float | None = None  #: extend: frames, both together
    #: The pixels that come out, by resolution and aspect, where they are not those of the words.
    sizes: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    block: int | None = None  #: clips have a multiple of so many frames, and one more
    parts: bool = True  #: retake: whether a part can be made again, or only the whole

    def durations(self, resolution: str | None = None) -> list[int]:
        """Every length it makes, at *resolution* or at any."""
        return sorted(
            {
                seconds
                for shape in self.shapes
                if resolution is None or resolution in shape.resolutions
                for seconds in shape.durations
            }
        )

    def values(self, name: str) -> list[str | int]:
        """Every value one may choose for *name*: resolution, aspect, fps or duration."""
        attribute = {"resolution": "resolutions", "aspect": "aspects", "duration": "durations"}
        chosen: dict[str | int, None] = {}
        for shape in self.shapes:
            chosen.update(dict.fromkeys(getattr(shape, attribute.get(name, name))))
        return sorted(chosen, key=rank(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One thing a provider can render with."""

    name: str  #: the provider's own id for it; the word people type
    title: str
    capabilities: tuple[Capability, ...]
    note: str = ""  #: a sentence that a person choosing it should read
    retired: bool = False  #: its provider announced its end: it is made only where it is named

    def capability(self, mode: Mode) -> Capability | None:
        """What it does in *mode*, or None."""
        return next((each for each in self.capabilities if each.mode is mode), None)


def pixels(resolution: str, aspect: str) -> tuple[int, int]:
    """Width and height in pixels, both even, as every H.264 encoder wants them."""
    short, ratio = RESOLUTIONS[resolution], ASPECTS[aspect]
    long = 2 * round(short * max(ratio, 1 / ratio) / 2)
    return (long, short) if ratio >= 1 else (short, long)


Figure = TypeVar("Figure", int, float)


def measured(what: str, figure: Figure | None) -> Figure:
    """A figure of an input that a limit or a price depends on: what is not known is no 0."""
    if not figure or figure < 0:
        raise Unfit(f"The {what} couldn't be measured. Try it again, or use another one.")
    return figure


def area(given: Input) -> int | None:
    return given.width * given.height if given.width and given.height else None


def frames_of(given: Input) -> int | None:
    """Counted as they were decoded; of an input from before they were, from its length."""
    if given.frames is not None or not given.seconds or not given.fps:
        return given.frames
    return math.ceil(given.seconds * given.fps)


def rank(name: str) -> Callable[[str | int], float]:
    """The order in which people list the values of *name*."""
    match name:
        case "resolution":
            return lambda value: RESOLUTIONS[str(value)]
        case "aspect":
            return lambda value: -float(ASPECTS[str(value)])
        case _:
            return float


def size_of(video: Input) -> str:
    """The smallest size that holds *video*."""
    if video.width is None or video.height is None:
        return ANY
    short, long = sorted((video.width, video.height))
    for name, side in RESOLUTIONS.items():
        if short <= side and long <= pixels(name, "16:9")[0]:
            return name
    return "4K"


def model_named(models: Sequence[Model], name: str) -> Model:
    """The model of that *name*; one that is no longer offered still has a name to ask about."""
    found = next((model for model in models if model.name == name), None)
    return found or Model(name=name, title=name, capabilities=())
