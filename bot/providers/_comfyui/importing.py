"""Writes the manifest of a workflow that somebody exported, a comment beside each guess."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from bot.atomic import whole

from .graph import BadWorkflow, loaded
from .guess import Guess, guessed
from .workflow import read_workflow

__all__ = ["Imported", "imported"]

_ORDER = (
    *("prompt", "negative", "seed", "width", "height", "frames", "seconds", "fps"),
    *("image", "last_image", "audio", "video", "start", "end"),
)
_COMES = "  # as it comes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was written, and what its operator should know."""

    name: str
    files: tuple[Path, Path]
    found: tuple[str, ...]  #: a line for each thing that people may choose
    unsure: tuple[str, ...]  #: sentences about what was not found


def imported(file: Path, folder: Path, *, name: str | None = None, force: bool = False) -> Imported:
    """Put the workflow in *file* into *folder*, with a manifest of what was found in it.

    Raises `BadWorkflow` where it is none, or where one of that name is there (unless *force*).
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise BadWorkflow(f"{file} can't be read") from None
    graph = loaded(text)
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-.") or "workflow"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", name):
        raise BadWorkflow(
            f"{name[:60]!r} is no name for it: use letters, digits, dots, dashes, underscores"
        )
    files = folder / f"{name}.json", folder / f"{name}.toml"
    for each in files:
        if each.exists() and not force:
            raise BadWorkflow(f"{each} already exists. Choose a --name, or --force")
    guess = guessed(graph)
    manifest = _manifest(guess, title=_title(name))
    nodes = json.dumps(graph.nodes, ensure_ascii=False, indent=1)
    today = datetime.now(UTC).date()
    if "prompt" in guess.inputs or guess.modes != ["text"]:  # else it is to be written down first
        _check(name, nodes, manifest, today)
    folder.mkdir(parents=True, exist_ok=True)
    for each, content in zip(files, (nodes, manifest), strict=True):
        with whole(each) as part:
            part.write_text(f"{content.rstrip()}\n", encoding="utf-8")
    found = tuple(
        f"{each}: {_knobs(guess, each)} ({guess.why[each]})"
        for each in _ORDER
        if each in guess.inputs
    )
    return Imported(name=name, files=files, found=found, unsure=tuple(guess.unsure))


def _check(name: str, nodes: str, manifest: str, today: date) -> None:
    """What we wrote must be what we read."""
    read_workflow(name, nodes, manifest, usd_per_second=Decimal(0), dated=today)


def _title(name: str) -> str:
    words = re.sub(r"[_.-]+", " ", name).strip()
    return re.sub(r"\bltx", "LTX", words, flags=re.IGNORECASE) or name


def _manifest(guess: Guess, *, title: str) -> str:
    lines = [
        "# Written by `dailies workflows import`. Each line is a guess: read them, then type",
        "# `dailies workflows check`.",
        *(f"# ? {sentence}" for sentence in guess.unsure),
        "",
        f"title = {_quoted(title)}",
        f"mode = {_one_or_many(guess.modes)}  # what can be made of its inputs",
        f"output = {_quoted(guess.output)}  # the node that saves the clip",
    ]
    if guess.sizes:
        sizes = ", ".join(_quoted(each) for each in guess.sizes)
        lines.append(f"sizes = [{sizes}]  # those that fit into your memory, the usual first")
    if guess.fps is not None:
        lines.append(f"fps = [{guess.fps}]{_COMES}")
    if guess.seconds is not None:
        lines += [
            f"seconds = [2, {max(10, guess.seconds)}]  # from, to: what fits into your memory",
            f"default_seconds = {guess.seconds}{_COMES}",
        ]
    if guess.loras_after is not None:
        node, slot = guess.loras_after
        lines.append(f"loras_after = [{_quoted(node)}, {slot}]  # people's LoRAs go behind this")
    lines += [
        "#min_vram_gb = 24  # cards with less are passed over",
        "#price = { per_second = 0.02 }  # US dollars (default: COMFYUI_USD_PER_SECOND)",
        "",
        "[inputs]",
    ]
    for name in _ORDER:
        if name in guess.inputs:
            lines.append(f"{name} = {_knobs(guess, name)}  # {guess.why[name]}")
    for name, literals in guess.absent.items():
        lines += ["", f"[absent.{name}]  # where none is given"]
        lines += [
            f"{_quoted(knob)} = {str(value).lower()}  # leaves the blank out that stands there"
            for knob, value in literals.items()
        ]
    if guess.fixed:
        lines += ["", "[fixed]"]
        lines += [
            f"{_quoted(knob)} = {str(value).lower()}  # {guess.why[knob]}"
            for knob, value in guess.fixed.items()
        ]
    return "\n".join(lines)


def _knobs(guess: Guess, name: str) -> str:
    return _one_or_many([f"{node}.{given}" for node, given in guess.inputs[name]])


def _one_or_many(words: list[str]) -> str:
    if len(words) == 1:
        return _quoted(words[0])
    return f"[{', '.join(_quoted(each) for each in words)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
