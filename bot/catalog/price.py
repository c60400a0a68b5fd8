"""What a brief costs with a model, in dollars and in credits."""

import math
from collections.abc import Mapping
from decimal import Decimal

from bot.catalog.model import ANY, Capability, measured
from bot.catalog.validate import REQUIRED_INPUTS
from storage import Brief, Mode


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
            return measured("sound", brief.audio.seconds if brief.audio else None)
        case Mode.RETAKE | Mode.HDR:
            return measured("clip", brief.video.seconds if brief.video else None)
        case Mode.EXTEND:
            source = brief.video
            length = float(brief.duration or 0)
            if source is None or capability.price.frames_cap is None:
                return length
            together = length + min(measured("clip", source.seconds), 20.0)
            return min(together, capability.price.frames_cap / measured("clip", source.fps))


def usd(capability: Capability, brief: Brief) -> Decimal:
    """What making *brief* costs at most, in US dollars."""
    price = capability.price
    # What does not depend on a length needs none to be known.
    return price.usd(brief, billed_seconds(capability, brief) if price.per_second else 0.0)


def in_credits(dollars: Decimal, usd_per_credit: Decimal) -> int:
    """Whole credits that cover *dollars*."""
    return math.ceil(dollars / usd_per_credit)
