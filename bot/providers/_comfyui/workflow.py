"""A workflow: a graph and its manifest, checked against each other, and the model it is."""

import errno
import itertools
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from math import log2
from pathlib import Path

from bot.catalog.formats import types
from bot.catalog.model import ANY, ASPECTS, RESOLUTIONS, Accepts, Capability, Model, Price, Shape
from storage import Brief, Mode

from .graph import BadWorkflow, Graph, loaded
from .manifest import Manifest, manifest_of

__all__ = ["SAVING", "Workflow", "loaded_from", "lora_name", "named_size", "read_workflow"]

log = logging.getLogger(__name__)

#: Classes that save a clip, and what the names of their files end with, by ComfyUI's
#: `nodes_video.py` and VideoHelperSuite. "{id}" is the prefix.
SAVING: Mapping[str, tuple[str, ...]] = {
    "SaveVideo": ("{id}_00001_.mp4", "{id}_00001_.webm", "{id}_00001_.mkv"),
    "SaveWEBM": ("{id}_00001_.webm",),
    "VHS_VideoCombine": ("{id}_00001-audio.mp4", "{id}_00001.mp4"),
}
#: Nodes that make the empty clip which a model fills, in whole blocks.
_EMPTY = ("EmptyLTXVLatentVideo",)
_UPSAMPLING = ("LTXVLatentUpsampler",)
_LATENT = 32  #: pixels of a latent's side; sides are floored to it, and to twice that in two passes
BLOCK = 8  #: frames of a latent's length
_SEEDS = range(2**31)
_LORAS = (".safetensors", ".sft")  #: what is no program, however it is opened
_MIB = 1024 * 1024
_ALIKE = 0.12  #: how far, as a power of two, a size may be from the shape that it is called by
_MAX_UPLOAD = 100 * _MIB  #: what a ComfyUI takes that nobody told otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """What one pair of files offers."""

    name: str
    manifest: Manifest
    graph: Graph
    model: Model
    output: str  #: the id of the node that saves the clip

    @property
    def block(self) -> int | None:
        """The frames of which its clips have a multiple, and one more; None where it is not LTX."""
        return BLOCK if self.graph.of_type(*_EMPTY) else None

    def allows(self, lora: str) -> bool:
        """Whether people may choose this LoRA, by what they type for it."""
        return self.manifest.loras_allowed is None or fnmatchcase(lora, self.manifest.loras_allowed)

    def offering(self, model: Model) -> "Workflow":
        """The same workflow as another *model*: a deployment changes prices and shapes."""
        return replace(self, model=model)

    def with_loras(self, names: Iterable[str]) -> Model:
        """Its model, while *names* are the LoRA files that its servers have."""
        if self.manifest.loras_after is None:
            return self.model
        files = (each for each in names if each.lower().endswith(_LORAS))
        known = tuple(sorted({typed for each in files if self.allows(typed := lora_name(each))}))
        return replace(
            self.model,
            capabilities=tuple(replace(each, lora_names=known) for each in self.model.capabilities),
        )


def lora_name(file: str) -> str:
    """What people type for a LoRA file: with / whatever the server's system has, and without blanks
    and other characters that the option takes for something else."""
    return re.sub(r"[^\w.+()\[\]/-]", "_", file.replace("\\", "/"))


def loaded_from(
    folder: Path, *, usd_per_second: Decimal
) -> tuple[dict[str, Workflow], dict[str, str]]:
    """The workflows in *folder* by name, and by file name what is wrong with the others."""
    found: dict[str, Workflow] = {}
    wrong: dict[str, str] = {}
    if not folder.is_dir():
        return found, wrong
    manifests = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    graphs = {path.stem: path for path in sorted(folder.glob("*.json"))}
    for name in sorted({*manifests, *graphs}):
        try:
            if name not in manifests:
                raise BadWorkflow(f"it has no {name}.toml. `dailies workflows import` writes one")
            if name not in graphs:
                raise BadWorkflow(f"it has no {name}.json, the workflow itself")
            found[name] = read_workflow(
                name,
                graphs[name].read_text(encoding="utf-8-sig"),
                manifests[name].read_text(encoding="utf-8-sig"),
                usd_per_second=usd_per_second,
                dated=datetime.fromtimestamp(manifests[name].stat().st_mtime, UTC).date(),
            )
        except BadWorkflow as error:
            wrong[name] = str(error)
        except UnicodeDecodeError:
            wrong[name] = "it can't be read: it is not UTF-8 text"
        except OSError as error:
            wrong[name] = f"it can't be read: {os.strerror(error.errno or errno.EIO).lower()}"
    return found, wrong


def read_workflow(
    name: str, graph: str, manifest: str, *, usd_per_second: Decimal, dated: date
) -> Workflow:
    """The workflow of two files' texts, its price as of *dated*. Raises `BadWorkflow`."""
    if len(name) > 60 or not name.isprintable():
        raise BadWorkflow("its name is too long, or odd")
    nodes, said = loaded(graph), manifest_of(manifest)
    output = nodes.node(said.output)
    if nodes.type_of(output) not in SAVING:
        raise BadWorkflow(
            f"its output is a {nodes.type_of(output)}, which saves no clip. "
            f"It must be one of {', '.join(SAVING)}"
        )
    _check_knobs(nodes, said)
    price = _price(said, usd_per_second, dated)
    capabilities = tuple(_capability(Mode(mode), said, nodes, price) for mode in said.mode)
    model = Model(name=name, title=said.title, note=said.note, capabilities=capabilities)
    return Workflow(name=name, manifest=said, graph=nodes, model=model, output=output)


def named_size(width: int, height: int) -> tuple[str, str]:
    """What people call a size: its resolution and aspect. Raises `BadWorkflow`."""
    ratio = width / height
    aspect = min(ASPECTS, key=lambda name: abs(log2(ratio / float(ASPECTS[name]))))
    if abs(log2(ratio / float(ASPECTS[aspect]))) > _ALIKE:
        shapes = ", ".join(ASPECTS)
        raise BadWorkflow(f"the size {width} × {height} has none of the shapes {shapes}")
    short = min(width, height)
    return min(RESOLUTIONS, key=lambda name: abs(log2(short / RESOLUTIONS[name]))), aspect


def _check_knobs(graph: Graph, said: Manifest) -> None:
    """Every node and input that the manifest names exists, and what a mode needs is named."""
    given = said.inputs
    names = itertools.chain.from_iterable(knobs for _, knobs in given if knobs is not None)
    for knob in itertools.chain(names, said.fixed, *said.absent.values()):
        graph.knob(knob)
    if said.loras_after is not None:
        node = graph.node(said.loras_after[0])
        if not any(graph.users(node, said.loras_after[1])):
            raise BadWorkflow(f"nothing takes what loras_after names: {said.loras_after[0]!r}")
    if (given.width is None) is not (given.height is None):
        raise BadWorkflow("inputs must name both width and height, or neither")
    if given.seconds is not None and given.frames is not None:
        raise BadWorkflow("inputs must name seconds or frames, not both")
    needs = {"image": "image", "audio": "audio", "extend": "video", "retake": "video"}
    for mode in said.mode:
        name = needs.get(mode)
        if name is not None and getattr(given, name) is None:
            raise BadWorkflow(f"the mode {mode} needs inputs.{name}")
        lasts = given.seconds is not None or given.frames is not None
        if mode == "extend" and not lasts:
            raise BadWorkflow("the mode extend needs inputs.seconds or inputs.frames")
    if "text" in said.mode and given.prompt is None:
        raise BadWorkflow("the mode text needs inputs.prompt")
    if given.frames is not None and not said.fps:
        raise BadWorkflow("frames are reckoned from seconds: say fps, such as fps = [24]")
    if (given.seconds is not None or given.frames is not None) and not said.seconds:
        raise BadWorkflow("say how long its clips may be, such as seconds = [2, 10]")
    if given.width is not None and not said.sizes:
        raise BadWorkflow('say how large its clips may be, such as sizes = ["1280x704"]')
    if given.fps is None and len(said.fps) > 1:
        raise BadWorkflow("it has several rates in fps, and inputs.fps names no place to set them")
    if given.width is None and len(said.sizes) > 1:
        raise BadWorkflow("it has several sizes, and inputs names no width and height")


def _capability(mode: Mode, said: Manifest, graph: Graph, price: Price) -> Capability:
    given, of_sound = said.inputs, mode is Mode.AUDIO
    whole = mode in (Mode.EXTEND, Mode.RETAKE)
    sizes = {} if whole else _sizes(said, graph)
    resolutions = tuple(dict.fromkeys(name for name, _ in sizes))
    lasts = given.seconds is not None or given.frames is not None
    durations = _durations(said) if lasts and not of_sound and mode is not Mode.RETAKE else ()
    fps = () if whole else said.fps
    shapes = tuple(
        Shape(
            resolutions=(resolution,),
            aspects=tuple(aspect for name, aspect in sizes if name == resolution),
            fps=fps,
            durations=durations,
        )
        for resolution in resolutions
    ) or (Shape(fps=fps, durations=durations),)
    first = next(iter(sizes), (None, None))
    default = Brief(
        resolution=first[0],
        aspect=first[1],
        fps=said.fps[0] if fps else None,
        duration=_default_length(said, durations),
        direction="end" if mode is Mode.EXTEND else None,
        replace="both" if mode is Mode.RETAKE else None,
    )
    return Capability(
        mode=mode,
        shapes=shapes,
        default=default,
        price=price,
        prompt_max=said.prompt_max,
        prompt_required=mode is Mode.TEXT,
        seeds=_SEEDS if given.seed is not None else None,
        loras=said.loras if said.loras_after is not None else 0,
        lora_names=() if said.loras_after is not None else None,
        last_image=given.last_image is not None and mode is Mode.IMAGE,
        directions=("end",) if mode is Mode.EXTEND else (),
        replace=("both",) if mode is Mode.RETAKE else (),
        inputs=_accepts(mode, said),
        sizes=sizes,
        block=BLOCK if graph.of_type(*_EMPTY) else None,
        parts=given.start is not None and given.end is not None,
    )


def _sizes(said: Manifest, graph: Graph) -> dict[tuple[str, str], tuple[int, int]]:
    """The pixels that come out, by what people call them."""
    step = said.multiple
    if step is None and graph.of_type(*_EMPTY):
        step = 2 * _LATENT if graph.of_type(*_UPSAMPLING) else _LATENT
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for size in said.sizes:
        width, height = (int(side) for side in size.split("x"))
        real = tuple(max(side // (step or 1), 1) * (step or 1) for side in (width, height))
        name = named_size(*real)
        if name in found:
            raise BadWorkflow(
                f"two of its sizes are called {' '.join(name)}: "
                f"{found[name][0]}x{found[name][1]} and {size}"
            )
        found[name] = real[0], real[1]
    return found


def _durations(said: Manifest) -> tuple[int, ...]:
    if len(said.seconds) == 2 and said.seconds[0] < said.seconds[1]:
        return tuple(range(said.seconds[0], said.seconds[1] + 1))
    return tuple(sorted(set(said.seconds)))


def _default_length(said: Manifest, durations: Sequence[int]) -> int | None:
    if not durations:
        return None
    wanted = said.default_seconds or 5
    return min(durations, key=lambda each: abs(each - wanted))


def _price(said: Manifest, usd_per_second: Decimal, dated: date) -> Price:
    base = said.price.base if said.price is not None else Decimal(0)
    rate = said.price.per_second if said.price is not None else usd_per_second
    return Price(
        base={ANY: base},
        per_second={ANY: rate},
        dated=dated,
        source="it runs on your machines",
    )


def _accepts(mode: Mode, said: Manifest) -> dict[str, Accepts]:
    """The inputs that people may give in this mode."""
    wanted = {
        Mode.IMAGE: ("image", "last_image"),
        Mode.AUDIO: ("audio", "image"),
        Mode.EXTEND: ("video",),
        Mode.RETAKE: ("video",),
    }.get(mode, ())
    found = {}
    for name in wanted:
        if getattr(said.inputs, name) is None:
            continue
        kind = "image" if name == "last_image" else name
        seconds = {"audio": (1.0, float(max(said.seconds, default=60))), "video": (0.5, 120.0)}
        least, most = seconds.get(kind, (None, None))
        found[name] = Accepts(
            types=types(kind),
            max_bytes=_MAX_UPLOAD,
            max_pixels=64_000_000 if kind == "image" else None,
            min_seconds=least,
            max_seconds=most,
        )
    return found
