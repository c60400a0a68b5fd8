"""Makes a clip fit under a size, as good as that size allows: x264 in two passes."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from bot.atomic import whole
from bot.media.decode import Clip
from bot.media.encode import Canvas, all_of, patience, turn
from bot.media.ffmpeg import H264_AAC, Graph, rate
from bot.media.probe import MediaError, demuxer, run, with_picture

__all__ = ["fit"]

#: Of the limit that is aimed at, everything included. Two passes of x264 come within a percent,
#: except where there are few frames to make up for one another: those come out too large.
_SHARE, _SHARE_OF_FEW = 0.975, 0.935
_FEW = 240  #: frames
_CORRECTED = 0.96  #: the same for a further try
_FULL = 0.88  #: of the limit: what uses less of it is tried again, too
_TRIES = 3
_LEAST_RATE = 90_000  #: bits a second of picture below which nobody would want to look at it
#: x264's constant rate factor from which on nobody sees a difference: more bits are for nothing.
_GOOD = 18.0
_MARGIN = 1.0  #: what the first pass, being quick, may be off by
_LOOK = 23.0  #: the rate factor of the first pass; what another one takes follows from it
_STEP = 6.0  #: of the rate factor, which halve the bits
#: Rate factors between which a size is kept: better ones leave room for more pixels, worse ones
#: show blocks, and fewer pixels look better then.
_ROOMY, _BLOCKY = 22.0, 37.0
_AGREED = 34.0  #: what a size that was not looked at should come to
_SIDES = (2160, 1440, 1080, 720, 540, 480, 360)  #: pixels of a short side
_DENSE = 0.04  #: bits a pixel that clips of a usual kind need; where the search begins
#: In two passes half the time of "fast" for a fifth of a decibel.
_PRESET = ("-preset", "faster")
#: What is so little over its limit is often in it at once, as good as anybody sees, where nobody
#: looks for the fewest bits.
_NEAR = 2.5
_AT_ONCE = ("-preset", "superfast", "-crf", f"{_GOOD:g}")


async def fit(clip: Path, to: Path, limit_bytes: int) -> None:
    """Write *clip* to *to* in no more than *limit_bytes*: as long as it was, with its sound.

    It keeps its size as far as the limit has the bits for so many pixels. A clip so plain that it
    looks like the original in less than the limit is not blown up to it.

    Raises `MediaError` where it is too long for that.
    """
    info = await with_picture(clip)
    room = _Room.of(info, limit_bytes)
    if room.picture < _LEAST_RATE:
        raise MediaError("This clip is too long to be made that small.")
    with whole(to) as part:
        encoder = _Encoder(clip, info, part)
        if info.size <= _NEAR * limit_bytes:
            await encoder.write(Canvas.of(info), _AT_ONCE, sound=room.sound, to=part)
            if part.stat().st_size <= limit_bytes:
                return
            part.unlink()
        factor, canvas = await _largest(encoder, room)
        if factor <= _GOOD - _MARGIN:
            await encoder.write(canvas, ("-crf", f"{_GOOD:g}"), sound=room.sound, to=part)
            if part.stat().st_size <= limit_bytes:
                return
            part.unlink()
        bits, trial = room.picture, part.with_name(f"{part.name}.trial")
        for _ in range(_TRIES):
            if bits < _LEAST_RATE / 2:
                break
            second = ("-b:v", f"{bits:.0f}", "-pass", "2", "-passlogfile", encoder.log(canvas))
            await encoder.write(canvas, second, sound=room.sound, to=trial)
            size = trial.stat().st_size
            if size <= limit_bytes and (not part.exists() or size > part.stat().st_size):
                trial.replace(part)
            if limit_bytes * _FULL <= size <= limit_bytes:
                break
            # What it is off by is known now, whatever it came from.
            beside = (room.sound + room.container) * info.seconds / 8
            bits *= (limit_bytes * _CORRECTED - beside) / max(1.0, size - beside)
        if part.exists():
            return
    raise MediaError("This clip is too long to be made that small.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """Bits a second that the limit has for picture, sound, and the container's own."""

    picture: float
    sound: float
    container: float

    @classmethod
    def of(cls, info: Clip, limit_bytes: int) -> "_Room":
        """What is left for both once the container has its own: its index names every frame."""
        heard = info.seconds * 48_000 / 1024 if info.audio_codec else 0.0
        container = (3000 + 16 * info.frames + 8 * heard) * 8 / info.seconds
        share = _SHARE if info.frames >= _FEW else _SHARE_OF_FEW
        total = max(0.0, limit_bytes * share * 8 / info.seconds - container)
        sound = min(128_000.0, max(32_000.0, total * 0.12)) if info.audio_codec else 0.0
        return cls(picture=total - sound, sound=sound, container=container)


class _Encoder:
    """Passes over one clip, on the way to the file *part*."""

    def __init__(self, clip: Path, info: Clip, part: Path) -> None:
        self.info = info
        self._clip = clip
        self._part = part

    def log(self, canvas: Canvas) -> str:
        """Where the first pass at this size keeps what it learnt; it goes with the part."""
        return f"{self._part}.{canvas.height}"

    async def look(self, canvas: Canvas) -> float:
        """The first pass: bits a second that the picture takes at the rate factor `_LOOK`."""
        graph, [picture] = self._read(canvas)
        said = await self._run(
            canvas,
            *graph.arguments(picture),
            *("-r", rate(canvas.fps), *_PICTURE, "-crf", f"{_LOOK:g}"),
            *("-pass", "1", "-passlogfile", self.log(canvas), "-f", "null", "-"),
        )
        [kibibytes] = re.findall(r"\bvideo:(\d+)Ki?B\b", said)[-1:] or ["0"]
        return max(1.0, int(kibibytes) * 1024 * 8 / self.info.seconds)

    async def write(
        self, canvas: Canvas, options: tuple[str, ...], *, sound: float, to: Path
    ) -> None:
        """Write the clip with these *options* of x264, its sound in so many bits a second."""
        graph, streams = self._read(canvas, sound=bool(self.info.audio_codec))
        await self._run(
            canvas,
            *graph.arguments(*streams),
            *("-r", rate(canvas.fps), *H264_AAC, *_PRESET, *options, "-b:a", f"{sound:.0f}"),
            to,
        )

    def _read(self, canvas: Canvas, *, sound: bool = False) -> tuple[Graph, list[str]]:
        graph = Graph()
        number = graph.read(self._clip, *demuxer(self._clip))
        info = self.info if sound else replace(self.info, sound=None)
        return graph, all_of(graph, number, info, canvas)

    async def _run(self, canvas: Canvas, *arguments: str | Path) -> str:
        async with turn():
            return await run(*arguments, timeout=2 * patience(canvas, self.info.seconds))


#: The picture's part of `H264_AAC`: a first pass is for the same encoder.
_PICTURE = (*H264_AAC[: H264_AAC.index("-c:a")], *_PRESET)


async def _largest(encoder: _Encoder, room: _Room) -> tuple[float, Canvas]:
    """The size that the room has the bits for, and about which rate factor it comes to there."""
    info = encoder.info
    whole_side = min(info.width, info.height)
    sides = [whole_side, *(side for side in _SIDES if side < whole_side)]
    canvases = [Canvas.of(info, short=side) for side in sides]
    dense = [room.picture / (_pixels(each) * each.fps) >= _DENSE for each in canvases]
    at = dense.index(True) if any(dense) else len(canvases) - 1
    factors: dict[int, float] = {}
    while at not in factors:
        needed = await encoder.look(canvases[at])
        factors[at] = _LOOK + _STEP * math.log2(needed / room.picture)
        at = _next(factors, at, [_pixels(each) for each in canvases])
    # The first of them that is not blocky; where all are, the smallest.
    best = min((each for each in factors if factors[each] <= _BLOCKY), default=max(factors))
    return factors[best], canvases[best]


def _next(factors: dict[int, float], at: int, pixels: list[int]) -> int:
    """Where to look after the rate factor at one size was found; there, if it is the right one.

    Sizes are numbered from the largest; *factors* are those that are known.
    """
    if _ROOMY <= factors[at] <= _BLOCKY:
        return at
    after = max((each for each in factors if factors[each] > _BLOCKY), default=-1)
    before = min((each for each in factors if factors[each] < _ROOMY), default=len(pixels))
    between = range(after + 1, before)
    if not between:
        return at
    if after >= 0 and before < len(pixels):
        return between[len(between) // 2]
    # Half the pixels take about half the bits; those of a noisy clip take less than that.
    likely = (factors[at] + 1.2 * _STEP * math.log2(pixels[each] / pixels[at]) for each in between)
    fitting = (each for each, factor in zip(between, likely, strict=True) if factor <= _AGREED)
    return next(fitting, between[-1])


def _pixels(canvas: Canvas) -> int:
    return canvas.width * canvas.height
