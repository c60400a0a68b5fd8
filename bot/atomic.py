"""A file that appears whole or not at all."""

import asyncio
import glob
import itertools
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["landing", "scratch", "to_the_disk", "whole"]

_OURS = secrets.token_hex(4)  #: marks what this process is at work on
_NUMBERS = itertools.count()


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
    to_the_disk(to.parent)


def to_the_disk(directory: Path) -> None:
    """Bring the names in *directory* to the disk: a power cut may forget a new one otherwise."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def scratch(to: Path) -> Iterator[Path]:
    """The beginning of names for files on the way to *to*; none of them stays at the end.

    So does nothing that a process which was killed had begun for *to*. The names begin with that
    of *to*: whoever deletes all that belongs to a take finds them.
    """
    begun = f"{to.name}.{_OURS}-{next(_NUMBERS)}.part"
    _sweep(to, lambda name: _OURS not in name)
    try:
        yield to.with_name(begun)
    finally:
        _sweep(to, lambda name: name.startswith(begun))


@contextmanager
def whole(to: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end becomes *to*, so *to* is never half a file."""
    with scratch(to) as part:
        yield part
        if part.exists():
            part.replace(to)


_BEGUN = re.compile(r"\.[0-9a-f]{8}-\d+\.part")


def _sweep(to: Path, gone: Callable[[str], bool]) -> None:
    for path in to.parent.glob(f"{glob.escape(to.name)}.*"):
        rest = path.name.removeprefix(to.name)
        if _BEGUN.match(rest) and gone(path.name):
            path.unlink(missing_ok=True)
