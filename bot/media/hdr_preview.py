"""Makes a clip to look at of the EXR frames that HDR gives: tone-mapped, for ordinary screens."""

import asyncio
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bot.machine_trouble import trouble_of
from bot.media.ffmpeg import H264_AAC, QUALITY, FfmpegError, ffmpeg
from bot.media.probe import MediaError

BATCH = 16  #: frames that are unpacked at once, each some 25 MB
MOST_FRAMES = 2000
MOST_BYTES = 256 * 2**20  #: of one frame, unpacked
SPARE = 2**28  #: bytes that stay free on the disk all the same
_PICTURE = 2**19  #: bytes
_SHORT = 720  #: pixels of the short side, at most
#: Light as it is in EXR is linear and may be brighter than white: it is bent, then encoded.
_TONES = "format=gbrpf32le,tonemap=mobius:param=0.7,format=gbrp16le,lutrgb=" + ":".join(
    f"{colour}=gammaval(0.4545)" for colour in "rgb"
)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


async def preview(
    frames: Path, to: Path, *, fps: float, free: Callable[[Path], int] = _free
) -> None:
    """Write the frames of the ZIP at *frames*, in the order of their names, to *to*.

    Raises `MediaError` where there are none that can be read.
    """
    _ask_for_room(frames, free(to.parent))
    with tempfile.TemporaryDirectory(dir=to.parent, prefix="frames-") as folder:
        try:
            count = await _pictures(frames, Path(folder))
            part = Path(folder) / "clip.mp4"
            await ffmpeg(
                *("-framerate", f"{fps:.6f}", "-f", "image2", "-i", Path(folder) / "%06d.jpg"),
                *(*H264_AAC, *QUALITY),
                part,
                timeout=120 + count,
            )
        except (FfmpegError, zipfile.BadZipFile, OSError) as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            ours = isinstance(error, OSError) or (isinstance(error, FfmpegError) and error.ours)
            reason = error.reason if isinstance(error, FfmpegError) else str(error)
            raise MediaError("The frames can't be shown.", stderr=reason, ours=ours) from error
        part.replace(to)


def _frames_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The frames of a ZIP in the order of their names.

    Raises `MediaError` where there are none, or more or larger ones than any provider makes.
    """
    found = [each for each in archive.infolist() if each.filename.lower().endswith(".exr")]
    if not found:
        raise MediaError("This ZIP has no frames.")
    if len(found) > MOST_FRAMES:
        raise MediaError(
            f"This ZIP has {len(found):,} frames. The limit is {MOST_FRAMES:,} frames."
        )
    if any(each.file_size > MOST_BYTES for each in found):
        raise MediaError(f"A frame of this ZIP is larger than {MOST_BYTES >> 20} MB.")
    return sorted(found, key=lambda each: each.filename)


def _ask_for_room(frames: Path, free: int) -> None:
    """Raises `MediaError` where *free* bytes are no room for what is unpacked at a time and for
    the pictures that are made of it, each smaller than `_PICTURE`."""
    try:
        with zipfile.ZipFile(frames) as archive:
            sizes = sorted((each.file_size for each in _frames_of(archive)), reverse=True)
    except (zipfile.BadZipFile, OSError) as error:
        raise MediaError("The frames can't be shown.") from error
    needed = sum(sizes[:BATCH]) + len(sizes) * _PICTURE
    if free < needed + SPARE:
        raise MediaError("The disk has no room for the frames.")


async def _pictures(frames: Path, folder: Path) -> int:
    """Turn every frame into an ordinary picture, a few at a time; how many there were."""
    with zipfile.ZipFile(frames) as archive:
        names = _frames_of(archive)
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            for index, name in enumerate(batch):
                # Its own name is never used for a path.
                content = await asyncio.to_thread(archive.read, name)
                await asyncio.to_thread((folder / f"{index:06d}.exr").write_bytes, content)
            await ffmpeg(
                *("-f", "image2", "-start_number", "0", "-i", folder / "%06d.exr"),
                *("-frames:v", str(len(batch)), "-vf", f"{_TONES},{_SCALED},format=yuvj420p"),
                *("-q:v", "2", "-f", "image2", "-start_number", str(start), folder / "%06d.jpg"),
                timeout=120,
            )
    return len(names)


_SCALED = f"scale='if(gt(iw,ih),-2,min(iw,{_SHORT}))':'if(gt(iw,ih),min(ih,{_SHORT}),-2)'"
