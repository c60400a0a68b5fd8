"""Fills a brief with a model's defaults, or names the nearest that it makes."""

import itertools
import math
from collections.abc import Collection, Mapping, Sequence

from bot.catalog.model import RESOLUTIONS, Capability, Model, Shape, Unfit, rank
from bot.catalog.validate import (
    INPUT_WORDS,
    REQUIRED_INPUTS,
    check_extras,
    check_inputs,
    check_part,
    check_prompt,
)
from bot.words.modes import MODE_WORDS
from bot.words.numbers import listed
from storage import Brief, Mode


def complete(model: Model, wish: Brief, *, seed: int) -> Brief:
    """*wish* with every choice made that *model* leaves open; *seed* is used where one fits.

    Raises `Unfit` with a sentence, and the nearest brief where there is one.
    """
    capability = model.capability(wish.mode)
    if capability is None:
        modes = listed([MODE_WORDS[each.mode] for each in model.capabilities], last="and")
        raise Unfit(f"{model.name} does not do {MODE_WORDS[wish.mode]}; it does {modes}.")
    check_prompt(model, capability, wish)
    wish = check_extras(model, capability, wish)
    check_inputs(model, capability, wish)
    check_part(model, capability, wish)
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
    return brief.but(size=_size(capability, brief), seconds=_seconds(capability, brief))


def _size(capability: Capability, brief: Brief) -> str | None:
    """The pixels that come out, where those are not what the words say."""
    found = capability.sizes.get((brief.resolution or "", brief.aspect or ""))
    return None if found is None else f"{found[0]}x{found[1]}"


def _seconds(capability: Capability, brief: Brief) -> float | None:
    """The length that comes out, where it is not the one that was asked for."""
    if capability.block is None or brief.mode not in (Mode.TEXT, Mode.IMAGE):
        return None
    if not brief.duration or not brief.fps:
        return None
    exact = frames_made(brief.duration, brief.fps, block=capability.block) / brief.fps
    # One frame more is nobody's surprise.
    return exact if abs(exact - brief.duration) > 1.5 / brief.fps else None


def frames_made(seconds: float, fps: float, *, block: int) -> int:
    """The frames of a clip of *seconds* whose model makes whole blocks of them, and one more."""
    return max(1, int(seconds * fps / block + 1e-6)) * block + 1


def outline(model: Model, wish: Brief, *, given: Collection[str]) -> Brief:
    """*wish* as far as it can be judged before its inputs are there: *given*, by field name.

    Raises `Unfit` for what no such input can make right.
    """
    capability = model.capability(wish.mode)
    if capability is None:
        return complete(model, wish, seed=0)  # says what it does
    check_prompt(model, capability, wish)
    wish = check_extras(model, capability, wish)
    for name, words in INPUT_WORDS.items():
        if name in given:
            if name == "last_image" and not capability.last_image:
                raise Unfit(f"{model.name} has no last frame; leave it out.")
            if name not in capability.inputs:
                raise Unfit(f"{model.name} takes no {words.split(' ', 1)[1]} here; leave it out.")
        elif getattr(wish, name) is None and name == REQUIRED_INPUTS.get(wish.mode):
            raise Unfit(f"Give {words}: attach it, or give a link or the number of a clip.")
    return _choose_shape(model, capability, wish)


_SHAPE_WORDS: Mapping[str, str] = {
    "resolution": "a choice of resolution",
    "aspect": "a choice of aspect",
    "fps": "a choice of frame rate",
    "duration": "a choice of length",
}

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
    ordered: list[str | int] = sorted(possible, key=rank(name))
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
