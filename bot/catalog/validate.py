"""Refuses what a model does not take, with what it takes instead."""

import math
from collections.abc import Mapping
from urllib.parse import urlsplit

from bot.catalog.formats import type_word
from bot.catalog.model import (
    ANY,
    MAX_LINK,
    MAX_STRENGTH,
    Accepts,
    Capability,
    Model,
    Unfit,
    area,
    frames_of,
    measured,
    size_of,
)
from bot.words.numbers import listed
from bot.words.text import number, typed
from storage import Brief, Input, Mode

#: The input that a mode cannot do without.
REQUIRED_INPUTS: Mapping[Mode, str] = {
    Mode.IMAGE: "image",
    Mode.AUDIO: "audio",
    Mode.EXTEND: "video",
    Mode.RETAKE: "video",
    Mode.HDR: "video",
}

INPUT_WORDS: Mapping[str, str] = {
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


def check_prompt(model: Model, capability: Capability, wish: Brief) -> None:
    if capability.prompt_required and not wish.prompt:
        raise Unfit("Please write a prompt.")
    if len(wish.prompt) > capability.prompt_max:
        raise Unfit(
            f"The prompt has {len(wish.prompt):,} characters; "
            f"{model.name} takes up to {capability.prompt_max:,}."
        )


def check_extras(model: Model, capability: Capability, wish: Brief) -> Brief:
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
        if capability.lora_names is not None:
            _check_named(model, capability.lora_names, lora.path)
        elif not _is_public(lora.path):
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


def _check_named(model: Model, names: tuple[str, ...], name: str) -> None:
    """Refuse a LoRA that is not among *names*; while none is known, any name may be one."""
    if "://" in name:
        raise Unfit(f"{model.name} takes LoRAs by their names on its own servers, not by links.")
    if names and name not in names and f"{name}.safetensors" not in names:
        raise Unfit(f"{model.name} has no LoRA {typed(name)}; the option suggests those it has.")


def _is_public(link: str) -> bool:
    """Whether *link* may be one that a provider downloads from: https, and nobody's password."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    plain = len(link) <= MAX_LINK and link.isprintable() and " " not in link
    return plain and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


def check_inputs(model: Model, capability: Capability, wish: Brief) -> None:
    """Refuse inputs that this model would refuse, by what they are."""
    for name, words in INPUT_WORDS.items():
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
    if accepts.max_pixels is not None and measured(what, area(given)) > accepts.max_pixels:
        raise Unfit(
            f"The {what} is {given.width} × {given.height}; {model.name} takes up to "
            f"{accepts.max_pixels / 1e6:,.1f} megapixels."
        )
    if accepts.min_seconds is not None or accepts.max_seconds is not None:
        seconds = measured(what, given.seconds)
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
    frames = measured(what, frames_of(given))
    if accepts.min_frames is not None and frames < accepts.min_frames:
        raise Unfit(
            f"The {what} has {frames} frames; {model.name} takes {accepts.min_frames} or more."
        )
    if not accepts.max_frames:
        return
    measured(what, area(given))
    most = accepts.max_frames.get(size_of(given), accepts.max_frames.get(ANY, 0))
    if frames > most:
        raise Unfit(f"The {what} has {frames} frames; {model.name} takes up to {most} at its size.")


def check_part(model: Model, capability: Capability, wish: Brief) -> None:
    """Refuse a part of a clip that is not in it, and an extension that is too long for it."""
    video = wish.video
    if video is None or video.seconds is None:
        return
    if wish.mode is Mode.RETAKE:
        start, length = wish.start or 0.0, wish.duration
        if not capability.parts and (start > 0 or (length or math.inf) < video.seconds - 0.05):
            raise Unfit(f"{model.name} makes the whole clip again, and no part of it.")
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
        fps = measured("clip", video.fps)
        longest = int(capability.max_context_and_extension / fps) - 1  # a second of context
        if wish.duration is not None and wish.duration > longest:
            raise Unfit(
                f"{model.name} extends a clip of {fps:.0f} fps by up to {longest} s; {longest} s?",
                nearest=wish.but(duration=longest),
            )
