"""Reads a workflow in ComfyUI's API format, and changes its inputs.

A graph is `{node id: {"class_type": str, "inputs": {name: value or [node id, slot]}}}`. Names of
inputs may hold dots ("values.a"), ids may hold colons ("405:376", a node within a subgraph).
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeGuard

__all__ = ["BadWorkflow", "Graph", "is_link", "loaded"]

MAX_NODES = 2_000

HOW_TO_EXPORT = (
    "it is saved for ComfyUI's editor. Export it with Workflow › Export (API) "
    "(older versions: switch on Dev mode, then Save (API Format))"
)


class BadWorkflow(Exception):
    """A workflow can't be used. The message is what is wrong, without a stop at its end."""


def is_link(value: object) -> TypeGuard[tuple[str, int]]:
    """Whether an input's *value* comes from another node."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )


def loaded(text: str) -> "Graph":
    """The graph that *text* holds. Raises `BadWorkflow`, for the editor's format with how to
    export it."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise BadWorkflow("it is not JSON") from None
    if isinstance(data, dict) and "nodes" in data and "links" in data:
        raise BadWorkflow(HOW_TO_EXPORT)
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict) and "class_type" not in data:
        data = data["prompt"]  # what was sent to /prompt, whole
    if not isinstance(data, dict) or not data or len(data) > MAX_NODES:
        raise BadWorkflow("it is no workflow in ComfyUI's API format")
    for name, node in data.items():
        fits = isinstance(node, dict) and isinstance(node.get("inputs"), dict)
        if not fits or not isinstance(node.get("class_type"), str):
            raise BadWorkflow(f"its entry {name[:40]!r} is no node in ComfyUI's API format")
    return Graph(data)


class Graph:
    """A workflow's nodes. Methods that change it are for a copy that is about to be sent."""

    def __init__(self, nodes: dict[str, dict[str, Any]]) -> None:
        self.nodes = nodes

    def copy(self) -> "Graph":
        """One that can be changed."""
        return Graph(deepcopy(self.nodes))

    def type_of(self, id: str) -> str:
        """The class of a node; "" where there is no such node."""
        return str(self.nodes.get(id, {}).get("class_type", ""))

    def title_of(self, id: str) -> str:
        """What its author called a node."""
        meta = self.nodes.get(id, {}).get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        return title if isinstance(title, str) else ""

    def inputs_of(self, id: str) -> dict[str, Any]:
        """The inputs of a node, by name."""
        found: dict[str, Any] = self.nodes.get(id, {}).get("inputs", {})
        return found

    def of_type(self, *types: str) -> list[str]:
        """The ids of all nodes of these classes."""
        return [name for name, node in self.nodes.items() if node["class_type"] in types]

    def users(self, id: str, slot: int | None = None) -> Iterator[tuple[str, str]]:
        """Each node and input that takes what *id* gives (at *slot*, if given)."""
        for user in self.nodes:
            for name, value in self.inputs_of(user).items():
                if is_link(value) and value[0] == id and slot in (None, value[1]):
                    yield user, name

    def before(self, id: str) -> set[str]:
        """*id* and every node that it needs."""
        found: set[str] = set()
        waiting = [id]
        while waiting:
            node = waiting.pop()
            if node in found or node not in self.nodes:
                continue
            found.add(node)
            waiting += [value[0] for value in self.inputs_of(node).values() if is_link(value)]
        return found

    def node(self, name: str) -> str:
        """The id of the node that a manifest names: an id, or `title:` and a title that is unique.

        Raises `BadWorkflow`.
        """
        if not name.startswith("title:"):
            if name not in self.nodes:
                raise BadWorkflow(f"there is no node {name[:60]!r}")
            return name
        title = name.removeprefix("title:")
        found = [each for each in self.nodes if self.title_of(each) == title]
        if len(found) != 1:
            many = "no node is" if not found else f"{len(found)} nodes are"
            raise BadWorkflow(f"{many} titled {title[:60]!r}. Name it by its id")
        return found[0]

    def knob(self, name: str) -> tuple[str, str]:
        """The node and input that `node.input` names. Raises `BadWorkflow`."""
        node, dot, given = name.partition(".")
        if not dot or not given:
            raise BadWorkflow(f"{name[:60]!r} does not name a node and its input: write node.input")
        found = self.node(node)
        if given not in self.inputs_of(found):
            raise BadWorkflow(f"node {node[:60]!r} has no input {given[:60]!r}")
        return found, given

    def set(self, name: str, value: object) -> None:
        """Give the input that *name* names a *value*; what was linked there is cut off."""
        node, given = self.knob(name)
        self.nodes[node]["inputs"][given] = _alike(self.inputs_of(node)[given], value)

    def add_loras(self, after: tuple[str, int], loras: Mapping[str, float]) -> None:
        """Put a node for each of *loras* (file name: strength) behind that output of a model."""
        node, slot = after
        users = list(self.users(node, slot))
        last: list[Any] = [node, slot]
        for number, (name, strength) in enumerate(loras.items(), 1):
            new = f"dailies-lora-{number}"
            self.nodes[new] = {
                "class_type": "LoraLoaderModelOnly",
                "inputs": {"lora_name": name, "strength_model": strength, "model": last},
            }
            last = [new, 0]
        for user, given in users:
            self.nodes[user]["inputs"][given] = list(last)


def _alike(before: object, value: object) -> object:
    """*value* as the kind of number that stood there *before*."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(before, float):
        return float(value)
    return int(value) if float(value).is_integer() else value
