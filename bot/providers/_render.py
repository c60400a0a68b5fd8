"""Renders a brief into a clip: one scene for each mode."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bot._ffmpeg import H264_AAC, QUALITY, Graph, ffmpeg, rate
from bot.models import pixels
from bot.providers import Order
from bot.providers._look import CAMERA, Frame, light, tone
from bot.providers._typeset import cleaned, layout, paint, write_face
from storage import Mode

__all__ = ["SCENES", "Work", "render"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One clip to render. *room* is an empty directory of its own; *progress* takes 0 to 1."""

    order: Order
    room: Path
    progress: Callable[[float], None]


Scene = Callable[[Work], Awaitable[Path]]


async def render(work: Work) -> Path:
    """Render the clip; the path of the finished file in the work's room.

    Raises `FfmpegError`, or `Refusal` where an input is to blame.
    """
    return await SCENES[work.order.brief.mode](work)


async def _text(work: Work) -> Path:
    """The prompt, large, over drifting light."""
    brief = work.order.brief
    frame = _frame(work)
    move = CAMERA[brief.camera] if brief.camera else None

    def draw() -> list[str]:
        picture = light(graph, frame, seed=_seed(work), move=move, room=work.room)
        streams = [_titled(graph, picture, frame, work)]
        if brief.sound:
            streams.append(tone(graph, seed=_seed(work), seconds=frame.seconds))
        return streams

    graph = Graph()
    return await _shoot(graph, frame, await asyncio.to_thread(draw), work)


def _seed(work: Work) -> int:
    return work.order.brief.seed or 1


def _frame(work: Work) -> Frame:
    brief = work.order.brief
    assert brief.resolution and brief.aspect and brief.fps and brief.duration, "it is complete"
    width, height = pixels(brief.resolution, brief.aspect)
    return Frame(width=width, height=height, fps=brief.fps, count=brief.fps * brief.duration)


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
        cleaned(_slate(work, frame)),
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
    return "  ·  ".join(facts)


async def _shoot(graph: Graph, frame: Frame, streams: Sequence[str], work: Work) -> Path:
    """Run the graph and write exactly the frame's count of pictures, and the sound if any."""
    to = work.room / "shot.mp4"
    await ffmpeg(
        *graph.arguments(*streams),
        *("-frames:v", str(frame.count), "-r", rate(frame.fps), *H264_AAC, *QUALITY, to),
        cwd=work.room,
        timeout=1700,
        seconds=frame.seconds,
        progress=work.progress,
    )
    return to


#: What is done for each mode. A new mode is a new line.
SCENES: Mapping[Mode, Scene] = {
    Mode.TEXT: _text,
}
