"""What LTX's models can make, and for how much, as its guide and reference say."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from bot.catalog.model import ANY, Accepts, Capability, Model, Price, Shape
from storage import Brief, Mode

REFERENCE = "docs.ltx.video"

_PICTURE = Accepts(types=("image/png", "image/jpeg", "image/webp"), max_bytes=15_000_000)
#: WAV is left out: LTX takes it by name and refuses the PCM that nearly every WAV holds.
_SOUND = Accepts(
    types=("audio/mpeg", "audio/mp4", "audio/ogg"),
    max_bytes=100_000_000,
    min_seconds=2,
    max_seconds=20,
)
_VIDEO = Accepts(
    types=("video/mp4", "video/quicktime", "video/x-matroska"),
    max_bytes=100_000_000,
    max_pixels=3840 * 2160,
    min_frames=73,
)
_HDR_VIDEO = Accepts(
    types=_VIDEO.types,
    max_bytes=_VIDEO.max_bytes,
    max_pixels=3840 * 2160,
    max_frames={"480p": 181, "720p": 181, "1080p": 181, "1440p": 101, "4K": 41},
)
CAMERA = (
    "dolly_in",
    "dolly_out",
    "dolly_left",
    "dolly_right",
    "jib_up",
    "jib_down",
    "static",
    "focus_shift",
)
REPLACE: Mapping[str, str] = {
    "both": "replace_audio_and_video",
    "picture": "replace_video",
    "sound": "replace_audio",
}
MAX_FRAMES = 505  #: extend: frames of context and extension together

_SHORT, _LONG = (6, 8, 10), (6, 8, 10, 12, 14, 16, 18, 20)
_LARGE = ("1440p", "4K")
_BOTH_WAYS = ("16:9", "9:16")


_ENDED = "LTX retires this model in August 2026. ltx-2-3 replaces it."


def models() -> tuple[Model, ...]:
    """The four models of the guide. The newer two come first: LTX has retired the older."""
    return (_fast(), _pro(), _older_fast(), _older_pro())


def _fast() -> Model:
    """LTX-2.3 Fast: text and image, up to 20 seconds."""
    return Model(
        name="ltx-2-3-fast",
        title="LTX-2.3 Fast",
        capabilities=_clips(
            shapes=(
                Shape(resolutions=("1080p",), aspects=_BOTH_WAYS, fps=(24, 25), durations=_LONG),
                Shape(resolutions=("1080p",), aspects=_BOTH_WAYS, fps=(48, 50), durations=_SHORT),
                Shape(
                    resolutions=_LARGE,
                    aspects=_BOTH_WAYS,
                    fps=(24, 25, 48, 50),
                    durations=_SHORT,
                ),
            ),
            fps=24,
            last_image=True,
            price=_price(date(2026, 10, 7), "0.06", "0.12", "0.24"),
        ),
    )


def _pro() -> Model:
    """LTX-2.3 Pro: everything, HDR included."""
    return Model(
        name="ltx-2-3-pro",
        title="LTX-2.3 Pro",
        capabilities=(
            *_clips(
                shapes=(
                    Shape(
                        resolutions=("1080p", *_LARGE),
                        aspects=_BOTH_WAYS,
                        fps=(24, 25, 48, 50),
                        durations=_SHORT,
                    ),
                ),
                fps=24,
                last_image=True,
                price=_price(date(2026, 10, 7), "0.08", "0.16", "0.32"),
            ),
            *_pro_only(_BOTH_WAYS),
            Capability(
                # It names no model; it is billed as this one. The result is no clip but a
                # ZIP of EXR frames: a wider range of light in the same size.
                mode=Mode.HDR,
                shapes=(Shape(),),
                default=Brief(mode=Mode.HDR),
                price=Price(
                    per_second={
                        ANY: Decimal("0.20"),
                        "1440p": Decimal("0.40"),
                        "4K": Decimal("0.80"),
                    },
                    dated=date(2026, 10, 7),
                    source=f"{REFERENCE}, pricing",
                ),
                prompt_required=False,
                prompt_max=0,
                inputs={"video": _HDR_VIDEO},
            ),
        ),
        note="HDR gives a ZIP of EXR frames for grading. Discord can't play it.",
    )


def _older_fast() -> Model:
    """LTX-2 Fast, which LTX has retired."""
    return Model(
        name="ltx-2-fast",
        title="LTX-2 Fast",
        capabilities=_clips(
            shapes=(
                Shape(resolutions=("1080p",), aspects=("16:9",), fps=(25,), durations=_LONG),
                Shape(resolutions=("1080p",), aspects=("16:9",), fps=(50,), durations=_SHORT),
                Shape(resolutions=_LARGE, aspects=("16:9",), fps=(25, 50), durations=_SHORT),
            ),
            fps=25,
            last_image=False,
            price=_price(date(2026, 4, 13), "0.04", "0.08", "0.16"),
        ),
        note=_ENDED,
        retired=True,
    )


def _older_pro() -> Model:
    """LTX-2 Pro, which LTX has retired."""
    return Model(
        name="ltx-2-pro",
        title="LTX-2 Pro",
        capabilities=(
            *_clips(
                shapes=(
                    Shape(
                        resolutions=("1080p", *_LARGE),
                        aspects=("16:9",),
                        fps=(25, 50),
                        durations=_SHORT,
                    ),
                ),
                fps=25,
                last_image=False,
                price=_price(date(2026, 4, 13), "0.06", "0.12", "0.24"),
            ),
            *_pro_only(("16:9",)),
        ),
        note=_ENDED,
        retired=True,
    )


def _clips(
    *, shapes: tuple[Shape, ...], fps: int, last_image: bool, price: Price
) -> tuple[Capability, ...]:
    """Text and image: what all four models do."""
    default = Brief(resolution="1080p", aspect="16:9", duration=6, fps=fps, sound=True)
    inputs = {"image": _PICTURE, "last_image": _PICTURE} if last_image else {"image": _PICTURE}
    return (
        Capability(
            mode=Mode.TEXT,
            shapes=shapes,
            default=default,
            price=price,
            sound=True,
            camera=CAMERA,
        ),
        Capability(
            mode=Mode.IMAGE,
            shapes=shapes,
            default=default.but(mode=Mode.IMAGE),
            price=price,
            sound=True,
            camera=CAMERA,
            last_image=last_image,
            inputs=inputs,
        ),
    )


def _pro_only(aspects: tuple[str, ...]) -> tuple[Capability, ...]:
    """Sound, extension and retake: what only the pro models do, for one price."""
    price = Price(
        per_second={ANY: Decimal("0.10")}, dated=date(2026, 10, 7), source=f"{REFERENCE}, pricing"
    )
    return (
        Capability(
            mode=Mode.AUDIO,
            shapes=(Shape(resolutions=("1080p",), aspects=aspects),),
            default=Brief(mode=Mode.AUDIO, resolution="1080p", aspect="16:9"),
            price=price,
            prompt_required=False,  # a first frame will do instead
            inputs={"audio": _SOUND, "image": _PICTURE},
        ),
        Capability(
            mode=Mode.EXTEND,
            shapes=(Shape(durations=tuple(range(2, 21))),),
            default=Brief(mode=Mode.EXTEND, duration=6, direction="end"),
            price=Price(
                per_second=price.per_second,
                frames_cap=MAX_FRAMES,
                dated=price.dated,
                source=price.source,
            ),
            prompt_required=False,
            directions=("end", "start"),
            inputs={"video": _VIDEO},
            max_context_and_extension=MAX_FRAMES,
        ),
        Capability(
            mode=Mode.RETAKE,
            shapes=(Shape(),),  # the clip keeps its size and rate
            default=Brief(mode=Mode.RETAKE, replace="both"),
            price=price,
            prompt_required=False,
            replace=tuple(REPLACE),
            inputs={"video": _VIDEO},
            min_part=2,
        ),
    )


def _price(dated: date, hd: str, quad: str, uhd: str) -> Price:
    return Price(
        per_second={"1080p": Decimal(hd), "1440p": Decimal(quad), "4K": Decimal(uhd)},
        dated=dated,
        source=f"{REFERENCE}, pricing",
    )
