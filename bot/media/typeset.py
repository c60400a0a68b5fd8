"""Sets words on a transparent picture, in every script that the installed fonts have.

Pillow brings shaping (raqm) but one face per text and only a Latin face of its own. Here a line
is cut into runs of one face each, and the runs are put in the order in which people read them.
"""

import importlib.util
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont, features

__all__ = [
    *("Block", "cleaned", "layout", "paint", "write_face"),
    *("draw_line", "drawable", "line_width"),
]

#: Packages that are nothing but fonts (Noto, OFL-1.1). Without them: Pillow's own Latin face.
_FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
_FIRST_FACE = "NotoSans["  #: the face of Latin, Greek and Cyrillic: asked before the others
#: Characters of a text that are looked at; more would not be legible on any screen.
_LEGIBLE = 1500
#: Marks on one letter that are kept. Thai and Vietnamese need three, "zalgo" wants dozens.
_MARKS = 4
_MEASURED_AT = 100  #: pixels; widths at other sizes are in proportion
_LEADING = 1.28  #: from one line to the next, in the size of the type
_BREAKS_ANYWHERE = ("CJK ", "HIRAGANA ", "KATAKANA ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A text broken into lines at a size that fits: what `paint` needs. Lengths in pixels."""

    lines: tuple[str, ...]
    size: int
    weight: int
    width: int  #: of the widest line

    @property
    def leading(self) -> int:
        """From one line to the next."""
        return round(self.size * _LEADING)

    @property
    def height(self) -> int:
        """Of all lines."""
        return self.leading * len(self.lines)


def cleaned(text: str) -> str:
    """*text* without what is not for the eye: control and direction marks, heaps of accents."""
    kept: list[str] = []
    marks = 0
    for char in text[: 4 * _LEGIBLE].replace("\r\n", "\n"):
        category = unicodedata.category(char)
        if category in ("Mn", "Me"):
            marks += 1
            if marks > _MARKS:
                continue
        elif char not in "\u200c\u200d":  # joiners shape Persian, Hindi and emoji
            marks = 0
            if category == "Cs":
                char = "\ufffd"
            elif category in ("Zl", "Zp"):
                char = "\n"
            elif category == "Cf":
                continue
            elif category in ("Cc", "Zs") and char != "\n":
                char = " "
        kept.append(char)
    lines = [" ".join(line.split()) for line in "".join(kept).split("\n")]
    return "\n".join(line for line in lines if line)[:_LEGIBLE]


def layout(
    text: str, *, width: int, height: int, largest: int, smallest: int, weight: int
) -> Block:
    """Break *text* (already `cleaned`) into lines as large as fit a box of *width* by *height*.

    Between the sizes *largest* and *smallest*; where even the smallest is too large, the end of
    the text gives way to an ellipsis.
    """
    size = largest
    while True:
        lines = _broken(text, width * _MEASURED_AT / size, weight)
        fitting = max(1, int(height / (size * _LEADING)))
        if len(lines) <= fitting or size <= smallest:
            break
        size = max(smallest, int(size * 0.93))
    if len(lines) > fitting:
        room = width * _MEASURED_AT / size
        last = lines[fitting - 1]
        while last and _width(last + "…", _MEASURED_AT, weight) > room:
            last = last[:-1].rstrip()
        lines = [*lines[: fitting - 1], last + "…"]
    else:
        lines = _balanced(text, lines, width * _MEASURED_AT / size, weight)
    widest = max((_width(line, _MEASURED_AT, weight) for line in lines), default=0)
    return Block(
        lines=tuple(lines), size=size, weight=weight, width=round(widest * size / _MEASURED_AT)
    )


def paint(
    picture: Image.Image,
    block: Block,
    *,
    x: int,
    y: int,
    align: float = 0.0,
    opacity: float = 1.0,
    shadow: float = 0.0,
) -> None:
    """Draw *block* in white on the RGBA *picture*, its top left corner at *x*, *y*.

    *align* is 0 for lines that begin at *x*, 0.5 for lines centred on it, 1 for lines that end
    there; a line of a right-to-left script is mirrored. *shadow* is how dark it is under them.
    """
    mask = Image.new("L", picture.size)
    draw = ImageDraw.Draw(mask)
    for number, line in enumerate(block.lines):
        runs = _runs(line)
        length = _width(line, block.size, block.weight)
        left = float(x) - align * length
        if align == 0.0 and _reads_leftwards(line):
            left += block.width - length
        baseline = y + number * block.leading + round(block.size * 1.0)
        for face, run in runs:
            font = _font(face, block.size, block.weight)
            way = _way(run, line)
            draw.text((left, baseline), run, font=font, fill=255, anchor="ls", direction=way)
            left += font.getlength(run, direction=way)
    if shadow:
        soft = mask.filter(ImageFilter.GaussianBlur(max(2.0, block.size * 0.16)))
        dark = soft.point([min(255, round(value * 1.6 * shadow)) for value in range(256)])
        picture.alpha_composite(_filled((0, 0, 0), dark))
    picture.alpha_composite(
        _filled((255, 255, 255), mask.point([round(v * opacity) for v in range(256)]))
    )


def draw_line(
    draw: ImageDraw.ImageDraw,
    line: str,
    *,
    x: float,
    baseline: float,
    size: int,
    weight: int,
    fill: str,
    align: float = 0.0,
) -> None:
    """Draw one *line* (already `cleaned`). *align* is 0 to begin at *x*, 0.5 to be centred on it,
    1 to end there."""
    left = x - align * line_width(line, size, weight)
    for face, run in _runs(line):
        font = _font(face, size, weight)
        way = _way(run, line)
        draw.text((left, baseline), run, font=font, fill=fill, anchor="ls", direction=way)
        left += font.getlength(run, direction=way)


def line_width(line: str, size: int, weight: int) -> float:
    """How wide a *line* is, in pixels."""
    return _width(line, size, weight)


def drawable(char: str) -> bool:
    """Whether some face has a shape for *char*."""
    return char.isspace() or _has(_face_of(char), char)


def write_face(to: Path) -> None:
    """Write the font file of digits and Latin letters to *to*, for programs that want a file."""
    first = _faces()[0]
    to.write_bytes(_embedded() if first is None else first.read_bytes())


def _embedded() -> bytes:
    """The font file that is part of Pillow: Latin letters only."""
    face = ImageFont.load_default(10)
    assert isinstance(face, ImageFont.FreeTypeFont), "a size was given"
    return face.font_bytes


def _filled(colour: tuple[int, int, int], mask: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", mask.size, (*colour, 0))
    layer.putalpha(mask)
    return layer


@cache
def _faces() -> tuple[Path | None, ...]:
    """The font files, in the order in which they are asked for a character.

    None is Pillow's own face.
    """
    found: list[Path] = []
    for name in _FONT_PACKAGES:
        spec = importlib.util.find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            files = [*Path(folder).glob("*.ttf"), *Path(folder).glob("*.ttc")]
            found += sorted(path for path in files if "Italic" not in path.name)
    found.sort(key=lambda path: not path.name.startswith(_FIRST_FACE))
    return tuple(found) or (None,)


@lru_cache(maxsize=256)
def _font(face: Path | None, size: int, weight: int) -> ImageFont.FreeTypeFont:
    if face is None:
        # Not as it comes, but shaped like the others: its own way rounds every letter's width.
        return ImageFont.truetype(BytesIO(_embedded()), size)
    font = ImageFont.truetype(face, size)
    font.set_variation_by_axes([weight])
    return font


@lru_cache(maxsize=8192)
def _has(face: Path | None, char: str) -> bool:
    """Whether *face* has a glyph of its own for *char*."""
    font = _font(face, 24, 400)
    glyph, none = font.getmask(char), font.getmask("\U0010fffe")
    return glyph.size != none.size or bytes(glyph) != bytes(none)


@lru_cache(maxsize=8192)
def _face_of(char: str) -> Path | None:
    faces = _faces()
    return next((face for face in faces if _has(face, char)), faces[0])


def _runs(line: str) -> list[tuple[Path | None, str]]:
    """*line* as pieces of one face each, from left to right as they appear."""
    pieces: list[tuple[Path | None, str]] = []
    for char in line:
        neutral = not char.isalpha() and unicodedata.bidirectional(char) not in ("L", "R", "AL")
        joined = unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf") or char == "\ufe0f"
        if pieces and (joined or (neutral and _has(pieces[-1][0], char))):
            face, text = pieces[-1]
            pieces[-1] = face, text + char
            continue
        face = _face_of(char)
        if pieces and pieces[-1][0] == face:
            pieces[-1] = face, pieces[-1][1] + char
        else:
            pieces.append((face, char))
    return _in_reading_order(pieces, leftwards=_reads_leftwards(line))


def _in_reading_order(
    pieces: Sequence[tuple[Path | None, str]], *, leftwards: bool
) -> list[tuple[Path | None, str]]:
    """Neighbouring pieces of one direction are turned around together (UAX #9, rule L2)."""
    groups: list[list[tuple[Path | None, str]]] = []
    direction = leftwards
    for piece in pieces:
        own = _reads_leftwards(piece[1], default=leftwards)
        if not groups or own != direction:
            groups.append([])
            direction = own
        groups[-1].append(piece)
    ordered: list[tuple[Path | None, str]] = []
    for group in reversed(groups) if leftwards else groups:
        against = _reads_leftwards(group[0][1], default=leftwards)
        ordered += reversed(group) if against else group
    return ordered


def _reads_leftwards(text: str, *, default: bool = False) -> bool:
    """Whether the first letter with a direction is Hebrew, Arabic or a relative of theirs."""
    for char in text:
        match unicodedata.bidirectional(char):
            case "R" | "AL":
                return True
            case "L":
                return False
    return default


def _way(run: str, line: str) -> str | None:
    """The direction to shape *run* of *line* in; None where Pillow cannot choose one."""
    if not features.check_feature("raqm"):
        return None
    return "rtl" if _reads_leftwards(run, default=_reads_leftwards(line)) else "ltr"


def _width(line: str, size: int, weight: int) -> float:
    return sum(
        _font(face, size, weight).getlength(run, direction=_way(run, line))
        for face, run in _runs(line)
    )


def _broken(text: str, room: float, weight: int) -> list[str]:
    """*text* in lines no wider than *room*, measured at `_MEASURED_AT`."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in _words(paragraph):
            width = _measured(word, weight)
            if line and used + _measured(word.rstrip(), weight) > room:
                lines.append(line.rstrip())
                line, used = "", 0.0
            while used + width > room and len(word) > 1 and not line:
                fits = _fitting(word, room, weight)
                lines.append(word[:fits])
                word = word[fits:]
                width = _measured(word, weight)
            line += word
            used += width
        if line:
            lines.append(line.rstrip())
    return lines


def _balanced(text: str, lines: list[str], room: float, weight: int) -> list[str]:
    """The same number of lines in less room where there are few, so that none is left alone."""
    if not 2 <= len(lines) <= 6:
        return lines
    for percent in range(50, 100, 5):
        narrower = _broken(text, room * percent / 100, weight)
        if len(narrower) == len(lines):
            return narrower
    return lines


def _words(paragraph: str) -> Iterable[str]:
    """Pieces between which a line may end, each with the space that follows it."""
    word = ""
    for char in paragraph:
        closes = unicodedata.category(char) in ("Po", "Pe", "Pf", "Lm", "Mn")
        loose = _breaks_anywhere(char) or _breaks_anywhere(word[-1:])
        if word and (word[-1] == " " or (loose and not closes)):
            yield word
            word = ""
        word += char
    if word:
        yield word


@lru_cache(maxsize=4096)
def _breaks_anywhere(char: str) -> bool:
    return bool(char) and unicodedata.name(char, "").startswith(_BREAKS_ANYWHERE)


def _fitting(word: str, room: float, weight: int) -> int:
    """How many characters of *word* fit into *room*; at least one, and no mark is torn off."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        if _measured(word[:middle], weight) <= room:
            low = middle
        else:
            high = middle - 1
    while 1 < low < len(word) and unicodedata.category(word[low]) in ("Mn", "Mc", "Me", "Cf"):
        low -= 1
    return low


@lru_cache(maxsize=8192)
def _measured(text: str, weight: int) -> float:
    return _width(text, _MEASURED_AT, weight)
