"""What a server's websocket tells of one job, and how far it is by that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .graph import Graph

__all__ = ["Far", "Watch"]

FRESH = 30.0  #: seconds for which what was heard says how far a job is
#: What people call the work of a node, by what its class is called.
_DOING = (
    (("KSampler", "SamplerCustom", "Sampler"), "sampling"),
    (("VAEDecode", "VAEAudioDecode", "LTXVAudioVAEDecode"), "decoding"),
    (("SaveVideo", "SaveWEBM", "VHS_VideoCombine", "CreateVideo"), "saving"),
    (("TextEncode", "TextGenerate", "TextEncoder"), "reading the prompt"),
    (("Upsampler", "Upscale"), "enlarging"),
    (("Loader", "Load"), "loading models"),
)
#: Work that is told in steps while nobody knows yet how long each node takes.
_STEPS = 2
_NEARLY = 0.95  #: of a node that takes longer than usual: it is not done before it says so


@dataclass(slots=True)
class _Node:
    """One node of the graph, as far as it was seen at work."""

    began: float
    value: float = 0.0
    most: float = 1.0
    ended: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """How far a job is. What is not known is None."""

    says: str = ""
    fraction: float | None = None
    left: float | None = None  #: seconds, by what earlier clips took


@dataclass(slots=True)
class Watch:
    """One job, from its socket's frames. Times are seconds of one steady clock."""

    nodes: dict[str, _Node] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)
    heard: float | None = None  #: when it was last heard of
    whole: bool = False  #: whether it was followed from its beginning
    furthest: float = 0.0  #: the most that was said to be done
    told_stuck: bool = False  #: whether the operator knows that nothing moves

    def hear(self, type: str, data: Mapping[str, Any], now: float) -> None:
        """Take one frame about this job. What has another form than the server's is passed over."""
        self.heard = now
        match type:
            case "execution_start":
                self.nodes.clear()
                self.cached.clear()
                self.whole = True
            case "execution_cached":
                named = data.get("nodes")
                if isinstance(named, list):
                    self.cached |= {each for each in named if isinstance(each, str)}
            case "progress_state":
                nodes = data.get("nodes")
                for name, node in nodes.items() if isinstance(nodes, Mapping) else ():
                    if isinstance(node, Mapping):
                        self._node(str(name), node, now)
            case "executing" if data.get("node") is None:
                self._finish(now)
            case "execution_error" if "ExecutionBlocked" in str(data.get("exception_type")):
                return  # of one branch: the job goes on
            case "execution_success" | "execution_error" | "execution_interrupted":
                self._finish(now)

    def took(self) -> dict[str, float]:
        """Seconds that each node took which was seen from its begin to its end."""
        return {
            name: node.ended - node.began
            for name, node in self.nodes.items()
            if node.ended is not None and name not in self.cached
        }

    def far(self, graph: Graph, weights: Mapping[str, float], scale: float, now: float) -> Far:
        """How far it is. *weights* are seconds that its nodes took in earlier clips, *scale* how
        much more work this one is."""
        at = [name for name, node in self.nodes.items() if node.ended is None][-1:]
        says = self._doing(graph, at[0]) if at else ""
        usual = weights.get(at[0], 0.0) * scale if at else 0.0
        if self.heard is None or now - self.heard > max(FRESH, 1.5 * usual + FRESH):
            return Far()
        if not weights:
            return Far(says=says)
        total = sum(weights.values())
        done = sum(
            seconds * self._share(name, seconds * scale, now) for name, seconds in weights.items()
        )
        if total <= 0:
            return Far(says=says)
        # A first step that loads a model takes longer than its share: nothing is taken back.
        self.furthest = max(self.furthest, min(done / total, 0.99))
        return Far(says=says, fraction=self.furthest, left=max(1.0, (total - done) * scale))

    def _share(self, id: str, usual: float, now: float) -> float:
        """How much of a node's work is done; *usual* are the seconds that it takes."""
        if id in self.cached:
            return 1.0
        node = self.nodes.get(id)
        if node is None:
            return 0.0
        if node.ended is not None:
            return 1.0
        if node.most >= _STEPS:
            return min(node.value / node.most, 1.0)
        return min((now - node.began) / usual, _NEARLY) if usual > 0 else 0.0

    def _node(self, id: str, said: Mapping[str, Any], now: float) -> None:
        node = self.nodes.setdefault(id, _Node(began=now))
        value, most = _figure(said.get("value")), _figure(said.get("max"))
        if value is not None and most is not None and most > 0:
            node.value, node.most = max(0.0, value), most
        if said.get("state") in ("finished", "error") and node.ended is None:
            node.ended = now

    def _finish(self, now: float) -> None:
        for node in self.nodes.values():
            if node.ended is None:
                node.ended = now

    def _doing(self, graph: Graph, id: str) -> str:
        node, kind = self.nodes[id], graph.type_of(id)
        doing = next(
            (words for names, words in _DOING if any(name in kind for name in names)), "working"
        )
        if node.most >= _STEPS:
            return f"{doing} {int(node.value)} of {int(node.most)}"
        return doing


def _figure(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fits else None
