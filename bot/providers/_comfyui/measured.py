"""What was measured of each workflow on each server, and our name there; kept over restarts."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from bot.atomic import whole

__all__ = ["Measured", "Run"]

log = logging.getLogger(__name__)

NEWEST = 0.4  #: how much the newest clip counts in what a clip usually takes
UNKNOWN = 60.0  #: seconds that a clip is taken for before there was one


@dataclass(slots=True, kw_only=True)
class Run:
    """What the clips of one workflow took on one server, the newest counting most."""

    seconds: float  #: of a whole clip
    work: float  #: pixels times frames of such a clip
    nodes: dict[str, float] = field(default_factory=dict)  #: seconds, by the node's id
    at: float = 0.0  #: Unix time of the last one
    fits: float = 0.0  #: the most pixels times frames that its memory held
    fitted: str = ""  #: that clip, in words: "5 s at 720p"


class Measured:
    """The figures, in one file that is written anew after each clip."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._runs: dict[tuple[str, str], Run] = {}
        self._clients: dict[str, str] = {}
        self._load()

    def client_id(self, server: str) -> str:
        """By which name this deployment listens to *server*. A server tells what happens to a job
        to whoever has the name that it was submitted with: it stays the same over restarts, and is
        nobody else's."""
        if server not in self._clients:
            self._clients[server] = str(uuid4())
            self._save()
        return self._clients[server]

    def run(self, server: str, workflow: str) -> Run | None:
        """What its clips took there; None before there was one."""
        return self._runs.get((server, workflow))

    def usual(self, server: str, workflow: str) -> float:
        """Seconds that a clip of *workflow* takes on *server*."""
        run = self._runs.get((server, workflow))
        return run.seconds if run is not None else UNKNOWN

    def last(self, server: str) -> str | None:
        """The workflow whose weights that server has loaded last, as far as we know."""
        there = {name: run.at for (at, name), run in self._runs.items() if at == server}
        return max(there, key=lambda name: there[name], default=None)

    def note(
        self,
        server: str,
        workflow: str,
        *,
        seconds: float,
        work: float,
        words: str,
        nodes: Mapping[str, float],
        at: float,
    ) -> None:
        """One more clip was made there, in so many *seconds*; *words* say which, its *nodes* took
        these. One that came from the cache says nothing."""
        known = self._runs.get((server, workflow))
        run = known or Run(seconds=seconds, work=work)
        run.at = at
        if seconds > 0 and known is not None:
            run.seconds += NEWEST * (seconds - run.seconds)
            run.work += NEWEST * (work - run.work)
        for node, took in nodes.items():
            before = run.nodes.get(node, took)
            run.nodes[node] = before + NEWEST * (took - before)
        if work > run.fits:
            run.fits, run.fitted = work, words
        self._runs[server, workflow] = run
        self._save()

    def _load(self) -> None:
        try:
            said = json.loads(self._file.read_text())
            self._clients = {str(name): str(client) for name, client in said["clients"].items()}
            for entry in said["runs"]:
                key = entry.pop("server"), entry.pop("workflow")
                self._runs[key] = Run(**entry)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("What was measured of ComfyUI is measured anew: %s", error)
            self._clients, self._runs = {}, {}

    def _save(self) -> None:
        runs = [
            {
                "server": server,
                "workflow": workflow,
                "seconds": run.seconds,
                "work": run.work,
                "nodes": run.nodes,
                "at": run.at,
                "fits": run.fits,
                "fitted": run.fitted,
            }
            for (server, workflow), run in self._runs.items()
        ]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with whole(self._file) as part:
                part.write_text(json.dumps({"clients": self._clients, "runs": runs}))
        except OSError as error:  # a full disk costs estimates, and no clip
            log.warning("What was measured of ComfyUI cannot be kept: %s", error)
