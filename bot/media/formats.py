"""Every kind of file that is taken, once: its type, its word, its ending, and how it is read.

What a file is, its bytes say: never its name, nor the brand that a program wrote into it.
"""

from pathlib import Path

from bot.catalog.formats import FORMATS
from bot.media.ffmpeg import MediaError
from bot.media.sniff import sniff


def demuxer(path: Path) -> tuple[str, str]:
    """The ffmpeg options that make it read *path* as what its bytes say, and as nothing else.

    Raises `MediaError` where it is neither a clip nor a sound.
    """
    try:
        kind = sniff(path)
    except OSError as error:
        raise MediaError("This file no longer exists.") from error
    found = FORMATS.get(kind or "")
    if found is None or found.demuxer is None:
        raise MediaError("This file can't be read as a clip or a sound.")
    return "-f", found.demuxer
