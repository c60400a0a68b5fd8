"""Says what a reel is cut from, for editing programs: CMX 3600, with timecodes to the frame."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Event", "begin", "drops_frames", "edl", "timecode"]

_HOUR = 3600  #: seconds: where the record begins, as editors have it
_LINE = 80  #: characters of a comment


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One clip of a reel. *first* and *count* are in frames of the reel."""

    shot: str
    clip: int  #: its number in Dailies
    file: str
    first: int
    count: int
    sound: bool
    prompt: str


def nominal(fps: float) -> int:
    """The frames that a second of timecode counts: 30 for 29.97."""
    return max(1, round(fps))


def drops_frames(fps: float) -> bool:
    """Whether timecodes leave numbers out to keep with the clock: at 29.97 and at 59.94."""
    return min(abs(fps - 30000 / 1001), abs(fps - 60000 / 1001)) < 0.005


def timecode(frame: int, fps: float) -> str:
    """'01:00:02:11' for a frame; with a semicolon where frames are dropped (SMPTE 12M)."""
    base, mark = nominal(fps), ":"
    if drops_frames(fps):
        mark, left_out = ";", base // 15  # numbers at the begin of each minute but every tenth
        tens, rest = divmod(frame, 600 * base - 9 * left_out)
        frame += 9 * left_out * tens
        if rest >= left_out:
            frame += left_out * ((rest - left_out) // (60 * base - left_out))
    seconds, frames = divmod(frame, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02}:{minutes:02}:{seconds:02}{mark}{frames:02}"


def begin(fps: float) -> int:
    """The frame whose timecode is 01:00:00:00."""
    base = nominal(fps)
    dropped = 54 * (base // 15) if drops_frames(fps) else 0
    return _HOUR * base - dropped


def edl(title: str, events: Sequence[Event], fps: float) -> bytes:
    """The list of a reel. Each source runs from its first frame, at the reel's rate.

    It is in Latin letters, as the format wants; what has none becomes a question mark.
    """
    lines = [f"TITLE: {_plain(title, 70)}"]
    lines.append(f"FCM: {'DROP FRAME' if drops_frames(fps) else 'NON-DROP FRAME'}")
    start = begin(fps)
    for number, event in enumerate(events, start=1):
        source = f"D{event.clip:07}"[-8:]
        tracks = "AA/V" if event.sound else "V"
        times = [0, event.count, start + event.first, start + event.first + event.count]
        said = " ".join(timecode(each, fps) for each in times)
        lines += ["", f"{number:03}  {source:<8} {tracks:<5} C        {said}"]
        lines.append(f"* FROM CLIP NAME: {_plain(event.file, _LINE)}")
        lines.append(f"* COMMENT: SHOT {_plain(event.shot, _LINE)}")
        if prompt := _plain(event.prompt, 10 * _LINE):
            parts = [prompt[at : at + _LINE] for at in range(0, len(prompt), _LINE)]
            lines += [f"* COMMENT: {part}" for part in parts]
    return "\r\n".join([*lines, ""]).encode("ascii")


def _plain(text: str, limit: int) -> str:
    """*text* on one line, in ASCII."""
    bare = unicodedata.normalize("NFKD", " ".join(text.split()))
    kept = "".join(each for each in bare if not unicodedata.combining(each))
    return kept[:limit].encode("ascii", "replace").decode()
