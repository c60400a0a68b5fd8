"""Renders a brief into a clip: one scene for each mode."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps

from bot.catalog.model import pixels
from bot.errors import Failure, Refusal
from bot.media.color import screen
from bot.media.decode import Clip, Decoded
from bot.media.encode import heard
from bot.media.ffmpeg import H264_AAC, QUALITY, Graph, ffmpeg, rate
from bot.media.join import join, replace_part
from bot.media.pictures import read
from bot.media.probe import MediaError, demuxer, first_frame, last_frame, poster, probe
from bot.media.typeset import cleaned, layout, paint, write_face
from bot.providers import Order
from bot.providers._preview.look import CAMERA, Frame, Move, crossed, light, still, tone
from storage import Input, Mode

__all__ = ["SCENES", "Work", "render"]

_TIMEOUT = 1700.0  #: seconds for one run of ffmpeg; 20 s of 4K at 50 fps need a tenth of that
_NEARER = Move(zoom=(1.0, 1.1))  #: how a still picture is looked at where nobody chose a motion
_DIMMED = [round(value * 0.55) for value in range(256)] * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One clip to render. *room* is an empty directory of its own; *progress* takes 0 to 1."""

    order: Order
    room: Path
    progress: Callable[[float], None]


Scene = Callable[[Work], Awaitable[Path]]


async def render(work: Work) -> Path:
    """Render the clip; the path of the finished file in the work's room.

    Raises `FfmpegError` or `MediaError` when it does not work, and `Refusal` where an input is to
    blame or the result is not what was asked.
    """
    return await SCENES[work.order.brief.mode](work)


async def _text(work: Work) -> Path:
    """The prompt, large, over drifting light."""
    frame = _frame(work)
    graph = Graph()

    def draw() -> list[str]:
        picture = light(graph, frame, seed=_seed(work), move=_move(work), room=work.room)
        return [_titled(graph, picture, frame, work), *_tone(graph, frame, work)]

    return await _shoot(graph, frame, await asyncio.to_thread(draw), work)


async def _image(work: Work) -> Path:
    """The first picture, seen by a slow camera, and at the end the last one if there is one."""
    brief, frame = work.order.brief, _frame(work)
    graph = Graph()

    def draw() -> list[str]:
        first = _picture(work, brief.image, frame, "first.png")
        picture = still(graph, frame, first, move=_move(work) or _NEARER)
        if brief.last_image is not None:
            last = _picture(work, brief.last_image, frame, "last.png")
            fade = round(min(1.2, frame.seconds * 0.4) * frame.fps)
            start = frame.count - fade - round(min(0.4, frame.seconds * 0.1) * frame.fps)
            rest = replace(frame, count=frame.count - start)
            after = still(graph, rest, last, move=_NEARER.reversed())
            picture = crossed(graph, frame, picture, after, start=start, count=fade)
        return [_titled(graph, picture, frame, work, large=False), *_tone(graph, frame, work)]

    return await _shoot(graph, frame, await asyncio.to_thread(draw), work)


async def _audio(work: Work) -> Path:
    """As long as the sound, which is heard and drawn as a wave."""
    brief = work.order.brief
    path, info = await _input(work, brief.audio)
    size = _size(work)
    frame = replace(size, count=max(1, round(info.seconds * size.fps)))
    graph = Graph()

    def draw() -> list[str]:
        number = graph.read(path, *demuxer(path))
        heard = graph.apply(
            f"aresample=48000,aformat=channel_layouts=stereo,apad,atrim=duration={frame.seconds:.6f}",
            f"{number}:a:0",
        )
        heard, seen = graph.split(heard, 2, sound=True)
        if brief.image is None:
            picture = light(graph, frame, seed=_seed(work), move=_move(work), room=work.room)
        else:
            first = _picture(work, brief.image, frame, "first.png")
            picture = still(graph, frame, first, move=_move(work) or _NEARER)
        height = 2 * round(frame.height * 0.17)
        wave = graph.apply(
            f"showwaves=s={frame.width}x{height}:mode=cline:rate={rate(frame.fps)}:scale=sqrt"
            ":draw=full:colors=white,format=rgba,colorchannelmixer=aa=0.7",
            seen,
        )
        top = (frame.height - height) // 2
        picture = graph.apply(f"overlay=0:{top}:format=yuv420", picture, wave)
        return [_titled(graph, picture, frame, work, large=False), heard]

    return await _shoot(graph, frame, await asyncio.to_thread(draw), work)


async def _extend(work: Work) -> Path:
    """The clip, and what comes after its last picture or before its first."""
    brief = work.order.brief
    path, info = await _clip(work)
    backwards = brief.direction == "start"
    edge = work.room / "edge.png"
    await (first_frame if backwards else last_frame)(path, edge)
    frame = _frame_of(info, seconds=float(brief.duration or 1))
    since = 0 if backwards else info.frames
    part = await _continued(work, frame, edge, since=since, backwards=backwards, share=0.5)
    to = work.room / "joined.mp4"
    progress = _between(work.progress, 0.5, 1.0)
    await join([part, path] if backwards else [path, part], to, progress=progress)
    return to


async def _retake(work: Work) -> Path:
    """The clip, with a part of it made again; as long as it was."""
    brief = work.order.brief
    path, info = await _clip(work)
    length = info.picture.seconds
    start = max(0.0, min(brief.start or 0.0, length - 1 / info.fps))
    frame = _frame_of(info, seconds=min(brief.duration or length, length - start))
    edge = work.room / "edge.png"
    await poster(path, edge, start)
    since = round(start * info.fps)
    part = await _continued(work, frame, edge, since=since, backwards=False, share=0.5)
    to = work.room / "retake.mp4"
    await replace_part(
        path,
        part,
        to,
        start=start,
        picture=brief.replace != "sound",
        sound=brief.replace != "picture",
        progress=_between(work.progress, 0.5, 1.0),
    )
    return to


async def _hdr(work: Work) -> Path:
    """The clip in a vivid grade: deeper shadows, richer colours, lights that glow."""
    path, info = await _clip(work)
    frame = replace(_frame_of(info, seconds=1.0), count=info.frames)
    graph = Graph()
    number = graph.read(path, *demuxer(path))
    picture = graph.apply(
        f"setpts=PTS-STARTPTS,fps={rate(frame.fps)},"
        f"{screen(info.picture, frame.width, frame.height)},"
        "format=gbrp,curves=all='0/0 0.2/0.13 0.5/0.52 0.8/0.9 1/1',vibrance=intensity=0.45",
        f"{number}:V:0",
    )
    sharp, soft = graph.split(picture, 2)
    soft = graph.apply(
        f"curves=all='0/0 0.6/0 1/0.8',gblur=sigma={18 * frame.unit:.1f}:steps=2", soft
    )
    streams = [
        graph.apply(
            "blend=all_mode=screen,format=yuv420p:color_spaces=bt709:color_ranges=tv", sharp, soft
        )
    ]
    if info.audio_codec:
        streams.append(
            graph.apply(
                f"{heard(info, after=info.sound_after)},apad,atrim=duration={frame.seconds:.6f}",
                f"{number}:a:0",
            )
        )
    return await _shoot(graph, frame, streams, work)


async def _continued(
    work: Work, frame: Frame, edge: Path, *, since: int, backwards: bool, share: float
) -> Path:
    """A part that begins as the picture *edge*, or ends as it, and is drifting light otherwise.

    *since* is the number of its first frame; *share* is how much of the work it is.
    """
    graph = Graph()

    def draw() -> list[str]:
        fade = max(1, round(min(2.0, frame.seconds * 0.6) * frame.fps))
        hold = round(frame.count * 0.05)
        start = frame.count - fade - hold if backwards else hold
        rest = replace(frame, count=frame.count - start)

        def known(frame: Frame) -> str:
            return still(graph, frame, edge, move=_NEARER.reversed() if backwards else _NEARER)

        def new(frame: Frame) -> str:
            return light(graph, frame, seed=_seed(work), move=_move(work), room=work.room)

        before, after = (new, known) if backwards else (known, new)
        picture = crossed(graph, frame, before(frame), after(rest), start=start, count=fade)
        picture = _titled(graph, picture, frame, work, large=False, since=since)
        return [picture, *_tone(graph, frame, work)]

    progress = _between(work.progress, 0.0, share)
    streams = await asyncio.to_thread(draw)
    return await _shoot(graph, frame, streams, replace(work, progress=progress))


def _seed(work: Work) -> int:
    return work.order.brief.seed or 1


def _move(work: Work) -> Move | None:
    camera = work.order.brief.camera
    return CAMERA[camera] if camera else None


def _tone(graph: Graph, frame: Frame, work: Work) -> list[str]:
    """The sound of the clip: one stream, or none where it is switched off."""
    if work.order.brief.sound is False:
        return []
    return [tone(graph, seed=_seed(work), seconds=frame.seconds)]


def _between(progress: Callable[[float], None], low: float, high: float) -> Callable[[float], None]:
    """Tells *progress* about a piece of the work that goes from *low* to *high* of it."""
    return lambda share: progress(low + (high - low) * share)


def _size(work: Work) -> Frame:
    brief = work.order.brief
    assert brief.resolution and brief.aspect and brief.fps, "a job's brief is complete"
    width, height = pixels(brief.resolution, brief.aspect)
    return Frame(width=width, height=height, fps=brief.fps, count=1)


def _frame(work: Work) -> Frame:
    size, seconds = _size(work), work.order.brief.duration
    assert seconds, "a job's brief is complete"
    return replace(size, count=round(size.fps * seconds))


def _frame_of(info: Clip, *, seconds: float) -> Frame:
    """A frame as large and as fast as a clip; *seconds* long."""
    width, height = (2 * max(1, round(side / 2)) for side in (info.width, info.height))
    return Frame(
        width=width, height=height, fps=float(info.fps), count=max(1, round(seconds * info.fps))
    )


async def _clip(work: Work) -> tuple[Path, Clip]:
    """Where the clip of the brief is, and what is in it."""
    path, info = await _input(work, work.order.brief.video)
    try:
        return path, info.moving
    except MediaError as error:
        raise _unusable(error) from error


def _unusable(error: MediaError) -> Refusal:
    """What is said of an input that cannot be worked on: its fault, or this machine's."""
    failure = Failure.DOWN if error.ours else Failure.INPUT
    return Refusal(str(error), failure=failure, raw=error.reason)


async def _input(work: Work, source: Input | None) -> tuple[Path, Decoded]:
    """Where a clip or sound of the brief is, and what is in it."""
    assert source is not None, "a job's brief has what its mode starts from"
    path = work.order.path(source)
    try:
        return path, await probe(path)
    except MediaError as error:
        raise _unusable(error) from error


def _picture(work: Work, source: Input | None, frame: Frame, name: str) -> Path:
    """A picture of the brief as a PNG of the frame's size. One of another shape is not cut off:
    what it leaves free is filled with itself, blurred."""
    assert source is not None, "a job's brief has what its mode starts from"
    path = work.order.path(source)
    try:
        image = read(path, near=(frame.width, frame.height))
    except MediaError as error:
        raise _unusable(error) from error
    whole = (frame.width, frame.height)
    filled = ImageOps.fit(image, whole, Image.Resampling.LANCZOS)
    stretch = (image.width / image.height) / (frame.width / frame.height)
    if not 0.9 < stretch < 1.1:
        filled = filled.filter(ImageFilter.GaussianBlur(36 * frame.unit)).point(_DIMMED)
        inner = ImageOps.contain(image, whole, Image.Resampling.LANCZOS)
        filled.paste(inner, ((whole[0] - inner.width) // 2, (whole[1] - inner.height) // 2))
    to = work.room / name
    filled.save(to, compress_level=1)
    return to


def _titled(
    graph: Graph, picture: str, frame: Frame, work: Work, *, large: bool = True, since: int = 0
) -> str:
    """*picture* with the prompt, the slate and a timecode that starts at frame *since*."""
    path = work.room / "title.png"
    _paint_title(path, frame, work, large)
    write_face(work.room / "face.ttf")
    picture = graph.apply("overlay=0:0:format=yuv420", picture, f"{graph.read(path)}:v")
    unit = frame.unit
    hours, minutes, seconds, frames = _timecode(since, frame.fps)
    return graph.apply(
        # A plain name in ffmpeg's working directory: nothing in it needs quoting.
        f"drawtext=fontfile=face.ttf:fontsize={22 * unit:.0f}:fontcolor=white@0.85"
        f":timecode='{hours:02}\\:{minutes:02}\\:{seconds:02}\\:{frames:02}'"
        f":rate={round(frame.fps)}:x=w-tw-{44 * unit:.0f}:y=h-{44 * unit:.0f}-ascent/2",
        picture,
    )


def _timecode(count: int, fps: float) -> tuple[int, int, int, int]:
    whole, frames = divmod(count, round(fps))
    return whole // 3600, whole // 60 % 60, whole % 60, frames


def _paint_title(path: Path, frame: Frame, work: Work, large: bool) -> None:
    """Everything that stands still, as one transparent picture of the frame's size."""
    unit = frame.unit
    margin = round(44 * unit)
    title = Image.new("RGBA", (frame.width, frame.height))
    strip = round(frame.height * (0.26 if large else 0.5))
    shade = (
        Image.linear_gradient("L")
        .resize((frame.width, strip))
        .point([round(v * 0.6) for v in range(256)])
    )
    title.paste((0, 0, 0, 255), (0, frame.height - strip), shade)

    clock = 180 * unit
    slate = layout(
        _slate(work, frame),
        width=round(frame.width - 2 * margin - clock),
        height=round(90 * unit),
        largest=max(9, round(18 * unit)),
        smallest=max(8, round(10 * unit)),
        weight=450,
    )
    bottom = frame.height - margin - slate.height + round(8 * unit)
    paint(title, slate, x=margin, y=bottom, opacity=0.75, shadow=0.3)

    prompt = cleaned(work.order.brief.prompt)
    if prompt:
        room = bottom - 2 * margin if large else round(frame.height * 0.26)
        block = layout(
            prompt,
            width=round((frame.width - 2 * margin) * (0.86 if frame.width > frame.height else 1)),
            height=room,
            largest=round((76 if large else 34) * unit),
            smallest=max(9, round(17 * unit)),
            weight=600 if large else 500,
        )
        y = (
            margin + (room - block.height) // 2
            if large
            else bottom - block.height - round(14 * unit)
        )
        paint(title, block, x=margin, y=y, shadow=0.55)
    title.save(path, compress_level=1)


def _slate(work: Work, frame: Frame) -> str:
    """The small line: what this is, for whoever compares clips."""
    brief = work.order.brief
    facts = [
        brief.mode.upper(),
        f"{frame.width}×{frame.height}",
        f"{frame.fps:g} fps",
        *([f"seed {brief.seed}"] if brief.seed is not None else []),
        *([brief.camera.replace("_", " ")] if brief.camera else []),
        *(
            f"LoRA {lora.path.rstrip('/').rsplit('/', 1)[-1][:40]} {lora.scale:g}"
            for lora in brief.loras
        ),
        f"#{work.order.job}",
        "Dailies local preview",
    ]
    # A line may end between two facts, not within one.
    return " · ".join(cleaned(fact).replace(" ", "\u00a0") for fact in facts)


async def _shoot(graph: Graph, frame: Frame, streams: Sequence[str], work: Work) -> Path:
    """Run the graph and write exactly the frame's count of pictures, and the sound if any."""
    to = work.room / "shot.mp4"
    await ffmpeg(
        *graph.arguments(*streams),
        *("-frames:v", str(frame.count), "-r", rate(frame.fps), *H264_AAC, *QUALITY),
        to,
        cwd=work.room,
        timeout=_TIMEOUT,
        seconds=frame.seconds,
        progress=work.progress,
    )
    shot = await probe(to)
    if (shot.width, shot.height, shot.frames) != (frame.width, frame.height, frame.count):
        raise Refusal(
            "The local preview came out wrong; please try again.",
            failure=Failure.BAD_RESULT,
            raw=f"asked for {frame}, got {shot}",
        )
    return to


#: What is done for each mode. A new mode is a new line.
SCENES: Mapping[Mode, Scene] = {
    Mode.TEXT: _text,
    Mode.IMAGE: _image,
    Mode.AUDIO: _audio,
    Mode.EXTEND: _extend,
    Mode.RETAKE: _retake,
    Mode.HDR: _hdr,
}
