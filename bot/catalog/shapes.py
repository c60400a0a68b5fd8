"""Which size, rate and length is made: what was asked for, or the nearest that there is."""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from bot.catalog.model import ASPECTS, RESOLUTIONS, Capability, Shape, Unfit, rank
from bot.words.numbers import listed
from bot.words.text import typed
from storage import Brief, Mode

_SHAPE_WORDS: Mapping[str, str] = {
    "resolution": "resolution",
    "aspect": "aspect ratio",
    "fps": "frame rate",
    "duration": "length",
}

_Choice = tuple[str | None, str | None, int | None, int | None]

_FIELDS = ("resolution", "aspect", "fps", "duration")


def choose_shape(who: str, capability: Capability, brief: Brief) -> Brief:
    """*brief* with the size, rate and length nearest to what it asks for and the model makes.

    *who* names who would make it. Raises `Unfit` for what they do not make.
    """
    choices = _choices(capability.shapes)
    asked = {name: getattr(brief, name) for name in _FIELDS}
    for index, name in enumerate(_FIELDS):
        if asked[name] is not None and all(choice[index] is None for choice in choices):
            if name == "duration" and brief.mode is Mode.RETAKE:
                continue  # the part's length is the person's own
            raise Unfit(
                f"{who} has no choice of {_SHAPE_WORDS[name]} here. Leave out `{name}`.",
                nearest=brief.but(**{name: None}),
            )

    defaults = tuple(getattr(capability.default, name) for name in _FIELDS)
    best, fits = _nearest(capability.shapes, tuple(asked.values()), defaults)
    if fits:
        return _with(brief, best)
    raise Unfit(_cannot(who, brief.mode, choices, asked, best), nearest=_with(brief, best))


@lru_cache(maxsize=4096)  # most orders ask for one of a few things, and there may be 100 shapes
def _nearest(
    shapes: tuple[Shape, ...], asked: tuple[object, ...], defaults: tuple[object, ...]
) -> tuple[_Choice, bool]:
    """The choice that comes nearest to what is *asked*, then to the *defaults*, in the order of
    `_FIELDS`; and whether it is all that is asked."""
    choices = _choices(shapes)
    fitting = [
        choice
        for choice in choices
        if all(None in (a, b) or a == b for a, b in zip(asked, choice, strict=True))
    ]
    if fitting:
        wanted = [a if a is not None else b for a, b in zip(asked, defaults, strict=True)]
        return min(fitting, key=lambda choice: _distance(choice, wanted)), True
    best = min(choices, key=lambda choice: (_distance(choice, asked), _distance(choice, defaults)))
    return best, False


def _cannot(
    who: str,
    mode: Mode,
    choices: Sequence[_Choice],
    asked: Mapping[str, object],
    best: _Choice,
) -> str:
    """'LTX can't make a 20 s clip in 4K. In 4K it makes 6, 8 or 10 s.'"""
    index = next(
        i for i, name in enumerate(_FIELDS) if asked[name] is not None and asked[name] != best[i]
    )
    name = _FIELDS[index]
    # Only what the person asked for narrows the list, and only what does narrow it is named.
    kept = {other: best[i] for i, other in enumerate(_FIELDS) if i != index and asked[other]}
    blamed = _blamed(choices, name, asked[name], kept)
    possible = _possible(choices, name, blamed)
    ordered: list[str | int] = sorted(possible, key=rank(name))
    unit = {"duration": " s", "fps": " fps"}.get(name, "")
    where = _where(blamed)
    it = f"{where[0].upper()}{where[1:]} it" if where else "It"
    return (
        f"{who} can't make {_described({**blamed, name: asked[name]}, mode)}. "
        f"{it} makes {listed(ordered)}{unit}."
    )


def _blamed(
    choices: Sequence[_Choice], name: str, wrong: object, kept: Mapping[str, str | int | None]
) -> Mapping[str, str | int | None]:
    """The fewest of *kept* with which the *wrong* value of *name* is in no choice."""
    at = _FIELDS.index(name)
    for count in range(len(kept)):
        for some in itertools.combinations(kept.items(), count):
            if not any(choice[at] == wrong and _holds(choice, dict(some)) for choice in choices):
                return dict(some)
    return kept


def _holds(choice: _Choice, kept: Mapping[str, str | int | None]) -> bool:
    return all(choice[_FIELDS.index(each)] == value for each, value in kept.items())


def _possible(
    choices: Sequence[_Choice], name: str, kept: Mapping[str, str | int | None]
) -> set[str | int]:
    at = _FIELDS.index(name)
    found = {choice[at] for choice in choices if _holds(choice, kept)}
    return {value for value in found if value is not None}


def _described(asked: Mapping[str, object], mode: Mode) -> str:
    """'a 20 s clip in 4K'."""
    noun = {Mode.EXTEND: "extension", Mode.RETAKE: "part"}.get(mode, "clip")
    seconds = asked.get("duration")
    article = "an" if seconds is None and noun == "extension" else "a"
    if seconds is not None and str(seconds)[0] == "8":
        article = "an"
    length = "" if seconds is None else f"{seconds} s "
    where = _where({name: value for name, value in asked.items() if name != "duration"})
    return f"{article} {length}{noun}{' ' if where else ''}{where}"


def _where(chosen: Mapping[str, object]) -> str:
    """'in 4K 9:16 at 50 fps at 20 s'."""
    size = " ".join(
        str(value) if value in known else typed(str(value))
        for name, known in (("resolution", RESOLUTIONS), ("aspect", ASPECTS))
        if (value := chosen.get(name))
    )
    parts = [f"in {size}"] if size else []
    parts += [
        f"at {chosen[name]} {unit}"
        for name, unit in (("fps", "fps"), ("duration", "s"))
        if chosen.get(name)
    ]
    return " ".join(parts)


@lru_cache(maxsize=256)  # those of each model
def _choices(shapes: tuple[Shape, ...]) -> Sequence[_Choice]:
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


def _with(brief: Brief, choice: _Choice) -> Brief:
    resolution, aspect, fps, duration = choice
    if duration is None:
        duration = brief.duration
    return brief.but(resolution=resolution, aspect=aspect, fps=fps, duration=duration)


def _distance(choice: _Choice, wanted: Sequence[object]) -> float:
    """How far *choice* is from what is wanted. Seconds give way first, then size, then aspect."""
    total = 0.0
    for name, value, goal in zip(_FIELDS, choice, wanted, strict=True):
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
