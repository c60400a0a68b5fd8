"""A file that appears whole or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["landing"]


@asynccontextmanager
async def landing(to: Path) -> AsyncIterator[BinaryIO]:
    """A file to write; it is at *to*, and on the disk, once the block has ended well.

    Otherwise what was at *to* before is still there, and nothing else is.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(to.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        await asyncio.to_thread(_land, part, to)
    finally:
        part.unlink(missing_ok=True)


def _land(part: Path, to: Path) -> None:
    part.replace(to)
    directory = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # or a power cut may forget the new name
    finally:
        os.close(directory)
