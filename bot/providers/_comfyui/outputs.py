"""Finds the clip among what a job put out. Nothing that a server says becomes a path unchecked."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .fill import FOLDER
from .workflow import SAVING

__all__ = ["Output", "by_name", "clip_of"]

_ENDINGS = (".mp4", ".webm", ".mkv", ".mov")
_NAME = re.compile(r"[^/\\\0-\x1f\x7f]{1,255}")
#: Where classes that save a clip list it: core nodes, VideoHelperSuite, other packs.
_LISTS = ("images", "gifs", "videos", "video")


@dataclass(frozen=True, slots=True)
class Output:
    """A file among a server's outputs."""

    filename: str
    subfolder: str = FOLDER

    @property
    def params(self) -> dict[str, str]:
        """What `/view` is asked for it."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": "output"}


def clip_of(job: Mapping[str, Any], *, node: str | None, prompt_id: str) -> Output | None:
    """The clip that *node* (None: whichever) saved for the job *prompt_id*; None where there is
    none of ours.

    Other nodes show clips, too, such as the one that was uploaded; and a file with another name
    than we asked for is another job's.
    """
    outputs = job.get("outputs")
    if not isinstance(outputs, Mapping):
        return None
    shown = outputs.values() if node is None else [outputs.get(node)]
    for mine in shown:
        for key in _LISTS:
            files = mine.get(key) if isinstance(mine, Mapping) else None
            for file in files if isinstance(files, list) else ():
                found = _checked(file, prompt_id) if isinstance(file, Mapping) else None
                if found is not None:
                    return found
    return None


def by_name(node_type: str, prompt_id: str) -> Iterator[Output]:
    """What the clip of *prompt_id* is called, for a server that was started anew meanwhile."""
    for name in SAVING[node_type]:
        yield Output(name.replace("{id}", prompt_id))


def _checked(file: Mapping[str, Any], prompt_id: str) -> Output | None:
    name, subfolder = file.get("filename"), file.get("subfolder")
    if file.get("type") != "output" or not isinstance(name, str) or not isinstance(subfolder, str):
        return None
    ours = subfolder.replace("\\", "/").strip("/") == FOLDER and name.startswith(prompt_id)
    fits = _NAME.fullmatch(name) and ".." not in name and name.lower().endswith(_ENDINGS)
    return Output(name) if ours and fits else None
