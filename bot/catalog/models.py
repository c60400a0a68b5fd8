"""What a model can make, as data; and what of it comes nearest to a wish.

Nothing here knows a company: refusing, completing and pricing are generic over this data.
"""

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar
from urllib.parse import urlsplit

from bot.errors import Refusal
from bot.media.formats import type_word
from bot.words.text import number, typed
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
            raise Unfit(f"What a clip of {tier} costs is not known here.")
        base = self.base.get(tier, self.base.get(ANY, Decimal(0)))
        rate = self.per_second.get(tier, self.per_second.get(ANY, Decimal(0)))
        units = base + rate * Decimal(str(seconds))
        return Decimal(math.ceil(units)) if self.whole_units else units

    def _tier(self, brief: Brief) -> str:
        """The price tier of an input video: the smallest size that holds it."""
        if brief.video is None or {*self.base, *self.per_second} <= {ANY}:
            return ANY
        _measured("clip", _area(brief.video))
        return _size(brief.video)

    def usd(self, brief: Brief, seconds: float) -> Decimal:
        """The same in US dollars."""
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
    routings: tuple[str, ...] = ()  #: how the provider may choose among its own backends
    last_image: bool = False
    replace: tuple[str, ...] = ()  #: retake: what of the part may be made again
    directions: tuple[str, ...] = ()  #: extend: at which ends
    inputs: Mapping[str, Accepts] = field(default_factory=dict)  #: by the brief's field name
    min_part: float = 0  #: retake: seconds that a part must at least have
    max_context_and_extension: float | None = None  #: extend: frames, both together

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
        return sorted(chosen, key=_rank(name))


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


def complete(model: Model, wish: Brief, *, seed: int) -> Brief:
    """*wish* with every choice made that *model* leaves open; *seed* is used where one fits.

    Raises `Unfit` with a sentence, and the nearest brief where there is one.
    """
    capability = model.capability(wish.mode)
    if capability is None:
        modes = listed([MODE_WORDS[each.mode] for each in model.capabilities], last="and")
        raise Unfit(f"{model.name} does not do {MODE_WORDS[wish.mode]}; it does {modes}.")
    _check_prompt(model, capability, wish)
    wish = _check_extras(model, capability, wish)
    _check_inputs(model, capability, wish)
    _check_part(model, capability, wish)
    brief = _choose_shape(model, capability, wish)
    if brief.mode is Mode.RETAKE and brief.video is not None and brief.video.seconds is not None:
        start = brief.start or 0.0
        left = math.ceil(brief.video.seconds - start)
        brief = brief.but(start=start, duration=min(brief.duration or left, left))
    if capability.seeds is not None and brief.seed is None:
        seeds = capability.seeds
        brief = brief.but(seed=seeds[seed % len(seeds)])
    if capability.sound and brief.sound is None:
        brief = brief.but(sound=True)
    for name, choices in (("replace", capability.replace), ("direction", capability.directions)):
        if choices and getattr(brief, name) is None:
            default = getattr(capability.default, name) or choices[0]
            brief = brief.but(**{name: default})
    return brief


def outline(model: Model, wish: Brief, *, given: Collection[str]) -> Brief:
    """*wish* as far as it can be judged before its inputs are there: *given*, by field name.

    Raises `Unfit` for what no such input can make right.
    """
    capability = model.capability(wish.mode)
    if capability is None:
        return complete(model, wish, seed=0)  # says what it does
    _check_prompt(model, capability, wish)
    wish = _check_extras(model, capability, wish)
    for name, words in _INPUT_WORDS.items():
        if name in given:
            if name == "last_image" and not capability.last_image:
                raise Unfit(f"{model.name} has no last frame; leave it out.")
            if name not in capability.inputs:
                raise Unfit(f"{model.name} takes no {words.split(' ', 1)[1]} here; leave it out.")
        elif getattr(wish, name) is None and name == REQUIRED_INPUTS.get(wish.mode):
            raise Unfit(f"Give {words}: attach it, or give a link or the number of a clip.")
    return _choose_shape(model, capability, wish)


def least_usd(capability: Capability, brief: Brief) -> Decimal:
    """The least that an `outline` can cost, whatever its inputs are, in US dollars."""
    price = capability.price
    seconds = Decimal(brief.duration or 0)
    if brief.mode not in (Mode.TEXT, Mode.IMAGE):  # it is billed by its input, which has a length
        accepts = capability.inputs.get(REQUIRED_INPUTS[brief.mode])
        shortest = accepts.min_seconds if accepts is not None else None
        seconds = Decimal(str(shortest or 0.1))

    def least(of: Mapping[str, Decimal]) -> Decimal:
        if brief.resolution is not None:
            return of.get(brief.resolution, of.get(ANY, Decimal(0)))
        return min(of.values(), default=Decimal(0))

    return (least(price.base) + least(price.per_second) * seconds) * price.usd_per_unit


def billed_seconds(capability: Capability, brief: Brief) -> float:
    """The seconds that *brief* is billed for, before it is made: the most it can be.

    The output's for text and image, the sound's for audio, the whole input's for retake and
    HDR, context and extension together for extend (official price list, per mode).
    """
    match brief.mode:
        case Mode.TEXT | Mode.IMAGE:
            return float(brief.duration or 0)
        case Mode.AUDIO:
            return _measured("sound", brief.audio.seconds if brief.audio else None)
        case Mode.RETAKE | Mode.HDR:
            return _measured("clip", brief.video.seconds if brief.video else None)
        case Mode.EXTEND:
            source = brief.video
            length = float(brief.duration or 0)
            if source is None or capability.price.frames_cap is None:
                return length
            together = length + min(_measured("clip", source.seconds), 20.0)
            return min(together, capability.price.frames_cap / _measured("clip", source.fps))


def usd(capability: Capability, brief: Brief) -> Decimal:
    """What making *brief* costs at most, in US dollars."""
    price = capability.price
    # What does not depend on a length needs none to be known.
    return price.usd(brief, billed_seconds(capability, brief) if price.per_second else 0.0)


def in_credits(dollars: Decimal, usd_per_credit: Decimal) -> int:
    """Whole credits that cover *dollars*."""
    return math.ceil(dollars / usd_per_credit)


def listed(words: Iterable[object], *, last: str = "or") -> str:
    """'6, 8 or 10': words as people list them. Runs of four or more numbers become '5 to 20'."""
    items = list(words)
    if len(items) >= 4 and all(isinstance(item, int) for item in items):
        numbers = [int(str(item)) for item in items]
        if numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{numbers[0]} to {numbers[-1]}"
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"


MODE_WORDS: Mapping[Mode, str] = {
    Mode.TEXT: "clips from text",
    Mode.IMAGE: "clips from an image",
    Mode.AUDIO: "clips from a sound",
    Mode.EXTEND: "extensions",
    Mode.RETAKE: "retakes",
    Mode.HDR: "HDR",
}
#: The input that a mode cannot do without.
REQUIRED_INPUTS: Mapping[Mode, str] = {
    Mode.IMAGE: "image",
    Mode.AUDIO: "audio",
    Mode.EXTEND: "video",
    Mode.RETAKE: "video",
    Mode.HDR: "video",
}
_INPUT_WORDS: Mapping[str, str] = {
    "image": "an image",
    "last_image": "a last frame",
    "audio": "a sound",
    "video": "a clip",
}
_EXTRAS: Mapping[str, str] = {
    "seed": "a seed",
    "sound": "a sound switch",
    "camera": "camera motions",
    "loras": "LoRAs",
    "last_image": "a last frame",
    "replace": "a choice of what to replace",
    "direction": "a choice of the end to extend",
    "routing": "a choice of routing",
}
_SHAPE_WORDS: Mapping[str, str] = {
    "resolution": "a choice of resolution",
    "aspect": "a choice of aspect",
    "fps": "a choice of frame rate",
    "duration": "a choice of length",
}


def _check_prompt(model: Model, capability: Capability, wish: Brief) -> None:
    if capability.prompt_required and not wish.prompt:
        raise Unfit("Please write a prompt.")
    if len(wish.prompt) > capability.prompt_max:
        raise Unfit(
            f"The prompt has {len(wish.prompt):,} characters; "
            f"{model.name} takes up to {capability.prompt_max:,}."
        )


def _check_extras(model: Model, capability: Capability, wish: Brief) -> Brief:
    """Refuse the options this model does not have."""
    has = {
        "seed": capability.seeds is not None,
        "sound": capability.sound,
        "camera": bool(capability.camera),
        "loras": capability.loras > 0,
        "last_image": capability.last_image,
        "replace": bool(capability.replace),
        "direction": bool(capability.directions),
        "routing": bool(capability.routings),
    }
    for name, words in _EXTRAS.items():
        if getattr(wish, name) not in (None, ()) and not has[name]:
            without = wish.but(**{name: () if name == "loras" else None})
            raise Unfit(
                f"{model.name} has no {words.removeprefix('a ')}; leave it out.", nearest=without
            )
    if wish.seed is not None and capability.seeds is not None and wish.seed not in capability.seeds:
        seeds = capability.seeds
        raise Unfit(
            f"A seed for {model.name} is a whole number from {seeds[0]:,} to {seeds[-1]:,}.",
            nearest=wish.but(seed=None),
        )
    if len(wish.loras) > capability.loras:
        raise Unfit(
            f"{model.name} takes up to {capability.loras} LoRAs; you gave {len(wish.loras)}."
        )
    for lora in wish.loras:
        if not _is_public(lora.path):
            raise Unfit("A LoRA is given by its public https link.")
        if not 0.0 < lora.scale <= MAX_STRENGTH:
            raise Unfit(f"A LoRA's strength is more than 0 and at most {MAX_STRENGTH:g}.")
    for name, choices in (
        ("camera", capability.camera),
        ("replace", capability.replace),
        ("direction", capability.directions),
        ("routing", capability.routings),
    ):
        chosen = getattr(wish, name)
        if chosen is not None and chosen not in choices:
            raise Unfit(f"{name.capitalize()} can be {listed(choices)}, not {typed(chosen)}.")
    return wish


def _is_public(link: str) -> bool:
    """Whether *link* may be one that a provider downloads from: https, and nobody's password."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    plain = len(link) <= MAX_LINK and link.isprintable() and " " not in link
    return plain and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


def _check_inputs(model: Model, capability: Capability, wish: Brief) -> None:
    """Refuse inputs that this model would refuse, by what they are."""
    for name, words in _INPUT_WORDS.items():
        given: Input | None = getattr(wish, name)
        accepts = capability.inputs.get(name)
        if given is None:
            if name == REQUIRED_INPUTS.get(wish.mode):
                raise Unfit(f"Give {words}: attach it, or give a link or the number of a clip.")
            continue
        if accepts is None:
            raise Unfit(
                f"{model.name} takes no {words.split(' ', 1)[1]} here; leave it out.",
                nearest=wish.but(**{name: None}),
            )
        _check_input(model, words.split(" ", 1)[1], given, accepts)


def _check_input(model: Model, what: str, given: Input, accepts: Accepts) -> None:
    if given.type not in accepts.types:
        known = listed([type_word(each) for each in accepts.types])
        raise Unfit(f"{model.name} takes {known} as {what}; this is {type_word(given.type)}.")
    if given.size > accepts.max_bytes:
        raise Unfit(
            f"The {what} has {given.size / 1e6:,.1f} MB; "
            f"{model.name} takes up to {accepts.max_bytes / 1e6:,.0f}."
        )
    if accepts.max_pixels is not None and _measured(what, _area(given)) > accepts.max_pixels:
        raise Unfit(
            f"The {what} is {given.width} × {given.height}; {model.name} takes up to "
            f"{accepts.max_pixels / 1e6:,.1f} megapixels."
        )
    if accepts.min_seconds is not None or accepts.max_seconds is not None:
        seconds = _measured(what, given.seconds)
        if accepts.min_seconds is not None and seconds < accepts.min_seconds - 0.05:
            raise Unfit(
                f"The {what} lasts {seconds:.1f} s; "
                f"{model.name} takes {number(accepts.min_seconds)} s or more."
            )
        if accepts.max_seconds is not None and seconds > accepts.max_seconds + 0.05:
            raise Unfit(
                f"The {what} lasts {seconds:.1f} s; "
                f"{model.name} takes up to {number(accepts.max_seconds)} s."
            )
    if accepts.min_frames is not None or accepts.max_frames:
        _check_frames(model, what, given, accepts)


def _check_frames(model: Model, what: str, given: Input, accepts: Accepts) -> None:
    frames = _measured(what, _frames(given))
    if accepts.min_frames is not None and frames < accepts.min_frames:
        raise Unfit(
            f"The {what} has {frames} frames; {model.name} takes {accepts.min_frames} or more."
        )
    if not accepts.max_frames:
        return
    _measured(what, _area(given))
    most = accepts.max_frames.get(_size(given), accepts.max_frames.get(ANY, 0))
    if frames > most:
        raise Unfit(f"The {what} has {frames} frames; {model.name} takes up to {most} at its size.")


Figure = TypeVar("Figure", int, float)


def _measured(what: str, figure: Figure | None) -> Figure:
    """A figure of an input that a limit or a price depends on: what is not known is no 0."""
    if not figure or figure < 0:
        raise Unfit(f"The {what} could not be measured; please give it again, or another one.")
    return figure


def _area(given: Input) -> int | None:
    return given.width * given.height if given.width and given.height else None


def _frames(given: Input) -> int | None:
    """Counted as they were decoded; of an input from before they were, from its length."""
    if given.frames is not None or not given.seconds or not given.fps:
        return given.frames
    return math.ceil(given.seconds * given.fps)


def _check_part(model: Model, capability: Capability, wish: Brief) -> None:
    """Refuse a part of a clip that is not in it, and an extension that is too long for it."""
    video = wish.video
    if video is None or video.seconds is None:
        return
    if wish.mode is Mode.RETAKE:
        start, length = wish.start or 0.0, wish.duration
        if start < 0 or start >= video.seconds:
            raise Unfit(
                f"The clip lasts {video.seconds:.1f} s; begin before that.",
                nearest=wish.but(start=0.0),
            )
        if length is not None and length < capability.min_part:
            raise Unfit(
                f"{model.name} makes parts of {number(capability.min_part)} s or more.",
                nearest=wish.but(duration=math.ceil(capability.min_part)),
            )
        if video.seconds - start < capability.min_part:
            raise Unfit(
                f"Only {video.seconds - start:.1f} s are left from there; {model.name} makes "
                f"parts of {number(capability.min_part)} s or more.",
                nearest=wish.but(start=max(0.0, video.seconds - capability.min_part)),
            )
    elif wish.mode is Mode.EXTEND and capability.max_context_and_extension is not None:
        fps = _measured("clip", video.fps)
        longest = int(capability.max_context_and_extension / fps) - 1  # a second of context
        if wish.duration is not None and wish.duration > longest:
            raise Unfit(
                f"{model.name} extends a clip of {fps:.0f} fps by up to {longest} s; {longest} s?",
                nearest=wish.but(duration=longest),
            )


_Choice = tuple[str | None, str | None, int | None, int | None]
_FIELDS = ("resolution", "aspect", "fps", "duration")


def _choose_shape(model: Model, capability: Capability, wish: Brief) -> Brief:
    choices = _choices(capability.shapes)
    asked = {name: getattr(wish, name) for name in _FIELDS}
    for index, name in enumerate(_FIELDS):
        if asked[name] is not None and all(choice[index] is None for choice in choices):
            if name == "duration" and wish.mode is Mode.RETAKE:
                continue  # the part's length is the person's own
            raise Unfit(
                f"{model.name} has no {_SHAPE_WORDS[name].removeprefix('a ')} here; leave it out.",
                nearest=wish.but(**{name: None}),
            )

    def fits(choice: _Choice) -> bool:
        return all(
            asked[name] is None or value is None or asked[name] == value
            for name, value in zip(_FIELDS, choice, strict=True)
        )

    fitting = [choice for choice in choices if fits(choice)]
    defaults = {name: getattr(capability.default, name) for name in _FIELDS}
    if fitting:
        wanted = {
            name: asked[name] if asked[name] is not None else defaults[name] for name in _FIELDS
        }
        return _with(wish, min(fitting, key=lambda choice: _distance(choice, wanted)))
    best = min(choices, key=lambda choice: (_distance(choice, asked), _distance(choice, defaults)))
    raise Unfit(_instead(model, choices, asked, best), nearest=_with(wish, best))


def _instead(
    model: Model, choices: Sequence[_Choice], asked: Mapping[str, object], best: _Choice
) -> str:
    """'ltx-2-3-pro makes 6, 8 or 10 s at 1080p; 10 s?'"""
    index = next(
        i for i, name in enumerate(_FIELDS) if asked[name] is not None and asked[name] != best[i]
    )
    name = _FIELDS[index]
    # Only what the person asked for narrows the list; what they left open stays open.
    others = [
        (i, best[i]) for i, other in enumerate(_FIELDS) if i != index and asked[other] is not None
    ]
    possible: set[str | int] = set()
    for choice in choices:
        value = choice[index]
        if value is not None and all(choice[i] == kept for i, kept in others):
            possible.add(value)
    suffix = {"duration": " s", "fps": " fps"}.get(name, "")
    at = [_said(_FIELDS[i], value) for i, value in others if value is not None]
    where = f" at {listed(at, last='and')}" if at else ""
    ordered: list[str | int] = sorted(possible, key=_rank(name))
    return f"{model.name} makes {listed(ordered)}{suffix}{where}; {_said(name, best[index])}?"


def _said(name: str, value: object) -> str:
    return f"{value}{ {'duration': ' s', 'fps': ' fps'}.get(name, '') }"


def _choices(shapes: Sequence[Shape]) -> list[_Choice]:
    return [
        choice
        for shape in shapes
        for choice in itertools.product(
            shape.resolutions or (None,),
            shape.aspects or (None,),
            shape.fps or (None,),
            shape.durations or (None,),
        )
    ]


def _with(wish: Brief, choice: _Choice) -> Brief:
    resolution, aspect, fps, duration = choice
    if duration is None:
        duration = wish.duration
    return wish.but(resolution=resolution, aspect=aspect, fps=fps, duration=duration)


def _distance(choice: _Choice, wanted: Mapping[str, object]) -> float:
    """How far *choice* is from what is wanted. Seconds give way first, then size, then aspect."""
    total = 0.0
    for name, value in zip(_FIELDS, choice, strict=True):
        goal = wanted[name]
        if goal is None or value is None or goal == value:
            continue
        match name:
            case "aspect":
                total += 1000
            case "resolution":
                here, there = RESOLUTIONS[str(value)], RESOLUTIONS.get(str(goal), 1080)
                total += 100 * abs(math.log2(here / there))
            case "duration":
                total += abs(int(str(value)) - int(str(goal)))
            case _:
                total += abs(int(str(value)) - int(str(goal))) / 5
    return total


def _rank(name: str) -> Callable[[str | int], float]:
    """The order in which people list the values of *name*."""
    match name:
        case "resolution":
            return lambda value: RESOLUTIONS[str(value)]
        case "aspect":
            return lambda value: -float(ASPECTS[str(value)])
        case _:
            return float


def _size(video: Input) -> str:
    """The smallest size that holds *video*."""
    if video.width is None or video.height is None:
        return ANY
    short, long = sorted((video.width, video.height))
    for name, side in RESOLUTIONS.items():
        if short <= side and long <= pixels(name, "16:9")[0]:
            return name
    return "4K"
