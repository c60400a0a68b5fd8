"""What a ComfyUI says when it will not or cannot, as a sentence for the person who asked.

Names of files and nodes are told; paths, prompts and tracebacks, which its messages are full of,
go to the operator's log alone.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bot.errors import Failure, Refusal

__all__ = ["Ended", "Kind", "Lacking", "ended", "lacking", "told", "unusable"]

MAX_RAW = 3_000
_FILE = re.compile(r"[^/\\\0-\x1f]{1,120}")
_MEMORY = re.compile(
    r"OutOfMemoryError|out of memory on your GPU|can't allocate memory|CUDA out of memory"
    r"|MemoryError|not enough memory",
    re.IGNORECASE,
)
_DISK = re.compile(r"No space left on device|\[Errno 28\]|WinError 112", re.IGNORECASE)
_INPUT = re.compile(
    r"UnidentifiedImageError|Invalid data found when processing|DecompressionBomb"
    r"|InvalidDataError|cannot identify image file",
)
_BROKEN_MODEL = re.compile(
    r"SafetensorError|HeaderTooSmall|header too (small|large)"
    r"|PytorchStreamReader|MetadataIncompleteBuffer|UnpicklingError",
    re.IGNORECASE,
)


class Kind(Enum):
    """What a server that failed at a clip needs."""

    PLAIN = "plain"
    MEMORY = "memory"
    DISK = "disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Why a job came to nothing, and of what kind that is for its server."""

    refusal: Refusal
    kind: Kind = Kind.PLAIN


def ended(job: Mapping[str, Any], *, server: str, fits: str | None, ours: bool) -> Ended:
    """Why a job that a server calls failed or cancelled has no clip.

    *fits* is what did fit into its memory, in words; *ours* says that we had it stopped.
    """
    error = job.get("execution_error")
    error = error if isinstance(error, Mapping) else {}
    kind, message = _text(error.get("exception_type")), _text(error.get("exception_message"))
    raw = told(error) or told(job.get("execution_status"))
    said = f"{kind} {message}"

    def refusal(sentence: str, failure: Failure = Failure.REFUSED) -> Refusal:
        return Refusal(sentence, failure=failure, raw=raw)

    if job.get("status") == "cancelled" or "InterruptProcessing" in kind:
        if ours:
            return Ended(refusal=refusal("The clip was canceled."))
        sentence = f"Somebody stopped this clip on {server} itself. Order it again if you want it."
        return Ended(refusal=refusal(sentence))
    if _MEMORY.search(said):
        more = f"; {fits} fits." if fits else ". Try a shorter or smaller clip."
        sentence = f"This is too long or too large for the memory of {server}{more}"
        return Ended(refusal=refusal(sentence), kind=Kind.MEMORY)
    if _DISK.search(said):
        sentence = f"The disk of {server} is full. Its operator has to make room there."
        return Ended(refusal=refusal(sentence, Failure.DOWN), kind=Kind.DISK)
    node = _file(_text(error.get("node_type")))
    if _BROKEN_MODEL.search(said):
        sentence = (
            f"A model file on {server} is broken or half copied. Its operator has to check it."
        )
        return Ended(refusal=refusal(sentence))
    if _INPUT.search(said) and node.startswith(("Load", "VHS_Load")):
        sentence = f"{server} couldn't read one of the files. Try another format."
        return Ended(refusal=refusal(sentence, Failure.INPUT))
    at = f" in its step {node}" if node else ""
    sentence = f"The workflow failed on {server}{at}. The operator's log says why."
    return Ended(refusal=refusal(sentence))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Why a server does not take a graph. *elsewhere*: another server may."""

    what: str  #: words that follow "gpu1 ": "lacks the file x.safetensors"
    elsewhere: bool
    uploads: bool = False  #: an input of ours is not there any more
    raw: str = ""


def lacking(data: object, raw: str) -> Lacking:
    """What a 400 to a graph, or the `node_errors` of a 200, say is wrong."""
    said = data if isinstance(data, Mapping) else {}
    error = said.get("error")
    error = error if isinstance(error, Mapping) else {}
    raw = raw[:MAX_RAW]
    extra = error.get("extra_info")
    if error.get("type") == "missing_node_type":
        node = _file(_text(extra.get("class_type")) if isinstance(extra, Mapping) else "")
        named = f"the node {node}" if node else "a node"
        return Lacking(what=f"lacks {named} that this workflow needs", elsewhere=True, raw=raw)
    found = _errors(said.get("node_errors"))
    for kind, class_type, details, info in found:
        if kind == "custom_validation_failed" and "Invalid" in details and "file" in details:
            return Lacking(
                what="has lost an input of this clip", elsewhere=True, uploads=True, raw=raw
            )
        if kind == "value_not_in_list":
            value = info.get("received_value")
            name = _file(value) if isinstance(value, str) else ""
            thing = f"the file {name}" if "." in name else f"the choice {name or 'of a value'}"
            what = f"lacks {thing} that this workflow needs ({_file(class_type)})"
            return Lacking(what=what, elsewhere=True, raw=raw)
    if found:
        _, class_type, _, info = found[0]
        given = info.get("input_name")
        where = f" ({_file(class_type)}.{_file(given)})" if isinstance(given, str) else ""
        what = f"does not take this workflow as its manifest fills it{where}"
        return Lacking(what=what, elsewhere=False, raw=raw)
    return Lacking(what="does not take this workflow", elsewhere=False, raw=raw)


def unusable(server: str, why: Lacking) -> Refusal:
    """The refusal of a clip that no server can make so."""
    return Refusal(
        f"{server} {why.what}. Its operator has to check it.",
        failure=Failure.REFUSED,
        raw=why.raw,
    )


def told(value: object) -> str:
    """What a server said, for the operator's log, its length bounded."""
    if not value:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False)[:MAX_RAW]
    except (TypeError, ValueError):
        return str(value)[:MAX_RAW]


def _errors(node_errors: object) -> list[tuple[str, str, str, Mapping[str, Any]]]:
    """Each error of each node: its type, the node's class, its details, its figures."""
    found = []
    for node in node_errors.values() if isinstance(node_errors, Mapping) else ():
        errors = node.get("errors") if isinstance(node, Mapping) else None
        for each in errors if isinstance(errors, list) else ():
            if not isinstance(each, Mapping):
                continue
            info = each.get("extra_info")
            found.append(
                (
                    _text(each.get("type")),
                    _text(node.get("class_type")),
                    _text(each.get("details")),
                    info if isinstance(info, Mapping) else {},
                )
            )
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _file(text: str) -> str:
    """The last part of what may be a path, if it can stand in a sentence."""
    last = re.split(r"[/\\]", text)[-1].strip()
    return last if _FILE.fullmatch(last) and last.isprintable() else ""
