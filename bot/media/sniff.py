"""What a file is, by its first bytes and what they lead to."""

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["picture_size", "sniff"]

_HEAD = 4096  #: bytes of a file that say what it is
_PADDING = 65536  #: zeros that may stand before a sound
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)


def sniff(source: Path | bytes) -> str | None:
    """The media type of a file, or of its first bytes; None where it is none that we know.

    Of first bytes alone, a tag that is longer than they are is taken for that of an MP3; and a
    box that holds sound and picture alike is named as a program labelled it: whether there is a
    picture, only `bot.media.decode` can say.
    """
    with _opened(source) as file:
        head = file.read(_HEAD)
        if head[:3] == b"ID3":
            return _tagged(file)
        if head[:1] == b"\0" and not any(head[:64]):
            file.seek(0)
            padded = file.read(_PADDING)
            sound = padded.lstrip(b"\0")
            if sound[:3] == b"ID3":
                return _tagged(file, len(padded) - len(sound))
            return _sound(sound, strict=True)
    return _kind(head)


def _kind(head: bytes) -> str | None:
    for start, kind in _SIGNATURES:
        if head.startswith(start):
            return kind
    match head[:4], head[8:12]:
        case ((b"RIFF" | b"RF64"), form):
            return _FORMS.get(form)
        case b"FORM", (b"AIFF" | b"AIFC"):
            return "audio/aiff"
        case b"\x1a\x45\xdf\xa3", _:
            return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
        case b"OggS", _:
            return "video/ogg" if b"theora" in head[:128] else "audio/ogg"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in _BARE and head[:1] in {b"\0", b"\1"}:
        return "video/quicktime"  # the first QuickTime programs wrote no `ftyp`
    return _sound(head) or ("text/html" if _HTML.match(head) else None)


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"v/1\x01", "image/x-exr"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"MThd", "audio/midi"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"%PDF-", "application/pdf"),
)
_FORMS = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"avif": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
}
_BARE = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})


def _tagged(file: BinaryIO, at: int = 0) -> str | None:
    """What stands behind an ID3 tag, or several: an MP3, but FLAC and AAC have them, too."""
    for _ in range(16):
        file.seek(at)
        head = file.read(_HEAD)
        if len(head) < 10:
            return "audio/mpeg"
        if head[:3] != b"ID3":
            if head.startswith(b"fLaC"):
                return "audio/flac"
            file.seek(at)
            return _sound(file.read(_PADDING).lstrip(b"\0"))
        length = 0
        for byte in head[6:10]:
            length = length << 7 | byte & 0x7F
        at += 10 + length + (10 if head[5] & 0x10 else 0)
    return None


def _sound(head: bytes, *, strict: bool = False) -> str | None:
    """MP3 or ADTS, by the fields of a frame's header that cannot have some values.

    *strict*: a second frame has to follow the first.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer, bitrate, sampling = head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if layer == 0:
        if head[1] & 0xF0 != 0xF0 or head[2] >> 2 & 15 >= 13:
            return None
        kind = "audio/aac"
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5 if len(head) > 5 else 0
    else:
        if bitrate == 15 or sampling == 3 or head[1] >> 3 & 3 == 1:
            return None
        kind, length = "audio/mpeg", _mpeg_length(head)
    if strict and head[length : length + 2] != head[:2]:
        return None
    return kind


#: Kilobits a second of MPEG 1 and of MPEG 2, layer III, by the number in a frame's header.
_BITRATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)


def _mpeg_length(head: bytes) -> int:
    """Bytes of a frame of layer III."""
    version = head[1] >> 3 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    rate = (44100, 48000, 32000)[head[2] >> 2 & 3] >> {3: 0, 2: 1}.get(version, 2)
    bits = _BITRATES[version != 3][head[2] >> 4] * 1000
    return (144 if version == 3 else 72) * bits // rate + (head[2] >> 1 & 1)


@contextmanager
def _opened(source: Path | bytes) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    with source.open("rb") as file:
        yield file


def picture_size(source: Path | bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, JPEG, WebP or GIF, from its header; nothing is decoded.

    None where it is none of these, or damaged.
    """
    try:
        with _opened(source) as file:
            head = file.read(_HEAD)
            match _kind(head):
                case "image/png":
                    width, height = struct.unpack_from(">II", head, 16)
                case "image/gif":
                    width, height = struct.unpack_from("<HH", head, 6)
                case "image/webp":
                    width, height = _webp_size(head)
                case "image/jpeg":
                    width, height = _jpeg_size(file)
                case _:
                    return None
    except (struct.error, IndexError):
        return None
    return (width, height) if width and height else None


def _webp_size(head: bytes) -> tuple[int, int]:
    match head[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", head, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:  # VP8X
            low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", head, 24)
            return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1


def _jpeg_size(file: BinaryIO) -> tuple[int, int]:
    """From its frame header, however much stands before it: previews, profiles, an editor's own."""
    at = 2
    for _ in range(_SEGMENTS):
        file.seek(at)
        head = file.read(9)
        fill = len(head) - len(head.lstrip(b"\xff"))
        if fill == len(head) and head:
            at += fill - 1
            continue
        if fill == 0:
            raise IndexError("no marker where one has to be")
        if fill > 1:
            at += fill - 1
            continue
        marker = head[1]
        # A start of frame, and not one of the tables whose markers lie among them.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", head, 5)
            return width, height
        if marker in {0xD9, 0xDA}:
            raise IndexError("no frame header before the picture")
        (length,) = struct.unpack_from(">H", head, 2)
        at += 2 + length
    raise IndexError("too many segments")


_SEGMENTS = 100_000
