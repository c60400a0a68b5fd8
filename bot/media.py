"""Looks into clips, pictures and sounds, and puts clips together.

Nothing here trusts a name or a header that an uploader wrote: what a file is, its first bytes
say; and ffmpeg is told to read it as that, and to open no other file or address.
"""

import asyncio
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from bot._ffmpeg import H264_AAC, QUALITY, FfmpegError, Graph, ffmpeg, rate
from bot._sniff import picture_size, sniff

__all__ = [
    "Clip",
    "MediaError",
    "cut",
    "demuxer",
    "first_frame",
    "fit",
    "join",
    "last_frame",
    "picture_size",
    "poster",
    "probe",
    "replace_part",
    "side_by_side",
    "sniff",
]

Progress = Callable[[float], None]

_QUICK = 60.0  #: seconds that a look into a file may take
#: Which reader of ffmpeg takes which type. A type that is not here is no clip and no sound;
#: above all nothing that is a list of other files.
_DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "audio/mp4": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "video/ogg": "ogg",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "image/gif": "gif",
}
#: Rates that ffmpeg prints rounded, and what they are.
_NTSC = {"23.98": 24000 / 1001, "29.97": 30000 / 1001, "59.94": 60000 / 1001}

_SHARE = 0.92  #: of a limit that a first encode aims at; all measured encodes then fit
_SECOND_SHARE = 0.75
_LEAST_RATE = 90_000  #: bits a second of picture below which nobody would want to look at it


class MediaError(Exception):
    """The file cannot be read, or what was asked cannot be made of it. The message is a sentence.

    *stderr* is the last of what ffmpeg said, for the operator.
    """

    def __init__(self, sentence: str, *, stderr: str = "") -> None:
        super().__init__(sentence)
        self.stderr = stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What is in a clip or a sound. Without a picture, its size, rate and frames are 0."""

    seconds: float
    width: int  #: pixels, as it is shown: a phone's clip may be stored lying down
    height: int
    fps: float  #: on average
    video_codec: str | None
    audio_codec: str | None
    frames: int
    size: int  #: bytes


def demuxer(path: Path) -> tuple[str, str]:
    """The ffmpeg options that make it read *path* as what its bytes say, and as nothing else.

    Raises `MediaError` where it is neither a clip nor a sound.
    """
    try:
        kind = sniff(path)
    except OSError as error:
        raise MediaError("This file is not there any more.") from error
    if kind not in _DEMUXERS:
        raise MediaError("This file is neither a clip nor a sound that can be read.")
    return "-f", _DEMUXERS[kind]


async def probe(path: Path) -> Clip:
    """Read the whole file, without decoding it, and say what is in it.

    Raises `MediaError` where it cannot be read to its end.
    """
    graph = Graph()
    graph.read(path, *demuxer(path))
    # Capital V: a picture of a sound's cover is not a picture stream.
    streams = ("-map", "0:V:0?", "-map", "0:a:0?", "-c", "copy", "-f", "null", "-")
    try:
        said = await ffmpeg(*graph.inputs, *streams, timeout=_QUICK)
    except FfmpegError as error:
        raise MediaError(
            "This file is not a clip that can be read.", stderr=error.stderr
        ) from error
    if "partial file" in said:
        raise MediaError("This clip is cut off: its end is missing.", stderr=said)
    return _clip(said, path.stat().st_size)


# Only ffmpeg itself writes lines with this indentation: what a file's metadata say, it writes
# further to the right. So a title cannot pretend to be a stream.
_STREAM = re.compile(r"^  Stream #0:\d+\S*: (Video|Audio): (\w+)(.*)$", re.MULTILINE)
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_WRITTEN = re.compile(
    r"^(?:frame= *(\d+) .*)?size=.*? time=(\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE
)
_ROTATED = re.compile(r"^ +(?:displaymatrix|Display Matrix): rotation of (-?\d+)", re.MULTILINE)


def _clip(said: str, size: int) -> Clip:
    read, _, _ = said.partition("\nOutput #0")
    codecs: dict[str, str] = {}
    width = height = 0
    fps = 0.0
    for kind, codec, rest in _STREAM.findall(read):
        if kind in codecs or "attached pic" in rest:
            continue
        codecs[kind] = codec
        if kind == "Video" and (shape := re.search(r", (\d{1,6})x(\d{1,6})\b", rest)):
            width, height = int(shape[1]), int(shape[2])
            fps = _fps(rest)
    turned = _ROTATED.search(read)
    if turned and int(turned[1]) % 180:
        width, height = height, width
    written = [*_WRITTEN.finditer(said)]
    length = _DURATION.search(read)
    parts = length.groups() if length else written[-1].groups()[1:] if written else ("0", "0", "0")
    seconds = int(parts[0]) * 3600 + int(parts[1]) * 60 + float(parts[2])
    frames = int(written[-1][1] or 0) if written else 0
    if not codecs or seconds <= 0:
        raise MediaError("There is neither picture nor sound in this file.", stderr=said)
    return Clip(
        seconds=seconds,
        width=width,
        height=height,
        fps=fps or (frames / seconds if "Video" in codecs else 0.0),
        video_codec=codecs.get("Video"),
        audio_codec=codecs.get("Audio"),
        frames=frames,
        size=size,
    )


def _fps(stream: str) -> float:
    found = re.search(r"([\d.]+)(k?) fps", stream)
    if found is None:
        return 0.0
    return _NTSC.get(found[1]) or float(found[1]) * (1000 if found[2] else 1)


async def first_frame(clip: Path, to: Path) -> None:
    """Write the first picture of *clip* to *to*, as a PNG or JPEG by its name."""
    await poster(clip, to, 0.0)


async def last_frame(clip: Path, to: Path) -> None:
    """Write the last picture of *clip* to *to*, as a PNG or JPEG by its name."""
    info = await _with_picture(clip)
    # A little before the last frame begins; where the rate is uneven nothing may come after
    # that, so then the last second is looked through for the last picture in it.
    near = max(0.0, info.seconds - 1.5 / info.fps) if info.fps else 0.0
    for options in (("-ss", f"{near:.6f}"), ("-sseof", "-1"), ()):
        if await _picture(clip, to, *options, last=True):
            return
    raise MediaError("This clip has no last picture that can be read.")


async def poster(clip: Path, to: Path, at: float) -> None:
    """Write the picture that *clip* shows *at* seconds to *to*, as a PNG or JPEG by its name."""
    info = await _with_picture(clip)
    # ffmpeg looks for the first picture that begins then or later; the one that is shown began
    # up to a frame earlier.
    begins = max(0.0, at - 1 / info.fps + 0.0001)
    for options in (("-ss", f"{begins:.6f}"), ()):
        if await _picture(clip, to, *options, last=False):
            return
    raise MediaError("This clip has no picture that can be read.")


async def _picture(clip: Path, to: Path, *options: str, last: bool) -> bool:
    """Whether there was one to write: the first, or the *last*, from where *options* say."""
    graph = Graph()
    graph.read(clip, *options, *demuxer(clip))
    which = () if last else ("-frames:v", "1")
    with _whole(to) as part:
        await _run(
            *graph.inputs,
            *("-map", "0:V:0", *which, "-fps_mode", "passthrough"),
            *("-update", "1", "-q:v", "3", "-f", "image2", "-c:v", _PICTURES[to.suffix], part),
            timeout=_QUICK,
        )
        return part.exists()


_PICTURES = {".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg"}


async def join(
    clips: Sequence[Path],
    to: Path,
    *,
    like: int = 0,
    overlap: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write *clips* one after the other to *to*, in the size and rate of the one numbered *like*.

    *overlap* frames at the beginning of each later clip repeat the one before and are left out.

    Each is as long as its picture: its sound is cut or filled with silence, so that picture and
    sound stay together. Without any sound there is none in the result.
    """
    infos = [await _with_picture(clip) for clip in clips]
    canvas = _Canvas.of(infos[like])
    sound = any(info.audio_codec for info in infos)
    graph = Graph()
    streams: list[str] = []
    total = 0
    for clip, info in zip(clips, infos, strict=True):
        number = graph.read(clip, *demuxer(clip))
        frames = max(1, round(info.frames / info.fps * canvas.fps))
        skipped = min(overlap, frames - 1) if number else 0
        count = frames - skipped
        total += count
        streams.append(
            graph.apply(
                f"{canvas.filters},trim=start_frame={skipped},setpts=PTS-STARTPTS,"
                f"{canvas.exactly(count)}",
                f"{number}:V:0",
            )
        )
        if sound:
            start = skipped / canvas.fps
            streams.append(_sound(graph, number, info, count / canvas.fps, start=start))
    await _joined(graph, streams, to, canvas, total / canvas.fps, sound=sound, progress=progress)


async def cut(clip: Path, to: Path, *, start: float, seconds: float) -> None:
    """Write the part of *clip* from *start*, *seconds* long, to *to*. Exact to the frame."""
    info = await _with_picture(clip)
    canvas = _Canvas.of(info)
    first = max(0, round(start * canvas.fps))
    count = min(info.frames - first, round(seconds * canvas.fps))
    if count < 1:
        raise MediaError("That part is outside of the clip.")
    graph = Graph()
    number = graph.read(clip, *demuxer(clip))
    streams = [
        graph.apply(
            f"{canvas.filters},trim=start_frame={first},setpts=PTS-STARTPTS,{canvas.exactly(count)}",
            f"{number}:V:0",
        )
    ]
    if info.audio_codec:
        length = count / canvas.fps
        streams.append(_sound(graph, number, info, length, start=first / canvas.fps))
    with _whole(to) as written:
        await _encode(graph, streams, written, count / canvas.fps, canvas, *QUALITY)


async def replace_part(
    clip: Path,
    part: Path,
    to: Path,
    *,
    start: float,
    picture: bool = True,
    sound: bool = True,
    progress: Progress | None = None,
) -> None:
    """Write *clip* to *to*, with *part* in place of what it has from *start* on.

    The result is as long as *clip*, to the frame; *picture* and *sound* say what is replaced.
    """
    info, other = await _with_picture(clip), await _with_picture(part)
    canvas = _Canvas.of(info)
    first = min(max(0, round(start * canvas.fps)), info.frames - 1)
    count = min(info.frames - first, max(1, round(other.frames / other.fps * canvas.fps)))
    pieces = [(0, first), (first, count), (first + count, info.frames - first - count)]
    graph = Graph()
    whole, inserted = graph.read(clip, *demuxer(clip)), graph.read(part, *demuxer(part))
    has_sound = bool(info.audio_codec) or (sound and bool(other.audio_codec))
    streams: list[str] = []
    for index, (begin, length) in enumerate(pieces):
        if length < 1:
            continue
        new = index == 1
        source = f"{inserted if new and picture else whole}:V:0"
        begins = 0 if new and picture else begin
        streams.append(
            graph.apply(
                f"{canvas.filters},trim=start_frame={begins},setpts=PTS-STARTPTS,"
                f"{canvas.exactly(length)}",
                source,
            )
        )
        if has_sound:
            number, of = (inserted, other) if new and sound else (whole, info)
            at = 0.0 if new and sound else begin / canvas.fps
            streams.append(_sound(graph, number, of, length / canvas.fps, start=at))
    await _joined(
        graph, streams, to, canvas, info.frames / canvas.fps, sound=has_sound, progress=progress
    )


async def soundtrack(clip: Path, to: Path) -> None:
    """Write the sound of *clip* to *to*, an M4A. Raises `MediaError` where it has none."""
    info = await probe(clip)
    if info.audio_codec is None:
        raise MediaError("This clip has no sound.")
    graph = Graph()
    graph.read(clip, *demuxer(clip))
    with _whole(to) as part:
        await _run(
            *graph.inputs,
            *("-map", "0:a:0", "-vn", "-c:a", "aac", "-b:a", "192k", "-f", "ipod", part),
            timeout=_QUICK,
        )


async def fit(clip: Path, to: Path, limit_bytes: int) -> None:
    """Write *clip* to *to* in no more than *limit_bytes*, with a short side of at most 720 pixels.

    Raises `MediaError` where it is too long for that.
    """
    info = await _with_picture(clip)
    for share in (_SHARE, _SECOND_SHARE):
        total = limit_bytes * 8 * share / info.seconds
        for_sound = min(128_000.0, max(32_000.0, total * 0.12)) if info.audio_codec else 0.0
        bits = total - for_sound
        if bits < _LEAST_RATE:
            break
        # Below these rates more pixels only make room for more blocks.
        short = 720 if bits > 900_000 else 480 if bits > 350_000 else 360
        canvas = _Canvas.of(info, short=short)
        graph = Graph()
        number = graph.read(clip, *demuxer(clip))
        streams = [graph.apply(canvas.filters, f"{number}:V:0")]
        if info.audio_codec:
            streams.append(graph.apply("aresample=48000", f"{number}:a:0"))
        options = (
            *(
                "-b:v",
                f"{bits:.0f}",
                "-maxrate",
                f"{bits * 1.05:.0f}",
                "-bufsize",
                f"{bits * 2:.0f}",
            ),
            *("-b:a", f"{for_sound:.0f}"),
        )
        with _whole(to) as part:
            await _encode(graph, streams, part, info.seconds, canvas, *options)
            if part.stat().st_size <= limit_bytes:
                return
            part.unlink()
    raise MediaError("This clip is too long to be made that small.")


async def side_by_side(left: Path, right: Path, to: Path) -> None:
    """Write both clips next to each other to *to*, to be compared: as high as the left one.

    It lasts as long as the longer one, while the other stands still. Its sound is the left one's.
    """
    infos = [await _with_picture(clip) for clip in (left, right)]
    height = 2 * round(min(720, infos[0].height) / 2)
    fps = max(infos[0].fps, infos[1].fps)
    count = max(round(info.frames / info.fps * fps) for info in infos)
    graph = Graph()
    streams = []
    for clip, info in zip((left, right), infos, strict=True):
        width = 2 * round(info.width * height / info.height / 2)
        canvas = _Canvas(width=width, height=height, fps=fps)
        number = graph.read(clip, *demuxer(clip))
        streams.append(graph.apply(f"{canvas.filters},{canvas.exactly(count)}", f"{number}:V:0"))
    streams = [graph.apply("hstack=inputs=2", *streams)]
    if infos[0].audio_codec:
        streams.append(_sound(graph, 0, infos[0], count / fps))
    with _whole(to) as part:
        await _encode(graph, streams, part, count / fps, canvas, *QUALITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """The size and rate that the pictures of several clips are brought to."""

    width: int
    height: int
    fps: float

    @classmethod
    def of(cls, info: Clip, *, short: int | None = None) -> "_Canvas":
        """The size and rate of a clip; smaller where its short side is more than *short*."""
        scale = min(1.0, short / min(info.width, info.height)) if short else 1.0
        width, height = (max(2, 2 * round(side * scale / 2)) for side in (info.width, info.height))
        return cls(width=width, height=height, fps=info.fps)

    @property
    def filters(self) -> str:
        """What brings any picture to this size and rate, with bars where its shape is another."""
        size = f"{self.width}:{self.height}"
        return (
            f"setpts=PTS-STARTPTS,fps={rate(self.fps)},"
            f"scale={size}:force_original_aspect_ratio=decrease:flags=bicubic,"
            f"pad={size}:-1:-1,setsar=1,format=yuv420p"
        )

    def exactly(self, count: int) -> str:
        """What makes a stream *count* frames long: cut, or its last one repeated."""
        return f"tpad=stop=-1:stop_mode=clone,trim=end_frame={count},setpts=PTS-STARTPTS"


def _sound(graph: Graph, number: int, info: Clip, seconds: float, *, start: float = 0.0) -> str:
    """Exactly *seconds* of the sound of input *number* from *start* on, or of silence."""
    if info.audio_codec is None:
        return graph.apply(f"anullsrc=r=48000:cl=stereo,atrim=duration={seconds:.6f}")
    # Half a hundredth of a second up and down, or every seam would click.
    edge = min(0.005, seconds / 2)
    return graph.apply(
        f"asetpts=PTS-STARTPTS,aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo,"
        f"atrim=start={start:.6f},asetpts=PTS-STARTPTS,apad,atrim=duration={seconds:.6f},"
        f"afade=t=in:d={edge:.4f},afade=t=out:st={seconds - edge:.6f}:d={edge:.4f}",
        f"{number}:a:0",
    )


async def _joined(
    graph: Graph,
    streams: Sequence[str],
    to: Path,
    canvas: _Canvas,
    seconds: float,
    *,
    sound: bool,
    progress: Progress | None,
) -> None:
    """Write the pieces, each a picture and perhaps a sound, one after the other."""
    pieces = len(streams) // (2 if sound else 1)
    results = graph.concat(streams, pieces=pieces, sound=sound)
    with _whole(to) as part:
        await _encode(graph, results, part, seconds, canvas, *QUALITY, progress=progress)


async def _encode(
    graph: Graph,
    streams: Sequence[str],
    to: Path,
    seconds: float,
    canvas: _Canvas,
    *options: str,
    progress: Progress | None = None,
) -> None:
    """Write *streams* as a clip. One at a time: two at once would only take twice as long each."""
    megapixels = canvas.width * canvas.height / 1_000_000
    writing = ("-r", rate(canvas.fps), *H264_AAC, *options)
    async with _turn():
        await _run(
            *graph.arguments(*streams),
            *writing,
            to,
            # Thirty times what an idle machine needs.
            timeout=60 + 20 * seconds * max(1.0, megapixels),
            seconds=seconds,
            progress=progress,
        )


async def _run(
    *arguments: str | Path,
    timeout: float,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> None:
    try:
        await ffmpeg(*arguments, timeout=timeout, seconds=seconds, progress=progress)
    except FfmpegError as error:
        raise MediaError("This clip could not be worked on.", stderr=error.stderr) from error


async def _with_picture(path: Path) -> Clip:
    info = await probe(path)
    if info.video_codec is None or not (info.width and info.height and info.frames and info.fps):
        raise MediaError("There is no moving picture in this file.")
    return info


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _turn() -> asyncio.Semaphore:
    """The one place in line of this process. A semaphore belongs to the loop that waited on it."""
    return _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))


_NUMBERS = itertools.count()


@contextmanager
def _whole(to: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end becomes *to*, so *to* is never half a file."""
    part = to.with_name(f".{to.name}.{os.getpid()}-{next(_NUMBERS)}.part")
    try:
        yield part
        if part.exists():
            part.replace(to)
    finally:
        part.unlink(missing_ok=True)
