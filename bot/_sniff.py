"""What a file is, by its first bytes."""

import re
import struct
from pathlib import Path

__all__ = ["picture_size", "sniff"]

_HEAD = 4096  #: bytes of a file that say what it is
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)


def sniff(source: Path | bytes) -> str | None:
    """The media type of a file, or of its first bytes; None where it is none that we know."""
    head = source[:_HEAD] if isinstance(source, bytes) else _read_head(source)
    for start, kind in _SIGNATURES:
        if head.startswith(start):
            return kind
    match head[:4], head[8:12]:
        case b"RIFF", form:
            return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(form)
        case b"\x1a\x45\xdf\xa3", _:
            return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
        case b"OggS", _:
            return "video/ogg" if b"theora" in head[:128] else "audio/ogg"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return _mpeg_audio(head)
    return "text/html" if _HTML.match(head) else None


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"%PDF-", "application/pdf"),
)
_BRANDS = {
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"avif": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
}


def _mpeg_audio(head: bytes) -> str | None:
    """MP3 or ADTS, by the fields of a frame's header that cannot have some values."""
    layer, bitrate, sampling = head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if layer == 0:
        return "audio/aac" if head[1] & 0xF0 == 0xF0 and head[2] >> 2 & 15 < 13 else None
    return "audio/mpeg" if bitrate != 15 and sampling != 3 and head[1] >> 3 & 3 != 1 else None


def _read_head(path: Path, count: int = _HEAD) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def picture_size(source: Path | bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, JPEG, WebP or GIF, from its header; nothing is decoded.

    None where it is none of these, or damaged.
    """
    # The size of a JPEG may stand behind a long preview and colour profile.
    head = source if isinstance(source, bytes) else _read_head(source, 1024 * 1024)
    try:
        match sniff(head):
            case "image/png":
                width, height = struct.unpack_from(">II", head, 16)
            case "image/gif":
                width, height = struct.unpack_from("<HH", head, 6)
            case "image/webp":
                width, height = _webp_size(head)
            case "image/jpeg":
                width, height = _jpeg_size(head)
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


def _jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while head[at] == 0xFF and head[at + 1] == 0xFF:
            at += 1
        marker = head[at + 1]
        # A start of frame, and not one of the tables whose markers lie among them.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        if head[at] != 0xFF or marker in (0xD9, 0xDA):
            raise IndexError("no frame header before the picture")
        (length,) = struct.unpack_from(">H", head, at + 2)
        at += 2 + length
