"""Makes of a workflow and a brief the graph that is sent, and says which files it starts from."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.catalog.complete import frames_made
from bot.catalog.model import pixels
from storage import Brief, Input, Mode

from .workflow import Workflow

__all__ = ["FOLDER", "filled", "given_to", "prefix", "seconds_of", "write_blank"]

FOLDER = "dailies"  #: where our files are, among a server's inputs and outputs
#: What stands for an image that is not given: a workflow that loads one needs a file, whatever it
#: does with it. A gray square of 64 pixels, as PNG.
BLANK = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000040000000400802000000250be6890000004d4944415478daed"
    "cf410d000008042035f94537850f37684027a9cfa69e13101010101010101010101010101010101010101010"
    "101010101010101010101010101010101010101010101010b8b7a22c02009b75f3a50000000049454e44ae42"
    "6082"
)


def prefix(prompt_id: str) -> str:
    """What the names of a clip's files begin with. It is each job's own: ComfyUI does an identical
    graph from its cache, and names the old file."""
    return f"{FOLDER}/{prompt_id}"


def given_to(workflow: Workflow, brief: Brief) -> dict[str, Input | None]:
    """The inputs that the graph needs, by field; None stands for one that is not given."""
    found: dict[str, Input | None] = {}
    for name in ("image", "last_image", "audio", "video"):
        if getattr(workflow.manifest.inputs, name) is not None:
            found[name] = getattr(brief, name)
    return found


def seconds_of(brief: Brief) -> float | None:
    """How long a clip the graph is asked for."""
    if brief.mode is Mode.AUDIO:
        return brief.audio.seconds if brief.audio is not None else None
    if brief.mode is Mode.RETAKE:
        return brief.video.seconds if brief.video is not None else None
    return brief.duration


def filled(
    workflow: Workflow,
    brief: Brief,
    *,
    prompt_id: str,
    files: Mapping[str, str],
    loras: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    """The graph of *brief*. *files* are the names of its inputs on the server, *loras* the file
    names of its LoRAs there and how strongly each is applied."""
    graph, said = workflow.graph.copy(), workflow.manifest
    values = _values(workflow, brief, files)
    for name, value in said.fixed.items():
        graph.set(name, value)
    for absent, literals in said.absent.items():
        if getattr(brief, absent) is None:
            for name, value in literals.items():
                graph.set(name, value)
    for choice, knobs in said.inputs:
        if knobs is None or values.get(choice) is None:
            continue
        for number, knob in enumerate(knobs):
            # A second pass with the noise of the first would show it.
            graph.set(knob, values[choice] + number if choice == "seed" else values[choice])
    if said.loras_after is not None and loras:
        node, slot = said.loras_after
        graph.add_loras((graph.node(node), slot), loras)
    graph.set(f"{workflow.output}.filename_prefix", prefix(prompt_id))
    return graph.nodes


def _values(workflow: Workflow, brief: Brief, files: Mapping[str, str]) -> dict[str, Any]:
    """What is set, by the manifest's names."""
    values: dict[str, Any] = {
        "prompt": brief.prompt,
        "negative": workflow.manifest.negative,
        "seed": brief.seed,
        "fps": brief.fps,
        "start": brief.start,
        "end": None if brief.duration is None else (brief.start or 0.0) + brief.duration,
        **files,
    }
    width, height = _pixels(brief)
    values |= {"width": width, "height": height}
    if (seconds := seconds_of(brief)) is not None:
        fps = brief.fps or (brief.video.fps if brief.video is not None else None) or 24
        values["seconds"] = _whole(workflow, seconds)
        values["frames"] = (
            frames_made(seconds, fps, block=workflow.block)
            if workflow.block is not None
            else max(1, round(seconds * fps))
        )
    return values


def _whole(workflow: Workflow, seconds: float) -> float:
    """*seconds*, in whole ones where the graph takes no others: rather longer than shorter."""
    for knob in workflow.manifest.inputs.seconds or ():
        node, name = workflow.graph.knob(knob)
        in_parts = isinstance(workflow.graph.inputs_of(node)[name], float)
        if not in_parts and "Float" not in workflow.graph.type_of(node):
            return math.ceil(seconds - 0.05)
    return seconds


def _pixels(brief: Brief) -> tuple[int | None, int | None]:
    if brief.mode in (Mode.EXTEND, Mode.RETAKE) and brief.video is not None:
        return brief.video.width, brief.video.height  # it stays as large as it is
    if brief.size is not None:
        width, _, height = brief.size.partition("x")
        return int(width), int(height)
    if brief.resolution is None:
        return None, None
    return pixels(brief.resolution, brief.aspect or "16:9")


def write_blank(to: Path) -> None:
    """Write the picture that stands for none to *to*."""
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(BLANK)
