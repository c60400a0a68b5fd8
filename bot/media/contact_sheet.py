"""Puts the pictures of several clips on one sheet, numbered, as a JPEG."""

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.media.ffmpeg import MediaError

if TYPE_CHECKING:
    from PIL import Image

TILE = (320, 180)  #: pixels of each picture; other shapes are shown whole within it
ACROSS = 5  #: pictures in a row
GAP = 6  #: pixels
SHEET, PLAIN, BADGE, INK = "#1e1f22", "#2b2d31", "#000000", "#ffffff"
_NUMBER = 40  #: pixels: how high a number stands


async def contact_sheet(pictures: Sequence[Path | None]) -> bytes:
    """The sheet of *pictures*, numbered from 1; None, or what cannot be read, is a plain tile.

    It is drawn in a thread, and takes some milliseconds a picture.
    """
    return await asyncio.to_thread(_drawn, pictures)


def _drawn(pictures: Sequence[Path | None]) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    across = min(ACROSS, max(1, len(pictures)))
    down = -(-len(pictures) // ACROSS) or 1
    wide, high = TILE[0] + GAP, TILE[1] + GAP
    sheet = Image.new("RGB", (across * wide + GAP, down * high + GAP), SHEET)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_NUMBER)
    for place, picture in enumerate(pictures):
        left, top = GAP + place % ACROSS * wide, GAP + place // ACROSS * high
        sheet.paste(_tile(picture), (left, top))
        number = str(place + 1)
        box = draw.textbbox((left + 14, top + 8), number, font=font)
        draw.rounded_rectangle(
            (left, top, int(box[2]) + 14, int(box[3]) + 10), radius=8, fill=BADGE
        )
        draw.text((left + 14, top + 8), number, fill=INK, font=font)
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=82)
    return written.getvalue()


def _tile(picture: Path | None) -> "Image.Image":
    from PIL import Image, ImageOps

    from bot.media.pictures import read

    tile = Image.new("RGB", TILE, PLAIN)
    if picture is not None:
        try:
            shown = ImageOps.contain(read(picture, near=TILE), TILE)
        except MediaError:  # it is not there, or broken: its clip is listed all the same
            return tile
        tile.paste(shown, ((TILE[0] - shown.width) // 2, (TILE[1] - shown.height) // 2))
    return tile
