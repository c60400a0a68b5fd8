"""Shows several clips at once, in one file: a numbered cell each, in two columns."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.atomic import scratch, whole
from bot.media.color import TAGGED
from bot.media.encode import Canvas, patience, turn
from bot.media.ffmpeg import H264_AAC, QUALITY, Graph, rate
from bot.media.join import sound_of
from bot.media.probe import Clip, MediaError, demuxer, run, with_picture

__all__ = ["Cell", "take_sheet"]

COLUMNS = 2
LONG, FASTEST = 640, 60.0  #: pixels of a cell's longer side, and frames a second, at most
TILE, RULE = (35, 38, 46), (0, 0, 0)  #: the colours of a cell without a clip, and between cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: a clip under its number, or what is said in place of one."""

    number: int
    clip: Path | None = None
    words: str = ""  #: where there is no clip: what became of it, in Latin letters


async def take_sheet(cells: Sequence[Cell], to: Path) -> None:
    """Write *cells* to *to* as one clip, as long as the longest and with the sound of the first.

    Cells have one size, in the shape of the first clip; other shapes get bars. A clip that ends
    before the others stands still at its last frame; one that cannot be read has words instead.
    Raises `MediaError` where no clip can be shown.
    """
    read = [await _read(cell) for cell in cells]
    infos = [info for _, info in read if info is not None]
    if not infos:
        raise MediaError("There is no clip to show.")
    canvas, rows = _cell(infos), -(-len(cells) // COLUMNS)
    count = max(max(1, round(info.frames / info.fps * canvas.fps)) for info in infos)
    with scratch(to.with_name(f"{to.stem}.labels.png")) as labels:
        await asyncio.to_thread(_labels, [cell for cell, _ in read], canvas, rows, labels)
        graph, shown, sound = Graph(), [], []
        for cell, info in read:
            if cell.clip is None or info is None:
                shown.append(_blank(graph, canvas, count))
                continue
            number = graph.read(cell.clip, *demuxer(cell.clip))
            look = f"{canvas.filters(info.picture)},{canvas.exactly(count)}"
            shown.append(graph.apply(look, f"{number}:V:0"))
            if info is infos[0] and info.audio_codec:
                sound.append(sound_of(graph, number, info, count / canvas.fps))
        while len(shown) < COLUMNS * rows:
            shown.append(_blank(graph, canvas, count))
        picture = _stacked(graph, shown, canvas, rows, graph.read(labels, "-f", "png_pipe"))
        # All of them are read at once, so each may take as long as it would alone.
        whole_of = Canvas(width=COLUMNS * canvas.width, height=rows * canvas.height, fps=canvas.fps)
        timeout = patience(whole_of, count / canvas.fps)
        timeout += sum(patience(Canvas.of(info), info.seconds) for info in infos)
        with whole(to) as part:
            async with turn():
                await run(
                    *graph.arguments(picture, *sound),
                    *("-r", rate(canvas.fps), *H264_AAC, *QUALITY, part),
                    timeout=timeout,
                )


async def _read(cell: Cell) -> tuple[Cell, Clip | None]:
    """What is in the clip of *cell*; None, and words, where that cannot be read."""
    if cell.clip is None:
        return cell, None
    try:
        return cell, await with_picture(cell.clip)
    except MediaError as error:
        if error.ours:
            raise
        return replace(cell, clip=None, words="can't be shown"), None


def _cell(infos: Sequence[Clip]) -> Canvas:
    """The size of every cell, in the first clip's shape, and the rate of the fastest clip."""
    info = infos[0]
    longer = min(LONG, max(max(each.width, each.height) for each in infos))
    scale = longer / max(info.width, info.height)
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (info.width, info.height))
    fps = min(FASTEST, max(float(each.fps) for each in infos))
    return Canvas(width=width, height=height, fps=fps)


def _blank(graph: Graph, canvas: Canvas, count: int) -> str:
    """A cell of one colour, *count* frames long."""
    colour = "0x" + "".join(f"{part:02x}" for part in TILE)
    size = f"{canvas.width}x{canvas.height}"
    return graph.apply(
        f"color=c={colour}:s={size}:r={rate(canvas.fps)},format=yuv420p,setsar=1,"
        f"{TAGGED},trim=end_frame={count}"
    )


def _stacked(graph: Graph, shown: Sequence[str], canvas: Canvas, rows: int, labels: int) -> str:
    """All cells in one picture, with the *labels* over them."""
    places = [
        f"{column * canvas.width}_{row * canvas.height}"
        for row in range(rows)
        for column in range(COLUMNS)
    ]
    stacked = graph.apply(f"xstack=inputs={len(shown)}:layout={'|'.join(places)}", *shown)
    return graph.apply(
        f"overlay=format=yuv420:eof_action=repeat,format=yuv420p,{TAGGED}", stacked, f"{labels}:v:0"
    )


def _labels(cells: Sequence[Cell], canvas: Canvas, rows: int, to: Path) -> None:
    """Draw the numbers, and the words of cells without a clip, on a transparent picture.

    The face is part of Pillow: none has to be installed.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = canvas.width, canvas.height
    picture = Image.new("RGBA", (COLUMNS * width, rows * height))
    draw = ImageDraw.Draw(picture)
    size = max(12, min(width, height) // 8)
    face, small = ImageFont.load_default(size), ImageFont.load_default(max(10, size * 2 // 3))
    for place, cell in enumerate(cells):
        left, top = place % COLUMNS * width, place // COLUMNS * height
        draw.rectangle(
            (left, top, left + round(1.4 * size), top + round(1.4 * size)), (0, 0, 0, 170)
        )
        middle = left + round(0.7 * size), top + round(0.7 * size)
        draw.text(middle, str(cell.number), (255, 255, 255, 255), face, anchor="mm")
        if cell.clip is None:
            centre = left + width // 2, top + height // 2
            draw.text(centre, cell.words, (255, 255, 255, 220), small, anchor="mm")
    for line in range(1, COLUMNS):
        draw.rectangle((line * width - 1, 0, line * width, rows * height), (*RULE, 255))
    for line in range(1, rows):
        draw.rectangle((0, line * height - 1, COLUMNS * width, line * height), (*RULE, 255))
    picture.save(to, "PNG")
