"""Looks into clips, pictures and sounds.

Nothing here trusts a name or a header that an uploader wrote: what a file is, its first bytes
say; and ffmpeg is told to read it as that, and to open no other file or address.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot._ffmpeg import FfmpegError, Graph, ffmpeg
from bot._sniff import picture_size, sniff
from bot.landing import whole

__all__ = [
    "Clip",
    "MediaError",
    "demuxer",
    "first_frame",
    "last_frame",
    "picture_size",
    "portrait",
    "poster",
    "probe",
    "run",
    "sniff",
    "soundtrack",
    "with_picture",
]

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
    info = await with_picture(clip)
    # A little before the last frame begins; where the rate is uneven nothing may come after
    # that, so then the last second is looked through for the last picture in it.
    near = max(0.0, info.seconds - 1.5 / info.fps) if info.fps else 0.0
    for options in (("-ss", f"{near:.6f}"), ("-sseof", "-1"), ()):
        if await _picture(clip, to, *options, last=True):
            return
    raise MediaError("This clip has no last picture that can be read.")


async def poster(clip: Path, to: Path, at: float) -> None:
    """Write the picture that *clip* shows *at* seconds to *to*, as a PNG or JPEG by its name."""
    info = await with_picture(clip)
    # ffmpeg looks for the first picture that begins then or later; the one that is shown began
    # up to a frame earlier.
    begins = max(0.0, at - 1 / info.fps + 0.0001)
    for options in (("-ss", f"{begins:.6f}"), ()):
        if await _picture(clip, to, *options, last=False):
            return
    raise MediaError("This clip has no picture that can be read.")


async def portrait(clip: Path, to: Path) -> None:
    """Write a small JPEG to *to* that stands for *clip*: neither black nor unlike the rest of it.

    Its longer side has at most 640 pixels and it weighs some 60 KB at most, as far as its frame
    can be made that small.
    """
    info = await with_picture(clip)
    # Of some frames of the beginning, those that are not nearly black, if there are any; of these
    # the one whose colours are nearest to their average.
    count = _LOOKED_AT * _LOOKS
    looked = f"fps={_LOOKS},trim=end_frame={count}," if info.frames > 1 else ""
    small = (
        f"scale=w='min({_SIDE},iw)':h='min({_SIDE},ih)':force_original_aspect_ratio=decrease,"
        "setsar=1,format=yuv420p"
    )
    bright = "signalstats,metadata=mode=select:key=lavfi.signalstats.YAVG:value=32:function=greater"
    for quality in _QUALITIES:
        for chosen in (f"{bright},", ""):
            filters = f"{looked}{small},{chosen}thumbnail=n={count}"
            options = ("-vf", filters, "-q:v", str(quality))
            try:
                if await _picture(clip, to, last=False, options=options):
                    break
            except MediaError:
                if not chosen:
                    raise  # else nothing was bright, and ffmpeg calls that a failure
        else:
            raise MediaError("This clip has no picture that can be read.")
        if to.stat().st_size <= _LIGHT:
            return


_LOOKED_AT = 6  #: seconds of a clip's beginning that its portrait is chosen from
_LOOKS = 8  #: frames of each of them
_SIDE = 640  #: pixels
_LIGHT = 60_000  #: bytes
_QUALITIES = (4, 8, 16, 31)  #: as ffmpeg counts a JPEG's: 2 is best, 31 is worst


async def _picture(
    clip: Path,
    to: Path,
    *since: str,
    last: bool,
    options: tuple[str, ...] = ("-q:v", "3"),
) -> bool:
    """Whether there was one to write: the first, or the *last*, from where *since* says."""
    graph = Graph()
    graph.read(clip, *since, *demuxer(clip))
    which = () if last else ("-frames:v", "1")
    with whole(to) as part:
        await run(
            *graph.inputs,
            *("-map", "0:V:0", *which, "-fps_mode", "passthrough"),
            *options,
            *("-update", "1", "-f", "image2", "-c:v", _PICTURES[to.suffix], part),
            timeout=_QUICK,
        )
        return part.exists()


_PICTURES = {".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg"}


async def soundtrack(clip: Path, to: Path) -> None:
    """Write the sound of *clip* to *to*, an M4A. Raises `MediaError` where it has none."""
    info = await probe(clip)
    if info.audio_codec is None:
        raise MediaError("This clip has no sound.")
    graph = Graph()
    graph.read(clip, *demuxer(clip))
    with whole(to) as part:
        await run(
            *graph.inputs,
            *("-map", "0:a:0", "-vn", "-c:a", "aac", "-b:a", "192k", "-f", "ipod", part),
            timeout=_QUICK,
        )


async def run(
    *arguments: str | Path,
    timeout: float,
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> str:
    """Run ffmpeg as `bot._ffmpeg.ffmpeg` does; what fails is a `MediaError`, or `Trouble`."""
    try:
        return await ffmpeg(*arguments, timeout=timeout, seconds=seconds, progress=progress)
    except FfmpegError as error:
        raise MediaError("This clip could not be worked on.", stderr=error.stderr) from error


async def with_picture(path: Path) -> Clip:
    """As `probe`, of a clip that has to have a picture; else raises `MediaError`."""
    info = await probe(path)
    if info.video_codec is None or not (info.width and info.height and info.frames and info.fps):
        raise MediaError("There is no moving picture in this file.")
    return info
