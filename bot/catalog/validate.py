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
    "seed": "seed option",
    "sound": "sound option",
    "camera": "camera motions",
    "loras": "LoRAs",
    "last_image": "last frame",
    "replace": "choice of what to replace",
    "direction": "choice of which end to extend",
    "routing": "choice of routing",
}


def check_prompt(who: str, capability: Capability, brief: Brief) -> None:
    """Refuse a prompt that is missing or too long. *who* names who would make it."""
    if capability.prompt_required and not brief.prompt:
        raise Unfit("Write a prompt.")
    if len(brief.prompt) > capability.prompt_max:
        raise Unfit(
            f"Your prompt has {len(brief.prompt):,} characters. "
            f"{who} takes up to {capability.prompt_max:,} characters."
        )


def check_extras(who: str, capability: Capability, brief: Brief) -> Brief:
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
        if getattr(brief, name) not in (None, ()) and not has[name]:
            without = brief.but(**{name: () if name == "loras" else None})
            raise Unfit(f"{who} has no {words}. Leave out `{name}`.", nearest=without)
    if (
        brief.seed is not None
        and capability.seeds is not None
        and brief.seed not in capability.seeds
    ):
        seeds = capability.seeds
        raise Unfit(
            f"`seed` must be a whole number from {seeds[0]:,} to {seeds[-1]:,} for {who}.",
            nearest=brief.but(seed=None),
        )
    if len(brief.loras) > capability.loras:
        raise Unfit(f"{who} takes up to {capability.loras} LoRAs, and you gave {len(brief.loras)}.")
    for lora in brief.loras:
        if capability.lora_names is not None:
            _check_named(who, capability.lora_names, lora.path)
        elif not _is_public(lora.path):
            raise Unfit("Give each LoRA as a public https link.")
        if not 0.0 < lora.scale <= MAX_STRENGTH:
            raise Unfit(f"A LoRA's strength must be more than 0 and at most {MAX_STRENGTH:g}.")
    for name, choices in (
        ("camera", capability.camera),
        ("replace", capability.replace),
        ("direction", capability.directions),
        ("routing", capability.routings),
    ):
        chosen = getattr(brief, name)
        if chosen is not None and chosen not in choices:
            known = listed([each.replace("_", " ") for each in choices])
            raise Unfit(
                f"`{name}` can't be {typed(chosen)}. Choose {known}.",
                # Another end, or another part, would be another clip.
                nearest=brief.but(**{name: None}) if name in ("camera", "routing") else None,
            )
    return brief


def _check_named(who: str, names: tuple[str, ...], name: str) -> None:
    """Refuse a LoRA that is not among *names*; while none is known, any name may be one."""
    if "://" in name:
        raise Unfit(f"{who} takes LoRAs by name, not by link.")
    if names and name not in names and f"{name}.safetensors" not in names:
        raise Unfit(f"{who} has no LoRA {typed(name)}. `loras` suggests the ones it has.")


def missing(words: str) -> str:
    """What is said where the input called *words* ("an image") was not given."""
    return f"Give {words}: attach one, paste a link, or write a clip's number such as #42."


def _is_public(link: str) -> bool:
    """Whether *link* may be one that a provider downloads from: https, and nobody's password."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    plain = len(link) <= MAX_LINK and link.isprintable() and " " not in link
    return plain and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


def check_inputs(who: str, capability: Capability, brief: Brief) -> None:
    """Refuse inputs that this model would refuse, by what they are."""
    for name, words in INPUT_WORDS.items():
        given: Input | None = getattr(brief, name)
        accepts = capability.inputs.get(name)
        if given is None:
            if name == REQUIRED_INPUTS.get(brief.mode):
                raise Unfit(missing(words))
            continue
        if accepts is None:
            raise Unfit(
                f"{who} takes no {words.split(' ', 1)[1]} here. Leave it out.",
                nearest=brief.but(**{name: None}),
            )
        _check_input(who, words.split(" ", 1)[1], given, accepts)


def _check_input(who: str, what: str, given: Input, accepts: Accepts) -> None:
    if given.type not in accepts.types:
        known = listed([type_word(each) for each in accepts.types])
        raise Unfit(f"Your {what} is in {type_word(given.type)} format. {who} takes {known}.")
    if given.size > accepts.max_bytes:
        raise Unfit(
            f"Your {what} is {given.size / 1e6:,.1f} MB. "
            f"{who} takes up to {accepts.max_bytes / 1e6:,.0f} MB."
        )
    if accepts.max_pixels is not None and measured(what, area(given)) > accepts.max_pixels:
        raise Unfit(
            f"Your {what} is {given.width} × {given.height} pixels. {who} takes up to "
            f"{accepts.max_pixels / 1e6:,.1f} megapixels."
        )
    if accepts.min_seconds is not None or accepts.max_seconds is not None:
        seconds = measured(what, given.seconds)
        if accepts.min_seconds is not None and seconds < accepts.min_seconds - 0.05:
            raise Unfit(
                f"Your {what} is {number(round(seconds, 1))} s long. "
                f"{who} takes {number(accepts.min_seconds)} s or more."
            )
        if accepts.max_seconds is not None and seconds > accepts.max_seconds + 0.05:
            raise Unfit(
                f"Your {what} is {number(round(seconds, 1))} s long. "
                f"{who} takes up to {number(accepts.max_seconds)} s."
            )
    if accepts.min_frames is not None or accepts.max_frames:
        _check_frames(who, what, given, accepts)


def _check_frames(who: str, what: str, given: Input, accepts: Accepts) -> None:
    frames = measured(what, frames_of(given))
    if accepts.min_frames is not None and frames < accepts.min_frames:
        raise Unfit(
            f"Your {what} has {frames} frames. {who} takes {accepts.min_frames} frames or more."
        )
    if not accepts.max_frames:
        return
    measured(what, area(given))
    most = accepts.max_frames.get(size_of(given), accepts.max_frames.get(ANY, 0))
    if frames > most:
        raise Unfit(
            f"Your {what} has {frames} frames. {who} takes up to {most} frames at that size."
        )


def check_part(who: str, capability: Capability, brief: Brief) -> None:
    """Refuse a part of a clip that is not in it, and an extension that is too long for it."""
    video = brief.video
    if video is None or video.seconds is None:
        return
    if brief.mode is Mode.RETAKE:
        start, length = brief.start or 0.0, brief.duration
        if not capability.parts and (start > 0 or (length or math.inf) < video.seconds - 0.05):
            raise Unfit(f"{who} retakes whole clips, not parts.")
        if start < 0 or start >= video.seconds:
            raise Unfit(
                f"The clip is {number(round(video.seconds, 1))} s long. Start before its end.",
                nearest=brief.but(start=0.0),
            )
        if length is not None and length < capability.min_part:
            raise Unfit(
                f"{who} retakes parts of {number(capability.min_part)} s or more.",
                nearest=brief.but(duration=math.ceil(capability.min_part)),
            )
        if video.seconds - start < capability.min_part:
            raise Unfit(
                f"Only {number(round(video.seconds - start, 1))} s are left after that start. "
                f"{who} retakes parts of {number(capability.min_part)} s or more.",
                nearest=brief.but(start=max(0.0, video.seconds - capability.min_part)),
            )
    elif brief.mode is Mode.EXTEND and capability.max_context_and_extension is not None:
        fps = measured("clip", video.fps)
        longest = int(capability.max_context_and_extension / fps) - 1  # a second of context
        if brief.duration is not None and brief.duration > longest:
            raise Unfit(
                f"{who} can extend a {fps:.0f} fps clip by up to {longest} s.",
                nearest=brief.but(duration=longest),
            )
