"""What `dailies doctor` finds: a part each, how well it is, and what to do about it."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How well a part is."""

    OK = "ok"
    WARNING = "warning"  #: Dailies works, and somebody should look
    ERROR = "error"  #: something does not work


_SIGNS = {Level.OK: "✓", Level.WARNING: "!", Level.ERROR: "✗"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One line of the report."""

    part: str
    level: Level
    found: str
    fix: str = ""


class Report:
    """What is found, in order; each is shown at once unless it is to be JSON."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self.found: list[Found] = []

    def __call__(self, part: str, found: str, fix: str = "") -> None:
        """Note a part that is well, or an error where there is a *fix*."""
        self._note(part, Level.ERROR if fix else Level.OK, found, fix)

    def warn(self, part: str, found: str, fix: str) -> None:
        """Note a part that works, and that somebody should look at."""
        self._note(part, Level.WARNING, found, fix)

    def _note(self, part: str, level: Level, found: str, fix: str) -> None:
        self.found.append(Found(part=part, level=level, found=found, fix=fix))
        if not self._as_json:
            print(f"{_SIGNS[level]} {part}: {found}{f' → {fix}' if fix else ''}")

    @property
    def well(self) -> bool:
        """Whether nothing has to be mended."""
        return all(each.level is not Level.ERROR for each in self.found)

    def end(self) -> bool:
        """Show the whole of it where it is to be JSON; whether nothing has to be mended."""
        if self._as_json:
            print(json.dumps({"ok": self.well, "findings": [asdict(each) for each in self.found]}))
        return self.well
