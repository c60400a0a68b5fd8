"""Walks the outermost parts of a file: what it holds, in which order, and whether it is all there.

Only headers are read, a few bytes each, however long the file is.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["Element", "Index", "boxes", "elements", "index", "is_cut"]

_MOST = 100_000  #: parts of one file that are walked
#: ISO 14496-12: a file that ends within one of these has lost some of it.
_VITAL = frozenset({b"ftyp", b"moov", b"moof", b"mdat", b"styp", b"sidx"})
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675  # RFC 8794, Matroska
_LIVE = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})  #: a WAV's size where its writer never knew it


def boxes(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Type, beginning and end of each outermost box of an MP4 or MOV.

    The last end may be beyond the file. What is no box ends the walk.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        for _ in range(_MOST):
            file.seek(at)
            head = file.read(16)
            if len(head) < 8:
                return
            length, kind = struct.unpack_from(">I4s", head)
            least = 8
            if length == 1 and len(head) == 16:
                (length,) = struct.unpack_from(">Q", head, 8)
                least = 16
            elif length == 0:
                length = size - at  # to the end of the file
            if length < least or not kind.isalnum():
                return
            yield kind, at, at + length
            at += length


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an EBML document, its body from *start* to *end*."""

    id: int
    start: int
    end: int | None  #: None where its writer did not know


def elements(document: bytes, start: int = 0, end: int | None = None) -> Iterator[Element]:
    """The elements of an EBML *document* between two places; damage ends the walk."""
    at, end = start, len(document) if end is None else min(end, len(document))
    while at < end:
        name, size = _number(document, at, marked=True), None
        if name is not None:
            size = _number(document, at + name[1], marked=False)
        if name is None or size is None:
            return
        body = at + name[1] + size[1]
        unknown = size[0] == (1 << 7 * size[1]) - 1
        yield Element(name[0], body, None if unknown else body + size[0])
        at = end if unknown else body + size[0]


def _number(document: bytes, at: int, *, marked: bool) -> tuple[int, int] | None:
    """The number at a place and how many bytes it takes; *marked* keeps its length in it."""
    if at >= len(document) or document[at] == 0:
        return None
    length = 9 - document[at].bit_length()
    if at + length > len(document):
        return None
    value = int.from_bytes(document[at : at + length], "big")
    return (value if marked else value & (1 << 7 * length) - 1), length


def is_cut(path: Path) -> bool:
    """Whether the file ends before what its own headers say that it holds."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return any(each.id == _SEGMENT and (each.end or 0) > size for each in elements(head))
        if head[:4] in {b"RIFF", b"RF64"}:
            return _riff_is_cut(file, size, long=head[:4] == b"RF64")
    return any(kind in _VITAL and end > size for kind, _, end in boxes(path))


def _riff_is_cut(file: BinaryIO, size: int, *, long: bool) -> bool:
    at = 12
    data: int | None = None
    for _ in range(1000):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return False
        name, length = struct.unpack("<4sI", head)
        if name == b"ds64":
            _, data = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
        if name == b"data":
            if long and data is not None and length == 0xFFFFFFFF:
                return at + 8 + data > size
            return int(length) not in _LIVE and at + 8 + int(length) > size
        at += 8 + length + length % 2
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What the index of an MP4 says about how it is to be played."""

    first: bool  #: before the pictures, so that a player need not have the whole file
    whole: bool  #: one index, and not one in each of many fragments
    tracks: int
    said: bool  #: whether it holds words of whoever made it: titles, places, prompts
    profile: int | None  #: of H.264, as its standard counts them
    level: int | None  #: ten times the level of H.264


def index(path: Path) -> Index | None:
    """The index of an MP4; None where it has none that can be read."""
    found = list(boxes(path))
    kinds = [kind for kind, _, _ in found]
    if b"moov" not in kinds:
        return None
    _, start, end = found[kinds.index(b"moov")]
    if end - start > _LARGEST_INDEX:
        return None
    with path.open("rb") as file:
        file.seek(start)
        moov = file.read(end - start)
    inner = list(_inside(moov, 8, len(moov)))
    at = moov.find(b"avcC") + 4
    return Index(
        first=b"mdat" in kinds and kinds.index(b"moov") < kinds.index(b"mdat"),
        whole=b"moof" not in kinds,
        tracks=sum(kind == b"trak" for kind, _, _ in inner),
        said=bool(_WORDS & set(kinds)) or _said(moov, 8, len(moov)),
        profile=moov[at + 1] if at > 3 and at + 3 < len(moov) else None,
        level=moov[at + 3] if at > 3 and at + 3 < len(moov) else None,
    )


_LARGEST_INDEX = 64 * 2**20
_WORDS = frozenset({b"meta", b"uuid", b"udta"})


def _inside(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, beginning and end of the body of each box between two places."""
    at = start
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", content, at)
        if length < 8 or at + length > end:
            return
        yield kind, at + 8, at + length
        at += length


def _said(moov: bytes, start: int, end: int) -> bool:
    """Whether there are words in an index besides the name of the program that wrote it."""
    for kind, begins, ends in _inside(moov, start, end):
        if kind == b"trak" and _said(moov, begins, ends):
            return True
        if kind in {b"meta", b"uuid"}:
            return True
        if kind == b"udta":
            for inner, _, _ in _inside(moov, begins, ends):
                if inner != b"meta":
                    return True
            at = moov.find(b"ilst", begins, ends)
            if at < 0 or any(name != b"\xa9too" for name, _, _ in _inside(moov, at + 4, ends)):
                return True
    return False
