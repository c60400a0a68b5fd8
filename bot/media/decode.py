"""Says what a clip is, by decoding it to its end.

ffmpeg's `framecrc` lists every decoded frame with its time, in a form made for machines; a first
frame in Matroska, whose fields are numbers, says how the picture is turned and coloured. Both come
from the ffmpeg that is here anyway: PyAV (110 MB unpacked) and an ffprobe (170 MB) would say the
same. Nothing is taken from what ffmpeg writes for people.
"""

import asyncio
import logging
import os
import struct
from collections import Counter, OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from weakref import WeakValueDictionary

from bot.media.containers import elements, is_cut
from bot.media.ffmpeg import FfmpegError, MediaError, ffmpeg
from bot.media.formats import demuxer

__all__ = ["Clip", "Decoded", "Picture", "Sound", "decode"]

log = logging.getLogger(__name__)

_PATIENCE = 300.0  #: seconds that decoding one file may take
_PIXELS = 50_000_000  #: of one frame; more is a trap rather than a clip
_REMEMBERED = 256  #: files whose figures are kept, so that nobody decodes one twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The moving picture of a clip."""

    width: int  #: pixels as they are shown: turned, and square
    height: int
    fps: Fraction  #: exact; on average where the frames are not equally far apart
    frames: int
    seconds: float  #: from the first frame's time to the end of the last one
    start: float  #: seconds in the file's own time at which the first frame is shown
    steady: bool  #: whether its frames are equally far apart
    rotation: int  #: degrees, clockwise, by which a player turns it: 0, 90, 180, 270
    aspect: Fraction  #: of a stored pixel, its width by its height
    stored: tuple[int, int]  #: width and height of what is stored
    codec: str  #: as ffmpeg calls it, such as "h264"
    transfer: int  #: ISO 23091-2 code; 2 is unknown, 16 PQ, 18 HLG
    primaries: int  #: the same; 9 is BT.2020
    matrix: int  #: the same; 0 is RGB
    full: bool  #: whether it uses the whole range of values

    @property
    def hdr(self) -> bool:
        """Whether its light is PQ or HLG, which an ordinary screen must not take as it is."""
        return self.transfer in {16, 18}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """The sound of a clip."""

    seconds: float  #: of decoded samples
    start: float  #: seconds in the file's own time at which it begins
    codec: str  #: as ffmpeg calls it, such as "aac"
    rate: int  #: samples a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What is in a file. It has a picture, or a sound, or both."""

    picture: Picture | None
    sound: Sound | None
    seconds: float  #: from where the first of both begins to where the last one ends
    size: int  #: bytes
    complete: bool  #: decoded to its end without an error, and as long as its headers say
    trouble: str = ""  #: what ffmpeg said where it is not, for the operator

    @property
    def has_picture(self) -> bool:
        """Whether there is a moving picture in it."""
        return self.picture is not None

    @property
    def has_sound(self) -> bool:
        """Whether something is heard in it."""
        return self.sound is not None

    @property
    def moving(self) -> "Clip":
        """This file as a clip; raises `MediaError` where it has no moving picture."""
        raise MediaError("This file has no video.")

    @property
    def width(self) -> int | None:
        """Pixels across, as it is shown; None without a picture."""
        return None

    @property
    def height(self) -> int | None:
        """Pixels down, as it is shown; None without a picture."""
        return None

    @property
    def fps(self) -> Fraction | None:
        """Frames a second; None without a picture."""
        return None

    @property
    def frames(self) -> int | None:
        """How many frames it shows; None without a picture."""
        return None

    @property
    def video_codec(self) -> str | None:
        """What the picture is stored in; None without one."""
        return None

    @property
    def audio_codec(self) -> str | None:
        """What the sound is stored in; None without one."""
        return self.sound.codec if self.sound else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip(Decoded):
    """What is in a file that has a picture, perhaps with a sound."""

    picture: Picture

    @property
    def moving(self) -> "Clip":
        """The clip itself."""
        return self

    @property
    def width(self) -> int:
        """Pixels across, as it is shown."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Pixels down, as it is shown."""
        return self.picture.height

    @property
    def fps(self) -> Fraction:
        """Frames a second, exactly; on average where they are not equally far apart."""
        return self.picture.fps

    @property
    def frames(self) -> int:
        """How many frames it shows."""
        return self.picture.frames

    @property
    def video_codec(self) -> str:
        """What the picture is stored in."""
        return self.picture.codec

    @property
    def sound_after(self) -> float:
        """Seconds from its first frame to the beginning of its sound; less than 0 where earlier."""
        return self.sound.start - self.picture.start if self.sound else 0.0

    @property
    def lead(self) -> float:
        """Seconds from the beginning of the file to its first frame: its sound may come first."""
        return max(0.0, -self.sound_after)


_known: OrderedDict[tuple[int, ...], Decoded] = OrderedDict()
_turns: WeakValueDictionary[tuple[int, ...], asyncio.Lock] = WeakValueDictionary()


async def decode(path: Path, *, timeout: float = _PATIENCE) -> Decoded:
    """Decode *path* to its end, in a confined child, and say what is in it.

    A file with an error on the way is decoded as far as it goes and called incomplete. Raises
    `MediaError` where nothing can be made of it, or where something about it is not understood:
    no figure is ever guessed.
    """
    try:
        signature = _signature(path)
    except OSError as error:
        raise MediaError("This file no longer exists.") from error
    # A clip that is posted is measured while its poster is made: who asks second waits.
    async with _turns.setdefault(signature, asyncio.Lock()):
        if signature not in _known:
            _known[signature] = await _decode(path, signature[2], timeout)
            if len(_known) > _REMEMBERED:
                _known.popitem(last=False)
        _known.move_to_end(signature)
        return _known[signature]


async def _decode(path: Path, size: int, timeout: float) -> Decoded:
    options = await asyncio.to_thread(demuxer, path)
    trouble = ""
    try:
        report, look = await _run(path, options, timeout, strict=True)
    except FfmpegError as error:
        if error.ours:
            raise _refusal(error) from error
        trouble = error.stderr or str(error)
        try:
            report, look = await _run(path, options, timeout, strict=False)
        except FfmpegError as again:
            raise _refusal(again) from again
    if not trouble and await asyncio.to_thread(is_cut, path):
        trouble = "The file ends before what its headers say that it holds."
    return _decoded(report, look, size, trouble)


def _signature(path: Path) -> tuple[int, ...]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _refusal(error: FfmpegError) -> MediaError:
    log.info("A file cannot be decoded: %s", error.reason)
    if error.ours:
        return MediaError(
            "This file couldn't be checked right now. Try again.",
            stderr=error.stderr,
            ours=True,
        )
    if error.code == _NO_STREAM:
        return MediaError("This file has no picture and no sound.", stderr=error.stderr)
    return MediaError("This file can't be read as a clip.", stderr=error.stderr)


_NO_STREAM = -22 & 0xFF  #: EINVAL, as ffmpeg ends where none of the streams that it maps is there


class _Report:
    """What `framecrc` lists: for each stream its header, and of its frames what is needed."""

    def __init__(self) -> None:
        self.headers: dict[str, dict[int, str]] = {}
        self.streams: dict[int, _Frames] = {}

    def __call__(self, line: str) -> None:
        if line.startswith("#"):
            name, _, value = line[1:].partition(": ")
            what, _, of = name.rpartition(" ")
            if of.isdigit():
                self.headers.setdefault(what, {})[int(of)] = value.strip()
            return
        fields = line.split(",", 5)
        if len(fields) < 6:
            return
        pts: int | None
        try:
            number, _, pts, duration = (int(field) for field in fields[:4])
        except ValueError:  # a time that is not known
            number, pts, duration = int(fields[0]), None, 0
        self.streams.setdefault(number, _Frames()).add(pts, duration)

    def of(self, media: str) -> list[int]:
        """The numbers of the streams of one kind: first as decoded, then as stored."""
        kinds = self.headers.get("media_type", {})
        return sorted(number for number, kind in kinds.items() if kind == media)

    def header(self, name: str, number: int) -> str:
        """A field of a stream's header. Raises `MediaError` where it is not there."""
        value = self.headers.get(name, {}).get(number)
        if value is None:
            raise MediaError(_UNKNOWN, stderr=f"no {name} of stream {number}")
        return value


class _Frames:
    """The times of one stream's frames, in ticks."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0  #: of their durations
        self.first = self.last = self.end = 0
        self.steps: Counter[int] = Counter()
        self.times: list[int] = []  #: of the first frames
        self.timeless = 0  #: frames without a time

    def add(self, pts: int | None, duration: int) -> None:
        self.total += max(0, duration)
        if pts is None:
            self.timeless += 1
            return
        if self.count == 0:
            self.first = pts
        elif len(self.steps) < 10_000 or pts - self.last in self.steps:
            self.steps[pts - self.last] += 1
        self.count += 1
        self.last = pts
        if len(self.times) < _TIMES:
            self.times.append(pts)
        self.end = max(self.end, pts + max(0, duration)) if self.count > 1 else pts + duration


_TIMES = 1000  #: frames whose times tell one rate from another that is near
_UNKNOWN = "This file can't be understood."


async def _run(
    path: Path, options: tuple[str, ...], timeout: float, *, strict: bool
) -> tuple[_Report, bytes]:
    """Decode the file; *strict* ends at the first error. The list of frames, and the first one."""
    report = _Report()
    reading, writing = os.pipe()
    try:
        await ffmpeg(
            *(("-xerror",) if strict else ()),
            *("-copyts", "-threads", "4", "-max_pixels", str(_PIXELS), "-skip_loop_filter", "all"),
            *("-noautorotate", "-protocol_whitelist", "file", *options, "-i", f"file:{path}"),
            *("-f", "lavfi", "-i", "color=s=2x2:r=1:d=1"),
            # Decoded, and beside it as stored, which has the codecs' names.
            *("-map", "0:V:0?", "-map", "0:a:0?", "-map", "0:V:0?", "-map", "0:a:0?"),
            *("-c:v:0", "wrapped_avframe", "-c:a:0", "pcm_s16le"),
            *("-c:v:1", "copy", "-c:a:1", "copy", "-copyinkf"),
            *("-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "framecrc", "pipe:1"),
            # The first frame, small. The other input is there so that a sound has an output, too.
            *("-map", "1:v:0", "-map", "0:V:0?", "-frames:v", "1"),
            *("-vf", "crop='min(2,iw)':'min(2,ih)':0:0", "-c:v", "rawvideo"),
            *("-allow_raw_vfw", "1", "-f", "matroska"),
            f"pipe:{writing}",
            timeout=timeout,
            listen=report,
            confined=True,
            pass_fds=(writing,),
        )
        os.set_blocking(reading, False)
        try:
            look = os.read(reading, 65536)  # it is far smaller than a pipe holds
        except BlockingIOError:
            look = b""
    finally:
        os.close(reading)
        os.close(writing)
    return report, look


def _decoded(report: _Report, look: bytes, size: int, trouble: str) -> Decoded:
    picture, sound = _picture(report, look), _sound(report)
    both = [each for each in (picture, sound) if each is not None]
    if not both:
        raise MediaError("This file has no picture and no sound.", stderr=trouble)
    start = min(each.start for each in both)
    seconds = max(each.start + each.seconds for each in both) - start
    if picture is None:
        return Decoded(
            picture=None,
            sound=sound,
            seconds=seconds,
            size=size,
            complete=not trouble,
            trouble=trouble,
        )
    return Clip(
        picture=picture,
        sound=sound,
        seconds=seconds,
        size=size,
        complete=not trouble,
        trouble=trouble,
    )


def _picture(report: _Report, look: bytes) -> Picture | None:
    numbers = report.of("video")
    if not numbers or numbers[0] not in report.streams:
        return None
    number = numbers[0]
    frames, tick = report.streams[number], Fraction(report.header("tb", number))
    if frames.timeless or not frames.count:
        raise MediaError(_UNKNOWN, stderr="frames of the picture have no time")
    width, height = (int(side) for side in report.header("dimensions", number).split("x"))
    said = report.headers.get("sar", {}).get(number, "0/1")
    above, _, below = said.partition("/")
    aspect = Fraction(int(above), int(below)) if int(above) and int(below) else Fraction(1)
    colours = _colours(look)
    # Square pixels: one side grows, so that a limit on the size is never passed by shrinking.
    shown = (round(width * max(aspect, Fraction(1))), round(height * max(1 / aspect, Fraction(1))))
    if colours["rotation"] % 180:
        shown = shown[::-1]
    if min(shown) < 1:
        raise MediaError(_UNKNOWN, stderr=f"a picture of {shown}")
    fps, steady = _rate(frames, tick)
    length = (frames.end - frames.first) * tick
    if frames.end == frames.last:
        length += 1 / fps  # the last frame does not say how long it is shown
    return Picture(
        width=shown[0],
        height=shown[1],
        fps=fps,
        frames=frames.count,
        seconds=float(length),
        start=float(frames.first * tick),
        steady=steady,
        rotation=colours["rotation"],
        aspect=aspect,
        stored=(width, height),
        codec=report.header("codec_id", numbers[-1]),
        transfer=colours["transfer"],
        primaries=colours["primaries"],
        matrix=colours["matrix"],
        full=colours["range"] == 2,
    )


def _sound(report: _Report) -> Sound | None:
    numbers = report.of("audio")
    if not numbers or numbers[0] not in report.streams:
        return None
    number = numbers[0]
    frames, tick = report.streams[number], Fraction(report.header("tb", number))
    if not frames.total:
        return None  # a stream of which nothing could be heard
    return Sound(
        seconds=float(frames.total * tick),
        start=float(frames.first * tick),
        codec=report.header("codec_id", numbers[-1]),
        rate=int(report.header("sample_rate", number)),
    )


#: Rates that clips have. A time in whole milliseconds cannot say them exactly.
_RATES = [Fraction(rate) for rate in range(1, 241)] + [
    Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240)
]
_STEADY = 0.8  #: of the steps between frames; a few may be odd, as at the seam of two recordings


def _rate(frames: _Frames, tick: Fraction) -> tuple[Fraction, bool]:
    """Frames a second, from the times of the frames; and whether they are equally far apart."""
    length = (frames.end - frames.first) * tick
    if frames.count == 1 or not frames.steps:
        if length <= 0:
            raise MediaError("This is a single picture, not a clip.")
        return 1 / length, True
    usual, _ = frames.steps.most_common(1)[0]
    near = max(1, usual // 200)
    regular = {step: n for step, n in frames.steps.items() if abs(step - usual) <= near}
    count = sum(regular.values())
    span = sum(step * n for step, n in regular.items()) * tick
    if usual > 0 and span > 0 and count >= _STEADY * (frames.count - 1):
        measured = count / span
        # Each end of the span is off by half a tick at most.
        off = measured * tick / span if len(regular) > 1 or usual < 100 else Fraction(0)
        most = max(off, measured / 20_000)
        near_by = [rate for rate in _RATES if abs(rate - measured) <= most]
        if not near_by:
            return measured.limit_denominator(1001), True
        return min(near_by, key=lambda rate: (_stray(frames.times, rate, tick), -rate)), True
    if length <= 0:
        raise MediaError(_UNKNOWN, stderr="all frames have the same time")
    return (frames.count / length).limit_denominator(1001), False


def _stray(times: list[int], rate: Fraction, tick: Fraction) -> float:
    """By how many ticks the times of frames stray from a rate: by one at most if it is theirs."""
    step = 1 / (rate * tick)
    strays = [float(time - index * step) for index, time in enumerate(times)]
    return max(strays) - min(strays)


# Matroska's ids of what is read: the way to the second track's picture, and its fields.
_DOWN = (0x18538067, 0x1654AE6B, 0xAE, 0xE0)
_COLOUR, _PROJECTION, _ROLL = 0x55B0, 0x7670, 0x7675
_FIELDS = {0x55B1: "matrix", 0x55B9: "range", 0x55BA: "transfer", 0x55BB: "primaries"}


def _colours(look: bytes) -> dict[str, int]:
    """Rotation, transfer, primaries, matrix and range of the first frame, from its Matroska."""
    found = {"rotation": 0, "transfer": 2, "primaries": 2, "matrix": 2, "range": 0}
    places = [(0, len(look))]
    for name in _DOWN:
        places = [
            (each.start, len(look) if each.end is None else each.end)
            for start, end in places
            for each in elements(look, start, end)
            if each.id == name
        ]
    if len(places) != 2:
        raise MediaError(_UNKNOWN, stderr=f"{len(places)} tracks in the first frame's file")
    for part in elements(look, *places[1]):
        if part.id not in {_COLOUR, _PROJECTION}:
            continue
        for each in elements(look, part.start, part.end):
            body = look[each.start : each.end]
            if each.id in _FIELDS and body:
                found[_FIELDS[each.id]] = int.from_bytes(body, "big")
            elif each.id == _ROLL and len(body) in {4, 8}:
                (roll,) = struct.unpack(">f" if len(body) == 4 else ">d", body)
                found["rotation"] = round(-roll / 90) * 90 % 360
    return found
