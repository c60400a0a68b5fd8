"""Makes any picture look as it should on an ordinary screen: square pixels, BT.709, tagged so.

Light in PQ or HLG, as phones record it, is mapped to that of a screen, once. What a clip does not
say about its colours is taken as players take it: BT.601 in a small picture, BT.709 in a large one.
"""

from bot.media.decode import Picture

__all__ = ["TAGGED", "fitted", "screen", "still"]

_BT2020 = 9  #: ISO 23091-2
_BT709 = 1  #: the same
_BT601 = frozenset({5, 6})  #: the same: that of 625 lines and that of 525
_UNKNOWN = 2
_LARGE = 720  #: lines from which on browsers take an untold matrix to be BT.709
#: What a frame says about itself once it is in BT.709.
TAGGED = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
#: Candelas a square meter of white in graphics and text, which become a screen's white (BT.2408).
_WHITE = 203


def fitted(picture: Picture, width: int, height: int) -> tuple[int, int]:
    """The largest even size of the picture's shape within *width* and *height*."""
    scale = min(width / picture.width, height / picture.height)
    across = max(2, min(width, 2 * round(picture.width * scale / 2)))
    down = max(2, min(height, 2 * round(picture.height * scale / 2)))
    return across, down


def screen(picture: Picture, width: int, height: int) -> str:
    """The filters that make frames of *picture*, turned by ffmpeg, video of this size."""
    return f"{_converted(picture, width, height)},setsar=1,format=yuv420p,{TAGGED}"


def still(picture: Picture, width: int, height: int) -> str:
    """The filters that make a frame of *picture*, turned by ffmpeg, a picture of this size."""
    return f"{_converted(picture, width, height)},setsar=1,format=rgb24"


def _converted(picture: Picture, width: int, height: int) -> str:
    scale = f"scale={width}:{height}:flags=bicubic"
    if not picture.hdr and picture.primaries != _BT2020:
        # A range that is not told is the one of video; ffmpeg knows what RGB uses.
        known = "" if picture.matrix != _UNKNOWN else f":in_color_matrix={_guessed(picture)}"
        return f"{scale}{known}:out_color_matrix=bt709:out_range=tv"
    transfer = {16: "smpte2084", 18: "arib-std-b67"}.get(picture.transfer, "bt709")
    source = [
        f"tin={transfer}",
        f"pin={'bt2020' if picture.primaries in {_UNKNOWN, _BT2020} else 'input'}",
        f"min={'bt2020nc' if picture.matrix == _UNKNOWN else 'input'}",
        f"rin={'full' if picture.full else 'limited'}",
    ]
    # Light itself, from which colours outside of BT.709 and lights brighter than white are bent.
    linear = f"zscale={':'.join(source)}:t=linear:npl={_WHITE if picture.hdr else 100}"
    bent = "tonemap=mobius:param=0.6:desat=0:peak=5" if picture.hdr else "tonemap=clip"
    return (
        # Not in 4:2:0, which has no odd sizes.
        f"{scale},format=yuv444p16|gbrp16,{linear},format=gbrpf32le,zscale=p=bt709,{bent},"
        "zscale=t=bt709:m=bt709:r=limited,format=yuv444p"
    )


def _guessed(picture: Picture) -> str:
    """The matrix of a picture that does not tell it: that of its primaries, or of its size."""
    if picture.primaries in _BT601:
        return "bt601"
    return "bt709" if picture.primaries == _BT709 or picture.stored[1] >= _LARGE else "bt601"
