"""Where tests write: in memory, since each commit of each test would wait for the disk.

What a power cut leaves is not left to the disk anyway: `tests/fire/power.py` says it.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 4 << 30  #: bytes that must be free there


def write_to_memory() -> None:
    """Make temporary folders in memory, in processes to come, too; unless TMPDIR says where."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # it is read from there anew
