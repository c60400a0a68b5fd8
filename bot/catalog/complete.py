"""Fills a brief with a model's defaults, or names the nearest that it makes."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from bot.catalog.model import RESOLUTIONS, Capability, Model, Unfit
from bot.catalog.shapes import choose_shape
from bot.catalog.validate import (
    INPUT_WORDS,
    REQUIRED_INPUTS,
    check_extras,
    check_inputs,
    check_part,
    check_prompt,
    missing,
)
from bot.words.modes import MODE_WORDS
from bot.words.numbers import listed
from storage import Brief, Mode

_FAULTS = 10  #: things that a check may find wrong one after the other


def complete(model: Model, brief: Brief, *, seed: int, who: str = "") -> Brief:
    """*brief* with every choice made that *model* leaves open; *seed* is used where one fits.

    *who* is whom sentences name, where that is not the model. Raises `Unfit` with all that is
    wrong, and the nearest brief where there is one.
    """
    capability, who, faults = _capability(model, brief), who or model.name, _Faults()
    brief = _worded(who, capability, brief, faults)
    brief = faults.mend(brief, partial(check_inputs, who, capability), without=_NO_INPUTS)
    brief = faults.mend(brief, partial(check_part, who, capability))
    brief = _shaped(who, capability, brief, faults)
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


def outline(model: Model, brief: Brief, *, given: Collection[str], who: str = "") -> Brief:
    """*brief* as far as it can be judged before its inputs are there: *given*, by field name.

    Raises `Unfit` for what no such input can make right.
    """
    capability, who, faults = _capability(model, brief), who or model.name, _Faults()
    brief = _worded(who, capability, brief, faults)
    brief = faults.mend(brief, partial(_check_given, who, capability, given=given))
    return _shaped(who, capability, brief, faults)


def _worded(who: str, capability: Capability, brief: Brief, faults: "_Faults") -> Brief:
    """*brief* as it can be judged by its words alone; what is wrong is added to *faults*."""
    brief = _recognised(capability, brief)
    brief = faults.mend(brief, partial(check_prompt, who, capability), without={"prompt": "-"})
    return faults.mend(brief, partial(check_extras, who, capability), without={"loras": ()})


def _shaped(who: str, capability: Capability, brief: Brief, faults: "_Faults") -> Brief:
    """*brief* in a size, rate and length that there is. Raises `Unfit` with all *faults*."""
    known = faults.count
    shaped = faults.mend(brief, partial(choose_shape, who, capability))
    faults.judge(nearest=shaped if faults.count > known else brief)
    return shaped


def _capability(model: Model, brief: Brief) -> Capability:
    capability = model.capability(brief.mode)
    if capability is None:
        modes = listed([MODE_WORDS[each.mode] for each in model.capabilities], last="and")
        raise Unfit(f"{model.name} can't make {MODE_WORDS[brief.mode]}. It makes {modes}.")
    return capability


class _Faults:
    """What is wrong with a brief: told all at once."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._hopeless = False

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._said)

    def mend(
        self,
        brief: Brief,
        check: Callable[[Brief], Brief | None],
        *,
        without: Mapping[str, object] | None = None,
    ) -> Brief:
        """*brief* as *check* takes it, with the nearest in place of what is wrong.

        What has no nearest is changed to *without*, so that other faults are found, too.
        """
        for _ in range(_FAULTS):
            try:
                return check(brief) or brief
            except Unfit as fault:
                self._said.append(str(fault))
                if fault.nearest is None:
                    self._hopeless = True
                    return brief.but(**(without or {}))
                brief = fault.nearest
        return brief

    def judge(self, *, nearest: Brief) -> None:
        """Raise `Unfit` if anything was wrong."""
        if self._said:
            sentences = " ".join(dict.fromkeys(self._said))
            raise Unfit(sentences, nearest=None if self._hopeless else nearest)


_NO_INPUTS: Mapping[str, object] = dict.fromkeys(INPUT_WORDS)


def _recognised(capability: Capability, brief: Brief) -> Brief:
    """*brief* with its choices spelled as the models spell them: '4k' is '4K', 'Dolly in' is
    'dolly_in'. What is not known stays as it was typed."""
    known: Mapping[str, Iterable[str]] = {
        "resolution": RESOLUTIONS,
        "camera": capability.camera,
        "replace": capability.replace,
        "direction": capability.directions,
        "routing": capability.routings,
    }
    for name, choices in known.items():
        chosen = getattr(brief, name)
        if chosen is not None:
            found = next((each for each in choices if _plain(each) == _plain(chosen)), chosen)
            brief = brief.but(**{name: found})
    return brief


def _plain(text: str) -> str:
    return text.strip().casefold().replace("_", " ").replace("-", " ")


def _check_given(who: str, capability: Capability, brief: Brief, given: Collection[str]) -> None:
    for name, words in INPUT_WORDS.items():
        if name in given:
            if name == "last_image" and not capability.last_image:
                raise Unfit(f"{who} has no last frame. Leave it out.")
            if name not in capability.inputs:
                raise Unfit(f"{who} takes no {words.split(' ', 1)[1]} here. Leave it out.")
        elif getattr(brief, name) is None and name == REQUIRED_INPUTS.get(brief.mode):
            raise Unfit(missing(words))
