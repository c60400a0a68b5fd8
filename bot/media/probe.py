"""Looks into clips, pictures and sounds.

Nothing here trusts a name or a header that an uploader wrote: what a file is, its first bytes
say; and ffmpeg is told to read it as that, and to open no other file or address.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from bot.atomic import whole
from bot.media.color import fitted, screen, still
from bot.media.decode import Clip, Decoded, decode
from bot.media.ffmpeg import FfmpegError, Graph, MediaError, ffmpeg
from bot.media.formats import demuxer
from bot.media.sniff import picture_size, sniff

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

log = logging.getLogger(__name__)

_QUICK = 60.0  #: seconds that a look into a file may take


async def probe(path: Path) -> Decoded:
    """Say what is in a clip or a sound, as `bot.media.decode.decode` does."""
    return await decode(path)


async def first_frame(clip: Path, to: Path) -> None:
    """Write the first picture of *clip* to *to*, as a PNG or JPEG by its name."""
    await poster(clip, to, 0.0)


async def last_frame(clip: Path, to: Path) -> None:
    """Write the last picture of *clip* to *to*, as a PNG or JPEG by its name."""
    info = await with_picture(clip)
    # A little before the last frame begins; where the rate is uneven nothing may come after
    # that, so then the last second is looked through for the last picture in it.
    near = info.lead + max(0.0, info.picture.seconds - 1.5 / info.fps)
    for options in (("-ss", f"{near:.6f}"), ("-sseof", "-1"), ()):
        if await _picture(clip, to, *options, last=True, filters=_whole(info)):
            return
    raise MediaError("The last frame of this clip can't be read.")


async def poster(clip: Path, to: Path, at: float) -> None:
    """Write the picture that *clip* shows *at* seconds to *to*, as a PNG or JPEG by its name."""
    info = await with_picture(clip)
    # ffmpeg looks for the first picture that begins then or later; the one that is shown began
    # up to a frame earlier.
    begins = max(0.0, info.lead + at - 1 / info.fps + 0.0001)
    for options in (("-ss", f"{begins:.6f}"), ()):
        if await _picture(clip, to, *options, last=False, filters=_whole(info)):
            return
    raise MediaError("No frame of this clip can be read.")


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
    side = min(_SIDE, max(info.width, info.height))
    small = screen(info.picture, *fitted(info.picture, side, side))
    bright = "signalstats,metadata=mode=select:key=lavfi.signalstats.YAVG:value=32:function=greater"
    for quality in _QUALITIES:
        for chosen in (f"{bright},", ""):
            filters = f"{looked}{small},{chosen}thumbnail=n={count},{_JPEG}"
            try:
                if await _picture(clip, to, last=False, filters=filters, quality=quality):
                    break
            except MediaError:
                if not chosen:
                    raise  # else nothing was bright, and ffmpeg calls that a failure
        else:
            raise MediaError("No frame of this clip can be read.")
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
    filters: str,
    quality: int = 3,
) -> bool:
    """Whether there was one to write: the first, or the *last*, from where *since* says."""
    graph = Graph()
    graph.read(clip, *since, *demuxer(clip))
    which = () if last else ("-frames:v", "1")
    with whole(to) as part:
        await run(
            *graph.inputs,
            *("-map", "0:V:0", *which, "-fps_mode", "passthrough"),
            *("-vf", filters, "-q:v", str(quality)),
            *("-update", "1", "-f", "image2", "-c:v", _PICTURES[to.suffix], part),
            timeout=_QUICK,
        )
        return part.exists()


def _whole(info: Clip) -> str:
    return still(info.picture, info.width, info.height)


#: Pictures of this kind have colours of their own, and the whole range of values.
_JPEG = "scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p"
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
    """Run ffmpeg as `bot.media.ffmpeg.ffmpeg` does; what fails is a `MediaError`, or `Trouble`."""
    try:
        return await ffmpeg(*arguments, timeout=timeout, seconds=seconds, progress=progress)
    except FfmpegError as error:
        # Here, since not everybody who says the sentence has a log.
        log.warning("Work on a clip failed: %s", error.reason)
        raise MediaError(
            "This clip couldn't be processed.", stderr=error.stderr, ours=error.ours
        ) from error


async def with_picture(path: Path) -> Clip:
    """Probe a clip that has to have a picture; raises `MediaError` for any other."""
    return (await decode(path)).moving
