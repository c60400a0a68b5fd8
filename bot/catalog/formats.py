"""Every kind of file that is taken, once: its type, its word, its ending, and how it is read."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file. *demuxer* is the reader of ffmpeg that takes it, None for pictures."""

    kind: str  #: "image", "audio" or "video": what a brief calls it
    word: str  #: as people call it
    suffix: str
    demuxer: str | None = None


#: By media type. A type that is not here is not read at all; above all nothing that is a list of
#: other files.
FORMATS: Mapping[str, Format] = {
    "image/png": Format(kind="image", word="PNG", suffix=".png"),
    "image/jpeg": Format(kind="image", word="JPEG", suffix=".jpg"),
    "image/webp": Format(kind="image", word="WebP", suffix=".webp"),
    "image/gif": Format(kind="image", word="GIF", suffix=".gif", demuxer="gif"),
    "audio/mpeg": Format(kind="audio", word="MP3", suffix=".mp3", demuxer="mp3"),
    "audio/wav": Format(kind="audio", word="WAV", suffix=".wav", demuxer="wav"),
    "audio/ogg": Format(kind="audio", word="OGG", suffix=".ogg", demuxer="ogg"),
    "audio/mp4": Format(kind="audio", word="M4A", suffix=".m4a", demuxer="mov"),
    "audio/aac": Format(kind="audio", word="AAC", suffix=".aac", demuxer="aac"),
    "audio/flac": Format(kind="audio", word="FLAC", suffix=".flac", demuxer="flac"),
    "video/mp4": Format(kind="video", word="MP4", suffix=".mp4", demuxer="mov"),
    "video/quicktime": Format(kind="video", word="MOV", suffix=".mov", demuxer="mov"),
    "video/x-matroska": Format(kind="video", word="MKV", suffix=".mkv", demuxer="matroska"),
    "video/webm": Format(kind="video", word="WebM", suffix=".webm", demuxer="matroska"),
    "video/ogg": Format(kind="video", word="OGV", suffix=".ogv", demuxer="ogg"),
}

#: What is known by name, to be refused by it.
_OTHERS: Mapping[str, str] = {
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/x-exr": "EXR",
    "image/heic": "HEIC",
    "image/avif": "AVIF",
    "audio/aiff": "AIFF",
    "audio/amr": "AMR",
    "audio/midi": "MIDI",
    "video/x-flv": "FLV",
    "video/x-ms-wmv": "WMV",
    "video/x-msvideo": "AVI",
    "video/mpeg": "MPEG",
    "text/html": "a web page",
    "application/zip": "ZIP",
    "application/pdf": "PDF",
}

NOUNS = {"image": "image", "audio": "sound", "video": "video"}


def wanted(kind: str) -> str:
    """What to give where a brief wants an "image", an "audio" or a "video", for a sentence."""
    words = [each.word for each in FORMATS.values() if each.kind == kind]
    return f"{', '.join(words[:-1])} or {words[-1]} {NOUNS[kind]}"


def types(kind: str) -> tuple[str, ...]:
    """The types that are taken where a brief wants an "image", an "audio" or a "video"."""
    return tuple(name for name, each in FORMATS.items() if each.kind == kind)


def type_word(type: str) -> str:
    """What people call a media type: "MP3" for audio/mpeg."""
    found = FORMATS.get(type)
    return found.word if found else _OTHERS.get(type) or type.rpartition("/")[2].upper()
