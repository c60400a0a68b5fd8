"""The brief of a job: what is asked for, in words that no provider owns."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self


class Mode(StrEnum):
    """The kinds of work a model may offer."""

    TEXT = "text"  #: a prompt becomes a clip
    IMAGE = "image"  #: a first frame (and perhaps a last one) becomes a clip
    AUDIO = "audio"  #: a sound becomes a clip as long as itself
    EXTEND = "extend"  #: a clip grows at its start or its end
    RETAKE = "retake"  #: a part of a clip is made again
    HDR = "hdr"  #: a clip gets a wider dynamic range


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A picture, sound or clip that a job starts from. Its bytes are kept by us.

    *file* is a path relative to the data directory; *url* is where the person's own link or
    Discord attachment was (it may be dead); *take* is the job whose result the file is.
    """

    file: str
    type: str  #: what its bytes are: "image/png", "audio/mpeg", "video/mp4", …
    size: int  #: bytes
    width: int | None = None  #: pixels
    height: int | None = None
    seconds: float | None = None
    fps: float | None = None
    frames: int | None = None  #: of a clip, counted as it was decoded
    url: str | None = None
    take: int | None = None


class Relation(StrEnum):
    """How a take came from its parent."""

    RETAKE = "retake"  #: made again, the whole of it or a part
    EXTEND = "extend"  #: made longer
    VARIATION = "variation"  #: the same request with another seed
    HDR = "hdr"
    FROM = "from"  #: its picture, its sound or its settings began something new


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the clip that a provider makes becomes a part of *clip*, once it is downloaded.

    *place* is "end" or "start" where it is joined to *clip*, at the start reversed and without its
    sound; "part" where it replaces *seconds* of *clip* from *start* on.
    """

    place: str
    clip: Input
    start: float = 0.0
    seconds: float | None = None
    replace: str = "both"  #: of a part: "picture", "sound" or "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A style adapter by its public link, or by its name where the model has its own, and how
    strongly to apply it."""

    path: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What to make. None means that nobody chose: the model's default, or not applicable.

    Once a job exists its brief is complete: everything its model lets one choose is chosen.
    """

    mode: Mode = Mode.TEXT
    prompt: str = ""
    resolution: str | None = None  #: "480p" … "4K"
    aspect: str | None = None  #: "16:9", "9:16", "1:1"
    duration: int | None = None  #: seconds to make; for a retake, the length of the part
    fps: int | None = None
    seed: int | None = None
    sound: bool | None = None
    camera: str | None = None  #: a camera motion, such as "dolly_in"
    loras: tuple[Lora, ...] = ()
    image: Input | None = None  #: first frame
    last_image: Input | None = None
    audio: Input | None = None
    video: Input | None = None
    start: float | None = None  #: retake: seconds into the clip
    replace: str | None = None  #: retake: "picture", "sound" or "both"
    direction: str | None = None  #: extend: "start" or "end"
    routing: str | None = None  #: how the provider should choose among its own backends
    size: str | None = None  #: "1280x704": the pixels that come out, where its model makes others
    seconds: float | None = None  #: the length that comes out, where its model makes another
    parent: int | None = None  #: the job of the take that this one is made from
    relation: str | None = None  #: a `Relation`: how it is made from its parent
    plan: Plan | None = None  #: what Dailies does with the clip that the provider makes

    def but(self, **changes: Any) -> Self:
        """This brief with other choices; itself where they are the same, and of the same type:
        2 and 2.0 are not written alike."""
        now = ((getattr(self, name), value) for name, value in changes.items())
        if all(type(had) is type(value) and had == value for had, value in now):
            return self
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """The chosen fields, ready for `json.dumps`."""
        chosen = ((name, getattr(self, name)) for name in _FIELDS)
        return {name: _plain(value) for name, value in chosen if value not in (None, ())}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The brief that `to_json` made this of; fields that no longer exist are left out."""
        values = {name: value for name, value in data.items() if name in _FIELDS}
        values["mode"] = Mode(values["mode"])
        values["loras"] = tuple(Lora(**lora) for lora in values.get("loras", ()))
        for name in ("image", "last_image", "audio", "video"):
            if values.get(name) is not None:
                values[name] = Input(**values[name])
        if values.get("plan") is not None:
            values["plan"] = Plan(**{**values["plan"], "clip": Input(**values["plan"]["clip"])})
        return cls(**values)


_FIELDS = tuple(field.name for field in fields(Brief))


def _plain(value: Any) -> Any:
    match value:
        case Input() | Plan():
            return asdict(value)
        case tuple():
            return [asdict(lora) for lora in value]
        case _:
            return value
