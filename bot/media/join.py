"""Puts clips together: one after the other, one into another, side by side."""

from collections.abc import Sequence
from pathlib import Path

from bot.atomic import whole
from bot.media.encode import Canvas, OnProgress, encode, heard
from bot.media.ffmpeg import QUALITY, Graph
from bot.media.probe import Clip, MediaError, demuxer, with_picture

__all__ = ["cut", "join", "replace_part", "side_by_side", "sound_of"]


async def join(
    clips: Sequence[Path],
    to: Path,
    *,
    like: int = 0,
    overlap: int = 0,
    progress: OnProgress | None = None,
) -> None:
    """Write *clips* one after the other to *to*, in the size and rate of the one numbered *like*.

    *overlap* frames at the beginning of each later clip repeat the one before and are left out.

    Each is as long as its picture: its sound is cut or filled with silence, so that picture and
    sound stay together. Without any sound there is none in the result.
    """
    infos = [await with_picture(clip) for clip in clips]
    canvas = Canvas.of(infos[like])
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
                f"{canvas.filters(info.picture)},trim=start_frame={skipped},setpts=PTS-STARTPTS,"
                f"{canvas.exactly(count)}",
                f"{number}:V:0",
            )
        )
        if sound:
            start = skipped / canvas.fps
            streams.append(sound_of(graph, number, info, count / canvas.fps, start=start))
    await _joined(graph, streams, to, canvas, total / canvas.fps, sound=sound, progress=progress)


async def cut(clip: Path, to: Path, *, start: float, seconds: float) -> None:
    """Write the part of *clip* from *start*, *seconds* long, to *to*. Exact to the frame."""
    info = await with_picture(clip)
    canvas = Canvas.of(info)
    first = max(0, round(start * canvas.fps))
    count = min(info.frames - first, round(seconds * canvas.fps))
    if count < 1:
        raise MediaError("That part is outside the clip.")
    graph = Graph()
    number = graph.read(clip, *demuxer(clip))
    streams = [
        graph.apply(
            f"{canvas.filters(info.picture)},trim=start_frame={first},setpts=PTS-STARTPTS,"
            f"{canvas.exactly(count)}",
            f"{number}:V:0",
        )
    ]
    if info.audio_codec:
        length = count / canvas.fps
        streams.append(sound_of(graph, number, info, length, start=first / canvas.fps))
    with whole(to) as written:
        await encode(graph, streams, written, count / canvas.fps, canvas, *QUALITY)


async def replace_part(
    clip: Path,
    part: Path,
    to: Path,
    *,
    start: float,
    picture: bool = True,
    sound: bool = True,
    progress: OnProgress | None = None,
) -> None:
    """Write *clip* to *to*, with *part* in place of what it has from *start* on.

    The result is as long as *clip*, to the frame; *picture* and *sound* say what is replaced.
    """
    info, other = await with_picture(clip), await with_picture(part)
    canvas = Canvas.of(info)
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
        shown = other if new and picture else info
        source = f"{inserted if new and picture else whole}:V:0"
        begins = 0 if new and picture else begin
        streams.append(
            graph.apply(
                f"{canvas.filters(shown.picture)},trim=start_frame={begins},setpts=PTS-STARTPTS,"
                f"{canvas.exactly(length)}",
                source,
            )
        )
        if has_sound:
            number, of = (inserted, other) if new and sound else (whole, info)
            at = 0.0 if new and sound else begin / canvas.fps
            streams.append(sound_of(graph, number, of, length / canvas.fps, start=at))
    await _joined(
        graph, streams, to, canvas, info.frames / canvas.fps, sound=has_sound, progress=progress
    )


async def side_by_side(left: Path, right: Path, to: Path) -> None:
    """Write both clips next to each other to *to*, to be compared: as high as the left one.

    It lasts as long as the longer one, while the other stands still. Its sound is the left one's.
    """
    infos = [await with_picture(clip) for clip in (left, right)]
    height = 2 * round(min(720, infos[0].height) / 2)
    fps = float(max(infos[0].fps, infos[1].fps))
    count = max(round(info.frames / info.fps * fps) for info in infos)
    graph = Graph()
    streams = []
    for clip, info in zip((left, right), infos, strict=True):
        width = 2 * round(info.width * height / info.height / 2)
        canvas = Canvas(width=width, height=height, fps=fps)
        number = graph.read(clip, *demuxer(clip))
        streams.append(
            graph.apply(f"{canvas.filters(info.picture)},{canvas.exactly(count)}", f"{number}:V:0")
        )
    streams = [graph.apply("hstack=inputs=2", *streams)]
    if infos[0].audio_codec:
        streams.append(sound_of(graph, 0, infos[0], count / fps))
    with whole(to) as part:
        await encode(graph, streams, part, count / fps, canvas, *QUALITY)


def sound_of(graph: Graph, number: int, info: Clip, seconds: float, *, start: float = 0.0) -> str:
    """Exactly *seconds* of the sound of input *number*, or of silence.

    It is what is heard *start* seconds after the clip's first frame: picture and sound have one
    origin, whichever of them begins first.
    """
    if info.sound is None:
        return graph.apply(f"anullsrc=r=48000:cl=stereo,atrim=duration={seconds:.6f}")
    # Half a hundredth of a second up and down, or every seam would click.
    edge = min(0.005, seconds / 2)
    return graph.apply(
        f"{heard(info, after=info.sound_after)},"
        f"atrim=start={start:.6f},asetpts=PTS-STARTPTS,apad,atrim=duration={seconds:.6f},"
        f"afade=t=in:d={edge:.4f},afade=t=out:st={seconds - edge:.6f}:d={edge:.4f}",
        f"{number}:a:0",
    )


async def _joined(
    graph: Graph,
    streams: Sequence[str],
    to: Path,
    canvas: Canvas,
    seconds: float,
    *,
    sound: bool,
    progress: OnProgress | None,
) -> None:
    """Write the pieces, each a picture and perhaps a sound, one after the other."""
    pieces = len(streams) // (2 if sound else 1)
    results = graph.concat(streams, pieces=pieces, sound=sound)
    with whole(to) as part:
        await encode(graph, results, part, seconds, canvas, *QUALITY, progress=progress)
