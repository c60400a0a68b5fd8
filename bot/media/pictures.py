"""Reads pictures of any kind that is taken: turned upright, in plain RGB, as a person sees them."""

from pathlib import Path

from PIL import Image, ImageOps

from bot.media.ffmpeg import MediaError

__all__ = ["PIXELS", "read", "stand_upright"]

PIXELS = 64_000_000  #: of a picture; more is a trap
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_ORIENTATION = 0x0112  #: the EXIF tag that says how a camera was held; 1 is upright
_DEEP = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})  #: grey in 16 bits


def read(path: Path, *, near: tuple[int, int] | None = None) -> Image.Image:
    """The picture at *path*, its first one where it moves; what is transparent becomes white.

    A JPEG may be read smaller, but no smaller than *near*. Raises `MediaError`.
    """
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            if opened.width * opened.height > PIXELS:
                raise MediaError("Your image must have at most 64 megapixels.")
            if near is not None:
                opened.draft("RGB", near)
            return _plain(ImageOps.exif_transpose(opened))
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise MediaError("This image is damaged. Send another one.", stderr=str(error)) from error


#: What Pillow raises of damaged files of these formats.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP:
        # Pillow would clip 16 bits to 8, which leaves nothing but white.
        return image.point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        under = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(under, image).convert("RGB")
    return image.convert("RGB")


def stand_upright(path: Path) -> None:
    """Turn the picture at *path* as its camera was held, since not every model looks at that.

    One that stands upright is left as it is. Raises `MediaError` where it cannot be read.
    """
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            if opened.getexif().get(_ORIENTATION, 1) in {0, 1}:
                return
            kind = opened.format or "PNG"
            if kind == "GIF":
                return
            turned = ImageOps.exif_transpose(opened)
            kept = {name: opened.info[name] for name in ("icc_profile",) if opened.info.get(name)}
            turned.save(path, kind, quality=95, **kept)
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise MediaError("This image is damaged. Send another one.", stderr=str(error)) from error
