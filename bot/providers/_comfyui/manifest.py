"""Reads `<name>.toml`, which says what of a workflow people may choose, and where it is set.

title = "LTX-2.5"
mode = "image"                  # text, image, audio, extend or retake; or a list of them
output = "75"                   # the node that saves the clip
sizes = ["1280x704", "704x1280"]
fps = [24]
seconds = [2, 20]               # from, to
loras_after = ["398:384", 0]    # LoRAs are put behind this output
min_vram_gb = 24
price = { per_second = 0.02 }   # US dollars (default: COMFYUI_USD_PER_SECOND)

[inputs]                        # "node.input", or "title:Its title.input"; or a list of them
prompt = "398:376.value"
seed = ["398:339.noise_seed", "398:338.noise_seed"]
image = "395.image"

[absent.image]                  # what is set where no image is given
"398:363.value" = true

[fixed]                         # what is always set
"398:383.value" = false
"""

import tomllib
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.setting_words import innermost, said_of

from .graph import BadWorkflow

__all__ = ["Inputs", "Manifest", "manifest_of"]


def _many(value: object) -> object:
    return value if isinstance(value, list) else [value]


Knobs = Annotated[tuple[str, ...], BeforeValidator(_many), Field(min_length=1, max_length=40)]
ModeWord = Literal["text", "image", "audio", "extend", "retake"]
Modes = Annotated[tuple[ModeWord, ...], BeforeValidator(_many), Field(min_length=1)]
Rate = Annotated[Decimal, Field(ge=0, le=10**6)]
Literals = dict[str, bool | int | float | str]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Inputs(_Table):
    """Where in the graph each thing is set that people may choose."""

    prompt: Knobs | None = None
    negative: Knobs | None = None  #: what should not be seen; it is left as the workflow has it
    seed: Knobs | None = None
    width: Knobs | None = None
    height: Knobs | None = None
    seconds: Knobs | None = None
    frames: Knobs | None = None
    fps: Knobs | None = None
    image: Knobs | None = None
    last_image: Knobs | None = None
    audio: Knobs | None = None
    video: Knobs | None = None
    start: Knobs | None = None
    end: Knobs | None = None


class WorkflowPrice(_Table):
    """US dollars that a clip of this workflow costs whoever asks for it."""

    base: Rate = Decimal(0)
    per_second: Rate = Decimal(0)


class Manifest(_Table):
    """One workflow as its operator describes it."""

    title: str = Field(min_length=1, max_length=80)
    note: str = Field(default="", max_length=300)
    mode: Modes
    output: str = Field(min_length=1)
    sizes: tuple[Annotated[str, Field(pattern=r"^[1-9]\d{1,4}x[1-9]\d{1,4}$")], ...] = ()
    multiple: int | None = Field(default=None, ge=1, le=512)
    fps: tuple[Annotated[int, Field(ge=1, le=120)], ...] = ()
    seconds: tuple[Annotated[int, Field(ge=1, le=600)], ...] = ()
    default_seconds: int | None = None
    prompt_max: int = Field(default=5000, ge=1, le=6000)
    negative: str | None = Field(default=None, max_length=5000)
    loras_after: tuple[str, Annotated[int, Field(ge=0, le=64)]] | None = None
    loras: int = Field(default=3, ge=1, le=10)
    loras_allowed: str | None = Field(default=None, max_length=200)
    min_vram_gb: float | None = Field(default=None, ge=0, le=10_000)
    price: WorkflowPrice | None = None
    inputs: Inputs = Inputs()
    absent: dict[Literal["image", "last_image", "audio", "video"], Literals] = {}
    fixed: Literals = {}


def manifest_of(text: str) -> Manifest:
    """The manifest that *text* holds. Raises `BadWorkflow` naming each entry that is wrong."""
    try:
        return Manifest.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadWorkflow(f"its manifest is not valid TOML: {error}") from None
    except ValidationError as error:
        found = innermost(error.errors(include_url=False, include_input=False))
        raise BadWorkflow("; ".join(_entries(found))) from None


def _entries(found: Iterable[Any]) -> Iterable[str]:
    for each in found:
        where = ".".join(str(step) for step in each["loc"]) or "the manifest"
        yield f"{where} can't be used: {said_of(each)}"
