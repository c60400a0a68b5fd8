"""Turns a clip round, so that it ends with its first picture; in little memory, however long."""

import asyncio
import shutil
from pathlib import Path

from bot.atomic import whole
from bot.media.decode import Clip
from bot.media.encode import Canvas, patience, turn
from bot.media.ffmpeg import Graph, rate
from bot.media.probe import demuxer, run, with_picture

__all__ = ["HELD", "backwards"]

#: Bytes of pictures that are held at once, as they are decoded. ffmpeg's `reverse` holds all that
#: it is given: 20 s of 4K would be 6 GB. Besides them ffmpeg has some 30 pictures in its codecs
#: (370 MB of 4K, 95 of 1080p) and 60 MB of its own.
HELD = 128 * 2**20
#: How what is only passed on is written: nearly as it was, each picture leaning on earlier ones
#: alone. A fixed number of threads, for each holds pictures of its own.
_PASSED_ON = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-bf", "0", "-threads", "4"),
    *("-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-an"),
)


async def backwards(clip: Path, to: Path, *, skip: int = 0, held: int = HELD) -> None:
    """Write the pictures of *clip* to *to*, the last one first, without sound.

    The first *skip* pictures of it, which would come last, are left out; one is left in any case.
    The clip is written in stretches of at most *held* bytes, each turned round on its own.
    """
    info = await with_picture(clip)
    canvas = Canvas.of(info)
    count = max(1, held // (canvas.width * canvas.height * 3 // 2))
    with whole(to) as part:
        # Stretches are numbered from the start; each begins with a picture that stands alone.
        await _stretches(clip, part, canvas, min(skip, info.frames - 1), count, info)
        stretches = sorted(part.parent.glob(f"{part.name}.*.mkv"), reverse=True)
        turned = part.with_name(f"{part.name}.h264")
        for stretch in stretches:
            await _turned(stretch, turned, canvas, count)
            stretch.unlink()
        await run(
            *("-f", "h264", "-framerate", rate(canvas.fps), "-i", turned),
            *("-c", "copy", "-movflags", "+faststart", "-f", "mp4", part),
            timeout=patience(canvas, info.seconds),
        )


async def _stretches(
    clip: Path, part: Path, canvas: Canvas, skip: int, count: int, info: Clip
) -> None:
    """Write *clip* from picture *skip* on, as files of *count* pictures each."""
    graph = Graph()
    number = graph.read(clip, "-threads", "4", *demuxer(clip))
    picture = graph.apply(
        f"{canvas.filters(info.picture)},trim=start_frame={skip}:end_frame={info.frames},setpts=PTS-STARTPTS",
        f"{number}:V:0",
    )
    alone = ("-g", str(count), "-keyint_min", str(count), "-sc_threshold", "0")
    async with turn():
        await run(
            *graph.arguments(picture),
            *(*_PASSED_ON, *alone),
            # Where the next picture may begin a file, it does: each that stands alone.
            *("-f", "segment", "-segment_time", "0.000001", "-segment_format", "matroska"),
            f"{part}.%06d.mkv",
            timeout=patience(canvas, info.seconds),
        )


async def _turned(stretch: Path, to: Path, canvas: Canvas, count: int) -> None:
    """Add the pictures of *stretch* to *to*, the last one first."""
    turned = stretch.with_suffix(".turned")
    async with turn():
        await run(
            *("-threads", "4", "-f", "matroska", "-i", stretch, "-vf", "reverse"),
            *(*_PASSED_ON, "-f", "h264", turned),
            timeout=patience(canvas, count / canvas.fps),
        )
    await asyncio.to_thread(_append, turned, to)
    turned.unlink()


def _append(more: Path, to: Path) -> None:
    with more.open("rb") as source, to.open("ab") as target:
        shutil.copyfileobj(source, target)
