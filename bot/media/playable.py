"""Makes a copy of a clip that plays where it is posted: in Discord, on any screen, without words.

Discord plays H.264 of eight bits with AAC in an MP4, its index in front. What a provider writes
into a clip for itself, such as the prompt or the workflow that made it, is nobody's to read.
"""

import asyncio
from pathlib import Path

from bot.atomic import whole
from bot.media.containers import Index, index
from bot.media.decode import Clip
from bot.media.encode import Canvas, all_of, encode
from bot.media.ffmpeg import QUALITY, Graph
from bot.media.probe import demuxer, run, with_picture

__all__ = ["playable"]

#: Profiles of H.264 that have eight bits and 4:2:0: Baseline, Main, Extended, High.
_PROFILES = frozenset({66, 77, 88, 100})
_HIGHEST = 52  #: level 5.2, which is 4K at 60 frames a second; ten times the level
_QUICK = 120.0  #: seconds that writing a clip anew without encoding it may take


async def playable(clip: Path, to: Path, *, encoded: bool = True) -> Path:
    """*clip* where it plays as it is, else a copy of it, written to *to*.

    Only what cannot be played is encoded anew; the rest is the same pictures in another box. Where
    *encoded* is False nothing is encoded, and a clip that would have to be is given as it is.

    Raises `MediaError` where it cannot be read.
    """
    info = await with_picture(clip)
    found = await asyncio.to_thread(index, clip)
    if not _plays(info, found):
        if not encoded:
            return clip
        await _encoded(clip, info, to)
        return to
    tracks = 1 + info.has_sound
    assert found is not None, "what plays has an index"
    if found.first and found.whole and not found.said and found.tracks == tracks:
        return clip
    graph = Graph()
    graph.read(clip, *demuxer(clip))
    with whole(to) as part:
        await run(
            *graph.inputs,
            *("-map", "0:V:0", "-map", "0:a:0?", "-c", "copy"),
            *("-map_metadata", "-1", "-map_chapters", "-1", "-write_tmcd", "0"),
            *("-movflags", "+faststart", "-f", "mp4", part),
            timeout=_QUICK,
        )
    return to


def _plays(info: Clip, found: Index | None) -> bool:
    picture = info.picture
    return (
        found is not None
        and picture.codec == "h264"
        and found.profile in _PROFILES
        and (found.level or 0) <= _HIGHEST
        and not picture.hdr
        and not any(side % 2 for side in picture.stored)
        and info.audio_codec in {None, "aac"}
    )


async def _encoded(clip: Path, info: Clip, to: Path) -> None:
    graph, canvas = Graph(), Canvas.of(info)
    number = graph.read(clip, *demuxer(clip))
    streams = all_of(graph, number, info, canvas)
    with whole(to) as part:
        await encode(graph, streams, part, info.seconds, canvas, *QUALITY)
