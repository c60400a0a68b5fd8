"""Writes clips: each in one size and at one rate, one at a time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from bot.media.color import fitted, screen
from bot.media.decode import Clip, Decoded, Picture
from bot.media.ffmpeg import H264_AAC, Graph, rate
from bot.media.probe import run

__all__ = ["Canvas", "OnProgress", "all_of", "encode", "heard", "patience", "turn"]

OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The size and rate that the pictures of several clips are brought to."""

    width: int
    height: int
    fps: float

    @classmethod
    def of(cls, info: Clip, *, short: int | None = None) -> "Canvas":
        """The size and rate of a clip; smaller where its short side is more than *short*."""
        scale = min(1.0, short / min(info.width, info.height)) if short else 1.0
        width, height = (max(2, 2 * round(side * scale / 2)) for side in (info.width, info.height))
        return cls(width=width, height=height, fps=float(info.fps))

    def filters(self, picture: Picture) -> str:
        """What brings *picture* to this size and rate, with bars where its shape is another."""
        shown = screen(picture, *fitted(picture, self.width, self.height))
        return (
            f"setpts=PTS-STARTPTS,fps={rate(self.fps)},{shown},pad={self.width}:{self.height}:-1:-1"
        )

    def exactly(self, count: int) -> str:
        """What makes a stream *count* frames long: cut, or its last one repeated."""
        return f"tpad=stop=-1:stop_mode=clone,trim=end_frame={count},setpts=PTS-STARTPTS"


def heard(info: Decoded, *, after: float) -> str:
    """The filters that make a sound of *info* stereo in 48 kHz, its gaps filled with silence.

    It begins *after* seconds; where that is less than 0, what comes too early is left out.
    """
    shift = ""
    if after > 0.0005:
        shift = f",adelay={after * 1000:.3f}:all=1"
    elif after < -0.0005:
        shift = f",atrim=start={-after:.6f},asetpts=PTS-STARTPTS"
    assert info.sound is not None, "there is something to hear"
    return (
        "asetpts=PTS-STARTPTS,aresample=48000:async=1,"
        f"aformat=sample_fmts=fltp:channel_layouts=stereo{shift}"
    )


#: Seconds that a sound may begin earlier by the way in which encoders begin; they are left out.
_UNHEARD = 0.1


def all_of(graph: Graph, number: int, info: Clip, canvas: Canvas) -> list[str]:
    """The whole of input *number*, a picture and perhaps a sound, from one origin.

    Where the sound begins long before the first frame, that frame waits, and nothing is lost.
    """
    early = round(-info.sound_after * canvas.fps) if info.sound_after < -_UNHEARD else 0
    picture = canvas.filters(info.picture)
    if early:
        picture += f",tpad=start={early}:start_mode=clone"
    count = early + max(1, round(info.frames / info.fps * canvas.fps))
    streams = [graph.apply(f"{picture},{canvas.exactly(count)}", f"{number}:V:0")]
    if info.sound is not None:
        after = info.sound_after + early / canvas.fps
        streams.append(graph.apply(heard(info, after=after), f"{number}:a:0"))
    return streams


async def encode(
    graph: Graph,
    streams: Sequence[str],
    to: Path,
    seconds: float,
    canvas: Canvas,
    *options: str,
    progress: OnProgress | None = None,
) -> None:
    """Write *streams* as a clip. One at a time: two at once would only take twice as long each."""
    writing = ("-r", rate(canvas.fps), *H264_AAC, *options)
    async with turn():
        await run(
            *graph.arguments(*streams),
            *writing,
            to,
            timeout=patience(canvas, seconds),
            seconds=seconds,
            progress=progress,
        )


def patience(canvas: Canvas, seconds: float) -> float:
    """Seconds that work on so much picture may take: thirty times what an idle machine needs."""
    return 60 + 20 * seconds * max(1.0, canvas.width * canvas.height / 1_000_000)


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def turn() -> asyncio.Semaphore:
    """The one place in line of this process. A semaphore belongs to the loop that waited on it."""
    return _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))
