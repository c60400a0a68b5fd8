"""Where backups lie: a directory, or a bucket. Each backup is one file, named by its time."""

import asyncio
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot.atomic import to_the_disk
from bot.errors import Busy

if TYPE_CHECKING:
    from bot.files.bucket import Bucket

_NAMED = re.compile(r"dailies-(\d{8}T\d{6})Z\.db")
_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that lies there."""

    name: str
    size: int  #: bytes
    at: float  #: when it was made: seconds since 1970


class BackupPlace(Protocol):
    """What keeps backups. Everything raises `Busy`, with a sentence for the operator."""

    @property
    def name(self) -> str:
        """What an operator calls it."""
        ...

    async def backups(self) -> Sequence[Backup]:
        """Every backup there, the oldest first. What has another name is none."""
        ...

    def workplace(self, data: Path) -> Path:
        """The directory in which to write a file that is to be put there; made if missing."""
        ...

    async def put(self, name: str, file: Path) -> None:
        """Keep *file*, of the workplace, there by that *name*: whole or not at all."""
        ...

    async def get(self, name: str, to: Path) -> None:
        """Write the backup of that *name* to *to*. Raises `LookupError` if there is none."""
        ...

    async def delete(self, name: str) -> None:
        """Delete the backup of that *name*."""
        ...


def name_at(at: float) -> str:
    """What a backup is called that was made then, in seconds since 1970."""
    return f"dailies-{datetime.fromtimestamp(at, UTC).strftime(_TIME)}Z.db"


def time_of(name: str) -> float | None:
    """When the backup of that *name* was made; None where the name is no backup's."""
    found = _NAMED.fullmatch(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC).timestamp()
    except ValueError:  # a 13th month
        return None


def _sorted(sizes: dict[str, int]) -> list[Backup]:
    found = [
        Backup(name=name, size=size, at=at)
        for name, size in sizes.items()
        if (at := time_of(name)) is not None
    ]
    return sorted(found, key=lambda each: each.at)


class DirectoryPlace:
    """A directory of this machine, or one that is mounted here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    async def backups(self) -> Sequence[Backup]:
        try:
            sizes = {each.name: each.stat().st_size for each in self._folder.iterdir()}
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._busy(error) from error
        return _sorted(sizes)

    def workplace(self, data: Path) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._busy(error) from error
        return self._folder

    async def put(self, name: str, file: Path) -> None:
        try:
            file.rename(self._folder / name)
            await asyncio.to_thread(to_the_disk, self._folder)
        except OSError as error:
            raise self._busy(error) from error

    async def get(self, name: str, to: Path) -> None:
        try:
            await asyncio.to_thread(shutil.copyfile, self._folder / name, to)
        except FileNotFoundError as error:
            raise LookupError(name) from error
        except OSError as error:
            raise self._busy(error) from error

    async def delete(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._busy(error) from error

    def _busy(self, error: OSError) -> Busy:
        # A file in its place "exists" for whoever makes a directory, which tells nobody anything.
        why = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        return Busy(f"The backup directory {self._folder} can't be used ({why}).")


class BucketPlace:
    """A bucket that speaks S3, under its prefix."""

    def __init__(self, bucket: "Bucket") -> None:
        self._bucket = bucket
        self.name = f"s3://{bucket.name}"

    async def backups(self) -> Sequence[Backup]:
        return _sorted(await self._bucket.sizes())

    def workplace(self, data: Path) -> Path:
        return data

    async def put(self, name: str, file: Path) -> None:
        await self._bucket.put(name, file)

    async def get(self, name: str, to: Path) -> None:
        try:
            with to.open("wb") as out:
                async for piece in self._bucket.get(name):
                    await asyncio.to_thread(out.write, piece)
        except OSError as error:
            raise Busy(f"{to.parent} can't take the backup ({error.strerror}).") from error

    async def delete(self, name: str) -> None:
        await self._bucket.delete(name)
