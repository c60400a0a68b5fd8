"""Which processes a test has left behind."""

import os
from pathlib import Path


def own_children() -> set[int]:
    """The processes that this one started, zombies among them."""
    mine = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == os.getpid():
            mine.add(int(stat.parent.name))
    return mine
