"""Puts many clips into one film: each brought to one size and rate, then joined without a seam."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.atomic import whole
from bot.media.color import TAGGED
from bot.media.encode import Canvas, OnProgress, patience, turn
from bot.media.ffmpeg import H264_AAC, QUALITY, Graph, rate
from bot.media.join import sound_of
from bot.media.probe import Clip, MediaError, demuxer, run

__all__ = ["MOST_SECONDS", "Piece", "Placed", "canvas_of", "make_reel", "placed"]

FASTEST = 60.0  #: frames a second, at most: timecodes have two digits for them
MOST_SECONDS = 20 * 60
SPARE = 2**28  #: bytes that stay free on the disk all the same
_JOINING = 0.05  #: the share of the work that putting the parts together is
_SLATE = 1.0  #: seconds that a slate is seen
#: A part is exact to the frame and the sample: its pictures have no order of their own, and its
#: sound is not compressed, so that nothing is added at its edges.
_PART = (
    *H264_AAC[: H264_AAC.index("-c:a")],
    *("-bf", "0", "-crf", "20", "-c:a", "pcm_s16le", "-ar", "48000", "-ac", "2"),
    *("-map_metadata", "-1", "-map_chapters", "-1", "-f", "mov"),
)
_SOUND = H264_AAC[H264_AAC.index("-c:a") :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A clip of a reel. *words* are burnt in at its beginning; "" burns nothing in."""

    clip: Path
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a piece stands in the reel, in frames of the reel."""

    first: int
    count: int
    sound: bool  #: whether the clip has any


def canvas_of(infos: Sequence[Clip]) -> Canvas:
    """The size that most of the clips have, the first one's where that is not clear, and the rate
    that most of those have."""
    sizes = Counter((info.width, info.height) for info in infos)
    size = max(sizes, key=lambda each: sizes[each])  # the first of equals
    rates = Counter(info.fps for info in infos if (info.width, info.height) == size)
    fps = max(rates, key=lambda each: rates[each])
    width, height = (max(2, 2 * round(side / 2)) for side in size)
    return Canvas(width=width, height=height, fps=min(FASTEST, float(fps)))


def placed(infos: Sequence[Clip], canvas: Canvas) -> list[Placed]:
    """Where each clip stands: one begins with the frame after the one before it."""
    first, found = 0, []
    for info in infos:
        count = max(1, round(info.frames / info.fps * canvas.fps))
        found.append(Placed(first=first, count=count, sound=info.sound is not None))
        first += count
    return found


async def make_reel(
    pieces: Sequence[Piece],
    infos: Sequence[Clip],
    to: Path,
    *,
    between: Callable[[], Awaitable[None]],
    progress: OnProgress | None = None,
) -> None:
    """Write *pieces*, of which *infos* says what is in them, one after the other to *to*.

    Each is made a part of its own first, one at a time, in a folder that goes at the end; other
    work has its turn between them. *between* is awaited before each part: what it raises ends the
    work. Where no clip has sound there is none, else what has none is silent. Raises `MediaError`.
    """
    canvas = canvas_of(infos)
    places = placed(infos, canvas)
    total = places[-1].first + places[-1].count
    if total / canvas.fps > MOST_SECONDS + 1:
        raise MediaError(f"A reel can be {MOST_SECONDS // 60} minutes long at most.")
    sound = any(each.sound for each in places)
    folder = to.with_name(f"{to.stem}.parts")
    await asyncio.to_thread(_emptied, folder)
    try:
        for number, (piece, info, place) in enumerate(zip(pieces, infos, places, strict=True)):
            await between()
            _ask_for_room(piece.clip, folder)

            def so_far(share: float, place: Placed = place) -> None:
                if progress is not None:
                    progress((place.first + share * place.count) / total * (1 - _JOINING))

            part = folder / f"part-{number:03}.mov"
            await _part(piece, info, place.count, part, canvas, sound=sound, progress=so_far)
        await _joined(folder, places, to, canvas, progress=progress)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _ask_for_room(clip: Path, folder: Path) -> None:
    if shutil.disk_usage(folder).free < 4 * clip.stat().st_size + SPARE:
        raise MediaError("The disk has no room for the reel.", ours=True)


async def _part(
    piece: Piece,
    info: Clip,
    count: int,
    to: Path,
    canvas: Canvas,
    *,
    sound: bool,
    progress: OnProgress,
) -> None:
    """Write *count* frames of a piece, and exactly as much sound."""
    seconds = count / canvas.fps
    graph = Graph()
    number = graph.read(piece.clip, *demuxer(piece.clip))
    look = f"{canvas.filters(info.picture)},{canvas.exactly(count)}"
    picture = graph.apply(look, f"{number}:V:0")
    if piece.words:
        slate = to.with_suffix(".png")
        await asyncio.to_thread(_slate, piece.words, canvas, slate)
        until = max(1, round(_SLATE * canvas.fps))
        label = graph.read(slate, "-f", "png_pipe")
        picture = graph.apply(
            f"overlay=format=yuv420:eof_action=repeat:enable='lt(n,{until})',"
            f"format=yuv420p,{TAGGED}",
            picture,
            f"{label}:v:0",
        )
    streams = [picture]
    if sound:
        streams.append(sound_of(graph, number, info, seconds))
    async with turn():
        await run(
            *graph.arguments(*streams),
            *("-r", rate(canvas.fps), *_PART),
            to,
            timeout=patience(canvas, seconds) + patience(Canvas.of(info), info.seconds),
            seconds=seconds,
            progress=progress,
        )


async def _joined(
    folder: Path,
    places: Sequence[Placed],
    to: Path,
    canvas: Canvas,
    *,
    progress: OnProgress | None,
) -> None:
    """Write all parts one after the other; the pictures as they are, the sound as one stream."""
    listed = folder / "parts.txt"
    lines = ["ffconcat version 1.0"]
    for number, place in enumerate(places):
        lines += [f"file part-{number:03}.mov", f"duration {place.count / canvas.fps:.9f}"]
    listed.write_text("\n".join([*lines, ""]))
    seconds = (places[-1].first + places[-1].count) / canvas.fps

    def so_far(share: float) -> None:
        if progress is not None:
            progress(1 - _JOINING + share * _JOINING)

    with whole(to) as part:
        async with turn():
            await run(
                *("-protocol_whitelist", "file", "-f", "concat", "-i", f"file:{listed}"),
                *("-map", "0:v:0", "-map", "0:a:0?", "-c:v", "copy", *_SOUND, *QUALITY[-2:]),
                part,
                timeout=patience(canvas, seconds),
                seconds=seconds,
                progress=so_far,
            )


def _slate(words: str, canvas: Canvas, to: Path) -> None:
    """Draw *words* in a dark field at the bottom of a transparent picture, in any script.

    Words that are long are smaller, in two lines, and cut.
    """
    from PIL import Image, ImageDraw

    from bot.media.typeset import cleaned, layout, paint

    picture = Image.new("RGBA", (canvas.width, canvas.height))
    size = max(10, min(canvas.width, canvas.height) // 10)
    block = layout(
        cleaned(words),
        width=canvas.width * 9 // 10,
        height=3 * size,
        largest=size,
        smallest=max(8, size * 2 // 3),
        weight=600,
    )
    middle, edge = canvas.width // 2, size // 2
    top = canvas.height * 9 // 10 - block.height
    box = middle - block.width // 2 - edge, top - edge // 2
    ends = middle + block.width // 2 + edge, top + block.height + edge // 2
    ImageDraw.Draw(picture).rectangle((*box, *ends), (0, 0, 0, 190))
    paint(picture, block, x=middle, y=top, align=0.5)
    picture.save(to, "PNG")
