"""Compares a clip that a provider delivered, decoded to its end, with what was ordered of it."""

import asyncio
import re
import zipfile
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.catalog.model import pixels
from bot.media.decode import Decoded
from bot.media.probe import MediaError, sniff
from storage import Brief, Mode

__all__ = ["Decode", "differences"]

Decode = Callable[[Path], Awaitable[Decoded]]

#: Models make whole blocks of eight frames and one more, so that a clip may be up to eight frames
#: from its order; half a second where that is more, or where no rate is known.
FRAMES, SECONDS = 9, 0.5
#: They make sizes that their blocks divide: 1088 for 1080 lines, 832 for 854. A tenth is allowed.
SIZE = 0.1
CLOSE = 0.1  #: seconds that a clip may be off whose exact length is known before
RATE = 0.02  #: 23.976 is 24
CUT = "it is cut off or damaged"


async def differences(brief: Brief, file: Path, *, decode: Decode) -> list[str]:
    """What is wrong with *file*, the result of *brief*: a few words each; none if it is well.

    Raises `MediaError` only where this machine is to blame.
    """
    if sniff(file) == "application/zip":
        whole = await asyncio.to_thread(_whole_archive, file)
        return [] if whole else [CUT]
    try:
        made = await decode(file)
    except MediaError as error:
        if error.ours:
            raise
        return ["it can't be played"]
    return [*_picture(brief, made), *_length(brief, made), *_sound(brief, made)]


def _picture(brief: Brief, made: Decoded) -> list[str]:
    if made.width is None or made.height is None or made.fps is None:
        return ["it has no video"]
    found = [] if made.complete else [CUT]
    if brief.resolution is not None and brief.mode in (Mode.TEXT, Mode.IMAGE, Mode.AUDIO):
        exact = re.fullmatch(r"(\d+)x(\d+)", brief.size or "")
        if exact is not None:
            width, height = int(exact[1]), int(exact[2])
        else:
            width, height = pixels(brief.resolution, brief.aspect or "16:9")
        sides = ((made.width, width), (made.height, height))
        if exact is not None:
            other = (made.width, made.height) != (width, height)
        elif brief.aspect is None:  # its first frame has the shape, and the size by area
            other = made.width * made.height < 0.5 * width * height
        else:
            other = any(abs(got - wanted) > SIZE * wanted for got, wanted in sides)
        if other:
            found.append(f"it is {made.width} × {made.height} pixels instead of {width} × {height}")
    if brief.fps is not None and abs(float(made.fps) - brief.fps) > RATE * brief.fps:
        found.append(f"it has {float(made.fps):.4g} fps instead of {brief.fps} fps")
    return found


def _length(brief: Brief, made: Decoded) -> list[str]:
    wanted = _ordered(brief)
    if wanted is None:
        return []
    allowed = max(SECONDS, FRAMES / float(made.fps) if made.fps else 0.0)
    if brief.seconds is not None:  # its model's own blocks are reckoned with
        allowed = max(CLOSE, 2 / float(made.fps) if made.fps else 0.0)
    seconds = made.picture.seconds if made.picture is not None else made.seconds
    if abs(seconds - wanted) <= allowed:
        return []
    return [f"it is {seconds:.3g} s long instead of {wanted:.3g} s"]


def _ordered(brief: Brief) -> float | None:
    """Seconds that the provider was asked for; None where the order does not say."""
    video, audio = brief.video, brief.audio
    match brief.mode:
        case Mode.TEXT | Mode.IMAGE:
            return brief.duration if brief.seconds is None else brief.seconds
        case Mode.AUDIO:
            return audio.seconds if audio is not None else None
        case Mode.EXTEND if video is not None and video.seconds and brief.duration:
            return video.seconds + brief.duration
        case Mode.RETAKE if video is not None:
            return video.seconds
    return None


def _sound(brief: Brief, made: Decoded) -> list[str]:
    if brief.sound is None or brief.mode not in (Mode.TEXT, Mode.IMAGE):
        return []
    if brief.sound == made.has_sound:
        return []
    return ["it has no sound"] if brief.sound else ["it has sound, but none was ordered"]


def _whole_archive(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, zlib.error):
        return False
